"""What is learnt: one model a file, listed here."""

from models.churn import Churn
from models.model import Model
from models.upsell import Upsell
from models.value import Value
from models.win import Win

MODELS: tuple[Model, ...] = (
    Churn(),
    Upsell(),
    Value(),
    Win(),
)
"""Every model, in the order in which results are told."""
