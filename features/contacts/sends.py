"""E-mail sends by the local hour of the contact, and whether a person responded."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from features.channels import is_email
from features.company import Company
from features.contacts.timezones import contact_timezones
from features.local_time import zone_offsets
from features.point_in_time import earliest
from features.responses import EMAIL_RESPONSES, is_human_response
from features.spine import contact_spine

RESPONSE_HOURS = 72
"""A response counts for the last send of the same campaign to the contact, at most this many hours before it."""


def email_sends(company: Company) -> ir.Table:
    """One row per e-mail sent at least ``RESPONSE_HOURS`` before the company's date: ``touch_id, contact_id,
    campaign_id, sent_at, timezone, hour_of_week, responded, response_hour_of_week, propensity``.

    ``hour_of_week`` is 0 for Monday midnight to 167, by the contact's own clock. ``responded`` is whether a person
    responded (``EMAIL_RESPONSES``) within ``RESPONSE_HOURS`` and before the next send of the same campaign;
    ``response_hour_of_week`` is the local hour of the first response. Bounced sends are left out.
    """
    touches = company.tables["touches"]
    matured = company.as_of_at - timedelta(hours=RESPONSE_HOURS)
    mails = touches.filter(is_email(touches.channel)).mutate(campaign=lambda t: t.campaign_id.fill_null(""))
    sent = mails.filter(mails.kind == "sent").select(
        "touch_id", "contact_id", "campaign", "propensity", sent_at="happened_at"
    )
    following = sent.sent_at.lead().over(
        ibis.window(group_by=["contact_id", "campaign"], order_by=["sent_at", "touch_id"])
    )
    last = sent.sent_at + ibis.interval(hours=RESPONSE_HOURS)
    sent = sent.mutate(respond_until=ibis.least(following.fill_null(last), last))
    bounced = mails.filter(mails.kind == "bounced").select("contact_id", "campaign", responded_at="happened_at")
    responses = mails.filter(is_human_response(mails, EMAIL_RESPONSES)).select(
        "contact_id", "campaign", responded_at="happened_at"
    )
    sent = _first_after(sent, bounced, "bounced_at")
    sent = sent.filter(sent.bounced_at.isnull(), sent.sent_at < ibis.literal(matured))
    rows = _first_after(sent, responses, "responded_at")
    zones = contact_timezones(company, contact_spine(company, [company.as_of]))
    known = rows.join(zones.select("contact_id", "timezone"), "contact_id").select(*rows.columns, "timezone").cache()
    since = earliest(known.sent_at) or company.as_of_at
    names = known.select("timezone").distinct().execute().timezone
    changes = zone_offsets(names, since, company.as_of_at + timedelta(days=1))
    local = _hour_of_week(known, changes, "sent_at", "hour_of_week")
    local = _hour_of_week(local, changes.view(), "responded_at", "response_hour_of_week")
    return local.select(
        "touch_id",
        "contact_id",
        "sent_at",
        "timezone",
        "hour_of_week",
        "response_hour_of_week",
        "propensity",
        campaign_id=local.campaign.nullif(""),
        responded=local.responded_at.notnull(),
    ).order_by("sent_at", "touch_id")


def _first_after(sent: ir.Table, responses: ir.Table, name: str) -> ir.Table:
    """The sends, with the instant of their first response in the column ``name``; NULL without one."""
    joined = sent.select("touch_id", "contact_id", "campaign", "sent_at", "respond_until").join(
        responses, ["contact_id", "campaign"]
    )
    within = joined.filter(joined.responded_at >= joined.sent_at, joined.responded_at < joined.respond_until)
    first = within.group_by("touch_id").agg(**{name: within.responded_at.min()})
    return sent.left_join(first, "touch_id").drop("touch_id_right")


def _hour_of_week(rows: ir.Table, changes: ir.Table, column: str, name: str) -> ir.Table:
    """The rows with the local hour of the week (Monday midnight is 0) of an instant, in each row's ``timezone``."""
    joined = rows.left_join(
        changes,
        [rows.timezone == changes.zone, rows[column] >= changes.from_at, rows[column] < changes.until_at],
    )
    local = joined[column] + joined.ahead.as_interval("s")
    hour = local.day_of_week.index() * 24 + local.hour()
    return joined.select(*rows.columns, **{name: hour})
