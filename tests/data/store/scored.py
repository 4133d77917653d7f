"""What a small company's run writes: every output, whose rows are known by construction."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from data.lake import Lake, Step
from data.outputs.catalogue import OUTPUTS
from data.outputs.score_tables import ACCOUNT_SCORE_NAMES
from data.store.publish import RunRecord

AS_OF = date(2026, 3, 2)
STARTED_AT = datetime(2026, 3, 2, 1, 30)
PUBLISHED_AT = datetime(2026, 3, 2, 1, 31, 5)

STEPS: dict[str, tuple[str, ...]] = {
    "read": ("repaired",),
    "validate": ("quarantined",),
    "score": (
        "account_scores",
        "subscription_scores",
        "upsell_scores",
        "contact_scores",
        "opportunity_scores",
        "recommendations",
        "revenue_forecast",
        "model_results",
    ),
    "decide": ("next_best_actions", "campaign_targets"),
    "report": (
        "bridge",
        "forecast_accuracy",
        "kpis",
        "kpi_definitions",
        "leaks",
        "scoreboard",
        "reliability",
        "drift",
        "alerts",
    ),
}


def record(run_id: str, **changes: object) -> RunRecord:
    """A run of the small company."""
    given = {"company": "acme", "mapping": "demo", "as_of": AS_OF, "started_at": STARTED_AT, "rows_read": 120}
    return RunRecord(run_id=run_id, **{**given, **changes})  # type: ignore[arg-type]


def outputs(churn: float = 0.25, accounts: int = 3) -> dict[str, pd.DataFrame]:
    """A frame of each output: accounts A001…, the first of which gets an e-mail and the others nothing."""
    ids = [f"A{number:03}" for number in range(1, accounts + 1)]
    expires = date(2026, 3, 9)
    score_parts = {
        name: {
            name: churn,
            f"{name}_low": churn / 2,
            f"{name}_high": churn * 2,
            f"{name}_reasons": '["an \\"odd\\" reason, with a comma", "Şükrü’nün sözü"]',
            f"{name}_model": f"{name} v1",
            f"{name}_horizon_days": 90,
            f"{name}_abstained": None,
        }
        for name in (*ACCOUNT_SCORE_NAMES, "win")
    }
    account_parts = {name: value for score in ACCOUNT_SCORE_NAMES for name, value in score_parts[score].items()}
    rows: dict[str, list[dict[str, object]]] = {
        "account_scores": [{"account_id": a, "name": "", **account_parts, "expires_at": expires} for a in ids],
        "subscription_scores": [
            {
                "subscription_id": "S1",
                "account_id": "A001",
                "churn": churn,
                "churn_180": churn * 2,
                "renewal": 1 - churn,
                "expansion_abstained": "no subscription grew",
                "expires_at": expires,
            }
        ],
        "upsell_scores": [
            {
                "account_id": "A001",
                "product_id": "P1",
                "upsell": 0.1,
                "upsell_30": 0.04,
                "upsell_180": 0.2,
                "likely_month": date(2026, 5, 1),
                "upsell_model": "upsell v1",
                "expires_at": expires,
            }
        ],
        "contact_scores": [
            {
                "contact_id": "C1",
                "account_id": "A001",
                "send_at": datetime(2026, 3, 3, 6, 0, 0, 250000),
                "send_windows": '["Tue 09:00"]',
                "engagement": 0.5,
                "email_status": "valid",
                "expires_at": expires,
            },
            {
                "contact_id": "C2",
                "account_id": "A002",
                "engagement": float("nan"),
                "email_status": "missing",
                "send_abstained": "no address",
                "expires_at": expires,
            },
        ],
        "opportunity_scores": [
            {"opportunity_id": "D1", "account_id": "A001", **score_parts["win"], "expires_at": expires}
        ],
        "recommendations": [
            {
                "customer_kind": "account",
                "customer_id": "A001",
                "account_id": "A001",
                "kind": "explore",
                "rank": rank,
                "position": rank,
                "product_id": f"P{rank}",
                "probability": 0.5 / rank,
            }
            for rank in (1, 2)
        ],
        "next_best_actions": [
            {
                "account_id": a,
                "action_id": f"{AS_OF}:{a}:{action}",
                "action": action,
                "contact_id": contact,
                "channel": channel,
                "expected_value": value,
                "cost": 0.0,
                "reasons": "[]",
                "holdout": False,
                "expires_at": expires,
            }
            for a in ids
            for action, contact, channel, value in [
                ("cross_sell_email", "C1", "email", 12.5) if a == "A001" else ("wait", None, None, 0.0)
            ]
        ],
        "campaign_targets": [
            {
                "contact_id": "C1",
                "campaign_id": "K1",
                "expected_incremental_value": 12.5,
                "consent_status": "granted",
                "consent_recorded_at": datetime(2025, 3, 1, 9),
                "consent_evidence": "granted 2025-03-01 by webform",
                "arm": "treated",
            }
        ],
        "revenue_forecast": [
            {
                "node": "total",
                "level": "total",
                "grain": "month",
                "period": date(2026, 4, 1),
                "point": 1000.0,
                "recurring": 600.0,
                "expansion": 10.25,
                "open_deals": 89.75,
                "new_deals": 100.0,
                "repeat_orders": 200.0,
            }
        ],
        "bridge": [],
        "forecast_accuracy": [],
        "kpis": [{"kpi": "mrr", "period": date(2026, 2, 1), "slice": "total", "value": 900.0}],
        "kpi_definitions": [
            {"kpi": "mrr", "position": 1, "unit": "EUR", "formula": "sum", "slices": "total", "definition_version": 1}
        ],
        "leaks": [],
        "quarantined": [{"table_name": "orders", "reason": "amount is missing", "rows": 2}],
        "repaired": [],
        "scoreboard": [],
        "reliability": [],
        "drift": [{"kind": "volume", "name": "orders", "value": 12.0, "expected": 10.0, "drifted": False}],
        "alerts": [],
        "model_results": [{"model": "churn", "version": "1", "ships": "model", "value": 0.1}],
    }
    return {output.name: pd.DataFrame(rows[output.name], columns=list(output.by_name)) for output in OUTPUTS}


def write(root: Path, run_id: str, frames: Mapping[str, pd.DataFrame]) -> list[Step]:
    """The finished steps of a run that wrote the frames."""
    lake = Lake(root)
    for name, tables in STEPS.items():
        with lake.write_step(run_id, name) as draft:
            for table in tables:
                draft.write(table, frames[table])
    return [lake.step(run_id, name) for name in STEPS]
