"""A mapping: a folder of SQL that turns one kind of CRM into the contract. How to write one: docs/methods.md.

``<contract table>.sql``  one DuckDB SELECT over the source's tables and columns in snake_case.
``mapping.toml``          time zone, currency, costs, tolerated shares, and other names of the source's tables.
``repairs.csv``           optional: ``table,column,from,to,reason``, values to replace.
"""

import csv
import difflib
import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from data.contract import TABLES
from data.errors import MappingError
from data.mapping.action_costs import DEFAULT_COSTS, Costs, default_costs, parse_costs

SHIPPED = Path(__file__).parents[1] / "mappings"
SECTIONS = {"description", "company", "costs", "tolerate", "source"}
REPAIR_COLUMNS = ("table", "column", "from", "to", "reason")


@dataclass(frozen=True)
class Repair:
    """One value of one column that is known to be wrong, its replacement, and the reason."""

    table: str
    column: str
    old: str
    new: str | None
    reason: str


@dataclass(frozen=True)
class SourceTable:
    """Other names of one table of the source, and what of it may be missing."""

    also: tuple[str, ...] = ()
    """Other names of the table."""
    optional: bool = False
    """Whether the source may lack the table; it is then empty, with the columns of ``columns``."""
    columns: tuple[str, ...] = ()
    """Columns that the source may lack (loaders omit columns that were never filled); they are then NULL."""
    other_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Column → other names of it."""


@dataclass(frozen=True)
class Mapping:
    """A mapping that is valid by itself; whether it fits a source is checked by ``data.mapping.binding``."""

    name: str
    folder: Path
    description: str
    timezone: str
    currency: str
    costs: Costs
    """Costs of actions in ``currency``."""
    tolerated_shares: dict[str, float]
    """Table → largest share of its rows that may be rejected, where it differs from the default."""
    sql: dict[str, str]
    repairs: tuple[Repair, ...]
    source_tables: dict[str, SourceTable]
    column_prefixes: tuple[str, ...]
    """Prefixes of column names that loaders add, to be removed."""
    fingerprint: str
    """Changes when any file of the mapping does."""

    def sql_file(self, table: str) -> Path:
        """The file with a table's SQL."""
        return self.folder / f"{table}.sql"

    def costs_in(self, currency: str) -> Costs:
        """Costs of actions in a reporting currency: as stated for the mapping's own, otherwise the defaults.

        Raises ``MappingError`` for another currency without defaults.
        """
        return self.costs if currency == self.currency else default_costs(currency)


def shipped_mappings() -> tuple[str, ...]:
    """Names of the mappings that come with the product."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/mapping.toml")))


def load_mapping(name_or_folder: str | Path) -> Mapping:
    """The shipped mapping of a name, or the mapping in a folder. Raises ``MappingError`` that lists every problem."""
    folder = _folder(name_or_folder)
    if not (folder / "mapping.toml").is_file():
        raise MappingError(
            "the folder is no mapping: it has no mapping.toml",
            where=str(folder),
            remedy=f"write one; the shipped mappings in {SHIPPED} are examples",
        )
    settings = _read_toml(folder / "mapping.toml")
    problems = [f"mapping.toml: unknown section '{key}'" for key in sorted(set(settings) - SECTIONS)]
    company = settings.get("company", {})
    problems += _check_company(company)
    currency = company.get("currency") if _is_currency(company.get("currency")) else next(iter(DEFAULT_COSTS))
    costs, cost_problems = parse_costs(settings.get("costs", {}), currency)
    problems += cost_problems
    tolerated = settings.get("tolerate", {})
    problems += _check_shares(tolerated)
    sql = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    for table in sql:
        problems += _unknown_table(f"{table}.sql", table)
    if not sql:
        problems.append("it has no <contract table>.sql file")
    repairs = _read_repairs(folder / "repairs.csv", problems)
    source = settings.get("source", {})
    source_tables = _source_tables(source.get("tables", {}), problems)
    if problems or costs is None:
        raise MappingError(
            "the mapping makes no sense: " + "; ".join(problems), where=str(folder), remedy="correct the named files"
        )
    return Mapping(
        name=folder.name,
        folder=folder,
        description=settings.get("description", "").strip(),
        timezone=company["timezone"],
        currency=currency,
        costs=costs,
        tolerated_shares={table: float(share) for table, share in tolerated.items()},
        sql=sql,
        repairs=repairs,
        source_tables=source_tables,
        column_prefixes=tuple(source.get("strip", ())),
        fingerprint=_fingerprint(folder),
    )


def _folder(name_or_folder: str | Path) -> Path:
    name = str(name_or_folder)
    if name in shipped_mappings():
        return SHIPPED / name
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder.resolve()
    close = difflib.get_close_matches(name, shipped_mappings(), 1)
    raise MappingError(
        f"there is no mapping '{name}'" + (f"; did you mean '{close[0]}'?" if close else ""),
        where=f"the shipped mappings ({', '.join(shipped_mappings())}), and the folder {folder.resolve()}",
        remedy="name a shipped mapping, or give the path of a folder with mapping.toml and <contract table>.sql files",
    )


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(
            f"mapping.toml cannot be read: {error}", where=str(file), remedy="correct the TOML"
        ) from None


def _check_company(company: dict[str, Any]) -> list[str]:
    """Problems of the section [company]."""
    problems = []
    timezone, currency = company.get("timezone"), company.get("currency")
    if timezone not in available_timezones():
        problems.append(f"mapping.toml: [company] timezone is {timezone!r}: name one of the IANA database")
    if not _is_currency(currency):
        problems.append(f"mapping.toml: [company] currency is {currency!r}: give a code such as 'EUR'")
    return problems


def _is_currency(code: object) -> bool:
    return isinstance(code, str) and len(code) == 3 and code.isupper()


def _check_shares(tolerated: dict[str, Any]) -> list[str]:
    """Problems of the section [tolerate]."""
    problems = []
    for table, share in tolerated.items():
        problems += _unknown_table("mapping.toml: [tolerate]", table)
        if not isinstance(share, int | float) or not 0 <= share <= 1:
            problems.append(f"mapping.toml: [tolerate] {table} is {share!r}: give a share from 0 to 1")
    return problems


def _unknown_table(where: str, table: str) -> list[str]:
    """The problem of a table name that the contract lacks; empty if it has it."""
    if table in TABLES:
        return []
    close = difflib.get_close_matches(table, TABLES, 1)
    return [f"{where}: the contract has no table '{table}'" + (f"; did you mean '{close[0]}'?" if close else "")]


def _read_repairs(file: Path, problems: list[str]) -> tuple[Repair, ...]:
    """The repairs of ``repairs.csv``, in its order; what is wrong with it is added to ``problems``."""
    if not file.exists():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames is None or set(rows.fieldnames) != set(REPAIR_COLUMNS):
            problems.append(f"repairs.csv: its columns are {rows.fieldnames}; they must be {','.join(REPAIR_COLUMNS)}")
            return ()
        repairs = []
        seen = set()
        for row in rows:
            where = f"repairs.csv line {rows.line_num}"
            table, column, old, reason = row["table"], row["column"], row["from"], row["reason"]
            problems += _unknown_table(where, table)
            if table in TABLES and column not in TABLES[table].by_name:
                problems.append(f"{where}: {table} has no column '{column}'")
            if not old or not reason:
                problems.append(f"{where}: 'from' and 'reason' must be given")
            if (table, column, old) in seen:
                problems.append(f"{where}: {table}.{column} '{old}' is repaired twice")
            seen.add((table, column, old))
            repairs.append(Repair(table, column, old, row["to"] or None, reason))
    return tuple(repairs)


def _source_tables(tables: dict[str, dict[str, Any]], problems: list[str]) -> dict[str, SourceTable]:
    """Table → its section [source.tables.<table>]; unknown keys are added to ``problems``."""
    allowed = {"also", "optional", "columns", "other_names"}
    source_tables = {}
    for name, section in tables.items():
        unknown = sorted(set(section) - allowed)
        if unknown:
            problems.append(f"mapping.toml: [source.tables.{name}] has unknown keys: {', '.join(unknown)}")
            continue
        source_tables[name] = SourceTable(
            tuple(section.get("also", ())),
            bool(section.get("optional", False)),
            tuple(section.get("columns", ())),
            {column: tuple(others) for column, others in section.get("other_names", {}).items()},
        )
    return source_tables


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".sql", ".toml", ".csv"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
