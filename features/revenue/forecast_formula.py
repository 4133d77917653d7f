"""The number: how what single contracts and deals bring, what comes beside them, and the outlook make one forecast.

One formula for the forecast, its bridge and its scenarios. ``outlook`` is what the series alone foresee (top-down);
``atoms`` what contracts and deals bring, ``repeats`` and ``fresh`` what past rates foresee beside them (bottom-up).
Both views are weighed, and what is not laid to a contract or a deal is never less than nothing.
"""

import numpy as np

from data.arrays import Floats

OF_THE_NUMBER = ("revenue", "subscription_churn", "expansion", "win")
"""Models whose scores the number is made of."""
BEFORE = "_before"
"""Frames so named are those of the versions that made an earlier number: what is new then is not the model."""


def beside(outlook: Floats, atoms: Floats, repeats: Floats, fresh: Floats, weight: float) -> Floats:
    """What comes beside contracts and deals: repeat orders and deals that are not there yet; all arrays of one shape.

    ``weight`` is that of the outlook; the rest is that of the parts.
    """
    told: Floats = np.maximum(weight * (outlook - atoms) + (1 - weight) * (repeats + fresh), 0.0)
    return told


def share_of_repeats(repeats: Floats, fresh: Floats) -> Floats:
    """How much of what comes beside is repeat orders; all of it where past rates know of neither."""
    whole = repeats + fresh
    share: Floats = np.divide(repeats, whole, out=np.ones_like(whole), where=whole > 0)
    return share
