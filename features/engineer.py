"""The step of the night that writes what is known of everybody as of its date."""

from data.lake import Draft
from features.accounts import account_features
from features.company import Company
from features.contacts import contact_features
from features.opportunities import opportunity_features
from features.spine import account_spine, contact_spine, opportunity_spine


def engineer(company: Company, draft: Draft) -> None:
    """Writes three tables as of the company's date: ``accounts`` (one row per customer), ``contacts`` (per contact) and
    ``opportunities`` (per open deal).
    """
    today = [company.as_of]
    draft.write("accounts", account_features(company, account_spine(company, today)))
    draft.write("contacts", contact_features(company, contact_spine(company, today)))
    draft.write("opportunities", opportunity_features(company, opportunity_spine(company, today)))
