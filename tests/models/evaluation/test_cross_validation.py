"""Folds, learning curve and tuning of models trained on past dates, where the best parameter is planted."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.arrays import Floats
from models.evaluation.cross_validation import FittedModel, Range, Study, evaluate_fold, learning_curve
from models.evaluation.time_splits import rolling_origin_splits
from models.model import Abstention
from models.training.tuning import Budget, TuningResult, tune

LAST = date(2025, 1, 1)
HORIZON = 90
BEST = 3.0


def dates(count: int) -> list[date]:
    return [LAST - timedelta(days=30 * back) for back in range(count)][::-1]


def study(count: int = 12, cases: int = 40, seen: list[Any] | None = None) -> Study:
    """Guessing a number that is 3 in all rows but the test rows, where it is 9. The parameter ``guess`` is the guess.

    ``seen`` collects the dates of all rows that anything is asked of.
    """
    days = dates(count)
    rows = pd.DataFrame(
        [
            {"case": f"C{case}", "as_of": day, "value": 9.0 if day == days[-1] else BEST}
            for day in days
            for case in range(cases)
        ]
    )

    def fit(train: pd.DataFrame, params: Mapping[str, Any]) -> FittedModel:
        if seen is not None:
            seen.extend(train["as_of"].unique())

        def predict(test: pd.DataFrame) -> Floats:
            if seen is not None:
                seen.extend(test["as_of"].unique())
            return np.full(len(test), float(params.get("guess", 8.0)) + 1.0 / len(train))

        return FittedModel(predict, {"guess": 1.0})

    return Study(
        key="case",
        rows=rows,
        horizon_days=HORIZON,
        test_dates=(days[-1],),
        metric="squared error",
        fit=fit,
        losses=lambda predicted, test: (predicted - test["value"].to_numpy()) ** 2,
        metrics=lambda predicted, test: {"rows": float(len(test))},
        predict_baseline=lambda train, test: np.zeros(len(test)),
        space={"guess": Range(0.0, 10.0)},
        feature_labels={},
    )


def test_rolling_parts_learn_only_from_windows_that_had_closed() -> None:
    parts = rolling_origin_splits(dates(8), HORIZON, max_splits=3)
    assert [test_date for _, test_date in parts] == dates(8)[-3:]
    for learn, test_date in parts:
        assert max(learn) + timedelta(days=HORIZON) <= test_date
        assert len(learn) >= 1
    assert rolling_origin_splits(dates(3), HORIZON, max_splits=3) == []


def test_a_fold_keeps_its_rows_and_a_loss_for_each() -> None:
    made, _ = evaluate_fold(study(cases=5), tuple(dates(12)[:2]), dates(12)[6], {"guess": 2.0})
    assert (made.name, made.rows, made.test_dates) == (str(dates(12)[6]), 10, (dates(12)[6],))
    assert made.losses == pytest.approx(((2.1 - BEST) ** 2,) * 5)
    assert made.metrics == {"squared error": pytest.approx((2.1 - BEST) ** 2), "rows": 5.0}


def test_the_learning_curve_adds_whole_cases() -> None:
    axes = learning_curve(study(), {}, seed=7).axes[0]
    counts, curve = axes.lines[0].get_xdata(), axes.lines[0].get_ydata()
    assert list(counts) == [5 * 9, 10 * 9, 20 * 9, 40 * 9]
    assert curve == pytest.approx([(8 + 1 / count - 9) ** 2 for count in counts])


def test_tuning_finds_the_planted_value_and_never_looks_at_the_test_rows() -> None:
    seen: list[Any] = []
    found = tune(study(seen=seen), Budget(trials=40), seed=7)
    assert isinstance(found, TuningResult)
    assert found.params["guess"] == pytest.approx(BEST, abs=0.5)
    assert max(seen) + timedelta(days=HORIZON) <= LAST
    assert len(found.trials) == 41
    assert found.trials[0].params == {}
    assert "lowers the mean loss" in found.summary


def test_the_same_seed_and_trials_find_the_same() -> None:
    assert tune(study(), Budget(trials=6), seed=7) == tune(study(), Budget(trials=6), seed=7)


def test_where_nothing_is_better_the_parameters_stay_as_they_are() -> None:
    contented = study()
    found = tune(
        Study(
            **{
                **contented.__dict__,
                "fit": lambda train, params: FittedModel(lambda test: np.full(len(test), BEST + len(params)), {}),
            }
        ),
        Budget(trials=3),
        seed=7,
    )
    assert isinstance(found, TuningResult)
    assert found.params == {}
    assert "nothing better" in found.summary


def test_a_past_too_short_to_choose_by_is_not_tuned() -> None:
    found = tune(study(count=5), Budget(trials=1), seed=7)
    assert isinstance(found, Abstention)
    assert "270 days" in found.reason


def test_minutes_end_a_tuning() -> None:
    found = tune(study(), Budget(minutes=1e-9), seed=7)
    assert isinstance(found, TuningResult)
    assert len(found.trials) <= 2


@pytest.mark.parametrize("budget", [{}, {"trials": 0}, {"minutes": 0.0}])
def test_a_budget_without_end_or_beginning_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(**budget)
