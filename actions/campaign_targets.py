"""Who gets which e-mail: the chosen e-mail actions, as targets of campaigns."""

import pandas as pd

from actions.consent import PROOF
from data.outputs.catalogue import CAMPAIGN_TARGETS
from data.outputs.conform import conform
from features.channels import is_mail
from features.company import Company


def campaign_targets(company: Company, planned: pd.DataFrame, mail_to: pd.DataFrame) -> pd.DataFrame:
    """One row per contact and campaign: everybody who gets an e-mail, and everybody held out from one (``arm``).

    ``planned`` is what was chosen, before the holdout is withheld. The campaign is the company's own where one runs by
    e-mail for the product; else it is named for the action and the product, for whoever sends it to set up.
    """
    mails = planned[planned["channel"] == "email"]
    rows = mails.merge(mail_to[["contact_id", *PROOF]], on="contact_id")
    running = _running(company)
    own = rows["product_id"].map(dict(zip(running["product_id"], running["campaign_id"], strict=True)))
    named = rows["action"] + rows["product_id"].map(lambda product: "" if pd.isna(product) else f":{product}")
    rows = rows.assign(
        campaign_id=own.astype(object).where(own.notna(), named),
        expected_incremental_value=rows["expected_value"],
        send_at=rows["act_at"],
        arm=rows["holdout"].map({True: "holdout", False: "treated"}),
    )
    return conform(rows.sort_values(["campaign_id", "contact_id"], ignore_index=True), CAMPAIGN_TARGETS)


def _running(company: Company) -> pd.DataFrame:
    """One row per product with a marketing e-mail campaign running today: ``product_id``, latest ``campaign_id``."""
    campaigns = company.tables["campaigns"]
    running = campaigns.filter(
        campaigns.purpose == "marketing",
        is_mail(campaigns.channel),
        campaigns.product_id.notnull(),
        campaigns.started_at.notnull(),
        campaigns.ended_at.isnull() | (campaigns.ended_at > company.as_of_at),
    )
    frame: pd.DataFrame = running.select("product_id", "campaign_id", "started_at").execute()
    latest = frame.sort_values(["product_id", "started_at", "campaign_id"])
    return latest.drop_duplicates("product_id", keep="last")[["product_id", "campaign_id"]]
