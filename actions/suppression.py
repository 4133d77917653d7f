"""What must not be done now: too many e-mails, a call after a call, and what people said no to."""

from datetime import timedelta

import ibis
import pandas as pd

from features.channels import is_mail
from features.company import Company
from features.labels.windows import at_risk
from features.spine import account_spine

MAIL_DAYS = 7
MAILS = 2
"""A contact that was sent this many marketing e-mails within ``MAIL_DAYS`` gets no more."""
CALL_DAYS = 7
"""An account that was called or met within so many days is not called again."""
GONE_DAYS = 90
"""A customer of orders is gone after so many days without one, or more where the company's customers take longer."""
REST_DAYS = 30
"""How long an action stays away that was done, or dismissed without a date."""


def mailed_too_often(company: Company) -> set[str]:
    """Contacts that were sent ``MAILS`` marketing e-mails or more in the last ``MAIL_DAYS``.

    A send without a campaign, or of a campaign without a purpose, counts as marketing.
    """
    touches = company.tables["touches"]
    campaigns = company.tables["campaigns"].select("campaign_id", "purpose")
    since = company.as_of_at - timedelta(days=MAIL_DAYS)
    sent = touches.filter(
        touches.kind == "sent",
        is_mail(touches.channel),
        touches.happened_at >= ibis.literal(since),
    ).select("touch_id", "contact_id", "campaign_id")
    joined = sent.left_join(campaigns, "campaign_id")
    marketing = joined.filter((joined.purpose != "transactional").fill_null(True))
    counts = marketing.group_by("contact_id").agg(mails=lambda t: t.count())
    return set(counts.filter(counts.mails >= MAILS).contact_id.execute())


def called_lately(company: Company) -> set[str]:
    """Accounts that we called or met in the last ``CALL_DAYS``."""
    activities = company.tables["activities"]
    since = company.as_of_at - timedelta(days=CALL_DAYS)
    lately = activities.filter(
        activities.kind.isin(("call", "meeting")),
        activities.account_id.notnull(),
        activities.happened_at >= ibis.literal(since),
    )
    return set(lately.select("account_id").distinct().account_id.execute())


def left_already(company: Company) -> set[str]:
    """Customers without an active subscription or a recent order: those that cannot churn, for they have."""
    risk = at_risk(company, account_spine(company, [company.as_of]), GONE_DAYS)
    return set(risk.filter(~risk.at_risk).account_id.execute())


def kept_away(company: Company) -> pd.DataFrame:
    """One row per account and action that people want to see no more for now: ``account_id, action``.

    The latest answer to an action for an account holds. Overridden or dismissed with ``until``: away until then.
    Overridden without: for good. Dismissed without, or done: away for ``REST_DAYS``. Accepted: not away. The account
    and the action are read from the action's id, ``<as_of>:<account_id>:<action>``; other ids say nothing to us.
    """
    responses: pd.DataFrame = company.tables["responses"].execute()
    parts = responses["action_id"].astype("string").str.extract(r"^\d{4}-\d\d-\d\d:(?P<account_id>.+):(?P<action>\w+)$")
    latest = (
        responses.assign(account_id=parts["account_id"], action=parts["action"])
        .dropna(subset=["account_id", "action"])
        .sort_values(["responded_at", "action_id", "response"])
        .drop_duplicates(["account_id", "action"], keep="last")
    )
    now = pd.Timestamp(company.as_of_at)
    rested = pd.to_datetime(latest["responded_at"]) + timedelta(days=REST_DAYS)
    until = pd.to_datetime(latest["until"])
    refused = latest["response"].isin(("overridden", "dismissed"))
    for_good = (latest["response"] == "overridden") & until.isna()
    dated = refused & until.notna() & (until > now)
    resting = (((latest["response"] == "dismissed") & until.isna()) | (latest["response"] == "done")) & (rested > now)
    away = latest[for_good | dated | resting]
    return away[["account_id", "action"]].sort_values(["account_id", "action"], ignore_index=True)
