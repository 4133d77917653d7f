"""Where revenue leaks: each detector is a question to the company's tables, and returns one row per leak.

The rows have ``key`` (what the leak is about), ``account_id``, ``owner_id``, ``money`` and ``evidence``, a sentence.
"""

from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company
from features.point_in_time import days_between, earliest
from reports.leaks.lookups import MONTH_DAYS, clock_since, used_since, with_owner
from reports.stage_durations import stage_stays

STUCK_DAYS, STUCK_SHARE = 7.0, 0.1
"""A term of a subscription that renews itself is stuck after so long, if few others are."""
GRACE_DAYS = 14.0
"""An invoice is not overdue before so many days, whatever is usual."""
SLOW_SHARE = 0.9
"""A deal is stalled when it has been in its stage for longer than this share of deals that left it; so of invoices."""
STAYS = 20
"""A stage's pace is known from so many deals that left it, and how late is usual from so many late payments."""
INVOICE_BEFORE, INVOICE_WITHIN = timedelta(days=30), timedelta(days=30)
"""A won deal is invoiced from so long before it is closed to so long after."""
USAGE_BACK = timedelta(days=90)
"""Usage after the end is looked for in so many days."""


def renewals_past_due(company: Company) -> pd.DataFrame:
    """Subscriptions that go on after their term, with no renewal and no deal about it open.

    One row per subscription; the money is what it would have brought since its term ended, one month at least. A later
    subscription of the account to the product counts as the renewal; an open deal counts as being worked on when it is
    a renewal, or about the same product. One that renews itself counts when its term ended more than ``STUCK_DAYS``
    ago and such are fewer than ``STUCK_SHARE`` of those that renew themselves: a term that did not move on is an
    anomaly there, while where most lie in the past the source does not move them.
    """
    held, deals = company.tables["subscriptions"], company.tables["opportunities"]
    days = days_between(held.term_ends_at, ibis.literal(company.as_of_at))
    running = held.filter(held.ended_at.isnull(), held.term_ends_at.notnull(), held.mrr > 0).mutate(
        itself=held.auto_renew.fill_null(False), days=days
    )
    stuck = running.filter(running.itself).agg(share=(running.days > STUCK_DAYS).mean()).execute().iloc[0]["share"]
    longest = STUCK_DAYS if stuck < STUCK_SHARE else float("inf")  # none renews itself: the share is no number
    due = running.filter(running.days > ibis.ifelse(running.itself, longest, 0.0))
    open_deals = deals.filter(deals.closed_at.isnull(), deals.account_id.notnull())
    renewing = open_deals.filter(open_deals.kind == "renewal").select("account_id").distinct()
    about = open_deals.filter(open_deals.product_id.notnull()).select("account_id", "product_id").distinct()
    due = due.anti_join(renewing, "account_id").anti_join(about, ["account_id", "product_id"])
    later = held.select("account_id", "product_id", started_later="started_at")
    renewed = due.inner_join(
        later,
        [
            due.account_id == later.account_id,
            due.product_id == later.product_id,
            later.started_later >= due.term_ends_at,
        ],
    ).select("subscription_id")
    found = with_owner(company, due.anti_join(renewed.distinct(), "subscription_id"))
    frame: pd.DataFrame = found.select(
        "account_id", "owner_id", "term_ends_at", "mrr", "itself", "days", key=found.subscription_id
    ).execute()
    months = (frame["days"] / MONTH_DAYS).clip(lower=1.0)
    return frame.assign(
        money=frame["mrr"] * months,
        evidence=[
            f"subscription {key} of {mrr:,.2f} {company.currency} a month goes on since its term ended {end:%Y-%m-%d};"
            f" {'it should have renewed itself' if itself else 'it does not renew itself'}, and no deal about it is"
            f" open; counted: {'one month' if count <= 1 else f'the {count:.1f} months since'}"
            for key, mrr, end, itself, count in zip(
                *(frame[name] for name in ("key", "mrr", "term_ends_at", "itself")), months, strict=True
            )
        ],
    )


def invoices_overdue(company: Company) -> pd.DataFrame:
    """Invoices that are not paid, for longer past their day than is usual. One row per invoice; the money its amount.

    Usual is the time within which nine of ten invoices that were paid late were paid, at least ``GRACE_DAYS``.
    """
    invoices = company.tables["invoices"]
    late = days_between(invoices.due_at, invoices.paid_at)
    paid = invoices.filter(late > 0).agg(usual=late.quantile(SLOW_SHARE), known=late.count()).execute().iloc[0]
    grace = max(GRACE_DAYS, float(paid["usual"])) if paid["known"] >= STAYS else GRACE_DAYS
    rows = invoices.filter(
        invoices.paid_at.isnull(),
        days_between(invoices.due_at, ibis.literal(company.as_of_at)) > grace,
        invoices.amount > 0,
    )
    found = with_owner(company, rows)
    frame: pd.DataFrame = found.select(
        "account_id", "owner_id", "due_at", key=found.invoice_id, money=found.amount
    ).execute()
    days = (pd.Timestamp(company.as_of_at) - frame["due_at"]).dt.days
    usual = f"; nine of ten paid late came within {grace:.0f}" if grace > GRACE_DAYS else ""
    return frame.assign(
        evidence=[
            f"invoice {key} was due {due:%Y-%m-%d}, {late} days ago, and is not paid{usual}"
            for key, due, late in zip(frame["key"], frame["due_at"], days, strict=True)
        ]
    )


def deals_stalled(company: Company) -> pd.DataFrame:
    """Open deals that have been in their stage for longer than nine of ten deals stayed there before they left it.

    One row per deal; the money is its amount (0 where it has none). Deals are set against those of their own kind where
    ``STAYS`` of these left the stage (a renewal waits for its day), else against all. Where fewer did at all, it is the
    deal's age against the days that won deals took, if so many were won.
    """
    every = stage_stays(company)
    left = every.filter(every.left_at.notnull())
    of_kind = left.group_by("kind", "stage").agg(own=left.days.quantile(SLOW_SHARE), like=left.count())
    pace = left.group_by("stage").agg(every=left.days.quantile(SLOW_SHARE), known=left.count())
    deals = company.tables["opportunities"]
    won = deals.filter(deals.outcome == "won")
    cycle = won.agg(limit=days_between(won.created_at, won.closed_at).quantile(SLOW_SHARE), known=won.count()).execute()
    usual, wins = cycle.iloc[0]["limit"], int(cycle.iloc[0]["known"])

    open_deals = deals.filter(deals.closed_at.isnull()).select(
        "opportunity_id", "account_id", "amount", "created_at", deal_owner="owner_id"
    )
    present = every.filter(every.left_at.isnull()).select("opportunity_id", "kind", "stage", "days")
    rows = open_deals.left_join(present, "opportunity_id").drop("opportunity_id_right")
    rows = rows.left_join(pace, "stage").drop("stage_right")
    rows = rows.left_join(of_kind, ["kind", "stage"]).drop("kind_right", "stage_right")
    rows = rows.mutate(limit=ibis.ifelse(rows.like.fill_null(0) >= STAYS, rows.own, rows.every))
    rows = with_owner(company, rows)
    rows = rows.mutate(owner_id=rows.deal_owner.fill_null(rows.owner_id))
    frame: pd.DataFrame = rows.mutate(age=days_between(rows.created_at, ibis.literal(company.as_of_at))).execute()
    by_stage = (frame["known"] >= STAYS).fillna(False).astype(bool)
    slow = by_stage & (frame["days"] > frame["limit"])
    if wins >= STAYS:
        slow |= ~by_stage & (frame["age"] > usual)
    found: pd.DataFrame = frame[slow].rename(columns={"opportunity_id": "key"})
    return found.assign(
        money=found["amount"].fillna(0.0),
        evidence=[
            f"deal {key} has been in stage '{stage}' for {days:.0f} days; nine of ten deals left it within {limit:.0f}"
            if by_pace
            else f"deal {key} is {age:.0f} days old; nine of ten won deals took at most {usual:.0f}"
            for by_pace, key, stage, days, limit, age in zip(
                by_stage[slow], *(found[name] for name in ("key", "stage", "days", "limit", "age")), strict=True
            )
        ],
    )


def won_never_invoiced(company: Company) -> pd.DataFrame:
    """Won deals whose account got no invoice around their closing, since the company keeps invoices.

    One row per deal with an amount; the money is the amount. Any invoice of the account from ``INVOICE_BEFORE`` before
    the closing to ``INVOICE_WITHIN`` after counts; a deal is judged once that time has passed.
    """
    invoices, deals = company.tables["invoices"], company.tables["opportunities"]
    kept_since = earliest(invoices.issued_at) or company.as_of_at
    judged = company.as_of_at - INVOICE_WITHIN
    won = deals.filter(deals.outcome == "won", deals.amount > 0, deals.account_id.notnull())
    won = won.filter(won.closed_at < ibis.literal(judged), won.closed_at >= ibis.literal(kept_since))
    issued = invoices.select("account_id", "issued_at")
    before, after = (ibis.interval(days=span.days) for span in (INVOICE_BEFORE, INVOICE_WITHIN))
    billed = won.inner_join(
        issued,
        [
            won.account_id == issued.account_id,
            issued.issued_at >= won.closed_at - before,
            issued.issued_at <= won.closed_at + after,
        ],
    ).select("opportunity_id")
    rows = won.anti_join(billed.distinct(), "opportunity_id").select(
        "opportunity_id", "account_id", "amount", "closed_at", deal_owner="owner_id"
    )
    found = with_owner(company, rows)
    frame: pd.DataFrame = found.select(
        "account_id",
        "closed_at",
        owner_id=found.deal_owner.fill_null(found.owner_id),
        key=found.opportunity_id,
        money=found.amount,
    ).execute()
    return frame.assign(
        evidence=[
            f"deal {key} was won {closed:%Y-%m-%d}, and its account got no invoice from {INVOICE_BEFORE.days} days"
            f" before to {INVOICE_WITHIN.days} days after"
            for key, closed in zip(frame["key"], frame["closed_at"], strict=True)
        ]
    )


def used_after_end(company: Company) -> pd.DataFrame:
    """Products that an account uses, with no subscription to them active, after the one it had has ended.

    One row per account and product; the money is the last price, by the day, of the days of use in ``USAGE_BACK``.
    """
    since = company.as_of - USAGE_BACK
    usage, held, clock = used_since(company, since), company.tables["subscriptions"], clock_since(company, since)
    used = usage.filter((usage.active_users > 0) | (usage.events > 0)).select("account_id", "product_id", "day")
    spans = held.filter(held.product_id.notnull()).select("account_id", "product_id", "mrr", "started_at", "ended_at")
    joined = used.join(spans, ["account_id", "product_id"])
    last = clock.day(joined.ended_at)  # the day in which it ends is still covered, and so is that in which one begins
    covered = (clock.day(joined.started_at) <= joined.day) & (last.isnull() | (last >= joined.day))
    ended = last < joined.day
    days = joined.group_by("account_id", "product_id", "day").agg(
        covered=covered.any(),
        mrr=joined.mrr.argmax(joined.ended_at, where=ended),
        ended_at=joined.ended_at.max(where=ended),
    )
    beyond = days.filter(~days.covered, days.ended_at.notnull(), days.mrr > 0)
    rows = beyond.group_by("account_id", "product_id").agg(
        days=beyond.count(), money=beyond.mrr.sum() / MONTH_DAYS, ended_at=beyond.ended_at.max()
    )
    frame: pd.DataFrame = with_owner(company, rows).execute()
    return frame.assign(
        key=frame["account_id"].astype(str) + "/" + frame["product_id"].astype(str),
        evidence=[
            f"{product} was used on {count} of the last {USAGE_BACK.days} days, after its subscription ended"
            f" {end:%Y-%m-%d}"
            for product, count, end in zip(frame["product_id"], frame["days"], frame["ended_at"], strict=True)
        ],
    )
