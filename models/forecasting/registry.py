"""The forecasting methods by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.forecasting.global_methods import LIGHTGBM, PARENT_SEASONALITY, BoostedTrees, ParentSeasonality
from models.forecasting.local_methods import LOCAL_METHODS, LocalMethod
from models.forecasting.method import Method

if TYPE_CHECKING:
    import lightgbm as lgb

METHODS: tuple[str, ...] = (*LOCAL_METHODS, PARENT_SEASONALITY, LIGHTGBM)


def make_methods(
    names: Sequence[str], seed: int = 0, n_jobs: int = 1, booster: "lgb.Booster | None" = None
) -> list[Method]:
    """The named methods, in the given order; ``ValueError`` lists unknown names."""
    unknown = sorted(set(names) - set(METHODS))
    if unknown:
        raise ValueError(f"unknown methods: {', '.join(unknown)}; available: {', '.join(METHODS)}")
    methods: list[Method] = []
    for name in names:
        if name == PARENT_SEASONALITY:
            methods.append(ParentSeasonality())
        elif name == LIGHTGBM:
            methods.append(BoostedTrees(seed, n_jobs, booster))
        else:
            methods.append(LocalMethod(name, n_jobs))
    return methods
