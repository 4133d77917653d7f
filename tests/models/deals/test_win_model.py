"""Chances of open deals: few of them, and those of which nothing can be known."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bench.harness.won_deals import champion
from models.deals import win_model as deals
from models.deals.time_split import HORIZON_DAYS, split
from models.deals.win_model import CATEGORIES, NUMBERS
from models.evaluation.cross_validation import Study
from models.model import Abstention, Challenger
from models.training.tuning import Budget, Tuned, tune

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
        known = {feature.name: np.full(alive.sum(), np.nan) for feature in NUMBERS}
        words = {feature.name: None for feature in CATEGORIES}
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


def learnt(rows: pd.DataFrame) -> Challenger:
    challenger = deals.train(rows, AS_OF, 7)
    assert isinstance(challenger, Challenger)
    return challenger


def scored(rows: pd.DataFrame, challenger: Challenger) -> pd.DataFrame:
    return deals.score(champion(challenger), rows[rows["as_of"] == rows["as_of"].max()], "EUR")[0]


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    rows = past(56, skill=1.2)
    ended = rows[rows["days"].notna()].drop_duplicates("opportunity_id")["won"]
    assert min(ended.sum(), (~ended).sum()) in range(20, 28)
    return rows


def test_twenty_won_and_twenty_lost_are_enough_and_the_bounds_are_wide(few: pd.DataFrame) -> None:
    challenger = learnt(few)
    assert challenger.evaluation.ships == "baseline"
    frame = scored(past(400, skill=1.2, seed=6), challenger)
    offers = past(400, skill=1.2, seed=6).query("as_of == as_of.max()")["stage"].to_numpy() == "offer"
    assert frame.loc[offers, "eventually"].mean() > frame.loc[~offers, "eventually"].mean() + 0.15
    assert (frame["eventually_high"] - frame["eventually_low"]).between(0.12, 0.5).all()
    assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()
    assert (frame["value"] <= frame["eventually"]).all()


def test_fewer_abstain_and_say_what_is_missing(few: pd.DataFrame) -> None:
    some = few[few["opportunity_id"] < "D0020"]
    told = deals.train(some, AS_OF, 7)
    assert isinstance(told, Abstention)
    assert "needs 20 deals that were open at past dates and were won, and 20 that were lost; found" in told.reason
    assert isinstance(deals.train(few.head(0), AS_OF, 7), Abstention)


def test_where_nothing_tells_who_wins_the_rate_is_said() -> None:
    rows = past(1_200, skill=0.0)
    challenger = learnt(rows)
    assert challenger.evaluation.ships == "baseline" or not challenger.state["tells"]
    frame = scored(rows, challenger)
    assert frame["eventually"].std() < 0.03
    ended = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    assert frame["eventually"].mean() == pytest.approx(ended["won"].mean(), abs=0.05)
    assert all("nothing known tells" in json.loads(reasons)[0].lower() for reasons in frame["reasons"])


def test_planted_chances_are_said() -> None:
    rows = past(1_600, skill=1.2)
    challenger = learnt(rows)
    latest = rows[rows["as_of"] == rows["as_of"].max()]
    frame = scored(rows, challenger)
    truth = expit(1.2 * np.where(latest["stage"] == "offer", 1.0, -1.0))
    assert np.abs(frame["eventually"].to_numpy() - truth).mean() < 0.06


def test_what_was_not_known_when_the_judged_date_came_is_not_learnt_from() -> None:
    rows = past(1_200, skill=1.2)
    parts = split(rows)
    assert not isinstance(parts, Abstention)
    (part,) = parts.parts
    first = part.judged["as_of"].min()
    assert part.judged["seen_days"].ge(HORIZON_DAYS).all()
    ends = [day + timedelta(days=float(days)) for day, days in part.learnt[["as_of", "days"]].dropna().to_numpy()]
    assert max(ends) <= first
    assert part.learnt["as_of"].max() < first


def test_folds_and_tuning_see_of_a_deal_what_its_window_holds_and_nothing_of_the_judged_dates() -> None:
    rows = past(1_200, skill=1.2)
    made = deals.study(rows, 7)
    assert isinstance(made, Study)
    assert (made.rows["seen_days"] == HORIZON_DAYS).all()
    assert made.rows["days"].max() < HORIZON_DAYS
    assert not (made.rows["won"] & made.rows["days"].isna()).any()
    found = tune(made, Budget(trials=1), 7)
    assert isinstance(found, Tuned)
    assert found.trials[0].loss < 0.62  # that of the flat rate is 0.70
    assert set(found.trials[1].params) == set(deals.SPACE)


def test_a_tuned_challenger_is_trained_with_what_was_found() -> None:
    rows = past(400, skill=1.2)
    usual = learnt(rows)
    tuned = deals.train(rows, AS_OF, 7, {"trees": 30})
    assert isinstance(tuned, Challenger)
    assert (usual.estimator.current_iteration(), tuned.estimator.current_iteration()) == (80, 30)
    assert tuned.tuned_params == {"trees": 30}
    assert tuned.params["trees"] == 30
