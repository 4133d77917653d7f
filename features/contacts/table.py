"""The feature table of contacts: consent, e-mail status, engagement and time zone as of a date."""

import ibis
import ibis.expr.types as ir

from features.channels import is_email
from features.company import Company
from features.contacts.timezones import contact_timezones
from features.point_in_time import facts_as_of
from features.responses import EMAIL_RESPONSES, is_human_response

ENGAGEMENT_DAYS = 180
BOUNCE_DAYS = 365
CONTACT_PRIOR_SENDS = 10
"""How many sends the company's own response rate counts for in a contact's engagement."""

EMAIL_PATTERN = r"^[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}$"


def contact_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of a ``contact_spine``, ordered by date and contact:

    - ``contact_id, as_of, account_id``
    - ``sends, responses``: e-mail campaigns of 180 days, and those that a person responded to
    - ``engagement``: their share, shrunk to the company's; NULL while the company sends nothing
    - ``email_status``: valid, invalid, missing, bounced, unsubscribed
    - ``timezone, timezone_source``: see ``contact_timezones``
    - ``may_email``: the latest decision on marketing e-mail is a grant, and ``email_status`` is valid
    - ``consent_status, consent_recorded_at``: the latest decision on marketing e-mail, and when it was taken
    - ``consent_evidence``: the same in words, for people ("granted 2025-03-01 by webform"); NULL without one
    """
    rows = spine.select("contact_id", "account_id", "as_of", "as_of_at")
    address_rows = facts_as_of(company, spine, "contacts", by="contact_id").select("contact_id", "as_of", "email")
    for side in (address_rows, _email(company, spine), _consent(company, spine), contact_timezones(company, spine)):
        rows = rows.left_join(side, ["contact_id", "as_of"]).drop("contact_id_right", "as_of_right")
    responses, sent = rows.responses.fill_null(0), rows.sends.fill_null(0)
    each_date = ibis.window(group_by="as_of")
    company_rate = responses.sum().over(each_date) / sent.sum().over(each_date).nullif(0)
    granted = rows.consent == "granted"
    unsubscribed = rows.unsubscribed_at.notnull() & ~(granted & (rows.decided_at > rows.unsubscribed_at)).fill_null(
        False
    )
    bounced = rows.bounced_at.notnull() & ~(rows.reached_at > rows.bounced_at).fill_null(False)
    address = rows.email.strip()
    status = ibis.cases(
        ((address.length() > 0).fill_null(False) == ibis.literal(False), "missing"),
        (~address.re_search(EMAIL_PATTERN), "invalid"),
        (unsubscribed, "unsubscribed"),
        (bounced, "bounced"),
        else_="valid",
    )
    return rows.select(
        "contact_id",
        "as_of",
        "account_id",
        sends=sent,
        responses=responses,
        engagement=(responses + CONTACT_PRIOR_SENDS * company_rate) / (sent + CONTACT_PRIOR_SENDS),
        email_status=status,
        timezone=rows.timezone,
        timezone_source=rows.timezone_source,
        may_email=granted.fill_null(False) & (status == "valid"),
        consent_status=rows.consent,
        consent_recorded_at=rows.decided_at,
        consent_evidence=rows.consent_evidence,
    ).order_by("as_of", "contact_id")


def _email(company: Company, spine: ir.Table) -> ir.Table:
    """One row per contact and date with any known e-mail touch: sends and responses, and the latest bounce,
    delivery and unsubscription."""
    rows = facts_as_of(company, spine, "touches", by="contact_id")
    rows = rows.filter(is_email(rows.channel))
    message = rows.campaign_id.fill_null(rows.touch_id)
    recent = rows.age <= ENGAGEMENT_DAYS
    by_person = is_human_response(rows, EMAIL_RESPONSES)
    sums = rows.group_by("contact_id", "as_of").agg(
        sends=message.nunique(where=(rows.kind == "sent") & recent),
        answered=message.nunique(where=by_person & recent),
        unsubscribed_at=rows.happened_at.max(where=rows.kind == "unsubscribed"),
        bounced_at=rows.happened_at.max(where=(rows.kind == "bounced") & (rows.age <= BOUNCE_DAYS)),
        reached_at=rows.happened_at.max(where=(rows.kind == "delivered") | by_person),
    )
    return sums.mutate(responses=ibis.least(sums.answered, sums.sends)).drop("answered")


def _consent(company: Company, spine: ir.Table) -> ir.Table:
    """One row per contact and date with any known decision on marketing e-mail: the latest one.

    A withdrawal takes precedence over a grant of the same instant.
    """
    rows = facts_as_of(company, spine, "consents", by="contact_id")
    rows = rows.filter(is_email(rows.channel), rows.purpose == "marketing")
    rank = ibis.row_number().over(
        ibis.window(
            group_by=["contact_id", "as_of"],
            order_by=[rows.recorded_at.desc(), rows.status.desc(), rows.source],
        )
    )
    latest = rows.mutate(rank=rank).filter(lambda t: t.rank == 0)
    by = ibis.ifelse(latest.source.strip().length() > 0, " by " + latest.source.strip(), "").fill_null("")
    return latest.select(
        "contact_id",
        "as_of",
        consent=latest.status,
        decided_at=latest.recorded_at,
        consent_evidence=latest.status + " " + latest.recorded_at.strftime("%Y-%m-%d") + by,
    )
