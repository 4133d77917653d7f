"""Who will leave within 90 days: no subscription any more, or no order where orders are the relationship."""

import pandas as pd

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels import at_risk, churned
from features.spine import account_spine
from models import propensity
from models.baseline import Bands
from models.history import ACCOUNT_HASH, account_rows, dated, labels, learning_dates
from models.model import Abstention, Challenger, Champion, Judgement

HORIZON_DAYS = 90

TASK = propensity.Task(
    model="churn",
    key="account_id",
    outcome=f"left within {HORIZON_DAYS} days",
    horizon_days=HORIZON_DAYS,
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    features_hash=ACCOUNT_HASH,
    bands=Bands("days_since_order", (30, 60, 90, 180), "Days since the last order"),
    raises="raises the risk of leaving",
    lowers="lowers the risk of leaving",
)

NOT_AT_RISK = "no active subscription and no recent order: it has left already"


class Churn:
    """The chance that an account leaves within 90 days."""

    name = "churn"
    question = "Who will leave within 90 days?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("churn",)
    features_hash = ACCOUNT_HASH

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on accounts that could have left, at past dates; each date a month from the next."""
        return propensity.learn(TASK, self._past(company), company.as_of, company.seed)

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the dates that judge a challenger."""
        return propensity.judge(TASK, champion, self._past(company))

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``churn``: one row per customer; one that has left already has no chance to leave, and says so."""
        rows = account_rows(company, (company.as_of,))
        risk = dated(at_risk(company, account_spine(company, (company.as_of,)), HORIZON_DAYS))
        staying = rows["account_id"].isin(risk.loc[risk["at_risk"], "account_id"])
        scored = propensity.score(TASK, champion, rows[staying], company.currency)
        gone = pd.DataFrame({"account_id": rows.loc[~staying, "account_id"], "abstained": NOT_AT_RISK})
        gone = gone.assign(horizon_days=HORIZON_DAYS).reindex(columns=scored.columns)
        frame = pd.concat([scored, gone], ignore_index=True) if len(gone) else scored
        return {"churn": frame.sort_values("account_id", ignore_index=True)}

    def _past(self, company: Company) -> propensity.Past:
        dates = learning_dates(company, HORIZON_DAYS)
        rows = account_rows(company, dates)
        left = labels(churned(company, account_spine(company, dates), HORIZON_DAYS, company.as_of_at), "account_id")
        left = left[left["at_risk"]].assign(outcome=lambda t: t["churned"].astype(bool))
        return propensity.Past(rows.merge(left[["account_id", "as_of", "outcome"]], on=["account_id", "as_of"]))
