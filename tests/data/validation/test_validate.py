"""Great Expectations checks the valid rows, and a failed health check stops the night."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.contract import CONTRACT, TABLES
from data.errors import DataQualityError
from data.lake import Draft, Step
from data.validation.constraints import Constraint, constraints_of, unique_key
from data.validation.expectations import run_expectations
from data.validation.health_checks import HealthCheck, HealthLimits, measure_health
from data.validation.quarantine import SplitResult, quarantine
from tests.data.literal import ACME, DATES, ROSE, crm, order, rows, step, validated

BAD = [order(f"bad{n}", product_id="GTXPro") for n in range(4)]
WITH_VIOLATIONS = crm(orders=[*BAD, order("2", quantity=None)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A validated CRM with five violating rows."""
    return validated(tmp_path_factory.mktemp("done"), WITH_VIOLATIONS)


def error_of(root: Path, tables: Any, **options: Any) -> str:
    """The error message of a night that stops; its step does not exist afterwards."""
    with pytest.raises(DataQualityError) as stop:
        validated(root, tables, **options)
    assert not (root / "run" / "validate").exists()
    return str(stop.value)


def test_the_step_has_every_contract_table_the_quarantine_the_results_and_the_pages(done: Step) -> None:
    assert set(done.tables) == {*TABLES, "quarantine", "quarantined", "constraints"}
    assert (done.folder / "docs" / "index.html").is_file()


def test_every_constraint_of_every_table_with_rows_is_checked(done: Step) -> None:
    checked = rows(done, "constraints", "table_name", "constraint_name", "passed")
    assert all(passed for *_, passed in checked)
    expected = {
        (table, constraint.name)
        for table in ("accounts", "products", "orders")
        for constraint in (
            *constraints_of(TABLES[table], DATES, empty={"owners", "contacts"}),
            unique_key(TABLES[table]),
        )
    }
    assert expected <= {(table, name) for table, name, _ in checked}


def test_the_pages_are_self_contained_and_every_link_leads_to_a_file(done: Step) -> None:
    pages = list((done.folder / "docs").rglob("*.html"))
    assert {"index.html", "clean-orders.html", "clean-night.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text()
        assert not re.findall(r"https?://|<script|<link|<img", text), page
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (page.parent / link).resolve().is_file(), (page, link)
    index = (done.folder / "docs" / "index.html").read_text()
    assert "product_id does not exist in products" in index
    assert "GTXPro" in index


def test_a_rejected_share_above_the_tolerance_stops_the_night_with_the_frequent_reasons(tmp_path: Path) -> None:
    error = error_of(tmp_path, crm(orders=BAD), tolerated_shares={})
    assert "4 of 5 rows of orders (80.0%) are in quarantine, at most 5.0% are tolerated" in error
    assert "product_id 'GTXPro' does not exist in products (4 rows, such as bad0|1)" in error
    assert "[tolerate] orders" in error


def measured(root: Path, tables: Any, table: str, name: str, **options: Any) -> tuple[HealthCheck, bool]:
    """One health check of a literal CRM, and whether it is within its limits."""
    folder = root / "measured"
    folder.mkdir(parents=True)
    duck = duckdb.connect()
    results = quarantine(duck, step(root, "read", tables), DATES, Draft(folder))
    limits = HealthLimits(options.get("tolerated_shares", {}), options.get("stale_days", 7))
    checks = measure_health(duck, results, DATES, Draft(folder), limits, options.get("previous", []))
    duck.close()
    check = next(check for check in checks if check.table == table and name in check.name)
    assert check.observed is not None
    low, high = check.minimum, check.maximum
    return check, (low is None or check.observed >= low) and (high is None or check.observed <= high)


def test_one_rejected_row_of_a_small_table_is_tolerated_unless_the_mapping_tolerates_none(tmp_path: Path) -> None:
    tables = crm(orders=BAD[:1])
    assert measured(tmp_path / "usual", tables, "orders", "share")[1]
    check, within = measured(tmp_path / "none", tables, "orders", "share", tolerated_shares={"orders": 0.0})
    assert not within
    assert "at most 0.0% are tolerated" in check.message


def test_the_tolerance_that_a_mapping_states_is_the_limit(tmp_path: Path) -> None:
    tables = crm(orders=[*BAD, *(order(str(n)) for n in range(2, 97))])  # 4 of 100
    assert measured(tmp_path / "usual", tables, "orders", "share")[1]
    assert not measured(tmp_path / "less", tables, "orders", "share", tolerated_shares={"orders": 0.03})[1]


def test_all_failed_checks_are_reported_at_once(tmp_path: Path) -> None:
    error = error_of(tmp_path, {"products": [ROSE], "orders": [order("1")]}, tolerated_shares={"orders": 0.0})
    assert "no rows of accounts" in error
    assert "none of the 1 rows of orders or subscriptions is valid" in error
    assert "1 of 1 rows of orders (100.0%) are in quarantine" in error
    assert "no fact has a date" in error


def test_an_empty_crm_stops_the_night(tmp_path: Path) -> None:
    error = error_of(tmp_path, {})
    assert "no rows of accounts" in error
    assert "no rows of orders or subscriptions" in error


def test_subscriptions_alone_are_enough(tmp_path: Path) -> None:
    sold = {"subscription_id": "S", "account_id": "A", "mrr": 5, "started_at": "2024-03-01"}
    assert measured(tmp_path, {"accounts": [ACME], "subscriptions": [sold]}, "orders", "valid rows")[1]


def test_a_source_without_recent_facts_is_stale_whatever_facts_are_in_the_future(tmp_path: Path) -> None:
    tables = crm(only_orders=[order("1", ordered_at="2024-06-20 12:00:00"), order("future", ordered_at="2031-01-01")])
    check, within = measured(tmp_path / "stale", tables, "", "age", stale_days=7)
    assert not within
    assert check.observed == 10.5
    assert "its newest fact before 2024-07-01 became known at 2024-06-20 12:00 UTC" in check.message
    assert "at most 7 days are tolerated" in check.message
    assert measured(tmp_path / "patient", tables, "", "age", stale_days=11)[1]


def test_a_long_gap_without_orders_stops_the_night_though_other_facts_are_fresh(tmp_path: Path) -> None:
    """An order every second day until a month ago, and an activity today."""
    last = datetime(2024, 5, 31, 12)
    lines = [order(str(n), ordered_at=str(last - timedelta(days=2 * n))) for n in range(60)]
    tables = crm(
        only_orders=lines,
        activities=[{"activity_id": "1", "account_id": "A", "kind": "call", "happened_at": "2024-06-30 10:00"}],
    )
    assert measured(tmp_path / "any", tables, "", "age")[1]
    check, within = measured(tmp_path / "orders", tables, "orders", "days without")
    assert not within
    assert (check.observed, check.maximum) == (30.5, 7.0)
    assert "its newest row before 2024-07-01 became known at 2024-05-31, 30 days before" in check.message
    assert measured(tmp_path / "patient", tables, "orders", "days without", stale_days=31)[1]


def test_the_tolerated_gap_without_orders_grows_with_the_usual_gaps(tmp_path: Path) -> None:
    last = datetime(2024, 5, 31, 12)
    lines = [order(str(n), ordered_at=str(last - timedelta(days=20 * n))) for n in range(60)]
    check, within = measured(tmp_path, crm(only_orders=lines), "orders", "days without")
    assert within
    assert check.maximum == 40.0


def test_a_table_that_shrank_against_earlier_nights_fails(tmp_path: Path) -> None:
    before = [
        step(tmp_path, "read", crm(only_orders=[order(str(n)) for n in range(count)]), run_id=f"night{count}")
        for count in (100, 102, 300)
    ]
    few = crm(only_orders=[order(str(n)) for n in range(50)])
    check, within = measured(tmp_path / "few", few, "orders", "earlier", previous=before)
    assert not within
    assert "orders shrank to 50 rows; the earlier 3 nights read 102 (median)" in check.message
    enough = crm(only_orders=[order(str(n)) for n in range(51)])
    assert measured(tmp_path / "enough", enough, "orders", "earlier", previous=before)[1]


def test_great_expectations_counts_the_violations_that_the_sql_counts(tmp_path: Path) -> None:
    """The two forms of a constraint agree on rows that were not split."""
    tables = crm(
        owners=[{"owner_id": "W"}, {"owner_id": "V", "weekly_hours": 200}],
        accounts=[{"account_id": "B", "employees": -1, "owner_id": "nobody"}, {"account_id": "A"}],
        products=[{"product_id": "R", "active_from": "2024-02-01", "active_to": "2024-01-01", "margin_rate": 2}],
        orders=[
            order("2", account_id="Z"),
            order("3", product_id="ZZ", status="odd"),
            order("4", amount=-1, quantity=-1),
            order("5", status="returned"),
            order("6", ordered_at="2031-01-01"),
            order("6", amount=None),
            order("7", line_id=None),
        ],
        opportunities=[
            {"opportunity_id": "O", "created_at": "2024-03-01", "closed_at": "2024-02-01"},
            {"opportunity_id": "U", "created_at": "2024-03-01", "outcome": "lost"},
            {"opportunity_id": "N", "created_at": "2024-03-01", "outcome": "lost", "closed_at": "2024-04-01"},
        ],
        usage=[{"account_id": "A", "product_id": "P", "day": "2024-07-04", "events": -5}],
    )
    unsplit = step(tmp_path, "read", tables)
    results = [
        SplitResult(table.name, (*constraints_of(table, DATES), unique_key(table)), unsplit.rows(table.name), 0)
        for table in CONTRACT
    ]
    outcomes = run_expectations(results, [], "unsplit", DATES, Draft(unsplit.folder))
    by_constraint = {(outcome.table, outcome.constraint): outcome for outcome in outcomes}
    duck = duckdb.connect()
    for table in CONTRACT:
        duck.execute(f"CREATE VIEW clean_{table.name} AS SELECT * FROM read_parquet('{unsplit.path(table.name)}')")
    n_violated = 0
    for result in results:
        for constraint in result.constraints[:-1] if result.n_read else ():
            query = f"SELECT count(*) FROM clean_{result.table} r WHERE {constraint.violated}"
            count = duck.execute(query).fetchall()[0][0]
            outcome = by_constraint[result.table, constraint.name]
            assert outcome.crash is None, (outcome.constraint, outcome.crash)
            assert (outcome.passed, outcome.observed.split()[0]) == (count == 0, str(count)), outcome
            n_violated += count > 0
    assert n_violated >= 17
    assert not by_constraint["accounts", "account_id is unique"].passed
    assert not by_constraint["orders", "order_id, line_id is unique"].passed


def test_a_constraint_that_cannot_be_evaluated_has_not_passed(tmp_path: Path) -> None:
    read = step(tmp_path, "read", crm())
    crashing = Constraint(
        "orders", "it can be evaluated", "", "false", "''", "ExpectColumnMaxToBeBetween", {"column": "nil"}
    )
    outcome = run_expectations([SplitResult("orders", (crashing,), 1, 0)], [], "run", DATES, Draft(read.folder))[-1]
    assert not outcome.passed
    assert outcome.crash is not None
    assert "nil" in outcome.crash


def test_of_a_large_table_a_sample_is_checked_and_every_row_counted(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.validation.expectations.MAX_SAMPLE_ROWS", 50)
    tables = crm(orders=[order(str(n)) for n in range(2, 500)])
    done = validated(tmp_path, tables)
    observed = {
        (table, name): seen
        for table, name, seen in rows(done, "constraints", "table_name", "constraint_name", "observed")
    }
    sampled = re.fullmatch(r"0 of (\d+) of 499 rows violate it", observed["orders", "amount is given"])
    assert sampled is not None
    assert 20 < int(sampled[1]) < 90
    assert observed["orders", "valid rows of orders that violate a constraint: at most 0"] == "0"


def test_violations_that_the_quarantine_missed_are_counted(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.validation.expectations.MAX_SAMPLE_ROWS", 2)
    read = step(tmp_path, "read", crm(orders=[order("2"), order("2"), order("3", product_id="ZZ")]))
    table = TABLES["orders"]
    result = SplitResult("orders", (*constraints_of(table, DATES), unique_key(table)), 4, 0)
    outcomes = run_expectations([result], [], "run", DATES, Draft(read.folder))
    failed = [outcome.health_check for outcome in outcomes if outcome.health_check is not None and not outcome.passed]
    assert [check.observed for check in failed] == [2]


def test_two_runs_write_the_same_tables(done: Step, tmp_path: Path) -> None:
    again = validated(tmp_path, WITH_VIOLATIONS)
    for table in done.tables:
        assert done.path(table).read_bytes() == again.path(table).read_bytes(), table
