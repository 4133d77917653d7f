"""Who will order again within 30, 90 and 180 days, and when the next order is expected."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels.churn import orders_again
from features.labels.time_to_event import PERIOD_DAYS, PERIODS, lives
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.survival import hazard_model as hazard
from models.survival.baseline_hazards import Bands
from models.survival.censoring import HORIZON_DAYS
from models.training.rows import account_rows, labels, life_dates, past_spine

NEVER_ORDERED = "it has never ordered"
MIDDLE, EARLY, LATE = 0.5, 0.1, 0.9
"""Chances at which the next order is expected, and between which eight of ten come."""

QUESTION = hazard.Question(
    model="repeat",
    keys=("account_id",),
    outcome="ordered again",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    bands=Bands("days_since_order", (7, 14, 30, 60, 90, 180, 365), "Days since the last order"),
    raises="raises the chance to order soon",
    lowers="lowers the chance to order soon",
)


@dataclass(frozen=True)
class RepeatOrder:
    """The chance that an account orders, as a curve over the coming half year."""

    params: Params = field(default_factory=dict)
    name = "repeat"
    question = "Who will order again, and when?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders",))
    tables: tuple[str, ...] = ("repeat",)
    rows = "accounts"
    features_hash = QUESTION.features_hash

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on accounts that had ordered before past dates, a month apart."""
        return hazard.train(QUESTION, _lives(company), company.as_of, company.seed, self.params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.evaluate(QUESTION, champion, _lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(QUESTION, _lives(company), company.seed)

    def with_params(self, params: Params) -> "RepeatOrder":
        """The same model, with parameters beside the usual ones."""
        return RepeatOrder(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``repeat``: one row per customer that ever ordered: as ``hazard.score``, and ``next_order``, the day by which
        it has more likely than not ordered, ``next_order_low`` and ``…_high`` (8 of 10 between them); missing where
        that lies beyond half a year."""
        rows = account_rows(company, (company.as_of,))
        ordered = rows["days_since_order"].notna()
        scored = hazard.score(QUESTION, champion, rows[ordered], company.currency)
        curve = hazard.chances(QUESTION, champion, rows[ordered])
        for name, chance in (("next_order", MIDDLE), ("next_order_low", EARLY), ("next_order_high", LATE)):
            days = days_until(curve, chance)
            scored[name] = [None if np.isnan(d) else company.as_of + timedelta(days=int(d)) for d in days]
        never = pd.DataFrame({"account_id": rows.loc[~ordered, "account_id"], "abstained": NEVER_ORDERED})
        never = never.assign(horizon_days=HORIZON_DAYS).reindex(columns=scored.columns)
        frame = pd.concat([scored, never], ignore_index=True) if len(never) else scored
        return {"repeat": frame.sort_values("account_id", ignore_index=True)}


def days_until(curve: Floats, chance: float) -> Floats:
    """Days until each curve (rows × periods of 30 days) reaches a chance, straight between periods; NaN if it never
    does."""
    if not len(curve):
        return np.zeros(0)
    whole = np.hstack([np.zeros((len(curve), 1)), curve])
    reached = whole >= chance
    place = np.clip(np.argmax(reached, axis=1), 1, PERIODS)
    rows = np.arange(len(curve))
    before, after = whole[rows, place - 1], whole[rows, place]
    share = np.divide(chance - before, after - before, out=np.zeros(len(curve)), where=after > before)
    days = (place - 1 + share) * PERIOD_DAYS
    return np.where(reached.any(axis=1), days, np.nan)


def _lives(company: Company) -> pd.DataFrame:
    """One row per account that had ordered and past date: features, ``periods`` seen, ``event``: it ordered again."""
    dates = life_dates(company)
    spine = past_spine(company, dates)
    seen = labels(lives(spine, orders_again(company), ("account_id",), company.as_of_at), "account_id")
    rows = account_rows(company, dates).merge(seen, on=["account_id", "as_of"])
    return rows[rows["days_since_order"].notna()].reset_index(drop=True)
