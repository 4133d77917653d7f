"""Rules that forbid an action for now: frequency caps, recent calls, lapsed accounts, and responses of people."""

from datetime import timedelta

import ibis
import pandas as pd

from features.accounts.lifecycle import account_status
from features.channels import is_email
from features.company import Company
from features.spine import account_spine

EMAIL_CAP_DAYS = 7
MAX_EMAILS = 2
"""A contact that was sent this many marketing e-mails within ``EMAIL_CAP_DAYS`` gets no more."""
CALL_PAUSE_DAYS = 7
"""Days after a call or meeting in which the account is not called again."""
LAPSED_DAYS = 90
"""Smallest number of days without an order after which a customer has lapsed; more if order intervals are longer."""
RESPONSE_PAUSE_DAYS = 30
"""How long an action is suppressed that was done, or dismissed without a date."""


def contacts_over_email_cap(company: Company) -> set[str]:
    """Contacts that were sent ``MAX_EMAILS`` marketing e-mails or more in the last ``EMAIL_CAP_DAYS``.

    A send without a campaign, or of a campaign without a purpose, counts as marketing.
    """
    touches = company.tables["touches"]
    campaigns = company.tables["campaigns"].select("campaign_id", "purpose")
    since = company.as_of_at - timedelta(days=EMAIL_CAP_DAYS)
    sent = touches.filter(
        touches.kind == "sent",
        is_email(touches.channel),
        touches.happened_at >= ibis.literal(since),
    ).select("touch_id", "contact_id", "campaign_id")
    joined = sent.left_join(campaigns, "campaign_id")
    marketing = joined.filter((joined.purpose != "transactional").fill_null(True))
    counts = marketing.group_by("contact_id").agg(emails=lambda t: t.count())
    return set(counts.filter(counts.emails >= MAX_EMAILS).contact_id.execute())


def recently_called_accounts(company: Company) -> set[str]:
    """Accounts with a call or meeting in the last ``CALL_PAUSE_DAYS``."""
    activities = company.tables["activities"]
    since = company.as_of_at - timedelta(days=CALL_PAUSE_DAYS)
    recent = activities.filter(
        activities.kind.isin(("call", "meeting")),
        activities.account_id.notnull(),
        activities.happened_at >= ibis.literal(since),
    )
    return set(recent.select("account_id").distinct().account_id.execute())


def lapsed_accounts(company: Company) -> set[str]:
    """Accounts without an active subscription or a recent order: they have churned already, or never bought."""
    risk = account_status(company, account_spine(company, [company.as_of]), LAPSED_DAYS)
    return set(risk.filter(~risk.active).account_id.execute())


def suppressed_actions(company: Company) -> pd.DataFrame:
    """One row per account and action that a response suppresses as of the date: ``account_id, action``.

    The latest response to an action for an account counts. Overridden or dismissed with ``until``: suppressed until
    then. Overridden without: for good. Dismissed without, or done: for ``RESPONSE_PAUSE_DAYS``. Accepted: not
    suppressed. Account and action are read from ``action_id`` (``<as_of>:<account_id>:<action>``); other ids are
    ignored.
    """
    responses: pd.DataFrame = company.tables["responses"].execute()
    ids = responses["action_id"].astype("string").str.extract(r"^\d{4}-\d\d-\d\d:(?P<account_id>.+):(?P<action>\w+)$")
    latest = (
        responses.assign(account_id=ids["account_id"], action=ids["action"])
        .dropna(subset=["account_id", "action"])
        .sort_values(["responded_at", "action_id", "response"])
        .drop_duplicates(["account_id", "action"], keep="last")
    )
    now = pd.Timestamp(company.as_of_at)
    pause_ends = pd.to_datetime(latest["responded_at"]) + timedelta(days=RESPONSE_PAUSE_DAYS)
    until = pd.to_datetime(latest["until"])
    refused = latest["response"].isin(("overridden", "dismissed"))
    permanent = (latest["response"] == "overridden") & until.isna()
    dated = refused & until.notna() & (until > now)
    paused = (((latest["response"] == "dismissed") & until.isna()) | (latest["response"] == "done")) & (
        pause_ends > now
    )
    suppressed = latest[permanent | dated | paused]
    return suppressed[["account_id", "action"]].sort_values(["account_id", "action"], ignore_index=True)
