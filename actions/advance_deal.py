"""Take the next step in an open deal."""

import pandas as pd

from actions.account_margins import with_margin_rate
from actions.action import Scores, as_candidates, sentences
from actions.call_capacity import call_costs
from features.company import Company
from features.percent import likely

LIFTS_ODDS = 0.15
"""A next step taken now raises the odds of winning by this much: an assumption, until a holdout has outcomes."""


class AdvanceDeal:
    """Worth: what a step adds to the chance of winning, odds lifted by ``LIFTS_ODDS`` × margin of the amount."""

    name = "advance_deal"
    channel: str | None = "call"
    purpose: str | None = None
    minutes = 30.0
    describes = "Take the next step in an open deal."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account: its open deal that gains most, where the chance to win is scored."""
        worth, call_to, deals = scores.get("worth"), scores.get("call_to"), scores.get("opportunity_scores")
        if worth is None or call_to is None or deals is None:
            return as_candidates(pd.DataFrame())
        scored = deals[["opportunity_id", "account_id", "owner_id", "win", "expected_amount", "expected_close"]]
        rows = scored.dropna(subset=["account_id", "win", "expected_amount"])
        rows = rows.merge(_deal_margins(company), on="opportunity_id")
        rows = rows.merge(worth[["account_id", "owner_id"]], on="account_id", suffixes=("", "_of_account"))
        rows = rows.merge(call_to, on="account_id")
        win = rows["win"].astype(float)
        margin = rows["expected_amount"].astype(float) * rows["margin_rate"]
        rows = rows.assign(
            owner_id=rows["owner_id"].fillna(rows["owner_id_of_account"]),
            expected_value=LIFTS_ODDS * win * (1 - win) * margin,
            cost=call_costs(company, self.minutes),
            reasons=sentences(
                [f"{likely(value)} likely to be won" for value in win],
                [f"winning would bring {value:,.0f} {company.currency} of margin" for value in margin],
                ["" if pd.isna(day) else f"expected to close {day:%Y-%m-%d}" for day in rows["expected_close"]],
                [f"assumes that a next step raises the odds of winning by {LIFTS_ODDS:.0%}"] * len(rows),
            ),
        )
        best = rows.sort_values(
            ["account_id", "expected_value", "opportunity_id"], ascending=[True, False, True], kind="stable"
        )
        return as_candidates(best.drop_duplicates("account_id"))


def _deal_margins(company: Company) -> pd.DataFrame:
    """One row per deal: ``opportunity_id, product_id, margin_rate``."""
    deals = company.tables["opportunities"].select("opportunity_id", "product_id")
    margins: pd.DataFrame = with_margin_rate(company, deals).execute()
    return margins
