"""The scoring table: every table that a run publishes, its grain, key and columns.

The store adds ``run_id`` to each; readers get the views of the same names, which follow the published run.
``reasons``, ``send_windows`` and ``why_not`` (and what ends in ``_reasons``) are JSON lists, so that a CRM can take
them apart.
"""

from typing import Any

import pandas as pd
import pyarrow as pa

from data.contract import Column, Kind, Table

CHANCES: tuple[str, ...] = ("churn", "upsell", "repeat")
"""Chances of an account: to leave, to buy something new, to order again; within 90 days, and within 30 and 180."""

SCORES: tuple[str, ...] = (*CHANCES, "expected_revenue", "lifetime_value")
"""What an account is scored for: three probabilities, then two amounts of money."""

CONTRACT_CHANCES: tuple[str, ...] = ("churn", "expansion")
"""Chances of an active subscription: to end, and to be followed by a larger one."""

NUMBER_PARTS: tuple[str, ...] = ("recurring", "expansion", "open_deals", "new_deals", "repeat_orders")
"""What a forecast of revenue is the sum of."""

WIDTHS: tuple[int, ...] = (50, 80, 95)
"""Per cent of outcomes that the intervals of a forecast should hold."""


def _within(name: str) -> tuple[Column, ...]:
    """The chance within 30 and 180 days, beside the score's own 90."""
    return tuple(Column(f"{name}_{days}", "number", minimum=0.0, maximum=1.0) for days in (30, 180))


def _score(name: str) -> tuple[Column, ...]:
    """The columns of one score: value, interval, reasons, who made it, how far it looks, or why there is none."""
    probability = {"minimum": 0.0, "maximum": 1.0} if name in (*CHANCES, *CONTRACT_CHANCES, "win") else {}
    return (
        Column(name, "number", **probability),  # type: ignore[arg-type]  # minimum and maximum only
        Column(f"{name}_low", "number"),
        Column(f"{name}_high", "number"),
        Column(f"{name}_reasons"),
        Column(f"{name}_model"),
        Column(f"{name}_horizon_days", "integer"),
        Column(f"{name}_abstained"),
    )


ACCOUNT_SCORES = Table(
    "account_scores",
    "One row per account.",
    ("account_id",),
    (
        Column("account_id", required=True),
        Column("name"),
        *(column for name in SCORES for column in _score(name)),
        *(column for name in CHANCES for column in _within(name)),
        Column("next_order", "date"),
        Column("next_order_low", "date"),
        Column("next_order_high", "date"),
        Column("lifetime_value_12", "number"),
        Column("lifetime_value_bgnbd", "number"),
        Column("expires_at", "date", required=True),
    ),
)

SUBSCRIPTION_SCORES = Table(
    "subscription_scores",
    "One row per active subscription.",
    ("subscription_id",),
    (
        Column("subscription_id", required=True),
        Column("account_id"),
        Column("product_id"),
        Column("mrr", "number"),
        Column("term_ends_at", "timestamp"),
        *(column for name in CONTRACT_CHANCES for column in _score(name)),
        *(column for name in CONTRACT_CHANCES for column in _within(name)),
        Column("renewal", "number", minimum=0.0, maximum=1.0),
        Column("expansion_by_term", "number", minimum=0.0, maximum=1.0),
        Column("term_horizon_days", "integer"),
        Column("expires_at", "date", required=True),
    ),
)

UPSELL_SCORES = Table(
    "upsell_scores",
    "One row per account and product that it never had: the ten likeliest of each account.",
    ("account_id", "product_id"),
    (
        Column("account_id", required=True),
        Column("product_id", required=True),
        Column("upsell", "number", required=True, minimum=0.0, maximum=1.0),
        Column("upsell_30", "number", required=True, minimum=0.0, maximum=1.0),
        Column("upsell_180", "number", required=True, minimum=0.0, maximum=1.0),
        Column("likely_month", "date", required=True),
        Column("upsell_model", required=True),
        Column("expires_at", "date", required=True),
    ),
)

CONTACT_SCORES = Table(
    "contact_scores",
    "One row per contact.",
    ("contact_id",),
    (
        Column("contact_id", required=True),
        Column("account_id"),
        Column("send_at", "timestamp"),
        Column("send_local"),
        Column("send_windows"),
        Column("send_timezone"),
        Column("send_timezone_source"),
        Column("send_model"),
        Column("send_abstained"),
        Column("engagement", "number", minimum=0, maximum=1),
        Column("email_status", one_of=("valid", "invalid", "missing", "bounced", "unsubscribed")),
        Column("expires_at", "date", required=True),
    ),
)

OPPORTUNITY_SCORES = Table(
    "opportunity_scores",
    "One row per open opportunity.",
    ("opportunity_id",),
    (
        Column("opportunity_id", required=True),
        Column("account_id"),
        Column("owner_id"),
        *_score("win"),
        Column("win_eventually", "number", minimum=0, maximum=1),
        Column("win_eventually_low", "number"),
        Column("win_eventually_high", "number"),
        Column("expected_close", "date"),
        Column("close_earliest", "date"),
        Column("close_latest", "date"),
        Column("expected_amount", "number"),
        Column("expires_at", "date", required=True),
    ),
)

RECOMMENDATIONS = Table(
    "recommendations",
    "One row per customer (account or contact), kind (a repeat, or something never had to explore) and rank within it. "
    "The first place also says why other products were excluded.",
    ("customer_kind", "customer_id", "kind", "rank"),
    (
        Column("customer_kind", required=True, one_of=("account", "contact")),
        Column("customer_id", required=True),
        Column("account_id", required=True),
        Column("kind", required=True, one_of=("repeat", "explore")),
        Column("rank", "integer", required=True, minimum=1),
        Column("place", "integer", required=True, minimum=1),
        Column("product_id"),
        Column("probability", "number", minimum=0, maximum=1),
        Column("expected_margin", "number"),
        Column("why"),
        Column("why_not"),
        Column("abstained"),
        Column("model"),
    ),
)

NEXT_BEST_ACTIONS = Table(
    "next_best_actions",
    "One row per account: the one action chosen for it, or wait.",
    ("account_id",),
    (
        Column("account_id", required=True),
        Column("action_id", required=True),
        Column("action", required=True),
        Column("product_id"),
        Column("contact_id"),
        Column("opportunity_id"),
        Column("owner_id"),
        Column("channel"),
        Column("act_at", "timestamp"),
        Column("expected_value", "number", required=True),
        Column("cost", "number", required=True),
        Column("reasons"),
        Column("runner_up"),
        Column("runner_up_value", "number"),
        Column("holdout", "boolean", required=True),
        Column("withheld_action"),
        Column("expires_at", "date", required=True),
    ),
)

CAMPAIGN_TARGETS = Table(
    "campaign_targets",
    "One row per contact and campaign.",
    ("contact_id", "campaign_id"),
    (
        Column("contact_id", required=True),
        Column("campaign_id", required=True),
        Column("account_id"),
        Column("product_id"),
        Column("expected_incremental_value", "number", required=True),
        Column("consent_status", required=True, one_of=("granted",)),
        Column("consent_recorded_at", "timestamp", required=True),
        Column("consent_evidence", required=True),
        Column("send_at", "timestamp"),
        Column("arm", required=True, one_of=("treated", "holdout")),
    ),
)

REVENUE_FORECAST = Table(
    "revenue_forecast",
    "One row per node of the hierarchy, grain and period.",
    ("node", "grain", "period"),
    (
        Column("node", required=True),
        Column("level", required=True),
        Column("grain", required=True, one_of=("week", "month")),
        Column("period", "date", required=True),
        Column("point", "number"),
        *(Column(f"{side}_{width}", "number") for width in WIDTHS for side in ("low", "high")),
        *(Column(name, "number") for name in NUMBER_PARTS),
        Column("model"),
        Column("notes"),
        Column("abstained"),
    ),
)

BRIDGE = Table(
    "bridge",
    "One row per node, period and cause: what moved the forecast since an earlier run. The amounts of a node and "
    "period add up to the difference to the cent.",
    ("node", "grain", "period", "cause"),
    (
        Column("node", required=True),
        Column("grain", required=True, one_of=("month",)),
        Column("period", "date", required=True),
        Column("cause", required=True),
        Column("amount", "number", required=True),
        Column("evidence"),
        Column("previous_point", "number", required=True),
        Column("point", "number", required=True),
        Column("previous_run_id", required=True),
        Column("previous_as_of", "date", required=True),
    ),
)

FORECAST_ACCURACY = Table(
    "forecast_accuracy",
    "One row per level, grain and way to part past published forecasts: how right they were, beside plain ones.",
    ("level", "grain", "split", "part"),
    (
        Column("level", required=True),
        Column("grain", required=True, one_of=("week", "month")),
        Column("split", required=True, one_of=("all", "horizon", "week of quarter", "night")),
        Column("part", required=True),
        Column("matched", "integer", required=True, minimum=1),
        Column("coverage_50", "number"),
        Column("coverage_80", "number"),
        Column("coverage_95", "number"),
        Column("bias", "number"),
        Column("wape", "number"),
        Column("mase", "number"),
        Column("naive_wape", "number"),
        Column("naive_mase", "number"),
        Column("pipeline_wape", "number"),
    ),
)

KPIS = Table(
    "kpis",
    "One row per KPI, period and slice.",
    ("kpi", "period", "slice"),
    (
        Column("kpi", required=True),
        Column("period", "date", required=True),
        Column("slice", required=True),
        Column("value", "number"),
        Column("unit"),
        Column("definition"),
        Column("definition_version", "integer"),
    ),
)

KPI_DEFINITIONS = Table(
    "kpi_definitions",
    "One row per KPI: its formula, and the slices that it is told for.",
    ("kpi",),
    (
        Column("kpi", required=True),
        Column("place", "integer", required=True, minimum=1),
        Column("unit", required=True),
        Column("formula", required=True),
        Column("slices", required=True),
        Column("definition_version", "integer", required=True),
    ),
)

LEAKS = Table(
    "leaks",
    "One row per leak of revenue.",
    ("leak_id",),
    (
        Column("leak_id", required=True),
        Column("detector", required=True),
        Column("account_id"),
        Column("money", "number", required=True),
        Column("formula"),
        Column("owner_id"),
        Column("evidence"),
        Column("suggestion"),
    ),
)

QUARANTINED = Table(
    "quarantined",
    "One row per table and reason for which rows were kept out; the rows themselves lie in the lake.",
    ("table_name", "reason"),
    (
        Column("table_name", required=True),
        Column("reason", required=True),
        Column("rows", "integer", required=True),
        Column("example"),
    ),
)

REPAIRED = Table(
    "repaired",
    "One row per repair that the mapping states: which value became which, in how many rows, and why.",
    ("table_name", "column_name", "old_value"),
    (
        Column("table_name", required=True),
        Column("column_name", required=True),
        Column("old_value", required=True),
        Column("new_value"),
        Column("rows", "integer", required=True),
        Column("why", required=True),
    ),
)

MODEL_RESULTS = Table(
    "model_results",
    "One row per model: the version that scored, how it was judged out of time, or why it abstained.",
    ("model",),
    (
        Column("model", required=True),
        Column("version"),
        Column("ships", one_of=("model", "baseline")),
        Column("metric"),
        Column("value", "number"),
        Column("baseline"),
        Column("baseline_value", "number"),
        Column("trained_as_of", "date"),
        Column("verdict"),
        Column("abstained"),
    ),
)

SCOREBOARD = Table(
    "scoreboard",
    "One row per score, month in which it was given and model version: what it said, and what happened.",
    ("score", "month", "model"),
    (
        Column("score", required=True),
        Column("month", "date", required=True),
        Column("model", required=True),
        Column("nights", "integer", required=True, minimum=1),
        Column("matched", "integer", required=True, minimum=1),
        Column("said", "number"),
        Column("happened", "number"),
        Column("happened_low", "number"),
        Column("happened_high", "number"),
        Column("calibration_error", "number"),
        Column("calibration_error_low", "number"),
        Column("calibration_error_high", "number"),
        Column("brier", "number"),
        Column("log_loss", "number"),
        Column("auc", "number"),
        Column("lift", "number"),
        Column("lift_low", "number"),
        Column("lift_high", "number"),
        Column("absolute_error", "number"),
        Column("coverage", "number"),
        Column("coverage_low", "number"),
        Column("coverage_high", "number"),
    ),
)

RELIABILITY = Table(
    "reliability",
    "One row per score, month, model version and tenth of the scores, the lowest first: what it said, what happened.",
    ("score", "month", "model", "tenth"),
    (
        Column("score", required=True),
        Column("month", "date", required=True),
        Column("model", required=True),
        Column("tenth", "integer", required=True, minimum=1, maximum=10),
        Column("matched", "integer", required=True, minimum=1),
        Column("said", "number"),
        Column("happened", "number"),
        Column("happened_low", "number"),
        Column("happened_high", "number"),
    ),
)

DRIFT = Table(
    "drift",
    "One row per daily flow, input of a model and score: where it stands against what was usual.",
    ("kind", "name"),
    (
        Column("kind", required=True, one_of=("flow", "input", "score")),
        Column("name", required=True),
        Column("says"),
        Column("since", "date"),
        Column("until", "date"),
        Column("value", "number"),
        Column("expected", "number"),
        Column("low", "number"),
        Column("high", "number"),
        Column("deviations", "number"),
        Column("shift", "number"),
        Column("missing", "number"),
        Column("missing_before", "number"),
        Column("reference"),
        Column("drifted", "boolean", required=True),
    ),
)

ALERTS = Table(
    "alerts",
    "One row per alert: what left its band, since when, and what to do. It stays one alert on following nights.",
    ("alert_id",),
    (
        Column("alert_id", required=True),
        Column("kind", required=True, one_of=("flow", "input", "score", "calibration", "lift", "coverage")),
        Column("about", required=True),
        Column("severity", required=True, one_of=("act", "watch")),
        Column("first_seen", "date", required=True),
        Column("since", "date", required=True),
        Column("value", "number"),
        Column("low", "number"),
        Column("high", "number"),
        Column("evidence", required=True),
        Column("suggestion", required=True),
    ),
)

OUTPUTS: tuple[Table, ...] = (
    ACCOUNT_SCORES,
    SUBSCRIPTION_SCORES,
    UPSELL_SCORES,
    CONTACT_SCORES,
    OPPORTUNITY_SCORES,
    RECOMMENDATIONS,
    NEXT_BEST_ACTIONS,
    CAMPAIGN_TARGETS,
    REVENUE_FORECAST,
    BRIDGE,
    FORECAST_ACCURACY,
    KPIS,
    KPI_DEFINITIONS,
    LEAKS,
    QUARANTINED,
    REPAIRED,
    MODEL_RESULTS,
    SCOREBOARD,
    RELIABILITY,
    DRIFT,
    ALERTS,
)

PUBLISHED_SCORES = Table(
    "published_scores",
    "One row per score of the nights whose scores are kept, one night a week: what it said, and what happened.",
    ("run_id", "score", "key"),
    (
        Column("run_id", required=True),
        Column("company", required=True),
        Column("as_of", "date", required=True),
        Column("score", required=True),
        Column("key", required=True),
        Column("value", "number", required=True),
        Column("low", "number"),
        Column("high", "number"),
        Column("model", required=True),
        Column("horizon_days", "integer", required=True),
        Column("closes_on", "date", required=True),
        Column("outcome", "number"),
        Column("outcome_as_of", "date"),
    ),
)
"""What was ever said: runs that were rolled back, or made anew on the same date, are not among it."""

RUNS = Table(
    "runs",
    "One row per run that published or stopped. Readers see the current one; a retired one's rows were removed.",
    ("run_id",),
    (
        Column("run_id", required=True),
        Column("company", required=True),
        Column("mapping", required=True),
        Column("as_of", "date", required=True),
        Column("status", required=True, one_of=("published", "retired", "stopped")),
        Column("current", "boolean", required=True),
        Column("started_at", "timestamp", required=True),
        Column("published_at", "timestamp"),
        Column("rows_read", "integer"),
        Column("rows_quarantined", "integer"),
        Column("data_until", "timestamp"),
        Column("model_versions"),
        Column("validation_report"),
        Column("why"),
    ),
)

_PANDAS_TYPES: dict[Kind, Any] = {
    "text": "string",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": pd.ArrowDtype(pa.date32()),
    "timestamp": "datetime64[us]",
}


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame with exactly the table's columns, in its order and types, so that empty columns keep theirs too."""
    typed = {column.name: _typed(frame, column) for column in table.columns}
    return pd.DataFrame(typed, index=frame.index)


def _typed(frame: pd.DataFrame, column: Column) -> pd.Series:
    if column.name not in frame:
        return pd.Series([None] * len(frame), index=frame.index, dtype=_PANDAS_TYPES[column.kind])
    values = frame[column.name].astype(object)
    return values.where(values.notna(), None).astype(_PANDAS_TYPES[column.kind])
