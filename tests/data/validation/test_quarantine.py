"""Broken rows are kept out with all their reasons, and nothing else is."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES
from data.lake import Draft, Step
from data.validation.quarantine import quarantine
from tests.data.literal import ACME, GOOD, MOMENT, ROSE, Rows, crm, order, reasons, rows, step


def quarantined(root: Path, held: Rows, moment: RunDates = MOMENT) -> Step:
    """The tables of a literal CRM after the quarantine, unjudged."""
    folder = root / "sorted"
    folder.mkdir()
    duck = duckdb.connect()
    quarantine(duck, step(root, "read", held), moment, Draft(folder))
    duck.close()
    return Step("run", "sorted", folder)


BROKEN = [
    ("orders", order("1a", account_id=None), "1a|1", "account_id is missing"),
    ("orders", order("2b", account_id="Z"), "2b|1", "account_id 'Z' is in no accounts"),
    ("orders", order("2c", product_id="GTXPro"), "2c|1", "product_id 'GTXPro' is in no products"),
    ("orders", order("2d", status="shipped"), "2d|1", "status 'shipped' is none of placed, cancelled, returned"),
    ("orders", order("2e", amount=-3.5), "2e|1", "amount -3.5: a placed line has a negative amount"),
    ("orders", order("2f", quantity=-3), "2f|1", "quantity -3: a placed line has a negative quantity"),
    ("orders", order("2g", status="returned", quantity=-1), "2g|1", "amount 10: a returned line has a positive amount"),
    (
        "orders",
        order("2h", ordered_at="2024-07-04 00:00:00"),
        "2h|1",
        "ordered_at 2024-07-04 00:00:00 is dated in the future",
    ),
    ("accounts", {"account_id": "B", "employees": -1}, "B", "employees -1 is below 0"),
    ("accounts", {"name": "Nobody"}, "", "account_id is missing"),
    ("products", {"product_id": "Q", "margin_rate": 1.4}, "Q", "margin_rate 1.4 is not between -1 and 1"),
    (
        "products",
        {"product_id": "R", "active_from": "2024-02-01", "active_to": "2024-01-01"},
        "R",
        "active_to 2024-01-01 is before active_from 2024-02-01",
    ),
    (
        "subscriptions",
        {
            "subscription_id": "S",
            "account_id": "A",
            "mrr": 5,
            "started_at": "2024-03-01",
            "ended_at": "2024-02-01 08:00:00",
        },
        "S",
        "ended_at 2024-02-01 08:00:00 is before started_at 2024-03-01 00:00:00",
    ),
    (
        "opportunities",
        {"opportunity_id": "O", "created_at": "2024-03-01", "outcome": "won"},
        "O",
        "a won or lost deal has no closed_at",
    ),
    (
        "opportunities",
        {"opportunity_id": "U", "created_at": "2024-03-01", "closed_at": "2024-03-02"},
        "U",
        "a closed deal is neither won nor lost",
    ),
    (
        "usage",
        {"account_id": "A", "product_id": "P", "day": "2024-07-04"},
        "A|P|2024-07-04",
        "day 2024-07-04 is dated in the future",
    ),
    (
        "touches",
        {"touch_id": "T", "contact_id": "C", "kind": "opened", "happened_at": "2024-05-01"},
        "T",
        "contact_id 'C' is in no contacts",
    ),
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """One CRM with every broken row."""
    held: dict[str, list[dict[str, Any]]] = {}
    for table, row, *_ in BROKEN:
        held.setdefault(table, []).append(row)
    return quarantined(tmp_path_factory.mktemp("broken"), crm(**held))


@pytest.mark.parametrize(("table", "row", "key", "told"), BROKEN, ids=[told for *_, told in BROKEN])
def test_a_broken_row_is_kept_out_and_told_why(broken: Step, table: str, row: object, key: str, told: str) -> None:
    assert reasons(broken)[table, key] == [told]


def test_good_rows_beside_broken_ones_go_on(broken: Step) -> None:
    assert len(reasons(broken)) == len(BROKEN)
    for table in ("accounts", "products", "orders"):
        assert broken.rows(table) == len(GOOD[table])


def test_a_row_is_told_all_that_is_wrong_with_it_and_kept_as_it_was(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(orders=[order("2", account_id="Z", amount=None, status="odd")]))
    assert reasons(done)["orders", "2|1"] == [
        "account_id 'Z' is in no accounts",
        "amount is missing",
        "status 'odd' is none of placed, cancelled, returned",
    ]
    kept = json.loads(rows(done, "quarantine", '"row"')[0])
    assert (kept["account_id"], kept["quantity"], kept["ordered_at"]) == ("Z", 2, "2024-06-30 12:00:00")


def test_rows_that_refer_to_a_row_kept_out_are_kept_out_with_another_reason(tmp_path: Path) -> None:
    done = quarantined(
        tmp_path,
        crm(
            accounts=[{"account_id": "B", "employees": -1}],
            contacts=[{"contact_id": "C", "account_id": "B"}],
            consents=[
                {
                    "contact_id": "C",
                    "channel": "email",
                    "purpose": "marketing",
                    "recorded_at": "2024-05-01",
                    "status": "granted",
                }
            ],
        ),
    )
    assert reasons(done) == {
        ("accounts", "B"): ["employees -1 is below 0"],
        ("contacts", "C"): ["account_id 'B' is of a row kept out of accounts"],
        ("consents", "C|email|marketing|2024-05-01 00:00:00"): ["contact_id 'C' is of a row kept out of contacts"],
    }


def test_a_reference_to_what_is_not_known_yet_says_so(tmp_path: Path) -> None:
    held = crm(orders=[order("2", account_id="Z")]) | {"reading": [{"table_name": "accounts", "later": 3}]}
    assert reasons(quarantined(tmp_path, held))["orders", "2|1"] == [
        "account_id 'Z' is in no accounts known before 2024-07-01"
    ]


def test_owners_people_and_siblings_that_nobody_knows_are_emptied_and_the_row_goes_on(tmp_path: Path) -> None:
    done = quarantined(
        tmp_path,
        crm(
            owners=[{"owner_id": "W", "manager_id": "W"}],
            contacts=[{"contact_id": "C"}],
            only_accounts=[
                ACME | {"owner_id": "gone", "parent_account_id": "B"},
                {"account_id": "B", "owner_id": "W", "parent_account_id": "Z"},
            ],
            orders=[order("2", contact_id="nobody"), order("3", contact_id="C")],
        ),
    )
    assert reasons(done) == {}
    assert rows(done, "accounts", "account_id", "owner_id", "parent_account_id") == [("A", None, "B"), ("B", "W", None)]
    assert rows(done, "orders", "order_id", "contact_id") == [("1", None), ("2", None), ("3", "C")]
    assert rows(done, "owners", "manager_id") == [None]
    assert rows(done, "quarantined", "table_name", "reason", "rows", "example") == [
        ("accounts", "emptied: owner_id is in no owners", 1, "owner_id 'gone' is in no owners (A)"),
        ("accounts", "emptied: parent_account_id is in no accounts", 1, "parent_account_id 'Z' is in no accounts (B)"),
        ("orders", "emptied: contact_id is in no contacts", 1, "contact_id 'nobody' is in no contacts (2|1)"),
        ("owners", "emptied: manager_id is the row itself", 1, "manager_id 'W' is the row itself (W)"),
    ]


def test_a_time_zone_that_no_clock_knows_is_emptied(tmp_path: Path) -> None:
    zones = ["Europe/Istanbul", "Europe/Old Istanbul", "UTC", "EST5EDT", None, "+03:00"]
    people = [{"contact_id": str(n), "timezone": zone} for n, zone in enumerate(zones)]
    done = quarantined(tmp_path, crm(contacts=people))
    assert rows(done, "contacts", "timezone") == ["Europe/Istanbul", None, "UTC", "EST5EDT", None, None]
    assert rows(done, "quarantined", "reason", "rows") == [("emptied: timezone is no time zone", 2)]


def test_references_are_not_judged_where_the_crm_has_no_such_table(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(only_accounts=[ACME | {"owner_id": "W"}], orders=[order("2", contact_id="C")]))
    assert rows(done, "accounts", "owner_id") == ["W"]
    assert rows(done, "orders", "contact_id") == [None, "C"]
    assert done.rows("quarantined") == 0


def test_of_rows_with_one_key_the_one_known_last_stays(tmp_path: Path) -> None:
    again = [
        order("2", amount=1, known_at="2024-06-30 13:00:00"),
        order("2", amount=2, known_at="2024-06-30 15:00:00"),
        order("2", amount=3, known_at="2024-06-30 14:00:00"),
        order("2", amount=None, known_at="2024-06-30 16:00:00"),
    ]
    done = quarantined(tmp_path, crm(orders=again))
    assert rows(done, "orders", "order_id", "amount") == [("1", 10.0), ("2", 2.0)]
    told = sorted(json.loads(told)[0] for told in rows(done, "quarantine", "reasons"))
    twice = "order_id '2', line_id '1' is there 3 times; the row known last is kept"
    assert told == ["amount is missing", twice, twice]


def test_a_value_that_could_not_be_read_is_quoted_and_not_called_missing(tmp_path: Path) -> None:
    held = crm(orders=[order("2", amount=None), order("3", amount=None)]) | {
        "unreadable": [{"table_name": "orders", "key": "2|1", "column_name": "amount", "value": "twelve"}]
    }
    assert reasons(quarantined(tmp_path, held)) == {
        ("orders", "2|1"): ["cannot read amount as a number: 'twelve'"],
        ("orders", "3|1"): ["amount is missing"],
    }


def test_the_summary_counts_each_reason_and_shows_its_most_frequent_value(tmp_path: Path) -> None:
    held = crm(orders=[*(order(f"2{i}", product_id="GTXPro") for i in range(3)), order("30", product_id="ZZ")])
    assert rows(quarantined(tmp_path, held), "quarantined", "reason", "rows", "example") == [
        ("product_id is in no products", 4, "product_id 'GTXPro' is in no products (3 rows, such as 20|1)")
    ]


def test_today_is_not_the_future_where_the_company_is(tmp_path: Path) -> None:
    istanbul = RunDates(MOMENT.as_of, MOMENT.today, "Europe/Istanbul")  # tomorrow begins at 21:00 UTC
    late = [order("2", ordered_at="2024-07-03 20:59:59"), order("3", ordered_at="2024-07-03 21:00:00")]
    used = [{"account_id": "A", "product_id": "P", "day": day} for day in ("2024-07-03", "2024-07-04")]
    done = quarantined(tmp_path, crm(orders=late, usage=used), istanbul)
    assert set(reasons(done)) == {("orders", "3|1"), ("usage", "A|P|2024-07-04")}


def test_clean_tables_have_the_contracts_columns_and_types_and_the_order_they_came_in(tmp_path: Path) -> None:
    many = [order(str(n), product_id="P" if n % 7 else "Z") for n in range(2, 100)]
    done = quarantined(tmp_path, crm(orders=many))
    assert rows(done, "orders", "order_id") == ["1", *(str(n) for n in range(2, 100) if n % 7)]
    for table in CONTRACT:
        described = duckdb.sql(f"DESCRIBE FROM read_parquet('{done.path(table.name)}')").fetchall()
        assert {column: kind for column, kind, *_ in described} == TABLES[table.name].types()


def test_an_untouched_table_is_not_written_again(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(orders=[order("2", amount=None)]))
    read = tmp_path / "run" / "read"
    assert done.path("accounts").samefile(read / "accounts.parquet")
    assert not done.path("orders").samefile(read / "orders.parquet")


def test_quotes_in_values_do_no_harm(tmp_path: Path) -> None:
    told = reasons(quarantined(tmp_path, crm(orders=[order("2'; --", product_id='d\'or "x"')])))
    assert told == {("orders", "2'; --|1"): ["product_id 'd'or \"x\"' is in no products"]}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    held = crm(
        orders=[order(str(n), product_id="Z", status="odd" if n % 2 else "placed") for n in range(50)], products=[ROSE]
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = quarantined(tmp_path / "a", held), quarantined(tmp_path / "b", held)
    for table in first.tables:
        assert first.path(table).read_bytes() == second.path(table).read_bytes(), table
    assert rows(first, "products", "product_id") == ["P"]
    assert datetime(2024, 6, 30, 12) in rows(first, "orders", "ordered_at")
