"""The best hours of each contact's week, the next instant of the best one, and the figure of a typical week."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.week_hours import WEEKDAYS, hour_of_week_name, next_hour_of_week
from models.estimators.hour_of_week import HOURS_PER_WEEK, HourOfWeekModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_WINDOWS = 3
MIN_HOURS_BETWEEN = 2
"""Two windows of one contact on one day are more hours than this from one another."""
MIN_SENDS_PER_HOUR = 20
"""An hour with fewer sends is never proposed."""


def best_windows(week: Floats) -> Ints:
    """Contacts × ``N_WINDOWS``: the best hours of the week, best first, on one day more than ``MIN_HOURS_BETWEEN`` from
    one another. ``week`` is contacts × 168."""
    hour, day = np.arange(HOURS_PER_WEEK) % 24, np.arange(HOURS_PER_WEEK) // 24
    near = (day[:, None] == day[None, :]) & (np.abs(hour[:, None] - hour[None, :]) <= MIN_HOURS_BETWEEN)
    remaining, best = week.copy(), np.zeros((len(week), N_WINDOWS), dtype=np.int64)
    for window in range(N_WINDOWS):
        best[:, window] = remaining.argmax(axis=1)
        remaining[near[best[:, window]]] = -2.0
    return best


def contact_windows(
    model: HourOfWeekModel, sends: pd.DataFrame, contacts: pd.DataFrame, after: datetime
) -> pd.DataFrame:
    """The contacts with ``send_windows``, and the next instant of the best one after an instant."""
    ids = contacts["contact_id"].to_numpy()
    week = model.population_week(model.propensity(sends, ids)) * model.factors(sends, ids)
    has_sends = np.bincount(sends["hour_of_week"], minlength=HOURS_PER_WEEK) >= MIN_SENDS_PER_HOUR
    return with_send_times(contacts, best_windows(np.where(has_sends, week, -1.0)), after)


def with_send_times(contacts: pd.DataFrame, best: Ints, after: datetime) -> pd.DataFrame:
    """The contacts with their windows, and the next instant of the best one, in UTC and local time."""
    first = list(zip(best[:, 0].tolist(), contacts["send_timezone"], strict=True))
    instants = {(hour, zone): next_hour_of_week(hour, zone, after) for hour, zone in sorted(set(first))}
    local = {
        (hour, zone): instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")
        for (hour, zone), instant in instants.items()
    }
    names = [hour_of_week_name(hour) for hour in range(HOURS_PER_WEEK)]
    return contacts.assign(
        send_windows=[json.dumps([names[hour] for hour in hours]) for hours in best],
        send_at=pd.Series([instants[key] for key in first], index=contacts.index, dtype="datetime64[us]"),
        send_local=[local[key] for key in first],
        abstained=None,
    )


def plot_week(model: HourOfWeekModel) -> "Figure":
    """Heat map of the response probability of a contact without history, by weekday and hour."""
    from matplotlib.figure import Figure

    no_sends = pd.DataFrame({"contact_id": [], "responded": []})
    week = model.population_week(model.propensity(no_sends, np.array(["any"])))
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    image = axes.imshow(week.reshape(7, 24) * 100, aspect="auto", cmap="BuGn", vmin=0)
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    axes.set_title("E-mails responded to, by the hour at which they were sent (local time)", loc="left", fontsize=10)
    figure.colorbar(image, label="%")
    return figure
