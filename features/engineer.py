"""The step of the night that writes what is known of everybody as of its date."""

from datetime import timedelta

from data.lake import Draft
from features.accounts.table import account_features
from features.company import Company
from features.contacts.table import contact_features
from features.opportunities.table import opportunity_features
from features.spine import account_spine, contact_spine, opportunity_spine

COMPARISON_DAYS = 91
"""The same weekday a quarter before: what today's inputs are set against."""


def engineer(company: Company, draft: Draft) -> None:
    """Writes three tables as of the company's date: ``accounts`` (one row per customer), ``contacts`` (per contact) and
    ``opportunities`` (per open deal); and ``accounts_before`` and ``opportunities_before``, the same a quarter before.
    """
    today, before = company.as_of, company.as_of - timedelta(days=COMPARISON_DAYS)
    both = [before, today]
    accounts = account_features(company, account_spine(company, both)).cache()
    deals = opportunity_features(company, opportunity_spine(company, both)).cache()
    for name, key, rows in (("accounts", "account_id", accounts), ("opportunities", "opportunity_id", deals)):
        draft.write(name, rows.filter(rows.as_of == today).order_by(key))
        draft.write(f"{name}_before", rows.filter(rows.as_of == before).order_by(key))
    draft.write("contacts", contact_features(company, contact_spine(company, [today])))
