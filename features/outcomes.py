"""Which score is matched with what: for each score that is published, what came of what it spoke of.

The one place where scores and labels meet: a new score is matched once it has a line in ``OUTCOMES``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from data.calendar import first_instant
from features.company import Company
from features.labels import bought_new, revenue_after, won
from features.leaving import churned

Label = Callable[[Company, ir.Table, int, datetime], ir.Table]


@dataclass(frozen=True)
class Outcome:
    """One score: the column of the table that publishes it, what it says, and the label that tells what happened.

    ``label`` takes (company, spine, horizon in days, covered until) and returns the key, ``as_of`` and its ``column``.
    ``model_of`` names the columns ``<model_of>_model`` and ``<model_of>_horizon_days``, where they are another score's;
    ``horizon_days`` is what the score looks ahead where no column says so.
    """

    score: str
    table: str
    key: str
    kind: Literal["chance", "money"]
    label: Label
    column: str
    of: str
    """The contract table in which the key must still be: a merged or deleted entity has no outcome."""
    model_of: str | None = None
    horizon_days: int | None = None


OUTCOMES: tuple[Outcome, ...] = (
    Outcome("churn", "account_scores", "account_id", "chance", churned, "churned", "accounts"),
    Outcome("upsell", "account_scores", "account_id", "chance", bought_new, "bought", "accounts"),
    Outcome("expected_revenue", "account_scores", "account_id", "money", revenue_after, "revenue", "accounts"),
    Outcome("win", "opportunity_scores", "opportunity_id", "chance", won, "won", "opportunities"),
)

SCORED = ["score", "key", "value", "low", "high", "model", "horizon_days", "closes_on"]


def scores_told(frames: dict[str, pd.DataFrame], as_of: date) -> pd.DataFrame:
    """One row per score that was given tonight, abstentions left out: ``SCORED``. ``frames`` holds scoring tables."""
    told = [_told(outcome, frames[outcome.table], as_of) for outcome in OUTCOMES if outcome.table in frames]
    return pd.concat(told, ignore_index=True)[SCORED]


def _told(outcome: Outcome, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    maker = outcome.model_of or outcome.score
    rows = rows[rows[outcome.score].notna()].reset_index(drop=True)
    nothing = pd.Series(float("nan"), index=rows.index)
    horizons = rows[f"{maker}_horizon_days"] if outcome.horizon_days is None else outcome.horizon_days
    told = pd.DataFrame(
        {
            "key": rows[outcome.key].astype("str"),
            "value": rows[outcome.score].astype("float64"),
            "low": rows.get(f"{outcome.score}_low", nothing).astype("float64"),
            "high": rows.get(f"{outcome.score}_high", nothing).astype("float64"),
            "model": rows[f"{maker}_model"].astype("str"),
        }
    ).assign(score=outcome.score, horizon_days=horizons)
    told["horizon_days"] = told["horizon_days"].astype("int64")
    told["closes_on"] = [as_of + timedelta(days=days) for days in told["horizon_days"].tolist()]
    return told


def happened(company: Company, score: str, horizon_days: int, told: pd.DataFrame) -> pd.DataFrame:
    """What came of scores of one kind and horizon: one row per row of ``told`` (``key, as_of``): ``outcome`` added.

    The outcome is NaN where there is none to be had: the entity is there no more, or could not do what was foretold.
    Raises ``ValueError`` for windows that the company's date does not cover.
    """
    outcome = next(one for one in OUTCOMES if one.score == score)
    dates = told["as_of"].drop_duplicates()
    instants = {day: first_instant(day, company.timezone) for day in dates}
    spine = ibis.memtable(
        pa.table(
            {
                outcome.key: pa.array(told["key"], pa.string()),
                "as_of": pa.array(told["as_of"], pa.date32()),
                "as_of_at": pa.array([instants[day] for day in told["as_of"]], pa.timestamp("us")),
            }
        )
    )
    there = company.tables[outcome.of].select(outcome.key).distinct()
    spine = spine.semi_join(there, outcome.key).cache()
    label = outcome.label(company, spine, horizon_days, company.as_of_at)
    came = label.select(key=outcome.key, as_of="as_of", outcome=label[outcome.column].cast("float64")).execute()
    came["as_of"] = pd.to_datetime(came["as_of"]).dt.date
    return told.merge(came, on=["key", "as_of"], how="left", validate="one_to_one")
