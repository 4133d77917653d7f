"""The curve of a hazard: trees that say how likely an event is in each coming month, and the chances that follow.

Trees are given a row for each period of 30 days in which a case's event could have come: its features, how many periods
ahead, the time of the year then, and where an event may fall on a day that is due (the end of a term), how far off that
day is when the period begins: before it hardly anything comes, and in its period nearly all.
"""

from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from data.arrays import Floats
from features.feature import Feature
from features.labels.time_to_event import PERIOD_DAYS, PERIODS
from models.estimators.calibration import Calibration
from models.estimators.gradient_boosting import PARAMS as USUAL
from models.estimators.gradient_boosting import TREES, Encoding
from models.survival.baseline_hazards import PlainHazards, within

PARAMS: dict[str, Any] = {**USUAL, "num_leaves": 8, "trees": TREES}
"""Smaller trees than others have: a life is seen at up to half a year of dates and in as many months of each, so that
its one event is there to be remembered up to six times."""

PERIOD = Feature("period", "time", "the month ahead", "months")
CALENDAR = Feature("calendar", "time", "the time of the year in that month", "season")
"""Twelfths of a year gone by in the middle of the period: trade that swells before a feast does so every year."""
DUE = Feature("due", "time", "days from the beginning of that month to what is due", "days")
"""Below 0 where it is over by then."""
YEAR_DAYS = 365.25
SEASON_WEIGHT = 0.3
"""A season is seen once or twice: what it gains is worth this share, so that the luck of one month is not learnt."""


@dataclass(frozen=True)
class Curve:
    """Trees, and what turns their raw hazards into chances; where there is a ``plain`` baseline, trees begin at its
    hazards, and say only what moves a row away from them."""

    booster: lgb.Booster
    encoding: Encoding
    calibration: Calibration
    plain: PlainHazards | None = None

    def raw(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: hazards as the trees say them, a half for what moves nothing away from the plain ones."""
        if rows.empty:
            return np.zeros((0, PERIODS))
        encoded = np.repeat(self.encoding.encode(rows).to_numpy(dtype=np.float64), PERIODS, axis=0)
        ahead = np.tile(np.arange(1.0, PERIODS + 1), len(rows))
        times = _times(self.encoding, rows, np.repeat(np.arange(len(rows)), PERIODS), ahead)
        odds = np.asarray(self.booster.predict(np.hstack([encoded, times]), raw_score=True), dtype=np.float64)
        return np.asarray(expit(odds.reshape(len(rows), PERIODS)))

    def starts(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: log-odds at which the trees begin."""
        return np.zeros((len(rows), PERIODS)) if self.plain is None else self.plain.log_odds(rows)

    def chances(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: the chance that the event comes within so many."""
        return within(self.calibration.apply(self.raw(rows), self.starts(rows)))


def calendar(as_of: "pd.Series[Any]", ahead: Floats) -> Floats:
    """Twelfths of the year gone by in the middle of the period that lies so many ahead of each date."""
    days = pd.to_datetime(as_of).dt.day_of_year.to_numpy(dtype=np.float64) + PERIOD_DAYS * (ahead - 0.5)
    return np.asarray(12.0 * (days % YEAR_DAYS) / YEAR_DAYS)


def fit_curve(
    encoding: Encoding,
    lives: pd.DataFrame,
    seed: int,
    calibration: Calibration,
    params: dict[str, Any],
    plain: PlainHazards | None = None,
) -> Curve:
    """The curve that trees learn from all lives as far as they were seen, from ``plain`` hazards on."""
    rows, came = long(encoding, lives)
    if _seen_days(lives) < YEAR_DAYS:
        rows[CALENDAR.name] = np.nan  # of a part of the year it would tell the trend, and lead astray in the rest
    terms = {**PARAMS, "seed": seed, "objective": "binary", **params}
    trees = int(terms.pop("trees"))
    terms["feature_contri"] = [1.0] * (rows.shape[1] - 1) + [SEASON_WEIGHT]
    data = lgb.Dataset(
        rows,
        came,
        init_score=None if plain is None else plain.log_odds(lives)[months_seen(lives)],
        categorical_feature=list(encoding.categories),
        params={"max_bin": terms["max_bin"], "verbosity": -1},
    )
    return Curve(lgb.train(terms, data, num_boost_round=trees), encoding, calibration, plain)


def months_seen(lives: pd.DataFrame) -> "NDArray[np.bool_]":
    """Lives × periods: those that were seen, until the event."""
    periods = lives["periods"].to_numpy(dtype=np.int64)
    return np.asarray(np.arange(PERIODS)[None, :] < periods[:, None])


def long(encoding: Encoding, lives: pd.DataFrame) -> tuple[pd.DataFrame, Floats]:
    """One row per life and period seen (``with_period``), and whether the event came in it."""
    periods = lives["periods"].to_numpy(dtype=np.int64)
    encoded = encoding.encode(lives).to_numpy(dtype=np.float64)
    last = np.cumsum(periods) - 1
    ahead = np.arange(periods.sum()) - np.repeat(last - periods, periods)
    came = np.zeros(int(periods.sum()))
    came[last[lives["event"].to_numpy(dtype=bool)]] = 1.0
    times = _times(encoding, lives, np.repeat(np.arange(len(lives)), periods), ahead.astype(np.float64))
    long = np.hstack([np.repeat(encoded, periods, axis=0), times])
    return pd.DataFrame(long, columns=with_period(encoding).columns), came


def _times(encoding: Encoding, rows: pd.DataFrame, places: "NDArray[np.intp]", ahead: Floats) -> Floats:
    """One row per place among the rows and period ahead: the columns that ``with_period`` adds."""
    due = [] if encoding.due is None else [days_to_due(encoding.due, rows)[places] - PERIOD_DAYS * (ahead - 1)]
    return np.column_stack([ahead, *due, calendar(rows["as_of"].iloc[places], ahead)])


def when(encoding: Encoding, rows: pd.DataFrame, last: int) -> dict[str, Floats]:
    """The columns that ``with_period`` adds, one row per row: of the period in which what is due falls, up to the last
    one; of the last where nothing is due."""
    ahead = np.full(len(rows), float(last))
    if encoding.due is not None:
        ahead = np.fmin(np.floor(days_to_due(encoding.due, rows) / PERIOD_DAYS) + 1, ahead)
    return dict(zip(with_period(encoding).more, _times(encoding, rows, np.arange(len(rows)), ahead).T, strict=True))


def days_to_due(due: str, rows: pd.DataFrame) -> Floats:
    """Days from each row's date to what is due; NaN where nothing is."""
    return rows[due].to_numpy(dtype=np.float64, na_value=np.nan)


def _seen_days(lives: pd.DataFrame) -> float:
    """Days from the first date to the last period seen."""
    days = pd.to_datetime(lives["as_of"])
    ends = days + pd.to_timedelta(PERIOD_DAYS * lives["periods"], unit="D")
    return float((ends.max() - days.min()).days)


def with_period(encoding: Encoding) -> Encoding:
    """The encoding with the period, what is due and the time of the year behind all columns, as trees were given
    them."""
    due = () if encoding.due is None else (DUE.name,)
    return replace(encoding, more=(PERIOD.name, *due, CALENDAR.name))
