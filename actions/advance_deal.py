"""Take the next step in an open deal."""

import pandas as pd

from actions.account_margins import with_margin_rate
from actions.action import Action, ActionInputs, Effect
from features.company import Company
from features.percent import format_probability

NEXT_STEP_ODDS_UPLIFT = 0.15
"""Relative increase of the odds of winning by a next step taken now: an assumption, until a holdout has outcomes."""


class AdvanceDeal(Action):
    """One candidate per account: its open deal of highest value, with win probability p and margin m of its amount.

    Value: ``NEXT_STEP_ODDS_UPLIFT`` × p × (1 − p) × m, the increase of p by the increased odds, to first order.
    """

    name = "advance_deal"
    channel = "call"
    minutes = 30.0
    description = "Take the next step in an open deal."
    needs = ("account_margins", "call_to", "opportunity_scores")
    best_by = "opportunity_id"

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Open deals with a win probability, of accounts that may be called."""
        columns = ["opportunity_id", "account_id", "owner_id", "win", "expected_amount", "expected_close"]
        rows = inputs["opportunity_scores"][columns].dropna(subset=["account_id", "win", "expected_amount"])
        rows = rows.merge(_deal_margin_rates(company), on="opportunity_id")
        owners = inputs["account_margins"][["account_id", "owner_id"]]
        rows = rows.merge(owners, on="account_id", suffixes=("", "_of_account"))
        rows = rows.merge(inputs["call_to"], on="account_id")
        return rows.assign(owner_id=rows["owner_id"].fillna(rows["owner_id_of_account"]))

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """The margin that a step adds."""
        win = rows["win"].astype(float)
        margin = rows["expected_amount"].astype(float) * rows["margin_rate"]
        return Effect(
            NEXT_STEP_ODDS_UPLIFT * win * (1 - win) * margin,
            (
                [f"{format_probability(probability)} likely to be won" for probability in win],
                [f"winning would bring {amount:,.0f} {company.currency} of margin" for amount in margin],
                ["" if pd.isna(day) else f"expected to close {day:%Y-%m-%d}" for day in rows["expected_close"]],
                [f"assumes that a next step raises the odds of winning by {NEXT_STEP_ODDS_UPLIFT:.0%}"] * len(rows),
            ),
        )


def _deal_margin_rates(company: Company) -> pd.DataFrame:
    """One row per deal: ``opportunity_id, product_id, margin_rate``."""
    deals = company.tables["opportunities"].select("opportunity_id", "product_id")
    rates: pd.DataFrame = with_margin_rate(company, deals).execute()
    return rates
