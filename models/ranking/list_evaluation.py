"""Evaluation of recommendations on a past date: NDCG of the accounts' lists against the segment's favorites."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models.evaluation.bootstrap import mean_interval
from models.evaluation.metrics import calibration_error, log_losses
from models.model import Abstention, Evaluation, Fold
from models.ranking.ranking_metrics import SEGMENT_BASELINE, RankedLists, ranking_metrics
from models.ranking.training_set import TrainingSet

LIST_LENGTH = {"account": 5, "contact": 3}
"""Products of each kind (repeat, explore) on the list of an account, and of a contact."""


def evaluate_lists(training_set: TrainingSet, day: date, pairs: pd.DataFrame) -> Evaluation | Abstention:
    """The evaluation of ``pairs`` of a date (with ``predicted``): one loss, 1 − NDCG, per account with any purchase.

    Accounts without a purchase that could have been offered are left out; a purchase that was no candidate counts as
    missed. Contacts are evaluated in the metrics only.
    """
    of_contact = pairs["is_contact"] > 0
    accounts, contacts = training_set.parts["account", day], training_set.parts["contact", day]
    k = LIST_LENGTH["account"]
    accuracy = RankedLists.top(pairs[~of_contact], "predicted", k).accuracy(accounts.purchases)
    baseline = RankedLists.top(pairs[~of_contact], "segment_popularity", k).accuracy(accounts.purchases)
    if len(accuracy) < 2:
        return Abstention("recommend", f"{len(accuracy)} accounts bought anything within the test window; 2 are needed")
    outcomes = pairs["bought"].to_numpy(dtype=np.float64)
    predicted = pairs["predicted"].to_numpy(dtype=np.float64)
    popularity = pairs["segment_popularity"].to_numpy(dtype=np.float64)
    n_sold = accounts.candidates.n_products_sold
    contact_metrics = ranking_metrics(
        pairs[of_contact], contacts.purchases, contacts.candidates.n_products_sold, LIST_LENGTH["contact"]
    )
    metrics = {
        **ranking_metrics(pairs[~of_contact], accounts.purchases, n_sold, k),
        **{f"contacts: {name}": value for name, value in contact_metrics.items()},
        "log loss": float(log_losses(predicted, outcomes).mean()),
        "baseline log loss": float(log_losses(popularity, outcomes).mean()),
        "calibration error": calibration_error(predicted, outcomes),
        "test accounts": float(len(accuracy)),
    }
    return Evaluation(
        metric=f"NDCG@{k}",
        value=float(accuracy["ndcg"].mean()),
        baseline=SEGMENT_BASELINE,
        baseline_value=float(baseline["ndcg"].mean()),
        losses=tuple((1.0 - accuracy["ndcg"]).tolist()),
        baseline_losses=tuple((1.0 - baseline["ndcg"]).tolist()),
        metrics={name: value for name, value in metrics.items() if not np.isnan(value)},
    )


@dataclass(frozen=True)
class RawScores:
    """Uncalibrated out-of-time scores of the calibration dates: ``scores`` are aligned with their pairs, ``n_train`` is
    the number of pairs that were fitted on."""

    dates: tuple[date, ...]
    scores: np.ndarray[tuple[int], np.dtype[np.float64]]
    n_train: int


def calibration_folds(training_set: TrainingSet, raw: RawScores, metric: str, seed: int) -> tuple[Fold, ...]:
    """One fold per calibration date with any purchase of an account, evaluated by raw scores."""
    k, folds, start = LIST_LENGTH["account"], [], 0
    for day in raw.dates:
        pairs = training_set.pairs((day,))
        predicted = pairs.assign(predicted=raw.scores[start : start + len(pairs)])
        start += len(pairs)
        lists = RankedLists.top(predicted[predicted["is_contact"] == 0], "predicted", k)
        accuracy = lists.accuracy(training_set.parts["account", day].purchases)
        if len(accuracy):
            losses = tuple((1.0 - accuracy["ndcg"]).tolist())
            metrics = {f"recall@{k}": float(accuracy["recall"].mean())} | metric_with_interval(metric, losses, seed)
            folds.append(Fold(f"{day} (not calibrated)", (day,), raw.n_train, metrics, losses))
    return tuple(folds)


def metric_with_interval(metric: str, losses: tuple[float, ...], seed: int) -> dict[str, float]:
    """The metric whose losses are its differences to 1, with the bounds of its 95 % interval."""
    low, high = mean_interval(losses, seed) or (float("nan"), float("nan"))
    return {metric: 1.0 - float(np.mean(losses)), f"{metric} low": 1.0 - high, f"{metric} high": 1.0 - low}
