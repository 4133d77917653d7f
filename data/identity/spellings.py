"""One spelling for the categories of accounts: values that are spelled differently but mean the same are found.

Values mean the same if they are equal without case, accents, spaces and punctuation, or if one is a rare typo or
abbreviation of a frequent one. The rules and their limits: docs/methods.md.
"""

import duckdb

CATEGORIES = ("region", "segment", "industry", "country")
"""The columns of accounts whose spelling is unified."""
MAX_TYPO_ACCOUNTS, MIN_FREQUENCY_RATIO = 3, 10
"""Largest number of accounts of a typo, and smallest ratio of the accounts of the intended value to it."""
MIN_TYPO_LETTERS = 4
"""Letters of a value that may be a typo: in a shorter one every letter distinguishes."""

SPELLINGS = '"column" VARCHAR, "from" VARCHAR, "to" VARCHAR, "rows" BIGINT, why VARCHAR'


def find_spellings(duck: duckdb.DuckDBPyConnection, accounts: str) -> None:
    """Create the table ``spellings``: one row per value to be replaced: column, from, to, rows, why.

    ``accounts`` is a query or table with the columns of ``CATEGORIES``.
    """
    duck.execute(f"CREATE TABLE spellings ({SPELLINGS})")
    for column in CATEGORIES:
        duck.execute(f"INSERT INTO spellings {_replacements(column, accounts)}")


def apply_spellings(accounts: str) -> str:
    """A query like the given one, with the values of ``spellings`` replaced."""
    joins = " ".join(
        f'LEFT JOIN spellings AS of_{name} ON of_{name}."column" = \'{name}\' AND of_{name}."from" = a.{name}'
        for name in CATEGORIES
    )
    values = ", ".join(f'coalesce(of_{name}."to", a.{name}) AS {name}' for name in CATEGORIES)
    return f"SELECT a.* REPLACE ({values}) FROM ({accounts}) a {joins}"


def spelling_key(value: str) -> str:
    """The letters, digits and distinguishing signs of a value; NULL if there are none."""
    plain_letters = f"replace(replace(lower(strip_accents({value})), 'ı', 'i'), '&', 'and')"
    marks = r"[\s.,;:''’`\"_/|()·–—-]+"
    key = rf"regexp_replace({plain_letters}, '-\s*$', '−')"  # a grade: A- is not A
    for _ in range(2):  # marks between digits are a range; twice, since matches do not overlap
        key = rf"regexp_replace({key}, '(\d){marks}(\d)', '\1~\2', 'g')"
    return f"nullif(regexp_replace({key}, '{marks}', '', 'g'), '')"


def _replacements(column: str, accounts: str) -> str:
    """A query for the rows of ``spellings`` of one column."""
    plain_letters = r"CASE WHEN regexp_full_match(rare.value, '[\pL\s.-]+') THEN lower(strip_accents(rare.value)) END"
    abbreviation_pattern = rf"trim(regexp_replace({plain_letters}, '\.\s*', '[^ ]+ ', 'g'))"
    signs = r"regexp_replace({}, '\pL', '', 'g')"
    return rf"""
        WITH spelled AS (
            SELECT {column} AS value, {spelling_key(column)} AS spelling_key, count(*) AS n
            FROM ({accounts}) WHERE {column} IS NOT NULL GROUP BY ALL),
        named AS (
            SELECT *, first_value(value) OVER (PARTITION BY spelling_key ORDER BY n DESC, value) AS name,
                sum(n) OVER (PARTITION BY spelling_key) AS n_of_key
            FROM spelled WHERE spelling_key IS NOT NULL),
        matched AS (
            SELECT rare.spelling_key, min(frequent.name) AS name,
                min(CASE WHEN is_typo THEN 'one letter from ' ELSE 'an abbreviation of ' END) AS why
            FROM (SELECT * FROM named WHERE value = name AND n_of_key <= {MAX_TYPO_ACCOUNTS}) rare
            JOIN (SELECT * FROM named WHERE value = name) frequent
            ON frequent.n_of_key >= {MIN_FREQUENCY_RATIO} * rare.n_of_key
            CROSS JOIN LATERAL (SELECT
                length(rare.spelling_key) >= {MIN_TYPO_LETTERS}
                    AND damerau_levenshtein(rare.spelling_key, frequent.spelling_key) = 1
                    AND {signs.format("rare.spelling_key")} = {signs.format("frequent.spelling_key")}
                    AND (length(rare.spelling_key) <> length(frequent.spelling_key)
                        OR (rare.spelling_key[1] = frequent.spelling_key[1]
                            AND rare.spelling_key[-1] = frequent.spelling_key[-1])) AS is_typo,
                contains(rare.value, '.') AND coalesce(regexp_full_match(
                    lower(strip_accents(frequent.name)), {abbreviation_pattern}), false) AS is_abbreviation)
            WHERE is_typo OR is_abbreviation
            GROUP BY rare.spelling_key HAVING count(*) = 1)
        SELECT '{column}', value, coalesce(matched.name, named.name), n,
            CASE WHEN matched.name IS NULL THEN 'spelled like ' || named.name ELSE matched.why || matched.name END
        FROM named LEFT JOIN matched USING (spelling_key)
        WHERE value <> coalesce(matched.name, named.name) ORDER BY value"""
