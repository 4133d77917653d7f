"""The baseline that a model of probabilities must beat."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from data.arrays import Floats
from models.evaluation.metrics import log_losses

Name = TypeVar("Name")


def best_of(predictions: Mapping[Name, Floats], outcomes: Floats, *, flat: Name, level: float) -> tuple[Name, Floats]:
    """The baseline with the lowest mean log loss on the test rows, and its probabilities there.

    ``predictions`` holds the probabilities of each baseline; the ``flat`` one gives all rows one rate, and is tried at
    ``level`` as well, the mean prediction of the model: so the model wins by its discrimination, and not because the
    rate has moved since training.
    """
    rivals = dict(predictions)
    at_level = np.full(len(outcomes), level)
    if log_losses(at_level, outcomes).mean() < log_losses(rivals[flat], outcomes).mean():
        rivals[flat] = at_level
    best = min(rivals, key=lambda name: float(log_losses(rivals[name], outcomes).mean()))
    return best, rivals[best]
