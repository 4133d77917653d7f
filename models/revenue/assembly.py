"""The revenue forecast of a company, assembled from the scores of its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.company import Company
from features.revenue.bookings import daily_orders, open_deal_bookings, order_dimensions, subscription_bookings
from models.deals.competing_risks import EDGES
from models.revenue.allocation import AllocationInputs, allocate
from models.revenue.base_rates import BaseRates
from models.revenue.cash_flows import CashFlows, contract_cash_flows, contract_items, deal_cash_flows, deal_items
from models.revenue.contract_probabilities import contract_probabilities
from models.revenue.forecast_parameters import ForecastParameters
from models.revenue.forecast_table import driver_table, forecast_table, line_item_table
from models.revenue.period_grid import PeriodGrid
from models.revenue.segments import YEAR_DAYS, SegmentIndex, SegmentRevenue
from models.survival.curves import SurvivalCurve


@dataclass(frozen=True)
class RevenueForecast:
    """``forecast``: one row per node, grain and period (``data.outputs.score_tables.REVENUE_FORECAST``);
    ``line_items`` and ``drivers``: its terms (``models.revenue.forecast_table``)."""

    forecast: pd.DataFrame
    line_items: pd.DataFrame
    drivers: pd.DataFrame


def assemble_forecast(company: Company, frames: Mapping[str, pd.DataFrame]) -> RevenueForecast:
    """The revenue forecast as of the company's date.

    ``frames`` hold ``top_down_forecasts`` and ``forecast_parameters``, and, where these models scored, the scores of
    contracts (``subscription_churn``, ``expansion``) and of deals (``win``, ``win_curves``).
    """
    top_down = frames["top_down_forecasts"]
    parameters = ForecastParameters.from_frame(frames["forecast_parameters"])
    grid = PeriodGrid.from_date(company.as_of)
    subscriptions = subscription_bookings(company)
    flows, recognized = expected_cash_flows(company, subscriptions, frames, parameters.rates, grid)
    since = min(grid.first_day[0].astype(object), company.as_of - timedelta(days=YEAR_DAYS))
    orders = daily_orders(company, since)
    index = SegmentIndex.from_tables(top_down, flows.items, subscriptions, order_dimensions(company))
    inputs = AllocationInputs(
        top_down,
        index,
        SegmentRevenue.from_items(index, flows, recognized, orders, grid, company),
        parameters.rates,
        parameters.top_down_weight,
        grid.weekdays @ parameters.weekday_profile,
        grid,
    )
    allocation = allocate(inputs)
    return RevenueForecast(
        forecast_table(allocation, inputs, parameters.label), line_item_table(inputs), driver_table(allocation, inputs)
    )


def expected_cash_flows(
    company: Company,
    subscriptions: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    rates: BaseRates,
    grid: PeriodGrid,
) -> tuple[CashFlows, Floats]:
    """Cash flows of contracts and open deals, and items × sub-periods: what each has earned since the grid began.

    Contracts that ended since then are items too, with nothing ahead.
    """
    start, now = pd.Timestamp(grid.first_day[0]), pd.Timestamp(company.as_of)
    current = subscriptions[(subscriptions["started"] < now) & ~(subscriptions["ended"] <= start)]
    current = current.reset_index(drop=True)
    churn, expansion = contract_probabilities(current, now, frames, rates)
    items = contract_items(current).assign(ended=current["ended"])
    running = contract_cash_flows(items, churn, expansion, rates.expansion_uplift, grid)
    ended = (current["ended"] < now).to_numpy()
    for amounts in (running.recurring, running.expansion, running.potential):
        amounts[ended] = 0.0
    deals = rates.with_yields(open_deal_bookings(company, [company.as_of]))
    deals, won = _scored_deals(deals, rates.win_curves(deals), frames)
    pending = deal_cash_flows(deal_items(deals), won, grid)
    recognized = np.vstack([recognized_revenue(current, grid), np.zeros((len(deals), len(grid.days)))])
    return CashFlows.concat(running, pending), recognized


def _scored_deals(
    deals: pd.DataFrame, by_rate: SurvivalCurve, frames: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, SurvivalCurve]:
    """The deals and their curves of winning, with the scores of the model ``win`` where there are some: its
    probabilities, and its expected amount, to which both yields are scaled."""
    if "win_curves" not in frames or not len(deals):
        return deals, by_rate
    wide = frames["win_curves"].pivot(index="opportunity_id", columns="days", values="won")
    scored = wide.reindex(index=deals["opportunity_id"], columns=list(EDGES[1:])).to_numpy(dtype=np.float64)
    won = SurvivalCurve.from_incidence(EDGES[1:], np.where(np.isnan(scored), by_rate.at_knots, scored))
    expected = deals["opportunity_id"].map(frames["win"].set_index("opportunity_id")["expected_amount"])
    scale = (expected.astype("float64") / deals["amount"]).where(deals["amount"] > 0).fillna(1.0)
    yields = {name: deals[name] * scale for name in ("one_off_yield", "recurring_yield")}
    return deals.assign(**yields), won


def recognized_revenue(subscriptions: pd.DataFrame, grid: PeriodGrid) -> Floats:
    """Contracts × sub-periods: what each earned before the date, its MRR accrued evenly over the days of a month."""
    first, end = grid.first_day, grid.first_day + grid.days
    started, ended = (subscriptions[name].to_numpy().astype("datetime64[D]")[:, None] for name in ("started", "ended"))
    ended = np.where(np.isnat(ended), end[-1], ended)
    days = (np.minimum(ended, end[None, :]) - np.maximum(started, first[None, :])).astype(np.float64)
    share = np.clip(days, 0.0, None) / grid.days * grid.month_share * np.where(grid.ahead, 0.0, 1.0)
    recognized: Floats = subscriptions["mrr"].to_numpy(dtype=np.float64)[:, None] * share
    return recognized
