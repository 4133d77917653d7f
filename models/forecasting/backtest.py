"""Rolling-origin backtest: forecasts of every method from past cutoffs and from now, with the actuals."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.arrays import Bools, Floats, Ints
from models.forecasting.method import BASELINE, Method
from models.forecasting.panel import Panel

MIN_PERIODS_BEFORE = 8
"""Periods before a cutoff below which a series is not evaluated from it."""


@dataclass(frozen=True)
class Backtest:
    """``forecasts``: methods × series × origins × steps; origins are the past ``cutoffs`` and, last, the present.

    ``cutoffs`` are periods before the end, the earliest first. ``actuals``: series × cutoffs × steps, NaN where a
    period is not over or a series is too short. ``scale``: series × cutoffs × 1 (``Panel.scale``); errors are compared
    across series in its units. ``excluded``: methods that were left out, or failed on some series, and why.
    """

    unique_ids: tuple[str, ...]
    methods: tuple[str, ...]
    cutoffs: tuple[int, ...]
    forecasts: Floats = field(repr=False)
    actuals: Floats = field(repr=False)
    scale: Floats = field(repr=False)
    excluded: Mapping[str, str] = field(default_factory=dict)

    @property
    def baseline(self) -> Floats:
        """Series × origins × steps: forecasts of the seasonal naive method."""
        return np.asarray(self.forecasts[self.methods.index(BASELINE)])

    @property
    def scaled_forecasts(self) -> Floats:
        """Methods × series × cutoffs × steps, in units of ``scale``."""
        return np.asarray(self.forecasts[:, :, :-1] / self.scale)

    @property
    def scaled_actuals(self) -> Floats:
        """Series × cutoffs × steps, in units of ``scale``."""
        return np.asarray(self.actuals / self.scale)

    @property
    def scaled_errors(self) -> Floats:
        """Absolute errors of each method in units of ``scale``: methods × series × cutoffs × steps."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.scaled_forecasts - self.scaled_actuals))

    @property
    def is_evaluated(self) -> bool:
        """Whether any forecast from a past cutoff can be compared with an actual."""
        return not np.isnan(self.scaled_actuals).all() and not np.isnan(self.scaled_forecasts).all()

    def select(self, methods: Collection[str], excluded: Mapping[str, str] | None = None) -> "Backtest":
        """With these methods only, in the same order; ``excluded`` adds why others were left out."""
        kept = [i for i, name in enumerate(self.methods) if name in methods]
        return replace(
            self,
            methods=tuple(self.methods[i] for i in kept),
            forecasts=self.forecasts[kept],
            excluded={**self.excluded, **(excluded or {})},
        )

    def before(self, origin: int) -> "Backtest":
        """The backtest as of one of its own cutoffs, with the forecasts from there as the present ones.

        It holds earlier cutoffs, and actuals that were over by then; methods without an earlier forecast are left out.
        """
        cutoffs = tuple(cutoff - self.cutoffs[origin] for cutoff in self.cutoffs[:origin])
        earlier = replace(
            self,
            cutoffs=cutoffs,
            forecasts=self.forecasts[:, :, : origin + 1],
            actuals=np.where(steps_over(cutoffs, self.actuals.shape[2]), self.actuals[:, :origin], np.nan),
            scale=self.scale[:, :origin],
        )
        return earlier.select({BASELINE, *self.methods_with_forecasts(slice(0, origin))})

    def methods_with_forecasts(self, origins: slice = slice(None)) -> list[str]:
        """Names of the methods that have a forecast of any series from any of the origins."""
        return [
            name
            for name, forecasts in zip(self.methods, self.forecasts, strict=True)
            if not np.isnan(forecasts[:, origins]).all()
        ]


def steps_over(cutoffs: Sequence[int], h: int) -> Bools:
    """Cutoffs × steps: whether the period of a forecast is over."""
    over: Bools = np.arange(h)[None, :] < np.array(cutoffs, dtype=np.int64)[:, None]
    return over


def disjoint_steps(cutoffs: Sequence[int], h: int) -> Bools:
    """Cutoffs × cutoffs × steps: for each cutoff, the forecasts of others whose period it does not forecast itself.

    What is estimated from their errors has not seen the actuals of that cutoff.
    """
    ends = np.array(cutoffs, dtype=np.int64)
    periods = np.arange(h)[None, :] - ends[:, None]
    first, last = -ends[:, None, None], h - 1 - ends[:, None, None]
    disjoint: Bools = (periods[None] < first) | (periods[None] > last)
    return disjoint


def choose_cutoffs(lengths: Ints, h: int, season_length: int, n_windows: int) -> tuple[int, ...]:
    """At most ``n_windows`` past cutoffs (periods before the end), the earliest first, half a horizon apart.

    The upper quartile of series should hold a season and a quarter before a cutoff; where histories are short, cutoffs
    are nearer than the horizon, and evaluated on the steps that are over.
    """
    upper_quartile = int(np.quantile(lengths, 0.75))
    min_before = max(season_length + max(1, season_length // 4), 8)
    regular = [h + max(1, h // 2) * i for i in range(n_windows)]
    cutoffs = [cutoff for cutoff in regular if upper_quartile - cutoff >= max(min_before, upper_quartile // 2)]
    if not cutoffs:
        cutoffs = [cutoff for cutoff in regular[:1] if upper_quartile - cutoff >= min_before]
    if not cutoffs:
        cutoffs = [max(1, min(h, upper_quartile - min(min_before, upper_quartile - 1)))]
    nearer = [max(1, round(cutoffs[0] * share)) for share in (2 / 3, 1 / 3)]
    return tuple(sorted({*cutoffs, *nearer[: max(0, n_windows - len(cutoffs))]}, reverse=True))


def backtest(methods: Sequence[Method], panel: Panel, cutoffs: tuple[int, ...]) -> Backtest:
    """The forecasts of every method from each cutoff and from now, not below the floors of the series."""
    floors = panel.floors[:, None, None]
    forecasts = np.full((len(methods), len(panel.series), len(cutoffs) + 1, panel.h), np.nan)
    failures = {}
    for i, method in enumerate(methods):
        result = method.forecast(panel, (*cutoffs, 0))
        forecasts[i] = np.maximum(result.values, floors)
        if result.failure:
            failures[method.name] = result.failure
    scale = np.full((len(panel.series), len(cutoffs), 1), np.nan)
    for i, cutoff in enumerate(cutoffs):
        scale[:, i, 0] = panel.scale(panel.n_periods - cutoff)
    return Backtest(
        unique_ids=panel.unique_ids,
        methods=tuple(method.name for method in methods),
        cutoffs=cutoffs,
        forecasts=forecasts,
        actuals=actuals_by_cutoff(panel, cutoffs),
        scale=scale,
        excluded=failures,
    )


def actuals_by_cutoff(panel: Panel, cutoffs: tuple[int, ...]) -> Floats:
    """Series × cutoffs × steps: actuals; NaN where a period is not over, or a series had hardly begun."""
    actuals = np.full((len(panel.series), len(cutoffs), panel.h), np.nan)
    min_periods = min(MIN_PERIODS_BEFORE, panel.season_length + 4)
    for i, cutoff in enumerate(cutoffs):
        t, steps = panel.n_periods - cutoff, min(cutoff, panel.h)
        evaluated = panel.ages(t) >= min_periods
        actuals[evaluated, i, :steps] = panel.actuals[evaluated, t : t + steps]
    return actuals


def drop_empty_methods(result: Backtest) -> Backtest:
    """The backtest without the methods that have no forecast of any series; the baseline is always kept."""
    kept = {BASELINE, *result.methods_with_forecasts()}
    dropped = [name for name in result.methods if name not in kept]
    return result.select(kept, {name: result.excluded.get(name, "no series is long enough for it") for name in dropped})
