"""What was sent to whom at which of their own hours, and whether a person answered. Machine opens never count."""

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from features.channels import is_email
from features.company import Company
from features.contacts.timezones import contact_timezones
from features.local_time import zone_offsets
from features.point_in_time import earliest
from features.spine import contact_spine

ANSWERS = ("opened", "clicked", "replied")
ANSWER_HOURS = 72
"""An answer counts for the last send of the same campaign to the person, at most this many hours before."""


def human_responses(company: Company, *, since: datetime | None = None, until: datetime | None = None) -> ir.Table:
    """One row per contact and hour of the week of sends: ``contact_id, hour_of_week, sends, responses``.

    ``hour_of_week`` is 0 for Monday midnight to 167, in the contact's own time zone, clock changes right. Only sends
    from ``since`` until before ``until`` count, and only when their ``ANSWER_HOURS`` have passed by the company's date.
    """
    rows = email_sends(company)
    if since is not None:
        rows = rows.filter(rows.sent_at >= ibis.literal(since))
    if until is not None:
        rows = rows.filter(rows.sent_at < ibis.literal(until))
    return (
        rows.group_by("contact_id", "hour_of_week")
        .agg(sends=rows.count(), responses=rows.responded.sum())
        .order_by("contact_id", "hour_of_week")
    )


def email_sends(company: Company) -> ir.Table:
    """One row per e-mail sent whose time to be answered has passed:
    ``touch_id, contact_id, campaign_id, sent_at, timezone, hour_of_week, responded, response_hour_of_week,
    propensity``.

    ``responded`` is whether a person opened, clicked or replied within ``ANSWER_HOURS``, before the next send of the
    same campaign; ``response_hour_of_week`` is the local hour of the first answer. Bounced sends are left out.
    """
    touches = company.tables["touches"]
    matured = company.as_of_at - timedelta(hours=ANSWER_HOURS)
    mails = touches.filter(is_email(touches.channel)).mutate(
        campaign=lambda t: t.campaign_id.fill_null(""), machine=lambda t: t.machine.fill_null(False)
    )
    sent = mails.filter(mails.kind == "sent").select(
        "touch_id", "contact_id", "campaign", "propensity", sent_at="happened_at"
    )
    following = sent.sent_at.lead().over(
        ibis.window(group_by=["contact_id", "campaign"], order_by=["sent_at", "touch_id"])
    )
    last = sent.sent_at + ibis.interval(hours=ANSWER_HOURS)
    sent = sent.mutate(answer_until=ibis.least(following.fill_null(last), last))
    bounced = mails.filter(mails.kind == "bounced").select("contact_id", "campaign", answered_at="happened_at")
    answers = mails.filter(mails.kind.isin(ANSWERS), ~mails.machine).select(
        "contact_id", "campaign", answered_at="happened_at"
    )
    sent = _first_after(sent, bounced, "bounced_at")
    sent = sent.filter(sent.bounced_at.isnull(), sent.sent_at < ibis.literal(matured))
    rows = _first_after(sent, answers, "answered_at")
    zones = contact_timezones(company, contact_spine(company, [company.as_of]))
    known = rows.join(zones.select("contact_id", "timezone"), "contact_id").select(*rows.columns, "timezone").cache()
    since = earliest(known.sent_at) or company.as_of_at
    names = known.select("timezone").distinct().execute().timezone
    changes = zone_offsets(names, since, company.as_of_at + timedelta(days=1))
    local = _hour_of_week(known, changes, "sent_at", "hour_of_week")
    local = _hour_of_week(local, changes.view(), "answered_at", "response_hour_of_week")
    return local.select(
        "touch_id",
        "contact_id",
        "sent_at",
        "timezone",
        "hour_of_week",
        "response_hour_of_week",
        "propensity",
        campaign_id=local.campaign.nullif(""),
        responded=local.answered_at.notnull(),
    ).order_by("sent_at", "touch_id")


def _first_after(sent: ir.Table, answers: ir.Table, name: str) -> ir.Table:
    """The sends, with the instant of the first of the answers that belong to them, or NULL."""
    joined = sent.select("touch_id", "contact_id", "campaign", "sent_at", "answer_until").join(
        answers, ["contact_id", "campaign"]
    )
    within = joined.filter(joined.answered_at >= joined.sent_at, joined.answered_at < joined.answer_until)
    first = within.group_by("touch_id").agg(**{name: within.answered_at.min()})
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
