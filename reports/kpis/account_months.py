"""The company's books by account and month: the matrices that KPIs are sums and quotients of.

A matrix has one row per account (the last row: what belongs to no account) and one column per month of the two years
looked at (the last ``MONTHS`` are reported, those before serve yearly figures), or per instant between them. Recurring
revenue is in whole cents by account, so that its movements add up to the cent.
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
from features.point_in_time import earliest
from features.revenue.dimensions import UNKNOWN
from features.subscriptions.accrual import earned

MONTHS = 12
"""How many complete months are reported."""
RETENTION_MONTHS = 12
"""How far retention and yearly figures look back."""
LOOKED_AT = MONTHS + RETENTION_MONTHS
ACTIVE_DAYS = 90
"""A customer without a subscription is active when it ordered within so many days."""
DAY = timedelta(days=1)
SLICED = ("region", "segment")


@dataclass(frozen=True)
class Books:
    """The books of a company as of its date; each page is made when it is first looked at."""

    company: Company

    @cached_property
    def ends(self) -> list[date]:
        """First days of months: those reported, those before them that retention looks at, and the one after."""
        last = self.company.as_of.replace(day=1)
        months = (last.year * 12 + last.month - 1) - np.arange(MONTHS + RETENTION_MONTHS, -1, -1)
        return [date(int(month) // 12, int(month) % 12 + 1, 1) for month in months]

    @property
    def months(self) -> list[date]:
        """First days of the reported months, oldest first: the last ``MONTHS`` that were over by the company's date."""
        return self.ends[RETENTION_MONTHS:-1]

    @cached_property
    def instants(self) -> list[datetime]:
        """First instants of ``ends``, naive UTC."""
        return [first_instant(day, self.company.timezone) for day in self.ends]

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row per account, in the order of every matrix's rows: ``account_id, region, segment``."""
        accounts = self.company.tables["accounts"]
        frame: pd.DataFrame = accounts.select("account_id", *SLICED).order_by("account_id").execute()
        return frame

    @cached_property
    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Which rows of a matrix each slice has: ``total``, then ``region:<region>`` and ``segment:<segment>`` where
        these are known."""
        parts = {"total": np.ones(len(self.accounts) + 1, dtype=bool)}
        for column in SLICED:
            values = self.accounts[column].astype(object)
            if values.notna().any():
                of_row = np.append(values.where(values.notna(), UNKNOWN).to_numpy(dtype=object), UNKNOWN)
                parts |= {f"{column}:{value}": of_row == value for value in sorted(set(of_row))}
        return parts

    def sums(self, matrix: npt.NDArray[np.generic]) -> Floats:
        """The matrix summed over the accounts of each slice: one row per slice."""
        return np.array([matrix[rows].sum(axis=0) for rows in self.slices.values()], dtype=float)

    def since(self, first: datetime) -> npt.NDArray[np.bool_]:
        """For each reported month whether an instant lies before its end."""
        return np.array([first < end for end in self.instants[RETENTION_MONTHS + 1 :]])

    def whole_years_since(self, first: datetime) -> npt.NDArray[np.bool_]:
        """For each reported month whether no instant of the twelve months that end with it lies before this one."""
        return np.array([first <= begin for begin in self.instants[1 : MONTHS + 1]])

    @property
    def first_sale(self) -> datetime:
        """When the first order or subscription began; the end of time where there is none."""
        return min(self.began["orders"], self.began["subscriptions"])

    @cached_property
    def began(self) -> dict[str, datetime]:
        """When each table of what is sold began; the end of time where it is empty."""
        tables, names = self.company.tables, ("orders", "subscriptions", "opportunities")
        return {name: earliest(tables[name][TABLES[name].happened_at]) or datetime.max for name in names}

    @cached_property
    def mrr(self) -> Ints:
        """Monthly recurring revenue (cents) of each account just before each of ``instants``."""
        held = self.company.tables["subscriptions"]
        joined = held.select("account_id", "mrr", "started_at", "ended_at").cross_join(self.instants_table)
        active = joined.filter(
            joined.started_at < joined.until_at, joined.ended_at.isnull() | (joined.ended_at >= joined.until_at)
        )
        cents = active.group_by("account_id", "place").agg(value=active.mrr.sum() * 100)
        return np.rint(self._matrix(cents, len(self.instants))).astype(np.int64)

    @cached_property
    def subscribed_before(self) -> npt.NDArray[np.bool_]:
        """Whether each account had paid for a subscription before each of ``instants``, however long ago."""
        held = self.company.tables["subscriptions"].filter(lambda t: t.mrr > 0)
        first = held.group_by("account_id").agg(first_at=held.started_at.min()).execute()
        begun = np.full(len(self.accounts) + 1, np.datetime64("NaT"), dtype="datetime64[us]")
        begun[self.rows(first["account_id"])] = first["first_at"].to_numpy(dtype="datetime64[us]")
        return begun[:, None] < np.array(self.instants, dtype="datetime64[us]")[None, :]

    @cached_property
    def revenue(self) -> Floats:
        """Orders net of returns and what subscriptions earned, by month."""
        return self.net_orders + self.recurring

    @cached_property
    def net_orders(self) -> Floats:
        """Orders net of returns, by month."""
        return self._of_orders(lambda t: t.status != "cancelled", lambda t: t.amount.sum())

    @cached_property
    def placed(self) -> Floats:
        """Placed lines, by month."""
        return self._of_orders(lambda t: t.status == "placed", lambda t: t.amount.sum())

    @cached_property
    def orders(self) -> Floats:
        """How many orders were placed, by month."""
        return self._of_orders(lambda t: t.status == "placed", lambda t: t.order_id.nunique())

    @cached_property
    def recurring(self) -> Floats:
        """What subscriptions earned by the day, by month."""
        earnings = self._earnings.group_by("account_id", "place").agg(value=lambda t: t.amount.sum())
        return self._matrix(earnings, LOOKED_AT)

    @cached_property
    def margins(self) -> tuple[Floats, Floats]:
        """What was left of revenue after the cost of what was sold, and the revenue whose margin is known, by month."""
        rates = self.company.tables["products"].filter(lambda t: t.margin_rate.notnull())
        rates = rates.select("product_id", "margin_rate")
        sold = self._lines(lambda t: t.status != "cancelled").select("account_id", "place", "product_id", "amount")
        both = ibis.union(sold, self._earnings).join(rates, "product_id")
        by = both.group_by("account_id", "place")
        kept = by.agg(value=(both.amount * both.margin_rate).sum())
        return self._matrix(kept, LOOKED_AT), self._matrix(by.agg(value=both.amount.sum()), LOOKED_AT)

    @cached_property
    def active(self) -> npt.NDArray[np.bool_]:
        """Whether each account was active just before each of ``instants``: subscribed, or ordered lately."""
        lines = self.company.tables["orders"].filter(lambda t: t.status == "placed").select("account_id", "ordered_at")
        joined = lines.cross_join(self.instants_table)
        recent = joined.filter(
            joined.ordered_at < joined.until_at,
            joined.ordered_at >= joined.until_at - ibis.interval(days=ACTIVE_DAYS),
        )
        bought = recent.group_by("account_id", "place").agg(value=recent.count())
        return (self.mrr > 0) | (self._matrix(bought, len(self.instants)) > 0)

    @cached_property
    def new_customers(self) -> Floats:
        """1 in the month in which an account first ordered or subscribed."""
        orders, held = self.company.tables["orders"], self.company.tables["subscriptions"]
        sales = ibis.union(
            orders.filter(orders.status == "placed").select("account_id", at="ordered_at"),
            held.select("account_id", at="started_at"),
        )
        firsts = sales.group_by("account_id").agg(at=sales["at"].min()).execute()
        return self.counted(firsts["account_id"], firsts["at"])

    def costs(self, teams: tuple[str, ...]) -> Floats:
        """What teams cost, by month; NaN where nothing was written down."""
        spent = self.company.tables["costs"].filter(lambda t: t.team.lower().isin(teams)).execute()
        month = pd.to_datetime(spent["month"]).dt.to_period("M").dt.start_time.dt.date
        by_month = spent.groupby(month)["amount"].sum()
        costs: Floats = by_month.reindex(self.ends[:-1]).to_numpy(dtype=float)
        return costs

    @cached_property
    def spans(self) -> ir.Table:
        """One row per month: ``place, from_at, until_at``."""
        begins, ends = pd.to_datetime(self.instants[:-1]), pd.to_datetime(self.instants[1:])
        frame = pd.DataFrame({"place": range(LOOKED_AT), "from_at": begins, "until_at": ends})
        return ibis.memtable(frame).cast({"place": "int64", "from_at": "timestamp", "until_at": "timestamp"})

    @cached_property
    def instants_table(self) -> ir.Table:
        """One row per instant between months: ``place, until_at``."""
        frame = pd.DataFrame({"place": range(len(self.instants)), "until_at": pd.to_datetime(self.instants)})
        return ibis.memtable(frame).cast({"place": "int64", "until_at": "timestamp"})

    @cached_property
    def _earnings(self) -> ir.Table:
        """What each subscription earned by the day in each month: ``account_id, place, product_id, amount``."""
        months = pd.DataFrame({"place": range(LOOKED_AT), "first": self.ends[:-1], "end": self.ends[1:]})
        table = ibis.memtable(months).cast({"place": "int64", "first": "date", "end": "date"})
        clock = Clock(self.company.timezone, self.instants[0] - DAY, self.instants[-1] + DAY)
        held = self.company.tables["subscriptions"]
        rows = held.select("account_id", "product_id", "mrr", "started_at", "ended_at").cross_join(table)
        amount = earned(rows, rows["first"], rows["end"], clock)
        return rows.select("account_id", "place", "product_id", amount=amount).filter(lambda t: t.amount != 0).cache()

    def _lines(self, keep: object) -> ir.Table:
        """The order lines to keep, each with the ``place`` of its month."""
        lines = self.company.tables["orders"].filter(keep)
        lines = lines.select("account_id", "order_id", "product_id", "amount", "ordered_at")
        return lines.join(self.spans, [lines.ordered_at >= self.spans.from_at, lines.ordered_at < self.spans.until_at])

    def _of_orders(self, keep: object, value: object) -> Floats:
        """A matrix over the months, of the order lines to keep."""
        return self._matrix(self._lines(keep).group_by("account_id", "place").agg(value=value), LOOKED_AT)

    def _matrix(self, values: ir.Table, columns: int) -> Floats:
        """``account_id, place, value`` as a matrix."""
        frame = values.execute()
        total = np.zeros((len(self.accounts) + 1, columns))
        np.add.at(total, (self.rows(frame["account_id"]), frame["place"].to_numpy(dtype=int)), frame["value"])
        return total

    def counted(self, account_ids: pd.Series, at: pd.Series, weight: pd.Series | None = None) -> Floats:
        """Events by account and month: their number, or the sum of their weights."""
        instants = np.array(self.instants, dtype="datetime64[us]")
        month = np.searchsorted(instants, at.to_numpy(dtype="datetime64[us]"), side="right") - 1
        inside = at.notna().to_numpy() & (month >= 0) & (month < LOOKED_AT)
        weights = np.ones(len(at)) if weight is None else weight.loc[at.index].to_numpy(dtype=float)
        total = np.zeros((len(self.accounts) + 1, LOOKED_AT))
        np.add.at(total, (self.rows(account_ids)[inside], month[inside]), weights[inside])
        return total

    def rows(self, account_ids: pd.Series) -> npt.NDArray[np.intp]:
        """The matrix row of each account; the last one for those without."""
        found = pd.Index(self.accounts["account_id"]).get_indexer(pd.Index(account_ids))
        return np.where(found < 0, len(self.accounts), found)
