"""What is known of a person as of a date: may we write, where to, when is it day there, and do they answer."""

import ibis
import ibis.expr.types as ir

from features.channels import is_email
from features.company import Company
from features.contacts.sends import ANSWERS
from features.contacts.timezones import contact_timezones
from features.point_in_time import facts_as_of

LOOKBACK_DAYS = 180
BOUNCE_DAYS = 365
PRIOR_SENDS = 10
"""How many sends the company's own share of answered sends weighs in a person's engagement."""

EMAIL_PATTERN = r"^[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}$"


def contact_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of a ``contact_spine``, ordered by date and contact:

    - ``contact_id, as_of, account_id``
    - ``sends, responses``: e-mail campaigns of 180 days, and those that a person opened, clicked or answered
    - ``engagement``: their share, drawn towards the company's; NULL while the company sends nothing
    - ``email_status``: valid, invalid, missing, bounced, unsubscribed
    - ``timezone, timezone_source``: see ``zones.contact_zones``
    - ``may_email``: the latest decision on marketing e-mail is a grant, and ``email_status`` is valid
    - ``consent_status, consent_recorded_at``: the latest decision on marketing e-mail, and when it was taken
    - ``consent_evidence``: the same in words, for people ("granted 2025-03-01 by webform"); NULL without one
    """
    rows = spine.select("contact_id", "account_id", "as_of", "as_of_at")
    email = facts_as_of(company, spine, "contacts", by="contact_id").select("contact_id", "as_of", "email")
    for side in (email, _mail(company, spine), _consent(company, spine), contact_timezones(company, spine)):
        rows = rows.left_join(side, ["contact_id", "as_of"]).drop("contact_id_right", "as_of_right")
    responses, sent = rows.responses.fill_null(0), rows.sends.fill_null(0)
    everywhere = ibis.window(group_by="as_of")
    usual = responses.sum().over(everywhere) / sent.sum().over(everywhere).nullif(0)
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
        engagement=(responses + PRIOR_SENDS * usual) / (sent + PRIOR_SENDS),
        email_status=status,
        timezone=rows.timezone,
        timezone_source=rows.timezone_source,
        may_email=granted.fill_null(False) & (status == "valid"),
        consent_status=rows.consent,
        consent_recorded_at=rows.decided_at,
        consent_evidence=rows.consent_evidence,
    ).order_by("as_of", "contact_id")


def _mail(company: Company, spine: ir.Table) -> ir.Table:
    """One row per contact and date with any known e-mail touch: what was sent, what came back."""
    rows = facts_as_of(company, spine, "touches", by="contact_id")
    rows = rows.filter(is_email(rows.channel)).mutate(machine=lambda t: t.machine.fill_null(False))
    message = rows.campaign_id.fill_null(rows.touch_id)
    recent = rows.age <= LOOKBACK_DAYS
    by_person = rows.kind.isin(ANSWERS) & ~rows.machine
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

    Of a grant and a withdrawal at the same instant, the withdrawal holds.
    """
    rows = facts_as_of(company, spine, "consents", by="contact_id")
    rows = rows.filter(is_email(rows.channel), rows.purpose == "marketing")
    place = ibis.row_number().over(
        ibis.window(
            group_by=["contact_id", "as_of"],
            order_by=[rows.recorded_at.desc(), rows.status.desc(), rows.source],
        )
    )
    latest = rows.mutate(place=place).filter(lambda t: t.place == 0)
    by = ibis.ifelse(latest.source.strip().length() > 0, " by " + latest.source.strip(), "").fill_null("")
    return latest.select(
        "contact_id",
        "as_of",
        consent=latest.status,
        decided_at=latest.recorded_at,
        consent_evidence=latest.status + " " + latest.recorded_at.strftime("%Y-%m-%d") + by,
    )
