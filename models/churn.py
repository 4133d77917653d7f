"""Who will leave within 30, 90 and 180 days, by what the company calls leaving (``features.company.Leaving``)."""

from dataclasses import dataclass, field

import pandas as pd

from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.feature import Feature
from features.labels.churn import SILENCE_DAYS, as_today, departures
from features.labels.time_to_event import lives
from features.labels.windows import at_risk
from features.spine import account_spine
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.survival import hazard_model as hazard
from models.survival.baseline_hazards import Bands
from models.survival.censoring import HORIZON_DAYS
from models.training.rows import account_rows, dated, labels, life_dates, past_spine

DAYS_LEFT = Feature("days_left", "leaving", "days until it counts as gone unless it renews or orders", "days")
"""To the end of a subscriber's term; of who only orders, until its silence is long enough."""

QUESTION = hazard.Question(
    model="churn",
    keys=("account_id",),
    outcome="left",
    features=(*ACCOUNT_FEATURES, DAYS_LEFT),
    categories=ACCOUNT_CATEGORIES,
    bands=Bands("days_since_order", (30, 60, 90, 180), "Days since the last order"),
    raises="raises the risk of leaving",
    lowers="lowers the risk of leaving",
    ends=True,
    due=DAYS_LEFT.name,
)

NOT_AT_RISK = "no active subscription and no recent order: it has left already"


@dataclass(frozen=True)
class Churn:
    """The chance that an account leaves, as a curve over the coming half year."""

    params: Params = field(default_factory=dict)
    name = "churn"
    question = "Who will leave within 30, 90 and 180 days?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("churn",)
    rows = "accounts"
    features_hash = QUESTION.features_hash

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on accounts that could have left, at past dates; each date a month from the next."""
        return hazard.train(QUESTION, account_lives(company), company.as_of, company.seed, self.params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.evaluate(QUESTION, champion, account_lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(QUESTION, account_lives(company), company.seed)

    def with_params(self, params: Params) -> "Churn":
        """The same model, with parameters beside the usual ones."""
        return Churn(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``churn``: one row per customer; one that has left already has no chance to leave, and says so."""
        company = as_today(company)
        risk = dated(at_risk(company, account_spine(company, (company.as_of,)), SILENCE_DAYS))
        rows = account_rows(company, (company.as_of,)).merge(risk[["account_id", "relation", "at_risk"]])
        staying = rows["at_risk"].astype(bool)
        scored = hazard.score(QUESTION, champion, _counted_down(rows[staying], company), company.currency)
        gone = pd.DataFrame({"account_id": rows.loc[~staying, "account_id"], "abstained": NOT_AT_RISK})
        gone = gone.assign(horizon_days=HORIZON_DAYS).reindex(columns=scored.columns)
        frame = pd.concat([scored, gone], ignore_index=True) if len(gone) else scored
        return {"churn": frame.sort_values("account_id", ignore_index=True)}


def account_lives(company: Company) -> pd.DataFrame:
    """One row per account that could leave and past date: features, ``periods`` seen, ``event``: it left."""
    company, dates = as_today(company), life_dates(company)
    spine = past_spine(company, dates)
    risk = at_risk(company, spine, SILENCE_DAYS)
    able = risk.filter(risk.at_risk)
    left = departures(company, spine)
    seen = lives(able.select("account_id", "as_of", "as_of_at"), left, ("account_id",), company.as_of_at)
    known = labels(seen.join(able.select("account_id", "as_of", "relation"), ["account_id", "as_of"]), "account_id")
    return _counted_down(account_rows(company, dates).merge(known, on=["account_id", "as_of"]), company)


def _counted_down(rows: pd.DataFrame, company: Company) -> pd.DataFrame:
    """Rows of features and ``relation`` with ``days_left``."""
    assert company.churn_definition.inactivity_days is not None
    silent_in = (company.churn_definition.inactivity_days - rows["days_since_order"]).where(
        rows["relation"] == "orders"
    )
    return rows.assign(days_left=rows["days_to_term_end"].fillna(silent_in)).drop(columns="relation")
