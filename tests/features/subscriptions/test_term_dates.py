"""Terms that a source moves when contracts go on are not read: at a past date they tell who left."""

from datetime import date, timedelta
from typing import Any

import pytest

from features.subscriptions.table import subscription_spine, subscription_table
from features.subscriptions.term_dates import terms_are_overwritten

AS_OF = date(2024, 7, 1)


def contracts(kind: str) -> list[dict[str, Any]]:
    """Sixty yearly contracts of two years ago, one due every six days; one of every three leaves at its term."""
    rows = []
    for n in range(60):
        began = AS_OF - timedelta(days=365 * 2 - 6 * n)
        term = began + timedelta(days=365)  # within the last year
        contract = {
            "account_id": f"A{n}",
            "product_id": "P",
            "subscription_id": f"S{n}",
            "mrr": 10.0,
            "started_at": began,
        }
        if n % 3 == 0:
            rows.append({**contract, "term_ends_at": term, "ended_at": term})
        elif kind == "moved":
            rows.append({**contract, "term_ends_at": term + timedelta(days=365)})
        elif kind == "goes on":
            rows.append({**contract, "term_ends_at": term})
        else:
            rows.append({**contract, "term_ends_at": term, "ended_at": term})
            after = {"subscription_id": f"T{n}", "started_at": term, "term_ends_at": term + timedelta(days=365)}
            rows.append({**contract, **after})
    return [{name: str(value) if isinstance(value, date) else value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize(("kind", "moves"), [("moved", True), ("goes on", False), ("replaced", False)])
def test_moved_terms_are_found_and_not_read(build: Any, kind: str, moves: bool) -> None:
    company = build(
        AS_OF,
        accounts=[{"account_id": f"A{n}"} for n in range(60)],
        products=[{"product_id": "P"}],
        subscriptions=contracts(kind),
    )
    assert terms_are_overwritten(company) is moves
    spine = subscription_spine(company, [AS_OF - timedelta(days=200)])
    rows = subscription_table(company, spine).execute()
    assert len(rows) > 40
    assert rows["contract_days_to_term"].isna().all() == moves


def test_terms_of_a_company_whose_contracts_all_end_at_their_term_are_read(build: Any) -> None:
    leaving = [row for row in contracts("moved") if "ended_at" in row]
    company = build(AS_OF, accounts=[{"account_id": f"A{n}"} for n in range(60)], subscriptions=leaving)
    assert not terms_are_overwritten(company)
