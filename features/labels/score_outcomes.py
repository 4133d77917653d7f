"""Which label each published score is compared with: a new score has outcomes once it is listed here."""

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
"""(company, spine, horizon in days, covered until) → key, ``as_of`` and the label's column."""


@dataclass(frozen=True)
class Entity:
    """What a scoring table has one row for: its key, and the contract table that must still hold the key.

    A merged or deleted entity has no outcome.
    """

    scores: str
    key: str
    contract: str


ACCOUNT = Entity("account_scores", "account_id", "accounts")
SUBSCRIPTION = Entity("subscription_scores", "subscription_id", "subscriptions")
OPPORTUNITY = Entity("opportunity_scores", "opportunity_id", "opportunities")


@dataclass(frozen=True)
class ScoreOutcome:
    """One score, and the label that it is compared with.

    ``value_column`` of the scoring table holds the score, ``model_column`` the model version that made it;
    ``horizon_days`` is what it looks ahead, or the name of the column that says so.
    """

    score: str
    entity: Entity
    kind: Literal["probability", "money"]
    label: Label
    label_column: str
    value_column: str
    model_column: str
    horizon_days: int | str

    @property
    def table(self) -> str:
        """The scoring table that publishes it."""
        return self.entity.scores

    @property
    def key(self) -> str:
        """The key of the entity."""
        return self.entity.key


def _by_day(score: str, entity: Entity, label: Label, label_column: str, column: str = "") -> tuple[ScoreOutcome, ...]:
    """A probability within its model's horizon, and the same one within 30 and 180 days."""
    column = column or score
    model, horizon = f"{column}_model", f"{column}_horizon_days"
    main = ScoreOutcome(score, entity, "probability", label, label_column, column, model, horizon)
    others = [
        replace(main, score=f"{score}_{days}", value_column=f"{column}_{days}", horizon_days=days) for days in (30, 180)
    ]
    return main, *others


TERM_HORIZON = "term_horizon_days"
"""The column that says how far ahead a subscription's scores by the end of its term look."""

SETTLEMENT_DAYS = MAX_GAP_DAYS
"""Days after the horizon until outcomes are final: a successor of a subscription may begin until then."""

OUTCOMES: tuple[ScoreOutcome, ...] = (
    *_by_day("churn", ACCOUNT, account_churned, "churned"),
    *_by_day("upsell", ACCOUNT, bought_new_product, "bought"),
    *_by_day("repeat", ACCOUNT, ordered_again, "ordered"),
    ScoreOutcome(
        "expected_revenue",
        ACCOUNT,
        "money",
        future_revenue,
        "revenue",
        value_column="expected_revenue",
        model_column="expected_revenue_model",
        horizon_days="expected_revenue_horizon_days",
    ),
    *_by_day("subscription_churn", SUBSCRIPTION, subscription_churned, "ended", column="churn"),
    *_by_day("expansion", SUBSCRIPTION, subscription_expanded, "grew"),
    ScoreOutcome(
        "renewal",
        SUBSCRIPTION,
        "probability",
        subscription_renewed,
        "renewed",
        value_column="renewal",
        model_column="churn_model",
        horizon_days=TERM_HORIZON,
    ),
    ScoreOutcome(
        "expansion_by_term",
        SUBSCRIPTION,
        "probability",
        subscription_expanded,
        "grew",
        value_column="expansion_by_term",
        model_column="expansion_model",
        horizon_days=TERM_HORIZON,
    ),
    ScoreOutcome("win", OPPORTUNITY, "probability", deal_won, "won", "win", "win_model", "win_horizon_days"),
)

SCORE_COLUMNS = ["score", "key", "value", "low", "high", "model", "horizon_days", "closes_on"]


def published_scores(frames: dict[str, pd.DataFrame], as_of: date) -> pd.DataFrame:
    """One row per published score, abstentions left out: ``SCORE_COLUMNS``. ``frames`` are scoring tables by name."""
    scores = [_scores(outcome, frames[outcome.table], as_of) for outcome in OUTCOMES if outcome.table in frames]
    return pd.concat(scores, ignore_index=True)[SCORE_COLUMNS]


def _scores(outcome: ScoreOutcome, rows: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The rows of one scoring table that hold the score, with ``SCORE_COLUMNS``; its window closes on ``closes_on``."""
    column, horizon = outcome.value_column, outcome.horizon_days
    rows = rows[rows[column].notna()].reset_index(drop=True)
    no_interval = pd.Series(float("nan"), index=rows.index)
    scores = pd.DataFrame(
        {
            "key": rows[outcome.key].astype("str"),
            "value": rows[column].astype("float64"),
            "low": rows.get(f"{column}_low", no_interval).astype("float64"),
            "high": rows.get(f"{column}_high", no_interval).astype("float64"),
            "model": rows[outcome.model_column].astype("str"),
        }
    ).assign(score=outcome.score, horizon_days=rows[horizon] if isinstance(horizon, str) else horizon)
    scores["horizon_days"] = scores["horizon_days"].astype("int64")
    scores["closes_on"] = [as_of + timedelta(days=days) for days in scores["horizon_days"].tolist()]
    return scores


def score_outcomes(company: Company, score: str, horizon_days: int, scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of one kind and horizon (``key, as_of``) with their ``outcome``: 0, 1 or an amount.

    NaN without an outcome: the entity no longer exists, or could not have the event. Raises ``ValueError`` for windows
    that the company's date does not cover.
    """
    spec = next(outcome for outcome in OUTCOMES if outcome.score == score)
    instants = {day: first_instant(day, company.timezone) for day in scores["as_of"].drop_duplicates()}
    columns = {
        spec.key: pa.array(scores["key"], pa.string()),
        "as_of": pa.array(scores["as_of"], pa.date32()),
        "as_of_at": pa.array([instants[day] for day in scores["as_of"]], pa.timestamp("us")),
    }
    existing = company.tables[spec.entity.contract].select(spec.key).distinct()
    spine = ibis.memtable(pa.table(columns)).semi_join(existing, spec.key).cache()
    label = spec.label(company, spine, horizon_days, company.as_of_at)
    outcomes = label.select(key=spec.key, as_of="as_of", outcome=label[spec.label_column].cast("float64")).execute()
    outcomes["as_of"] = pd.to_datetime(outcomes["as_of"]).dt.date
    return scores.merge(outcomes, on=["key", "as_of"], how="left", validate="one_to_one")
