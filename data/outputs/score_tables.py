"""Schemas of the tables that models fill: scores of accounts, contracts, contacts and deals, and the forecast.

``reasons``, ``send_windows`` and what ends in ``_reasons`` are JSON lists that a CRM can split.
"""

from data.schema import Column, Table

ACCOUNT_PROBABILITIES: tuple[str, ...] = ("churn", "upsell", "repeat")
"""Probabilities of an account: churn, a new product, a repeat order; within 90 days, and within 30 and 180."""

ACCOUNT_SCORE_NAMES: tuple[str, ...] = (*ACCOUNT_PROBABILITIES, "expected_revenue", "lifetime_value")
"""Scores of an account: three probabilities, then two amounts of money."""

SUBSCRIPTION_PROBABILITIES: tuple[str, ...] = ("churn", "expansion")
"""Probabilities of an active subscription: to end, and to be followed by a larger one."""

REVENUE_COMPONENTS: tuple[str, ...] = ("recurring", "expansion", "open_deals", "new_deals", "repeat_orders")
"""Components that add up to a revenue forecast."""

INTERVAL_LEVELS: tuple[int, ...] = (50, 80, 95)
"""Nominal coverage of a forecast's intervals, in per cent."""


def _within(name: str) -> tuple[Column, ...]:
    """The columns of the probability within 30 and 180 days; that within 90 is the score itself."""
    return tuple(Column(f"{name}_{days}", "number", minimum=0.0, maximum=1.0) for days in (30, 180))


def _score(name: str) -> tuple[Column, ...]:
    """The columns of one score: value, interval, reasons, model version, horizon, or the reason of an abstention."""
    probability = (
        {"minimum": 0.0, "maximum": 1.0} if name in (*ACCOUNT_PROBABILITIES, *SUBSCRIPTION_PROBABILITIES, "win") else {}
    )
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
        *(column for name in ACCOUNT_SCORE_NAMES for column in _score(name)),
        *(column for name in ACCOUNT_PROBABILITIES for column in _within(name)),
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
        *(column for name in SUBSCRIPTION_PROBABILITIES for column in _score(name)),
        *(column for name in SUBSCRIPTION_PROBABILITIES for column in _within(name)),
        Column("renewal", "number", minimum=0.0, maximum=1.0),
        Column("expansion_by_term", "number", minimum=0.0, maximum=1.0),
        Column("term_horizon_days", "integer"),
        Column("expires_at", "date", required=True),
    ),
)

UPSELL_SCORES = Table(
    "upsell_scores",
    "One row per account and product that it never had: the ten most probable of each account.",
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
    "One row per customer (account or contact), kind (repeat: bought before; explore: never bought) and rank in it. "
    "The first position also lists why other products were excluded.",
    ("customer_kind", "customer_id", "kind", "rank"),
    (
        Column("customer_kind", required=True, one_of=("account", "contact")),
        Column("customer_id", required=True),
        Column("account_id", required=True),
        Column("kind", required=True, one_of=("repeat", "explore")),
        Column("rank", "integer", required=True, minimum=1),
        Column("position", "integer", required=True, minimum=1),
        Column("product_id"),
        Column("probability", "number", minimum=0, maximum=1),
        Column("expected_margin", "number"),
        Column("reasons"),
        Column("exclusion_reasons"),
        Column("abstained"),
        Column("model"),
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
        *(Column(f"{side}_{width}", "number") for width in INTERVAL_LEVELS for side in ("low", "high")),
        *(Column(name, "number") for name in REVENUE_COMPONENTS),
        Column("model"),
        Column("notes"),
        Column("abstained"),
    ),
)

MODEL_RESULTS = Table(
    "model_results",
    "One row per model: the version that scored and its evaluation out of time, or the reason of its abstention.",
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
