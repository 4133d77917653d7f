"""Shifts of inputs and scores are always listed, and drift only when large."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES
from reports.monitoring.drift import input_drift, max_stability, population_stability, score_drift

TODAY = date(2026, 7, 1)
RNG = np.random.default_rng(3)


def test_the_stability_index_is_zero_for_equal_samples_and_known_for_two_halves() -> None:
    same = pd.Series(np.arange(1000.0))
    assert population_stability(same, same) == pytest.approx(0)
    old, new = pd.Series(["a"] * 5000 + ["b"] * 5000), pd.Series(["a"] * 8000 + ["b"] * 2000)
    # (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5)
    assert population_stability(new, old) == pytest.approx(0.4159, abs=0.01)


def test_missing_values_are_a_bin_of_their_own() -> None:
    old = pd.Series(np.arange(1000.0))
    new = old.where(old.index % 2 == 0)
    assert population_stability(new, old) > 1


@pytest.mark.parametrize(("new", "old"), [(60, 60), (200, 900), (2000, 2000)])
def test_chance_is_no_shift_and_one_standard_deviation_is(new: int, old: int) -> None:
    by_chance = [
        population_stability(pd.Series(RNG.normal(size=new)), pd.Series(RNG.normal(size=old))) for _ in range(200)
    ]
    assert max(by_chance) < max_stability(new, old)
    moved = [
        population_stability(pd.Series(RNG.normal(1.2, size=new)), pd.Series(RNG.normal(size=old))) for _ in range(20)
    ]
    assert np.median(moved) > max_stability(new, old)


def features(rows: int, as_of: date) -> dict[str, pd.DataFrame]:
    def table(numbers: tuple, categories: tuple) -> pd.DataFrame:  # type: ignore[type-arg]
        columns = {feature.name: RNG.normal(size=rows) for feature in numbers}
        columns |= {category.name: RNG.choice(["x", "y"], rows) for category in categories}
        return pd.DataFrame(columns).assign(as_of=as_of)

    return {
        "accounts": table(ACCOUNT_FEATURES, ACCOUNT_CATEGORIES),
        "opportunities": table(OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES),
    }


def test_an_input_that_went_missing_is_drift_and_one_that_shifted_is_listed() -> None:
    before, now = features(400, TODAY - timedelta(days=91)), features(400, TODAY)
    lost, moved = ACCOUNT_FEATURES[0].name, ACCOUNT_FEATURES[1].name
    now["accounts"].loc[:200, lost] = np.nan
    now["accounts"][moved] += 3
    found = input_drift(now, before).set_index("name")
    assert found.index[found["drifted"]].tolist() == [f"accounts.{lost}"]
    assert found.loc[f"accounts.{lost}", "missing_rate"] == pytest.approx(201 / 400, abs=1e-4)
    assert found.loc[f"accounts.{moved}", "psi"] > 1
    others = found.drop(index=[f"accounts.{lost}", f"accounts.{moved}"])
    assert others["psi"].max() < 0.25
    assert len(found) == sum(
        map(len, (ACCOUNT_FEATURES, ACCOUNT_CATEGORIES, OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES))
    )


def test_too_few_rows_have_no_drift() -> None:
    assert input_drift(features(49, TODAY), features(400, TODAY)).empty


def scores_of(values: np.ndarray, as_of: date, model: str = "churn v1") -> pd.DataFrame:
    return pd.DataFrame({"score": "churn", "key": [f"A{n}" for n in range(len(values))], "value": values,
                         "model": model, "as_of": as_of})  # fmt: skip


def test_scores_that_shifted_are_drift_and_name_their_versions() -> None:
    values = RNG.beta(2, 8, 600)
    old = scores_of(values, TODAY - timedelta(days=7))
    (quiet,) = score_drift(scores_of(values + 0.002, TODAY), old, TODAY).to_dict("records")
    assert not quiet["drifted"]
    assert quiet["reference"] == "the night of 2026-06-24"
    (moved,) = score_drift(scores_of(values * 2, TODAY, "churn v2"), old, TODAY).to_dict("records")
    assert moved["drifted"]
    assert moved["reference"] == "the night of 2026-06-24, by churn v1; this run by churn v2"
    assert score_drift(scores_of(values * 2, TODAY), scores_of(values, TODAY - timedelta(days=60)), TODAY).empty
    assert score_drift(scores_of(values, TODAY), old.iloc[:0], TODAY).empty
