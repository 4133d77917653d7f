"""Great Expectations judges what is left, and a promise that the night depends on stops it."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.contract import CONTRACT, TABLES
from data.errors import BrokenPromise
from data.lake import Draft, Step
from data.validation.constraints import Promise, promises, unique
from data.validation.expectations import judge
from data.validation.health_checks import Vital, vitals
from data.validation.quarantine import Sorted, quarantine
from tests.data.literal import ACME, MOMENT, ROSE, crm, order, rows, step, validated

BAD = [order(f"bad{n}", product_id="GTXPro") for n in range(4)]
MANY_BROKEN = crm(orders=[*BAD, order("2", quantity=None)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A validated CRM with four broken rows."""
    return validated(tmp_path_factory.mktemp("done"), MANY_BROKEN)


def stopped(root: Path, held: Any, **terms: Any) -> str:
    """What the night says when it stops; the step is not there after."""
    with pytest.raises(BrokenPromise) as stop:
        validated(root, held, **terms)
    assert not (root / "run" / "validate").exists()
    return str(stop.value)


def test_every_contract_table_the_quarantine_the_verdicts_and_the_pages_are_there(done: Step) -> None:
    assert set(done.tables) == {*TABLES, "quarantine", "quarantined", "promises"}
    assert (done.folder / "docs" / "index.html").is_file()


def test_every_promise_of_every_table_with_rows_is_judged(done: Step) -> None:
    judged = rows(done, "promises", "table_name", "promise", "ok")
    assert all(ok for *_, ok in judged)
    expected = {
        (table, promise.promise)
        for table in ("accounts", "products", "orders")
        for promise in (*promises(TABLES[table], MOMENT, empty={"owners", "contacts"}), unique(TABLES[table]))
    }
    assert expected <= {(table, promise) for table, promise, _ in judged}


def test_the_pages_need_nothing_from_elsewhere_and_every_link_leads_somewhere(done: Step) -> None:
    pages = list((done.folder / "docs").rglob("*.html"))
    assert {"index.html", "clean-orders.html", "clean-night.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text()
        assert not re.findall(r"https?://|<script|<link|<img", text), page
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (page.parent / link).resolve().is_file(), (page, link)
    index = (done.folder / "docs" / "index.html").read_text()
    assert "product_id is in no products" in index
    assert "GTXPro" in index


def test_a_share_kept_out_that_is_not_tolerated_stops_the_night_and_says_which_rows(tmp_path: Path) -> None:
    said = stopped(tmp_path, crm(orders=BAD), tolerate={})
    assert "4 of 5 rows of orders (80.0%) are in quarantine, at most 5.0% are tolerated" in said
    assert "product_id 'GTXPro' is in no products (4 rows, such as bad0|1)" in said
    assert "[tolerate] orders" in said


def measured(root: Path, held: Any, table: str, name: str, **terms: Any) -> tuple[Vital, bool]:
    """One vital of a literal CRM, not yet judged, and whether it is within its limits."""
    folder = root / "measured"
    folder.mkdir(parents=True)
    duck = duckdb.connect()
    results = quarantine(duck, step(root, "read", held), MOMENT, Draft(folder))
    terms = {"tolerate": {}, "previous": [], "stale_days": 7, **terms}
    found = vitals(duck, results, MOMENT, Draft(folder), **terms)
    duck.close()
    vital = next(vital for vital in found if vital.table == table and name in vital.name)
    assert vital.observed is not None
    low, high = vital.least, vital.most
    return vital, (low is None or vital.observed >= low) and (high is None or vital.observed <= high)


def test_one_broken_row_of_a_small_table_is_tolerated_unless_the_mapping_tolerates_none(tmp_path: Path) -> None:
    held = crm(orders=BAD[:1])
    assert measured(tmp_path / "usual", held, "orders", "share")[1]
    vital, within = measured(tmp_path / "none", held, "orders", "share", tolerate={"orders": 0.0})
    assert not within
    assert "at most 0.0% are tolerated" in vital.told


def test_the_tolerance_that_a_mapping_states_is_the_limit(tmp_path: Path) -> None:
    held = crm(orders=[*BAD, *(order(str(n)) for n in range(2, 97))])  # 4 of 100
    assert measured(tmp_path / "usual", held, "orders", "share")[1]
    assert not measured(tmp_path / "less", held, "orders", "share", tolerate={"orders": 0.03})[1]


def test_all_broken_promises_are_told_at_once(tmp_path: Path) -> None:
    said = stopped(tmp_path, {"products": [ROSE], "orders": [order("1")]}, tolerate={"orders": 0.0})
    assert "no rows of accounts" in said
    assert "none of the 1 rows of orders or subscriptions can be used" in said
    assert "1 of 1 rows of orders (100.0%) are in quarantine" in said
    assert "no fact has a date" in said


def test_an_empty_crm_stops_the_night(tmp_path: Path) -> None:
    said = stopped(tmp_path, {})
    assert "no rows of accounts" in said
    assert "no rows of orders or subscriptions" in said


def test_subscriptions_alone_are_enough(tmp_path: Path) -> None:
    sold = {"subscription_id": "S", "account_id": "A", "mrr": 5, "started_at": "2024-03-01"}
    assert measured(tmp_path, {"accounts": [ACME], "subscriptions": [sold]}, "orders", "usable")[1]


def test_a_source_without_recent_facts_is_stale_and_facts_of_the_future_do_not_freshen_it(tmp_path: Path) -> None:
    held = crm(only_orders=[order("1", ordered_at="2024-06-20 12:00:00"), order("future", ordered_at="2031-01-01")])
    vital, within = measured(tmp_path / "stale", held, "", "age", stale_days=7)
    assert not within
    assert vital.observed == 10.5
    assert "its newest fact before 2024-07-01 became known at 2024-06-20 12:00 UTC" in vital.told
    assert "at most 7 days are tolerated" in vital.told
    assert measured(tmp_path / "patient", held, "", "age", stale_days=11)[1]


def test_orders_that_fell_silent_stop_the_night_though_other_facts_are_fresh(tmp_path: Path) -> None:
    """An order every second day until a month ago, and an activity today."""
    last = datetime(2024, 5, 31, 12)
    lines = [order(str(n), ordered_at=str(last - timedelta(days=2 * n))) for n in range(60)]
    held = crm(
        only_orders=lines,
        activities=[{"activity_id": "1", "account_id": "A", "kind": "call", "happened_at": "2024-06-30 10:00"}],
    )
    assert measured(tmp_path / "any", held, "", "age")[1]
    vital, within = measured(tmp_path / "orders", held, "orders", "silence")
    assert not within
    assert (vital.observed, vital.most) == (30.5, 7.0)
    assert "its newest row before 2024-07-01 became known at 2024-05-31, 30 days before" in vital.told
    assert measured(tmp_path / "patient", held, "orders", "silence", stale_days=31)[1]


def test_sales_that_are_usually_rare_may_be_silent_for_as_long_as_they_were(tmp_path: Path) -> None:
    last = datetime(2024, 5, 31, 12)
    lines = [order(str(n), ordered_at=str(last - timedelta(days=20 * n))) for n in range(60)]
    vital, within = measured(tmp_path, crm(only_orders=lines), "orders", "silence")
    assert within
    assert vital.most == 40.0


def test_a_table_that_shrank_against_earlier_nights_was_not_loaded_whole(tmp_path: Path) -> None:
    before = [
        step(tmp_path, "read", crm(only_orders=[order(str(n)) for n in range(count)]), run_id=f"night{count}")
        for count in (100, 102, 300)
    ]
    few = crm(only_orders=[order(str(n)) for n in range(50)])
    vital, within = measured(tmp_path / "few", few, "orders", "earlier", previous=before)
    assert not within
    assert "orders shrank to 50 rows; the earlier 3 nights held 102 (median)" in vital.told
    enough = crm(only_orders=[order(str(n)) for n in range(51)])
    assert measured(tmp_path / "enough", enough, "orders", "earlier", previous=before)[1]


def test_great_expectations_finds_in_unsorted_rows_what_the_quarantine_would_keep_out(tmp_path: Path) -> None:
    """The two readings of one promise agree: on rows as read, the judge counts what the compiled SQL counts."""
    held = crm(
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
    unsorted = step(tmp_path, "read", held)
    results = [
        Sorted(table.name, (*promises(table, MOMENT), unique(table)), unsorted.rows(table.name), 0)
        for table in CONTRACT
    ]
    judged = judge(results, [], "unsorted", MOMENT, Draft(unsorted.folder))
    found = {(v.table, v.promise): v for v in judged}
    duck = duckdb.connect()
    for table in CONTRACT:
        duck.execute(f"CREATE VIEW clean_{table.name} AS SELECT * FROM read_parquet('{unsorted.path(table.name)}')")
    broken = 0
    for result in results:
        for promise in result.promises[:-1] if result.read else ():
            question = f"SELECT count(*) FROM clean_{result.table} r WHERE {promise.broken}"
            count = duck.execute(question).fetchall()[0][0]
            verdict = found[result.table, promise.promise]
            assert verdict.crashed is None, (verdict.promise, verdict.crashed)
            assert (verdict.ok, verdict.observed.split()[0]) == (count == 0, str(count)), verdict
            broken += count > 0
    assert broken >= 17
    assert not found["accounts", "account_id is there once"].ok
    assert not found["orders", "order_id, line_id is there once"].ok


def test_a_promise_that_cannot_be_judged_is_not_kept(tmp_path: Path) -> None:
    read = step(tmp_path, "read", crm())
    crashing = Promise("orders", "it can be judged", "", "false", "''", "ExpectColumnMaxToBeBetween", {"column": "nil"})
    verdict = judge([Sorted("orders", (crashing,), 1, 0)], [], "run", MOMENT, Draft(read.folder))[-1]
    assert not verdict.ok
    assert verdict.crashed is not None
    assert "nil" in verdict.crashed


def test_of_a_large_table_a_sample_is_judged_and_every_row_counted(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.validation.expectations.JUDGED_ROWS", 50)
    held = crm(orders=[order(str(n)) for n in range(2, 500)])
    done = validated(tmp_path, held)
    observed = {
        (table, promise): seen for table, promise, seen in rows(done, "promises", "table_name", "promise", "observed")
    }
    judged = re.fullmatch(r"0 of (\d+) of 499 rows broke it", observed["orders", "amount is given"])
    assert judged is not None
    assert 20 < int(judged[1]) < 90
    assert observed["orders", "usable rows of orders that break a promise: at most 0"] == "0"


def test_a_quarantine_that_let_a_broken_row_through_would_be_found(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.validation.expectations.JUDGED_ROWS", 2)
    read = step(tmp_path, "read", crm(orders=[order("2"), order("2"), order("3", product_id="ZZ")]))
    table = TABLES["orders"]
    result = Sorted("orders", (*promises(table, MOMENT), unique(table)), 4, 0)
    broken = [v for v in judge([result], [], "run", MOMENT, Draft(read.folder)) if v.vital is not None and not v.ok]
    assert [verdict.vital.observed for verdict in broken if verdict.vital] == [2]


def test_two_runs_write_the_same_tables(done: Step, tmp_path: Path) -> None:
    again = validated(tmp_path, MANY_BROKEN)
    for table in done.tables:
        assert done.path(table).read_bytes() == again.path(table).read_bytes(), table
