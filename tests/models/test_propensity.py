"""Chances learnt from past dates: skill where there is skill, the plain baseline where there is none."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from features.feature import Feature
from models import propensity
from models.baseline import Bands
from models.boosting import TREES
from models.folds import closed_before
from models.model import Abstention, Challenger, Champion
from models.study import judged_fold, studied
from models.tuning import Budget, Tuned, tune

FEATURES = (
    Feature("quiet", "orders", "days since the last order", "days"),
    Feature("spend", "orders", "net revenue in the last 90 days", "money"),
    Feature("tickets", "support", "tickets in the last 90 days", "tickets"),
    *(Feature(f"noise{i}", "noise", f"noise {i}", "count") for i in range(8)),
)
CATEGORIES = (Feature("industry", "profile", "industry", "category"),)
TASK = propensity.Task(
    model="churn",
    key="account_id",
    outcome="left within 90 days",
    horizon_days=90,
    features=FEATURES,
    categories=CATEGORIES,
    features_hash="abc",
    bands=Bands("quiet", (30, 60, 90), "Days since the last order"),
    raises="raises the risk of leaving",
    lowers="lowers the risk of leaving",
)
AS_OF = date(2025, 3, 1)


def past(skill: float = 1.0, accounts: int = 300, dates: int = 12, seed: int = 0, rate: float = -2.0) -> pd.DataFrame:
    """Accounts whose odds of leaving rise with quiet days, tickets and one industry, as far as there is skill."""
    rng = np.random.default_rng(seed)
    parts = []
    for month in range(dates):
        rows = pd.DataFrame({feature.name: rng.normal(size=accounts) for feature in FEATURES})
        rows["quiet"], rows["spend"] = rng.gamma(2, 20, accounts), rng.gamma(2, 500, accounts)
        rows["tickets"] = rng.poisson(1, accounts).astype(float)
        rows["industry"] = rng.choice(["retail", "metal", "bank"], accounts)
        odds = 0.03 * (rows["quiet"] - 40) + 0.9 * (rows["tickets"] - 1) + 1.2 * (rows["industry"] == "retail")
        rows["truth"] = expit(rate + skill * odds)
        rows["outcome"] = rng.random(accounts) < rows["truth"]
        rows.insert(0, "account_id", [f"A{i:04}" for i in range(accounts)])
        rows.insert(1, "as_of", AS_OF - timedelta(days=90 + 30 * (dates - 1 - month)))
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def taught(rows: pd.DataFrame) -> Challenger:
    challenger = propensity.learn(TASK, propensity.Past(rows), AS_OF, seed=7)
    assert isinstance(challenger, Challenger)
    return challenger


def champion_of(challenger: Challenger, trained_as_of: date = AS_OF) -> Champion:
    return Champion(
        challenger.model,
        "1",
        challenger.judgement.ships,
        challenger.estimator,
        json.loads(json.dumps(challenger.state)),
        challenger.features_hash,
        trained_as_of,
    )


@pytest.fixture(scope="module")
def challenger() -> Challenger:
    return taught(past())


def test_real_skill_ships_and_ranks_nearly_as_well_as_the_truth(challenger: Challenger) -> None:
    assert challenger.judgement.ships == "model"
    assert challenger.judgement.value < challenger.judgement.baseline_value
    assert challenger.judgement.metrics["auc"] > 0.7


def test_chances_of_rows_never_seen_mean_what_they_say(challenger: Challenger) -> None:
    rows = past(seed=99)
    scored = propensity.score(TASK, champion_of(challenger), rows, "EUR")
    groups = pd.qcut(scored["value"], 5, labels=False)
    said, truth = scored["value"].groupby(groups).mean(), rows["truth"].groupby(groups).mean()
    assert (said - truth).abs().max() < 0.06
    assert ((scored["low"] <= scored["value"]) & (scored["value"] <= scored["high"])).all()
    assert scored["value"].between(0, 1).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_skill_the_baseline_ships_and_says_so(seed: int) -> None:
    challenger = taught(past(skill=0.0, seed=seed))
    champion = champion_of(challenger)
    assert champion.ships == "baseline"
    assert champion.label == "churn v1 (baseline)"
    scored = propensity.score(TASK, champion, past(seed=5).head(10), "EUR")
    assert scored["value"].between(0.08, 0.2).all()
    assert all("left within 90 days" in json.loads(row)[0] for row in scored["reasons"])


def test_a_label_turned_at_random_within_each_date_leaves_nothing_to_learn() -> None:
    rows = past(skill=1.5)
    shuffled = rows.groupby("as_of")["outcome"].transform(lambda t: t.sample(frac=1, random_state=3).to_numpy())
    assert taught(rows.assign(outcome=shuffled)).judgement.ships == "baseline"


def test_the_same_rows_and_seed_give_the_same_bytes(challenger: Challenger) -> None:
    again = taught(past())
    assert again.estimator.model_to_string() == challenger.estimator.model_to_string()
    assert again.state == challenger.state


def test_nothing_of_a_judged_window_is_learnt_before_it_is_judged() -> None:
    rows = past()
    last = rows["as_of"].max()
    overlapping = (rows["as_of"] > last - timedelta(days=90)) & (rows["as_of"] < last)
    turned = rows.assign(outcome=rows["outcome"] ^ overlapping)
    assert taught(turned).judgement.losses == taught(rows).judgement.losses


def test_reasons_are_sentences_with_values_and_what_is_usual(challenger: Challenger) -> None:
    rows = past(seed=5).head(1).assign(quiet=160.0, tickets=4.0, industry="bank", spend=1234.5)
    (told,) = propensity.score(TASK, champion_of(challenger), rows, "EUR")["reasons"]
    sentences = json.loads(told)
    assert 1 <= len(sentences) <= 3
    assert any(s.startswith("Days since the last order: 160 (usually 3") and "raises" in s for s in sentences)
    assert any(s == "Tickets in the last 90 days: 4 (usually 1) raises the risk of leaving" for s in sentences)


def test_an_unknown_value_is_told_as_unknown_and_scored(challenger: Challenger) -> None:
    rows = past(seed=5).head(3).assign(quiet=np.nan, tickets=np.nan, industry=None)
    scored = propensity.score(TASK, champion_of(challenger), rows, "EUR")
    assert scored["value"].notna().all()
    assert "nan" not in " ".join(scored["reasons"]).lower()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (past(accounts=3), "needs 50 past cases"),
        (past(accounts=40, rate=-9.0), "needs 20 past cases of which it is known that they left within 90 days"),
        (past(dates=3), "needs 180 days of sales"),
        (past(dates=0 + 1), "needs 180 days of sales"),
    ],
)
def test_a_thin_past_gives_no_chance_but_a_reason(rows: pd.DataFrame, words: str) -> None:
    outcome = propensity.learn(TASK, propensity.Past(rows), AS_OF, seed=7)
    assert isinstance(outcome, Abstention)
    assert words in outcome.why
    assert "found" in outcome.why


def test_a_short_history_is_judged_without_a_calibration_of_its_own() -> None:
    challenger = taught(past(dates=5, accounts=600))
    assert challenger.judgement.metrics["judged rows"] == 600
    assert 0 < challenger.state["calibration"]["slope"] < 3


def test_a_champion_is_judged_on_the_rows_of_its_challenger(challenger: Challenger) -> None:
    older = champion_of(challenger, trained_as_of=date(2024, 6, 1))
    judgement = propensity.judge(TASK, older, propensity.Past(past()))
    assert not isinstance(judgement, Abstention)
    assert len(judgement.losses) == len(challenger.judgement.losses)
    assert not np.isnan(judgement.losses).any()


def test_rows_that_a_champion_has_learnt_from_do_not_count_for_it(challenger: Challenger) -> None:
    judgement = propensity.judge(TASK, champion_of(challenger), propensity.Past(past()))
    assert not isinstance(judgement, Abstention)
    assert np.isnan(judgement.losses).all()


def test_a_champion_of_other_features_is_refused(challenger: Challenger) -> None:
    champion = champion_of(challenger)
    other = Champion(champion.model, "1", "model", champion.estimator, champion.state, "xyz", AS_OF)
    with pytest.raises(ValueError, match="made on features xyz, today's are abc"):
        propensity.score(TASK, other, past(seed=5), "EUR")


def test_a_company_without_customers_has_no_rows_and_no_error(challenger: Challenger) -> None:
    scored = propensity.score(TASK, champion_of(challenger), past().head(0), "EUR")
    assert scored.empty
    assert list(scored.columns) == ["account_id", "value", "low", "high", "reasons", "horizon_days", "abstained"]


def test_a_training_shows_its_intervals_pictures_and_folds(challenger: Challenger) -> None:
    judgement = challenger.judgement
    assert set(challenger.pictures) == {"reliability", "gain", "shap summary"}
    for name in ("auc", "brier"):
        low, high = judgement.intervals[name]
        assert low < judgement.metrics[name] < high
    early, last = challenger.folds
    assert early.name.endswith("(not calibrated)")
    assert max(early.judged) < min(last.judged)
    assert last.losses == judgement.losses


def test_a_study_learns_and_judges_as_the_training_does(challenger: Challenger) -> None:
    study = propensity.study(TASK, propensity.Past(past()), seed=7)
    assert not isinstance(study, Abstention)
    (day,) = study.judged
    learn = closed_before(study.dates, study.judged, 90)
    fold, fitted = judged_fold(study, learn, day, {})
    assert fold.losses == pytest.approx(challenger.judgement.losses)
    assert {"quiet", "tickets", "industry"} <= {name for name, share in fitted.importance.items() if share > 0.05}
    studied_too = studied(study, challenger, seed=7)
    assert len(studied_too.folds) == 5
    assert studied_too.judgement.metrics["importance stability"] > 0.5
    assert set(studied_too.pictures) == {*challenger.pictures, "importance", "folds", "learning curve"}


def test_tuned_parameters_are_learnt_with_and_kept(challenger: Challenger) -> None:
    tuned = propensity.learn(TASK, propensity.Past(past()), AS_OF, 7, {"trees": 10, "num_leaves": 4})
    assert isinstance(tuned, Challenger)
    assert tuned.estimator.num_trees() == 10
    assert (tuned.params["trees"], tuned.tuned) == (10, {"trees": 10, "num_leaves": 4})
    assert challenger.estimator.num_trees() == TREES


def test_a_tuning_tries_every_parameter_that_may_be_tuned() -> None:
    study = propensity.study(TASK, propensity.Past(past(skill=0.0, dates=12)), seed=7)
    assert not isinstance(study, Abstention)
    found = tune(study, Budget(trials=3), seed=7)
    assert isinstance(found, Tuned)
    assert len(found.trials) == 4
    assert set(found.trials[1].params) == set(propensity.SPACE)
