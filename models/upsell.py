"""Who will buy a product or tier that it never had, within 30, 90 and 180 days."""

from dataclasses import dataclass, field

import pandas as pd

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.leaving import new_purchases
from features.lives import lives
from models import hazard
from models.baseline import Bands
from models.history import ACCOUNT_HASH, account_rows, labels, life_dates, past_spine
from models.model import Abstention, Challenger, Champion, Judgement
from models.study import Params, Study

QUESTION = hazard.Question(
    model="upsell",
    keys=("account_id",),
    outcome="bought something new",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    features_hash=ACCOUNT_HASH,
    bands=Bands(),
    raises="raises the chance of buying something new",
    lowers="lowers the chance of buying something new",
)


@dataclass(frozen=True)
class Upsell:
    """The chance that an account buys a product or tier it never had, as a curve over the coming half year."""

    params: Params = field(default_factory=dict)
    name = "upsell"
    question = "Who will buy something new, and when?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("upsell",)
    features_hash = ACCOUNT_HASH

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on every customer of past dates, a month apart."""
        return hazard.learn(QUESTION, _lives(company), company.as_of, company.seed, self.params)

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.judge(QUESTION, champion, _lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(QUESTION, _lives(company), company.seed)

    def with_params(self, params: Params) -> "Upsell":
        """The same model, with parameters beside the usual ones."""
        return Upsell(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``upsell``: one row per customer, as ``hazard.score``."""
        rows = account_rows(company, (company.as_of,))
        return {"upsell": hazard.score(QUESTION, champion, rows, company.currency)}


def _lives(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, ``periods`` seen, ``event``: it bought something new."""
    dates = life_dates(company)
    bought = new_purchases(company)
    seen = labels(lives(past_spine(company, dates), bought, ("account_id",), company.as_of_at), "account_id")
    return account_rows(company, dates).merge(seen, on=["account_id", "as_of"])
