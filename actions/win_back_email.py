"""Write to a customer without subscriptions that is about to lapse, or has lapsed."""

import pandas as pd

from actions.action import Action, ActionInputs, Effect
from features.company import Company
from features.labels.returning_customers import MAX_LAPSED_DAYS, return_rate
from features.percent import format_probability

WIN_BACK_RATE = 0.02
"""The share of customers lost for good whom an e-mail brings back: an assumption, until a holdout has outcomes."""
MIN_OVERDUE = 1.0
"""An order is overdue when the last one lies further back than this many times the customer's mean interval."""
INACTIVE_DAYS = 90
"""A customer that ordered on one day only has no interval; it is inactive after so many days without a sale."""


class WinBackEmail(Action):
    """One candidate per account.

    Value: probability to stay away × ``WIN_BACK_RATE`` × margin: of a year where churn is scored, else of one order.
    Where churn is not scored, the probability is that of lapsed customers at past dates (``return_rate``).
    """

    name = "win_back_email"
    channel = "email"
    purpose = "marketing"
    description = "Write to a customer without subscriptions who is about to stay away, or has."
    needs = ("account_margins", "mail_to", "order_intervals", "open_deals")

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Accounts that may be e-mailed, without subscription or open deal, overdue, and scored for churn or lapsed."""
        margins, scores = inputs["account_margins"], inputs.get("account_scores")
        customer = ~margins["subscribed"].astype(bool) & margins["last_sale_at"].notna()
        in_talks = margins["account_id"].isin(inputs["open_deals"]["account_id"])
        rows = margins[customer & ~in_talks].merge(inputs["mail_to"], on="account_id")
        churn = pd.DataFrame(columns=["account_id", "churn"]) if scores is None else scores[["account_id", "churn"]]
        rows = rows.merge(churn, on="account_id", how="left")
        rows = rows.merge(inputs["order_intervals"][["account_id", "order_overdue"]], on="account_id", how="left")
        scored = rows["churn"].notna()
        rows = rows.assign(
            scored=scored,
            order_overdue=rows["order_overdue"].astype(float),
            days_inactive=(pd.Timestamp(company.as_of_at) - rows["last_sale_at"]).dt.days,
            margin=rows["orders_margin"].where(scored, rows["order_margin"]).fillna(0.0),
        )
        long_inactive = rows["days_inactive"] >= INACTIVE_DAYS
        overdue = (rows["order_overdue"] > MIN_OVERDUE) | (rows["order_overdue"].isna() & long_inactive)
        lapsed = ~scored & long_inactive & (rows["days_inactive"] < MAX_LAPSED_DAYS)
        return rows[(scored | lapsed) & overdue & (rows["margin"] > 0)]

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """The margin that an e-mail is expected to bring back."""
        returning = 0.0 if rows["scored"].all() else return_rate(company)
        stays_away = rows["churn"].astype(float).fillna(1 - returning)
        columns = (rows["scored"], stays_away, rows["margin"], rows["days_inactive"])
        return Effect(
            stays_away * WIN_BACK_RATE * rows["margin"],
            (
                [_situation(*row, currency=company.currency) for row in zip(*columns, strict=True)],
                ["" if pd.isna(ratio) else _overdue(ratio) for ratio in rows["order_overdue"]],
                "may be mailed: " + rows["consent_evidence"].astype(str),
                [f"assumes that an e-mail brings back {WIN_BACK_RATE:.0%} of those who would stay away"] * len(rows),
            ),
        )


def _situation(scored: bool, stays_away: float, margin: float, days_inactive: float, *, currency: str) -> str:
    """How likely the customer is to stay away, and the margin at stake."""
    money = f"{margin:,.0f} {currency} of margin"
    if scored:
        return f"{format_probability(stays_away)} likely to stay away, with {money} in the last year"
    returning = format_probability(1 - stays_away)
    return (
        f"bought nothing for {days_inactive} days; {returning} of such customers come back by themselves,"
        f" and a usual order brings {money}"
    )


def _overdue(ratio: float) -> str:
    times = f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
    return f"silent for {times} its usual days between orders"
