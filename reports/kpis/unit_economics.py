"""KPIs of what customers cost and are worth, and of how right the forecasts were."""

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.revenue.dimensions import UNKNOWN, node_of
from reports.kpis.account_months import MONTHS, SLICED
from reports.kpis.kpi import Kpi, Ledger, monthly, quotient, where, yearly
from reports.kpis.sales import net_revenue

ACQUIRING_TEAMS = ("sales", "marketing")
"""Whose costs are the costs of acquiring customers."""
FRESH_DAYS = 31
"""A forecast of a month is judged when it was published so many days before it at most."""


def acquisition_cost(ledger: Ledger) -> Floats:
    """What a new customer cost. Costs have no region: for the whole only."""
    return monthly(quotient(_costs(ledger), _new(ledger)))


def gross_margin(ledger: Ledger) -> Floats:
    """The share of revenue left after the cost of what was sold, over a year."""
    kept, of = (yearly(ledger.books.sums(part)) for part in ledger.books.margins)
    return where(ledger.books.whole_years_since(ledger.books.first_sale), quotient(kept, of))


def revenue_per_customer(ledger: Ledger) -> Floats:
    """Revenue of a customer a month, over a year."""
    earned, active = ledger.books.sums(ledger.books.revenue), ledger.books.sums(ledger.books.active[:, 1:])
    return where(ledger.books.whole_years_since(ledger.books.first_sale), quotient(yearly(earned), yearly(active)))


def lifetime_value(ledger: Ledger) -> Floats:
    """What a customer brings until it leaves, if all stays as in the year."""
    start, end = ledger.books.active[:, :-1], ledger.books.active[:, 1:]
    leaves = quotient(yearly(ledger.books.sums(start & ~end)), yearly(ledger.books.sums(start)))
    return quotient(revenue_per_customer(ledger) * gross_margin(ledger), leaves)


def value_to_cost(ledger: Ledger) -> Floats:
    """How many times its cost a customer brings."""
    return quotient(lifetime_value(ledger)[:1], _yearly_cost(ledger))


def payback(ledger: Ledger) -> Floats:
    """Months until a customer has brought what it cost."""
    return quotient(_yearly_cost(ledger), (revenue_per_customer(ledger) * gross_margin(ledger))[:1])


def predicted(ledger: Ledger, column: str) -> Floats:
    """The mean of what active customers are predicted to bring, in the last month alone: models speak of tonight."""
    values = np.full((len(ledger.books.slices), MONTHS), np.nan)
    scores = ledger.lifetimes[ledger.lifetimes[column].notna()] if column in ledger.lifetimes else ledger.lifetimes[:0]
    if len(scores):
        at = ledger.books.rows(scores["account_id"])
        total, count = (np.zeros((len(ledger.books.accounts) + 1, 1)) for _ in range(2))
        np.add.at(total[:, 0], at, scores[column].to_numpy(dtype=float))
        np.add.at(count[:, 0], at, 1.0)
        there = ledger.books.active[:, -1:]
        values[:, -1:] = quotient(ledger.books.sums(total * there), ledger.books.sums(count * there))
    return values


def forecast_ratio(ledger: Ledger) -> Floats:
    """What was forecast of each month by its first day, over what came; NaN where nothing was published then."""
    books, told = ledger.books, ledger.forecasts
    rows = told[(told["grain"] == "month") & told["point"].notna()].sort_values("as_of", kind="stable")
    ahead = [(begins - said_on).days for begins, said_on in zip(rows["period"], rows["as_of"], strict=True)]
    rows = rows[[0 <= days <= FRESH_DAYS for days in ahead]] if len(rows) else rows
    rows = _with_whole_segments(ledger, rows)
    points = dict(zip(zip(rows["node"], rows["period"], strict=True), rows["point"], strict=True))
    said = np.array([[points.get((name, month), np.nan) for month in books.months] for name in books.slices])
    return quotient(said.astype(np.float64), net_revenue(ledger))


def _with_whole_segments(ledger: Ledger, told: pd.DataFrame) -> pd.DataFrame:
    """The forecasts of months, in their order, those of a segment within each region summed to that of the segment.

    A segment is left out where one is not told of a region in which it brought anything in the years looked at.
    """
    accounts = ledger.books.accounts[list(SLICED)].astype(object)
    accounts = accounts.where(accounts.notna(), UNKNOWN).assign(needed=ledger.books.revenue[:-1].any(axis=1).tolist())
    parts: pd.DataFrame = accounts.groupby(list(SLICED))["needed"].any().reset_index()
    pairs = zip(parts["region"], parts["segment"], strict=True)
    parts["node"] = pd.Series([node_of("segment", region, name) for region, name in pairs], dtype=object)
    needed = parts.groupby("segment")["needed"].sum()
    by = told.merge(parts, on="node").groupby(["as_of", "period", "segment"], as_index=False)
    whole = by.agg(point=("point", "sum"), needed=("needed", "sum"))
    whole = whole[whole["needed"] == whole["segment"].map(needed)]
    whole["node"] = "segment:" + whole["segment"].astype(object)
    return pd.concat([told[~told["node"].isin(parts["node"])], whole])


def forecast_accuracy(ledger: Ledger) -> Floats:
    """How near forecasts came."""
    accuracy: Floats = np.maximum(1 - np.abs(forecast_ratio(ledger) - 1), 0.0)
    return accuracy


def _costs(ledger: Ledger) -> Floats:
    return ledger.books.costs(ACQUIRING_TEAMS)[None, :]


def _new(ledger: Ledger) -> Floats:
    return ledger.books.sums(ledger.books.new_customers)[:1]


def _yearly_cost(ledger: Ledger) -> Floats:
    return quotient(yearly(_costs(ledger)), yearly(_new(ledger)))


WORTH: tuple[Kpi, ...] = (
    Kpi("cac", "money", "costs of sales and marketing in the month over new customers of the month", acquisition_cost,
        by="total"),
    Kpi("gross_margin", "share", "Σ revenue × margin rate of its product ÷ Σ revenue, of what has one; 12 months",
        gross_margin),
    Kpi("revenue_per_customer", "money", "net revenue of 12 months ÷ Σ active customers at their ends: a month's",
        revenue_per_customer),
    Kpi("ltv", "money", "revenue_per_customer × gross_margin ÷ monthly customer churn, all of the 12 months that end"
        " with the month", lifetime_value),
    Kpi("ltv_predicted", "money", "mean over active customers of the lifetime value that models give them tonight:"
        " revenue of three years, discounted by 10 % a year; in the last month alone",
        lambda ledger: predicted(ledger, "lifetime_value")),
    Kpi("ltv_bgnbd", "money", "the same by BG/NBD and Gamma-Gamma, of active customers that only order: the reference",
        lambda ledger: predicted(ledger, "lifetime_value_bgnbd")),
    Kpi("ltv_cac", "times", "ltv ÷ (costs of sales and marketing ÷ new customers of the same 12 months)", value_to_cost,
        by="total"),
    Kpi("cac_payback_months", "months", "costs of sales and marketing ÷ new customers of 12 months, over"
        " revenue_per_customer × gross_margin", payback, by="total"),
    Kpi("forecast_accuracy", "share", "1 − how far the forecast was off ÷ net_revenue, 0 at least; the forecast is the"
        " last one published by the month's first day", forecast_accuracy),
    Kpi("forecast_bias", "share", "forecast ÷ net_revenue − 1, the forecast as in forecast_accuracy",
        lambda ledger: forecast_ratio(ledger) - 1),
)  # fmt: skip
