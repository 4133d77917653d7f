"""Write to a customer about a product that it never had."""

import pandas as pd

from actions.action import Action, ActionInputs, Effect
from features.company import Company
from features.percent import format_probability

EMAIL_ODDS_UPLIFT = 0.08
"""Relative increase of the odds of buying by an e-mail: an assumption, until a holdout has outcomes."""


class CrossSellEmail(Action):
    """One candidate per account and product, with purchase probability p and margin m.

    Value: ``EMAIL_ODDS_UPLIFT`` × p × (1 − p) × m.
    """

    name = "cross_sell_email"
    channel = "email"
    purpose = "marketing"
    description = "Write to a customer about a product that it never had."
    needs = ("account_margins", "mail_to", "offers", "lapsed_accounts")

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Offers to accounts that have not lapsed and may be e-mailed."""
        offers = inputs["offers"]
        rows = offers[~offers["account_id"].isin(inputs["lapsed_accounts"]["account_id"])]
        rows = rows.merge(inputs["account_margins"][["account_id", "owner_id"]], on="account_id")
        return rows.merge(inputs["mail_to"], on="account_id")

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """The margin that an e-mail adds."""
        probability = rows["probability"].astype(float)
        likely_to_buy = [
            f"{format_probability(value)} likely to buy {product}, with {margin:,.0f} {company.currency} of margin"
            for value, product, margin in zip(probability, rows["product"], rows["margin"], strict=True)
        ]
        return Effect(
            EMAIL_ODDS_UPLIFT * probability * (1 - probability) * rows["margin"],
            (
                likely_to_buy,
                rows["reason"],
                "may be mailed: " + rows["consent_evidence"].astype(str),
                [f"assumes that an e-mail raises the odds of buying by {EMAIL_ODDS_UPLIFT:.0%}"] * len(rows),
            ),
        )
