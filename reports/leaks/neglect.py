"""What nobody looked after: contractions without an answer, and leads without a touch."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from reports.leaks.lookups import ago, with_owner

ANSWER_DAYS, LATELY_DAYS = 30, 90
"""A contraction is unnoticed when nothing follows in so many days; those of so many days before that are told."""
SETTLES = timedelta(days=1)
"""What follows a subscription within a day is its successor."""
WAITS_DAYS, COLD_DAYS = 14, 180
"""A lead is without a touch after the first, and given up after the second."""
YEAR_DAYS = 365
INBOUND = ("form_submitted", "replied", "attended")


def downgrades_unnoticed(company: Company) -> pd.DataFrame:
    """Falls of an account's recurring revenue, though not to nothing, after which for ``ANSWER_DAYS`` no owner did
    anything, no ticket was opened and no deal was begun. One row per account and day; the money is a year of the fall.

    A company that keeps no activities cannot know.
    """
    held = company.tables["subscriptions"].select("account_id", "mrr", "started_at", "ended_at")
    over = held.filter(
        held.ended_at >= ibis.literal(ago(company, LATELY_DAYS + ANSWER_DAYS)),
        held.ended_at < ibis.literal(ago(company, ANSWER_DAYS)),
    )
    ends = over.select("account_id", fell_at="ended_at").distinct()
    both = ends.join(held, "account_id")
    before = (both.started_at < both.fell_at) & (both.ended_at.isnull() | (both.ended_at >= both.fell_at))
    settled = both.fell_at + ibis.interval(days=SETTLES.days)
    after = (both.started_at < settled) & (both.ended_at.isnull() | (both.ended_at > settled))
    rows = both.group_by("account_id", "fell_at").agg(
        before=both.mrr.sum(where=before).fill_null(0.0), after=both.mrr.sum(where=after).fill_null(0.0)
    )
    rows = rows.filter(rows.after > 0, rows.after < rows.before - 0.005)
    answers = _answers(company)
    met = rows.join(answers, "account_id")
    answered = met.filter(
        met.answered_at >= met.fell_at, met.answered_at < met.fell_at + ibis.interval(days=ANSWER_DAYS)
    )
    rows = rows.anti_join(answered.select("account_id", "fell_at").distinct(), ["account_id", "fell_at"])
    frame: pd.DataFrame = with_owner(company, rows).order_by("account_id", "fell_at").execute()
    if not company.has("activities"):
        frame = frame.iloc[:0]
    frame = frame.assign(key=frame["account_id"].astype(str) + "/" + frame["fell_at"].dt.strftime("%Y-%m-%d"))
    frame = frame.drop_duplicates("key", ignore_index=True)
    return frame.assign(
        money=12 * (frame["before"] - frame["after"]),
        evidence=[
            f"mrr fell from {before:,.2f} to {after:,.2f} {company.currency} on {at:%Y-%m-%d}, and for"
            f" {ANSWER_DAYS} days there was no activity, ticket or new deal"
            for before, after, at in zip(frame["before"], frame["after"], frame["fell_at"], strict=True)
        ],
    )


def _answers(company: Company) -> ir.Table:
    """One row per thing that shows that somebody looked after an account: ``account_id, answered_at``."""
    signs = (("activities", "happened_at"), ("tickets", "opened_at"), ("opportunities", "created_at"))
    parts = [company.tables[table].select("account_id", answered_at=at) for table, at in signs]
    return ibis.union(*parts).filter(lambda t: t.account_id.notnull())


def leads_untouched(company: Company) -> pd.DataFrame:
    """Accounts that never bought, came in or wrote ``WAITS_DAYS`` to ``COLD_DAYS`` ago, and since then had no activity
    of an owner and no deal. One row per account.

    To come in is to be created, or to fill in a form, answer mail or attend something. The money is what an account
    that comes in brings on average: what new deals won in a year brought, over the accounts created in it. A company
    that keeps no activities cannot know.
    """
    tables = company.tables
    accounts, deals, touches = tables["accounts"], tables["opportunities"], tables["touches"]
    people = tables["contacts"].select("contact_id", "account_id")
    asked = touches.filter(touches.kind.isin(INBOUND)).select("contact_id", came_at="happened_at")
    came = ibis.union(
        accounts.filter(accounts.created_at.notnull()).select("account_id", came_at="created_at"),
        asked.join(people, "contact_id").filter(lambda t: t.account_id.notnull()).select("account_id", "came_at"),
    )
    last = came.group_by("account_id").agg(came_at=came.came_at.max())
    rows = last.filter(
        last.came_at < ibis.literal(ago(company, WAITS_DAYS)), last.came_at >= ibis.literal(ago(company, COLD_DAYS))
    )
    orders = tables["orders"]
    taken = deals.filter(deals.closed_at.isnull() | (deals.outcome == "won"), deals.account_id.notnull())
    for bought in (orders.filter(orders.status == "placed"), tables["subscriptions"], taken):
        rows = rows.anti_join(bought.select("account_id").distinct(), "account_id")
    answers = _answers(company).group_by("account_id").agg(answered_at=lambda t: t.answered_at.max())
    rows = rows.left_join(answers, "account_id").drop("account_id_right")
    rows = rows.filter(rows.answered_at.isnull() | (rows.answered_at < rows.came_at))
    frame: pd.DataFrame = with_owner(company, rows).execute()
    if not company.has("activities"):
        frame = frame.iloc[:0]
    days = (pd.Timestamp(company.as_of_at) - frame["came_at"]).dt.days
    worth, brought, arrived = _worth_of_a_lead(company)
    return frame.assign(
        key=frame["account_id"],
        money=worth,
        evidence=[
            f"the account came in on {at:%Y-%m-%d}, {waits} days ago, and nobody has touched it since; {arrived:,} that"
            f" came in within a year brought {brought:,.0f} {company.currency} in new deals"
            for at, waits in zip(frame["came_at"], days, strict=True)
        ],
    )


def _worth_of_a_lead(company: Company) -> tuple[float, float, int]:
    """What an account that comes in brings, what new deals won in a year brought, and how many accounts came in."""
    accounts, deals = company.tables["accounts"], company.tables["opportunities"]
    year = ibis.literal(ago(company, YEAR_DAYS))
    won = deals.filter(deals.outcome == "won", deals.closed_at >= year, deals.kind.fill_null("new") == "new")
    brought = float(won.amount.sum().fill_null(0.0).execute())
    arrived = int(accounts.filter(accounts.created_at >= year).count().execute())
    return brought / max(arrived, 1), brought, arrived
