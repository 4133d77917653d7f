"""What becomes of subscriptions: whether each ends, and whether it grows, before its term and within half a year."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels.churn import subscription_ends
from features.labels.time_to_event import PERIOD_DAYS, PERIODS, lives
from features.subscriptions.table import CONTRACT_CATEGORIES, CONTRACT_FEATURES, contract_features, contract_spine
from features.subscriptions.term_dates import terms_move
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.survival import hazard_model as hazard
from models.survival.baseline_hazards import Bands
from models.training.rows import account_rows, dated, labels, life_dates

FEATURES = (*CONTRACT_FEATURES, *ACCOUNT_FEATURES)
CATEGORIES = (*CONTRACT_CATEGORIES, *ACCOUNT_CATEGORIES)

Kind = Literal["ends", "expands"]

OUTCOMES: dict[Kind, tuple[str, str]] = {
    "ends": ("ended", "that the subscription ends"),
    "expands": ("grew", "that the subscription grows"),
}
NAMES: dict[Kind, str] = {"ends": "subscription_churn", "expands": "expansion"}
QUESTIONS: dict[Kind, str] = {
    "ends": "Which subscriptions will end, and which be renewed?",
    "expands": "Which subscriptions will grow?",
}


@dataclass(frozen=True)
class SubscriptionEvents:
    """The chance that an event comes to an active subscription, as a curve over the coming half year."""

    kind: Kind
    params: Params = field(default_factory=dict)
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("subscriptions",))
    rows: str = "contracts"

    @property
    def name(self) -> str:
        """Its name among the models."""
        return NAMES[self.kind]

    @property
    def question(self) -> str:
        """What it answers."""
        return QUESTIONS[self.kind]

    @property
    def features_hash(self) -> str:
        """What it is made on."""
        return self.asked.features_hash

    @property
    def tables(self) -> tuple[str, ...]:
        """The one frame that it scores."""
        return (self.name,)

    @property
    def asked(self) -> hazard.Question:
        """The question as lives answer it."""
        outcome, of_what = OUTCOMES[self.kind]
        return hazard.Question(
            model=self.name,
            keys=("subscription_id",),
            outcome=outcome,
            features=FEATURES,
            categories=CATEGORIES,
            bands=Bands("contract_days_to_term", (30, 90, 180), "Days until the term ends", counts_down=True),
            raises=f"raises the chance {of_what}",
            lowers=f"lowers the chance {of_what}",
            ends=True,
            due="contract_days_to_term",
        )

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on subscriptions that were active at past dates, a month apart."""
        challenger = hazard.train(self.asked, self._lives(company), company.as_of, company.seed, self.params)
        if isinstance(challenger, Challenger):
            moved = "not read: the source moves the term of a contract that goes on" if terms_move(company) else "read"
            challenger.params["ends of terms"] = moved
        return challenger

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.evaluate(self.asked, champion, self._lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(self.asked, self._lives(company), company.seed)

    def with_params(self, params: Params) -> "SubscriptionEvents":
        """The same model, with parameters beside the usual ones."""
        return SubscriptionEvents(self.kind, params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """One row per active subscription: as ``hazard.score``; ``by_term``, the chance that the event comes with the
        end of the term, or before; and ``term_days``, the days of the periods that this speaks of. Both are missing
        where no term ends within half a year."""
        rows = contract_rows(company, (company.as_of,))
        scored = hazard.score(self.asked, champion, rows, company.currency)
        curve = hazard.chances(self.asked, champion, rows)
        periods = due_periods(rows["contract_days_to_term"].to_numpy(dtype=np.float64))
        scored["by_term"], scored["term_days"] = by_period(curve, periods).round(6), PERIOD_DAYS * periods
        return {self.name: scored}

    def _lives(self, company: Company) -> pd.DataFrame:
        dates = life_dates(company)
        spine = contract_spine(company, dates)
        ends = subscription_ends(company)
        events = ends.filter(ends[self.kind])
        seen = labels(lives(spine, events, ("subscription_id",), company.as_of_at), "subscription_id")
        return contract_rows(company, dates).merge(seen, on=["subscription_id", "as_of"])


def contract_rows(company: Company, dates: "tuple[object, ...]") -> pd.DataFrame:
    """One row per active subscription and date: its features and its account's."""
    spine = contract_spine(company, dates)  # type: ignore[arg-type]
    rows = dated(contract_features(company, spine))
    return rows.merge(account_rows(company, dates), on=["account_id", "as_of"])  # type: ignore[arg-type]


def due_periods(days: Floats) -> Floats:
    """The period of 30 days (1, 2, …) in which the day lies that is due in so many days; NaN where none is, or it lies
    beyond the last period."""
    with np.errstate(invalid="ignore"):
        within = (days >= 0) & (days < PERIOD_DAYS * PERIODS)
    return np.where(within, np.floor(days / PERIOD_DAYS) + 1, np.nan)


def by_period(curve: Floats, periods: Floats) -> Floats:
    """The chance that the event comes within so many periods, on each row's curve (rows × periods); NaN for NaN.

    The period of a term's end counts whole: what comes in it comes with that day, but for little.
    """
    known = ~np.isnan(periods)
    place = np.where(known, periods, 1).astype(int) - 1
    return np.where(known, curve[np.arange(len(curve)), place], np.nan)
