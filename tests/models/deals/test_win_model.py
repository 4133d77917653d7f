"""Win probabilities of open deals: few deals, deals that nothing predicts, and planted probabilities."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES
from models.deals.scoring import score
from models.deals.time_split import WIN_HORIZON_DAYS, split_deals
from models.deals.win_model import WIN_SPACE, study, train
from models.evaluation.cross_validation import Study
from models.model import Abstention, Challenger
from models.training.tuning import Budget, TuningResult, tune

AS_OF = date(2025, 1, 1)


def past(count: int, *, skill: float, seed: int = 5, months: int = 12) -> pd.DataFrame:
    """Deals seen a month apart until they end, some 45 days after; those of stage *offer* are won more often."""
    rng = np.random.default_rng(seed)
    begun = rng.uniform(0, 30 * months, count)
    ends = begun + rng.gamma(4, 12, count)
    stage = rng.choice(["talk", "offer"], count)
    won = rng.random(count) < expit(skill * np.where(stage == "offer", 1.0, -1.0))
    parts = []
    for back in range(months):
        seen = 15 + 30 * back
        at = 30 * months - seen
        alive = (begun <= at) & (ends > at)
        days = ends[alive] - at
        over = days <= seen
        known = {feature.name: np.full(alive.sum(), np.nan) for feature in OPPORTUNITY_FEATURES}
        words = {feature.name: None for feature in OPPORTUNITY_CATEGORIES}
        parts.append(
            pd.DataFrame(
                {
                    **known,
                    **words,
                    "opportunity_id": [f"D{n:04}" for n in np.flatnonzero(alive)],
                    "as_of": AS_OF - timedelta(days=seen),
                    "stage": stage[alive],
                    "age_days": at - begun[alive],
                    "days": np.where(over, days, np.nan),
                    "won": won[alive] & over,
                    "seen_days": float(seen),
                }
            )
        )
    return pd.concat(parts[::-1], ignore_index=True)


def trained(rows: pd.DataFrame) -> Challenger:
    challenger = train(rows, AS_OF, 7)
    assert isinstance(challenger, Challenger)
    return challenger


def scored(rows: pd.DataFrame, challenger: Challenger) -> pd.DataFrame:
    return score(challenger.as_champion("1"), rows[rows["as_of"] == rows["as_of"].max()], "EUR")[0]


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    rows = past(56, skill=1.2)
    ended = rows[rows["days"].notna()].drop_duplicates("opportunity_id")["won"]
    assert min(ended.sum(), (~ended).sum()) in range(20, 28)
    return rows


def test_twenty_won_and_twenty_lost_deals_suffice_with_wide_bounds(few: pd.DataFrame) -> None:
    challenger = trained(few)
    assert challenger.evaluation.ships == "baseline"
    frame = scored(past(400, skill=1.2, seed=6), challenger)
    offers = past(400, skill=1.2, seed=6).query("as_of == as_of.max()")["stage"].to_numpy() == "offer"
    assert frame.loc[offers, "eventually"].mean() > frame.loc[~offers, "eventually"].mean() + 0.15
    assert (frame["eventually_high"] - frame["eventually_low"]).between(0.12, 0.5).all()
    assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()
    assert (frame["value"] <= frame["eventually"]).all()


def test_fewer_deals_abstain_with_what_is_missing(few: pd.DataFrame) -> None:
    some = few[few["opportunity_id"] < "D0020"]
    abstention = train(some, AS_OF, 7)
    assert isinstance(abstention, Abstention)
    assert "needs 20 deals open at past dates that were won, and 20 that were lost; found" in abstention.reason
    assert isinstance(train(few.head(0), AS_OF, 7), Abstention)


def test_deals_that_nothing_predicts_get_the_rate_of_all() -> None:
    rows = past(1_200, skill=0.0)
    challenger = trained(rows)
    assert challenger.evaluation.ships == "baseline" or not challenger.state["discriminates"]
    frame = scored(rows, challenger)
    assert frame["eventually"].std() < 0.03
    ended = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    assert frame["eventually"].mean() == pytest.approx(ended["won"].mean(), abs=0.05)
    assert all("no known feature predicts" in json.loads(reasons)[0].lower() for reasons in frame["reasons"])


def test_planted_probabilities_are_recovered() -> None:
    rows = past(1_600, skill=1.2)
    challenger = trained(rows)
    latest = rows[rows["as_of"] == rows["as_of"].max()]
    frame = scored(rows, challenger)
    truth = expit(1.2 * np.where(latest["stage"] == "offer", 1.0, -1.0))
    assert np.abs(frame["eventually"].to_numpy() - truth).mean() < 0.06


def test_training_rows_are_as_known_on_the_first_test_date() -> None:
    rows = past(1_200, skill=1.2)
    split = split_deals(rows)
    assert not isinstance(split, Abstention)
    (fold,) = split.folds
    first = fold.test["as_of"].min()
    assert fold.test["seen_days"].ge(WIN_HORIZON_DAYS).all()
    closings = [day + timedelta(days=float(days)) for day, days in fold.train[["as_of", "days"]].dropna().to_numpy()]
    assert max(closings) <= first
    assert fold.train["as_of"].max() < first


def test_cross_validation_and_tuning_see_a_deal_within_its_window_only() -> None:
    rows = past(1_200, skill=1.2)
    studied = study(rows, 7)
    assert isinstance(studied, Study)
    assert (studied.rows["seen_days"] == WIN_HORIZON_DAYS).all()
    assert studied.rows["days"].max() < WIN_HORIZON_DAYS
    assert not (studied.rows["won"] & studied.rows["days"].isna()).any()
    result = tune(studied, Budget(trials=1), 7)
    assert isinstance(result, TuningResult)
    assert result.trials[0].loss < 0.62  # that of the flat rate is 0.70
    assert set(result.trials[1].params) == set(WIN_SPACE)


def test_a_challenger_is_trained_with_tuned_parameters() -> None:
    rows = past(400, skill=1.2)
    default = trained(rows)
    tuned = train(rows, AS_OF, 7, {"trees": 30})
    assert isinstance(tuned, Challenger)
    assert (default.estimator.current_iteration(), tuned.estimator.current_iteration()) == (80, 30)
    assert tuned.tuned_params == {"trees": 30}
    assert tuned.params["trees"] == 30
