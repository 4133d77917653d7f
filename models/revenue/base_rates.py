"""The company's base rates: how contracts end, grow and are replaced, and how deals are won and what wins bring.

Each rate is an average over a window before a date (``CONTRACT_DAYS``, ``DEAL_DAYS``), of what was known by then.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.company import Company
from features.revenue.bookings import (
    closed_deals,
    first_stage_dates,
    open_deal_bookings,
    orders_around_wins,
    orders_by_cohort,
    subscription_bookings,
    win_rate_by_stage,
)
from features.subscriptions.succession import MAX_GAP_DAYS, MIN_MRR_CHANGE
from models.deals.competing_risks import EDGES
from models.revenue.period_grid import N_MONTHS
from models.survival.curves import SurvivalCurve

CONTRACT_DAYS, DEAL_DAYS = 365, 730
MONTH_DAYS = 30
WIN_DAYS = 31
"""Contracts that start or end, and orders, this near to a win of the same account are attributed to it."""
MAX_UPLIFT, MAX_YIELD = 2.0, 1.0
MAX_RATE = 1 - 1e-6
DEFAULT_SALES_CYCLE_DAYS = 90.0


def daily_hazard(monthly_rate: float) -> float:
    """The constant hazard per day of a monthly probability."""
    return float(-np.log1p(-min(monthly_rate, MAX_RATE)) / MONTH_DAYS)


@dataclass(frozen=True)
class BaseRates:
    """Rates as of a date; each is defined by the function of its name.

    ``win_rates`` (by stage), ``one_off_yield`` and ``recurring_yield`` (by kind of deal) hold that of all deals under
    ``""``. ``repeat_rate`` and ``new_business_rate`` hold one value per month ahead
    (``models.revenue.run_rate_backtest``).
    """

    churn_rate: float
    expansion_rate: float
    expansion_uplift: float
    win_rates: dict[str, float]
    sales_cycle_days: float
    typical_amount: float
    one_off_yield: dict[str, float]
    recurring_yield: dict[str, float]
    repeat_rate: tuple[float, ...] = (0.0,) * N_MONTHS
    new_business_rate: tuple[float, ...] = (0.0,) * N_MONTHS
    replacement_rate: float = 0.0
    replacement_share: float = 0.0

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "BaseRates":
        """From ``state``."""
        by_month = {name: tuple(state[name]) for name in ("repeat_rate", "new_business_rate")}
        return cls(**{**state, **by_month})

    def win_curves(self, deals: pd.DataFrame) -> SurvivalCurve:
        """One curve per deal: its stage's win rate times an exponential time to close of mean ``sales_cycle_days``."""
        ever = deals["stage"].map(self.win_rates).fillna(self.win_rates[""]).to_numpy(dtype=np.float64)
        closed = 1 - np.exp(-np.array(EDGES[1:], dtype=np.float64) / max(self.sales_cycle_days, 1.0))
        return SurvivalCurve.from_incidence(EDGES[1:], ever[:, None] * closed[None, :])

    def with_yields(self, deals: pd.DataFrame) -> pd.DataFrame:
        """The deals with ``one_off_yield`` and ``recurring_yield`` of their kind; a missing amount is typical."""
        kind = deals["kind"].fillna("")
        yields = {
            name: kind.map(by_kind).fillna(by_kind[""]).astype("float64")
            for name, by_kind in (("one_off_yield", self.one_off_yield), ("recurring_yield", self.recurring_yield))
        }
        return deals.assign(amount=deals["amount"].astype("float64").fillna(self.typical_amount), **yields)


@dataclass(frozen=True)
class BookingHistory:
    """What base rates are averages of: contracts, deals open on some dates, closed deals with what they brought
    (``new_mrr``, ``new_orders``), the stages that deals reached, and orders by month and cohort of the account."""

    contracts: pd.DataFrame
    open_deals: pd.DataFrame
    closed_deals: pd.DataFrame
    stages: pd.DataFrame
    cohorts: pd.DataFrame

    @classmethod
    def from_company(cls, company: Company, dates: Sequence[date]) -> "BookingHistory":
        """The history of a company, with its open deals as they stood on some dates."""
        subscriptions, closed = subscription_bookings(company), closed_deals(company)
        return cls(
            subscriptions,
            open_deal_bookings(company, dates),
            _with_attributed_revenue(company, closed, subscriptions),
            first_stage_dates(company),
            orders_by_cohort(company),
        )

    def contracts_running_on(self, day: date) -> pd.DataFrame:
        """Contracts that had started and not ended before a date."""
        as_of, subscriptions = pd.Timestamp(day), self.contracts
        return subscriptions[(subscriptions["started"] < as_of) & ~(subscriptions["ended"] < as_of)]

    def deals_open_on(self, day: date) -> pd.DataFrame:
        """Deals that were open on one of the dates of the history."""
        return self.open_deals[self.open_deals["as_of"] == pd.Timestamp(day)]

    def rates_at(self, day: date) -> BaseRates:
        """The rates as of a date; those by month ahead are zero (``RunRateBacktest`` has them)."""
        as_of = pd.Timestamp(day)
        window = ContractWindow.before(self.contracts, as_of)
        closed = self.closed_deals[self.closed_deals["closed"] < as_of]
        closed = closed[closed["closed"] >= as_of - pd.Timedelta(days=DEAL_DAYS)]
        won = closed[closed["won"].astype(bool)]
        attributed = won[won["closed"] < as_of - pd.Timedelta(days=WIN_DAYS)]
        return BaseRates(
            churn_rate=monthly_churn_rate(window),
            expansion_rate=expansion_rate(window),
            expansion_uplift=expansion_uplift(window),
            win_rates=win_rate_by_stage(closed, self.stages[self.stages["reached"] < as_of]),
            sales_cycle_days=sales_cycle_days(won),
            typical_amount=typical_amount(won),
            one_off_yield=yield_by_kind(attributed, "new_orders"),
            recurring_yield=yield_by_kind(attributed, "new_mrr"),
            replacement_rate=monthly_replacement_rate(window),
            replacement_share=renewal_replacement_share(window),
        )


def _with_attributed_revenue(company: Company, closed: pd.DataFrame, subscriptions: pd.DataFrame) -> pd.DataFrame:
    """Closed deals with ``new_mrr``, of contracts that started less of those that ended within ``WIN_DAYS`` of the win,
    and ``new_orders``, orders in the ``WIN_DAYS`` after it less those before."""
    won = closed[closed["won"].astype(bool)]
    nearby = won.merge(subscriptions[["account_id", "mrr", "started", "ended"]], on="account_id")
    started, ended = (
        ((nearby[name] - nearby["closed"]).dt.days.abs() <= WIN_DAYS).astype(float) for name in ("started", "ended")
    )
    new_mrr = (nearby["mrr"] * (started - ended)).groupby(nearby["opportunity_id"]).sum()
    orders = orders_around_wins(company, won, WIN_DAYS).set_index("opportunity_id")
    new_orders = orders["after"] - orders["before"]
    ids = closed["opportunity_id"]
    return closed.assign(
        new_mrr=ids.map(new_mrr).fillna(0.0), new_orders=ids.map(new_orders).astype("float64").fillna(0.0)
    )


@dataclass(frozen=True)
class ContractWindow:
    """Contracts in the year before a date: ``mrr_months`` (MRR × months running in it, of each contract), those that
    ``ended``, and those whose term was ``due``. The two leave out the latest days, whose successors may yet follow."""

    contracts: pd.DataFrame
    mrr_months: "pd.Series[float]"
    ended: pd.DataFrame
    due: pd.DataFrame
    settled: pd.Timestamp

    @classmethod
    def before(cls, contracts: pd.DataFrame, as_of: pd.Timestamp) -> "ContractWindow":
        """The window of ``CONTRACT_DAYS`` before a date."""
        since, settled = as_of - pd.Timedelta(days=CONTRACT_DAYS), as_of - pd.Timedelta(days=MAX_GAP_DAYS)
        started = contracts["started"].where(contracts["started"] > since, since)
        ended = contracts["ended"].where(contracts["ended"] < as_of, as_of)
        months = (ended - started).dt.days.clip(lower=0) / MONTH_DAYS
        return cls(
            contracts,
            contracts["mrr"] * months,
            contracts[(contracts["ended"] >= since) & (contracts["ended"] < settled)],
            contracts[(contracts["term"] >= since) & (contracts["term"] < settled)],
            settled,
        )

    @property
    def replaced(self) -> pd.DataFrame:
        """Contracts that ended and had a successor."""
        return self.ended[self.ended["next_mrr"].notna()]

    @property
    def expanded(self) -> pd.DataFrame:
        """Contracts that ended and had a successor of a larger MRR."""
        return self.ended[self.ended["next_mrr"] > self.ended["mrr"] * (1 + MIN_MRR_CHANGE)]


def monthly_churn_rate(window: ContractWindow) -> float:
    """MRR that ended without a successor / MRR-months."""
    churned = window.ended[window.ended["next_mrr"].isna()]
    return _ratio(float(churned["mrr"].sum()), float(window.mrr_months.sum()))


def expansion_rate(window: ContractWindow) -> float:
    """MRR of contracts replaced by larger ones / MRR-months."""
    return _ratio(float(window.expanded["mrr"].sum()), float(window.mrr_months.sum()))


def expansion_uplift(window: ContractWindow) -> float:
    """MRR that successors added / MRR of the contracts that they expanded; at most ``MAX_UPLIFT``."""
    expanded = window.expanded
    added = float((expanded["next_mrr"] - expanded["mrr"]).sum())
    return min(_ratio(added, float(expanded["mrr"].sum())), MAX_UPLIFT)


def monthly_replacement_rate(window: ContractWindow) -> float:
    """MRR without a term that was replaced / MRR-months without a term."""
    replaced = window.replaced
    exposure = float(window.mrr_months[window.contracts["term"].isna()].sum())
    return _ratio(float(replaced.loc[replaced["term"].isna(), "mrr"].sum()), exposure)


def renewal_replacement_share(window: ContractWindow) -> float:
    """MRR due and replaced by another contract / MRR due that was replaced or ran on."""
    due = window.due
    ran_on = float(due.loc[~(due["ended"] < window.settled), "mrr"].sum())
    replaced = float(due.loc[due["subscription_id"].isin(window.replaced["subscription_id"]), "mrr"].sum())
    return replaced / (replaced + ran_on) if replaced else 0.0


def sales_cycle_days(won: pd.DataFrame) -> float:
    """Mean days from creation to close of won deals; ``DEFAULT_SALES_CYCLE_DAYS`` without any."""
    return float((won["closed"] - won["created"]).dt.days.mean()) if len(won) else DEFAULT_SALES_CYCLE_DAYS


def typical_amount(won: pd.DataFrame) -> float:
    """Median amount of won deals; 0 without any."""
    return float(won["amount"].median()) if won["amount"].notna().any() else 0.0


def yield_by_kind(won: pd.DataFrame, revenue: str) -> dict[str, float]:
    """Revenue (a column) that wins brought / their amounts, by kind and of all (``""``); within 0 and ``MAX_YIELD``."""
    priced = won[won["amount"] > 0]

    def share(deals: pd.DataFrame) -> float:
        return float(np.clip(_ratio(deals[revenue].sum(), float(deals["amount"].sum())), 0.0, MAX_YIELD))

    return {"": share(priced), **{str(kind): share(deals) for kind, deals in priced.groupby("kind")}}


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
