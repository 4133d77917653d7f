"""Call a subscriber who may leave."""

from datetime import datetime

import pandas as pd

from actions.action import Scores, as_candidates, sentences
from actions.call_capacity import call_costs
from data.calendar import local_day
from features.company import Company
from features.percent import likely

SAVES = 0.12
"""The share of leaving subscribers whom a call keeps: an assumption, until a holdout has outcomes."""
MONTHS = 12
"""How long a subscriber who was kept stays on: an assumption."""


class RenewalCall:
    """Worth: chance of leaving × ``SAVES`` × margin of the subscriptions over ``MONTHS``."""

    name = "renewal_call"
    channel: str | None = "call"
    purpose: str | None = None
    minutes = 45.0
    describes = "Call a subscriber who may leave."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account with active subscriptions, a churn score and somebody who may be called."""
        worth, call_to, scored = scores.get("worth"), scores.get("call_to"), scores.get("account_scores")
        if worth is None or call_to is None or scored is None:
            return as_candidates(pd.DataFrame())
        rows = worth[worth["mrr_margin"] > 0].merge(call_to, on="account_id")
        rows = rows.merge(scored[["account_id", "churn"]].dropna(subset="churn"), on="account_id")
        at_stake = rows["mrr_margin"] * MONTHS
        return as_candidates(
            rows.assign(
                expected_value=rows["churn"].astype(float) * SAVES * at_stake,
                cost=call_costs(company, self.minutes),
                reasons=sentences(
                    [f"{likely(churn)} likely to leave" for churn in rows["churn"]],
                    [f"{margin:,.0f} {company.currency} of margin a year at stake" for margin in at_stake],
                    ["" if pd.isna(end) else _term(end.to_pydatetime(), company) for end in rows["term_ends_at"]],
                    [f"assumes that a call keeps {SAVES:.0%} of those who would leave"] * len(rows),
                ),
            )
        )


def _term(end: datetime, company: Company) -> str:
    """What the term's end says: a term that is over and still runs has a renewal that nobody saw to, or wrote down."""
    day = local_day(end, company.timezone)
    if end < company.as_of_at:
        return f"the term ended on {day} and was not renewed in the CRM"
    return f"the next term ends {day}"
