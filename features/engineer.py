"""The step of the night that writes the features as of its date, and a quarter earlier for comparison."""

from datetime import timedelta

from data.lake import Draft
from features.accounts.table import account_features
from features.company import Company
from features.contacts.table import contact_features
from features.opportunities.table import opportunity_features
from features.spine import account_spine, contact_spine, opportunity_spine

COMPARISON_DAYS = 91
"""Days between today's features and those that drift compares them with: a quarter, to the same weekday."""


def engineer(company: Company, draft: Draft) -> None:
    """Write the tables ``accounts`` (one row per customer), ``contacts`` (per contact) and ``opportunities`` (per open
    deal) as of the company's date, and ``accounts_before`` and ``opportunities_before`` as of ``COMPARISON_DAYS``
    earlier.
    """
    today, before = company.as_of, company.as_of - timedelta(days=COMPARISON_DAYS)
    dates = [before, today]
    accounts = account_features(company, account_spine(company, dates)).cache()
    deals = opportunity_features(company, opportunity_spine(company, dates)).cache()
    for name, key, rows in (("accounts", "account_id", accounts), ("opportunities", "opportunity_id", deals)):
        draft.write(name, rows.filter(rows.as_of == today).order_by(key))
        draft.write(f"{name}_before", rows.filter(rows.as_of == before).order_by(key))
    draft.write("contacts", contact_features(company, contact_spine(company, [today])))
