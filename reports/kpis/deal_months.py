"""The company's deals by account and month: what KPIs of selling and renewing are sums and quotients of."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from data.arrays import Floats
from reports.kpis.account_months import LOOKED_AT, RETENTION_MONTHS, Books
from reports.stage_durations import stays

BEFORE = timedelta(days=30)
"""A subscription that began at most so long before another's term ended may be its renewal."""
GRACE = timedelta(days=1)
CLOSING = timedelta(hours=1)
"""What happens within an hour of the closing is the closing."""


@dataclass(frozen=True)
class Dealings:
    """The deals and terms of a company's books; each page is made when it is first looked at."""

    books: Books

    @cached_property
    def deals(self) -> pd.DataFrame:
        """One row per deal: ``opportunity_id, account_id, created_at, closed_at, outcome, amount, before`` – the amount
        as it stood just before the deal was closed, which is when amounts are rewritten."""
        tables = self.books.company.tables
        deals, changes = tables["opportunities"], tables["opportunity_changes"]
        told = changes.filter(changes.field == "amount").select("opportunity_id", "changed_at", "new_value")
        both = told.join(deals.select("opportunity_id", "closed_at"), "opportunity_id")
        before = _last_amounts(both.filter(both.changed_at < both.closed_at), "opportunity_id").rename(before="told")
        rows = deals.select("opportunity_id", "account_id", "created_at", "closed_at", "outcome", "amount")
        rows = rows.left_join(before, "opportunity_id").drop("opportunity_id_right").order_by("opportunity_id")
        frame: pd.DataFrame = rows.execute()
        return frame.assign(before=frame["before"].fillna(frame["amount"]).fillna(0.0))

    def closed(self, outcome: str, weight: pd.Series | None = None) -> Floats:
        """How many deals closed with an outcome (or the sum of their weights), by month."""
        deals = self.deals[self.deals["outcome"] == outcome]
        return self.books.counted(deals["account_id"], deals["closed_at"], weight)

    @cached_property
    def won(self) -> Floats:
        """How many deals were won, by month."""
        return self.closed("won")

    @cached_property
    def lost(self) -> Floats:
        """How many deals were lost, by month."""
        return self.closed("lost")

    @cached_property
    def won_amount(self) -> Floats:
        """Amount of the deals won, by month."""
        return self.closed("won", self.deals["amount"].fillna(0.0))

    @cached_property
    def won_before(self) -> Floats:
        """Amount of the deals won as it stood before they closed, by month."""
        return self.closed("won", self.deals["before"])

    @cached_property
    def lost_before(self) -> Floats:
        """Amount of the deals lost as it stood before they closed, by month."""
        return self.closed("lost", self.deals["before"])

    @cached_property
    def days_to_win(self) -> Floats:
        """Days from creation to closing of the deals won, by month."""
        days = (self.deals["closed_at"] - self.deals["created_at"]).dt.total_seconds() / 86400
        return self.closed("won", days)

    @cached_property
    def pipeline(self) -> tuple[Floats, Floats]:
        """Number and amount of the deals open at each month's end, as they then were.

        Where a deal's history does not tell its amount, the amount last known is taken.
        """
        changes = self.books.company.tables["opportunity_changes"].filter(lambda t: t.field == "amount")
        instants = self.books.instants_table.filter(lambda t: t.place > RETENTION_MONTHS)
        joined = changes.select("opportunity_id", "changed_at", "new_value").cross_join(instants)
        then = _last_amounts(joined.filter(joined.changed_at < joined.until_at), "opportunity_id", "place").execute()
        count, total = (np.zeros((len(self.books.accounts) + 1, LOOKED_AT)) for _ in range(2))
        deals = self.deals
        for month in range(RETENTION_MONTHS, LOOKED_AT):
            end = self.books.instants[month + 1]
            open_then = (deals["created_at"] < end) & ~(deals["closed_at"] < end)
            told = then[then["place"] == month + 1].set_index("opportunity_id")["told"]
            amount = deals["opportunity_id"].map(told).fillna(deals["amount"]).fillna(0.0)
            rows = self.books.rows(deals["account_id"][open_then])
            np.add.at(total[:, month], rows, amount[open_then].to_numpy(dtype=float))
            np.add.at(count[:, month], rows, 1.0)
        return count, total

    @cached_property
    def stages(self) -> tuple[list[str], Floats, Floats]:
        """Names of the stages; how many deals left each in each month, and how many of them went on or were won."""
        every, spans = stays(self.books.company), self.books.spans
        left = every.filter(every.left_at.notnull())
        closing = left.closed_at.notnull() & (
            left.left_at >= left.closed_at - ibis.interval(hours=CLOSING.seconds // 3600)
        )
        left = left.mutate(closing=closing).filter(lambda t: ~(t.closing & (t.days < CLOSING.seconds / 86400)))
        rows = left.join(spans, [left.left_at >= spans.from_at, left.left_at < spans.until_at])
        fell = rows.closing & (rows.outcome == "lost").fill_null(True)
        by = rows.group_by("stage", "place").agg(left=rows.count(), passed=(~fell).sum()).execute()
        names = sorted(set(by["stage"]))
        gone, passed = (np.zeros((len(names), LOOKED_AT)) for _ in range(2))
        at = (by["stage"].map({name: n for n, name in enumerate(names)}).to_numpy(dtype=int), by["place"].to_numpy())
        gone[at], passed[at] = by["left"], by["passed"]
        return names, gone, passed

    @cached_property
    def terms(self) -> pd.DataFrame:
        """One row per term that ended in one of the months while its subscription ran: ``account_id, term_ends_at, mrr,
        renewed``.

        Renewed is what renews itself and ran on, or what one to the same product or family followed, begun at most
        ``BEFORE`` the end. Sources that move a term on when it is renewed keep none that is past: where no term of
        theirs was renewed, nothing is said.
        """
        held, products = self.books.company.tables["subscriptions"], self.books.company.tables["products"]
        named = held.left_join(products.select("product_id", "family"), "product_id").drop("product_id_right")
        named = named.mutate(line=named.family.fill_null(named.product_id).fill_null(""))
        first, end = (ibis.literal(self.books.instants[place]) for place in (0, -1))
        due = named.filter(named.term_ends_at >= first, named.term_ends_at < end, named.started_at < named.term_ends_at)
        due = due.filter(due.ended_at.isnull() | (due.ended_at >= due.term_ends_at))
        later = named.select("account_id", "line", next_id="subscription_id", next_at="started_at")
        both = due.join(later, ["account_id", "line"]).filter(lambda t: t.subscription_id != t.next_id)
        follows = both.filter(
            both.next_at >= both.term_ends_at - ibis.interval(days=BEFORE.days),
            both.next_at < both.term_ends_at + ibis.interval(days=GRACE.days),
        )
        followed = follows.select("subscription_id").distinct().mutate(followed=True)
        rows = due.left_join(followed, "subscription_id").drop("subscription_id_right")
        ran_on = rows.auto_renew.fill_null(False) & (rows.ended_at.isnull() | (rows.ended_at > rows.term_ends_at))
        renewed = rows.followed.fill_null(False) | ran_on
        frame: pd.DataFrame = (
            rows.select("subscription_id", "account_id", "term_ends_at", "mrr", renewed=renewed)
            .order_by("subscription_id")
            .execute()
        )
        return frame if frame["renewed"].any() else frame.iloc[:0]

    def due(self, *, renewed: bool, money: bool) -> Floats:
        """Terms that ended, or those renewed, by month: their number or their monthly amount."""
        rows = self.terms[self.terms["renewed"]] if renewed else self.terms
        return self.books.counted(rows["account_id"], rows["term_ends_at"], rows["mrr"] if money else None)


def _last_amounts(changes: ir.Table, *by: str) -> ir.Table:
    """One row per ``by``: the amount that the last of its changes ``told``, 0 where that one emptied it."""
    value = changes.new_value.fill_null("").argmax(changes.changed_at)  # argmax skips NULL, and would tell an older one
    return changes.group_by(*by).agg(told=value.try_cast("float64").fill_null(0.0))
