"""The chances of open deals that the demo company was made with, and what the win model says of them.

Truth is read here and nowhere else. A deal's chance to be won in the end follows from its hidden quality and care, the
stage it is in, and how long it has been there: each later stage is passed with a chance that a slow pace lowers, and
of the present one it is known that it has not been left yet. The chance is exact for new business only: an expansion
may also be lost because its account leaves or because nothing is left to sell, a renewal follows its contract.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from data.arrays import Floats
from data.demo import write_demo
from data.demo.deal_stages import AGE_HURTS, CARE_HELPS, CARE_SPEEDS, PACE_SPREAD, PASSES, STAGES, USUAL_DAYS
from features.company import Company
from features.opportunities.table import opportunity_features
from features.spine import opportunity_spine
from flows import tasks as steps
from flows.run import Run
from flows.settings import Settings
from models.model import Abstention, Challenger, Champion
from models.win import Win

UNTIL = datetime(2026, 6, 30, 15, 0)
SIZE = 2.0
DATES = tuple(UNTIL.date() - timedelta(days=90 * back) for back in range(4))
PACES = (np.arange(400) + 0.5) / 400


@dataclass(frozen=True)
class Said:
    """One entry per open deal of new business and date: what was said, and the planted chance; and who said it."""

    chance: Floats
    truth: Floats
    ships: tuple[str, ...]


def demo_deals(seed: int = 7) -> Said:
    """What the win model said of the demo company's open deals at several dates, learnt anew as of each."""
    said, truth, ships = [], [], []
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=SIZE, seed=seed)
        hidden = pd.read_parquet(Path(folder) / "var" / "demo" / "truth" / "deals.parquet")
        for as_of in DATES:
            company = known(Settings(root=Path(folder)), as_of)
            scored, shipped = scores(company)
            features = opportunity_features(company, opportunity_spine(company, [as_of])).execute()
            rows = features[features["kind"] == "new"].merge(hidden, on="opportunity_id").merge(scored)
            rows = rows[rows["stage"].isin(STAGES)]
            said.append(rows["eventually"].to_numpy(dtype=np.float64))
            truth.append(planted(rows))
            ships.append(shipped)
    return Said(np.concatenate(said), np.concatenate(truth), tuple(ships))


def known(settings: Settings, as_of: date) -> Company:
    """The company of a source as it was known at a date, through the night's own steps."""
    run = Run.begin(as_of, settings)
    return run.snapshot(steps.resolve.fn(run, steps.validate.fn(run, steps.read.fn(run))))


def scores(company: Company) -> tuple[pd.DataFrame, str]:
    """What the win model says of open deals, and whether the model or the baseline says it.

    Raises ``SystemExit`` where it abstains.
    """
    challenger = Win().train(company)
    if isinstance(challenger, Abstention):
        raise SystemExit(f"the win model abstains: {challenger.reason}")
    scored = Win().score(company, champion(challenger))
    if isinstance(scored, Abstention):
        raise SystemExit(f"the win model abstains: {scored.reason}")
    win = scored["win"]
    return win[win["abstained"].isna()].drop(columns="abstained"), challenger.evaluation.ships


def champion(challenger: Challenger) -> Champion:
    """A challenger as the champion that it would become."""
    return Champion(
        challenger.model,
        "1",
        challenger.evaluation.ships,
        challenger.estimator,
        challenger.state,
        challenger.features_hash,
        challenger.trained_as_of,
    )


def planted(rows: pd.DataFrame) -> Floats:
    """The planted chance of each deal to be won in the end: columns ``stage, days_in_stage, quality, care``."""
    chances = [
        _planted(STAGES.index(str(stage)), max(float(days), 1e-6), float(quality), float(care))
        for stage, days, quality, care in rows[["stage", "days_in_stage", "quality", "care"]].itertuples(index=False)
    ]
    return np.array(chances, dtype=np.float64)


def error_of_bins(said: Floats, truth: Floats, bins: int = 10) -> float:
    """Expected calibration error: mean distance of what was said and true, over bins of equal counts."""
    parts: Sequence[np.ndarray] = np.array_split(np.argsort(said, kind="stable"), bins)
    return float(sum(len(part) * abs(said[part].mean() - truth[part].mean()) for part in parts) / len(said))


def _planted(stage: int, days: float, quality: float, care: float) -> float:
    chance = 1.0
    usual = -CARE_SPEEDS * care
    for nth in range(stage, len(STAGES)):
        before = norm.cdf((np.log(days / USUAL_DAYS[nth]) - usual) / PACE_SPREAD) if nth == stage else 0.0
        before = min(float(before), 1 - 1e-6)
        pace = usual + PACE_SPREAD * norm.ppf(before + (1 - before) * PACES)
        odds = logit(PASSES[nth]) + quality + CARE_HELPS * care - AGE_HURTS * np.maximum(0.0, pace)
        chance *= float(expit(odds).mean())
    return chance
