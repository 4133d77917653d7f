"""What is learnt: one model a file, listed here."""

from models.churn import CHURN
from models.expected_revenue import ExpectedRevenue
from models.model import Model
from models.recommend import Recommend
from models.repeat_order import REPEAT_ORDER
from models.revenue_forecast import RevenueForecastModel
from models.send_time import SendTime
from models.subscription_events import EXPANSION, SUBSCRIPTION_CHURN
from models.upsell import UPSELL
from models.win import Win

MODELS: tuple[Model, ...] = (
    CHURN,
    UPSELL,
    REPEAT_ORDER,
    ExpectedRevenue(),
    Recommend(),
    RevenueForecastModel(),
    SUBSCRIPTION_CHURN,
    EXPANSION,
    SendTime(),
    Win(),
)
"""Every model. What takes long comes first: two processes that share the work are then done at about the same time."""
