"""Which entities at which dates; clocks; the hash of features; the step of the night."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.lake import Lake
from features.accounts.table import ACCOUNT_FEATURES, account_features
from features.company import Company
from features.contacts.table import contact_features
from features.engineer import engineer
from features.feature import Feature, features_hash
from features.local_time import utc_offsets
from features.spine import account_spine, contact_spine, opportunity_spine, past_dates
from tests.features.random_rows import random_rows


def test_a_customer_is_a_known_account_with_a_known_sale(build: Callable[..., Company]) -> None:
    sale = {"line_id": "1", "product_id": "p", "amount": 1.0, "status": "placed", "ordered_at": "2024-02-01"}
    company = build(
        date(2024, 7, 1),
        accounts=[
            {"account_id": "customer", "created_at": "2024-01-01"},
            {"account_id": "created later", "created_at": "2024-05-01"},
            {"account_id": "prospect"},
            {"account_id": "subscriber"},
            {"account_id": "known late"},
            {"account_id": "cancelled"},
        ],
        orders=[
            sale | {"order_id": "1", "account_id": "customer"},
            sale | {"order_id": "2", "account_id": "created later"},
            sale | {"order_id": "3", "account_id": "known late", "known_at": "2024-05-01"},
            sale | {"order_id": "4", "account_id": "cancelled", "status": "cancelled"},
        ],
        subscriptions=[
            {"subscription_id": "s", "account_id": "subscriber", "mrr": 1.0, "started_at": "2024-03-31 20:59"}
        ],
    )
    rows = account_spine(company, [date(2024, 6, 1), date(2024, 4, 1)]).execute()
    found = {str(day.date()): group.account_id.tolist() for day, group in rows.groupby("as_of")}
    assert found["2024-04-01"] == ["customer", "subscriber"]
    assert found["2024-06-01"] == ["created later", "customer", "known late", "subscriber"]
    assert rows.as_of_at[0] == datetime.fromisoformat("2024-03-31 21:00")


def test_a_deal_is_open_from_its_creation_until_it_closes(build: Callable[..., Company]) -> None:
    deals = [
        {"opportunity_id": "open", "created_at": "2024-01-01"},
        {"opportunity_id": "closes later", "created_at": "2024-01-01", "closed_at": "2024-05-01", "outcome": "won"},
        {"opportunity_id": "closed", "created_at": "2024-01-01", "closed_at": "2024-03-01", "outcome": "won"},
        {"opportunity_id": "not yet", "created_at": "2024-05-01"},
    ]
    company = build(date(2024, 7, 1), opportunities=deals)
    rows = opportunity_spine(company, [date(2024, 4, 1)]).execute()
    assert rows.opportunity_id.tolist() == ["closes later", "open"]


def test_a_date_after_the_company_s_is_refused(build: Callable[..., Company]) -> None:
    with pytest.raises(ValueError, match="known as of 2024-07-01; features as of 2024-07-02 would need later data"):
        account_spine(build(date(2024, 7, 1)), [date(2024, 7, 2)])
    with pytest.raises(ValueError, match="at least 1, not 0, 30, 12"):
        past_dates(build(), 0)


@given(
    st.sampled_from(
        ["Europe/Istanbul", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]
    ),
    st.datetimes(datetime.fromisoformat("2010-01-01"), datetime.fromisoformat("2030-01-01")),
)
def test_offsets_are_those_of_the_zone(zone: str, instant: datetime) -> None:
    stretches = utc_offsets(zone, datetime.fromisoformat("2010-01-01"), datetime.fromisoformat("2030-01-02"))
    (ahead,) = [seconds for start, end, seconds in stretches if start <= instant < end]
    delta = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert delta is not None
    assert ahead == delta.total_seconds()


def test_the_hash_of_features_changes_with_their_meaning_only() -> None:
    first = Feature("a", "f", "as", "days")
    assert features_hash([first]) == features_hash([Feature("a", "other", "in other words", "days")])
    others = ([Feature("a", "f", "as", "days", version=2)], [Feature("b", "f", "as", "days")], [first, first], [])
    assert len({features_hash(features) for features in (*others, [first])}) == 5
    assert len(features_hash(ACCOUNT_FEATURES)) == 16


def test_the_step_writes_the_features_of_its_date(build: Callable[..., Company], tmp_path: Path) -> None:
    company = build(date(2024, 6, 1), **random_rows(seed=2, accounts=8))
    lake = Lake(tmp_path)
    with lake.write_step("run", "engineer") as draft:
        engineer(company, draft)
    step = lake.step("run", "engineer")
    assert step.tables == ("accounts", "accounts_before", "contacts", "opportunities", "opportunities_before")
    assert step.frame("accounts").account_id.is_unique
    assert len(step.frame("contacts")) == company.tables["contacts"].count().execute()
    assert step.frame("opportunities").opportunity_id.is_unique


def test_a_company_without_rows_has_empty_feature_tables(build: Callable[..., Company]) -> None:
    company = build()
    assert account_features(company, account_spine(company, [company.as_of])).execute().empty
    assert contact_features(company, contact_spine(company, [company.as_of])).execute().empty


def test_past_dates_have_history_before_them_and_a_closed_window_after(build: Callable[..., Company]) -> None:
    sale = {"account_id": "a", "order_id": "1", "line_id": "1", "amount": 1.0, "status": "placed"}
    company = build(date(2024, 7, 1), orders=[sale | {"ordered_at": "2023-10-01"}])
    assert past_dates(company, 90) == (date(2024, 1, 3), date(2024, 2, 2), date(2024, 3, 3), date(2024, 4, 2))
    assert past_dates(company, 90, max_dates=1) == (date(2024, 4, 2),)
    assert past_dates(build(date(2024, 7, 1)), 90) == ()
