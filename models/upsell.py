"""Who will buy something new within 90 days: a product, or a higher tier, that the account never had."""

import pandas as pd

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels import bought_new
from features.spine import account_spine
from models import propensity
from models.baseline import Bands
from models.history import ACCOUNT_HASH, account_rows, labels, learning_dates
from models.model import Abstention, Challenger, Champion, Judgement

HORIZON_DAYS = 90

TASK = propensity.Task(
    model="upsell",
    key="account_id",
    outcome=f"bought something new within {HORIZON_DAYS} days",
    horizon_days=HORIZON_DAYS,
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    features_hash=ACCOUNT_HASH,
    bands=Bands(),
    raises="raises the chance of buying something new",
    lowers="lowers the chance of buying something new",
)


class Upsell:
    """The chance that an account buys a product or tier it never had, within 90 days."""

    name = "upsell"
    question = "Who will buy something new within 90 days?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("upsell",)
    features_hash = ACCOUNT_HASH

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on every customer of past dates, each date a month from the next."""
        return propensity.learn(TASK, self._past(company), company.as_of, company.seed)

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the dates that judge a challenger."""
        return propensity.judge(TASK, champion, self._past(company))

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``upsell``: one row per customer."""
        rows = account_rows(company, (company.as_of,))
        return {"upsell": propensity.score(TASK, champion, rows, company.currency)}

    def _past(self, company: Company) -> propensity.Past:
        dates = learning_dates(company, HORIZON_DAYS)
        rows = account_rows(company, dates)
        new = labels(bought_new(company, account_spine(company, dates), HORIZON_DAYS, company.as_of_at), "account_id")
        new = new.assign(outcome=new["bought"].astype(bool))
        return propensity.Past(rows.merge(new[["account_id", "as_of", "outcome"]], on=["account_id", "as_of"]))
