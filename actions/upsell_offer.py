"""Call a customer who is likely to buy more, with the product for which a call is worth most."""

import numpy as np
import pandas as pd

from actions.action import Action, ActionInputs, Effect
from features.company import Company
from features.percent import format_probability

CALL_ODDS_UPLIFT = 0.25
"""Relative increase of the odds of buying by a call: an assumption, until a holdout has outcomes."""


class UpsellOffer(Action):
    """One candidate per account: the offer of highest value, with purchase probability p and margin m.

    Value: ``CALL_ODDS_UPLIFT`` × p × (1 − p) × m: highest where the customer is undecided, 0 where it is certain. p is
    the recommender's, bounded by the probability to buy any new product.
    """

    name = "upsell_offer"
    channel = "call"
    minutes = 30.0
    description = "Call a customer who is likely to buy more, with the product for which a call is worth most."
    needs = ("account_margins", "call_to", "account_scores", "offers", "lapsed_accounts")
    best_by = "product_id"

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Offers to accounts with an upsell score that have not lapsed and may be called."""
        offers, scores = inputs["offers"], inputs["account_scores"]
        rows = offers[~offers["account_id"].isin(inputs["lapsed_accounts"]["account_id"])]
        rows = rows.merge(inputs["account_margins"][["account_id", "owner_id"]], on="account_id")
        rows = rows.merge(inputs["call_to"], on="account_id")
        return rows.merge(scores[["account_id", "upsell"]].dropna(subset="upsell"), on="account_id")

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """The margin that a call adds."""
        probability = np.minimum(rows["upsell"].astype(float), rows["probability"].astype(float))
        likely_to_buy = [
            f"{format_probability(value)} likely to buy {product}"
            for value, product in zip(probability, rows["product"], strict=True)
        ]
        return Effect(
            CALL_ODDS_UPLIFT * probability * (1 - probability) * rows["margin"],
            (
                likely_to_buy,
                [f"it would bring {margin:,.0f} {company.currency} of margin" for margin in rows["margin"]],
                rows["reason"],
                [f"assumes that a call raises the odds of buying by {CALL_ODDS_UPLIFT:.0%}"] * len(rows),
            ),
        )
