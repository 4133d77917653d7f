"""Who will buy a product or tier that it never had, which one, and when: within 30, 90 and 180 days."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels.churn import new_purchases
from features.labels.time_to_event import lives
from features.labels.windows import first_purchases
from features.products.ownership import owned
from features.spine import account_spine
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.ranking import next_product as offers
from models.ranking.eligibility import exclusions
from models.survival import hazard_model as hazard
from models.survival.baseline_hazards import Bands
from models.training.rows import account_rows, dated, labels, life_dates, past_spine

QUESTION = hazard.Question(
    model="upsell",
    keys=("account_id",),
    outcome="bought something new",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    bands=Bands(),
    raises="raises the chance of buying something new",
    lowers="lowers the chance of buying something new",
)

AT_ONCE = 2_000
"""Customers whose pairs with products are held at once."""


@dataclass(frozen=True)
class Upsell:
    """The chance that an account buys a product or tier it never had, as a curve over the coming half year."""

    params: Params = field(default_factory=dict)
    name = "upsell"
    question = "Who will buy something new, and when?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("products",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("upsell", "upsell_products")
    rows = "accounts"
    features_hash = QUESTION.features_hash

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on every customer of past dates, a month apart."""
        return hazard.train(QUESTION, _lives(company), company.as_of, company.seed, self.params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the dates that judge a challenger."""
        return hazard.evaluate(QUESTION, champion, _lives(company))

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past."""
        return hazard.study(QUESTION, _lives(company), company.seed)

    def with_params(self, params: Params) -> "Upsell":
        """The same model, with parameters beside the usual ones."""
        return Upsell(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``upsell``: one row per customer, as ``hazard.score``; ``upsell_products``: one row per customer and product
        that it never had and may be offered, as ``offers.offered``."""
        rows = account_rows(company, (company.as_of,))
        curve = hazard.chances(QUESTION, champion, rows)
        scored = hazard.score(QUESTION, champion, rows, company.currency)
        return {"upsell": scored, "upsell_products": _products(company, [*map(str, rows["account_id"])], curve)}


def _products(company: Company, accounts: list[str], curve: Floats) -> pd.DataFrame:
    """The new products of each customer; a part of the customers at a time, so that pairs of all are never held."""
    firsts = first_purchases(company).execute()
    count = int(company.tables["accounts"].count().execute())
    until = pd.Timestamp(company.as_of_at)
    told, trusted = offers.paces(firsts, count, until), offers.trust(firsts, count, until)
    held = dated(owned(company, account_spine(company, [company.as_of])))
    held = held.astype({"account_id": object, "product_id": object})
    products = company.tables["products"].order_by("product_id").execute().astype({"product_id": object})
    made = [offers.offered([], curve[:0], np.zeros((0, 0)), told.products, company.as_of)]
    for start in range(0, len(accounts), AT_ONCE):
        some = accounts[start : start + AT_ONCE]
        mine = held[held["account_id"].isin(set(some))]
        has = offers.matrix(mine, some, told.products)
        pairs = pd.DataFrame(
            {"account_id": np.repeat(some, len(told.products)), "product_id": np.tile(told.products, len(some))}
        ).astype(object)
        may = exclusions(pairs, mine, products, company.as_of).isna().to_numpy().reshape(has.shape)
        shares = told.shares(has, may * (1.0 - has), trusted)
        made.append(offers.offered(some, curve[start : start + AT_ONCE], shares, told.products, company.as_of))
    return pd.concat([part for part in made if len(part)] or made[:1], ignore_index=True)


def _lives(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, ``periods`` seen, ``event``: it bought something new."""
    dates = life_dates(company)
    bought = new_purchases(company)
    seen = labels(lives(past_spine(company, dates), bought, ("account_id",), company.as_of_at), "account_id")
    return account_rows(company, dates).merge(seen, on=["account_id", "as_of"])
