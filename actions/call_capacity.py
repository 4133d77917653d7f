"""The working time of owners: how much there is for calls, what a call costs, and which calls fit into it."""

from collections.abc import Mapping
from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company

CALL_TIME_SHARE = 0.4
"""The share of an owner's week that may go into proposed calls."""
DEFAULT_WEEKLY_HOURS = 40.0
"""The week of an owner without recorded hours."""
UNASSIGNED = ""
"""Owner of accounts without one; they share the week of one person."""
WEEK = timedelta(days=7)
LOGGED_CALL_MINUTES = 30.0
"""Duration of a logged call or meeting: an assumption, as activities have none."""


def call_cost(company: Company, minutes: float) -> float:
    """The cost of a call of that length, in the reporting currency."""
    return round(company.costs.hour * minutes / 60, 2)


def owner_minutes(company: Company) -> dict[str, float]:
    """Minutes by owner that proposed calls may take this week, less the calls and meetings of the last seven days.

    What was proposed and done yesterday uses up the same week. Covers known owners, and owners of recent activities
    (``UNASSIGNED`` for activities without one).
    """
    owners = company.tables["owners"].select("owner_id", "weekly_hours").execute().set_index("owner_id")
    activities = company.tables["activities"]
    recent = activities.filter(
        activities.kind.isin(("call", "meeting")), activities.happened_at >= ibis.literal(company.as_of_at - WEEK)
    )
    counts = recent.group_by(owner_id=recent.owner_id.fill_null(UNASSIGNED)).agg(calls=lambda t: t.count())
    calls = counts.execute().set_index("owner_id")["calls"]
    owner_ids = owners.index.union(calls.index).sort_values()
    hours = owners["weekly_hours"].reindex(owner_ids).astype(float).fillna(DEFAULT_WEEKLY_HOURS)
    minutes = hours * 60 * CALL_TIME_SHARE - calls.reindex(owner_ids).fillna(0) * LOGGED_CALL_MINUTES
    return dict(zip(owner_ids, minutes.clip(lower=0.0), strict=True))


def assign_within_capacity(candidates: pd.DataFrame, minutes: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The chosen candidate of each account, at most one, and the candidates that exceed their owner's time.

    Deferred acceptance (Gale & Shapley 1962): each account proposes its candidate of highest ``net``; owners keep those
    of highest value a minute; a refused account proposes its next candidate, until none is refused. Accounts of the
    holdout are assigned by the same rule, so that they can be compared, but use no time.

    ``candidates`` has ``account_id, action, product_id, net, owner_id, minutes, holdout``; ``minutes`` is by owner.
    """
    remaining = candidates.sort_values(
        ["account_id", "net", "action", "product_id"], ascending=[True, False, True, True], kind="stable"
    )
    refused: list[pd.DataFrame] = [remaining.iloc[:0]]
    while True:
        proposed = remaining.drop_duplicates("account_id")
        excess = _over_capacity(proposed, minutes)
        if excess.empty:
            return proposed, pd.concat(refused)
        refused.append(excess)
        remaining = remaining.drop(index=excess.index)


def _over_capacity(proposed: pd.DataFrame, minutes: Mapping[str, float]) -> pd.DataFrame:
    """The proposed calls that exceed their owner's time, those of highest value a minute served first."""
    calls = proposed[proposed["minutes"] > 0]
    calls = calls.assign(
        owner=calls["owner_id"].fillna(UNASSIGNED), value_per_minute=calls["net"] / calls["minutes"]
    ).sort_values(["owner", "value_per_minute", "account_id"], ascending=[True, False, True], kind="stable")
    used = calls["minutes"].where(~calls["holdout"], 0.0).groupby(calls["owner"]).cumsum()
    needed = used + calls["minutes"].where(calls["holdout"], 0.0)
    budget = calls["owner"].map(minutes).fillna(DEFAULT_WEEKLY_HOURS * 60 * CALL_TIME_SHARE)
    return proposed.loc[calls.index[needed > budget]]
