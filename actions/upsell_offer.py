"""Call a customer who is likely to buy more, with the product that is worth most."""

import pandas as pd

from actions.action import Scores, as_candidates, sentences
from actions.hours import call_costs
from features.company import Company

LIFTS_ODDS = 0.25
"""A call raises the odds of buying by this much: an assumption, until a holdout has outcomes. The chance p rises by
LIFTS_ODDS × p × (1 − p): most where the customer is undecided, not at all where it is certain."""


class UpsellOffer:
    """Worth: what a call adds to the chance of buying something new × margin of the product offered."""

    name = "upsell_offer"
    channel: str | None = "call"
    purpose: str | None = None
    minutes = 30.0
    describes = "Call a customer who is likely to buy more, with the product that is worth most."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account with an upsell score, something to offer and somebody who may be called."""
        worth, call_to, scored = scores.get("worth"), scores.get("call_to"), scores.get("account_scores")
        offers = scores.get("offers")
        if worth is None or call_to is None or scored is None or offers is None:
            return as_candidates(pd.DataFrame())
        best = offers.drop_duplicates("account_id")
        rows = best.merge(worth[["account_id", "owner_id"]], on="account_id").merge(call_to, on="account_id")
        rows = rows.merge(scored[["account_id", "upsell"]].dropna(subset="upsell"), on="account_id")
        chance = rows["upsell"].astype(float)
        return as_candidates(
            rows.assign(
                expected_value=LIFTS_ODDS * chance * (1 - chance) * rows["margin"],
                cost=call_costs(self.minutes),
                reasons=sentences(
                    [f"{value:.0%} likely to buy something new" for value in chance],
                    [
                        f"{product} would bring {margin:,.0f} {company.currency} of margin"
                        for product, margin in zip(rows["product"], rows["margin"], strict=True)
                    ],
                    rows["why"],
                    [f"assumes that a call raises the odds of buying by {LIFTS_ODDS:.0%}"] * len(rows),
                ),
            )
        )
