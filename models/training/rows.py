"""Feature rows of accounts for training and scoring, computed once for all models of a company."""

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
N_CENSORED_DATES = 2
"""Dates less than a quarter ago, whose episodes are censored early."""

MAX_ROWS = 120_000
"""Of a larger company a random subset of accounts trains, the same at all dates."""


def training_dates(company: Company, horizon_days: int) -> tuple[date, ...]:
    """Past dates for training, oldest first, a month apart, whose label windows of ``horizon_days`` have closed."""
    return past_dates(company, horizon_days, STEP_DAYS, MAX_DATES)


def episode_dates(company: Company) -> tuple[date, ...]:
    """Past dates at which episodes start, oldest first: the ``training_dates`` of a quarter, and the recent ones."""
    return past_dates(company, STEP_DAYS, STEP_DAYS, MAX_DATES + N_CENSORED_DATES)


def training_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """An ``account_spine`` of past dates, of a random subset of accounts above ``MAX_ROWS``."""
    spine = account_spine(company, dates)
    rows = int(spine.count().execute())
    if rows <= MAX_ROWS:
        return spine
    fraction = int(1_000 * MAX_ROWS / rows) + 1
    drawn = ((spine.account_id + f"/{company.seed}").hash() & 0x7FFFFFFF) % 1_000
    return spine.filter(drawn < fraction).cache()


def account_rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per customer and date: ``account_id, as_of`` (a date), features and categories.

    Past dates have the accounts of ``training_spine``, the company's own date has all. Computed rows are kept in the
    company's DuckDB, where models that read the same dates share them.
    """
    episodes = episode_dates(company)
    computed_dates = episodes if set(dates) <= set(episodes) else tuple(dates)
    name = "account_features_" + sha256(" ".join(map(str, computed_dates)).encode()).hexdigest()[:12]
    exists = company.backend.con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]).fetchone()
    if exists is None:
        is_today = computed_dates == (company.as_of,)
        spine = account_spine(company, computed_dates) if is_today else training_spine(company, computed_dates)
        company.backend.create_table(name, account_features(company, spine), temp=True)
    rows = company.backend.table(name)
    return to_frame(rows.filter(rows.as_of.isin(list(dates))).order_by("as_of", "account_id"))
