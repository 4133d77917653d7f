"""Features of open deals, by construction."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from features.opportunities.history import deal_values
from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES, opportunity_features
from features.spine import opportunity_spine

DAY = date(2024, 4, 1)


def deal(
    name: str, created: str, closed: str | None = None, outcome: str | None = None, **other: Any
) -> dict[str, Any]:
    row = {"opportunity_id": name, "account_id": "a", "owner_id": "w", "created_at": created, "closed_at": closed}
    return {**row, "outcome": outcome, "stage": "rewritten", "amount": 9999.0, **other}


def change(name: str, at: str, field: str, new: str | None, old: str | None = None, **other: Any) -> dict[str, Any]:
    row = {"opportunity_id": name, "changed_at": at, "field": field, "old_value": old, "new_value": new}
    return {**row, **other}


def test_a_deal_has_the_values_of_its_date_not_those_filled_in_later(build: Callable[..., Company]) -> None:
    company = build(
        date(2024, 7, 1),
        opportunities=[deal("d", "2024-02-01", "2024-06-01", "won"), deal("no history", "2024-02-01")],
        opportunity_changes=[
            change("d", "2024-02-01", "stage", "new"),
            change("d", "2024-03-01", "stage", "offer", "new"),
            change("d", "2024-06-01", "stage", "closed won", "offer"),
            change("d", "2024-02-01", "amount", "100"),
            change("d", "2024-03-20", "amount", "250.5", "100", known_at="2024-04-03"),
            change("d", "2024-02-01", "expected_close_at", "2024-05-01"),
            change("d", "2024-03-15", "expected_close_at", None, "2024-05-01"),
        ],
    )
    rows = deal_values(company, opportunity_spine(company, [date(2024, 2, 15), DAY, date(2024, 5, 1)])).execute()
    rows = rows.sort_values("as_of")
    assert rows.stage.tolist() == ["new", "offer", "offer"]
    assert rows.amount.tolist() == [100, 100, 250.5]
    assert rows.expected_close_at.isna().tolist() == [False, True, True]
    assert set(rows.opportunity_id) == {"d"}


def test_features_of_a_deal(build: Callable[..., Company]) -> None:
    past_deals = [deal(f"won {i}", "2023-01-01", "2023-02-10", "won", amount=50.0) for i in range(6)]
    past_deals += [deal(f"lost {i}", "2023-01-01", "2023-03-01", "lost", owner_id="v") for i in range(2)]
    company = build(
        date(2024, 7, 1),
        opportunities=[deal("d", "2024-03-12", kind="new"), *past_deals, deal("later", "2024-05-01")],
        opportunity_changes=[
            change("d", "2024-03-12", "stage", "new"),
            change("d", "2024-03-22", "stage", "offer", "new"),
            change("d", "2024-03-12", "amount", "50"),
            change("d", "2024-03-13", "amount", "100", "50"),
            change("d", "2024-03-12", "expected_close_at", "2024-05-01"),
            change("d", "2024-03-13", "expected_close_at", "2024-05-11", "2024-05-01"),
            *(change(f"won {i}", "2023-01-05", "stage", "offer") for i in range(6)),
            change("lost 1", "2023-01-05", "stage", "offer"),
        ],
        activities=[
            {"activity_id": "1", "account_id": "a", "kind": "call", "happened_at": "2024-01-01"},
            {"activity_id": "2", "account_id": "a", "kind": "meeting", "happened_at": "2024-03-14"},
            {"activity_id": "3", "account_id": "a", "kind": "call", "happened_at": "2024-03-27 21:00"},
            {"activity_id": "4", "account_id": "a", "kind": "note", "happened_at": "2024-03-28"},
        ],
    )
    rows = opportunity_features(company, opportunity_spine(company, [DAY])).execute()
    assert list(rows.columns) == [
        "opportunity_id", "as_of", *(f.name for f in (*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES)),
    ]  # fmt: skip
    assert len(rows) == 1
    expected = {
        "age_days": 19.875, "age_over_cycle": 19.875 / 40, "amount": 100, "amount_over_typical": 2, "amount_growth": 2,
        "amount_changes": 1, "days_to_expected_close": 40 + 3 / 24, "days_pushed": 10, "expected_close_changes": 1,
        "days_in_stage": 9.875, "stage_changes": 1, "changes_30": 3, "owner_deals_closed": 6, "account_deals_closed": 8,
        "owner_win_rate": (6 + 10 * 6 / 8) / 16, "account_win_rate": 6 / 8, "owner_deals_open": 1,
        "activities_since_created": 2, "meetings_since_created": 1, "activities_14": 1, "days_since_activity": 4,
        "stage_win_rate": (6 + 10 * 6 / 7) / 17,
    }  # fmt: skip
    row = rows.iloc[0]
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row.stage == "offer"
    assert pd.isna(row.account_mrr)


def test_a_deal_without_history_has_no_values_rather_than_those_of_its_outcome(build: Callable[..., Company]) -> None:
    company = build(date(2024, 7, 1), opportunities=[deal("d", "2024-02-01", "2024-06-01", "won")])
    row = opportunity_features(company, opportunity_spine(company, [DAY])).execute().iloc[0]
    assert row[["stage", "amount", "days_to_expected_close", "stage_changes"]].isna().all()
    assert row.age_days == pytest.approx(59.875)


def test_owner_and_kind_are_those_of_the_date_where_changes_tell_them(build: Callable[..., Company]) -> None:
    company = build(
        date(2024, 7, 1),
        opportunities=[
            *(deal(f"won {i}", "2023-01-01", "2023-02-10", "won", kind="renewal") for i in range(6)),
            *(deal(f"lost {i}", "2023-01-01", "2023-03-01", "lost", owner_id="v", kind="renewal") for i in range(2)),
            deal("d", "2024-02-01", owner_id="w", kind="renewal"),
            deal("never changed", "2024-02-01", kind="new"),
        ],
        opportunity_changes=[
            *(change(f"won {i}", "2023-01-01", "owner_id", "w") for i in range(6)),
            *(change(f"lost {i}", "2023-01-01", "owner_id", "v") for i in range(2)),
            change("d", "2024-02-01", "owner_id", "v"),
            change("d", "2024-04-10", "owner_id", "w", "v"),
            change("d", "2024-02-01", "kind", "new"),
            change("d", "2024-04-10", "kind", "renewal", "new"),
        ],
    )
    rows = opportunity_features(company, opportunity_spine(company, [DAY, date(2024, 5, 1)])).execute()
    rows = rows.set_index(["opportunity_id", rows.as_of.astype(str).str[:7]])
    assert rows.kind["d"].tolist() == ["new", "renewal"]
    assert rows.kind["never changed"].isna().all()
    assert rows.owner_deals_closed["d"].tolist() == [2, 6]
    assert rows.owner_win_rate["d"].tolist() == pytest.approx([(0 + 7.5) / 12, (6 + 7.5) / 16])
    assert rows.owner_win_rate["never changed"].isna().all()


def test_what_is_filled_in_as_deals_close_is_not_seen(build: Callable[..., Company]) -> None:
    closed = [deal(f"won {i}", "2023-01-01", "2023-02-10", "won", source="web", kind="new") for i in range(20)]
    still_open = [deal(f"open {i}", "2024-02-01", kind="new") for i in range(19)]
    company = build(opportunities=[*closed, *still_open, deal("changed", "2024-02-01", source="web", kind="new")])
    rows = opportunity_features(company, opportunity_spine(company, [DAY])).execute()
    assert len(rows) == 20
    assert rows[["source", "source_win_rate"]].isna().all().all()
    assert rows[["kind", "kind_win_rate", "owner_win_rate"]].notna().all().all()
    assert list(rows.columns[2:]) == [f.name for f in (*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES)]
