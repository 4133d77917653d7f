"""Whom we may write to or call, and the proof."""

import ibis
import pandas as pd

from actions.call_schedule import mornings
from actions.send_schedule import waking_hours
from features.channels import is_phone
from features.company import Company

GRANTED = "granted"
PROOF = ("consent_status", "consent_recorded_at", "consent_evidence")
"""What proves that a contact may be mailed: the decision, its instant, and both in words."""


def mail_contacts(
    company: Company, contacts: pd.DataFrame, contact_scores: pd.DataFrame | None, *, too_often: set[str]
) -> pd.DataFrame:
    """One row per account that may be mailed, ordered by it: the contact to write to.

    ``account_id, contact_id, engagement, act_at`` and ``PROOF``. A contact may be written to when its latest
    decision on marketing e-mail is a grant, its address works, and it is not among ``too_often``. Of several the most
    engaged is taken. ``act_at`` is its best waking hour, or the next working morning of its time zone where none is
    known. ``contacts`` is today's features of contacts.
    """
    columns = ["account_id", "contact_id", "engagement", *PROOF]
    may = contacts.reindex(columns=[*columns, "may_email", "email_status", "timezone"])
    may = may.astype({"account_id": object, "contact_id": object})  # an empty frame knows no types
    allowed = may["may_email"].eq(True) & may["consent_status"].eq(GRANTED) & may["email_status"].eq("valid")
    may = may[allowed & may["account_id"].notna() & ~may["contact_id"].isin(too_often)]
    may = may.sort_values(
        ["account_id", "engagement", "contact_id"], ascending=[True, False, True], na_position="last"
    ).drop_duplicates("account_id")
    best = ["contact_id", "send_at", "send_windows"]
    times = pd.DataFrame(columns=best) if contact_scores is None else contact_scores
    rows = may[[*columns, "timezone"]].merge(times[best], on="contact_id", how="left")
    rows["send_at"] = pd.to_datetime(rows["send_at"]).astype("datetime64[us]")
    rows["act_at"] = waking_hours(company, rows)
    return rows[[*columns, "act_at"]].reset_index(drop=True)


def call_contacts(company: Company, contacts: pd.DataFrame) -> pd.DataFrame:
    """One row per account that may be called, ordered by it: ``account_id, contact_id, timezone, act_at``.

    The contact whom we called or met last (then the smallest id), of those with a phone number (where the CRM keeps any
    at all) who have not withdrawn their consent to be called: being a customer is reason enough to be called until one
    says otherwise. An account of which no person is known may be called too, without a contact; one of which people are
    known but none may be called is left out. ``act_at`` is the next working morning of the contact's time zone, or of
    the company's where there is no contact. ``contacts`` is today's features of contacts.
    """
    known, activities, consents = (company.tables[name] for name in ("contacts", "activities", "consents"))
    decided = consents.filter(is_phone(consents.channel)).group_by("contact_id", "recorded_at")
    # Of a grant and a withdrawal at the same instant, the withdrawal holds.
    decisions = decided.agg(withdrawn=lambda t: (t.status == "withdrawn").any())
    latest = decisions.group_by("contact_id").agg(withdrawn=decisions.withdrawn.argmax(decisions.recorded_at))
    spoken = activities.filter(activities.kind.isin(("call", "meeting"))).group_by("contact_id")
    last = spoken.agg(spoken_at=lambda t: t.happened_at.max())
    people = known.filter(known.account_id.notnull()).select(
        "account_id", "contact_id", has_phone=(known.phone.strip().length() > 0).fill_null(False)
    )
    people = people.left_join(latest, "contact_id").drop("contact_id_right")
    people = people.left_join(last, "contact_id").drop("contact_id_right")
    people = people.mutate(withdrawn=people.withdrawn.fill_null(False))
    everybody = people.order_by("account_id", ibis.desc("spoken_at"), "contact_id").execute()
    withdrawn, has_phone = everybody["withdrawn"].astype(bool), everybody["has_phone"].astype(bool)
    reachable = has_phone | (not has_phone.any())
    may = everybody[reachable & ~withdrawn].drop_duplicates("account_id")[["account_id", "contact_id"]]
    accounts: pd.DataFrame = company.tables["accounts"].select("account_id").order_by("account_id").execute()
    nobody_may = set(everybody["account_id"]) - set(may["account_id"])
    rows = accounts[~accounts["account_id"].isin(nobody_may)].merge(may, on="account_id", how="left")
    zones = contacts.reindex(columns=["contact_id", "timezone"]).astype(object)
    rows = rows.merge(zones.dropna(subset="contact_id"), on="contact_id", how="left")
    rows["timezone"] = rows["timezone"].fillna(company.timezone)
    rows["act_at"] = mornings(company, rows["timezone"])
    return rows
