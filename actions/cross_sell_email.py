"""Write to a customer about a product that it never had."""

import pandas as pd

from actions.action import Scores, as_candidates, sentences
from features.company import Company
from features.percent import likely

LIFTS_ODDS = 0.08
"""An e-mail raises the odds of buying by this much: an assumption, until a holdout has outcomes."""


class CrossSellEmail:
    """Worth: what an e-mail adds to the chance of buying the product × its margin."""

    name = "cross_sell_email"
    channel: str | None = "email"
    purpose: str | None = "marketing"
    minutes = 0.0
    describes = "Write to a customer about a product that it never had."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account that may be mailed and has not left, and product that may be offered to it."""
        worth, mail_to, offers = scores.get("worth"), scores.get("mail_to"), scores.get("offers")
        left = scores.get("left")
        if worth is None or mail_to is None or offers is None or left is None:
            return as_candidates(pd.DataFrame())
        rows = offers[~offers["account_id"].isin(left["account_id"])].merge(
            worth[["account_id", "owner_id"]], on="account_id"
        )
        rows = rows.merge(mail_to, on="account_id")
        chance = rows["probability"].astype(float)
        return as_candidates(
            rows.assign(
                expected_value=LIFTS_ODDS * chance * (1 - chance) * rows["margin"],
                cost=company.costs.email,
                reasons=sentences(
                    [
                        f"{likely(value)} likely to buy {product}, with {margin:,.0f} {company.currency} of margin"
                        for value, product, margin in zip(chance, rows["product"], rows["margin"], strict=True)
                    ],
                    rows["why"],
                    "may be mailed: " + rows["consent_evidence"].astype(str),
                    [f"assumes that an e-mail raises the odds of buying by {LIFTS_ODDS:.0%}"] * len(rows),
                ),
            )
        )
