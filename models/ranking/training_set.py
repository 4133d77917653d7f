"""Candidate pairs of past dates, labeled by what was bought within the horizon."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from features.company import Company
from features.frames import to_frame
from features.labels.purchases import products_bought
from features.spine import account_spine, contact_spine, past_dates
from models.evaluation.time_splits import TimeSplit, split_dates
from models.ranking.candidates import CUSTOMER_KINDS, Candidates, CustomerKind, company_candidates

OFFER_HORIZON_DAYS = 90
DATE_STEP_DAYS, MAX_OFFER_DATES = 45, 6
MAX_CUSTOMERS: dict[CustomerKind, int] = {"account": 800, "contact": 500}
"""Customers sampled at each past date: more add little information."""


@dataclass(frozen=True)
class LabeledCandidates:
    """The candidates of one date and kind of customer, and what was bought after it.

    ``pairs`` are those that may be offered, with ``bought`` (0 or 1). ``purchases`` (``customer_id, product_id``) are
    all products that the customers bought, without those that may not be offered.
    """

    candidates: Candidates
    pairs: pd.DataFrame
    purchases: pd.DataFrame


@dataclass(frozen=True)
class TrainingSet:
    """Labeled candidates by kind of customer and date."""

    parts: dict[tuple[CustomerKind, date], LabeledCandidates]

    def pairs(self, dates: tuple[date, ...]) -> pd.DataFrame:
        """The labeled pairs of some dates, of accounts and contacts; empty for no dates."""
        frames = [self.parts[kind, day].pairs for day in dates for kind in CUSTOMER_KINDS]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"bought": pd.Series(dtype="float64")})

    def all_pairs(self) -> pd.DataFrame:
        """The labeled pairs of all dates, accounts first."""
        return pd.concat([part.pairs for part in self.parts.values()], ignore_index=True)


def training_split(company: Company) -> TimeSplit | None:
    """The split of the company's past dates; ``None`` if the history is too short."""
    return split_dates(past_dates(company, OFFER_HORIZON_DAYS, DATE_STEP_DAYS, MAX_OFFER_DATES), OFFER_HORIZON_DAYS)


def training_set(company: Company, dates: tuple[date, ...]) -> TrainingSet:
    """The labeled candidates of past dates, of a seeded sample of ``MAX_CUSTOMERS``."""
    purchases = {kind: _purchases(company, dates, kind) for kind in CUSTOMER_KINDS}
    return TrainingSet(
        {
            (candidates.customer_kind, candidates.as_of): label(candidates, purchases[candidates.customer_kind])
            for candidates in company_candidates(company, dates, MAX_CUSTOMERS)
        }
    )


def _purchases(company: Company, dates: tuple[date, ...], kind: CustomerKind) -> pd.DataFrame:
    """One row per customer, date and product bought within the horizon: ``customer_id, as_of, product_id``."""
    key = f"{kind}_id"
    spine = account_spine(company, dates) if kind == "account" else contact_spine(company, dates)
    rows = to_frame(products_bought(company, spine, OFFER_HORIZON_DAYS, company.as_of_at, key))
    return rows.rename(columns={key: "customer_id"})


def label(candidates: Candidates, purchases: pd.DataFrame) -> LabeledCandidates:
    """The candidates with their labels, from purchases (``customer_id, as_of, product_id``) after many dates."""
    key = ["customer_id", "product_id"]
    of_date = (purchases["as_of"] == candidates.as_of) & purchases["customer_id"].isin(set(candidates.customers))
    bought = purchases.loc[of_date, key].assign(bought=1.0).astype({"customer_id": object, "product_id": object})
    pairs = candidates.pairs.merge(bought, on=key, how="left")
    is_excluded = pairs["exclusion_reason"].notna()
    excluded = pairs.loc[is_excluded & pairs["bought"].notna(), key].assign(excluded=True)
    marked = bought.merge(excluded, on=key, how="left")
    allowed = pairs[~is_excluded].fillna({"bought": 0.0}).reset_index(drop=True)
    return LabeledCandidates(candidates, allowed, marked.loc[marked["excluded"].isna(), key])
