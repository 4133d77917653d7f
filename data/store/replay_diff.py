"""The rows in which replayed scores differ from those that were published."""

import pandas as pd

from data.lake import Draft, Step
from data.outputs.score_tables import (
    ACCOUNT_SCORES,
    CONTACT_SCORES,
    OPPORTUNITY_SCORES,
    RECOMMENDATIONS,
    REVENUE_FORECAST,
)
from data.schema import Table
from data.store.views import Store, rows_of_run

MISSING = "\0"
"""Stands for a missing value, which differs from an empty text."""

SCORED: tuple[Table, ...] = (ACCOUNT_SCORES, CONTACT_SCORES, OPPORTUNITY_SCORES, RECOMMENDATIONS, REVENUE_FORECAST)


def compare(store: Store, run_id: str, scores: Step, draft: Draft) -> None:
    """Write ``compared``: one row per table of scores: ``table_name, published, replayed, differing`` rows.

    ``published`` and ``differing`` are missing where the rows of the run were removed.
    """
    rows = []
    for table in SCORED:
        before, after = rows_of_run(store, table.name, run_id), scores.frame(table.name)
        removed = before.empty and not after.empty
        rows.append(
            {
                "table_name": table.name,
                "published": None if removed else len(before),
                "replayed": len(after),
                "differing": None if removed else differing(before, after, table),
            }
        )
    draft.write(
        "compared", pd.DataFrame(rows).astype({"published": "Int64", "replayed": "Int64", "differing": "Int64"})
    )


def differing(before: pd.DataFrame, after: pd.DataFrame, table: Table) -> int:
    """The number of keys whose rows are in only one of two frames or differ in any column of the table."""
    key, columns = list(table.key), [column.name for column in table.columns]
    texts = [_as_text(frame[columns], table).drop_duplicates() for frame in (before, after)]
    both = texts[0].merge(texts[1], how="outer", on=columns, indicator=True)
    return len(both.loc[both["_merge"] != "both", key].drop_duplicates())


def _as_text(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Values as text, so that equal numbers and dates of two databases are equal."""
    kinds = {column.name: column.kind for column in table.columns}
    texts = {}
    for name in rows:
        values = rows[name]
        if kinds[str(name)] in ("number", "integer"):
            values = values.astype("float64")
        elif kinds[str(name)] in ("date", "timestamp"):
            values = pd.to_datetime(values.astype(object)).astype("datetime64[us]")
        present = values.notna()
        text = values.astype(object).map(lambda value: repr(value) if not isinstance(value, str) else value)
        texts[name] = text.where(present, MISSING)
    return pd.DataFrame(texts, index=rows.index)
