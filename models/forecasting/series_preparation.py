"""Preparation of series: one value per period, gaps filled, outliers replaced, values before a level shift dropped.

Each change is noted on its series; series that cannot be forecast abstain with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from models.forecasting.calendar import Calendar

Kind = Literal["flow", "level"]

COLUMNS = ("unique_id", "ds", "y")
MIN_PERIODS = 3
"""Periods below which a series abstains: fewer show neither its level nor its trend."""
OUTLIER_Z = 12.0
"""Robust standard deviations from the local median (and from that of a season before and after) of an outlier."""
LEVEL_SHIFT_Z = 8.0
"""Robust standard deviations between the levels before and after a shift."""
MAD_TO_SD = 1.4826
MAX_ROWS_SHOWN = 5


@dataclass(frozen=True)
class TimeSeries:
    """One series without gaps, oldest value first; ``last_period`` is the ordinal of its last period.

    ``values`` have outliers replaced, ``actuals`` are as observed (forecasts are evaluated on them). ``notes`` list
    what was changed or found. ``floor`` is 0 where no value is below it, else −∞.
    """

    unique_id: str
    last_period: int
    values: Floats
    actuals: Floats
    notes: tuple[str, ...] = ()
    floor: float = 0.0

    def before(self, cutoff: int) -> Floats:
        """A writable copy of the values up to ``cutoff`` periods before the end."""
        return np.array(self.values[: len(self.values) - cutoff], dtype=np.float64)


def validate_long(df: pd.DataFrame) -> pd.DataFrame:
    """``unique_id, ds, y`` with their types, infinite values as missing; ``ValueError`` lists what cannot be read."""
    absent = [name for name in COLUMNS if name not in df.columns]
    if absent:
        raise ValueError(f"the table has no column {', '.join(absent)}; a long table has {', '.join(COLUMNS)}")
    dates = pd.to_datetime(df["ds"], errors="coerce")
    amounts = pd.to_numeric(df["y"], errors="coerce")
    unreadable = (dates.isna() & df["ds"].notna()) | (amounts.isna() & df["y"].notna())
    if unreadable.any():
        rows = df.loc[unreadable, list(COLUMNS)].head(MAX_ROWS_SHOWN).astype(str).agg(" ".join, axis=1).tolist()
        raise ValueError(
            f"{int(unreadable.sum())} rows hold a ds or y that cannot be read: {'; '.join(rows)}; correct them"
        )
    typed = pd.DataFrame({"unique_id": df["unique_id"].astype(str), "ds": dates, "y": amounts.astype(np.float64)})
    if typed["ds"].isna().any() or df["unique_id"].isna().any():
        raise ValueError("rows without a unique_id or a ds belong to no series or period; drop them")
    return typed.reset_index(drop=True).replace({"y": {np.inf: np.nan, -np.inf: np.nan}})


def prepare_series(
    df: pd.DataFrame,
    calendar: Calendar,
    kind: Kind,
    complete_before: date | None = None,
    min_periods: int = MIN_PERIODS,
) -> tuple[list[TimeSeries], Mapping[str, str]]:
    """Each series that can be forecast, sorted by ``unique_id``, and the reason of each that abstains.

    In a table of flows (amounts that add up) a missing period is 0, and rows of one period are summed; in a table of
    levels gaps are interpolated, and rows of one period are averaged. Periods that are not over by ``complete_before``
    are left out; series of fewer than ``min_periods`` abstain.
    """
    table = df.assign(period=calendar.ordinals(df["ds"]))
    incomplete = pd.Series(False, index=table.index)
    if complete_before is not None:
        current = calendar.ordinals(pd.Series([pd.Timestamp(complete_before)]))[0]
        incomplete = table["period"] >= current
    last = int(table.loc[~incomplete, "period"].max()) if (~incomplete).any() else 0
    prepared, abstained = [], {}
    for name, rows in table.groupby("unique_id", sort=True):
        dropped = incomplete.loc[rows.index]
        notes = [f"{int(dropped.sum())} rows of the current, incomplete period left out"] if dropped.any() else []
        rows = rows[~dropped].dropna(subset="y")
        if rows.empty:
            abstained[str(name)] = "no value in any complete period"
            continue
        actuals = _regularize(rows, last, kind, notes)
        actuals = _after_level_shift(actuals, calendar.season_length, notes)
        values = _replace_outliers(actuals, calendar.season_length, notes)
        if len(values) < min_periods:
            abstained[str(name)] = f"{len(values)} periods of history; {min_periods} are needed"
            continue
        last_period = last if kind == "flow" else int(rows["period"].max())
        floor = 0.0 if float(rows["y"].min()) >= 0 else -np.inf
        prepared.append(TimeSeries(str(name), last_period, values, actuals, tuple(notes), floor))
    return prepared, abstained


def _regularize(rows: pd.DataFrame, last: int, kind: Kind, notes: list[str]) -> Floats:
    """One value per period from the first to the last; appends to ``notes``."""
    repeated = rows.duplicated("period").sum()
    if repeated:
        copies = rows.duplicated(["period", "y"]).sum()
        combined = "summed" if kind == "flow" else "averaged"
        notes.append(f"{repeated} rows repeat a period: {copies} exact copies dropped, the others {combined}")
        rows = rows.drop_duplicates(["period", "y"])
    by_period = rows.groupby("period")["y"].agg("sum" if kind == "flow" else "mean")
    end = last if kind == "flow" else int(by_period.index.max())
    complete = by_period.reindex(np.arange(int(by_period.index.min()), end + 1))
    gaps = int(complete.isna().sum())
    if gaps:
        notes.append(f"{gaps} periods without a row: " + ("taken as 0" if kind == "flow" else "interpolated"))
    complete = complete.fillna(0.0) if kind == "flow" else complete.interpolate()
    values = np.array(complete, dtype=np.float64)
    if not values.any():
        notes.append("every value is zero")
    elif (values == values[0]).all():
        notes.append("every value is the same")
    return values


def _replace_outliers(values: Floats, season_length: int, notes: list[str]) -> Floats:
    """The series with single outliers replaced by the local median; appends to ``notes``.

    A value that deviates likewise one season before or after is seasonal, not an outlier (a Hampel filter by season).
    """
    if len(values) < 8:
        return values
    local_median = np.array(pd.Series(values).rolling(7, center=True, min_periods=4).median(), dtype=np.float64)
    deviations = values - local_median
    sd = MAD_TO_SD * float(np.median(np.abs(deviations)))
    if sd == 0.0:  # most values equal their local median: a rare value is not wrong
        return values
    outliers = np.abs(deviations) > OUTLIER_Z * sd
    if season_length > 1:
        for lag in (season_length, -season_length):
            outliers &= ~_repeats(deviations, lag)
    outliers[-2:] = False  # the latest values may be the beginning of a new level
    if outliers.sum() > max(1, len(values) // 20):
        return values
    if outliers.any():
        count = int(outliers.sum())
        notes.append(f"{count} outlier{'s' if count > 1 else ''} replaced by the local median")
    return np.where(outliers, local_median, values)


def _repeats(deviations: Floats, lag: int) -> Bools:
    """Whether the value ``lag`` periods before deviates in the same direction, by at least 30 % as much."""
    other = np.roll(deviations, lag)
    exists = np.ones(len(deviations), dtype=bool)
    if lag > 0:
        exists[:lag] = False
    else:
        exists[lag:] = False
    repeats: Bools = exists & (np.sign(other) == np.sign(deviations)) & (np.abs(other) > 0.3 * np.abs(deviations))
    return repeats


def _after_level_shift(values: Floats, season_length: int, notes: list[str]) -> Floats:
    """The values after the largest level shift, where two seasons lie on either side of it; else all values.

    A shift is sudden: more than half of it happens within three periods.
    """
    window = max(2 * season_length, 8)
    if len(values) < 2 * window:
        return values
    best, shift = 0.0, 0
    for i in range(window, len(values) - window + 1):
        left, right = values[i - window : i], values[i : i + window]
        sd = MAD_TO_SD * float(np.median(np.abs(np.concatenate([left - np.median(left), right - np.median(right)]))))
        jump = abs(float(np.median(right) - np.median(left)))
        sudden = abs(float(np.median(values[i : i + 3]) - np.median(values[i - 3 : i])))
        if sd > 0 and sudden > 0.5 * jump and jump / sd > best:
            best, shift = jump / sd, i
    if best <= LEVEL_SHIFT_Z:
        return values
    notes.append(f"level shift {len(values) - shift} periods before the end: earlier values left out")
    return values[shift:]
