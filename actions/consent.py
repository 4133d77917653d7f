"""Which contacts may be e-mailed or called, with the proof of consent."""

import ibis
import pandas as pd

from actions.call_schedule import next_working_mornings
from actions.send_schedule import send_times
from features.channels import is_phone
from features.company import Company

GRANTED = "granted"
CONSENT_COLUMNS = ("consent_status", "consent_recorded_at", "consent_evidence")
"""The proof that a contact may be e-mailed: the decision, its instant, and both in words."""


def mail_contacts(
    company: Company, contacts: pd.DataFrame, contact_scores: pd.DataFrame | None, *, over_cap: set[str]
) -> pd.DataFrame:
    """One row per account that may be e-mailed, ordered by it: its most engaged contact that may be.

    ``account_id, contact_id, engagement, act_at`` and ``CONSENT_COLUMNS``. A contact may be e-mailed when its latest
    decision on marketing e-mail is a grant, its address is valid, and it is not in ``over_cap``. ``act_at`` is its best
    hour outside quiet hours, or the next working morning where none is known. ``contacts`` are the contact features.
    """
    columns = ["account_id", "contact_id", "engagement", *CONSENT_COLUMNS]
    rows = contacts.reindex(columns=[*columns, "may_email", "email_status", "timezone"])
    rows = rows.astype({"account_id": object, "contact_id": object})  # an empty frame has no types
    allowed = rows["may_email"].eq(True) & rows["consent_status"].eq(GRANTED) & rows["email_status"].eq("valid")
    rows = rows[allowed & rows["account_id"].notna() & ~rows["contact_id"].isin(over_cap)]
    rows = rows.sort_values(
        ["account_id", "engagement", "contact_id"], ascending=[True, False, True], na_position="last"
    ).drop_duplicates("account_id")
    best = ["contact_id", "send_at", "send_windows"]
    times = pd.DataFrame(columns=best) if contact_scores is None else contact_scores
    rows = rows[[*columns, "timezone"]].merge(times[best], on="contact_id", how="left")
    rows["send_at"] = pd.to_datetime(rows["send_at"]).astype("datetime64[us]")
    rows["act_at"] = send_times(company, rows)
    return rows[[*columns, "act_at"]].reset_index(drop=True)


def call_contacts(company: Company, contacts: pd.DataFrame) -> pd.DataFrame:
    """One row per account that may be called, ordered by it: ``account_id, contact_id, timezone, act_at``.

    The contact of the latest call or meeting (then the smallest id) among those with a phone number, where the CRM
    keeps any, and without withdrawn consent. An account without contacts may be called, with a NULL contact; one whose
    contacts may not be called is left out. ``act_at`` is the next working morning in the contact's time zone, or in
    the company's. ``contacts`` are the contact features.

    Notes: being a customer is taken as sufficient reason to be called until consent is withdrawn.
    """
    people = _phone_contacts(company)
    withdrawn, has_phone = people["withdrawn"].astype(bool), people["has_phone"].astype(bool)
    reachable = has_phone | (not has_phone.any())
    allowed = people[reachable & ~withdrawn].drop_duplicates("account_id")[["account_id", "contact_id"]]
    accounts: pd.DataFrame = company.tables["accounts"].select("account_id").order_by("account_id").execute()
    forbidden = set(people["account_id"]) - set(allowed["account_id"])
    rows = accounts[~accounts["account_id"].isin(forbidden)].merge(allowed, on="account_id", how="left")
    zones = contacts.reindex(columns=["contact_id", "timezone"]).astype(object)
    rows = rows.merge(zones.dropna(subset="contact_id"), on="contact_id", how="left")
    rows["timezone"] = rows["timezone"].fillna(company.timezone)
    rows["act_at"] = next_working_mornings(company, rows["timezone"])
    return rows


def _phone_contacts(company: Company) -> pd.DataFrame:
    """One row per contact of an account, the last one spoken to first within it: ``account_id, contact_id, has_phone,
    withdrawn, spoken_at``."""
    contacts, activities, consents = (company.tables[name] for name in ("contacts", "activities", "consents"))
    decided = consents.filter(is_phone(consents.channel)).group_by("contact_id", "recorded_at")
    # Of a grant and a withdrawal at the same instant, the withdrawal holds.
    decisions = decided.agg(withdrawn=lambda t: (t.status == "withdrawn").any())
    latest = decisions.group_by("contact_id").agg(withdrawn=decisions.withdrawn.argmax(decisions.recorded_at))
    spoken = activities.filter(activities.kind.isin(("call", "meeting"))).group_by("contact_id")
    last = spoken.agg(spoken_at=lambda t: t.happened_at.max())
    people = contacts.filter(contacts.account_id.notnull()).select(
        "account_id", "contact_id", has_phone=(contacts.phone.strip().length() > 0).fill_null(False)
    )
    people = people.left_join(latest, "contact_id").drop("contact_id_right")
    people = people.left_join(last, "contact_id").drop("contact_id_right")
    people = people.mutate(withdrawn=people.withdrawn.fill_null(False))
    frame: pd.DataFrame = people.order_by("account_id", ibis.desc("spoken_at"), "contact_id").execute()
    return frame
