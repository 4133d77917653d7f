"""Features of engagement: messages sent and responses of people, calls and meetings."""

from dataclasses import replace

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.feature import Change, Feature
from features.point_in_time import facts_as_of
from features.responses import ACTIVE_RESPONSES, is_human_response

FEATURES = (
    Feature("sent_90", "engagement", "messages sent in the last 90 days", "messages", "touches"),
    Feature("opened_90", "engagement", "messages opened by people in the last 90 days", "opens", "touches"),
    Feature("clicked_90", "engagement", "clicks by people in the last 90 days", "clicks", "touches"),
    Feature("answers_365", "engagement", "replies, forms and event visits in the last year", "answers", "touches"),
    Feature("unsubscribed_365", "engagement", "people who unsubscribed in the last year", "people", "touches"),
    Feature(
        "response_rate_180",
        "engagement",
        "share of messages answered by people in 180 days",
        "share",
        absent="never sent a message",
    ),
    Feature(
        "days_since_response",
        "engagement",
        "days since a person last answered a message",
        "days",
        absent="no person ever answered a message",
    ),
    Feature("people_engaged_90", "engagement", "people who answered in the last 90 days", "people", "touches"),
    Feature("activities_90", "engagement", "calls, meetings and mails in the last 90 days", "acts", "activities"),
    Feature("meetings_90", "engagement", "meetings in the last 90 days", "meetings", "activities"),
    Feature(
        "activities_change_90",
        "engagement",
        "our activities of 90 days less the 90 before",
        "acts",
        "activities",
        change=Change("activities_90", "our calls, meetings and mails", "in 90 days"),
    ),
    Feature(
        "days_since_activity",
        "engagement",
        "days since we last called, met or wrote",
        "days",
        absent="never called, met or written to",
    ),
)

ACCOUNT_PRIOR_SENDS = 10
"""How many sends the company's own response rate counts for in an account's."""


def engagement_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known touch of a contact: the touch columns of ``FEATURES``."""
    people = (
        company.tables["contacts"]
        .filter(lambda t: t.account_id.notnull())
        .select("contact_id", "account_id", contact_known_at="known_at")
    )
    touches = company.tables["touches"].join(people, "contact_id")
    with_account = replace(company, tables={**company.tables, "touches": touches})
    rows = facts_as_of(with_account, spine, "touches")
    rows = rows.filter(rows.contact_known_at.isnull() | (rows.contact_known_at < rows.as_of_at))
    by_person = is_human_response(rows)
    quarter, half = rows.age <= 90, rows.age <= 180
    sums = rows.group_by("account_id", "as_of").agg(
        sent_90=((rows.kind == "sent") & quarter).sum(),
        opened_90=((rows.kind == "opened") & by_person & quarter).sum(),
        clicked_90=((rows.kind == "clicked") & by_person & quarter).sum(),
        answers_365=(is_human_response(rows, ACTIVE_RESPONSES) & (rows.age <= 365)).sum(),
        unsubscribed_365=rows.contact_id.nunique(where=(rows.kind == "unsubscribed") & (rows.age <= 365)),
        sent_180=((rows.kind == "sent") & half).sum(),
        answered_180=(rows.contact_id + "/" + rows.campaign_id.fill_null(rows.touch_id)).nunique(
            where=by_person & half
        ),
        days_since_response=rows.age.min(where=by_person),
        people_engaged_90=rows.contact_id.nunique(where=by_person & quarter),
    )
    answered = ibis.least(sums.answered_180, sums.sent_180)
    each_date = ibis.window(group_by="as_of")
    company_rate = answered.sum().over(each_date) / sums.sent_180.sum().over(each_date).nullif(0)
    rates = sums.mutate(
        response_rate_180=(answered + ACCOUNT_PRIOR_SENDS * company_rate) / (sums.sent_180 + ACCOUNT_PRIOR_SENDS)
    )
    return rates.drop("sent_180", "answered_180")


def activity_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known activity: the activity columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "activities")
    quarter, prior = rows.age <= 90, (rows.age > 90) & (rows.age <= 180)
    real = rows.kind != "note"
    return rows.group_by("account_id", "as_of").agg(
        activities_90=(real & quarter).sum(),
        meetings_90=((rows.kind == "meeting") & quarter).sum(),
        activities_change_90=(real & quarter).sum() - (real & prior).sum(),
        days_since_activity=rows.age.min(where=real),
    )
