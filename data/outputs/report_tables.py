"""Schemas of the tables that reports fill: bridge, accuracy, KPIs, leaks, scoreboard, drift, alerts."""

from data.schema import Column, Table

BRIDGE = Table(
    "bridge",
    "One row per node, period and cause of change of the forecast since an earlier run. The amounts of a node and "
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
    "One row per level, grain, breakdown and bucket of past forecasts: their accuracy, and that of baselines.",
    ("level", "grain", "breakdown", "bucket"),
    (
        Column("level", required=True),
        Column("grain", required=True, one_of=("week", "month")),
        Column("breakdown", required=True, one_of=("all", "horizon", "week of quarter", "night")),
        Column("bucket", required=True),
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
    "One row per KPI: its formula, and the slices for which it is computed.",
    ("kpi",),
    (
        Column("kpi", required=True),
        Column("position", "integer", required=True, minimum=1),
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

SCOREBOARD = Table(
    "scoreboard",
    "One row per score, month in which it was published and model version: predictions against outcomes.",
    ("score", "month", "model"),
    (
        Column("score", required=True),
        Column("month", "date", required=True),
        Column("model", required=True),
        Column("nights", "integer", required=True, minimum=1),
        Column("matched", "integer", required=True, minimum=1),
        Column("predicted", "number"),
        Column("observed", "number"),
        Column("observed_low", "number"),
        Column("observed_high", "number"),
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
    "One row per score, month, model version and decile of the scores, the lowest first: predictions against outcomes.",
    ("score", "month", "model", "decile"),
    (
        Column("score", required=True),
        Column("month", "date", required=True),
        Column("model", required=True),
        Column("decile", "integer", required=True, minimum=1, maximum=10),
        Column("matched", "integer", required=True, minimum=1),
        Column("predicted", "number"),
        Column("observed", "number"),
        Column("observed_low", "number"),
        Column("observed_high", "number"),
    ),
)

DRIFT = Table(
    "drift",
    "One row per daily volume, input of a model and score: its value against the reference.",
    ("kind", "name"),
    (
        Column("kind", required=True, one_of=("volume", "input", "score")),
        Column("name", required=True),
        Column("description"),
        Column("since", "date"),
        Column("until", "date"),
        Column("value", "number"),
        Column("expected", "number"),
        Column("low", "number"),
        Column("high", "number"),
        Column("z_score", "number"),
        Column("psi", "number"),
        Column("missing_rate", "number"),
        Column("reference_missing_rate", "number"),
        Column("reference"),
        Column("drifted", "boolean", required=True),
    ),
)

ALERTS = Table(
    "alerts",
    "One row per alert: what is out of its limits, since when, and what to do. Following nights keep its id.",
    ("alert_id",),
    (
        Column("alert_id", required=True),
        Column("kind", required=True, one_of=("volume", "input", "score", "calibration", "lift", "coverage")),
        Column("subject", required=True),
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
