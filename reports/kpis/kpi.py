"""A KPI, its inputs, and the arithmetic that all KPIs share: reported months, trailing years, ratios."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats
from data.statistics import safe_divide
from features.company import Company
from reports.kpis.account_months import REPORTED_MONTHS, AccountMonths
from reports.kpis.deal_months import DealMonths

Unit = Literal["money", "money a day", "share", "days", "months", "times", "count"]
By = Literal["slice", "total", "stage"]
DIGITS: dict[Unit, int] = {"share": 6, "times": 4}
"""Decimals of a value, by unit; two for all others."""
YEAR_MONTHS = 12


@dataclass(frozen=True)
class KpiInputs:
    """The inputs of all KPIs; each matrix is computed when it is first read.

    ``lifetimes`` has one row per account (``account_id, lifetime_value, lifetime_value_bgnbd``), ``forecasts`` one row
    per published forecast (``as_of, node, grain, period, point``); both may be empty.
    """

    company: Company
    lifetimes: pd.DataFrame
    forecasts: pd.DataFrame

    @cached_property
    def account_months(self) -> AccountMonths:
        """Sales and subscriptions by account and month."""
        return AccountMonths(self.company)

    @cached_property
    def deal_months(self) -> DealMonths:
        """Deals and subscription terms by account and month."""
        return DealMonths(self.account_months)

    def sum_by_slice(self, matrix: npt.NDArray[np.generic]) -> Floats:
        """A matrix of accounts summed over each slice: one row per slice, one column per month."""
        return self.account_months.sum_by_slice(matrix)

    def slice_names(self, by: By) -> list[str]:
        """Names of the slices that a KPI is published for, in the order of the rows of its values."""
        if by == "stage":
            return [f"stage:{name}" for name in self.deal_months.stage_exits[0]]
        return list(self.account_months.slices) if by == "slice" else ["total"]


@dataclass(frozen=True)
class Kpi:
    """One KPI. ``compute`` returns one row per slice and one column per reported month; NaN: not published."""

    name: str
    unit: Unit
    formula: str
    compute: Callable[[KpiInputs], Floats]
    by: By = "slice"
    version: int = 1


def reported_months(values: Floats) -> Floats:
    """The reported months (the last ``REPORTED_MONTHS`` columns) of values over all months."""
    return values[:, -REPORTED_MONTHS:]


def trailing_year(values: Floats) -> Floats:
    """For each reported month the sum of the twelve months that end with it; NaN where one of them is NaN."""
    return np.array([[row[end - YEAR_MONTHS : end].sum() for end in range(len(row) - REPORTED_MONTHS + 1, len(row) + 1)]
                     for row in values])  # fmt: skip


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Numerator over denominator, elementwise; NaN where the denominator is not positive."""
    return safe_divide(numerator, denominator, otherwise=np.nan)


def where_known(known: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """The values; NaN in the months that are not ``known``."""
    return np.where(known, values, np.nan)
