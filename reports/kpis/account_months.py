"""Account × month matrices of sales and subscriptions: KPIs are sums and ratios of these.

One row per account, the last one for rows without an account; one column per month (or per instant between months) of
the ``N_MONTHS`` before ``as_of``. MRR is in whole cents, so that its movements add up exactly.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats, Ints
from data.calendar import first_instant
from data.contract import TABLES
from features.company import Company
from features.local_time import Clock
from features.order_lines import is_net, is_placed, placed_order_lines
from features.point_in_time import earliest
from features.revenue.dimensions import UNKNOWN
from features.subscriptions.accrual import accrued_revenue

REPORTED_MONTHS = 12
"""How many complete months are reported."""
RETENTION_MONTHS = 12
"""How many months before the reported ones are read, for retention and trailing years."""
N_MONTHS = REPORTED_MONTHS + RETENTION_MONTHS
ACTIVE_DAYS = 90
"""A customer without a subscription is active for this many days after an order."""
DAY = timedelta(days=1)
SLICE_COLUMNS = ("region", "segment")


@dataclass(frozen=True)
class AccountMonths:
    """Account × month matrices of a company as of its date; each is computed when it is first read."""

    company: Company

    @cached_property
    def month_starts(self) -> list[date]:
        """First days of all ``N_MONTHS`` months, and of the month after them."""
        current = self.company.as_of.replace(day=1)
        months = (current.year * 12 + current.month - 1) - np.arange(REPORTED_MONTHS + RETENTION_MONTHS, -1, -1)
        return [date(int(month) // 12, int(month) % 12 + 1, 1) for month in months]

    @property
    def months(self) -> list[date]:
        """First days of the reported months, oldest first: all over by the company's date."""
        return self.month_starts[RETENTION_MONTHS:-1]

    @cached_property
    def month_instants(self) -> list[datetime]:
        """First instants of ``month_starts``, naive UTC."""
        return [first_instant(day, self.company.timezone) for day in self.month_starts]

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row per account, in the order of every matrix's rows: ``account_id, region, segment``."""
        accounts = self.company.tables["accounts"]
        frame: pd.DataFrame = accounts.select("account_id", *SLICE_COLUMNS).order_by("account_id").execute()
        return frame

    @cached_property
    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        """The row mask of each slice: ``total``, then ``region:<region>`` and ``segment:<segment>`` where known."""
        masks = {"total": np.ones(len(self.accounts) + 1, dtype=bool)}
        for column in SLICE_COLUMNS:
            values = self.accounts[column].astype(object)
            if values.notna().any():
                row_values = np.append(values.where(values.notna(), UNKNOWN).to_numpy(dtype=object), UNKNOWN)
                masks |= {f"{column}:{value}": row_values == value for value in sorted(set(row_values))}
        return masks

    def sum_by_slice(self, matrix: npt.NDArray[np.generic]) -> Floats:
        """The matrix summed over the accounts of each slice: one row per slice."""
        return np.array([matrix[rows].sum(axis=0) for rows in self.slices.values()], dtype=float)

    def before_month_ends(self, first: datetime) -> npt.NDArray[np.bool_]:
        """For each reported month, whether the instant is before its end."""
        return np.array([first < end for end in self.month_instants[RETENTION_MONTHS + 1 :]])

    def full_year_since(self, first: datetime) -> npt.NDArray[np.bool_]:
        """For each reported month, whether the twelve months that end with it begin at or after the instant."""
        return np.array([first <= begin for begin in self.month_instants[1 : REPORTED_MONTHS + 1]])

    @property
    def first_sale_at(self) -> datetime:
        """When the first order or subscription began; ``datetime.max`` if there is none."""
        return min(self.first_fact_at["orders"], self.first_fact_at["subscriptions"])

    @cached_property
    def first_fact_at(self) -> dict[str, datetime]:
        """The earliest fact of orders, subscriptions and opportunities; ``datetime.max`` for an empty table."""
        tables, names = self.company.tables, ("orders", "subscriptions", "opportunities")
        return {name: earliest(tables[name][TABLES[name].happened_at]) or datetime.max for name in names}

    @cached_property
    def mrr_cents(self) -> Ints:
        """Monthly recurring revenue (cents) of each account just before each of ``instants``."""
        subscriptions = self.company.tables["subscriptions"]
        joined = subscriptions.select("account_id", "mrr", "started_at", "ended_at").cross_join(
            self.month_instants_table
        )
        active = joined.filter(
            joined.started_at < joined.until_at, joined.ended_at.isnull() | (joined.ended_at >= joined.until_at)
        )
        cents = active.group_by("account_id", "month_index").agg(value=active.mrr.sum() * 100)
        return np.rint(self._matrix(cents, len(self.month_instants))).astype(np.int64)

    @cached_property
    def had_subscribed(self) -> npt.NDArray[np.bool_]:
        """Whether each account had ever paid for a subscription before each of ``instants``."""
        paid = self.company.tables["subscriptions"].filter(lambda t: t.mrr > 0)
        first = paid.group_by("account_id").agg(first_at=paid.started_at.min()).execute()
        first_paid_at = np.full(len(self.accounts) + 1, np.datetime64("NaT"), dtype="datetime64[us]")
        first_paid_at[self.row_index(first["account_id"])] = first["first_at"].to_numpy(dtype="datetime64[us]")
        return first_paid_at[:, None] < np.array(self.month_instants, dtype="datetime64[us]")[None, :]

    @cached_property
    def revenue(self) -> Floats:
        """Net orders plus recognized recurring revenue, by month."""
        return self.net_orders + self.recurring_revenue

    @cached_property
    def net_orders(self) -> Floats:
        """Order amounts net of returns, by month."""
        return self._order_matrix(is_net, lambda t: t.amount.sum())

    @cached_property
    def placed_amount(self) -> Floats:
        """Amounts of placed order lines, by month."""
        return self._order_matrix(is_placed, lambda t: t.amount.sum())

    @cached_property
    def order_count(self) -> Floats:
        """Number of placed orders, by month."""
        return self._order_matrix(is_placed, lambda t: t.order_id.nunique())

    @cached_property
    def recurring_revenue(self) -> Floats:
        """Recurring revenue accrued by day, by month."""
        earnings = self._earnings.group_by("account_id", "month_index").agg(value=lambda t: t.amount.sum())
        return self._matrix(earnings, N_MONTHS)

    @cached_property
    def margin_and_covered_revenue(self) -> tuple[Floats, Floats]:
        """Gross margin, and the revenue of products with a margin rate, by month."""
        rates = self.company.tables["products"].filter(lambda t: t.margin_rate.notnull())
        rates = rates.select("product_id", "margin_rate")
        sold = self._order_lines(is_net).select("account_id", "month_index", "product_id", "amount")
        revenue = ibis.union(sold, self._earnings).join(rates, "product_id")
        by = revenue.group_by("account_id", "month_index")
        margin = by.agg(value=(revenue.amount * revenue.margin_rate).sum())
        return self._matrix(margin, N_MONTHS), self._matrix(by.agg(value=revenue.amount.sum()), N_MONTHS)

    @cached_property
    def is_active(self) -> npt.NDArray[np.bool_]:
        """Whether each account was active just before each instant: subscribed, or an order in ``ACTIVE_DAYS``."""
        lines = self.company.tables["orders"].filter(is_placed).select("account_id", "ordered_at")
        joined = lines.cross_join(self.month_instants_table)
        recent = joined.filter(
            joined.ordered_at < joined.until_at,
            joined.ordered_at >= joined.until_at - ibis.interval(days=ACTIVE_DAYS),
        )
        bought = recent.group_by("account_id", "month_index").agg(value=recent.count())
        return (self.mrr_cents > 0) | (self._matrix(bought, len(self.month_instants)) > 0)

    @cached_property
    def new_customers(self) -> Floats:
        """1 in the month in which an account first ordered or subscribed."""
        orders, subscriptions = self.company.tables["orders"], self.company.tables["subscriptions"]
        sales = ibis.union(
            placed_order_lines(orders).select("account_id", at="ordered_at"),
            subscriptions.select("account_id", at="started_at"),
        )
        firsts = sales.group_by("account_id").agg(at=sales["at"].min()).execute()
        return self.sum_by_month(firsts["account_id"], firsts["at"])

    def costs(self, teams: tuple[str, ...]) -> Floats:
        """Costs of the teams, by month; NaN where none is recorded."""
        costs = self.company.tables["costs"].filter(lambda t: t.team.lower().isin(teams)).execute()
        month = pd.to_datetime(costs["month"]).dt.to_period("M").dt.start_time.dt.date
        by_month = costs.groupby(month)["amount"].sum()
        amounts: Floats = by_month.reindex(self.month_starts[:-1]).to_numpy(dtype=float)
        return amounts

    @cached_property
    def month_spans(self) -> ir.Table:
        """One row per month: ``month_index, from_at, until_at``."""
        begins, ends = pd.to_datetime(self.month_instants[:-1]), pd.to_datetime(self.month_instants[1:])
        frame = pd.DataFrame({"month_index": range(N_MONTHS), "from_at": begins, "until_at": ends})
        return ibis.memtable(frame).cast({"month_index": "int64", "from_at": "timestamp", "until_at": "timestamp"})

    @cached_property
    def month_instants_table(self) -> ir.Table:
        """One row per instant between months: ``month_index, until_at``."""
        frame = pd.DataFrame(
            {"month_index": range(len(self.month_instants)), "until_at": pd.to_datetime(self.month_instants)}
        )
        return ibis.memtable(frame).cast({"month_index": "int64", "until_at": "timestamp"})

    @cached_property
    def _earnings(self) -> ir.Table:
        """Recurring revenue of each subscription and month, accrued by day: ``account_id, month_index, product_id,
        amount``.
        """
        months = pd.DataFrame(
            {"month_index": range(N_MONTHS), "first": self.month_starts[:-1], "end": self.month_starts[1:]}
        )
        table = ibis.memtable(months).cast({"month_index": "int64", "first": "date", "end": "date"})
        clock = Clock(self.company.timezone, self.month_instants[0] - DAY, self.month_instants[-1] + DAY)
        subscriptions = self.company.tables["subscriptions"]
        rows = subscriptions.select("account_id", "product_id", "mrr", "started_at", "ended_at").cross_join(table)
        amount = accrued_revenue(rows, rows["first"], rows["end"], clock)
        return (
            rows.select("account_id", "month_index", "product_id", amount=amount)
            .filter(lambda t: t.amount != 0)
            .cache()
        )

    def _order_lines(self, condition: object) -> ir.Table:
        """The order lines that meet a condition, with the ``month_index`` of their month."""
        lines = self.company.tables["orders"].filter(condition)
        lines = lines.select("account_id", "order_id", "product_id", "amount", "ordered_at")
        return lines.join(
            self.month_spans,
            [lines.ordered_at >= self.month_spans.from_at, lines.ordered_at < self.month_spans.until_at],
        )

    def _order_matrix(self, condition: object, value: object) -> Floats:
        """Account × month matrix of a value of the order lines that meet a condition."""
        return self._matrix(
            self._order_lines(condition).group_by("account_id", "month_index").agg(value=value), N_MONTHS
        )

    def _matrix(self, values: ir.Table, columns: int) -> Floats:
        """Rows of ``account_id, month_index, value`` as a matrix of that many columns."""
        frame = values.execute()
        total = np.zeros((len(self.accounts) + 1, columns))
        np.add.at(
            total, (self.row_index(frame["account_id"]), frame["month_index"].to_numpy(dtype=int)), frame["value"]
        )
        return total

    def sum_by_month(self, account_ids: pd.Series, at: pd.Series, weight: pd.Series | None = None) -> Floats:
        """Account × month matrix of events: their number, or the sum of their weights where given."""
        instants = np.array(self.month_instants, dtype="datetime64[us]")
        month = np.searchsorted(instants, at.to_numpy(dtype="datetime64[us]"), side="right") - 1
        inside = at.notna().to_numpy() & (month >= 0) & (month < N_MONTHS)
        weights = np.ones(len(at)) if weight is None else weight.loc[at.index].to_numpy(dtype=float)
        total = np.zeros((len(self.accounts) + 1, N_MONTHS))
        np.add.at(total, (self.row_index(account_ids)[inside], month[inside]), weights[inside])
        return total

    def row_index(self, account_ids: pd.Series) -> npt.NDArray[np.intp]:
        """The matrix row of each account; the last row for unknown accounts."""
        index = pd.Index(self.accounts["account_id"]).get_indexer(pd.Index(account_ids))
        return np.where(index < 0, len(self.accounts), index)
