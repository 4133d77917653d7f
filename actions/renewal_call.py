"""Call a subscriber with a churn risk."""

from datetime import datetime

import pandas as pd

from actions.action import Action, ActionInputs, Effect
from data.calendar import local_day
from features.company import Company
from features.percent import format_probability

SAVE_RATE = 0.12
"""The share of churning subscribers whom a call keeps: an assumption, until a holdout has outcomes."""
RETAINED_MONTHS = 12
"""How long a subscriber whom a call kept stays on: an assumption."""


class RenewalCall(Action):
    """Value: churn probability × ``SAVE_RATE`` × margin of the subscriptions over ``RETAINED_MONTHS``."""

    name = "renewal_call"
    channel = "call"
    minutes = 45.0
    description = "Call a subscriber who may leave."
    needs = ("account_margins", "call_to", "account_scores")

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Accounts with active subscriptions and a churn score that may be called."""
        margins, scores = inputs["account_margins"], inputs["account_scores"]
        rows = margins[margins["mrr_margin"] > 0].merge(inputs["call_to"], on="account_id")
        return rows.merge(scores[["account_id", "churn"]].dropna(subset="churn"), on="account_id")

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """The margin that a call is expected to keep."""
        at_stake = rows["mrr_margin"] * RETAINED_MONTHS
        return Effect(
            rows["churn"].astype(float) * SAVE_RATE * at_stake,
            (
                [f"{format_probability(churn)} likely to leave" for churn in rows["churn"]],
                [f"{margin:,.0f} {company.currency} of margin a year at stake" for margin in at_stake],
                ["" if pd.isna(end) else _term(end.to_pydatetime(), company) for end in rows["term_ends_at"]],
                [f"assumes that a call keeps {SAVE_RATE:.0%} of those who would leave"] * len(rows),
            ),
        )


def _term(end: datetime, company: Company) -> str:
    """A sentence on the term's end; a running subscription past its term was renewed outside the CRM, or not yet."""
    day = local_day(end, company.timezone)
    if end < company.as_of_at:
        return f"the term ended on {day} and was not renewed in the CRM"
    return f"the next term ends {day}"
