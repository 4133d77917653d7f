"""Sales KPIs: revenue and customers, win rates, pipeline and velocity."""

import numpy as np
import numpy.typing as npt

from data.arrays import Floats
from reports.kpis.account_months import RETENTION_MONTHS
from reports.kpis.kpi import Kpi, KpiInputs, ratio, reported_months, trailing_year, where_known


def any_sale_yet(inputs: KpiInputs) -> npt.NDArray[np.bool_]:
    """For each reported month, whether the first sale was before its end."""
    return inputs.account_months.before_month_ends(inputs.account_months.first_sale_at)


def customer_churn(inputs: KpiInputs) -> Floats:
    """Share of the customers active at the month's beginning that are not active at its end."""
    start, end = (
        inputs.account_months.is_active[:, RETENTION_MONTHS:-1],
        inputs.account_months.is_active[:, RETENTION_MONTHS + 1 :],
    )
    return ratio(inputs.sum_by_slice(start & ~end), inputs.sum_by_slice(start))


def active_customers(inputs: KpiInputs) -> Floats:
    """Number of customers active at each month's end."""
    return where_known(
        any_sale_yet(inputs), inputs.sum_by_slice(inputs.account_months.is_active[:, RETENTION_MONTHS + 1 :])
    )


def new_customers(inputs: KpiInputs) -> Floats:
    """Number of accounts with their first order or subscription in the month."""
    return where_known(any_sale_yet(inputs), reported_months(inputs.sum_by_slice(inputs.account_months.new_customers)))


def net_revenue(inputs: KpiInputs) -> Floats:
    """Net revenue of the month."""
    return where_known(any_sale_yet(inputs), reported_months(inputs.sum_by_slice(inputs.account_months.revenue)))


def average_order(inputs: KpiInputs) -> Floats:
    """The mean amount of a placed order."""
    return reported_months(
        ratio(
            inputs.sum_by_slice(inputs.account_months.placed_amount),
            inputs.sum_by_slice(inputs.account_months.order_count),
        )
    )


def win_rate(inputs: KpiInputs) -> Floats:
    """The share won of the deals closed in the month."""
    won, lost = (inputs.sum_by_slice(part) for part in (inputs.deal_months.won_count, inputs.deal_months.lost_count))
    return reported_months(ratio(won, won + lost))


def win_rate_value(inputs: KpiInputs) -> Floats:
    """The share won of the amount closed in the month."""
    won, lost = (
        inputs.sum_by_slice(part)
        for part in (inputs.deal_months.won_amount_before_close, inputs.deal_months.lost_amount_before_close)
    )
    return reported_months(ratio(won, won + lost))


def sales_cycle(inputs: KpiInputs) -> Floats:
    """Mean days from creation to winning, of the deals won in the month."""
    return reported_months(
        ratio(inputs.sum_by_slice(inputs.deal_months.days_to_win), inputs.sum_by_slice(inputs.deal_months.won_count))
    )


def open_deals(inputs: KpiInputs) -> Floats:
    """Number of deals open at each month's end."""
    return _where_deals_known(inputs, reported_months(inputs.sum_by_slice(inputs.deal_months.open_count_and_amount[0])))


def pipeline(inputs: KpiInputs) -> Floats:
    """The amount of deals open at each month's end."""
    return _where_deals_known(inputs, reported_months(inputs.sum_by_slice(inputs.deal_months.open_count_and_amount[1])))


def velocity(inputs: KpiInputs) -> Floats:
    """Pipeline velocity: open deals × win rate × mean won amount ÷ mean days to win, per day."""
    sums, deals = inputs.account_months.sum_by_slice, inputs.deal_months
    parts = (deals.won_count, deals.lost_count, deals.won_amount, deals.days_to_win)
    won, lost, amount, days = (trailing_year(sums(part)) for part in parts)
    return ratio(open_deals(inputs) * ratio(won, won + lost) * ratio(amount, won), ratio(days, won))


def coverage(inputs: KpiInputs) -> Floats:
    """Pipeline over the mean amount won in a quarter of the trailing year."""
    won = trailing_year(inputs.sum_by_slice(inputs.deal_months.won_amount))
    return where_known(
        inputs.account_months.full_year_since(inputs.account_months.first_fact_at["opportunities"]),
        ratio(pipeline(inputs), won / 4),
    )


def stage_conversion(inputs: KpiInputs) -> Floats:
    """Share of the deals leaving each stage that advanced or were won."""
    _, left, passed = inputs.deal_months.stage_exits
    return reported_months(ratio(passed, left))


def _where_deals_known(inputs: KpiInputs, values: Floats) -> Floats:
    return where_known(
        inputs.account_months.before_month_ends(inputs.account_months.first_fact_at["opportunities"]), values
    )


SALES: tuple[Kpi, ...] = (
    Kpi("net_revenue", "money", "orders that were not cancelled, returns deducted on the day they came back, plus mrr"
        " of subscriptions spread over the days of each month", net_revenue),
    Kpi("active_customers", "count", "accounts that at the month's end have mrr or placed an order in the last 90 days",
        active_customers),
    Kpi("new_customers", "count", "accounts whose first placed order or first subscription is of the month",
        new_customers),
    Kpi("customer_churn", "share", "active customers at the month's beginning who are not at its end, over those at"
        " its beginning", customer_churn),
    Kpi("average_order_value", "money", "amount of placed lines over number of orders with any", average_order),
    Kpi("win_rate", "share", "deals won over deals won or lost, of those closed in the month", win_rate),
    Kpi("win_rate_value", "share", "amount of deals won over that of deals won or lost in the month, as it stood before"
        " they closed (amounts are rewritten then); without a history, as last known", win_rate_value),
    Kpi("sales_cycle_days", "days", "mean days from creation to closing, of the deals won in the month", sales_cycle),
    Kpi("open_deals", "count", "deals created and not closed by the month's end", open_deals),
    Kpi("pipeline", "money", "sum of the amounts of deals open at the month's end, as they then were; without a"
        " history, as last known", pipeline),
    Kpi("pipeline_velocity", "money a day", "open_deals at the month's end × win rate × mean amount won ÷ mean days"
        " from creation to winning; but for the first, of the 12 months that end with the month", velocity),
    Kpi("coverage", "times", "pipeline ÷ amount won in a quarter, on average of the 12 months that end with the month:"
        " the need of a quarter like those, since the contract holds no targets", coverage),
    Kpi("stage_conversion", "share", "of the deals that left a stage in the month, those that went to another or were"
        " won", stage_conversion, by="stage"),
)  # fmt: skip
