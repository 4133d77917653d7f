"""The company's key figures of the last complete months, each with its definition, for the whole and by region."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from data.scoring import KPIS, conform
from features.company import Company
from reports.books import MONTHS, RETENTION_MONTHS, Books, Money, Numbers

ACQUIRING_TEAMS = ("sales", "marketing")
"""Whose costs are the costs of acquiring customers."""
MOVEMENTS = ("new", "reactivation", "expansion", "contraction", "churn")


@dataclass(frozen=True)
class Kpi:
    """One figure: ``of`` returns one row per slice and one column per reported month, NaN where it says nothing."""

    name: str
    unit: Literal["money", "share", "days", "count"]
    definition: str
    of: Callable[[Books], Numbers]
    version: int = 1


def key_figures(company: Company) -> pd.DataFrame:
    """One row per KPI, month (its first day) and slice where there is anything to say: ``data.scoring.KPIS``.

    Money is in the reporting currency, rounded to cents; shares are between 0 and 1 (retention may be more).
    """
    books = Books(company)
    frames = [_rows(kpi, books) for kpi in DEFINITIONS]
    return conform(pd.concat(frames, ignore_index=True), KPIS)


def _rows(kpi: Kpi, books: Books) -> pd.DataFrame:
    values = kpi.of(books)
    slice_at, month_at = np.nonzero(~np.isnan(values))
    unit = books.company.currency if kpi.unit == "money" else kpi.unit
    return pd.DataFrame(
        {
            "kpi": kpi.name,
            "period": [books.months[month] for month in month_at],
            "slice": [list(books.slices)[place] for place in slice_at],
            "value": values[slice_at, month_at].round(6 if kpi.unit == "share" else 2),
            "unit": unit,
            "definition": kpi.definition,
            "definition_version": kpi.version,
        }
    )


def mrr(books: Books) -> Numbers:
    """Monthly recurring revenue at each month's end."""
    return _since_subscriptions(books, books.sums(books.mrr[:, RETENTION_MONTHS + 1 :]) / 100)


def mrr_start(books: Books) -> Numbers:
    """Monthly recurring revenue at each month's beginning."""
    return _since_subscriptions(books, books.sums(books.mrr[:, RETENTION_MONTHS:-1]) / 100)


def movement(books: Books, kind: str) -> Numbers:
    """How much monthly recurring revenue each month won or lost in one of the five ways."""
    start, end = books.mrr[:, RETENTION_MONTHS:-1], books.mrr[:, RETENTION_MONTHS + 1 :]
    before = books.subscribed_before[:, RETENTION_MONTHS:-1]
    moved: Money = {
        "new": np.where((start == 0) & ~before, end, 0),
        "reactivation": np.where((start == 0) & before, end, 0),
        "expansion": np.where((start > 0) & (end > start), end - start, 0),
        "contraction": np.where((end > 0) & (end < start), start - end, 0),
        "churn": np.where(end == 0, start, 0),
    }[kind]
    return _since_subscriptions(books, books.sums(moved) / 100)


def net_retention(books: Books) -> Numbers:
    """What is left and added of the recurring revenue of a year ago."""
    now, then = books.mrr[:, RETENTION_MONTHS + 1 :], books.mrr[:, 1 : MONTHS + 1]
    return _quotient(books.sums(np.where(then > 0, now, 0)), books.sums(then))


def gross_retention(books: Books) -> Numbers:
    """What is left of the recurring revenue of a year ago, account by account, without what was added."""
    now, then = books.mrr[:, RETENTION_MONTHS + 1 :], books.mrr[:, 1 : MONTHS + 1]
    return _quotient(books.sums(np.minimum(now, then)), books.sums(then))


def logo_churn(books: Books) -> Numbers:
    """The share of subscribers that a month lost."""
    start, end = books.mrr[:, RETENTION_MONTHS:-1] > 0, books.mrr[:, RETENTION_MONTHS + 1 :] > 0
    return _quotient(books.sums(start & ~end), books.sums(start))


def customer_churn(books: Books) -> Numbers:
    """The share of active customers that were active no more at the month's end."""
    start, end = books.active[:, RETENTION_MONTHS:-1], books.active[:, RETENTION_MONTHS + 1 :]
    return _quotient(books.sums(start & ~end), books.sums(start))


def active_customers(books: Books) -> Numbers:
    """Customers active at each month's end."""
    return _since_sales(books, books.sums(books.active[:, RETENTION_MONTHS + 1 :]))


def new_customers(books: Books) -> Numbers:
    """Customers who bought for the first time."""
    return _since_sales(books, books.sums(books.new_customers))


def net_revenue(books: Books) -> Numbers:
    """What was earned."""
    return _since_sales(books, books.sums(books.net_orders + books.recurring))


def average_order(books: Books) -> Numbers:
    """The mean amount of a placed order."""
    return _quotient(books.sums(books.placed), books.sums(books.orders))


def win_rate(books: Books) -> Numbers:
    """The share won of the deals closed in the month."""
    won, lost = books.sums(books.closed("won")), books.sums(books.closed("lost"))
    return _quotient(won, won + lost)


def sales_cycle(books: Books) -> Numbers:
    """Mean days from creation to winning, of the deals won in the month."""
    days = (books.deals["closed_at"] - books.deals["created_at"]).dt.total_seconds() / 86400
    return _quotient(books.sums(books.closed("won", days)), books.sums(books.closed("won")))


def pipeline(books: Books) -> Numbers:
    """The amount of deals open at each month's end."""
    return np.where(books.since("opportunities", "created_at"), books.sums(books.pipeline), np.nan)


def acquisition_cost(books: Books) -> Numbers:
    """What a new customer cost. Costs have no region: for the whole only."""
    cost = _quotient(books.costs(ACQUIRING_TEAMS)[None, :], books.sums(books.new_customers)[:1])
    nothing = np.full((len(books.slices) - 1, MONTHS), np.nan)
    return np.vstack([cost, nothing])


def _since_subscriptions(books: Books, values: Numbers) -> Numbers:
    """The values, NaN in the months before there were subscriptions."""
    return np.where(books.since("subscriptions", "started_at"), values, np.nan)


def _since_sales(books: Books, values: Numbers) -> Numbers:
    """The values, NaN in the months before there were orders or subscriptions."""
    begun = books.since("subscriptions", "started_at") | books.since("orders", "ordered_at")
    return np.where(begun, values, np.nan)


def _quotient(part: Numbers, whole: Numbers) -> Numbers:
    """The quotient, NaN where there is nothing to divide by."""
    quotient: Numbers = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return quotient


def _movement(kind: str) -> Callable[[Books], Numbers]:
    return lambda books: movement(books, kind)


_SAYS: dict[str, str] = {
    "new": "MRR at the month's end of accounts without any at its beginning that never paid for a subscription before",
    "reactivation": "MRR at the month's end of accounts without any at its beginning that had paid for one before",
    "expansion": "rise of MRR from beginning to end of the month, of accounts that had some at its beginning",
    "contraction": "fall of MRR from beginning to end of the month, of accounts that kept some",
    "churn": "MRR at the month's beginning of accounts without any at its end",
}

DEFINITIONS: tuple[Kpi, ...] = (
    Kpi("mrr", "money", "sum of mrr of the subscriptions active at the month's last instant: started, not ended", mrr),
    Kpi("mrr_start", "money", "mrr at the end of the month before", mrr_start),
    *(
        Kpi(f"mrr_{kind}", "money", f"{_SAYS[kind]}. By account; what begins and ends within one month does not count:"
            " mrr_start + new + reactivation + expansion − contraction − churn = mrr", _movement(kind))
        for kind in MOVEMENTS
    ),
    Kpi("arr", "money", "12 × mrr", lambda books: 12 * mrr(books)),
    Kpi("nrr", "share", "mrr at the month's end of the accounts that had some 12 months before, over what they had"
        " then", net_retention),
    Kpi("grr", "share", "sum over accounts of the smaller of mrr now and mrr 12 months before, over mrr 12 months"
        " before", gross_retention),
    Kpi("logo_churn", "share", "accounts with mrr at the month's beginning and none at its end, over those with mrr at"
        " its beginning", logo_churn),
    Kpi("customer_churn", "share", "active customers at the month's beginning who are not at its end, over those at"
        " its beginning", customer_churn),
    Kpi("active_customers", "count", "accounts that at the month's end have mrr or placed an order in the last 90 days",
        active_customers),
    Kpi("new_customers", "count", "accounts whose first placed order or first subscription is of the month",
        new_customers),
    Kpi("net_revenue", "money", "orders that were not cancelled, returns deducted on the day they came back, plus mrr"
        " of subscriptions spread over the days of each month", net_revenue),
    Kpi("average_order_value", "money", "amount of placed lines over number of orders with any", average_order),
    Kpi("win_rate", "share", "deals won over deals won or lost, of those closed in the month", win_rate),
    Kpi("sales_cycle_days", "days", "mean days from creation to closing, of the deals won in the month", sales_cycle),
    Kpi("pipeline", "money", "sum of the amounts of deals open at the month's end, as they then were; where the history"
        " does not tell, as last known", pipeline),
    Kpi("cac", "money", "costs of sales and marketing in the month over new customers of the month", acquisition_cost),
)  # fmt: skip
