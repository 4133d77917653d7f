"""The causes by which contracts and deals moved the revenue forecast between two nights, and their amounts."""

import numpy as np
import pandas as pd

from data.arrays import Bools
from features.company import Company
from features.revenue.bookings import closed_deals, subscription_bookings
from features.subscriptions.succession import successors

CORRECTED, WON, LOST, NEW, CHURNED, EXPANDED = "data corrected", "won", "lost", "new", "churned", "expanded"
AMOUNT, MOVED, PASSED = "amount changed", "deal moved", "as time passed"
ITEM_CAUSES: tuple[str, ...] = (CORRECTED, WON, LOST, NEW, CHURNED, EXPANDED, AMOUNT, MOVED, PASSED)
"""Causes of contracts and deals, in the order of the bridge."""
AMOUNTS = ["recognized", "expected"]


def item_movements(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per contract or deal, leaf, month and cause: the changes of its ``recognized`` and ``expected``.

    ``before`` and ``after`` are line items of two forecasts (``models.revenue.forecast_table``), ``since`` the date of
    the first. A change in an open deal's amount counts at the probabilities of ``before``; the rest of its movement has
    the deal's own cause.
    """
    keys = ["kind", "key", "leaf", "month"]
    both = before[[*keys, *AMOUNTS]].merge(after[[*keys, *AMOUNTS]], how="outer", on=keys, suffixes=("_before", ""))
    both = both.fillna(dict.fromkeys([f"{name}{suffix}" for name in AMOUNTS for suffix in ("", "_before")], 0.0))
    causes = [deal_causes(company, before, after, since), contract_causes(company, before, after, since)]
    both = both.merge(pd.concat(causes), how="left", on=["kind", "key"])
    for name in AMOUNTS:
        both[name] = both[name] - both[f"{name}_before"]
    by_amount = both["expected_before"] * (both["amount_ratio"].fillna(1.0) - 1)
    repriced = both[by_amount != 0].assign(cause=AMOUNT, expected=by_amount[by_amount != 0], recognized=0.0)
    rest = both.assign(expected=both["expected"] - by_amount)
    movements = pd.concat([repriced, rest], ignore_index=True)
    return movements[(movements["recognized"] != 0) | (movements["expected"] != 0)]


def deal_causes(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per deal of either forecast: ``kind, key, cause``, and ``amount_ratio``, its amount after over before, 1
    unless it was open in both."""
    old, new = (_facts(rows, "deal") for rows in (before, after))
    keys = old.index.union(new.index)
    closing = closed_deals(company).set_index("opportunity_id").reindex(keys)
    closed = ~keys.isin(new.index)
    open_in_both = keys.isin(old.index) & ~closed
    appeared = ~open_in_both & ~closed
    old, new = old.reindex(keys), new.reindex(keys)
    same_leaf = _equal(old["leaf"], new["leaf"])
    moved = open_in_both & ~(_equal(old["stage"], new["stage"]) & _equal(old["due"], new["due"]))
    closed_before = (closing["closed"] < since).to_numpy()
    cause = np.select(
        [
            (closed & (closing["won"].isna().to_numpy() | closed_before)) | (open_in_both & ~same_leaf),
            closed & closing["won"].eq(True).to_numpy(),  # a missing outcome is neither won nor lost
            closed,
            appeared & (new["created"] < since).to_numpy(),
            appeared,
            moved,
        ],
        [CORRECTED, WON, LOST, CORRECTED, NEW, MOVED],
        PASSED,
    )
    ratio = (new["amount"] / old["amount"].where(old["amount"] > 0)).to_numpy(dtype=np.float64)
    ratio = np.where(open_in_both & np.isfinite(ratio) & same_leaf, ratio, 1.0)
    return pd.DataFrame({"kind": "deal", "key": keys, "amount_ratio": ratio, "cause": cause})


def contract_causes(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per contract of either forecast: ``kind, key, cause``.

    A contract with successors (``features.subscriptions.succession``), and these, have the cause *expanded* where the
    successors bring at least as much, else *churned*.
    """
    old, new = (_facts(rows, "contract") for rows in (before, after))
    contracts = subscription_bookings(company).set_index("subscription_id")
    keys = old.index.union(new.index)
    facts, was_known, is_known = contracts.reindex(keys), keys.isin(old.index), keys.isin(new.index)
    started, ended = facts["started"] >= since, facts["ended"] >= since
    corrected = (
        facts["mrr"].isna()
        | (was_known & started)
        | (~was_known & ~started & ~ended)
        | (facts["ended"] < since)
        | ~(_equal(old["mrr"].reindex(keys), facts["mrr"]) | ~was_known)
        | (was_known & is_known & ~_equal(old["leaf"].reindex(keys), new["leaf"].reindex(keys)))
    )
    changed = contracts.index[contracts["started"] >= since], contracts.index[contracts["ended"] >= since]
    succession = pd.Series(keys.map(_succession_causes(company, *map(set, changed))), index=keys, dtype=object)
    deals = closed_deals(company)
    won_accounts = set(deals.loc[deals["won"].astype(bool) & (deals["closed"] >= since), "account_id"])
    cause = np.select(
        [corrected, succession.notna(), ended, started & facts["account_id"].isin(won_accounts), started],
        [CORRECTED, succession.fillna(""), CHURNED, WON, NEW],
        PASSED,
    )
    return pd.DataFrame({"kind": "contract", "key": keys, "cause": cause})


def _succession_causes(company: Company, started: set[str], ended: set[str]) -> dict[str, str]:
    """By contract that ended and had a successor, or is one: expanded or churned, by the MRR of all of its account and
    family that were replaced, and of all that replaced them."""
    frame: pd.DataFrame = successors(company).order_by("subscription_id", "successor_id").execute()
    pairs = frame[frame["subscription_id"].isin(ended) & frame["successor_id"].isin(started)]
    causes: dict[str, str] = {}
    for _, rows in pairs.groupby(["account_id", "scope_key"]):
        replaced = rows.drop_duplicates("subscription_id").set_index("subscription_id")["mrr"]
        following = rows.drop_duplicates("successor_id").set_index("successor_id")["successor_mrr"]
        cause = EXPANDED if following.sum() >= replaced.sum() else CHURNED
        causes |= dict.fromkeys([*replaced.index, *following.index], cause)
    return causes


def _facts(line_items: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row per contract or deal, by its key."""
    return line_items[line_items["kind"] == kind].drop_duplicates("key").set_index("key")


def _equal(left: pd.Series, right: pd.Series) -> Bools:
    """Whether values are equal, or both are missing."""
    both_missing = left.isna().to_numpy() & right.isna().to_numpy()
    return np.asarray((left.to_numpy() == right.to_numpy()) | both_missing, dtype=bool)
