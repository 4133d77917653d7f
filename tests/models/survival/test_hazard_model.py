"""Hazards: lives count as far as they go, nothing later is known, and planted curves are found again."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from features.feature import Feature, features_hash, form
from features.labels.time_to_event import PERIODS
from models.churn import QUESTION as CHURN
from models.estimators.calibration import UNCALIBRATED
from models.evaluation.cross_validation import judged_fold, studied
from models.evaluation.time_splits import closed_before
from models.model import Abstention, Challenger, Champion
from models.subscription_events import SubscriptionEvents
from models.survival import hazard_model as hazard
from models.survival.baseline_hazards import Bands
from models.survival.censoring import closed, cut, split
from models.survival.hazard_curve import CALENDAR, PERIOD
from models.training.tuning import Budget, Tuned, tune
from tests.models.survival.planted_episodes import AS_OF, TERM, due_lives, lives, remembered, seasonal

QUESTION = hazard.Question(
    model="leaving",
    keys=("case",),
    account="case",
    outcome="left",
    features=(Feature("x", "planted", "the planted number", "count"), Feature("noise", "planted", "noise", "count")),
    categories=(),
    bands=Bands(),
    raises="raises the risk",
    lowers="lowers the risk",
)


@pytest.fixture(scope="module")
def learnt() -> Challenger:
    made = hazard.train(QUESTION, lives(300), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    return made


def champion(made: Challenger, ships: str = "model") -> Champion:
    return Champion("leaving", "1", ships, made.estimator, made.state, made.features_hash, AS_OF)  # type: ignore[arg-type]


def test_the_planted_curve_is_found_again_at_every_horizon(learnt: Challenger) -> None:
    later = lives(2_000, seed=9, dates=1)
    said = hazard.chances(QUESTION, champion(learnt), later)
    for ahead in hazard.HORIZONS:
        truth = 1 - (1 - later["chance"].to_numpy()) ** ahead
        assert np.mean(said[:, ahead - 1]) == pytest.approx(truth.mean(), rel=0.15)
        assert np.corrcoef(said[:, ahead - 1], truth)[0, 1] > 0.9
    assert learnt.evaluation.ships == "model"


def test_the_chance_never_falls_with_time_and_bounds_hold_it(learnt: Challenger) -> None:
    rows = hazard.score(QUESTION, champion(learnt), lives(200, seed=4, dates=1), "EUR")
    assert (rows["within_30"] <= rows["value"]).all()
    assert (rows["value"] <= rows["within_180"]).all()
    for low, value, high in (
        ("within_30_low", "within_30", "within_30_high"),
        ("low", "value", "high"),
        ("within_180_low", "within_180", "within_180_high"),
    ):
        assert ((rows[low] <= rows[value]) & (rows[value] <= rows[high])).all()


def test_a_life_is_cut_at_the_day_before_which_is_learnt() -> None:
    rows = pd.DataFrame(
        {
            "as_of": [AS_OF - timedelta(days=120)] * 3,
            "periods": [2, 3, 4],
            "event": [True, True, False],
        }
    )
    seen = cut(rows, AS_OF - timedelta(days=60))
    assert seen["periods"].tolist() == [2, 2, 2]
    assert seen["event"].tolist() == [True, False, False]
    assert cut(rows, AS_OF - timedelta(days=91)).empty  # no whole period was over


def test_what_happened_within_the_judged_window_is_not_learnt_before_it() -> None:
    """The same past with other ends after the judged date is judged by the same trees: only outcomes differ."""
    rows = lives(300)
    judged = AS_OF - timedelta(days=90)
    recent = rows["as_of"] >= judged
    other = rows.assign(x=rows["x"].where(~recent, -rows["x"]))  # were later rows learnt from, trees would differ
    first, second = (hazard.train(QUESTION, each, AS_OF, seed=1) for each in (rows, other))
    assert isinstance(first, Challenger)
    assert isinstance(second, Challenger)
    assert first.evaluation.metrics["auc"] > 0.7
    assert second.evaluation.metrics["auc"] == pytest.approx(1 - first.evaluation.metrics["auc"], abs=0.06)


def test_dates_that_are_not_over_tell_no_rate() -> None:
    rows = lives(50)
    kept = closed(rows, 3)
    assert kept["as_of"].max() == AS_OF - timedelta(days=90)
    assert len(kept) == 50 * 12


def test_no_skill_ships_the_flat_hazard_and_says_so() -> None:
    made = hazard.train(QUESTION, lives(150, skill=0.0), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    assert made.evaluation.ships == "baseline"
    rows = hazard.score(QUESTION, champion(made, "baseline"), lives(5, seed=8, dates=1), "EUR")
    assert rows["value"].nunique() == 1
    assert "left within 30 days; nothing known tells them apart better" in rows["reasons"][0]


@pytest.mark.parametrize("rows", [lives(2), lives(200, level=-12.0), lives(200, dates=2)], ids=["few", "rare", "short"])
def test_too_little_abstains_and_says_what_is_needed(rows: pd.DataFrame) -> None:
    made = hazard.train(QUESTION, rows, AS_OF, seed=1)
    assert isinstance(made, Abstention)
    assert "needs 20 past cases that left" in made.reason
    assert "found" in made.reason


def test_features_of_another_day_are_refused(learnt: Challenger) -> None:
    with pytest.raises(ValueError, match="train it again"):
        hazard.chances(QUESTION, replace(champion(learnt), features_hash="other"), lives(2, dates=1))


def test_what_comes_in_one_season_is_expected_in_the_months_of_that_season() -> None:
    made = hazard.train(QUESTION, seasonal(26), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    now = seasonal(1).assign(as_of=AS_OF)
    said = hazard.chances(QUESTION, champion(made), now).mean(axis=0)
    assert said[2] < 0.15  # June to August
    assert said[5] > 0.5  # and September to November


def test_a_part_of_a_year_says_nothing_of_seasons() -> None:
    made = hazard.train(QUESTION, seasonal(11), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    splits = dict(zip(made.estimator.feature_name(), made.estimator.feature_importance(), strict=True))
    assert splits["calendar"] == 0


def test_one_kind_of_outcome_only_abstains_and_says_so() -> None:
    rows = lives(200)
    for event in (False, True):
        made = hazard.train(QUESTION, rows.assign(event=event), AS_OF, seed=1)
        assert isinstance(made, Abstention)
        assert "needs 20 past cases that left, and 20 that did not" in made.reason


def test_empty_and_constant_columns_and_values_never_seen_change_nothing(learnt: Challenger) -> None:
    more = replace(
        QUESTION,
        features=(*QUESTION.features, Feature("empty", "planted", "nothing", "count", absent="it has none"),
                  Feature("same", "planted", "always one", "count")),
        categories=(Feature("kind", "planted", "its kind", "category"),),
    )  # fmt: skip

    def widened(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
        return rows.assign(empty=np.nan, same=1.0, kind=pd.Series(kind, index=rows.index, dtype="str"))

    made = hazard.train(more, widened(lives(300), "usual"), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    assert made.evaluation.ships == "model"
    assert made.evaluation.metrics["auc"] == pytest.approx(learnt.evaluation.metrics["auc"], abs=0.02)
    asked = lives(20, seed=9, dates=1)
    usual, unseen = (hazard.chances(more, champion(made), widened(asked, kind)) for kind in ("usual", "never seen"))
    assert np.isfinite(unseen).all()
    assert unseen == pytest.approx(usual, abs=0.05)
    told = hazard.score(more, champion(made), widened(asked, "never seen"), "EUR")
    assert not told["reasons"].str.contains("nothing|always one").any()


def test_what_comes_with_a_day_that_is_due_is_said_to_come_with_it() -> None:
    asked = replace(
        QUESTION, due="x", features=(Feature("x", "term", "days until the term ends", "days"), QUESTION.features[1])
    )
    made = hazard.train(asked, due_lives(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    assert made.evaluation.ships == "model"
    later = due_lives(500, seed=8, dates=1)
    curve = hazard.chances(asked, champion(made), later)
    period = later["x"].to_numpy().astype(int) // 30
    rows = np.arange(len(later))
    before = np.where(period > 0, curve[rows, np.maximum(period - 1, 0)], 0.0)
    assert before.mean() < 0.05
    assert curve[rows, period].mean() == pytest.approx(0.3, abs=0.05)
    scored = hazard.score(asked, champion(made), later, "EUR")
    told = [json.loads(reasons) for reasons in scored["reasons"]]
    assert sum("Days until the term ends" in " ".join(each) for each in told) > 0.9 * len(told)


def test_what_the_plain_baseline_is_said_to_be_is_what_a_champion_ships() -> None:
    asked = replace(QUESTION, bands=TERM, features=(Feature("x", "term", "days until the term ends", "days"),))
    made = hazard.train(asked, due_lives(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    shipped = Champion(
        "leaving", "1", "baseline", made.estimator, json.loads(json.dumps(made.state)), made.features_hash, AS_OF
    )
    scored = hazard.score(asked, shipped, pd.DataFrame({"case": ["a"], "x": [40.0]}), "EUR")
    assert scored["within_30"][0] < 0.02
    assert scored["value"][0] == pytest.approx(0.3, abs=0.05)
    assert scored["within_180"][0] == pytest.approx(scored["value"][0], abs=0.02)


def test_trees_begin_at_the_plain_hazards_so_that_what_they_blur_stays_sharp() -> None:
    """Three in ten leave in the month of their term and nobody at other times; a number tells nothing more."""
    features = (Feature("x", "term", "days until the term ends", "days"), QUESTION.features[1])
    asked = replace(QUESTION, bands=TERM, due="x", features=features)
    made = hazard.train(asked, due_lives(300, seed=3, dates=14), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    later = due_lives(500, seed=8, dates=1)
    curve = hazard.chances(asked, champion(made), later)
    period, rows = later["x"].to_numpy().astype(int) // 30, np.arange(len(later))
    before = np.where(period > 0, curve[rows, np.maximum(period - 1, 0)], 0.0)
    at_term = curve[rows, period]
    assert before.max() < 0.01
    assert at_term == pytest.approx(np.full(len(later), 0.3), abs=0.08)
    assert curve[:, -1] == pytest.approx(at_term, abs=0.01)
    told = [json.loads(reasons) for reasons in hazard.score(asked, champion(made), later, "EUR")["reasons"]]
    learner = hazard._fit(asked, due_lives(300, seed=3, dates=14), 1, UNCALIBRATED, {})
    assert np.abs(logit(learner.raw(later))).mean() < 0.5  # nothing of the term is left to learn
    named = np.array(["Days until the term ends" in " ".join(each) for each in told])
    assert named[period < 3].mean() > 0.9
    rises = np.array(["raises" in " ".join(each) for each in told])
    assert rises[period < 3].mean() > 0.9  # the term lies within the judged months; a usual one is no reason
    assert not rises[period >= 3].any()


MARKS = tuple(Feature(f"mark_{n}", "planted", f"mark {n}", "count") for n in range(20))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_trees_that_remember_accounts_are_put_right_by_accounts_that_they_do_not_know(seed: int) -> None:
    asked = replace(QUESTION, features=MARKS)
    lives, _ = remembered(400, dates=14, seed=seed)
    made, outs = hazard._calibrated(asked, lives, seed, {})
    assert made.calibration.slope < 0.2  # nothing of what the trees tell apart is believed
    strangers, _ = remembered(2_000, dates=1, seed=100 + seed)
    assert made.chances(strangers)[:, 0].mean() == pytest.approx(0.05, abs=0.015)
    for curve, told in outs:
        assert len(told) > 0
        assert curve.calibration.slope == made.calibration.slope
    assert sum(len(told) for _, told in outs) == len(lives)
    assert all(
        not set(one["case"]) & set(two["case"]) for place, (_, one) in enumerate(outs) for _, two in outs[:place]
    )


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_who_was_seen_to_stay_is_not_said_to_be_safer_than_it_is(seed: int) -> None:
    """Trees that know an account by its marks have seen of all that are still there that they stayed."""
    asked = replace(QUESTION, ends=True, features=(QUESTION.features[0], *MARKS))
    lives, still = remembered(600, dates=14, seed=seed, skill=1.0)
    known, outs = hazard._calibrated(asked, lives, seed, {})
    truth = still["chance"].mean()
    assert known.chances(still)[:, 0].mean() < 0.8 * truth
    levelled = hazard._levelled(asked, known, outs, still)
    assert levelled.chances(still)[:, 0].mean() == pytest.approx(truth, rel=0.15)
    assert levelled.calibration.slope == known.calibration.slope
    assert hazard._levelled(replace(asked, ends=False), known, outs, still) is known
    assert hazard._levelled(asked, known, [], still) is known  # a single account: there is nobody else to ask
    strangers, _ = remembered(600, dates=1, seed=100 + seed, skill=1.0)
    assert hazard._levelled(asked, known, outs, strangers).calibration.intercept == pytest.approx(
        known.calibration.intercept, abs=0.15
    )


def test_a_training_lifts_what_it_says_of_who_was_seen_to_stay() -> None:
    rows, still = remembered(600, dates=14, seed=1, skill=1.0)
    said = {}
    for ends in (False, True):
        asked = replace(QUESTION, ends=ends, features=(QUESTION.features[0], *MARKS))
        made = hazard.train(asked, rows, AS_OF, seed=1)
        assert isinstance(made, Challenger)
        said[ends] = (made.evaluation.metrics["mean said"], hazard.chances(asked, champion(made), still)[:, 0].mean())
    assert said[True][0] > 1.1 * said[False][0]
    assert said[True][1] > 1.1 * said[False][1]
    assert CHURN.ends
    assert SubscriptionEvents("ends").asked.ends


def test_an_outcome_turned_at_random_within_each_date_leaves_nothing_to_learn() -> None:
    rows = lives(300)
    fates = ["periods", "event"]
    drawn = rows.groupby("as_of", group_keys=False)[fates].apply(lambda part: part.sample(frac=1, random_state=3))
    made = hazard.train(QUESTION, rows.assign(**{name: drawn[name].to_numpy() for name in fates}), AS_OF, seed=1)
    assert isinstance(made, Challenger)
    assert made.evaluation.ships == "baseline"


def test_the_same_lives_and_seed_give_the_same_bytes(learnt: Challenger) -> None:
    again = hazard.train(QUESTION, lives(300), AS_OF, seed=1)
    assert isinstance(again, Challenger)
    assert again.estimator.model_to_string() == learnt.estimator.model_to_string()
    assert json.dumps(again.state) == json.dumps(learnt.state)


def test_a_champion_is_judged_on_the_lives_of_its_challenger_and_on_none_that_it_learnt(learnt: Challenger) -> None:
    older = replace(champion(learnt), trained_as_of=AS_OF - timedelta(days=120))
    told = hazard.evaluate(QUESTION, older, lives(300))
    assert not isinstance(told, Abstention)
    assert len(told.losses) == len(learnt.evaluation.losses)
    assert not np.isnan(told.losses).any()
    itself = hazard.evaluate(QUESTION, champion(learnt), lives(300))
    assert not isinstance(itself, Abstention)
    assert np.isnan(itself.losses).all()


def test_no_lives_have_no_scores_and_no_error(learnt: Challenger) -> None:
    scored = hazard.score(QUESTION, champion(learnt), lives(2, dates=1).head(0), "EUR")
    assert scored.empty
    assert {"case", "value", "low", "high", "within_30", "within_180", "reasons", "abstained"} <= set(scored.columns)


def test_a_training_shows_its_intervals_pictures_folds_and_learning_curve(learnt: Challenger) -> None:
    assert set(learnt.figures) == {"reliability", "gain", "shap summary"}
    for name in ("auc", "brier"):
        low, high = learnt.evaluation.intervals[name]
        assert low < learnt.evaluation.metrics[name] < high
    study = hazard.study(QUESTION, lives(300), seed=1)
    assert not isinstance(study, Abstention)
    more = studied(study, learnt, seed=1)
    assert more.folds[-1].test_dates == study.judged
    learn = closed_before(study.dates, study.judged, hazard.HORIZON_DAYS)
    fold, _ = judged_fold(study, learn, study.judged[-1], {})
    assert np.mean(fold.losses) == pytest.approx(learnt.evaluation.value, rel=0.05)  # of lives cut a little earlier
    assert more.evaluation.metrics["importance stability"] > 0.5
    assert set(more.figures) == {*learnt.figures, "importance", "folds", "learning curve"}


def test_tuned_parameters_are_tried_learnt_with_and_kept(learnt: Challenger) -> None:
    study = hazard.study(QUESTION, lives(100), seed=1)
    assert not isinstance(study, Abstention)
    found = tune(study, Budget(trials=2), seed=1)
    assert isinstance(found, Tuned)
    assert set(found.trials[1].params) == set(hazard.SPACE)
    tuned = hazard.train(QUESTION, lives(300), AS_OF, 1, {"trees": 10, "num_leaves": 4})
    assert isinstance(tuned, Challenger)
    assert tuned.estimator.num_trees() == 10
    assert (tuned.params["trees"], tuned.tuned_params) == (10, {"trees": 10, "num_leaves": 4})
    assert learnt.estimator.num_trees() == learnt.params["trees"] != 10


def test_a_version_of_another_form_is_trained_again_and_not_read(learnt: Challenger) -> None:
    """Who changes what a version keeps raises ``hazard.FORM``, and changes this."""
    made_on = (*QUESTION.features, PERIOD, CALENDAR)
    assert QUESTION.features_hash == features_hash((*made_on, form(2)))
    older = replace(champion(learnt), features_hash=features_hash((*made_on, form(1))))
    with pytest.raises(ValueError, match="train it again"):
        hazard.score(QUESTION, older, lives(2, dates=1), "EUR")
    assert {name: sorted(part) for name, part in learnt.state.items() if isinstance(part, dict)} == {
        "encoding": ["categories", "due", "numbers"],
        "calibration": ["at", "high", "intercept", "low", "slope"],
        "bounds": ["1", "3", "6"],
        "baseline": ["bands", "hazard", "seen"],
        "usual": ["noise", "x"],
    }


def test_dates_whose_outcomes_bound_chances_share_no_day_of_their_judged_periods() -> None:
    parts = split("leaving", "left", lives(300))
    assert not isinstance(parts, Abstention)
    days = [*parts.judge, *parts.apart]
    assert len(days) == 4  # of fourteen dates a month apart
    assert all((later - earlier).days >= hazard.HORIZON_DAYS for later, earlier in pairwise(days))


@pytest.mark.parametrize("accounts", [1, 2, 8])
def test_few_accounts_with_many_contracts_are_learnt_from_and_studied(accounts: int) -> None:
    asked = replace(QUESTION, account="whose")
    rows = lives(60).assign(whose=lambda rows: rows["case"].str[1:].astype(int) % accounts)
    made = hazard.train(asked, rows, AS_OF, seed=1)
    assert isinstance(made, Challenger)
    study = hazard.study(asked, rows, seed=1)
    assert not isinstance(study, Abstention)
    assert studied(study, made, seed=1).folds


def test_bounds_are_of_dates_that_are_over_and_count_nobody_twice(learnt: Challenger) -> None:
    """A case at dates a month apart is one: bounds are as wide as four dates leave them, not as narrow as twelve."""
    bounds, metrics = learnt.state["bounds"]["3"], learnt.evaluation.metrics
    moved = abs(logit(metrics["mean said"]) - logit(metrics["mean happened"]))
    widths = np.array(bounds["high"]) - np.array(bounds["low"]) - 2 * moved
    assert widths.min() > 0.36  # of 120 cases a bin; 390 would leave 0.27
    curve = hazard._fit(QUESTION, lives(300), 1, UNCALIBRATED, {})
    told = lives(100, dates=6).query("as_of == as_of.min() or as_of == as_of.max()")
    over = told["as_of"] == told["as_of"].min()  # half a year ago; of the others one month is known
    late = told.assign(periods=np.where(over, PERIODS, 1), event=over)  # it came to all of them, in the last month
    high = hazard._bounds([(curve, late)], 6, 0.0).high
    assert min(high) > 3.0
