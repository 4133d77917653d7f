"""What is learnt: one model a file, listed here."""

from models.churn import Churn
from models.contracts import Contract
from models.model import Model
from models.recommend import Recommend
from models.repeat import Repeat
from models.revenue import Revenue
from models.send_time import SendTime
from models.upsell import Upsell
from models.value import Value
from models.win import Win

MODELS: tuple[Model, ...] = (
    Churn(),
    Contract("ends"),
    Contract("expands"),
    Upsell(),
    Repeat(),
    Value(),
    Win(),
    Revenue(),
    Recommend(),
    SendTime(),
)
"""Every model, in the order in which results are told."""
