"""Columns that tell the outcome of a deal by being filled at all."""

from collections.abc import Callable
from typing import Any

from features.company import Company
from features.opportunities.late_columns import columns_filled_at_close, late_columns


def deals(closed: int, still_open: int, **filled: tuple[int, int]) -> list[dict[str, Any]]:
    """So many closed and open deals; each column is filled in so many of the closed and of the open ones."""
    rows = []
    for outcome, count in (("won", closed), (None, still_open)):
        for n in range(count):
            row = {"opportunity_id": f"{outcome} {n}", "created_at": "2024-01-01", "outcome": outcome}
            given = {name: "x" for name, of in filled.items() if n < of[outcome is None]}
            rows.append({**row, **given, "closed_at": "2024-03-01" if outcome else None})
    return rows


def test_a_column_is_filled_at_the_end_when_closed_deals_have_it_and_open_ones_do_not(
    build: Callable[..., Company],
) -> None:
    company = build(
        opportunities=deals(100, 40, owner_id=(100, 40), product_id=(90, 4), kind=(10, 40), source=(60, 20))
    )
    # product: filled at closing; kind: emptied at closing; source: 60 % against 50 % may be chance
    assert columns_filled_at_close(company) == {"product_id", "kind"}


def test_a_few_deals_prove_nothing(build: Callable[..., Company]) -> None:
    assert columns_filled_at_close(build(opportunities=deals(4, 4, source=(3, 1)))) == set()
    assert columns_filled_at_close(build(opportunities=deals(9, 0, source=(9, 0)))) == set()
    assert columns_filled_at_close(build()) == set()


def test_what_is_written_as_deals_close_is_found_by_replaying_their_changes(build: Callable[..., Company]) -> None:
    rows = deals(10, 10)

    def change(n: int, at: str, field: str, old: str | None, new: str) -> dict[str, Any]:
        return {"opportunity_id": f"won {n}", "changed_at": at, "field": field, "old_value": old, "new_value": new}

    changes = [
        change(n, "2024-01-01", field, None, "1") for n in range(10) for field in ("amount", "expected_close_at")
    ]
    changes += [change(n, "2024-03-01", "amount", "1", "2") for n in range(8)]  # with the outcome
    changes += [change(n, "2024-02-01", "expected_close_at", "1", "2") for n in range(10)]  # before it
    changes += [change(n, "2024-03-05", "expected_close_at", "2", "3") for n in range(1)]  # after it, once
    company = build(opportunities=rows, opportunity_changes=changes)
    assert late_columns(company) == {"amount": "changed as the deal closed, or later, in 80% of 10 closed deals"}
    assert late_columns(build()) == {}
