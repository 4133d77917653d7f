"""Which columns of each view the terminal shows, in which order of rows, and which of them are money or fractions."""

from dataclasses import dataclass

from data.outputs.catalogue import OUTPUTS, PUBLISHED_SCORES, RUNS
from data.schema import Table

VIEWS: dict[str, Table] = {table.name: table for table in (*OUTPUTS, RUNS, PUBLISHED_SCORES)}


@dataclass(frozen=True)
class Layout:
    """How a view is shown: ``columns`` fit 80 characters, ``wide`` ones stand beside them where there is room.

    ``order_by`` names the columns that come before the key (``-column``: largest first). ``fractions`` are shown in per
    cent, and so is every column whose schema bounds it by 0 and 1.
    """

    columns: tuple[str, ...]
    wide: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    money: tuple[str, ...] = ()
    fractions: tuple[str, ...] = ()


INTERVALS = ("low_50", "high_50", "low_80", "high_80", "low_95", "high_95")
COMPONENTS = ("recurring", "expansion", "open_deals", "new_deals", "repeat_orders")

LAYOUTS: dict[str, Layout] = {
    "account_scores": Layout(
        ("account_id", "churn", "upsell", "lifetime_value", "churn_reasons"),
        ("name", "next_order", "expected_revenue"),
        ("-churn",),
        money=(
            *("expected_revenue", "expected_revenue_low", "expected_revenue_high"),
            *("lifetime_value", "lifetime_value_low", "lifetime_value_high", "lifetime_value_12"),
            "lifetime_value_bgnbd",
        ),
        fractions=("churn_low", "churn_high", "upsell_low", "upsell_high", "repeat_low", "repeat_high"),
    ),
    "subscription_scores": Layout(
        ("subscription_id", "churn", "renewal", "expansion", "churn_reasons"),
        ("account_id", "mrr", "churn_180"),
        ("-churn",),
        money=("mrr",),
        fractions=("churn_low", "churn_high", "expansion_low", "expansion_high"),
    ),
    "upsell_scores": Layout(
        ("account_id", "product_id", "upsell_30", "upsell", "upsell_180", "likely_month"), order_by=("-upsell",)
    ),
    "contact_scores": Layout(
        ("contact_id", "send_local", "send_timezone", "engagement", "email_status"), ("account_id", "send_at")
    ),
    "opportunity_scores": Layout(
        ("opportunity_id", "win", "expected_close", "expected_amount", "win_reasons"),
        ("account_id", "win_eventually"),
        ("-expected_amount",),
        money=("expected_amount",),
        fractions=("win_low", "win_high", "win_eventually_low", "win_eventually_high"),
    ),
    "recommendations": Layout(
        ("customer_id", "kind", "rank", "product_id", "probability", "reasons"),
        ("customer_kind", "expected_margin"),
        money=("expected_margin",),
    ),
    "next_best_actions": Layout(
        ("account_id", "action", "expected_value", "act_at", "reasons"),
        ("product_id", "channel", "cost", "holdout"),
        ("-expected_value",),
        money=("expected_value", "cost", "runner_up_value"),
    ),
    "campaign_targets": Layout(
        ("contact_id", "campaign_id", "expected_incremental_value", "send_at", "arm"),
        ("account_id", "product_id", "consent_evidence"),
        ("-expected_incremental_value",),
        money=("expected_incremental_value",),
    ),
    "revenue_forecast": Layout(
        ("node", "grain", "period", "point", "low_80", "high_80"),
        (*COMPONENTS, "notes"),
        ("-level", "grain"),
        money=("point", *INTERVALS, *COMPONENTS),
    ),
    "bridge": Layout(
        ("node", "period", "cause", "amount", "evidence"),
        ("previous_point", "point"),
        ("-node", "period", "-amount"),
        money=("amount", "previous_point", "point"),
    ),
    "forecast_accuracy": Layout(
        ("level", "grain", "breakdown", "bucket", "matched", "coverage_80", "bias", "wape"),
        ("naive_wape", "pipeline_wape"),
        fractions=(*("coverage_50", "coverage_80", "coverage_95", "bias", "wape", "naive_wape", "pipeline_wape"),),
    ),
    "kpis": Layout(("kpi", "period", "slice", "value", "unit")),
    "kpi_definitions": Layout(("kpi", "unit", "formula"), ("slices",), ("position",)),
    "leaks": Layout(
        ("detector", "account_id", "money", "evidence"), ("owner_id", "suggestion"), ("-money",), money=("money",)
    ),
    "quarantined": Layout(("table_name", "rows", "reason"), ("example",), ("-rows",)),
    "repaired": Layout(("table_name", "column_name", "old_value", "new_value", "rows"), ("reason",)),
    "model_results": Layout(
        ("model", "version", "ships", "metric", "value", "baseline_value"), ("baseline", "trained_as_of", "abstained")
    ),
    "scoreboard": Layout(
        ("score", "month", "matched", "predicted", "observed", "lift"), ("model", "auc", "coverage"), ("-month",)
    ),
    "reliability": Layout(
        ("score", "month", "decile", "matched", "predicted", "observed"), ("observed_low", "observed_high"), ("-month",)
    ),
    "drift": Layout(
        ("kind", "name", "value", "expected", "psi", "drifted"),
        ("until", "low", "high", "z_score", "missing_rate"),
        ("-drifted",),
        fractions=("missing_rate", "reference_missing_rate"),
    ),
    "alerts": Layout(
        ("subject", "severity", "first_seen", "evidence"), ("kind", "suggestion"), ("severity", "first_seen")
    ),
    "published_scores": Layout(
        ("as_of", "score", "key", "value", "closes_on", "outcome"), ("model", "outcome_as_of"), ("-as_of",)
    ),
    "runs": Layout(
        ("run_id", "status", "published_at", "rows_read"),
        ("current", "as_of", "rows_quarantined", "reason"),
        ("-started_at",),
    ),
}


def is_fraction(view: str, column: str) -> bool:
    """Whether a column of a view holds fractions, which are shown in per cent."""
    schema = VIEWS[view].by_name.get(column)
    bounded = schema is not None and schema.kind == "number" and (schema.minimum, schema.maximum) == (0, 1)
    return bounded or column in LAYOUTS[view].fractions
