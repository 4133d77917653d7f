"""Write to a customer without subscriptions who is about to stay away, or has."""

from datetime import timedelta

import ibis
import pandas as pd

from actions.action import Scores, as_candidates, sentences
from features.company import Company
from features.percent import likely

BRINGS_BACK = 0.02
"""The share of those who would stay away whom an e-mail brings back: an assumption, until a holdout has outcomes."""
OVERDUE = 1.0
"""A customer is silent when its last order lies further back than this many times its own usual days between orders."""
SILENT_DAYS = 90
"""One that ordered on one day only has no usual days; it is silent after so many."""
FORGOTTEN_DAYS = 730
"""A customer is gone, but not forgotten, when its last sale lies this many days back."""
LOOKS_BACK = 4
"""From how many past dates, ``SILENT_DAYS`` apart, it is learnt how many come back by themselves."""


class WinBackEmail:
    """Worth: chance of staying away × ``BRINGS_BACK`` × margin (a year's if churn is scored, else an order's)."""

    name = "win_back_email"
    channel: str | None = "email"
    purpose: str | None = "marketing"
    minutes = 0.0
    describes = "Write to a customer without subscriptions who is about to stay away, or has."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account that may be mailed, has no subscription and no open deal, is silent, and is scored for
        churn or gone."""
        worth, mail_to, scored = scores.get("worth"), scores.get("mail_to"), scores.get("account_scores")
        habits, deals = scores.get("habits"), scores.get("deals")
        if worth is None or mail_to is None or habits is None or deals is None:
            return as_candidates(pd.DataFrame())
        churn = pd.DataFrame(columns=["account_id", "churn"]) if scored is None else scored[["account_id", "churn"]]
        customer = ~worth["subscribed"].astype(bool) & worth["last_sale_at"].notna()
        talking = worth["account_id"].isin(deals["account_id"])  # who is about to buy has not gone
        rows = worth[customer & ~talking].merge(mail_to, on="account_id")
        rows = rows.merge(churn, on="account_id", how="left")
        rows = rows.merge(habits[["account_id", "order_overdue"]], on="account_id", how="left")
        silent = (pd.Timestamp(company.as_of_at) - rows["last_sale_at"]).dt.days
        overdue = rows["order_overdue"].astype(float)
        quiet = (overdue > OVERDUE) | (overdue.isna() & (silent >= SILENT_DAYS))
        scored_here = rows["churn"].notna()
        gone = ~scored_here & (silent >= SILENT_DAYS) & (silent < FORGOTTEN_DAYS)
        comes_back = return_rate(company) if gone.any() else 0.0
        away = rows["churn"].astype(float).fillna(1 - comes_back)
        money = rows["orders_margin"].where(scored_here, rows["order_margin"]).fillna(0.0)
        says = [
            f"{likely(value)} likely to stay away, with {margin:,.0f} {company.currency} of margin in the last year"
            if known
            else f"bought nothing for {days} days; {likely(1 - value)} of such customers come back by themselves,"
            f" and a usual order brings {margin:,.0f} {company.currency} of margin"
            for known, value, margin, days in zip(scored_here, away, money, silent, strict=True)
        ]
        found = rows.assign(
            expected_value=away * BRINGS_BACK * money,
            cost=company.costs.email,
            reasons=sentences(
                says,
                [
                    "" if pd.isna(times) else f"silent for {_times(times)} its usual days between orders"
                    for times in overdue
                ],
                "may be mailed: " + rows["consent_evidence"].astype(str),
                [f"assumes that an e-mail brings back {BRINGS_BACK:.0%} of those who would stay away"] * len(rows),
            ),
        )
        return as_candidates(found[(scored_here | gone) & quiet & (money > 0)])


def return_rate(company: Company) -> float:
    """The share of gone customers who bought again within ``SILENT_DAYS`` by themselves, at past dates.

    Drawn towards none by twenty customers, so that a small company does not read much into one return.
    """
    ends = [company.as_of_at - timedelta(days=SILENT_DAYS * back) for back in range(1, LOOKS_BACK + 1)]
    dates = ibis.memtable(pd.DataFrame({"at": pd.to_datetime(ends)})).cast({"at": "timestamp"})
    orders, held = company.tables["orders"], company.tables["subscriptions"]
    placed = orders.filter(orders.status == "placed").select("account_id", at_="ordered_at")
    sales = ibis.union(placed, held.select("account_id", at_="started_at"))
    seen = sales.cross_join(dates)
    within = (seen.at_ >= seen["at"]) & (seen.at_ < seen["at"] + ibis.interval(days=SILENT_DAYS))
    by_account = seen.group_by("account_id", "at").agg(
        last_at=seen.at_.max(where=seen.at_ < seen["at"]), returned=within.any()
    )
    spans = held.cross_join(dates)
    active = (spans.started_at < spans["at"]) & (spans.ended_at.isnull() | (spans.ended_at >= spans["at"]))
    ended = spans.group_by("account_id", "at").agg(
        active=active.any(), ended_at=spans.ended_at.max(where=spans.ended_at < spans["at"])
    )
    rows = by_account.left_join(ended, ["account_id", "at"])
    last = ibis.greatest(rows.last_at, rows.ended_at.fill_null(rows.last_at))
    days = (rows["at"].epoch_seconds() - last.epoch_seconds()) / 86400
    gone = rows.filter(~rows.active.fill_null(False), days >= SILENT_DAYS, days < FORGOTTEN_DAYS)
    counts = gone.agg(customers=gone.count(), returned=gone.returned.sum().fill_null(0)).execute().iloc[0]
    return float(counts["returned"]) / (float(counts["customers"]) + 20)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
