"""Rows of accounts to learn from and to score: features as of dates, made once for all models of a company."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256

import ibis.expr.types as ir
import pandas as pd

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES, account_features
from features.company import Company
from features.feature import features_hash
from features.spine import account_spine, past_dates

EVERY_DAYS = 30
MOST_DATES = 12
MOST_ROWS = 200_000
"""Enough to learn from: a large company learns from fewer dates, not from more memory."""

FEWEST_DATES = 7
"""So many dates a month apart hold a judged one, one to calibrate and one to learn from, each a quarter apart."""

ACCOUNT_HASH = features_hash((*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES))


def learning_dates(company: Company, horizon_days: int) -> tuple[date, ...]:
    """Past dates to learn from, oldest first, fewer for a company of very many accounts."""
    accounts = max(1, int(company.tables["accounts"].count().execute()))
    most = max(FEWEST_DATES, min(MOST_DATES, MOST_ROWS // accounts))
    return past_dates(company, horizon_days, EVERY_DAYS, most)


def account_rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per customer and date: ``account_id, as_of`` (a date), features and categories.

    Kept in the company's own DuckDB, so that models that ask for the same dates share the work.
    """
    name = "account_features_" + sha256(" ".join(map(str, dates)).encode()).hexdigest()[:12]
    made = company.backend.con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]).fetchone()
    if made is None:
        company.backend.create_table(name, account_features(company, account_spine(company, dates)), temp=True)
    return dated(company.backend.table(name).order_by("as_of", "account_id"))


def labels(labelled: ir.Table, key: str) -> pd.DataFrame:
    """A label of ``features.labels`` as a frame, with ``as_of`` as a date, ordered by date and key."""
    return dated(labelled.order_by("as_of", key))


def dated(rows: ir.Table) -> pd.DataFrame:
    """A table with ``as_of`` as Python dates, which compare with dates and not with instants."""
    frame: pd.DataFrame = rows.execute()
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    return frame
