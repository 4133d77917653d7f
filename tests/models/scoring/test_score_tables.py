"""What single models say of a contract, put together so that it can all be true at once."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.scoring.score_tables import ScoringResult, subscription_scores
from tests.features.company_builder import build_company

SCORED = ScoringResult("a model v1", None)
HELD = {"account_id": "a", "product_id": "P", "mrr": 100.0, "started_at": "2023-05-01"}


def frame(values: dict[str, tuple[float, float, float, float]]) -> pd.DataFrame:
    """Chances within 30, 90 and 180 days and by the term, of contracts by name."""
    table = pd.DataFrame(values, index=["within_30", "value", "within_180", "by_term"]).T
    sides = {"low": table["value"] - 0.05, "high": table["value"] + 0.05}
    more = {"reasons": "[]", "horizon_days": 90, "abstained": None, "term_days": 60.0}
    return table.assign(**sides, **more).rename_axis("subscription_id").reset_index()


def test_expansion_is_never_likelier_than_survival() -> None:
    company = build_company(
        date(2024, 7, 1),
        accounts=[{"account_id": "a"}],
        products=[{"product_id": "P"}],
        subscriptions=[{**HELD, "subscription_id": name} for name in ("due", "usual", "unscored")],
    )
    frames = {
        "subscription_churn": frame({"due": (0.1, 0.3, 0.35, 0.3), "usual": (0.02, 0.05, 0.1, 0.04)}),
        "expansion": frame({"due": (0.2, 0.8, 0.85, 0.8), "usual": (0.01, 0.1, 0.2, 0.1)}),
    }
    results = dict.fromkeys(("subscription_churn", "expansion"), SCORED)
    rows = subscription_scores(company, frames, results).set_index("subscription_id")
    named = ["expansion_30", "expansion", "expansion_180", "expansion_by_term", "expansion_low", "expansion_high"]
    assert rows.loc["due", named].tolist() == pytest.approx([0.2, 0.7, 0.65, 0.7, 0.7, 0.7])
    assert rows.loc["usual", named].tolist() == pytest.approx([0.01, 0.1, 0.2, 0.1, 0.05, 0.15])
    assert rows.loc["due", "renewal"] == pytest.approx(0.7)
    assert np.isnan(rows.loc["unscored", "expansion"])


def test_where_one_model_abstains_the_other_says_what_it_says() -> None:
    company = build_company(
        date(2024, 7, 1),
        accounts=[{"account_id": "a"}],
        products=[{"product_id": "P"}],
        subscriptions=[{**HELD, "subscription_id": "due"}],
    )
    outcomes = {"subscription_churn": ScoringResult(None, "too few ended"), "expansion": SCORED}
    rows = subscription_scores(company, {"expansion": frame({"due": (0.2, 0.8, 0.85, 0.8)})}, outcomes)
    assert rows["expansion"].tolist() == [0.8]
    assert rows["churn_abstained"].tolist() == ["too few ended"]
