"""Which accounts will buy a product or tier they never had, which one, and when: within 30, 90 and 180 days."""

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.frames import to_frame, to_sorted_frame
from features.labels.time_to_event import observe_durations
from features.products.ownership import owned_products
from features.products.purchases import first_purchases, new_product_purchases
from features.spine import account_spine
from models.ranking import next_product
from models.ranking.eligibility import exclusion_reasons
from models.survival.baseline_hazards import Bands
from models.survival.hazard_entry import HazardEntry, RiskSet, Scored
from models.survival.hazard_spec import HazardSpec
from models.training.rows import account_rows, episode_dates, training_spine

UPSELL_SPEC = HazardSpec(
    model="upsell",
    keys=("account_id",),
    outcome="bought something new",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    bands=Bands(),
    raises="raises the chance of buying something new",
    lowers="lowers the chance of buying something new",
)

BATCH_ACCOUNTS = 2_000
"""Accounts whose pairs with all products are in memory at the same time."""


def upsell_episodes(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, ``periods`` observed, ``event``: it bought something new."""
    dates = episode_dates(company)
    spine, purchases = training_spine(company, dates), new_product_purchases(company)
    durations = observe_durations(spine, purchases, ("account_id",), company.as_of_at)
    return account_rows(company, dates).merge(to_sorted_frame(durations, "account_id"), on=["account_id", "as_of"])


def customers(company: Company) -> RiskSet:
    """Every customer as of the company's date."""
    return RiskSet(account_rows(company, (company.as_of,)))


def offered_products(company: Company, scored: Scored) -> dict[str, pd.DataFrame]:
    """``upsell_products``: one row per customer and product that it never had and may be offered, with its probability
    of being bought (``next_product.likeliest_products``)."""
    accounts, curve = [*map(str, scored.at_risk["account_id"])], scored.curve.at_knots
    purchases = first_purchases(company).execute()
    n_accounts, now = int(company.tables["accounts"].count().execute()), pd.Timestamp(company.as_of_at)
    rates = next_product.estimate_purchase_rates(purchases, n_accounts, now)
    lift_weight = next_product.choose_lift_weight(purchases, n_accounts, now)
    owned = to_frame(owned_products(company, account_spine(company, [company.as_of])))
    owned = owned.astype({"account_id": object, "product_id": object})
    products = company.tables["products"].order_by("product_id").execute().astype({"product_id": object})
    offers = [next_product.likeliest_products([], curve[:0], np.zeros((0, 0)), rates.products, company.as_of)]
    for start in range(0, len(accounts), BATCH_ACCOUNTS):
        batch = accounts[start : start + BATCH_ACCOUNTS]
        batch_owned = owned[owned["account_id"].isin(set(batch))]
        owns = next_product.indicator_matrix(batch_owned, batch, rates.products)
        allowed = _may_be_offered(company, batch, batch_owned, products, rates.products)
        shares = rates.shares(owns, allowed * (1.0 - owns), lift_weight)
        batch_curve = curve[start : start + BATCH_ACCOUNTS]
        offers.append(next_product.likeliest_products(batch, batch_curve, shares, rates.products, company.as_of))
    frame = pd.concat([rows for rows in offers if len(rows)] or offers[:1], ignore_index=True)
    return {"upsell_products": frame}


def _may_be_offered(
    company: Company, accounts: list[str], owned: pd.DataFrame, products: pd.DataFrame, product_ids: list[str]
) -> Floats:
    """Accounts × products: 1 where no rule excludes the pair."""
    pairs = pd.DataFrame(
        {"account_id": np.repeat(accounts, len(product_ids)), "product_id": np.tile(product_ids, len(accounts))}
    ).astype(object)
    allowed = exclusion_reasons(pairs, owned, products, company.as_of).isna().to_numpy(dtype=np.float64)
    return np.asarray(allowed.reshape(len(accounts), len(product_ids)))


UPSELL = HazardEntry(
    spec=UPSELL_SPEC,
    question="Who will buy something new, and when?",
    needs=(("accounts",), ("products",), ("orders", "subscriptions")),
    rows="accounts",
    episodes=upsell_episodes,
    risk_set=customers,
    extra_tables=offered_products,
    extra_table_names=("upsell_products",),
)
"""The probability that an account buys a product or tier it never had, on a curve over the coming half year."""
