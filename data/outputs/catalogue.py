"""Every table that a run publishes: its grain, key and columns.

The store adds ``run_id`` to each; readers get the views of the same names, which follow the published run.
"""

from data.outputs.report_tables import (
    ALERTS,
    BRIDGE,
    DRIFT,
    FORECAST_ACCURACY,
    KPI_DEFINITIONS,
    KPIS,
    LEAKS,
    RELIABILITY,
    SCOREBOARD,
)
from data.outputs.score_tables import (
    ACCOUNT_SCORES,
    CONTACT_SCORES,
    MODEL_RESULTS,
    OPPORTUNITY_SCORES,
    RECOMMENDATIONS,
    REVENUE_FORECAST,
    SUBSCRIPTION_SCORES,
    UPSELL_SCORES,
)
from data.schema import Column, Table

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

QUARANTINED = Table(
    "quarantined",
    "One row per table and reason for which rows were rejected; the rows themselves are in the lake.",
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
    "One row per repair that the mapping states: old and new value, the number of rows, and the reason.",
    ("table_name", "column_name", "old_value"),
    (
        Column("table_name", required=True),
        Column("column_name", required=True),
        Column("old_value", required=True),
        Column("new_value"),
        Column("rows", "integer", required=True),
        Column("reason", required=True),
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
    "One row per score of the nights whose scores are kept, one night a week: its value, and the outcome.",
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
"""Without runs that were rolled back, or repeated on the same date."""

RUNS = Table(
    "runs",
    "One row per run that published or stopped. Readers see the current one; the rows of a retired one were removed.",
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
        Column("reason"),
    ),
)
