"""KPIs of unit economics (acquisition cost, margin, lifetime value, payback) and of forecast accuracy."""

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.revenue.dimensions import UNKNOWN, node_name
from reports.kpis.account_months import REPORTED_MONTHS, SLICE_COLUMNS
from reports.kpis.kpi import Kpi, KpiInputs, ratio, reported_months, trailing_year, where_known
from reports.kpis.sales import net_revenue

ACQUIRING_TEAMS = ("sales", "marketing")
"""Teams whose costs count as acquisition costs."""
MAX_DAYS_AHEAD = 31
"""A month's forecast is evaluated if it was published at most this many days before the month."""


def acquisition_cost(inputs: KpiInputs) -> Floats:
    """Acquisition cost per new customer, of the total only: costs have no region."""
    return reported_months(ratio(_acquisition_costs(inputs), _new_customers(inputs)))


def gross_margin(inputs: KpiInputs) -> Floats:
    """Gross margin as a share of revenue, over the trailing year."""
    margin, revenue = (
        trailing_year(inputs.sum_by_slice(part)) for part in inputs.account_months.margin_and_covered_revenue
    )
    return where_known(
        inputs.account_months.full_year_since(inputs.account_months.first_sale_at), ratio(margin, revenue)
    )


def revenue_per_customer(inputs: KpiInputs) -> Floats:
    """Revenue per active customer and month, over the trailing year."""
    earned, active = (
        inputs.sum_by_slice(inputs.account_months.revenue),
        inputs.sum_by_slice(inputs.account_months.is_active[:, 1:]),
    )
    return where_known(
        inputs.account_months.full_year_since(inputs.account_months.first_sale_at),
        ratio(trailing_year(earned), trailing_year(active)),
    )


def lifetime_value(inputs: KpiInputs) -> Floats:
    """Lifetime value of a customer at the margin and churn of the trailing year."""
    start, end = inputs.account_months.is_active[:, :-1], inputs.account_months.is_active[:, 1:]
    churn_rate = ratio(trailing_year(inputs.sum_by_slice(start & ~end)), trailing_year(inputs.sum_by_slice(start)))
    return ratio(revenue_per_customer(inputs) * gross_margin(inputs), churn_rate)


def lifetime_value_to_cost(inputs: KpiInputs) -> Floats:
    """Lifetime value over acquisition cost."""
    return ratio(lifetime_value(inputs)[:1], _trailing_acquisition_cost(inputs))


def payback(inputs: KpiInputs) -> Floats:
    """Months until the margin of a customer has paid its acquisition cost."""
    return ratio(_trailing_acquisition_cost(inputs), (revenue_per_customer(inputs) * gross_margin(inputs))[:1])


def predicted_lifetime_value(inputs: KpiInputs, column: str) -> Floats:
    """Mean predicted lifetime value of active customers; in the last month only, as scores are of ``as_of``."""
    values = np.full((len(inputs.account_months.slices), REPORTED_MONTHS), np.nan)
    scores = inputs.lifetimes[inputs.lifetimes[column].notna()] if column in inputs.lifetimes else inputs.lifetimes[:0]
    if len(scores):
        index = inputs.account_months.row_index(scores["account_id"])
        total, count = (np.zeros((len(inputs.account_months.accounts) + 1, 1)) for _ in range(2))
        np.add.at(total[:, 0], index, scores[column].to_numpy(dtype=float))
        np.add.at(count[:, 0], index, 1.0)
        active = inputs.account_months.is_active[:, -1:]
        values[:, -1:] = ratio(inputs.sum_by_slice(total * active), inputs.sum_by_slice(count * active))
    return values


def forecast_ratio(inputs: KpiInputs) -> Floats:
    """Forecast of each month, as published by its first day, over actual net revenue; NaN without a forecast."""
    account_months, forecasts = inputs.account_months, inputs.forecasts
    rows = forecasts[(forecasts["grain"] == "month") & forecasts["point"].notna()].sort_values("as_of", kind="stable")
    days_ahead = [
        (period - published_on).days for period, published_on in zip(rows["period"], rows["as_of"], strict=True)
    ]
    rows = rows[[0 <= days <= MAX_DAYS_AHEAD for days in days_ahead]] if len(rows) else rows
    rows = _with_segment_totals(inputs, rows)
    points = dict(zip(zip(rows["node"], rows["period"], strict=True), rows["point"], strict=True))
    forecast = np.array(
        [[points.get((name, month), np.nan) for month in account_months.months] for name in account_months.slices]
    )
    return ratio(forecast.astype(np.float64), net_revenue(inputs))


def _with_segment_totals(inputs: KpiInputs, forecasts: pd.DataFrame) -> pd.DataFrame:
    """The monthly forecasts, with those of a segment in each region summed to a forecast of the segment.

    A segment is left out if a region in which it had revenue has no forecast.
    """
    accounts = inputs.account_months.accounts[list(SLICE_COLUMNS)].astype(object)
    accounts = accounts.where(accounts.notna(), UNKNOWN).assign(
        needed=inputs.account_months.revenue[:-1].any(axis=1).tolist()
    )
    markets: pd.DataFrame = accounts.groupby(list(SLICE_COLUMNS))["needed"].any().reset_index()
    pairs = zip(markets["region"], markets["segment"], strict=True)
    markets["node"] = pd.Series([node_name("segment", region, name) for region, name in pairs], dtype=object)
    needed = markets.groupby("segment")["needed"].sum()
    by = forecasts.merge(markets, on="node").groupby(["as_of", "period", "segment"], as_index=False)
    totals = by.agg(point=("point", "sum"), needed=("needed", "sum"))
    totals = totals[totals["needed"] == totals["segment"].map(needed)]
    totals["node"] = "segment:" + totals["segment"].astype(object)
    return pd.concat([forecasts[~forecasts["node"].isin(markets["node"])], totals])


def forecast_accuracy(inputs: KpiInputs) -> Floats:
    """One minus the absolute relative error of the forecast, at least 0."""
    accuracy: Floats = np.maximum(1 - np.abs(forecast_ratio(inputs) - 1), 0.0)
    return accuracy


def _acquisition_costs(inputs: KpiInputs) -> Floats:
    return inputs.account_months.costs(ACQUIRING_TEAMS)[None, :]


def _new_customers(inputs: KpiInputs) -> Floats:
    return inputs.sum_by_slice(inputs.account_months.new_customers)[:1]


def _trailing_acquisition_cost(inputs: KpiInputs) -> Floats:
    return ratio(trailing_year(_acquisition_costs(inputs)), trailing_year(_new_customers(inputs)))


UNIT_ECONOMICS: tuple[Kpi, ...] = (
    Kpi("cac", "money", "costs of sales and marketing in the month over new customers of the month", acquisition_cost,
        by="total"),
    Kpi("gross_margin", "share", "Σ revenue × margin rate of its product ÷ Σ revenue, of what has one; 12 months",
        gross_margin),
    Kpi("revenue_per_customer", "money", "net revenue of 12 months ÷ Σ active customers at their ends: a month's",
        revenue_per_customer),
    Kpi("ltv", "money", "revenue_per_customer × gross_margin ÷ monthly customer churn, all of the 12 months that end"
        " with the month", lifetime_value),
    Kpi("ltv_predicted", "money", "mean over active customers of the lifetime value that models predict for them:"
        " revenue of three years, discounted by 10 % a year; in the last month alone",
        lambda inputs: predicted_lifetime_value(inputs, "lifetime_value")),
    Kpi("ltv_bgnbd", "money", "the same by BG/NBD and Gamma-Gamma, of active customers that only order: the reference",
        lambda inputs: predicted_lifetime_value(inputs, "lifetime_value_bgnbd")),
    Kpi("ltv_cac", "times", "ltv ÷ (costs of sales and marketing ÷ new customers of the same 12 months)",
        lifetime_value_to_cost, by="total"),
    Kpi("cac_payback_months", "months", "costs of sales and marketing ÷ new customers of 12 months, over"
        " revenue_per_customer × gross_margin", payback, by="total"),
    Kpi("forecast_accuracy", "share", "1 − abs(forecast − net_revenue) ÷ net_revenue, 0 at least; the forecast is the"
        " last one published by the month's first day", forecast_accuracy),
    Kpi("forecast_bias", "share", "forecast ÷ net_revenue − 1, the forecast as in forecast_accuracy",
        lambda inputs: forecast_ratio(inputs) - 1),
)  # fmt: skip
