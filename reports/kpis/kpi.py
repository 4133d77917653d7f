"""What a KPI is, and the arithmetic that all share: months, years, quotients."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats
from features.company import Company
from reports.kpis.account_months import MONTHS, Books
from reports.kpis.deal_months import Dealings

Unit = Literal["money", "money a day", "share", "days", "months", "times", "count"]
By = Literal["slice", "total", "stage"]
DIGITS: dict[Unit, int] = {"share": 6, "times": 4}
"""Decimals of a value; two where nothing is said."""
YEAR = 12


@dataclass(frozen=True)
class Ledger:
    """What KPIs are made from: the company's books and deals, what its customers are predicted to be worth
    (``account_id, lifetime_value, lifetime_value_bgnbd``) and what earlier nights forecast
    (``as_of, node, grain, period, point``); the last two may be empty."""

    company: Company
    lifetimes: pd.DataFrame
    forecasts: pd.DataFrame

    @cached_property
    def books(self) -> Books:
        """The books."""
        return Books(self.company)

    @cached_property
    def dealings(self) -> Dealings:
        """The deals."""
        return Dealings(self.books)

    def names(self, by: By) -> list[str]:
        """The slices that a KPI has rows for, in the order of its values' rows."""
        if by == "stage":
            return [f"stage:{name}" for name in self.dealings.stages[0]]
        return list(self.books.slices) if by == "slice" else ["total"]


@dataclass(frozen=True)
class Kpi:
    """One figure: ``of`` returns one row per slice and one column per reported month, NaN where it says nothing."""

    name: str
    unit: Unit
    formula: str
    of: Callable[[Ledger], Floats]
    by: By = "slice"
    version: int = 1


def monthly(values: Floats) -> Floats:
    """The reported months of values over all months looked at."""
    return values[:, -MONTHS:]


def yearly(values: Floats) -> Floats:
    """For each reported month the sum of the twelve months that end with it; NaN where one of them is unknown."""
    return np.array([[row[end - YEAR : end].sum() for end in range(len(row) - MONTHS + 1, len(row) + 1)]
                     for row in values])  # fmt: skip


def quotient(part: Floats, whole: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    part, whole = np.broadcast_arrays(part, whole)
    divided: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return divided


def where(known: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """The values, NaN in the months in which they are not known."""
    return np.where(known, values, np.nan)
