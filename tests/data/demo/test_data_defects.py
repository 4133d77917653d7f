"""On the demo company, whose defects are known, a night finds every planted defect and nothing else."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from data.calendar import RunDates
from data.contract import TABLES
from data.demo import write_demo
from data.identity.resolve import resolve
from data.lake import Draft, Lake, Step
from data.mapping.mapping import load_mapping
from data.reading.read import read
from data.reading.typed_rows import key_text
from data.source.open import open_source
from data.validation.quarantine import quarantine
from features.company import Company, CompanySettings
from reports.leaks.report import find_leaks

REJECTED = {
    "closed before it was created",
    "dated in the future",
    "ended before it started",
    "negative list price",
    "unknown account_id",
    "unknown product_id",
    "wrong sign",
}
REMOVED_VALUES = {
    "unknown contact_id": "contact_id does not exist in contacts",
    "invalid time zone": "timezone is not an IANA time zone",
}
EXACT_DUPLICATES = {"duplicate person", "duplicate company"}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where a small demo company, its truth, its clean and its golden tables lie."""
    root = tmp_path_factory.mktemp("demo")
    write_demo(root, until=datetime(2024, 7, 1, 9), size=0.15, years=2)
    mapping, lake = load_mapping("demo"), Lake(root / "lake")
    moment = RunDates(date(2024, 7, 1), date(2024, 7, 1), mapping.timezone)
    with lake.write_step("night", "read") as draft:
        read(open_source(str(root / "crm")), mapping, moment, draft)
    with lake.write_step("night", "validate") as draft:
        duck = duckdb.connect()
        quarantine(duck, lake.step("night", "read"), moment, Draft(draft.folder))
        duck.close()
    with lake.write_step("night", "resolve") as draft:
        resolve(lake.step("night", "validate"), draft)
    steps = {name: lake.step("night", name).folder for name in ("read", "validate", "resolve")}
    return {**steps, "truth": root / "truth"}


def planted(night: dict[str, Path], kinds: set[str]) -> set[tuple[str, str]]:
    """Table and key of the planted troubles of some kinds, in the rows that the night read."""
    trouble = f"read_parquet('{night['truth'] / 'trouble.parquet'}')"
    found = duckdb.execute(f"SELECT table_name, key FROM {trouble} WHERE kind IN (SELECT unnest(?))", [sorted(kinds)])
    return {(table, key) for table, key in found.fetchall() if key in keys(night["read"], table)}


def keys(step: Path, table: str) -> set[str]:
    """The keys of a table's rows."""
    found = duckdb.sql(f"SELECT {key_text(TABLES[table])} FROM read_parquet('{step / table}.parquet')")
    return {key for (key,) in found.fetchall()}


def test_rejected_rows_are_the_broken_ones_and_rows_that_refer_to_them(night: dict[str, Path]) -> None:
    found = duckdb.sql(f"SELECT table_name, key, reasons FROM read_parquet('{night['validate']}/quarantine.parquet')")
    own = {(table, key) for table, key, reasons in found.fetchall() if "rejected" not in reasons}
    assert own == planted(night, REJECTED)
    assert len(own) > 10


def test_removed_values_are_the_planted_ones(night: dict[str, Path]) -> None:
    quarantined = f"read_parquet('{night['validate']}/quarantined.parquet')"
    for kind, reason in REMOVED_VALUES.items():
        query = f"SELECT sum(\"rows\") FROM {quarantined} WHERE reason LIKE 'value removed: {reason}%'"
        assert duckdb.sql(query).fetchall()[0][0] == len(planted(night, {kind})) > 0, kind


def test_merged_records_are_the_exact_duplicates(night: dict[str, Path]) -> None:
    merges = f"read_parquet('{night['resolve']}/merges.parquet')"
    found = duckdb.sql(f"SELECT entity || 's', loser_id, winner_id FROM {merges}").fetchall()
    assert {(table, loser) for table, loser, _ in found} == planted(night, EXACT_DUPLICATES)
    trouble = f"read_parquet('{night['truth'] / 'trouble.parquet'}')"
    originals = dict(duckdb.sql(f"SELECT key, detail FROM {trouble} WHERE kind LIKE 'duplicate%'").fetchall())
    assert all(originals[loser] == winner for _, loser, winner in found)


def test_no_reference_of_the_golden_tables_dangles_and_no_row_is_lost(night: dict[str, Path]) -> None:
    lake = Step("night", "resolve", night["resolve"])
    clean = Step("night", "validate", night["validate"])
    for table in ("orders", "subscriptions", "tickets", "touches"):
        assert lake.rows(table) == clean.rows(table), table
        entity = "contact" if table == "touches" else "account"
        query = (
            f"SELECT count(*) FROM read_parquet('{lake.path(table)}') WHERE {entity}_id NOT IN "
            f"(SELECT {entity}_id FROM read_parquet('{lake.path(entity + 's')}'))"
        )
        assert duckdb.sql(query).fetchall()[0][0] == 0, table


def test_exactly_the_won_deals_without_an_invoice_are_found(night: dict[str, Path]) -> None:
    company = Company.from_golden(
        Step("night", "resolve", night["resolve"]), date(2024, 7, 1), CompanySettings("Europe/Istanbul", "EUR", 7)
    )
    leaks = find_leaks(company)
    found = leaks[leaks["detector"] == "won_not_invoiced"]
    broken = [key for _, key in planted(night, {"ended before it started"})]  # rejected, and its invoices with it
    subscriptions = f"read_parquet('{night['read']}/subscriptions.parquet')"
    query = f"SELECT account_id FROM {subscriptions} WHERE subscription_id IN (SELECT unnest(?))"
    hurt = {account for (account,) in duckdb.execute(query, [broken]).fetchall()}
    found_keys = {leak.split(":")[1] for leak in found.loc[~found["account_id"].isin(hurt), "leak_id"]}
    assert len(found_keys) > 0
    assert found_keys <= {key for _, key in planted(night, {"won, never invoiced"})}
