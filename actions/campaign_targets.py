"""The contacts of each e-mail campaign, from the e-mail actions that were chosen."""

import pandas as pd

from actions.consent import CONSENT_COLUMNS
from data.outputs.catalogue import CAMPAIGN_TARGETS
from data.outputs.conform import conform
from features.channels import is_email
from features.company import Company


def campaign_targets(company: Company, planned: pd.DataFrame, mail_to: pd.DataFrame) -> pd.DataFrame:
    """One row per contact and campaign: the contacts to e-mail, and those of the holdout (``arm``).

    ``planned`` are the chosen actions before the holdout is withheld. The campaign is a running one of the company for
    the product; where there is none, it is named after the action and the product, to be set up by its sender.
    """
    emails = planned[planned["channel"] == "email"]
    rows = emails.merge(mail_to[["contact_id", *CONSENT_COLUMNS]], on="contact_id")
    running = _running_campaigns(company)
    existing = rows["product_id"].map(dict(zip(running["product_id"], running["campaign_id"], strict=True)))
    named = rows["action"] + rows["product_id"].map(lambda product: "" if pd.isna(product) else f":{product}")
    rows = rows.assign(
        campaign_id=existing.astype(object).where(existing.notna(), named),
        expected_incremental_value=rows["expected_value"],
        send_at=rows["act_at"],
        arm=rows["holdout"].map({True: "holdout", False: "treated"}),
    )
    return conform(rows.sort_values(["campaign_id", "contact_id"], ignore_index=True), CAMPAIGN_TARGETS)


def _running_campaigns(company: Company) -> pd.DataFrame:
    """One row per product with a running marketing e-mail campaign: ``product_id``, latest ``campaign_id``."""
    campaigns = company.tables["campaigns"]
    running = campaigns.filter(
        campaigns.purpose == "marketing",
        is_email(campaigns.channel),
        campaigns.product_id.notnull(),
        campaigns.started_at.notnull(),
        campaigns.ended_at.isnull() | (campaigns.ended_at > company.as_of_at),
    )
    frame: pd.DataFrame = running.select("product_id", "campaign_id", "started_at").execute()
    latest = frame.sort_values(["product_id", "started_at", "campaign_id"])
    return latest.drop_duplicates("product_id", keep="last")[["product_id", "campaign_id"]]
