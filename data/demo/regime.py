"""A change of regime, planted on request: from one instant on, customers behave as after a real shock.

Everything before the instant is the company's that has no such change, to the byte: the change is worked into finished
tables. Fewer orders come, more tickets, the product is used less, and more customers leave.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

ORDERS_LOST = 0.35
"""Share of the orders that are not placed any more."""
TICKETS_ADDED = 0.8
"""Further tickets for each one, on average."""
USAGE_LOST = 0.25
"""Share of the product's use that is lost."""
CHURN_ADDED = 0.03
"""Chance a month that a subscriber leaves who would not have."""
MONTH = pd.Timedelta(days=30.4375)

SIGNS: dict[str, float] = {
    "orders": 1 - ORDERS_LOST,
    "tickets": 1 + TICKETS_ADDED,
    "usage": 1 - USAGE_LOST,
    "leaving": CHURN_ADDED,
}
"""How the change shows: what the rate is multiplied by; of leaving, what is added to the chance a month."""
CUSTOMER_TABLES = {"subscriptions": "started_at", "orders": "ordered_at", "invoices": "issued_at",
                        "tickets": "opened_at", "usage": "day"}  # fmt: skip


def change_regime(
    tables: dict[str, pd.DataFrame], at: pd.Timestamp, until: pd.Timestamp, seed: int, signs: Sequence[str]
) -> pd.DataFrame:
    """Change the tables from an instant on; the truth of it: one row per sign, with its factor and first instant.

    Raises ``ValueError`` for signs that are not in ``SIGNS``.
    """
    unknown = sorted(set(signs) - set(SIGNS))
    if unknown:
        raise ValueError(f"a regime has no signs {unknown}; name some of {list(SIGNS)}")
    left = pd.Series(dtype="datetime64[us]")
    if "leaving" in signs:
        left = _leavers(tables["subscriptions"], at, until, np.random.default_rng([seed, 97, 0]))
        _leave(tables, left)
    if "orders" in signs:
        _lose_orders(tables, at, np.random.default_rng([seed, 97, 1]))
    if "usage" in signs:
        _use_less(tables, at, np.random.default_rng([seed, 97, 2]))
    if "tickets" in signs:
        _complain_more(tables, at, until, np.random.default_rng([seed, 97, 3]))
    truth = pd.DataFrame({"sign": list(signs), "factor": [SIGNS[sign] for sign in signs]})
    return truth.assign(since=at.as_unit("us"))


def _leavers(
    subscriptions: pd.DataFrame, at: pd.Timestamp, until: pd.Timestamp, rng: np.random.Generator
) -> "pd.Series[pd.Timestamp]":
    """When each account leaves that leaves for this reason, by account."""
    runs = (subscriptions["started_at"] < at) & ~(subscriptions["ended_at"] < at)
    accounts = np.sort(subscriptions.loc[runs, "account_id"].dropna().unique())
    waits = rng.exponential(1 / -np.log1p(-CHURN_ADDED), len(accounts))
    leaves = pd.Series(at + pd.to_timedelta(waits * MONTH.total_seconds(), unit="s").floor("s"), index=accounts)
    return leaves[leaves < until]


def _leave(tables: dict[str, pd.DataFrame], left: "pd.Series[pd.Timestamp]") -> None:
    """The subscriptions of those who leave end then, and nothing comes of them later."""
    rows = tables["subscriptions"]
    leaves = rows["account_id"].map(left)
    ends = leaves.notna() & (rows["started_at"] < leaves) & ~(rows["ended_at"] <= leaves)
    tables["subscriptions"] = rows.assign(
        ended_at=rows["ended_at"].mask(ends, leaves), end_reason=rows["end_reason"].mask(ends, "cancelled")
    )
    for table, column in CUSTOMER_TABLES.items():
        rows = tables[table]
        later = pd.to_datetime(rows[column]) >= rows["account_id"].map(left)
        tables[table] = rows[~later.to_numpy()].reset_index(drop=True)


def _lose_orders(tables: dict[str, pd.DataFrame], at: pd.Timestamp, rng: np.random.Generator) -> None:
    """Whole orders are not placed, nor their lines sent back; of the invoices that are for orders, as many lack."""
    rows = tables["orders"]
    first = rows[rows["status"] != "returned"].groupby("order_id")[["ordered_at", "known_at"]].min().min(axis=1)
    after = first[first >= at].index  # what is dated in the future was known before
    lost = after[rng.random(len(after)) < ORDERS_LOST]
    tables["orders"] = rows[~rows["order_id"].isin(lost)].reset_index(drop=True)
    bills = tables["invoices"]
    for_orders = ((bills["issued_at"] >= at) & bills["subscription_id"].isna()).to_numpy()
    unbilled = for_orders & (rng.random(len(bills)) < ORDERS_LOST)
    tables["invoices"] = bills[~unbilled].reset_index(drop=True)


def _use_less(tables: dict[str, pd.DataFrame], at: pd.Timestamp, rng: np.random.Generator) -> None:
    """Users stay away, and with them what they did; a day without users has no row."""
    rows = tables["usage"]
    noon = pd.to_datetime(rows["day"]) + pd.Timedelta(hours=12)
    after = np.flatnonzero(noon >= at)
    users = rows["active_users"].to_numpy(np.float64).copy()
    events = rows["events"].to_numpy(np.float64).copy()
    for values in (users, events):
        whole = np.nan_to_num(np.maximum(values[after], 0)).astype(np.int64)
        values[after] = rng.binomial(whole, 1 - USAGE_LOST)
    rows = rows.assign(active_users=users, events=events)
    nobody = np.zeros(len(rows), dtype=bool)
    nobody[after] = users[after] == 0
    tables["usage"] = rows[~nobody].reset_index(drop=True)


def _complain_more(
    tables: dict[str, pd.DataFrame],
    at: pd.Timestamp,
    until: pd.Timestamp,
    rng: np.random.Generator,
) -> None:
    """Further tickets of the same accounts, within hours of the first."""
    rows = tables["tickets"]
    after = rows[rows["opened_at"] >= at]
    more = after.loc[np.repeat(after.index, rng.poisson(TICKETS_ADDED, len(after)))]
    later = pd.to_timedelta(rng.integers(60, 4 * 3600, len(more)), unit="s")
    nth = more.groupby("ticket_id").cumcount() + 2
    lasted = more["closed_at"] - more["opened_at"]
    opened = more["opened_at"] + later
    closed = opened + lasted
    open_still = ~(closed < until)
    more = more.assign(
        ticket_id=[f"{first}-{nth}" for first, nth in zip(more["ticket_id"], nth, strict=True)],
        opened_at=opened,
        closed_at=closed.mask(open_still),
        satisfaction=more["satisfaction"].mask(open_still),
        known_at=more["known_at"] + later,
    )
    rows = pd.concat([rows, more[more["opened_at"] < until]], ignore_index=True)
    tables["tickets"] = rows.sort_values(["opened_at", "ticket_id"], ignore_index=True)
