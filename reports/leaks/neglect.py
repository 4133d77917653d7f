"""Leaks of neglect: contractions without a response, and leads without a contact."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.order_lines import placed_order_lines
from reports.leaks.lookups import instant_before, with_owner

RESPONSE_DAYS, DOWNGRADE_REPORT_DAYS = 30, 90
"""A contraction is unnoticed without a response within the first; the second is how far back it is reported."""
REPLACEMENT_GAP = timedelta(days=1)
"""A subscription that starts within a day of another's end replaces it."""
MIN_LEAD_DAYS, MAX_LEAD_DAYS = 14, 180
"""Days after its last arrival between which a lead is reported as untouched."""
YEAR_DAYS = 365
INBOUND = ("form_submitted", "replied", "attended")


def unnoticed_downgrades(company: Company) -> pd.DataFrame:
    """Contractions of an account's MRR (not to zero) without an activity, ticket or new deal in ``RESPONSE_DAYS``.

    One row per account and day; the money is 12 × the fall of MRR. No rows for a company without activities.
    """
    subscriptions = company.tables["subscriptions"].select("account_id", "mrr", "started_at", "ended_at")
    ended = subscriptions.filter(
        subscriptions.ended_at >= ibis.literal(instant_before(company, DOWNGRADE_REPORT_DAYS + RESPONSE_DAYS)),
        subscriptions.ended_at < ibis.literal(instant_before(company, RESPONSE_DAYS)),
    )
    ends = ended.select("account_id", fell_at="ended_at").distinct()
    joined = ends.join(subscriptions, "account_id")
    before = (joined.started_at < joined.fell_at) & (joined.ended_at.isnull() | (joined.ended_at >= joined.fell_at))
    settled = joined.fell_at + ibis.interval(days=REPLACEMENT_GAP.days)
    after = (joined.started_at < settled) & (joined.ended_at.isnull() | (joined.ended_at > settled))
    rows = joined.group_by("account_id", "fell_at").agg(
        before=joined.mrr.sum(where=before).fill_null(0.0), after=joined.mrr.sum(where=after).fill_null(0.0)
    )
    rows = rows.filter(rows.after > 0, rows.after < rows.before - 0.005)
    answers = _answers(company)
    responses = rows.join(answers, "account_id")
    answered = responses.filter(
        responses.answered_at >= responses.fell_at,
        responses.answered_at < responses.fell_at + ibis.interval(days=RESPONSE_DAYS),
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
            f" {RESPONSE_DAYS} days there was no activity, ticket or new deal"
            for before, after, at in zip(frame["before"], frame["after"], frame["fell_at"], strict=True)
        ],
    )


def _answers(company: Company) -> ir.Table:
    """One row per activity, ticket or new deal of an account: ``account_id, answered_at``."""
    sources = (("activities", "happened_at"), ("tickets", "opened_at"), ("opportunities", "created_at"))
    tables = [company.tables[table].select("account_id", answered_at=at) for table, at in sources]
    return ibis.union(*tables).filter(lambda t: t.account_id.notnull())


def untouched_leads(company: Company) -> pd.DataFrame:
    """Accounts that never bought, arrived ``MIN_LEAD_DAYS`` to ``MAX_LEAD_DAYS`` ago and had no activity or deal since.

    One row per account. An account arrives when it is created, or when a contact fills in a form, replies to an e-mail
    or attends an event. The money is the mean value of a lead: amount of new deals won in a year, over the accounts
    created in it. No rows for a company without activities.
    """
    tables = company.tables
    accounts, deals, touches = tables["accounts"], tables["opportunities"], tables["touches"]
    people = tables["contacts"].select("contact_id", "account_id")
    inbound = touches.filter(touches.kind.isin(INBOUND)).select("contact_id", arrived_at="happened_at")
    arrivals = ibis.union(
        accounts.filter(accounts.created_at.notnull()).select("account_id", arrived_at="created_at"),
        inbound.join(people, "contact_id").filter(lambda t: t.account_id.notnull()).select("account_id", "arrived_at"),
    )
    last = arrivals.group_by("account_id").agg(arrived_at=arrivals.arrived_at.max())
    rows = last.filter(
        last.arrived_at < ibis.literal(instant_before(company, MIN_LEAD_DAYS)),
        last.arrived_at >= ibis.literal(instant_before(company, MAX_LEAD_DAYS)),
    )
    orders = tables["orders"]
    engaged = deals.filter(deals.closed_at.isnull() | (deals.outcome == "won"), deals.account_id.notnull())
    for bought in (placed_order_lines(orders), tables["subscriptions"], engaged):
        rows = rows.anti_join(bought.select("account_id").distinct(), "account_id")
    answers = _answers(company).group_by("account_id").agg(answered_at=lambda t: t.answered_at.max())
    rows = rows.left_join(answers, "account_id").drop("account_id_right")
    rows = rows.filter(rows.answered_at.isnull() | (rows.answered_at < rows.arrived_at))
    frame: pd.DataFrame = with_owner(company, rows).execute()
    if not company.has("activities"):
        frame = frame.iloc[:0]
    days = (pd.Timestamp(company.as_of_at) - frame["arrived_at"]).dt.days
    lead_value, won_amount, n_arrived = _lead_value(company)
    return frame.assign(
        key=frame["account_id"],
        money=lead_value,
        evidence=[
            f"the account came in on {at:%Y-%m-%d}, {waits} days ago, and nobody has touched it since; {n_arrived:,}"
            f" that came in within a year brought {won_amount:,.0f} {company.currency} in new deals"
            for at, waits in zip(frame["arrived_at"], days, strict=True)
        ],
    )


def _lead_value(company: Company) -> tuple[float, float, int]:
    """Mean value of a lead, amount of the new deals won in a year, and number of accounts created in it."""
    accounts, deals = company.tables["accounts"], company.tables["opportunities"]
    year = ibis.literal(instant_before(company, YEAR_DAYS))
    won = deals.filter(deals.outcome == "won", deals.closed_at >= year, deals.kind.fill_null("new") == "new")
    won_amount = float(won.amount.sum().fill_null(0.0).execute())
    n_created = int(accounts.filter(accounts.created_at >= year).count().execute())
    return won_amount / max(n_created, 1), won_amount, n_created
