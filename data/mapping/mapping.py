"""A mapping: a folder that turns one kind of CRM into the contract.

``<contract table>.sql``   one DuckDB SELECT per table, over the source's tables and columns in snake_case. The result
                           has the contract's columns (a column left out is empty) and, where the source knows it,
                           ``known_at``. A table without a file is empty. Values are left as they are wherever no
                           arithmetic needs them: reading casts them, and names the ones that it cannot.
``mapping.toml``           the company's time zone and currency, tolerances, and how loaders land the source's tables.
                           ``[costs]``: what an ``hour`` of an owner and an ``email`` cost in that currency, and the
                           ``hurdle`` below which nobody is bothered; ``data.mapping.action_costs`` has the usual of some currencies.
``repairs.csv``            optional: ``table,column,from,to,reason``: stated repairs of values, applied and counted.
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
from data.mapping.action_costs import USUAL, Costs, stated_costs, usual_costs

SHIPPED = Path(__file__).parents[1] / "mappings"


@dataclass(frozen=True)
class Repair:
    """One value of one column that is known to be wrong, what it should be, and why."""

    table: str
    column: str
    old: str
    new: str | None
    reason: str


@dataclass(frozen=True)
class Landed:
    """How one table of the source may land: under which other names, and what of it may be missing."""

    also: tuple[str, ...] = ()
    optional: bool = False
    """Whether the source may lack the table; it then counts as empty, with the columns of ``columns``."""
    columns: tuple[str, ...] = ()
    """Columns that the source may lack (loaders leave out what was never filled); they then count as empty."""
    other_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Other names under which a column may land."""


@dataclass(frozen=True)
class Mapping:
    """A mapping that makes sense by itself; whether it fits a source shows when it reads."""

    name: str
    folder: Path
    description: str
    timezone: str
    currency: str
    costs: Costs
    """What acting costs, in ``currency``."""
    tolerate: dict[str, float]
    """Largest share of a table's rows that may be quarantined, where it differs from the usual."""
    sql: dict[str, str]
    repairs: tuple[Repair, ...]
    landed: dict[str, Landed]
    strip: tuple[str, ...]
    """Prefixes that loaders put before the names of columns."""
    fingerprint: str
    """Changes when any file of the mapping does."""

    def file(self, table: str) -> Path:
        """Where a table's SQL stands."""
        return self.folder / f"{table}.sql"

    def costs_in(self, currency: str) -> Costs:
        """What acting costs in a reporting currency: what is stated holds for the mapping's own, the usual for another.

        Raises ``MappingError`` for another one of which no usual costs are known.
        """
        return self.costs if currency == self.currency else usual_costs(currency)


def shipped() -> tuple[str, ...]:
    """Names of the mappings that come with the product."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/mapping.toml")))


def load_mapping(name_or_folder: str | Path) -> Mapping:
    """The mapping of a shipped name, or in a folder of one's own. Raises ``MappingError`` that lists every offender."""
    folder = _folder(name_or_folder)
    if not (folder / "mapping.toml").is_file():
        raise MappingError(
            "the folder is no mapping: it has no mapping.toml",
            where=str(folder),
            remedy=f"write one; the shipped ones in {SHIPPED} show how",
        )
    problems: list[str] = []
    settings = _settings(folder / "mapping.toml")
    unknown = sorted(set(settings) - {"description", "company", "costs", "tolerate", "source"})
    problems += [f"mapping.toml: unknown section '{key}'" for key in unknown]

    company = settings.get("company", {})
    timezone, currency = company.get("timezone"), company.get("currency")
    if timezone not in available_timezones():
        problems.append(f"mapping.toml: [company] timezone is {timezone!r}: name one of the IANA database")
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
        problems.append(f"mapping.toml: [company] currency is {currency!r}: give a code such as 'EUR'")
        currency = next(iter(USUAL))  # so that its own costs are judged too
    costs, offending = stated_costs(settings.get("costs", {}), currency)
    problems += offending

    tolerate = settings.get("tolerate", {})
    for table, share in tolerate.items():
        problems += _unknown_table("mapping.toml: [tolerate]", table)
        if not isinstance(share, int | float) or not 0 <= share <= 1:
            problems.append(f"mapping.toml: [tolerate] {table} is {share!r}: give a share from 0 to 1")

    sql = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    for table in sql:
        problems += _unknown_table(f"{table}.sql", table)
    if not sql:
        problems.append("no <contract table>.sql file at all")
    repairs = _repairs(folder / "repairs.csv", problems)
    source = settings.get("source", {})
    landed = _landed(source.get("tables", {}), problems)
    if problems or costs is None:
        raise MappingError(
            "the mapping makes no sense: " + "; ".join(problems), where=str(folder), remedy="correct the named files"
        )
    return Mapping(
        name=folder.name,
        folder=folder,
        description=settings.get("description", "").strip(),
        timezone=timezone,
        currency=currency,
        costs=costs,
        tolerate={table: float(share) for table, share in tolerate.items()},
        sql=sql,
        repairs=repairs,
        landed=landed,
        strip=tuple(source.get("strip", ())),
        fingerprint=_fingerprint(folder),
    )


def _folder(name_or_folder: str | Path) -> Path:
    name = str(name_or_folder)
    if name in shipped():
        return SHIPPED / name
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder.resolve()
    close = difflib.get_close_matches(name, shipped(), 1)
    raise MappingError(
        f"there is no mapping '{name}'" + (f"; did you mean '{close[0]}'?" if close else ""),
        where=f"the shipped mappings ({', '.join(shipped())}), and the folder {folder.resolve()}",
        remedy="name a shipped mapping, or give the path of a folder with mapping.toml and <contract table>.sql files",
    )


def _settings(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(
            f"mapping.toml cannot be read: {error}", where=str(file), remedy="correct the TOML"
        ) from None


def _unknown_table(where: str, table: str) -> list[str]:
    if table in TABLES:
        return []
    close = difflib.get_close_matches(table, TABLES, 1)
    return [f"{where}: the contract has no table '{table}'" + (f"; did you mean '{close[0]}'?" if close else "")]


def _repairs(file: Path, problems: list[str]) -> tuple[Repair, ...]:
    if not file.exists():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames is None or set(rows.fieldnames) != {"table", "column", "from", "to", "reason"}:
            problems.append(f"repairs.csv: its columns are {rows.fieldnames}; they must be table,column,from,to,reason")
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


def _landed(tables: dict[str, dict[str, Any]], problems: list[str]) -> dict[str, Landed]:
    allowed = {"also", "optional", "columns", "other_names"}
    landed = {}
    for name, given in tables.items():
        unknown = sorted(set(given) - allowed)
        if unknown:
            problems.append(f"mapping.toml: [source.tables.{name}] knows no {', '.join(unknown)}")
            continue
        landed[name] = Landed(
            tuple(given.get("also", ())),
            bool(given.get("optional", False)),
            tuple(given.get("columns", ())),
            {column: tuple(others) for column, others in given.get("other_names", {}).items()},
        )
    return landed


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".sql", ".toml", ".csv"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
