"""The company's books by account and month: the matrices that KPIs are sums and quotients of.

A matrix has one row per account (the last row: what belongs to no account) and one column per reported month, or per
instant between months. Recurring revenue is in whole cents by account, so that its movements add up to the cent.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from data.calendar import first_instant
from features.clock import Clock
from features.company import Company
from features.recurring import earned

MONTHS = 12
"""How many complete months are reported."""
RETENTION_MONTHS = 12
"""How far retention looks back."""
ACTIVE_DAYS = 90
"""A customer without a subscription is active when it ordered within so many days."""
DAY = timedelta(days=1)
UNKNOWN = "unknown"
"""The region of accounts that have none, so that regions always add up to the total."""

Money = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


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
        """One row per account, in the order of every matrix's rows: ``account_id, region``."""
        frame: pd.DataFrame = (
            self.company.tables["accounts"].select("account_id", "region").order_by("account_id").execute()
        )
        return frame

    @cached_property
    def slices(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Which rows of a matrix each slice has: ``total``, then ``region:<region>`` where regions are known."""
        regions = self.accounts["region"].astype(object)
        everybody = {"total": np.ones(len(regions) + 1, dtype=bool)}
        if regions.notna().sum() == 0:
            return everybody
        of_row = np.append(regions.where(regions.notna(), UNKNOWN).to_numpy(dtype=object), UNKNOWN)
        return everybody | {f"region:{region}": of_row == region for region in sorted(set(of_row))}

    def sums(self, matrix: npt.NDArray[np.generic]) -> Numbers:
        """The matrix summed over the accounts of each slice: one row per slice."""
        return np.array([matrix[rows].sum(axis=0) for rows in self.slices.values()], dtype=float)

    def since(self, table: str, column: str) -> npt.NDArray[np.bool_]:
        """For each reported month whether the table had begun by its end; never where it is empty."""
        first = self.company.tables[table][column].min().execute()
        begun = pd.Timestamp(first) if first is not None and first == first else pd.Timestamp.max
        return np.array([begun < pd.Timestamp(end) for end in self.instants[RETENTION_MONTHS + 1 :]])

    @cached_property
    def mrr(self) -> Money:
        """Monthly recurring revenue (cents) of each account just before each of ``instants``."""
        held = self.company.tables["subscriptions"]
        joined = held.select("account_id", "mrr", "started_at", "ended_at").cross_join(self._instants_table)
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
        begun[self._rows(first["account_id"])] = first["first_at"].to_numpy(dtype="datetime64[us]")
        return begun[:, None] < np.array(self.instants, dtype="datetime64[us]")[None, :]

    @cached_property
    def net_orders(self) -> Numbers:
        """Orders net of returns, by reported month."""
        return self._of_orders(lambda t: t.status != "cancelled", lambda t: t.amount.sum())

    @cached_property
    def placed(self) -> Numbers:
        """Placed lines, by reported month."""
        return self._of_orders(lambda t: t.status == "placed", lambda t: t.amount.sum())

    @cached_property
    def orders(self) -> Numbers:
        """How many orders were placed, by reported month."""
        return self._of_orders(lambda t: t.status == "placed", lambda t: t.order_id.nunique())

    @cached_property
    def recurring(self) -> Numbers:
        """What subscriptions earned by the day, by reported month."""
        ends = self.ends[RETENTION_MONTHS:]
        months = ibis.memtable(pd.DataFrame({"place": range(MONTHS), "first": ends[:-1], "end": ends[1:]})).cast(
            {"place": "int64", "first": "date", "end": "date"}
        )
        clock = Clock(self.company.timezone, self.instants[RETENTION_MONTHS] - DAY, self.instants[-1] + DAY)
        held = self.company.tables["subscriptions"].select("account_id", "mrr", "started_at", "ended_at")
        rows = held.cross_join(months)
        amounts = rows.select("account_id", "place", value=earned(rows, rows["first"], rows["end"], clock))
        return self._matrix(amounts.group_by("account_id", "place").agg(value=lambda t: t.value.sum()), MONTHS)

    @cached_property
    def active(self) -> npt.NDArray[np.bool_]:
        """Whether each account was active just before each of ``instants``: subscribed, or ordered lately."""
        lines = self.company.tables["orders"].filter(lambda t: t.status == "placed").select("account_id", "ordered_at")
        joined = lines.cross_join(self._instants_table)
        recent = joined.filter(
            joined.ordered_at < joined.until_at,
            joined.ordered_at >= joined.until_at - ibis.interval(days=ACTIVE_DAYS),
        )
        bought = recent.group_by("account_id", "place").agg(value=recent.count())
        return (self.mrr > 0) | (self._matrix(bought, len(self.instants)) > 0)

    @cached_property
    def new_customers(self) -> Numbers:
        """1 in the reported month in which an account first ordered or subscribed."""
        orders, held = self.company.tables["orders"], self.company.tables["subscriptions"]
        sales = ibis.union(
            orders.filter(orders.status == "placed").select("account_id", at="ordered_at"),
            held.select("account_id", at="started_at"),
        )
        firsts = sales.group_by("account_id").agg(at=sales["at"].min()).execute()
        return self._counted(firsts["account_id"], firsts["at"])

    @cached_property
    def deals(self) -> pd.DataFrame:
        """One row per deal: ``opportunity_id, account_id, created_at, closed_at, outcome, amount``."""
        frame: pd.DataFrame = (
            self.company.tables["opportunities"]
            .select("opportunity_id", "account_id", "created_at", "closed_at", "outcome", "amount")
            .order_by("opportunity_id")
            .execute()
        )
        return frame

    def closed(self, outcome: str, weight: pd.Series | None = None) -> Numbers:
        """How many deals closed with an outcome (or the sum of their weights), by reported month."""
        deals = self.deals[self.deals["outcome"] == outcome]
        return self._counted(deals["account_id"], deals["closed_at"], weight)

    @cached_property
    def pipeline(self) -> Numbers:
        """Amount of the deals open at the end of each reported month, as it then was.

        Where a deal's history does not tell its amount, the amount last known is taken.
        """
        changes = self.company.tables["opportunity_changes"].filter(lambda t: t.field == "amount")
        joined = changes.select("opportunity_id", "changed_at", "new_value").cross_join(self._instants_table)
        known = joined.filter(joined.changed_at < joined.until_at)
        value = known.new_value.fill_null("").argmax(known.changed_at)  # argmax skips NULL: an emptied amount is 0
        then = known.group_by("opportunity_id", "place").agg(then=value.try_cast("float64").fill_null(0.0)).execute()
        total = np.zeros((len(self.accounts) + 1, MONTHS))
        for month, end in enumerate(self.instants[RETENTION_MONTHS + 1 :]):
            deals = self.deals
            open_then = (deals["created_at"] < end) & ~(deals["closed_at"] < end)
            told = then[then["place"] == RETENTION_MONTHS + 1 + month].set_index("opportunity_id")["then"]
            amount = deals["opportunity_id"].map(told).fillna(deals["amount"]).fillna(0.0)
            rows = self._rows(deals["account_id"][open_then])
            np.add.at(total[:, month], rows, amount[open_then].to_numpy(dtype=float))
        return total

    def costs(self, teams: tuple[str, ...]) -> Numbers:
        """What teams cost, by reported month; NaN where nothing was written down."""
        spent = self.company.tables["costs"].filter(lambda t: t.team.lower().isin(teams)).execute()
        month = pd.to_datetime(spent["month"]).dt.to_period("M").dt.start_time.dt.date
        by_month = spent.groupby(month)["amount"].sum()
        costs: Numbers = by_month.reindex(self.months).to_numpy(dtype=float)
        return costs

    @cached_property
    def _instants_table(self) -> ir.Table:
        frame = pd.DataFrame({"place": range(len(self.instants)), "until_at": pd.to_datetime(self.instants)})
        return ibis.memtable(frame).cast({"place": "int64", "until_at": "timestamp"})

    def _of_orders(self, keep: object, value: object) -> Numbers:
        """A matrix over the reported months, of the order lines to keep."""
        lines = self.company.tables["orders"].filter(keep).select("account_id", "order_id", "amount", "ordered_at")
        spans = pd.DataFrame({
            "place": range(MONTHS),
            "from_at": pd.to_datetime(self.instants[RETENTION_MONTHS:-1]),
            "until_at": pd.to_datetime(self.instants[RETENTION_MONTHS + 1 :]),
        })  # fmt: skip
        table = ibis.memtable(spans).cast({"place": "int64", "from_at": "timestamp", "until_at": "timestamp"})
        joined = lines.join(table, [lines.ordered_at >= table.from_at, lines.ordered_at < table.until_at])
        return self._matrix(joined.group_by("account_id", "place").agg(value=value), MONTHS)

    def _matrix(self, values: ir.Table, columns: int) -> Numbers:
        """``account_id, place, value`` as a matrix."""
        frame = values.execute()
        total = np.zeros((len(self.accounts) + 1, columns))
        np.add.at(total, (self._rows(frame["account_id"]), frame["place"].to_numpy(dtype=int)), frame["value"])
        return total

    def _counted(self, account_ids: pd.Series, at: pd.Series, weight: pd.Series | None = None) -> Numbers:
        """Events by account and reported month: their number, or the sum of their weights."""
        instants = np.array(self.instants[RETENTION_MONTHS:], dtype="datetime64[us]")
        month = np.searchsorted(instants, at.to_numpy(dtype="datetime64[us]"), side="right") - 1
        inside = at.notna().to_numpy() & (month >= 0) & (month < MONTHS)
        weights = np.ones(len(at)) if weight is None else weight.loc[at.index].to_numpy(dtype=float)
        total = np.zeros((len(self.accounts) + 1, MONTHS))
        np.add.at(total, (self._rows(account_ids)[inside], month[inside]), weights[inside])
        return total

    def _rows(self, account_ids: pd.Series) -> npt.NDArray[np.intp]:
        """The matrix row of each account; the last one for those without."""
        found = pd.Index(self.accounts["account_id"]).get_indexer(pd.Index(account_ids))
        return np.where(found < 0, len(self.accounts), found)
