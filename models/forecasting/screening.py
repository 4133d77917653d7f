"""Exclusion of methods by cost: on large tables expensive ones must first show their gain on a sample of series."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.forecasting.backtest import Backtest, backtest, drop_empty_methods
from models.forecasting.ensemble_weights import MIN_ERROR, equal_weights_error
from models.forecasting.method import Method
from models.forecasting.panel import Panel

N_SAMPLE = 80
MIN_GAIN = 0.01
"""The share of the ensemble's error that an expensive method must save to be run on every series of a large table."""
LARGE = 300
"""Series above which expensive methods are screened."""


def screened_backtest(methods: Sequence[Method], panel: Panel, cutoffs: tuple[int, ...], seed: int) -> Backtest:
    """The backtest of all methods, but for those without any forecast and, of large tables, not worth their cost."""
    expensive = [method for method in methods if method.expensive and len(panel.series) > LARGE and cutoffs]
    if not expensive:
        return drop_empty_methods(backtest(methods, panel, cutoffs))
    cheap = backtest([method for method in methods if method not in expensive], panel, cutoffs)
    kept, excluded = screen_expensive(expensive, cheap, panel, seed)
    both = _in_order(cheap, backtest(kept, panel, cutoffs), [method.name for method in methods])
    return drop_empty_methods(replace(both, excluded={**excluded, **both.excluded}))


def screen_expensive(
    methods: Sequence[Method], cheap: Backtest, panel: Panel, seed: int
) -> tuple[list[Method], dict[str, str]]:
    """The methods that are worth their cost, and why each other is excluded.

    Each is added to the equally weighted cheap methods at the earliest cutoff of a random sample of series; it is kept
    if that saves ``MIN_GAIN`` of their error.
    """
    evaluated = np.flatnonzero(~np.isnan(cheap.actuals[:, 0]).any(axis=1))
    size = min(N_SAMPLE, len(evaluated))
    sample = np.sort(np.random.default_rng(seed).choice(evaluated, size, replace=False))
    sampled = panel.subset(sample)
    scale = cheap.scale[sample, 0]
    with_forecasts = ~np.isnan(cheap.forecasts[:, :, 0]).all(axis=(1, 2))
    forecasts = cheap.forecasts[with_forecasts][:, sample, 0] / scale
    actuals = cheap.actuals[sample, 0] / scale
    error = equal_weights_error(forecasts, actuals)
    kept: list[Method] = []
    excluded = {}
    for method in methods:
        values = method.forecast(sampled, cheap.cutoffs[:1]).values[:, 0] / scale
        if np.isnan(values).all():
            excluded[method.name] = f"tried on {size} series: no series is long enough"
            continue
        extended = np.concatenate([forecasts, values[None]])
        gain = 1 - equal_weights_error(extended, actuals) / max(error, MIN_ERROR)
        if gain > MIN_GAIN:
            kept, forecasts, error = [*kept, method], extended, error * (1 - gain)
            continue
        excluded[method.name] = (
            f"tried on {size} series: it saves {100 * gain:.1f} % of the ensemble's error,"
            f" {100 * MIN_GAIN:.0f} % are required"
        )
    return kept, excluded


def _in_order(first: Backtest, second: Backtest, order: Sequence[str]) -> Backtest:
    """Two backtests of the same panel as one, methods in the given order."""
    methods = [*first.methods, *second.methods]
    ordered = sorted(range(len(methods)), key=lambda i: order.index(methods[i]))
    forecasts = np.concatenate([first.forecasts, second.forecasts])[ordered]
    return replace(
        first,
        methods=tuple(methods[i] for i in ordered),
        forecasts=forecasts,
        excluded={**first.excluded, **second.excluded},
    )
