"""Training and scores of hazard models: planted curves are recovered, from what was known at the time."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from features.feature import Feature, features_hash, form
from models.estimators.calibration import UNCALIBRATED
from models.model import Abstention, Challenger, Champion
from models.survival.hazard_model import train
from models.survival.hazard_spec import HORIZONS
from models.survival.person_periods import CALENDAR, PERIOD
from models.survival.recalibration import fit_hazard_trees
from models.survival.scoring import predict, score
from tests.models.survival.planted_episodes import (
    AS_OF,
    SPEC,
    TERM_BANDS,
    episodes_with_term,
    planted_episodes,
    seasonal_episodes,
)

TERM = Feature("x", "term", "days until the term ends", "days")


@pytest.fixture(scope="module")
def challenger() -> Challenger:
    challenger = train(SPEC, planted_episodes(300), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    return challenger


def champion(challenger: Challenger, ships: Literal["model", "baseline"] = "model") -> Champion:
    return replace(challenger.as_champion("1"), ships=ships)


def test_the_planted_curve_is_recovered_at_every_horizon(challenger: Challenger) -> None:
    later = planted_episodes(2_000, seed=9, dates=1)
    curve = predict(SPEC, champion(challenger), later)
    for periods in HORIZONS.values():
        probability = curve.within(30 * periods)
        truth = 1 - (1 - later["hazard"].to_numpy()) ** periods
        assert np.mean(probability) == pytest.approx(truth.mean(), rel=0.15)
        assert np.corrcoef(probability, truth)[0, 1] > 0.9
    assert challenger.evaluation.ships == "model"


def test_probabilities_grow_with_the_horizon_and_lie_within_their_bounds(challenger: Challenger) -> None:
    rows = score(SPEC, champion(challenger), planted_episodes(200, seed=4, dates=1), "EUR")
    assert (rows["within_30"] <= rows["value"]).all()
    assert (rows["value"] <= rows["within_180"]).all()
    for low, value, high in (
        ("within_30_low", "within_30", "within_30_high"),
        ("low", "value", "high"),
        ("within_180_low", "within_180", "within_180_high"),
    ):
        assert ((rows[low] <= rows[value]) & (rows[value] <= rows[high])).all()


def test_outcomes_after_the_test_date_do_not_reach_the_trees_that_are_tested() -> None:
    """Two pasts that differ after the test date only are tested with the same trees."""
    episodes = planted_episodes(300)
    recent = episodes["as_of"] >= AS_OF - timedelta(days=90)
    mirrored = episodes.assign(x=episodes["x"].where(~recent, -episodes["x"]))
    first, second = (train(SPEC, rows, AS_OF, seed=1) for rows in (episodes, mirrored))
    assert isinstance(first, Challenger)
    assert isinstance(second, Challenger)
    assert first.evaluation.metrics["auc"] > 0.7
    assert second.evaluation.metrics["auc"] == pytest.approx(1 - first.evaluation.metrics["auc"], abs=0.06)


def test_a_model_without_skill_ships_the_flat_hazard_and_its_reasons_say_so() -> None:
    challenger = train(SPEC, planted_episodes(150, skill=0.0), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    assert challenger.evaluation.ships == "baseline"
    rows = score(SPEC, champion(challenger, "baseline"), planted_episodes(5, seed=8, dates=1), "EUR")
    assert rows["value"].nunique() == 1
    assert "left within 30 days; no known feature predicts better" in rows["reasons"][0]


@pytest.mark.parametrize(
    "episodes",
    [planted_episodes(2), planted_episodes(200, level=-12.0), planted_episodes(200, dates=2)],
    ids=["few", "rare", "short"],
)
def test_too_few_episodes_abstain_with_what_is_needed(episodes: pd.DataFrame) -> None:
    abstention = train(SPEC, episodes, AS_OF, seed=1)
    assert isinstance(abstention, Abstention)
    assert "needs 20 past cases that left" in abstention.reason
    assert "found" in abstention.reason


@pytest.mark.parametrize("event", [False, True])
def test_a_single_kind_of_outcome_abstains(event: bool) -> None:
    abstention = train(SPEC, planted_episodes(200).assign(event=event), AS_OF, seed=1)
    assert isinstance(abstention, Abstention)
    assert "needs 20 past cases that left, and 20 that did not" in abstention.reason


def test_a_champion_of_other_features_is_refused(challenger: Challenger) -> None:
    with pytest.raises(ValueError, match="train it again"):
        predict(SPEC, replace(champion(challenger), features_hash="other"), planted_episodes(2, dates=1))


def test_a_season_is_expected_in_its_months() -> None:
    challenger = train(SPEC, seasonal_episodes(26), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    curve = predict(SPEC, champion(challenger), seasonal_episodes(1).assign(as_of=AS_OF))
    assert curve.within(90).mean() < 0.15  # June to August
    assert curve.within(180).mean() > 0.5  # and September to November


def test_less_than_a_year_teaches_no_season() -> None:
    challenger = train(SPEC, seasonal_episodes(11), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    splits = dict(zip(challenger.estimator.feature_name(), challenger.estimator.feature_importance(), strict=True))
    assert splits["calendar"] == 0


def test_empty_and_constant_columns_and_unseen_categories_change_nothing(challenger: Challenger) -> None:
    wide_spec = replace(
        SPEC,
        features=(*SPEC.features, Feature("empty", "planted", "nothing", "count", absent="it has none"),
                  Feature("same", "planted", "always one", "count")),
        categories=(Feature("kind", "planted", "its kind", "category"),),
    )  # fmt: skip

    def widened(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
        return rows.assign(empty=np.nan, same=1.0, kind=pd.Series(kind, index=rows.index, dtype="str"))

    wide = train(wide_spec, widened(planted_episodes(300), "seen"), AS_OF, seed=1)
    assert isinstance(wide, Challenger)
    assert wide.evaluation.ships == "model"
    assert wide.evaluation.metrics["auc"] == pytest.approx(challenger.evaluation.metrics["auc"], abs=0.02)
    later = planted_episodes(20, seed=9, dates=1)
    seen, unseen = (
        predict(wide_spec, champion(wide), widened(later, kind)).at_knots for kind in ("seen", "never seen")
    )
    assert np.isfinite(unseen).all()
    assert unseen == pytest.approx(seen, abs=0.05)
    scores = score(wide_spec, champion(wide), widened(later, "never seen"), "EUR")
    assert not scores["reasons"].str.contains("nothing|always one").any()


def test_events_on_due_dates_are_predicted_and_explained_by_them() -> None:
    spec = replace(SPEC, due="x", features=(TERM, SPEC.features[1]))
    challenger = train(spec, episodes_with_term(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    assert challenger.evaluation.ships == "model"
    later = episodes_with_term(500, seed=8, dates=1)
    curve = predict(spec, champion(challenger), later)
    start = later["x"].to_numpy() // 30 * 30
    assert curve.within_each(start).mean() < 0.05
    assert curve.within_each(start + 30).mean() == pytest.approx(0.3, abs=0.05)
    explanations = score(spec, champion(challenger), later, "EUR")["reasons"]
    assert explanations.str.contains("Days until the term ends").mean() > 0.9


def test_a_champion_that_ships_the_baseline_scores_with_it() -> None:
    spec = replace(SPEC, bands=TERM_BANDS, features=(TERM,))
    challenger = train(spec, episodes_with_term(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    logged = replace(champion(challenger, "baseline"), state=json.loads(json.dumps(challenger.state)))
    scores = score(spec, logged, pd.DataFrame({"case": ["a"], "x": [40.0]}), "EUR")
    assert scores["within_30"][0] < 0.02
    assert scores["value"][0] == pytest.approx(0.3, abs=0.05)
    assert scores["within_180"][0] == pytest.approx(scores["value"][0], abs=0.02)


def test_trees_start_from_the_hazards_of_bands_that_count_down() -> None:
    """Three in ten leave in the month of their term and none at other times; another number predicts nothing."""
    spec = replace(SPEC, bands=TERM_BANDS, due="x", features=(TERM, SPEC.features[1]))
    challenger = train(spec, episodes_with_term(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    later = episodes_with_term(500, seed=8, dates=1)
    curve = predict(spec, champion(challenger), later)
    start = later["x"].to_numpy() // 30 * 30
    at_term = curve.within_each(start + 30)
    assert curve.within_each(start).max() < 0.01
    assert at_term == pytest.approx(np.full(len(later), 0.3), abs=0.08)
    assert curve.within(180) == pytest.approx(at_term, abs=0.01)
    trees = fit_hazard_trees(spec, episodes_with_term(300, seed=3, dates=14), 1, {}, UNCALIBRATED)
    assert np.abs(logit(trees.raw_hazards(later))).mean() < 0.5  # nothing of the term is left to learn
    reasons = score(spec, champion(challenger), later, "EUR")["reasons"]
    within_horizon = start < 90
    assert reasons[within_horizon].str.contains("Days until the term ends").mean() > 0.9
    assert reasons[within_horizon].str.contains("raises").mean() > 0.9
    assert not reasons[~within_horizon].str.contains("raises").any()


def test_outcomes_shuffled_within_each_date_leave_nothing_to_learn() -> None:
    episodes = planted_episodes(300)
    labels = ["periods", "event"]
    shuffled = episodes.groupby("as_of", group_keys=False)[labels].apply(
        lambda part: part.sample(frac=1, random_state=3)
    )
    challenger = train(SPEC, episodes.assign(**{name: shuffled[name].to_numpy() for name in labels}), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    assert challenger.evaluation.ships == "baseline"


def test_equal_episodes_and_seed_give_equal_bytes(challenger: Challenger) -> None:
    again = train(SPEC, planted_episodes(300), AS_OF, seed=1)
    assert isinstance(again, Challenger)
    assert again.estimator.model_to_string() == challenger.estimator.model_to_string()
    assert json.dumps(again.state) == json.dumps(challenger.state)


def test_no_rows_have_no_scores_and_no_error(challenger: Challenger) -> None:
    scores = score(SPEC, champion(challenger), planted_episodes(2, dates=1).head(0), "EUR")
    assert scores.empty
    assert {"case", "value", "low", "high", "within_30", "within_180", "reasons", "abstained"} <= set(scores.columns)


def test_a_version_whose_state_has_another_form_is_not_read(challenger: Challenger) -> None:
    """A change of the state below needs another ``hazard_spec.FORM``."""
    features = (*SPEC.features, PERIOD, CALENDAR)
    assert SPEC.features_hash == features_hash((*features, form(3)))
    older = replace(champion(challenger), features_hash=features_hash((*features, form(2))))
    with pytest.raises(ValueError, match="train it again"):
        score(SPEC, older, planted_episodes(2, dates=1), "EUR")
    assert {name: sorted(part) for name, part in challenger.state.items() if isinstance(part, dict)} == {
        "encoding": ["categories", "due", "numbers"],
        "calibration": ["high_offsets", "intercept", "log_odds_grid", "low_offsets", "slope"],
        "intervals": ["1", "3", "6"],
        "baseline": ["bands", "hazard", "observed"],
        "typical_values": ["noise", "x"],
    }
