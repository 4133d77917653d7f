"""Which score is matched with what: for each score that is published, what came of what it spoke of.

The one place where scores and labels meet: a new score is matched once it has a line in ``OUTCOMES``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from data.calendar import first_instant
from features.company import Company
from features.labels.churn import account_churned
from features.labels.deals import deal_won
from features.labels.purchases import bought_new_product, ordered_again
from features.labels.revenue import future_revenue
from features.labels.subscriptions import subscription_churned, subscription_expanded, subscription_renewed
from features.subscriptions.succession import MAX_GAP_DAYS

Label = Callable[[Company, ir.Table, int, datetime], ir.Table]


@dataclass(frozen=True)
class ScoreOutcome:
    """One score: the table that publishes it, what it says, and the label that tells what happened.

    ``label`` takes (company, spine, horizon in days, covered until) and returns the key, ``as_of`` and its ``column``.
    ``said`` is the column of the table, where it is not called as the score is. ``model_of`` names the columns
    ``<model_of>_model`` and ``<model_of>_horizon_days``, where they are another score's; ``horizon_days`` is what the
    score looks ahead where no column says so.
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
    horizon_in: str | None = None
    """The column that says what it looks ahead, where that is not its model's."""
    said: str | None = None

    @property
    def shown(self) -> str:
        """The column that publishes it."""
        return self.said or self.score

    @property
    def maker(self) -> str:
        """What the columns of its model and horizon are named by."""
        return self.model_of or self.shown

    @property
    def horizon_column(self) -> str:
        """The column that says what it looks ahead, where ``horizon_days`` does not."""
        return self.horizon_in or f"{self.maker}_horizon_days"


def _curve(outcome: ScoreOutcome) -> tuple[ScoreOutcome, ...]:
    """A chance within 90 days, and the same one within 30 and 180."""
    others = [
        replace(
            outcome,
            score=f"{outcome.score}_{days}",
            said=f"{outcome.shown}_{days}",
            model_of=outcome.maker,
            horizon_days=days,
        )
        for days in (30, 180)
    ]
    return outcome, *others


SETTLEMENT_DAYS = MAX_GAP_DAYS
"""A contract that takes another's place may begin so long after: before that is over, nobody knows what came."""

OUTCOMES: tuple[ScoreOutcome, ...] = (
    *_curve(ScoreOutcome("churn", "account_scores", "account_id", "chance", account_churned, "churned", "accounts")),
    *_curve(ScoreOutcome("upsell", "account_scores", "account_id", "chance", bought_new_product, "bought", "accounts")),
    *_curve(ScoreOutcome("repeat", "account_scores", "account_id", "chance", ordered_again, "ordered", "accounts")),
    ScoreOutcome("expected_revenue", "account_scores", "account_id", "money", future_revenue, "revenue", "accounts"),
    *_curve(
        ScoreOutcome(
            "subscription_churn",
            "subscription_scores",
            "subscription_id",
            "chance",
            subscription_churned,
            "ended",
            "subscriptions",
            said="churn",
        )
    ),
    *_curve(
        ScoreOutcome(
            "expansion",
            "subscription_scores",
            "subscription_id",
            "chance",
            subscription_expanded,
            "grew",
            "subscriptions",
        )
    ),
    ScoreOutcome(
        "renewal",
        "subscription_scores",
        "subscription_id",
        "chance",
        subscription_renewed,
        "renewed",
        "subscriptions",
        model_of="churn",
        horizon_in="term_horizon_days",
    ),
    ScoreOutcome(
        "expansion_by_term",
        "subscription_scores",
        "subscription_id",
        "chance",
        subscription_expanded,
        "grew",
        "subscriptions",
        model_of="expansion",
        horizon_in="term_horizon_days",
    ),
    ScoreOutcome("win", "opportunity_scores", "opportunity_id", "chance", deal_won, "won", "opportunities"),
)

SCORE_COLUMNS = ["score", "key", "value", "low", "high", "model", "horizon_days", "closes_on"]


def published_scores(frames: dict[str, pd.DataFrame], as_of: date) -> pd.DataFrame:
    """One row per score that was given tonight, abstentions left out: ``SCORED``. ``frames`` holds scoring tables."""
    told = [_told(outcome, frames[outcome.table], as_of) for outcome in OUTCOMES if outcome.table in frames]
    return pd.concat(told, ignore_index=True)[SCORE_COLUMNS]


def _told(outcome: ScoreOutcome, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    maker, said = outcome.maker, outcome.shown
    rows = rows[rows[said].notna()].reset_index(drop=True)
    nothing = pd.Series(float("nan"), index=rows.index)
    horizons = rows[outcome.horizon_column] if outcome.horizon_days is None else outcome.horizon_days
    told = pd.DataFrame(
        {
            "key": rows[outcome.key].astype("str"),
            "value": rows[said].astype("float64"),
            "low": rows.get(f"{said}_low", nothing).astype("float64"),
            "high": rows.get(f"{said}_high", nothing).astype("float64"),
            "model": rows[f"{maker}_model"].astype("str"),
        }
    ).assign(score=outcome.score, horizon_days=horizons)
    told["horizon_days"] = told["horizon_days"].astype("int64")
    told["closes_on"] = [as_of + timedelta(days=days) for days in told["horizon_days"].tolist()]
    return told


def score_outcomes(company: Company, score: str, horizon_days: int, told: pd.DataFrame) -> pd.DataFrame:
    """What came of scores of one kind and horizon: one row per row of ``told`` (``key, as_of``): ``outcome`` added.

    The outcome is NaN where there is none to be had: the entity is there no more, or could not do what was foretold.
    Raises ``ValueError`` for windows that the company's date does not cover.
    """
    outcome = next(one for one in OUTCOMES if one.score == score)
    days = told["as_of"].drop_duplicates()
    instants = {day: first_instant(day, company.timezone) for day in days}
    columns = {
        outcome.key: pa.array(told["key"], pa.string()),
        "as_of": pa.array(told["as_of"], pa.date32()),
        "as_of_at": pa.array([instants[day] for day in told["as_of"]], pa.timestamp("us")),
    }
    spine = ibis.memtable(pa.table(columns))
    there = company.tables[outcome.of].select(outcome.key).distinct()
    spine = spine.semi_join(there, outcome.key).cache()
    label = outcome.label(company, spine, horizon_days, company.as_of_at)
    came = label.select(key=outcome.key, as_of="as_of", outcome=label[outcome.column].cast("float64")).execute()
    came["as_of"] = pd.to_datetime(came["as_of"]).dt.date
    return told.merge(came, on=["key", "as_of"], how="left", validate="one_to_one")
