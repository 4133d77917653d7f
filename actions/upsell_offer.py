"""Call a customer who is likely to buy more, with the product for which a call is worth most."""

import numpy as np
import pandas as pd

from actions.action import Scores, as_candidates, sentences
from actions.call_capacity import call_costs
from features.company import Company
from features.percent import likely

LIFTS_ODDS = 0.25
"""A call raises the odds of buying by this much: an assumption, until a holdout has outcomes. The chance p rises by
LIFTS_ODDS × p × (1 − p): most where the customer is undecided, not at all where it is certain."""


class UpsellOffer:
    """Worth: what a call adds to the chance of buying the product offered × its margin.

    Two models know that chance: who buys the product buys something new, so the chance of the latter bounds it.
    """

    name = "upsell_offer"
    channel: str | None = "call"
    purpose: str | None = None
    minutes = 30.0
    describes = "Call a customer who is likely to buy more, with the product for which a call is worth most."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account with an upsell score that has not left, with something to offer and who may be called."""
        worth, call_to, scored = scores.get("worth"), scores.get("call_to"), scores.get("account_scores")
        offers, left = scores.get("offers"), scores.get("left")
        if worth is None or call_to is None or scored is None or offers is None or left is None:
            return as_candidates(pd.DataFrame())
        offers = offers[~offers["account_id"].isin(left["account_id"])]
        rows = offers.merge(worth[["account_id", "owner_id"]], on="account_id").merge(call_to, on="account_id")
        rows = rows.merge(scored[["account_id", "upsell"]].dropna(subset="upsell"), on="account_id")
        chance = np.minimum(rows["upsell"].astype(float), rows["probability"].astype(float))
        rows = rows.assign(
            expected_value=LIFTS_ODDS * chance * (1 - chance) * rows["margin"],
            cost=call_costs(company, self.minutes),
            reasons=sentences(
                [
                    f"{likely(value)} likely to buy {product}"
                    for value, product in zip(chance, rows["product"], strict=True)
                ],
                [f"it would bring {margin:,.0f} {company.currency} of margin" for margin in rows["margin"]],
                rows["why"],
                [f"assumes that a call raises the odds of buying by {LIFTS_ODDS:.0%}"] * len(rows),
            ),
        )
        best = rows.sort_values(
            ["account_id", "expected_value", "product_id"], ascending=[True, False, True], kind="stable"
        )
        return as_candidates(best.drop_duplicates("account_id"))
