"""Deleting every fact known on or after T changes no feature as of T."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import pytest

from data.calendar import first_instant
from data.contract import TABLES
from features.accounts.table import account_features
from features.company import Company
from features.contacts.table import contact_features
from features.opportunities.table import opportunity_features
from features.products.ownership import open_escalations, owned_products, products_in_open_deals, repeat_purchase_shares
from features.products.purchases import campaign_responses, purchase_events
from features.spine import account_spine, contact_spine, opportunity_spine
from tests.features.random_rows import random_rows

THEN, NOW = date(2023, 9, 1), date(2024, 6, 1)
ZONE = "Europe/Istanbul"

READINGS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "accounts": (account_spine, account_features),
    "contacts": (contact_spine, contact_features),
    "opportunities": (opportunity_spine, opportunity_features),
    "owned": (account_spine, owned_products),
    "consumed": (account_spine, repeat_purchase_shares),
    "in open deals": (account_spine, products_in_open_deals),
    "escalated": (account_spine, open_escalations),
    "purchases": (account_spine, purchase_events),
    "purchases of people": (contact_spine, partial(purchase_events, by="contact_id")),
    "answered": (account_spine, campaign_responses),
    "answered by people": (contact_spine, partial(campaign_responses, by="contact_id")),
}


def facts_before(rows: dict[str, list[dict[str, Any]]], instant: datetime) -> dict[str, list[dict[str, Any]]]:
    """The rows known before an instant, and of what is revealed later, only what was revealed before it."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for table, table_rows in rows.items():
        kept[table] = []
        for row in table_rows:
            known = row.get("known_at")
            if table == "usage":
                known = first_instant(row["day"] + timedelta(days=1), ZONE)
            if known is not None and known >= instant:
                continue
            row = dict(row)
            reveals = [(c.name, row.get(c.revealed_by)) for c in TABLES[table].columns if c.revealed_by in row]
            for name, revealed in reveals:
                if revealed is None or revealed >= instant:
                    row[name] = None
            kept[table].append(row)
    return kept


@pytest.fixture(scope="module")
def companies(build: Callable[..., Company]) -> tuple[Company, Company]:
    rows = random_rows(seed=3)
    return build(NOW, **rows), build(THEN, **facts_before(rows, first_instant(THEN, ZONE)))


@pytest.mark.parametrize("what", READINGS)
def test_features_as_of_a_date_do_not_change_when_later_facts_are_deleted(
    companies: tuple[Company, Company], what: str
) -> None:
    spine, read = READINGS[what]
    later, then = (read(company, spine(company, [THEN])).execute() for company in companies)
    assert len(then) > 5
    by = [name for name in then.columns if name.endswith("_id") or name in ("as_of", "at")]
    pd.testing.assert_frame_equal(
        later.sort_values(by, ignore_index=True), then.sort_values(by, ignore_index=True), rtol=1e-9
    )


@pytest.mark.parametrize("what", ["accounts", "opportunities", "contacts"])
def test_the_company_of_the_law_has_something_to_hide(companies: tuple[Company, Company], what: str) -> None:
    spine, read = READINGS[what]
    company = companies[0]
    rows = read(company, spine(company, [THEN, NOW])).execute()
    then, now = (rows[rows.as_of == str(day)].mean(numeric_only=True) for day in (THEN, NOW))
    assert (then != now).sum() > len(then) / 2
