"""KPIs of selling: revenue and customers, deals won and lost, the pipeline and how fast it moves."""

import numpy as np
import numpy.typing as npt

from data.arrays import Floats
from reports.kpis.account_months import RETENTION_MONTHS
from reports.kpis.kpi import Kpi, Ledger, monthly, quotient, where, yearly


def sold(ledger: Ledger) -> npt.NDArray[np.bool_]:
    """For each reported month whether anything had been sold by its end."""
    return ledger.books.since(ledger.books.first_sale)


def customer_churn(ledger: Ledger) -> Floats:
    """The share of active customers that were active no more at the month's end."""
    start, end = ledger.books.active[:, RETENTION_MONTHS:-1], ledger.books.active[:, RETENTION_MONTHS + 1 :]
    return quotient(ledger.books.sums(start & ~end), ledger.books.sums(start))


def active_customers(ledger: Ledger) -> Floats:
    """Customers active at each month's end."""
    return where(sold(ledger), ledger.books.sums(ledger.books.active[:, RETENTION_MONTHS + 1 :]))


def new_customers(ledger: Ledger) -> Floats:
    """Customers who bought for the first time."""
    return where(sold(ledger), monthly(ledger.books.sums(ledger.books.new_customers)))


def net_revenue(ledger: Ledger) -> Floats:
    """What was earned."""
    return where(sold(ledger), monthly(ledger.books.sums(ledger.books.revenue)))


def average_order(ledger: Ledger) -> Floats:
    """The mean amount of a placed order."""
    return monthly(quotient(ledger.books.sums(ledger.books.placed), ledger.books.sums(ledger.books.orders)))


def win_rate(ledger: Ledger) -> Floats:
    """The share won of the deals closed in the month."""
    won, lost = (ledger.books.sums(part) for part in (ledger.dealings.won, ledger.dealings.lost))
    return monthly(quotient(won, won + lost))


def win_rate_value(ledger: Ledger) -> Floats:
    """The share won of the amount closed in the month."""
    won, lost = (ledger.books.sums(part) for part in (ledger.dealings.won_before, ledger.dealings.lost_before))
    return monthly(quotient(won, won + lost))


def sales_cycle(ledger: Ledger) -> Floats:
    """Mean days from creation to winning, of the deals won in the month."""
    return monthly(quotient(ledger.books.sums(ledger.dealings.days_to_win), ledger.books.sums(ledger.dealings.won)))


def open_deals(ledger: Ledger) -> Floats:
    """How many deals are open at each month's end."""
    return _since_deals(ledger, monthly(ledger.books.sums(ledger.dealings.pipeline[0])))


def pipeline(ledger: Ledger) -> Floats:
    """The amount of deals open at each month's end."""
    return _since_deals(ledger, monthly(ledger.books.sums(ledger.dealings.pipeline[1])))


def velocity(ledger: Ledger) -> Floats:
    """What the pipeline brings a day."""
    sums, deals = ledger.books.sums, ledger.dealings
    parts = (deals.won, deals.lost, deals.won_amount, deals.days_to_win)
    won, lost, amount, days = (yearly(sums(part)) for part in parts)
    return quotient(open_deals(ledger) * quotient(won, won + lost) * quotient(amount, won), quotient(days, won))


def coverage(ledger: Ledger) -> Floats:
    """How many times the pipeline holds what a quarter must bring."""
    won = yearly(ledger.books.sums(ledger.dealings.won_amount))
    return where(
        ledger.books.whole_years_since(ledger.books.began["opportunities"]), quotient(pipeline(ledger), won / 4)
    )


def stage_conversion(ledger: Ledger) -> Floats:
    """The share of deals leaving each stage that went on."""
    _, left, passed = ledger.dealings.stages
    return monthly(quotient(passed, left))


def _since_deals(ledger: Ledger, values: Floats) -> Floats:
    return where(ledger.books.since(ledger.books.began["opportunities"]), values)


SELLING: tuple[Kpi, ...] = (
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
        " they closed (amounts are rewritten then); where the history does not tell, as last known", win_rate_value),
    Kpi("sales_cycle_days", "days", "mean days from creation to closing, of the deals won in the month", sales_cycle),
    Kpi("open_deals", "count", "deals created and not closed by the month's end", open_deals),
    Kpi("pipeline", "money", "sum of the amounts of deals open at the month's end, as they then were; where the history"
        " does not tell, as last known", pipeline),
    Kpi("pipeline_velocity", "money a day", "open_deals at the month's end × win rate × mean amount won ÷ mean days"
        " from creation to winning; but for the first, of the 12 months that end with the month", velocity),
    Kpi("coverage", "times", "pipeline ÷ amount won in a quarter, on average of the 12 months that end with the month:"
        " the need of a quarter like those, since the contract holds no targets", coverage),
    Kpi("stage_conversion", "share", "of the deals that left a stage in the month, those that went to another or were"
        " won", stage_conversion, by="stage"),
)  # fmt: skip
