"""The demo company keeps the contract but for what was planted, and says what that is."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from data.contract import CONTRACT, TABLES
from data.demo import DemoSummary, write_demo
from data.schema import Table

UNTIL = datetime(2025, 9, 17, 11, 30)

KINDS_OF_TROUBLE = {
    "clock change",
    "closed before it was created",
    "dated in the future",
    "duplicate company",
    "duplicate company, hard",
    "duplicate person",
    "duplicate person, hard",
    "ended before it started",
    "filled in after the outcome",
    "incomplete day",
    "invalid e-mail",
    "invalid time zone",
    "known late",
    "machine open, not marked",
    "negative list price",
    "offered what it has",
    "opted out",
    "renewal past due",
    "typo in region",
    "unknown account_id",
    "unknown contact_id",
    "unknown product_id",
    "unsubscribed, consent not withdrawn",
    "use after the end",
    "won, never invoiced",
    "wrong sign",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo(folder, until=UNTIL, size=0.25)


@pytest.fixture(scope="module")
def crm(written: tuple[Path, DemoSummary]) -> duckdb.DuckDBPyConnection:
    """The CRM's tables as views, and the list of trouble as ``trouble``."""
    return opened(written[0])


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for path in sorted((folder / "crm").glob("*.parquet")):
        connection.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
    for path in sorted((folder / "truth").glob("*.parquet")):
        name = path.stem if path.stem == "trouble" else f"true_{path.stem}"
        connection.execute(f"CREATE VIEW {name} AS FROM '{path}'")
    return connection


def column(crm: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return [row[0] for row in crm.execute(sql).fetchall()]


@pytest.mark.parametrize("table", CONTRACT, ids=lambda table: table.name)
def test_every_table_has_the_columns_and_types_of_the_contract(
    crm: duckdb.DuckDBPyConnection, written: tuple[Path, DemoSummary], table: Table
) -> None:
    described = crm.execute(f"DESCRIBE {table.name}").fetchall()
    assert {row[0]: row[1] for row in described} == table.types()
    assert [row[0] for row in described] == list(table.names)
    assert crm.execute(f"SELECT count(*) FROM {table.name}").fetchall() == [(written[1].rows[table.name],)]
    assert written[1].rows[table.name] > 0


@pytest.mark.parametrize("table", CONTRACT, ids=lambda table: table.name)
def test_keys_are_unique(crm: duckdb.DuckDBPyConnection, table: Table) -> None:
    keys = ", ".join(table.key)
    assert crm.execute(f"SELECT {keys} FROM {table.name} GROUP BY ALL HAVING count(*) > 1").fetchall() == []


def broken(crm: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Every row that breaks the contract, by its key, and one reason."""
    key = " || '|' || ".join(f"{name}::VARCHAR" for name in table.key)
    rules = {}
    for c in table.columns:
        if c.required:
            rules[f"{c.name} is missing"] = f"{c.name} IS NULL"
        if c.one_of:
            rules[f"{c.name} is none of its values"] = f"{c.name} NOT IN {c.one_of}"
        if c.minimum is not None:
            rules[f"{c.name} is too small"] = f"{c.name} < {c.minimum}"
        if c.maximum is not None:
            rules[f"{c.name} is too big"] = f"{c.name} > {c.maximum}"
        if c.after:
            rules[f"{c.name} precedes {c.after}"] = f"{c.name} < {c.after}"
        if c.references:
            of = TABLES[c.references].key[0]
            rules[f"{c.name} is unknown"] = f"{c.name} NOT IN (SELECT {of} FROM {c.references})"
    if table.happened_at:
        rules["in the future"] = f"{table.happened_at}::TIMESTAMP >= TIMESTAMP '{UNTIL}'"
    if table.name == "orders":
        rules["wrong sign"] = "status = 'placed' AND amount < 0 OR status = 'returned' AND amount > 0"
    found: dict[str, str] = {}
    for reason, rule in rules.items():
        found |= dict.fromkeys(column(crm, f"SELECT {key} FROM {table.name} WHERE {rule}"), reason)
    return found


@pytest.mark.parametrize("table", CONTRACT, ids=lambda table: table.name)
def test_every_broken_row_was_planted_and_they_are_few(crm: duckdb.DuckDBPyConnection, table: Table) -> None:
    found = broken(crm, table)
    planted = set(column(crm, f"SELECT key FROM trouble WHERE table_name = '{table.name}'"))
    assert {key: reason for key, reason in found.items() if key not in planted} == {}
    rows = crm.execute(f"SELECT count(*) FROM {table.name}").fetchall()[0][0]
    assert len(found) < 0.03 * rows


@pytest.mark.parametrize("table", CONTRACT, ids=lambda table: table.name)
def test_nothing_is_there_that_was_not_known_at_the_export(crm: duckdb.DuckDBPyConnection, table: Table) -> None:
    until = f"TIMESTAMP '{UNTIL}'"
    assert column(crm, f"SELECT count(*) FROM {table.name} WHERE known_at >= {until}") == [0]
    if table.happened_at and table.name != "costs":
        late = f"known_at < {table.happened_at} AND {table.happened_at}::TIMESTAMP < {until}"
        assert column(crm, f"SELECT count(*) FROM {table.name} WHERE {late}") == [0]


def test_every_kind_of_trouble_is_there(crm: duckdb.DuckDBPyConnection) -> None:
    assert set(column(crm, "SELECT DISTINCT kind FROM trouble")) == KINDS_OF_TROUBLE


def test_planted_keys_exist(crm: duckdb.DuckDBPyConnection) -> None:
    for table in CONTRACT:
        key = " || '|' || ".join(f"{name}::VARCHAR" for name in table.key)
        noted = f"""SELECT key FROM trouble WHERE table_name = '{table.name}'
            AND kind NOT IN ('incomplete day', 'offered what it has')"""
        assert column(crm, f"{noted} EXCEPT SELECT {key} FROM {table.name}") == []


def test_duplicates_beyond_doubt_have_the_same_email_or_domain_and_name(crm: duckdb.DuckDBPyConnection) -> None:
    people = """
        SELECT count(*), count(*) FILTER (lower(trim(one.email)) = lower(trim(two.email)) AND one.email <> two.email)
        FROM trouble JOIN contacts one ON one.contact_id = key JOIN contacts two ON two.contact_id = detail
        WHERE kind = 'duplicate person' AND two.email LIKE '%@%'"""
    [(pairs, same)] = crm.execute(people).fetchall()
    assert pairs == same > 5
    companies = """
        SELECT count(*), count(*) FILTER (one.domain = two.domain AND one.name <> two.name AND
            regexp_replace(lower(one.name), '[^a-z0-9]', '', 'g')
            = regexp_replace(lower(two.name), '[^a-z0-9]', '', 'g'))
        FROM trouble JOIN accounts one ON one.account_id = key JOIN accounts two ON two.account_id = detail
        WHERE kind = 'duplicate company'"""
    [(pairs, same)] = crm.execute(companies).fetchall()
    assert pairs == same > 2


def test_the_last_day_is_incomplete(crm: duckdb.DuckDBPyConnection) -> None:
    last = "SELECT max(ordered_at) FROM orders WHERE ordered_at < TIMESTAMP '2026-01-01'"
    [(latest,)] = crm.execute(last).fetchall()
    assert datetime(2025, 9, 17) < latest < UNTIL
    assert column(crm, "SELECT key FROM trouble WHERE kind = 'incomplete day'") == ["2025-09-17"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_demo(tmp_path / name, until=UNTIL, size=0.03, seed=seed, years=1)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.parquet"))
    assert len(files) == len(CONTRACT) + 13
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    orders = Path("crm/orders.parquet")
    assert (tmp_path / "one" / orders).read_bytes() != (tmp_path / "other" / orders).read_bytes()


@pytest.mark.parametrize("timezone", ["America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("until", [datetime(2026, 1, 1, 0, 0), datetime(2024, 3, 31, 22, 59)])
def test_any_zone_and_any_hour_will_do(tmp_path: Path, timezone: str, until: datetime) -> None:
    write_demo(tmp_path, until=until, size=0.02, timezone=timezone, years=2)
    assert pq.read_table(tmp_path / "crm" / "orders.parquet").num_rows > 0


def test_a_company_of_ten_can_be_made_and_little_of_it_is_broken(tmp_path: Path) -> None:
    summary = write_demo(tmp_path, until=UNTIL, size=0.001, years=1)
    assert summary.rows["accounts"] == 10 + 2
    crm = opened(tmp_path)
    for table in CONTRACT:
        assert len(broken(crm, table)) <= 0.03 * summary.rows[table.name], table.name


def test_what_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size must be greater than 0 and years at least 1, not -1 and 3"):
        write_demo(tmp_path, until=UNTIL, size=-1)
    with pytest.raises(ValueError, match="naive UTC"):
        write_demo(tmp_path, until=UNTIL.astimezone())


def test_a_day_of_usage_is_known_after_its_end_even_if_its_subscription_ended_that_day(tmp_path: Path) -> None:
    until = datetime(2025, 9, 30, 11, 30)  # the last day of the simulated months
    write_demo(tmp_path, until=until, size=0.5, seed=3)
    crm = opened(tmp_path)
    ended, known_early = crm.execute(
        """SELECT (SELECT count(*) FROM subscriptions WHERE ended_at >= TIMESTAMP '2025-09-29 21:00' AND ended_at < ?),
        (SELECT count(*) FROM usage WHERE known_at >= ?)""",
        [until, until],
    ).fetchone() or (0, 0)
    assert ended > 0
    assert known_early == 0
