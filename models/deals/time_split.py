"""Training and test rows of deals: later dates as test or, where the past is too thin for that, deals left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from models.evaluation.time_splits import (
    MAX_TEST_DATES,
    MIN_PER_CLASS,
    MIN_TEST_PER_CLASS,
    choose_test_dates,
    minority_count,
    too_few_outcomes,
)
from models.model import Abstention

WIN_HORIZON_DAYS = 90
N_DEAL_FOLDS = 5

OUTCOME = f"were won within {WIN_HORIZON_DAYS} days"


@dataclass(frozen=True)
class DealFold:
    """Training rows, as known on the first test date, and test rows."""

    train: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True)
class DealSplit:
    """The folds of a past, with a description for people."""

    folds: tuple[DealFold, ...]
    description: str
    by_deal: bool = False
    """Whether deals are left out instead of later dates: that shows no skill of trees over time, and rates ship."""

    @property
    def test(self) -> pd.DataFrame:
        """The test rows of all folds, in their order."""
        return pd.concat([fold.test for fold in self.folds])


def split_deals(rows: pd.DataFrame) -> DealSplit | Abstention:
    """The latest dates as test, or deals left out where the dates are too few; an abstention if deals are too few."""
    won = closed_deals_won(rows) if len(rows) else np.zeros(0, dtype=bool)
    abstention = too_few_outcomes("win", "deals open at past dates", won, ("were won", "were lost"))
    if abstention is not None:
        return abstention
    observed = rows[rows["seen_days"] >= WIN_HORIZON_DAYS]
    days = sorted(observed["as_of"].unique())

    def fold_of(dates: tuple[date, ...]) -> DealFold:
        return DealFold(as_known_on(rows, dates[0]), observed[observed["as_of"].isin(dates)])

    def sufficient(dates: tuple[date, ...]) -> bool:
        fold = fold_of(dates)
        return (
            minority_count(closed_deals_won(fold.train)) >= MIN_PER_CLASS
            and minority_count(won_within_horizon(fold.test)) >= MIN_TEST_PER_CLASS
        )

    test_dates = choose_test_dates(days, range(min(MAX_TEST_DATES, len(days) // 3), 0, -1), sufficient)
    if test_dates is not None:
        return DealSplit((fold_of(test_dates),), ", ".join(map(str, test_dates)))
    folds = tuple(_leave_deals_out(rows, observed))
    outcomes = won_within_horizon(observed) if folds else np.zeros(0)
    cases = f"deals at dates {WIN_HORIZON_DAYS} days past"
    abstention = too_few_outcomes("win", cases, outcomes, (OUTCOME, "were not"), MIN_TEST_PER_CLASS)
    return abstention or DealSplit(folds, f"{len(days)} past dates, on deals left out", by_deal=True)


def as_known_on(rows: pd.DataFrame, day: date) -> pd.DataFrame:
    """The rows of dates before a day, closed only if the deal had closed by then."""
    past = rows[rows["as_of"] < day]
    seen = np.array([(day - as_of).days for as_of in past["as_of"]], dtype=np.float64)
    closed = (past["days"] <= seen).to_numpy()
    return past.assign(seen_days=seen, days=past["days"].where(closed), won=past["won"].to_numpy() & closed)


def won_within_horizon(rows: pd.DataFrame) -> Floats:
    """1 where the deal was won within the horizon, else 0."""
    return np.asarray(rows["won"] & (rows["days"] < WIN_HORIZON_DAYS), dtype=np.float64)


def closed_deals_won(rows: pd.DataFrame) -> Bools:
    """Whether each closed deal was won."""
    closed = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    return closed["won"].to_numpy(dtype=bool)


def _leave_deals_out(rows: pd.DataFrame, observed: pd.DataFrame) -> Iterator[DealFold]:
    """Folds of deals by a hash of their key, so that a deal's fold does not depend on the other deals."""
    keys = rows["opportunity_id"].unique()
    fold_of = {key: int(sha256(str(key).encode()).hexdigest(), 16) % N_DEAL_FOLDS for key in keys}
    for number in range(N_DEAL_FOLDS):
        test = observed[observed["opportunity_id"].map(fold_of) == number]
        train = rows[rows["opportunity_id"].map(fold_of) != number]
        if len(test) and minority_count(closed_deals_won(train)) > 0:
            yield DealFold(train, test)
