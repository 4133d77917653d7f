"""Who will leave within 30, 90 and 180 days, by what the company calls leaving (``features.company.Leaving``)."""

from dataclasses import dataclass, field

import pandas as pd

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels import at_risk
from features.leaving import SILENCE_DAYS, departures
from features.lives import lives
from features.spine import account_spine
from models import hazard
from models.history import account_rows, dated, labels, life_dates, past_spine
from models.known_lives import HORIZON_DAYS
from models.model import Abstention, Challenger, Champion, Judgement
from models.plain_hazards import Bands
from models.study import Params, Study

QUESTION = hazard.Question(
    model="churn",
    keys=("account_id",),
    outcome="left",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    bands=Bands("days_since_order", (30, 60, 90, 180), "Days since the last order"),
    raises="raises the risk of leaving",
    lowers="lowers the risk of leaving",
    due="days_to_term_end",
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

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on accounts that could have left, at past dates; each date a month from the next."""
        return hazard.learn(QUESTION, account_lives(company), company.as_of, company.seed, self.params)

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.judge(QUESTION, champion, account_lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(QUESTION, account_lives(company), company.seed)

    def with_params(self, params: Params) -> "Churn":
        """The same model, with parameters beside the usual ones."""
        return Churn(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``churn``: one row per customer; one that has left already has no chance to leave, and says so."""
        rows = account_rows(company, (company.as_of,))
        risk = dated(at_risk(company, account_spine(company, (company.as_of,)), SILENCE_DAYS))
        staying = rows["account_id"].isin(risk.loc[risk["at_risk"].astype(bool), "account_id"])
        scored = hazard.score(QUESTION, champion, rows[staying], company.currency)
        gone = pd.DataFrame({"account_id": rows.loc[~staying, "account_id"], "abstained": NOT_AT_RISK})
        gone = gone.assign(horizon_days=HORIZON_DAYS).reindex(columns=scored.columns)
        frame = pd.concat([scored, gone], ignore_index=True) if len(gone) else scored
        return {"churn": frame.sort_values("account_id", ignore_index=True)}


def account_lives(company: Company) -> pd.DataFrame:
    """One row per account that could leave and past date: features, ``periods`` seen, ``event``: it left."""
    dates = life_dates(company)
    spine = past_spine(company, dates)
    able = at_risk(company, spine, SILENCE_DAYS)
    able = able.filter(able.at_risk).select("account_id", "as_of", "as_of_at")
    left = departures(company, spine)
    seen = labels(lives(able, left, ("account_id",), company.as_of_at), "account_id")
    return account_rows(company, dates).merge(seen, on=["account_id", "as_of"])
