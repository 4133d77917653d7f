"""Training of a discrete-time hazard model: the probability of an event within 30, 90 and 180 days, on one curve.

Episodes that are not over are right-censored, so that the latest months are used too.
``docs/methods.md`` gives the method and its assumptions.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from models.estimators.calibration import calibration_in_the_large
from models.estimators.explanations import typical_values
from models.evaluation.bootstrap import metric_intervals
from models.evaluation.report import probability_figures
from models.evaluation.time_splits import TimeSplit
from models.model import Abstention, Challenger
from models.survival.baseline_hazards import BandedHazards
from models.survival.censoring import (
    HORIZON_DAYS,
    TEST_PERIODS,
    censor,
    event_within,
    split_episodes,
    starting_on,
)
from models.survival.evaluation import best_for, evaluate_curves
from models.survival.hazard_spec import HORIZONS, HazardSpec
from models.survival.hazard_trees import HAZARD_TREE_PARAMS, HazardTrees
from models.survival.person_periods import person_period_rows
from models.survival.recalibration import (
    CrossFit,
    OutOfFold,
    cross_fit,
    fit_hazard_calibration,
    fit_hazard_trees,
    fit_interval,
    recalibrate_in_the_large,
)


def train(
    spec: HazardSpec, episodes: pd.DataFrame, as_of: date, seed: int, params: Mapping[str, Any] | None = None
) -> Challenger | Abstention:
    """A challenger trained on all episodes (keys, ``as_of``, features, ``periods``, ``event``), and evaluated on its
    test dates by trees that were trained before them. Abstains if the episodes are too few.

    ``params`` override those of the trees.
    """
    tuned = dict(params or {})
    split = split_episodes(spec.model, spec.outcome, episodes)
    if isinstance(split, Abstention):
        return split
    before, test = censor(episodes, split.test[0]), starting_on(episodes, split.test)
    outcomes = event_within(test, TEST_PERIODS)

    fitted = cross_fit(spec, before, seed, tuned)
    tested = recalibrate_in_the_large(spec, fitted, test)
    predictions = tested.predict(test)
    probabilities = predictions.within(HORIZON_DAYS)
    baseline = best_for(spec, predictions, before, test)
    intervals = metric_intervals(probabilities, outcomes, seed, clusters=test[spec.account].to_numpy())

    final, out_of_sample = _refit(spec, episodes, split, fitted, seed, tuned)
    widening = calibration_in_the_large(probabilities, outcomes)
    return Challenger(
        model=spec.model,
        flavor="lightgbm",
        estimator=final.booster,
        state={
            "horizon_days": HORIZON_DAYS,
            "encoding": final.encoding.state(),
            "calibration": final.calibration.state(),
            "intervals": {str(n): fit_interval(out_of_sample, n, widening).state() for n in HORIZONS.values()},
            "baseline": BandedHazards.fit(baseline[0], episodes).state(),
            "offset_baseline": None if final.baseline is None else final.baseline.state(),
            "typical_values": typical_values(episodes, spec.features),
        },
        evaluation=replace(evaluate_curves(predictions, test, baseline), intervals=intervals),
        features_hash=spec.features_hash,
        example=person_period_rows(final.encoding, episodes.head(5).assign(periods=1))[0],
        params=_logged_params(episodes, split, seed, tuned),
        figures=probability_figures(
            f"{spec.model}: predicted as of {' and '.join(map(str, split.test))},\nwithin {HORIZON_DAYS} days",
            probabilities,
            outcomes,
            tested.booster,
            person_period_rows(tested.encoding, test.assign(periods=1))[0],
            spec.feature_labels,
        ),
        trained_as_of=as_of,
        rows=len(episodes),
        tuned_params=tuned,
    )


def _refit(
    spec: HazardSpec, episodes: pd.DataFrame, split: TimeSplit, fitted: CrossFit, seed: int, params: dict[str, Any]
) -> tuple[HazardTrees, list[OutOfFold]]:
    """Trees fitted on all episodes, and the predictions out of sample that their intervals come from.

    The calibration is fitted again, on the test episodes too, and recalibrated at the level of the test rows: the final
    trees have memorized as much of the rows that they will score.
    """
    test = starting_on(episodes, split.test)
    recalibrated = fitted.with_calibration(fit_hazard_calibration([OutOfFold(fitted.trees, test), *fitted.folds]))
    leveled = recalibrate_in_the_large(spec, recalibrated, test)
    final = fit_hazard_trees(spec, episodes, seed, params, leveled.calibration)
    return final, [OutOfFold(leveled, test), *(fold.on(split.calibration) for fold in recalibrated.folds)]


def _logged_params(episodes: pd.DataFrame, split: TimeSplit, seed: int, tuned: dict[str, Any]) -> dict[str, Any]:
    return {
        **HAZARD_TREE_PARAMS,
        **tuned,
        "seed": seed,
        "period_days": PERIOD_DAYS,
        "periods": N_PERIODS,
        "dates": episodes["as_of"].nunique(),
        "test_dates": ", ".join(map(str, split.test)),
    }
