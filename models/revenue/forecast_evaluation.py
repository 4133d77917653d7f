"""The evaluation of a revenue forecaster, from its errors at past origins."""

from dataclasses import replace

import numpy as np
import pandas as pd

from data.arrays import Bools
from features.company import Company
from models.forecasting.method import BASELINE
from models.forecasting.nested_evaluation import BacktestErrors, interval_coverage, level_weights
from models.model import Evaluation, Fold
from models.revenue.top_down import FREQUENCY, GRAINS


def evaluate_errors(tables: list[BacktestErrors], metrics: dict[str, float]) -> Evaluation:
    """The evaluation of the main hierarchy by month and by week, with ``metrics`` added to its own.

    One loss per series, origin and step, levels weighted equally; NaN where the evaluated version was trained on it.
    """
    losses, baseline_losses = [np.zeros(0)], [np.zeros(0)]
    total: dict[str, float] = {}
    for grain, table in zip(GRAINS, tables, strict=False):
        evaluated = ~np.isnan(table.baseline_errors)
        weights = level_weights([_level(name) for name in table.unique_ids], evaluated)
        losses.append((table.errors * weights)[evaluated])
        baseline_losses.append((table.baseline_errors * weights)[evaluated])
        revenue = float(np.nansum(np.abs(table.total_actuals)))
        if revenue:
            total[f"total WAPE by {grain}"] = float(np.nansum(table.total_errors)) / revenue
            total[f"baseline total WAPE by {grain}"] = float(np.nansum(table.baseline_total_errors)) / revenue
    loss, baseline_loss = np.concatenate(losses), np.concatenate(baseline_losses)
    return Evaluation(
        metric="scaled error",
        value=float(np.nanmean(loss)) if not np.isnan(loss).all() else float("nan"),
        baseline=BASELINE,
        baseline_value=float(baseline_loss.mean()) if len(baseline_loss) else float("nan"),
        losses=tuple(loss.tolist()),
        baseline_losses=tuple(baseline_loss.tolist()),
        metrics={**total, **interval_coverage(tables), **metrics},
    )


def as_baseline(table: BacktestErrors) -> BacktestErrors:
    """The errors of a version that ships the baseline."""
    return replace(table, errors=table.baseline_errors, total_errors=table.baseline_total_errors)


def without_training_periods(table: BacktestErrors, seen: Bools) -> BacktestErrors:
    """The errors, NaN in the periods (origins × steps) that the version was trained on."""
    errors, total_errors = np.where(seen[None], np.nan, table.errors), np.where(seen, np.nan, table.total_errors)
    return replace(table, errors=errors, total_errors=total_errors)


def backtest_folds(tables: list[BacktestErrors], n_months: int, company: Company) -> tuple[Fold, ...]:
    """One fold per grain and origin of the backtest, with the errors of what would have shipped then."""
    folds = []
    for grain, table in zip(GRAINS, tables, strict=False):
        now = pd.Timestamp(company.as_of).to_period(FREQUENCY[grain])
        for row, cutoff in enumerate(table.cutoffs):
            errors = table.errors[:, row][~np.isnan(table.errors[:, row])]
            if len(errors):
                start = (now - cutoff).start_time.date()
                metrics = {"scaled error": float(errors.mean())}
                folds.append(Fold(f"{grain}s from {start}", (start,), n_months, metrics, tuple(errors.tolist())))
    return tuple(folds)


def _level(unique_id: str) -> str:
    """The level of a series of the forecaster; leaves are one level."""
    return "total" if unique_id == "total" else unique_id.partition("=")[0] if "=" in unique_id else "leaf"
