"""Rows of accounts to learn from and to score: features as of dates, made once for all models of a company."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256

import ibis.expr.types as ir
import pandas as pd

from features.accounts.table import account_features
from features.company import Company
from features.frames import to_frame
from features.spine import account_spine, past_dates

STEP_DAYS = 30
MAX_DATES = 12
LATER_DATES = 2
"""Dates so near that a quarter after them is not over: they teach what their first months showed."""

MAX_ROWS = 120_000
"""Enough to learn from: of a larger company a part of the accounts is learnt from, at all dates, drawn once."""


def training_dates(company: Company, horizon_days: int) -> tuple[date, ...]:
    """Past dates to learn from, oldest first, a month apart, their windows of ``horizon_days`` over."""
    return past_dates(company, horizon_days, STEP_DAYS, MAX_DATES)


def episode_dates(company: Company) -> tuple[date, ...]:
    """Past dates at which lives begin, oldest first: those of ``learning_dates`` for a quarter, and the two after."""
    return past_dates(company, STEP_DAYS, STEP_DAYS, MAX_DATES + LATER_DATES)


def training_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """An ``account_spine`` of past dates: of very many accounts a part, drawn by the company's seed."""
    spine = account_spine(company, dates)
    rows = int(spine.count().execute())
    if rows <= MAX_ROWS:
        return spine
    share = int(1_000 * MAX_ROWS / rows) + 1
    drawn = ((spine.account_id + f"/{company.seed}").hash() & 0x7FFFFFFF) % 1_000
    return spine.filter(drawn < share).cache()


def account_rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per customer and date (of ``past_spine``, or of all on the company's own date): ``account_id, as_of``
    (a date), features and categories.

    Kept in the company's own DuckDB, so that models that ask for the same dates share the work.
    """
    lives = episode_dates(company)
    made_for = lives if set(dates) <= set(lives) else tuple(dates)
    name = "account_features_" + sha256(" ".join(map(str, made_for)).encode()).hexdigest()[:12]
    made = company.backend.con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]).fetchone()
    if made is None:
        today = made_for == (company.as_of,)
        spine = account_spine(company, made_for) if today else training_spine(company, made_for)
        company.backend.create_table(name, account_features(company, spine), temp=True)
    rows = company.backend.table(name)
    return to_frame(rows.filter(rows.as_of.isin(list(dates))).order_by("as_of", "account_id"))
