"""Predictions and published scores of a champion hazard model."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from data.arrays import Floats, Ints
from models.estimators.calibration import Calibration
from models.estimators.explanations import Explainer, as_json, tree_contributions
from models.estimators.gradient_boosting import Encoding
from models.evaluation.metrics import MIN_PROBABILITY
from models.model import Champion
from models.survival.baseline_hazards import BandedHazards
from models.survival.censoring import HORIZON_DAYS, PERIOD_ENDS, TEST_PERIODS
from models.survival.curves import SurvivalCurve
from models.survival.hazard_spec import HORIZONS, HazardSpec
from models.survival.hazard_trees import HazardTrees
from models.survival.person_periods import DUE, PERIOD, period_of_due_date, with_period_columns


def predict(spec: HazardSpec, champion: Champion, rows: pd.DataFrame) -> SurvivalCurve:
    """The cumulative incidence of each row, by the model or the baseline, whichever the champion ships.

    Raises ``ValueError`` when the champion was trained on other features than today's.
    """
    champion.check(spec.features_hash)
    if _uses_baseline(champion, rows):
        return BandedHazards.from_state(champion.state["baseline"]).predict(rows)
    encoding = Encoding.from_state(champion.state["encoding"])
    calibration = Calibration.from_state(champion.state["calibration"])
    return HazardTrees(champion.estimator, encoding, calibration, _offset_baseline(champion)).predict(rows)


def score(spec: HazardSpec, champion: Champion, rows: pd.DataFrame, currency: str) -> pd.DataFrame:
    """One row per case: its keys, the probability ``value`` within 90 days, ``within_30`` and ``within_180``, each
    with 80 % bounds, ``reasons``, ``horizon_days``, ``abstained`` (never)."""
    curve = predict(spec, champion, rows)
    columns: dict[str, Any] = {key: rows[key].to_numpy() for key in spec.keys}
    for name, periods in HORIZONS.items():
        probability = curve.within(PERIOD_ENDS[periods - 1])
        low, high = _interval(champion, rows, probability, periods)
        low_name, high_name = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
        columns |= {name: probability.round(6), low_name: low.round(6), high_name: high.round(6)}
    return pd.DataFrame(
        {
            **columns,
            "reasons": as_json(_explain(spec, champion, rows, currency)),
            "horizon_days": HORIZON_DAYS,
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def _interval(champion: Champion, rows: pd.DataFrame, probability: Floats, periods: int) -> tuple[Floats, Floats]:
    """Bounds (80 %) of the probability within ``periods``."""
    if _uses_baseline(champion, rows):
        _, low, high = BandedHazards.from_state(champion.state["baseline"]).predict_interval(rows)
        return low.within(PERIOD_ENDS[periods - 1]), high.within(PERIOD_ENDS[periods - 1])
    return Calibration.from_state(champion.state["intervals"][str(periods)]).interval(probability)


def _explain(spec: HazardSpec, champion: Champion, rows: pd.DataFrame, currency: str) -> list[list[str]]:
    """At most three sentences per row: what moved its hazard in the period of its due date, or the last tested one."""
    if _uses_baseline(champion, rows):
        return BandedHazards.from_state(champion.state["baseline"]).explain(rows, spec.outcome)
    encoding = Encoding.from_state(champion.state["encoding"])
    in_period = rows.assign(**period_of_due_date(encoding, rows, TEST_PERIODS))
    offset, slope = _offset_contributions(champion, rows, in_period[PERIOD.name].to_numpy(dtype=np.int64))
    contributions = tree_contributions(
        champion.estimator,
        with_period_columns(encoding),
        in_period,
        slope,
        counted_as={} if encoding.due_column is None else {DUE.name: encoding.due_column},
        offsets=offset,
    )
    features = (*spec.features, *spec.categories)
    explainer = Explainer(features, champion.state["typical_values"], spec.phrasing(currency))
    return explainer.explain(contributions, in_period)


def _offset_contributions(champion: Champion, rows: pd.DataFrame, periods: Ints) -> tuple[dict[str, Floats], float]:
    """By feature, how far the offset of each row in one period (1, 2, …) lies from that of all, in log-odds; and the
    slope that the trees' own contributions are multiplied by."""
    baseline = _offset_baseline(champion)
    if baseline is None or baseline.bands.column is None:
        return {}, 1.0
    typical = float(logit(np.clip(baseline.hazard, MIN_PROBABILITY, 1 - MIN_PROBABILITY)))
    contribution = baseline.log_odds(rows)[np.arange(len(rows)), periods - 1] - typical
    return {baseline.bands.column: contribution}, float(champion.state["calibration"]["slope"])


def _offset_baseline(champion: Champion) -> BandedHazards | None:
    """The baseline whose log-odds a champion's trees start from."""
    state = champion.state["offset_baseline"]
    return None if state is None else BandedHazards.from_state(state)


def _uses_baseline(champion: Champion, rows: pd.DataFrame) -> bool:
    return champion.ships == "baseline" or rows.empty
