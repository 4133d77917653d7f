"""Who gets no action, so that the effect of acting can be measured: always the same accounts, drawn by a hash."""

import hashlib

import pandas as pd

SHARE = 0.1
"""The share of accounts put aside."""
EXEMPT = ("advance_deal", "wait")
"""What nobody is held out from. A deal is a conversation that the customer is in already and a person of sales leads:
to leave an answer out for the sake of a measurement would cost the deal, and nobody would hold to it. Its assumption is
measured by comparing deals, not by withholding."""


def withheld(candidates: pd.DataFrame, seed: int) -> pd.Series:
    """Whether each candidate (``account_id, action``), if chosen, would be withheld."""
    return in_holdout(candidates["account_id"], seed) & ~candidates["action"].isin(EXEMPT)


def in_holdout(account_ids: pd.Series, seed: int, share: float = SHARE) -> pd.Series:
    """Whether each account is put aside. It depends on the account and the seed only, so it holds night after night."""
    limit = int(share * 2**64)
    drawn = [
        int.from_bytes(hashlib.sha256(f"{seed}:{account_id}".encode()).digest()[:8], "big") < limit
        for account_id in account_ids
    ]
    return pd.Series(drawn, index=account_ids.index, dtype=bool)
