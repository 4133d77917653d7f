"""The planted win probabilities of the demo company's open deals, and the win model's predictions of them.

The truth is read here and nowhere else. A deal's probability to be won in the end follows from its hidden quality and
care, its stage, and how long it has been there: each later stage is passed with a probability that a slow pace lowers,
and the present stage has not been left yet. It is exact for new business only: an expansion may also be lost because
its account churns or because nothing is left to sell, and a renewal follows its contract.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from bench.harness.snapshots import company_at, trained_scores
from data.arrays import Floats
from data.demo import write_demo
from data.demo.deal_stages import (
    CARE_EFFECT,
    CARE_PACE,
    DELAY_EFFECT,
    PACE_SPREAD,
    PASS_PROBABILITIES,
    STAGES,
    TYPICAL_DAYS,
)
from features.company import Company
from features.opportunities.table import opportunity_features
from features.spine import opportunity_spine
from flows.settings import Settings
from models.model import Abstention
from models.win import Win

UNTIL = datetime(2026, 6, 30, 15, 0)
SIZE = 2.0
DATES = tuple(UNTIL.date() - timedelta(days=90 * back) for back in range(4))
PACES = (np.arange(400) + 0.5) / 400


@dataclass(frozen=True)
class PredictedDeals:
    """One entry per open deal of new business and date: the predicted and the planted probability; what shipped."""

    predicted: Floats
    planted: Floats
    ships: tuple[str, ...]


def demo_deals(seed: int = 7) -> PredictedDeals:
    """The win model's predictions of the demo company's open deals at several dates, retrained as of each."""
    predicted, truth, ships = [], [], []
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=SIZE, seed=seed)
        hidden = pd.read_parquet(Path(folder) / "var" / "demo" / "truth" / "deals.parquet")
        for as_of in DATES:
            company = company_at(Settings(root=Path(folder)), as_of)
            scored, shipped = win_scores(company)
            features = opportunity_features(company, opportunity_spine(company, [as_of])).execute()
            rows = features[features["kind"] == "new"].merge(hidden, on="opportunity_id").merge(scored)
            rows = rows[rows["stage"].isin(STAGES)]
            predicted.append(rows["eventually"].to_numpy(dtype=np.float64))
            truth.append(planted_probabilities(rows))
            ships.append(shipped)
    return PredictedDeals(np.concatenate(predicted), np.concatenate(truth), tuple(ships))


def win_scores(company: Company) -> tuple[pd.DataFrame, str]:
    """The scored open deals of a company, and what ships: *model* or *baseline*. ``SystemExit`` if it abstains."""
    trained = trained_scores(Win(), company)
    if isinstance(trained, Abstention):
        raise SystemExit(f"the win model abstains: {trained.reason}")
    tables, ships = trained
    win = tables["win"]
    return win[win["abstained"].isna()].drop(columns="abstained"), ships


def planted_probabilities(rows: pd.DataFrame) -> Floats:
    """The planted probability of each deal to be won in the end, from ``stage, days_in_stage, quality, care``."""
    probabilities = [
        _planted_probability(STAGES.index(str(stage)), max(float(days), 1e-6), float(quality), float(care))
        for stage, days, quality, care in rows[["stage", "days_in_stage", "quality", "care"]].itertuples(index=False)
    ]
    return np.array(probabilities, dtype=np.float64)


def expected_calibration_error(predicted: Floats, truth: Floats, bins: int = 10) -> float:
    """Mean distance between prediction and truth over bins of equal counts; the truth may be a probability."""
    members: Sequence[np.ndarray] = np.array_split(np.argsort(predicted, kind="stable"), bins)
    return float(sum(len(i) * abs(predicted[i].mean() - truth[i].mean()) for i in members) / len(predicted))


def _planted_probability(stage: int, days: float, quality: float, care: float) -> float:
    probability = 1.0
    typical_pace = -CARE_PACE * care
    for nth in range(stage, len(STAGES)):
        elapsed = norm.cdf((np.log(days / TYPICAL_DAYS[nth]) - typical_pace) / PACE_SPREAD) if nth == stage else 0.0
        elapsed = min(float(elapsed), 1 - 1e-6)
        pace = typical_pace + PACE_SPREAD * norm.ppf(elapsed + (1 - elapsed) * PACES)
        odds = logit(PASS_PROBABILITIES[nth]) + quality + CARE_EFFECT * care - DELAY_EFFECT * np.maximum(0.0, pace)
        probability *= float(expit(odds).mean())
    return probability
