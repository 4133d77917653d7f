"""Whether scores that were made again are those that were published."""

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
"""Stands for what is missing, which differs from an empty text."""

SCORED: tuple[Table, ...] = (ACCOUNT_SCORES, CONTACT_SCORES, OPPORTUNITY_SCORES, RECOMMENDATIONS, REVENUE_FORECAST)


def compare(store: Store, run_id: str, scores: Step, draft: Draft) -> None:
    """Write ``compared``: one row per table of scores: ``table_name, published, made, differing`` rows.

    ``published`` is missing where the scoring table holds no rows of the run any more, and with it ``differing``.
    """
    rows = []
    for table in SCORED:
        before, after = rows_of_run(store, table.name, run_id), scores.frame(table.name)
        gone = before.empty and not after.empty
        rows.append(
            {
                "table_name": table.name,
                "published": None if gone else len(before),
                "made": len(after),
                "differing": None if gone else differing(before, after, table),
            }
        )
    draft.write("compared", pd.DataFrame(rows).astype({"published": "Int64", "made": "Int64", "differing": "Int64"}))


def differing(before: pd.DataFrame, after: pd.DataFrame, table: Table) -> int:
    """Rows that only one of two frames has, by the table's key, or that differ in any of its columns."""
    key, columns = list(table.key), [column.name for column in table.columns]
    texts = [_as_text(frame[columns], table).drop_duplicates() for frame in (before, after)]
    both = texts[0].merge(texts[1], how="outer", on=columns, indicator=True)
    return len(both.loc[both["_merge"] != "both", key].drop_duplicates())


def _as_text(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Values in one spelling, so that what two databases call a number or a date is equal when it is the same."""
    kinds = {column.name: column.kind for column in table.columns}
    spelt = {}
    for name in rows:
        values = rows[name]
        if kinds[str(name)] in ("number", "integer"):
            values = values.astype("float64")
        elif kinds[str(name)] in ("date", "timestamp"):
            values = pd.to_datetime(values.astype(object)).astype("datetime64[us]")
        known = values.notna()
        spelt[name] = values.astype(object).map(lambda value: repr(value) if not isinstance(value, str) else value)
        spelt[name] = spelt[name].where(known, MISSING)
    return pd.DataFrame(spelt, index=rows.index)
