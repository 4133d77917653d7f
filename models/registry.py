"""Every model of the night, one file each."""

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
"""The slowest come first, so that the two worker processes that share them finish at about the same time."""
