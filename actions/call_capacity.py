"""The hours of the people who call: how many a week there are, what one costs, and who is called within them."""

from collections.abc import Mapping
from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company

CALL_SHARE = 0.4
"""The share of an owner's week that may go into proposed calls; the rest is theirs."""
WEEKLY_HOURS = 40.0
"""The week of an owner whose hours nobody wrote down."""
UNASSIGNED = ""
"""Accounts that nobody owns share the week of one person."""
WEEK = timedelta(days=7)
TOOK_MINUTES = 30.0
"""What a call or a meeting of the last week took of its owner: an assumption, for nobody writes it down."""


def call_costs(company: Company, minutes: float) -> float:
    """What a call of so many minutes costs."""
    return round(company.costs.hour * minutes / 60, 2)


def owner_minutes(company: Company) -> dict[str, float]:
    """Minutes that each owner may still spend on proposed calls: a week's, less the calls and meetings of the last one.

    Nights follow each other: what was proposed yesterday and done must not be granted again today. An owner is here who
    is known, or called or met anybody in the last week (``UNASSIGNED`` for what nobody is named for).
    """
    owners = company.tables["owners"].select("owner_id", "weekly_hours").execute().set_index("owner_id")
    activities = company.tables["activities"]
    lately = activities.filter(
        activities.kind.isin(("call", "meeting")), activities.happened_at >= ibis.literal(company.as_of_at - WEEK)
    )
    done = lately.group_by(owner_id=lately.owner_id.fill_null(UNASSIGNED)).agg(times=lambda t: t.count())
    times = done.execute().set_index("owner_id")["times"]
    everybody = owners.index.union(times.index).sort_values()
    week = owners["weekly_hours"].reindex(everybody).astype(float).fillna(WEEKLY_HOURS) * 60 * CALL_SHARE
    left = (week - times.reindex(everybody).fillna(0) * TOOK_MINUTES).clip(lower=0.0)
    return dict(zip(everybody, left, strict=True))


def assign(candidates: pd.DataFrame, minutes: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The candidate each account gets, at most one, and those refused because their owner's week is full.

    Accounts ask for what is worth most to them; owners keep what is worth most by the minute; who is refused asks for
    the next best, until nobody is refused. Accounts of the holdout are chosen for like all others, so that they can be
    compared, but take no time. ``candidates`` has ``account_id, action, product_id, net, owner_id, minutes, holdout``.
    """
    live = candidates.sort_values(
        ["account_id", "net", "action", "product_id"], ascending=[True, False, True, True], kind="stable"
    )
    refused: list[pd.DataFrame] = [live.iloc[:0]]
    while True:
        picked = live.drop_duplicates("account_id")
        over = _beyond(picked, minutes)
        if over.empty:
            return picked, pd.concat(refused)
        refused.append(over)
        live = live.drop(index=over.index)


def _beyond(picked: pd.DataFrame, minutes: Mapping[str, float]) -> pd.DataFrame:
    """The picked calls that do not fit into their owners' weeks, best by the minute served first."""
    calls = picked[picked["minutes"] > 0]
    calls = calls.assign(
        owner=calls["owner_id"].fillna(UNASSIGNED), per_minute=calls["net"] / calls["minutes"]
    ).sort_values(["owner", "per_minute", "account_id"], ascending=[True, False, True], kind="stable")
    taken = calls["minutes"].where(~calls["holdout"], 0.0).groupby(calls["owner"]).cumsum()
    needed = taken + calls["minutes"].where(calls["holdout"], 0.0)
    budget = calls["owner"].map(minutes).fillna(WEEKLY_HOURS * 60 * CALL_SHARE)
    return picked.loc[calls.index[needed > budget]]
