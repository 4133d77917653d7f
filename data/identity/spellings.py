"""One spelling for what accounts are grouped by: how the same region or industry, written otherwise, is told.

Values are the same when they are equal without case, accents, blanks and punctuation; the spelling of most accounts
stays (of equally many, the first by the alphabet). A value of few accounts is a typo of a frequent one when one letter
is wrong, missing, doubled or swapped, or an abbreviation of it when words of it are cut by a full stop. It stays as it
is where it could be meant for more than one. What tells values apart is no typo: digits, signs such as ``<`` and ``+``,
codes of two or three letters, and another first or last letter (*Iran* is not *Iraq*).
"""

import duckdb

GROUPED_BY = ("region", "segment", "industry", "country")
FEW, TIMES = 3, 10
"""A value of at most so many accounts is a typo of one that has at least so many times as many."""
SHORTEST = 4
"""Letters of a value that may be a typo: in shorter ones every letter counts."""

LEDGER = '"column" VARCHAR, "from" VARCHAR, "to" VARCHAR, "rows" BIGINT, why VARCHAR'


def unify(duck: duckdb.DuckDBPyConnection, accounts: str) -> None:
    """Makes the table ``spellings``, one row per value that is to become another: column, from, to, rows, why.

    ``accounts`` is a query or table with the columns of ``GROUPED_BY``.
    """
    duck.execute(f"CREATE TABLE spellings ({LEDGER})")
    for column in GROUPED_BY:
        duck.execute(f"INSERT INTO spellings {_changes(column, accounts)}")


def respelling(accounts: str) -> str:
    """A query like the given one, with the values as ``spellings`` has them."""
    joins = " ".join(
        f'LEFT JOIN spellings AS of_{name} ON of_{name}."column" = \'{name}\' AND of_{name}."from" = a.{name}'
        for name in GROUPED_BY
    )
    values = ", ".join(f'coalesce(of_{name}."to", a.{name}) AS {name}' for name in GROUPED_BY)
    return f"SELECT a.* REPLACE ({values}) FROM ({accounts}) a {joins}"


def folded(value: str) -> str:
    """The letters, digits and telling signs of a value; NULL where there are none."""
    plain = f"replace(replace(lower(strip_accents({value})), 'ı', 'i'), '&', 'and')"
    marks = r"[\s.,;:''’`\"_/|()·–—-]+"
    told = rf"regexp_replace({plain}, '-\s*$', '−')"  # a grade: A- is not A
    for _ in range(2):  # what is between digits is a range, not a blank; matches do not overlap
        told = rf"regexp_replace({told}, '(\d){marks}(\d)', '\1~\2', 'g')"
    return f"nullif(regexp_replace({told}, '{marks}', '', 'g'), '')"


def _changes(column: str, accounts: str) -> str:
    plain = r"CASE WHEN regexp_full_match(rare.value, '[\pL\s.-]+') THEN lower(strip_accents(rare.value)) END"
    cut = rf"trim(regexp_replace({plain}, '\.\s*', '[^ ]+ ', 'g'))"
    telling = r"regexp_replace({}, '\pL', '', 'g')"
    return rf"""
        WITH spelt AS (
            SELECT {column} AS value, {folded(column)} AS same, count(*) AS n
            FROM ({accounts}) WHERE {column} IS NOT NULL GROUP BY ALL),
        named AS (
            SELECT *, first_value(value) OVER (PARTITION BY same ORDER BY n DESC, value) AS name,
                sum(n) OVER (PARTITION BY same) AS of_same
            FROM spelt WHERE same IS NOT NULL),
        meant AS (
            SELECT rare.same, min(frequent.name) AS name,
                min(CASE WHEN near THEN 'one letter from ' ELSE 'an abbreviation of ' END) AS why
            FROM (SELECT * FROM named WHERE value = name AND of_same <= {FEW}) rare
            JOIN (SELECT * FROM named WHERE value = name) frequent
            ON frequent.of_same >= {TIMES} * rare.of_same
            CROSS JOIN LATERAL (SELECT
                length(rare.same) >= {SHORTEST} AND damerau_levenshtein(rare.same, frequent.same) = 1
                    AND {telling.format("rare.same")} = {telling.format("frequent.same")}
                    AND (length(rare.same) <> length(frequent.same) OR (rare.same[1] = frequent.same[1]
                        AND rare.same[-1] = frequent.same[-1])) AS near,
                contains(rare.value, '.')
                    AND coalesce(regexp_full_match(lower(strip_accents(frequent.name)), {cut}), false) AS shortened)
            WHERE near OR shortened
            GROUP BY rare.same HAVING count(*) = 1)
        SELECT '{column}', value, coalesce(meant.name, named.name), n,
            CASE WHEN meant.name IS NULL THEN 'spelt like ' || named.name ELSE meant.why || meant.name END
        FROM named LEFT JOIN meant USING (same)
        WHERE value <> coalesce(meant.name, named.name) ORDER BY value"""
