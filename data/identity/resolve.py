"""The resolve step: duplicate records are merged into golden records, and every reference follows."""

import duckdb

from data.contract import CONTRACT, TABLES
from data.identity.match_keys import company_key, domain_key, legal_form, person_key
from data.identity.spellings import apply_spellings, find_spellings
from data.lake import Draft, Step, hard_link_or_copy
from data.schema import Table
from data.sql import copy_to_parquet, scan_parquet

MAX_RECORDS_PER_KEY = 10
"""A key of more records than this is a placeholder; they are not merged."""

ENTITIES = {"accounts": "account", "contacts": "contact"}

ACTION_ID_PATTERN = r"^(\d{4}-\d\d-\d\d:)(.+)(:[^:]+)$"
"""An action's id: its date, its account and its kind. A response follows the account of its action."""


def resolve(clean: Step, draft: Draft) -> None:
    """Write the contract's tables with one row per company and person, and the tables ``merges`` and ``spellings``.

    Contacts with an equal e-mail address are merged; so are accounts with an equal domain and name (another legal form
    is another company, and so is an account's parent). The record that was created first wins, of equals the smallest
    id; values that it lacks are filled from the others in the same order. References to the others become references
    to it. If rows of ``usage`` or ``consents`` then share a key, usage is summed, and a withdrawn consent wins.
    Last, the categories of accounts get one spelling (``data.identity.spellings``).

    ``merges``     one row per merged record: entity, loser_id, winner_id, rule, evidence.
    ``spellings``  one row per respelled value: column, from, to, rows, why.
    """
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    for table in CONTRACT:
        duck.execute(f"CREATE VIEW {table.name} AS {_numbered_rows(clean, table.name)}")
    merged_entities = _find_merges(duck)
    find_spellings(duck, _golden_rows(TABLES["accounts"]))
    respelled = bool(duck.execute("SELECT 1 FROM spellings LIMIT 1").fetchall())
    duck.execute(f"CREATE OR REPLACE VIEW accounts AS {apply_spellings(_numbered_rows(clean, 'accounts'))}")
    for table in CONTRACT:
        if merged_entities & _entities_in(table) or (respelled and table.name == "accounts"):
            duck.execute(copy_to_parquet(_golden_rows(table), draft.path(table.name)))
        else:
            hard_link_or_copy(clean.path(table.name), draft.path(table.name))
    merges = "SELECT entity, loser_id, winner_id, rule, evidence FROM merges ORDER BY ALL"
    duck.execute(copy_to_parquet(merges, draft.path("merges")))
    duck.execute(copy_to_parquet("FROM spellings", draft.path("spellings")))
    duck.close()


def _find_merges(duck: duckdb.DuckDBPyConnection) -> set[str]:
    """The entities with merged records. Creates ``merges``, and ``<entity>_merges`` (loser_id, winner_id) of each."""
    duck.execute(f"CREATE TABLE account_keys AS {ACCOUNT_KEYS}")
    duck.execute(f"CREATE TABLE contact_keys AS {CONTACT_KEYS}")
    duck.execute(f"CREATE TABLE merges AS {_merges('account')} UNION ALL {_merges('contact')}")
    for entity in ENTITIES.values():
        duck.execute(
            f"CREATE TABLE {entity}_merges AS SELECT loser_id, winner_id FROM merges WHERE entity = '{entity}'"
        )
    return {entity for (entity,) in duck.execute("SELECT DISTINCT entity FROM merges").fetchall()}


ACCOUNT_KEYS = f"""
    WITH named AS (
        SELECT account_id AS id, created_at, parent_account_id, name,
            {domain_key("domain")} AS domain, {company_key("name")} AS words, {legal_form("name")} AS form
        FROM accounts),
    with_forms AS (
        SELECT *, count(DISTINCT form) OVER namesakes AS n_forms, max(form) OVER namesakes AS only_form
        FROM named WHERE domain IS NOT NULL AND words IS NOT NULL WINDOW namesakes AS (PARTITION BY domain, words)),
    keyed AS (
        SELECT *, concat_ws(' ', domain, words, CASE WHEN n_forms = 1 THEN only_form ELSE form END) AS match_key
        FROM with_forms)
    SELECT id, created_at, match_key, 'equal domain and name' AS rule, domain || ': ' || name AS evidence
    FROM keyed
    WHERE (parent_account_id, match_key) NOT IN (SELECT (id, match_key) FROM keyed) OR parent_account_id IS NULL"""
"""One row per account that may be merged: its match key, and the evidence. A name without form has any form."""

CONTACT_KEYS = f"""
    SELECT contact_id AS id, created_at, match_key, 'equal e-mail address' AS rule, trim(email) AS evidence
    FROM (SELECT *, {person_key("email", "first_name", "last_name")} AS match_key FROM contacts)
    WHERE match_key IS NOT NULL"""
"""One row per contact that may be merged: its match key, and the evidence."""


def _merges(entity: str) -> str:
    """A query for one row per record of an entity that is merged into another."""
    first = "FIRST_VALUE({}) OVER (PARTITION BY match_key ORDER BY created_at NULLS LAST, id)"
    return f"""
        SELECT '{entity}' AS entity, id AS loser_id, winner_id, rule,
            CASE WHEN evidence = winner_evidence THEN evidence ELSE evidence || ' = ' || winner_evidence END AS evidence
        FROM (SELECT id, rule, evidence, count(*) OVER (PARTITION BY match_key) AS n_records,
                  {first.format("id")} AS winner_id, {first.format("evidence")} AS winner_evidence FROM {entity}_keys)
        WHERE id <> winner_id AND n_records <= {MAX_RECORDS_PER_KEY}"""


def _entities_in(table: Table) -> set[str]:
    """The entities that a table stores or refers to."""
    names = {table.name, *(column.references for column in table.columns)}
    entities = {entity for name, entity in ENTITIES.items() if name in names}
    return entities | {"account"} if table.name == "responses" else entities


def _golden_rows(table: Table) -> str:
    """A query for the table's rows with every reference followed, one row per key, in the order of the file."""
    joins, values = [], {column: f"r.{column}" for column in table.names}
    for column in table.columns:
        is_own_key = table.name in ENTITIES and column.name == table.key[0]
        entity = ENTITIES.get(table.name if is_own_key else column.references or "")
        if entity is not None:
            alias = f"merge_of_{column.name}"
            joins.append(f"LEFT JOIN {entity}_merges AS {alias} ON {alias}.loser_id = r.{column.name}")
            values[column.name] = f"coalesce({alias}.winner_id, r.{column.name})"
    if table.name == "responses":
        date, account, kind = (f"regexp_extract(r.action_id, '{ACTION_ID_PATTERN}', {group})" for group in (1, 2, 3))
        joins.append(f"LEFT JOIN account_merges ON account_merges.loser_id = {account}")
        values["action_id"] = (
            "CASE WHEN account_merges.winner_id IS NULL THEN r.action_id "
            f"ELSE {date} || account_merges.winner_id || {kind} END"
        )
    selected = ", ".join(f"{value} AS {column}" for column, value in values.items())
    rows = f"SELECT {selected}, r.n FROM {table.name} r {' '.join(joins)}"
    return f"SELECT {', '.join(table.names)} FROM ({_one_per_key(table, rows)}) ORDER BY n"


def _one_per_key(table: Table, rows: str) -> str:
    """A query for one row per key, of rows that may share keys after their references were followed."""
    key = ", ".join(table.key)
    if table.name in ENTITIES:
        return _fill_from_losers(table, rows)
    if table.name == "usage":
        sums = ", ".join(f"sum({column}) AS {column}" for column in ("active_users", "events"))
        return f"SELECT {key}, {sums}, max(known_at) AS known_at, min(n) AS n FROM ({rows}) GROUP BY {key}"
    if table.name in ("consents", "responses"):
        first = "status = 'withdrawn' DESC, n" if table.name == "consents" else "n"
        return f"SELECT * FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {first}) = 1"
    return rows


def _fill_from_losers(table: Table, rows: str) -> str:
    """One row per company or person: values that the winner lacks come from the losers. Known as soon as any record."""
    key = table.key[0]
    with_own_id = f"SELECT g.*, o.{key} AS own_id FROM ({rows}) g JOIN {table.name} o USING (n)"
    values = []
    for name in table.by_name:
        if name == key:
            continue
        # a merged record is not its own parent
        value = f"nullif({name}, {key})" if table[name].references == table.name else name
        values.append(f"first({value} ORDER BY created_at NULLS LAST, own_id) FILTER ({value} IS NOT NULL) AS {name}")
    known = "CASE WHEN count(*) = count(known_at) THEN min(known_at) END AS known_at"
    return f"SELECT {key}, {', '.join(values)}, {known}, min(n) AS n FROM ({with_own_id}) GROUP BY {key}"


def _numbered_rows(step: Step, table: str) -> str:
    """A query for a table's rows, and the position of each in the file as ``n``."""
    return f"SELECT *, file_row_number AS n FROM {scan_parquet(step.path(table), row_numbers=True)}"
