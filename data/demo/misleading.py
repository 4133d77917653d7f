"""What misleads without being broken, found in the finished tables and noted in the list of trouble."""

import numpy as np
import pandas as pd

from data.contract import TABLES
from data.demo.calendar import History
from data.demo.planted_log import PlantedLog, keys_of

RECENT_DAYS = 90


def note_misleading_rows(
    tables: dict[str, pd.DataFrame], unmarked: pd.DataFrame, history: History, notes: PlantedLog
) -> None:
    """Notes machine opens, clock changes, opt-outs, rewritten amounts, offers of what is owned, the incomplete day."""
    touches, contacts = tables["touches"], tables["contacts"]
    notes.add("machine open, not marked", "touches", unmarked["touch_id"])
    notes.add("clock change", "touches", _at_clock_changes(touches, contacts, history)["touch_id"])
    consents = tables["consents"]
    withdrawn = consents[consents["status"] == "withdrawn"]
    notes.add("opted out", "consents", keys_of(withdrawn, TABLES["consents"].key))
    left = touches[(touches["kind"] == "unsubscribed") & ~touches["contact_id"].isin(withdrawn["contact_id"])]
    notes.add("unsubscribed, consent not withdrawn", "touches", left["touch_id"])
    _amounts(tables, notes)
    _owned(tables, history, notes)
    notes.add("incomplete day", "orders", [_last_day(history)])


def _at_clock_changes(touches: pd.DataFrame, contacts: pd.DataFrame, history: History) -> pd.DataFrame:
    """Mail sent on a local day on which the person's clocks change."""
    sent = touches[touches["kind"] == "sent"]
    zone = sent["contact_id"].map(contacts.drop_duplicates("contact_id").set_index("contact_id")["timezone"])
    parts = []
    days = pd.date_range(history.days[0], history.days[-1], unit="s")
    utc_day = sent["happened_at"].dt.normalize()
    for name in sorted(set(zone.dropna())):
        try:
            there = days.tz_localize(name, ambiguous=np.ones(len(days), dtype=bool), nonexistent="shift_forward")
        except (KeyError, ValueError):  # an invalid zone, planted
            continue
        offset = days - there.tz_convert("UTC").tz_localize(None)
        changed = days[:-1][offset[1:] != offset[:-1]]
        near = changed.append([changed - pd.Timedelta(days=1), changed + pd.Timedelta(days=1)])
        mine = sent[(zone == name) & utc_day.isin(near)]
        local = mine["happened_at"].dt.tz_localize("UTC").dt.tz_convert(name).dt.tz_localize(None).dt.normalize()
        parts.append(mine[local.isin(changed)])
    return pd.concat(parts) if parts else sent.iloc[:0]


def _amounts(tables: dict[str, pd.DataFrame], notes: PlantedLog) -> None:
    """Deals whose amount was rewritten when their outcome was known."""
    changes, deals = tables["opportunity_changes"], tables["opportunities"]
    last = changes[changes["field"] == "amount"].merge(
        deals[["opportunity_id", "closed_at", "outcome"]], on="opportunity_id"
    )
    last = last[last["changed_at"] == last["closed_at"]]
    notes.add("filled in after the outcome", "opportunities", last["opportunity_id"], "amount")


def _owned(tables: dict[str, pd.DataFrame], history: History, notes: PlantedLog) -> None:
    """Campaigns of the last months that offered an account what it had ordered before, as ``campaign|account``."""
    until = pd.Timestamp(history.until, unit="s")
    campaigns = tables["campaigns"]
    campaigns = campaigns[campaigns["started_at"] > until - pd.Timedelta(days=RECENT_DAYS)]
    touches = tables["touches"]
    touches = touches[(touches["kind"] == "sent") & touches["campaign_id"].isin(campaigns["campaign_id"])]
    offered = touches.merge(campaigns[["campaign_id", "product_id"]], on="campaign_id")
    offered = offered.merge(tables["contacts"][["contact_id", "account_id"]], on="contact_id")
    bought = tables["orders"].groupby(["account_id", "product_id"], as_index=False)["ordered_at"].min()
    both = offered.merge(bought, on=["account_id", "product_id"])
    both = both[both["ordered_at"] < both["happened_at"]].drop_duplicates(["campaign_id", "account_id"])
    notes.add(
        "offered what it has", "campaigns", keys_of(both, ("campaign_id", "account_id")), both["product_id"].to_numpy()
    )


def _last_day(history: History) -> str:
    return str(history.days[int(np.searchsorted(history.day_starts, history.until, side="right")) - 1])
