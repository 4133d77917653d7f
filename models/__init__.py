"""What is learnt: one model a file, listed here."""

from models.churn import Churn
from models.model import Model
from models.recommend import Recommend
from models.revenue import Revenue
from models.send_time import SendTime
from models.upsell import Upsell
from models.value import Value
from models.win import Win

MODELS: tuple[Model, ...] = (
    Churn(),
    Upsell(),
    Value(),
    Win(),
    Revenue(),
    Recommend(),
    SendTime(),
)
"""Every model, in the order in which results are told."""
