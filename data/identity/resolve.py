"""The resolve step: records that are the same beyond doubt become one, and every reference follows."""

import os
import shutil
from pathlib import Path

import duckdb

from data.contract import CONTRACT, TABLES, Table
from data.identity.match_keys import company, domain, form, person
from data.identity.spellings import respelling, unify
from data.lake import Draft, Step

MOST_ALIKE = 10
"""Nobody is entered more often than this; what more records share stands for nobody (a placeholder)."""

ENTITIES = {"accounts": "account", "contacts": "contact"}


def resolve(clean: Step, draft: Draft) -> None:
    """Write the contract's tables with one row per company and person, and ``merges``.

    Contacts of an equal e-mail address are one; so are accounts of an equal domain and name (a different legal form is
    a different company, so is an account's parent). The record that was created first wins, of equals the smallest id;
    what it lacks is filled from the others in the same order. References to the others become references to it.
    Where rows of ``usage`` or ``consents`` then share a key, use is added up, and a withdrawn consent wins.

    The values that accounts are grouped by are then spelt in one way (``data.identity.spellings``).

    ``merges``: one row per record that became part of another: entity, loser_id, winner_id, rule, evidence.
    ``spellings``: one row per value that became another: column, from, to, rows, why.
    """
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    for table in CONTRACT:
        duck.execute(f"CREATE VIEW {table.name} AS {_numbered(clean, table.name)}")
    duck.execute(f"CREATE TABLE account_keys AS {ACCOUNT_KEYS}")
    duck.execute(f"CREATE TABLE contact_keys AS {CONTACT_KEYS}")
    duck.execute(f"CREATE TABLE merges AS {_merges('account')} UNION ALL {_merges('contact')}")
    merged = {entity for (entity,) in duck.execute("SELECT DISTINCT entity FROM merges").fetchall()}
    for entity in ENTITIES.values():
        duck.execute(f"CREATE TABLE {entity}_of AS SELECT loser_id, winner_id FROM merges WHERE entity = '{entity}'")
    unify(duck, _golden(TABLES["accounts"]))
    respelt = {"accounts"} if duck.execute("SELECT 1 FROM spellings LIMIT 1").fetchall() else set()
    duck.execute(f"CREATE OR REPLACE VIEW accounts AS {respelling(_numbered(clean, 'accounts'))}")
    for table in CONTRACT:
        target = draft.folder / f"{table.name}.parquet"
        if table.name in respelt or merged & _entities(table):
            duck.execute(f"COPY ({_golden(table)}) TO '{_escaped(target)}' (FORMAT parquet)")
        else:
            _as_it_is(clean.path(table.name), target)
    duck.execute(
        "COPY (SELECT entity, loser_id, winner_id, rule, evidence FROM merges ORDER BY ALL) "
        f"TO '{_escaped(draft.folder / 'merges.parquet')}' (FORMAT parquet)"
    )
    duck.execute(f"COPY (FROM spellings) TO '{_escaped(draft.folder / 'spellings.parquet')}' (FORMAT parquet)")
    duck.close()


ACCOUNT_KEYS = f"""
    WITH named AS (
        SELECT account_id AS id, created_at, parent_account_id, name,
            {domain("domain")} AS host, {company("name")} AS words, {form("name")} AS form
        FROM accounts),
    formed AS (
        SELECT *, count(DISTINCT form) OVER alike AS forms, max(form) OVER alike AS the_form
        FROM named WHERE host IS NOT NULL AND words IS NOT NULL WINDOW alike AS (PARTITION BY host, words)),
    keyed AS (
        SELECT *, concat_ws(' ', host, words, CASE WHEN forms = 1 THEN the_form ELSE form END) AS same FROM formed)
    SELECT id, created_at, same, 'equal domain and name' AS rule, host || ': ' || name AS evidence
    FROM keyed WHERE (parent_account_id, same) NOT IN (SELECT (id, same) FROM keyed) OR parent_account_id IS NULL"""
"""Accounts that may be the same as another: the key that such share, and what shows it."""

CONTACT_KEYS = f"""
    SELECT contact_id AS id, created_at, same, 'equal e-mail address' AS rule, trim(email) AS evidence
    FROM (SELECT *, {person("email", "first_name", "last_name")} AS same FROM contacts) WHERE same IS NOT NULL"""
"""Contacts that may be the same as another: the key that such share, and what shows it."""


def _merges(entity: str) -> str:
    """A query for the records of an entity that become part of another."""
    first = "FIRST_VALUE({}) OVER (PARTITION BY same ORDER BY created_at NULLS LAST, id)"
    return f"""
        SELECT '{entity}' AS entity, id AS loser_id, winner_id, rule,
            CASE WHEN evidence = winner_evidence THEN evidence ELSE evidence || ' = ' || winner_evidence END AS evidence
        FROM (SELECT id, rule, evidence, count(*) OVER (PARTITION BY same) AS alike,
                  {first.format("id")} AS winner_id, {first.format("evidence")} AS winner_evidence FROM {entity}_keys)
        WHERE id <> winner_id AND alike <= {MOST_ALIKE}"""


def _entities(table: Table) -> set[str]:
    """The entities that a table holds or refers to."""
    held = {table.name, *(column.references for column in table.columns)}
    found = {entity for name, entity in ENTITIES.items() if name in held}
    return found | {"account"} if table.name == "responses" else found


def _golden(table: Table) -> str:
    """A query for the table's rows with every reference followed, one row per key, in the order they had."""
    joins, values = [], {column: f"r.{column}" for column in table.names}
    for column in table.columns:
        own = table.name in ENTITIES and column.name == table.key[0]
        entity = ENTITIES.get(table.name if own else column.references or "")
        if entity is not None:
            joins.append(f"LEFT JOIN {entity}_of AS of_{column.name} ON of_{column.name}.loser_id = r.{column.name}")
            values[column.name] = f"coalesce(of_{column.name}.winner_id, r.{column.name})"
    if table.name == "responses":
        joins.append(f"LEFT JOIN account_of ON account_of.loser_id = regexp_extract(r.action_id, '{ACTION_ID}', 2)")
        values["action_id"] = (
            "CASE WHEN account_of.winner_id IS NULL THEN r.action_id "
            f"ELSE regexp_extract(r.action_id, '{ACTION_ID}', 1) || account_of.winner_id "
            f"|| regexp_extract(r.action_id, '{ACTION_ID}', 3) END"
        )
    chosen = ", ".join(f"{value} AS {column}" for column, value in values.items())
    followed = f"SELECT {chosen}, r.n FROM {table.name} r {' '.join(joins)}"
    return f"SELECT {', '.join(table.names)} FROM ({_one_per_key(table, followed)}) ORDER BY n"


def _one_per_key(table: Table, rows: str) -> str:
    """A query for one row per key of rows that may share one since their references were followed."""
    key = ", ".join(table.key)
    if table.name in ENTITIES:
        return _filled(table, rows)
    if table.name == "usage":
        added = ", ".join(f"sum({column}) AS {column}" for column in ("active_users", "events"))
        return f"SELECT {key}, {added}, max(known_at) AS known_at, min(n) AS n FROM ({rows}) GROUP BY {key}"
    if table.name in ("consents", "responses"):
        first = "status = 'withdrawn' DESC, n" if table.name == "consents" else "n"
        return f"SELECT * FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {first}) = 1"
    return rows


def _filled(table: Table, rows: str) -> str:
    """One row per company or person: what the winner lacks, the others give. It is known as soon as any of them."""
    key = table.key[0]
    row = f"SELECT g.*, o.{key} AS own FROM ({rows}) g JOIN {table.name} o USING (n)"
    values = []
    for name in table.by_name:
        if name == key:
            continue
        given = f"nullif({name}, {key})" if table[name].references == table.name else name
        values.append(f"first({given} ORDER BY created_at NULLS LAST, own) FILTER ({given} IS NOT NULL) AS {name}")
    known = "CASE WHEN count(*) = count(known_at) THEN min(known_at) END AS known_at"
    return f"SELECT {key}, {', '.join(values)}, {known}, min(n) AS n FROM ({row}) GROUP BY {key}"


ACTION_ID = r"^(\d{4}-\d\d-\d\d:)(.+)(:[^:]+)$"
"""An action is named for its date, its account and what it is: an override follows the account that it was about."""


def _numbered(step: Step, table: str) -> str:
    """A query for a table's rows, and the place of each as ``n``."""
    path = _escaped(step.path(table))
    return f"SELECT *, file_row_number AS n FROM read_parquet('{path}', file_row_number = true)"


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _as_it_is(source: Path, target: Path) -> None:
    """The same file in both steps, where the file system can: finished steps are never rewritten."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
