"""The evaluation of expected revenue on the test rows: Tweedie deviance, totals, interval coverage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from models.customer_value.tweedie_trees import (
    LapsedShrinkage,
    OutOfTime,
    actual_revenue,
    is_lapsed,
    tweedie_losses,
)
from models.estimators.prediction_intervals import RatioIntervals
from models.model import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRIC = "Tweedie deviance"


def evaluate_revenue(test: pd.DataFrame, expected: Floats, baseline: Floats, seen: Bools | None = None) -> Evaluation:
    """Expected revenue against the trailing mean on the test rows; losses are NaN for ``seen`` rows."""
    actual, lapsed = actual_revenue(test), is_lapsed(test)
    losses, baseline_losses = tweedie_losses(expected, actual), tweedie_losses(baseline, actual)
    unseen_losses = losses if seen is None else np.where(seen, np.nan, losses)
    return Evaluation(
        metric=METRIC,
        value=float(losses.mean()),
        baseline="trailing mean",
        baseline_value=float(baseline_losses.mean()),
        losses=tuple(unseen_losses.tolist()),
        baseline_losses=tuple(baseline_losses.tolist()),
        metrics={
            "mean absolute error": float(np.abs(expected - actual).mean()),
            "baseline mean absolute error": float(np.abs(baseline - actual).mean()),
            "total expected over actual": float(expected.sum() / actual.sum()),
            "baseline total expected over actual": float(baseline.sum() / actual.sum()),
            "expected of lapsed accounts": float(expected[lapsed].sum()),
            "actual of lapsed accounts": float(actual[lapsed].sum()),
            "test rows": float(len(test)),
        },
    )


def fit_intervals(out_of_time: Sequence[OutOfTime], shrinkage: LapsedShrinkage) -> RatioIntervals:
    """Intervals of actual over expected revenue out of time, lapsed accounts corrected."""
    rows = pd.concat([predictions.rows for predictions in out_of_time], ignore_index=True)
    expected = shrinkage.apply(np.concatenate([predictions.expected for predictions in out_of_time]), rows)
    return RatioIntervals.fit(expected, actual_revenue(rows), is_lapsed(rows))


def revenue_interval_coverage(test: pd.DataFrame, expected: Floats, earlier: Sequence[OutOfTime]) -> dict[str, float]:
    """The share of test rows inside 80 % intervals that were fitted on earlier rows; empty without earlier rows."""
    if not earlier:
        return {}
    actual = actual_revenue(test)
    low, high = fit_intervals(earlier, LapsedShrinkage.fit(earlier)).interval(expected, is_lapsed(test))
    return {"interval coverage": float(np.mean((low <= actual) & (actual <= high)))}


def plot_expected_and_actual(expected: Floats, actual: Floats, currency: str) -> "Figure":
    """Mean actual against mean expected revenue, by tenth of accounts in order of expected revenue."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    tenths = np.array_split(np.argsort(expected, kind="stable"), min(10, len(expected)))
    mean_expected = [float(expected[rows].mean()) for rows in tenths]
    mean_actual = [float(actual[rows].mean()) for rows in tenths]
    top = max(*mean_expected, *mean_actual)
    axes.plot([0, top], [0, top], color="#bbb", linewidth=1, zorder=0)
    axes.plot(mean_expected, mean_actual, "o", color="#264")
    axes.set(
        xlabel=f"expected revenue, {currency}",
        ylabel=f"actual revenue, {currency}",
        title="Tenths of accounts, out of time",
    )
    return figure
