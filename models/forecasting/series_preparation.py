"""Histories made ready to be forecast: one value per period, what was mended said, what cannot be forecast abstained.

A long table (``unique_id, ds, y``) comes as it is: unsorted, with holes, periods told twice, empty cells and spikes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats

Kind = Literal["flow", "level"]

COLUMNS = ("unique_id", "ds", "y")
FEWEST = 3
"""Periods without which a series has no forecast: less than that tells neither where it stands nor how it moves."""
SPIKE = 12.0
"""Robust deviations from its neighbourhood (and from its season) by which a value is a spike."""
BREAK = 8.0
"""Robust deviations by which the level of what follows differs from that of what went before."""
SEASONS = {"D": 7, "W": 52, "M": 12, "Q": 4, "Y": 1}
MOST_NAMED = 5


@dataclass(frozen=True)
class History:
    """One series: ``values`` by period, oldest first, without holes; ``ends`` is the ordinal of its last period.

    ``came`` is what was told before spikes were brought back: forecasts are judged on it. ``notes`` say what was mended
    or found. ``floor`` is 0 where a value below it was never seen, else −∞.
    """

    unique_id: str
    ends: int
    values: Floats
    came: Floats
    notes: tuple[str, ...] = ()
    floor: float = 0.0

    def before(self, back: int) -> Floats:
        """What was known ``back`` periods before the end; a copy that may be written to."""
        return np.array(self.values[: len(self.values) - back], dtype=np.float64)


@dataclass(frozen=True)
class Calendar:
    """The periods of a table: ``frequency`` is pandas' name of a period, ``offset`` where in it its day lies."""

    frequency: str
    offset: pd.Timedelta | Literal["end"]

    @classmethod
    def of(cls, days: pd.Series, frequency: str | None = None) -> "Calendar":
        """The calendar of the days of a table; the frequency is told by the usual distance of days unless given."""
        known = pd.DatetimeIndex(days.dropna().unique()).sort_values()
        if frequency is None:
            frequency = _frequency(known)
        periods = known.to_period(frequency)
        after = known - periods.start_time
        if len(known) > 1 and after.nunique() > 1 and (known.normalize() == periods.end_time.normalize()).all():
            return cls(frequency, "end")
        usual = pd.Series(after).mode()
        return cls(frequency, pd.Timedelta(usual.iloc[0]) if len(usual) else pd.Timedelta(0))

    @property
    def season(self) -> int:
        """Periods of a season: a year, or the week of a daily table."""
        return SEASONS[self.frequency[0]]

    def ordinals(self, days: pd.Series) -> NDArray[np.int64]:
        """The ordinal of the period of each day."""
        ordinals: NDArray[np.int64] = pd.PeriodIndex(pd.DatetimeIndex(days), freq=self.frequency).asi8
        return ordinals

    def days(self, ordinals: NDArray[np.int64]) -> pd.DatetimeIndex:
        """The day by which the table names each period."""
        periods = self.periods(ordinals)
        days = periods.end_time.normalize() if self.offset == "end" else periods.start_time + self.offset
        return pd.DatetimeIndex(days)

    def periods(self, ordinals: NDArray[np.int64]) -> pd.PeriodIndex:
        """Periods by their ordinals."""
        told: pd.PeriodIndex = pd.PeriodIndex.from_ordinals(ordinals, freq=self.frequency)  # type: ignore[attr-defined]
        return told


def _frequency(days: pd.DatetimeIndex) -> str:
    if len(days) < 2:
        return "M"
    usual = float(np.median(np.diff(days.to_numpy()).astype("timedelta64[D]").astype(np.float64)))
    longest = (("D", 1.5), ("W", 10.0), ("M", 45.0), ("Q", 120.0), ("Y", 500.0))
    name = next((name for name, days_apart in longest if usual <= days_apart), None)
    if name is None:
        raise ValueError(f"days of ds lie {usual:g} apart: no frequency is known for that; give one, such as 'M'")
    if name == "W":  # a day names the week that begins with it
        return "W-" + ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")[int(pd.Series(days.day_of_week).mode().iloc[0])]
    return name


def checked(long: pd.DataFrame) -> pd.DataFrame:
    """The three columns of a long table with their types; ``ValueError`` names what is missing or cannot be read."""
    absent = [name for name in COLUMNS if name not in long.columns]
    if absent:
        raise ValueError(f"the table has no column {', '.join(absent)}; a long table has {', '.join(COLUMNS)}")
    days = pd.to_datetime(long["ds"], errors="coerce")
    amounts = pd.to_numeric(long["y"], errors="coerce")
    wrong = (days.isna() & long["ds"].notna()) | (amounts.isna() & long["y"].notna())
    if wrong.any():
        shown = long.loc[wrong, list(COLUMNS)].head(MOST_NAMED).astype(str).agg(" ".join, axis=1).tolist()
        raise ValueError(f"{int(wrong.sum())} rows hold a ds or y that cannot be read: {'; '.join(shown)}; mend them")
    read = pd.DataFrame({"unique_id": long["unique_id"].astype(str), "ds": days, "y": amounts.astype(np.float64)})
    if read["ds"].isna().any() or long["unique_id"].isna().any():
        raise ValueError("rows without a unique_id or a ds belong to no series and period; drop them")
    read = read.reset_index(drop=True)
    return read.replace({"y": {np.inf: np.nan, -np.inf: np.nan}})


def histories(
    long: pd.DataFrame, calendar: Calendar, kind: Kind, complete_before: date | None = None, fewest: int = FEWEST
) -> tuple[list[History], Mapping[str, str]]:
    """The history of each series that can be forecast, and the reason of each that cannot, by its name.

    In a table of flows (amounts that add up) a missing period means that nothing came, and rows of one period are its
    parts; in a table of levels holes are bridged, and rows of one period are averaged. Periods not over by
    ``complete_before`` are left out; series of fewer than ``fewest`` periods abstain.
    """
    table = long.assign(period=calendar.ordinals(long["ds"]))
    under_way = pd.Series(False, index=table.index)
    if complete_before is not None:
        now = calendar.ordinals(pd.Series([pd.Timestamp(complete_before)]))[0]
        under_way = table["period"] >= now
    last = int(table.loc[~under_way, "period"].max()) if (~under_way).any() else 0
    ready, abstained = [], {}
    for name, rows in table.groupby("unique_id", sort=True):
        cut = under_way.loc[rows.index]
        notes = [f"the period under way is left out: {int(cut.sum())} rows"] if cut.any() else []
        rows = rows[~cut].dropna(subset="y")
        if rows.empty:
            abstained[str(name)] = "no value in any complete period"
            continue
        came = _told(rows, last, kind, notes)
        came = _after_break(came, calendar.season, notes)
        mended = _without_spikes(came, calendar.season, notes)
        if len(mended) < fewest:
            abstained[str(name)] = f"{len(mended)} periods of history; {fewest} are needed"
            continue
        ends = last if kind == "flow" else int(rows["period"].max())
        floor = 0.0 if float(rows["y"].min()) >= 0 else -np.inf
        ready.append(History(str(name), ends, mended, came, tuple(notes), floor))
    return ready, abstained


def _told(rows: pd.DataFrame, last: int, kind: Kind, notes: list[str]) -> Floats:
    """Values of every period from the first to the last; notes are added."""
    twice = rows.duplicated("period").sum()
    if twice:
        copies = rows.duplicated(["period", "y"]).sum()
        notes.append(f"{twice} periods told more than once: {copies} copies dropped, other rows are parts of a whole")
        rows = rows.drop_duplicates(["period", "y"])
    told = rows.groupby("period")["y"].agg("sum" if kind == "flow" else "mean")
    ends = last if kind == "flow" else int(told.index.max())
    whole = told.reindex(np.arange(int(told.index.min()), ends + 1))
    holes = int(whole.isna().sum())
    if holes:
        notes.append(f"{holes} periods without a row: " + ("nothing came in them" if kind == "flow" else "bridged"))
    whole = whole.fillna(0.0) if kind == "flow" else whole.interpolate()
    values = np.array(whole, dtype=np.float64)
    if not values.any():
        notes.append("every value is zero")
    elif (values == values[0]).all():
        notes.append("every value is the same")
    return values


def _without_spikes(values: Floats, season: int, notes: list[str]) -> Floats:
    """Single values far from their neighbours, in their year only, brought back to the middle of these."""
    if len(values) < 8:
        return values
    around = np.array(pd.Series(values).rolling(7, center=True, min_periods=4).median(), dtype=np.float64)
    away = values - around
    usual = 1.4826 * float(np.median(np.abs(away)))
    if usual == 0.0:  # most values lie on their neighbours' middle: what is rare is not wrong
        return values
    spikes = np.abs(away) > SPIKE * usual
    for lag in (season, -season):
        other = np.roll(away, lag)
        there = np.roll(np.ones(len(values), dtype=bool), lag)
        there[:lag] = there[:lag] & (lag < 0)
        if lag < 0:
            there[lag:] = False
        spikes &= ~(there & (season > 1) & (np.sign(other) == np.sign(away)) & (np.abs(other) > 0.3 * np.abs(away)))
    spikes[-2:] = False  # what came last may be the beginning of something
    if spikes.sum() > max(1, len(values) // 20):
        return values
    if spikes.any():
        many = int(spikes.sum())
        notes.append(f"{many} spike{'s' if many > 1 else ''} brought back to the middle of what stands beside")
    return np.where(spikes, around, values)


def _after_break(values: Floats, season: int, notes: list[str]) -> Floats:
    """What followed the last break of the level, where that is long enough to be known by itself; else everything."""
    shortest = max(2 * season, 8)
    if len(values) < 2 * shortest:
        return values
    best, at = 0.0, 0
    for place in range(shortest, len(values) - shortest + 1):
        left, right = values[place - shortest : place], values[place : place + shortest]
        usual = 1.4826 * float(np.median(np.abs(np.concatenate([left - np.median(left), right - np.median(right)]))))
        jump = abs(float(np.median(right) - np.median(left)))
        at_once = abs(float(np.median(values[place : place + 3]) - np.median(values[place - 3 : place])))
        if usual > 0 and at_once > 0.5 * jump and jump / usual > best:
            best, at = jump / usual, place
    if best <= BREAK:
        return values
    notes.append(f"the level broke {len(values) - at} periods before the end: what went before is left out")
    return values[at:]
