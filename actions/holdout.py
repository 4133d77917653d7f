"""The holdout: accounts that get no action, so that its effect can be measured; the same every night, by a hash."""

import hashlib

import pandas as pd

HOLDOUT_SHARE = 0.1
EXEMPT_ACTIONS = ("advance_deal", "wait")
"""Actions without a holdout. In a deal, customer and salesperson are in conversation already: to withhold an answer for
a measurement would cost the deal. Its assumed uplift is measured by comparing deals instead."""


def is_withheld(candidates: pd.DataFrame, seed: int) -> pd.Series:
    """Whether each candidate (``account_id, action``), if chosen, would be withheld."""
    return in_holdout(candidates["account_id"], seed) & ~candidates["action"].isin(EXEMPT_ACTIONS)


def in_holdout(account_ids: pd.Series, seed: int, share: float = HOLDOUT_SHARE) -> pd.Series:
    """Whether each account belongs to the holdout. It depends on the account and the seed only."""
    limit = int(share * 2**64)
    drawn = [
        int.from_bytes(hashlib.sha256(f"{seed}:{account_id}".encode()).digest()[:8], "big") < limit
        for account_id in account_ids
    ]
    return pd.Series(drawn, index=account_ids.index, dtype=bool)
