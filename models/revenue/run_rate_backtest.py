"""Run rates of repeat orders and new business, measured at past dates: revenue beyond contracts and open deals."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.statistics import safe_divide
from models.revenue.base_rates import BaseRates, BookingHistory
from models.revenue.cash_flows import CashFlows, contract_cash_flows, contract_items, deal_cash_flows, deal_items
from models.revenue.contract_probabilities import constant_rate_curve
from models.revenue.period_grid import N_MONTHS, PeriodGrid

MAX_ORIGINS = 18
YEAR_MONTHS = 12


@dataclass(frozen=True)
class RunRateBacktest:
    """Past origins (rows) × months ahead: what contracts and deals were expected to bring (``bottom_up``), what the
    customers of the origin ordered (``repeat_orders``), and all revenue (``actuals``); NaN where a month is not over.

    By origin: ``origin``, the position of its month, and the mean month of the year before it: ``mean_orders`` and
    ``mean_revenue``.
    """

    origin: Ints
    bottom_up: Floats
    repeat_orders: Floats
    actuals: Floats
    mean_orders: Floats
    mean_revenue: Floats

    def rates_before(self, month: int) -> tuple[Floats, Floats]:
        """By months ahead, from months before one (its position): repeat orders / mean orders, and revenue beyond
        contracts, deals and repeat orders / mean revenue (at least 0). A step never observed has the rate of the last
        one that was; 0 without any."""
        steps = np.arange(self.actuals.shape[1])
        observed = (self.origin[:, None] + steps[None, :] < month) & ~np.isnan(self.actuals)
        beyond = self.actuals - self.bottom_up - self.repeat_orders
        repeat_rate = _pooled_ratio(self.repeat_orders, self.mean_orders[:, None], observed)
        new_business_rate = np.maximum(_pooled_ratio(beyond, self.mean_revenue[:, None], observed), 0.0)
        return _filled(repeat_rate), _filled(new_business_rate)

    def forecast_from(self, row: int) -> Floats:
        """By months ahead: the bottom-up forecast from one origin, at the rates known by then."""
        repeat_rate, new_business_rate = self.rates_before(int(self.origin[row]))
        forecast: Floats = (
            self.bottom_up[row] + repeat_rate * self.mean_orders[row] + new_business_rate * self.mean_revenue[row]
        )
        return forecast


def backtest_origins(n_months: int) -> Ints:
    """Positions, among ``n_months`` of history, of the months that are looked ahead from: each has a year before it."""
    return np.arange(max(YEAR_MONTHS, n_months - MAX_ORIGINS), n_months, dtype=np.int64)


def backtest_run_rates(history: BookingHistory, months: pd.DatetimeIndex, revenue: Floats) -> RunRateBacktest:
    """The backtest of a company from each of ``backtest_origins``; ``revenue`` is its total by month."""
    origins, n_months = backtest_origins(len(months)), len(months)
    shape = (len(origins), N_MONTHS)
    bottom_up, repeat_orders, actuals = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan)
    cohorts = history.cohorts.pivot_table(index="month", columns="first", values="amount", aggfunc="sum")
    cohorts = cohorts.reindex(index=months).fillna(0.0)
    orders = cohorts.sum(axis=1).to_numpy(dtype=np.float64)
    for row, origin in enumerate(origins):
        day = months[origin].date()
        grid = PeriodGrid.from_date(day)
        expected = cash_flows_by_rates(history, day, history.rates_at(day), grid).total
        bottom_up[row] = grid.sum_by_month(expected.sum(axis=0)[None, :])[0]
        steps = min(N_MONTHS, n_months - origin)
        actuals[row, :steps] = revenue[origin : origin + steps]
        of_customers = cohorts.loc[:, cohorts.columns < months[origin]].sum(axis=1).to_numpy(dtype=np.float64)
        repeat_orders[row, :steps] = of_customers[origin : origin + steps]
    mean_orders, mean_revenue = (
        np.array([values[origin - YEAR_MONTHS : origin].mean() for origin in origins]) for values in (orders, revenue)
    )
    return RunRateBacktest(origins, bottom_up, repeat_orders, actuals, mean_orders, mean_revenue)


def cash_flows_by_rates(history: BookingHistory, day: date, rates: BaseRates, grid: PeriodGrid) -> CashFlows:
    """Cash flows of the contracts that ran and the deals that were open on a date, by base rates alone."""
    running = history.contracts_running_on(day)
    churn, expansion = (constant_rate_curve(rate, len(running)) for rate in (rates.churn_rate, rates.expansion_rate))
    contracts = contract_cash_flows(contract_items(running), churn, expansion, rates.expansion_uplift, grid)
    deals = rates.with_yields(history.deals_open_on(day))
    return CashFlows.concat(contracts, deal_cash_flows(deal_items(deals), rates.win_curves(deals), grid))


def _pooled_ratio(numerator: Floats, denominator: Floats, observed: Bools) -> Floats:
    """By column: the sum of the numerator / the sum of the denominator, over the observed rows; NaN without any."""
    sums = np.where(observed, numerator, 0.0).sum(axis=0)
    bases = np.where(observed, denominator, 0.0).sum(axis=0)
    return safe_divide(sums, bases, otherwise=np.nan)


def _filled(by_step: Floats) -> Floats:
    return np.asarray(pd.Series(by_step).ffill().bfill().fillna(0.0), dtype=np.float64)
