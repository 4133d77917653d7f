"""What is learnt: one model a file, listed here."""

from models.churn import Churn
from models.expected_revenue import ExpectedRevenue
from models.model import Model
from models.recommend import Recommend
from models.repeat_order import RepeatOrder
from models.revenue_forecast import RevenueForecastModel
from models.send_time import SendTime
from models.subscription_events import SubscriptionEvents
from models.upsell import Upsell
from models.win import Win

MODELS: tuple[Model, ...] = (
    Churn(),
    Upsell(),
    RepeatOrder(),
    ExpectedRevenue(),
    Recommend(),
    RevenueForecastModel(),
    SubscriptionEvents("ends"),
    SubscriptionEvents("expands"),
    SendTime(),
    Win(),
)
"""Every model. What takes long comes first: two processes that share the work are then done at about the same time."""
