"""Account × month matrices of deals and subscription terms, for the KPIs of sales and renewals."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.opportunities.history import latest_value
from features.subscriptions.succession import subscriptions_with_scope
from reports.kpis.account_months import N_MONTHS, RETENTION_MONTHS, AccountMonths
from reports.stage_durations import stage_stays

RENEWAL_WINDOW = timedelta(days=30)
"""How long before the end of a term the subscription that renews it may begin."""
RENEWAL_GRACE = timedelta(days=1)
CLOSING_WINDOW = timedelta(hours=1)
"""A stage change this close to the closing is part of the closing."""


@dataclass(frozen=True)
class DealMonths:
    """Account × month matrices of a company's deals and terms; each is computed when it is first read."""

    account_months: AccountMonths

    @cached_property
    def deals(self) -> pd.DataFrame:
        """One row per deal: ``opportunity_id, account_id, created_at, closed_at, outcome, amount`` and
        ``amount_before``: the amount just before the deal was closed, because CRMs rewrite amounts at closing."""
        tables = self.account_months.company.tables
        deals, changes = tables["opportunities"], tables["opportunity_changes"]
        amounts = changes.filter(changes.field == "amount")
        amounts = amounts.select("opportunity_id", "field", "changed_at", "new_value")
        joined = amounts.join(deals.select("opportunity_id", "closed_at"), "opportunity_id")
        before_close = joined.filter(joined.changed_at < joined.closed_at)
        last = _last_amounts(before_close, "opportunity_id").rename(amount_before="last_amount")
        rows = deals.select("opportunity_id", "account_id", "created_at", "closed_at", "outcome", "amount")
        rows = rows.left_join(last, "opportunity_id").drop("opportunity_id_right").order_by("opportunity_id")
        frame: pd.DataFrame = rows.execute()
        return frame.assign(amount_before=frame["amount_before"].fillna(frame["amount"]).fillna(0.0))

    def closed_by_month(self, outcome: str, weight: pd.Series | None = None) -> Floats:
        """Number of deals closed with an outcome, or the sum of their weights, by month."""
        deals = self.deals[self.deals["outcome"] == outcome]
        return self.account_months.sum_by_month(deals["account_id"], deals["closed_at"], weight)

    @cached_property
    def won_count(self) -> Floats:
        """Number of deals won, by month."""
        return self.closed_by_month("won")

    @cached_property
    def lost_count(self) -> Floats:
        """Number of deals lost, by month."""
        return self.closed_by_month("lost")

    @cached_property
    def won_amount(self) -> Floats:
        """Amount of the deals won, by month."""
        return self.closed_by_month("won", self.deals["amount"].fillna(0.0))

    @cached_property
    def won_amount_before_close(self) -> Floats:
        """Amount before closing of the deals won, by month."""
        return self.closed_by_month("won", self.deals["amount_before"])

    @cached_property
    def lost_amount_before_close(self) -> Floats:
        """Amount before closing of the deals lost, by month."""
        return self.closed_by_month("lost", self.deals["amount_before"])

    @cached_property
    def days_to_win(self) -> Floats:
        """Days from creation to closing of the deals won, by month."""
        days = (self.deals["closed_at"] - self.deals["created_at"]).dt.total_seconds() / 86400
        return self.closed_by_month("won", days)

    @cached_property
    def open_count_and_amount(self) -> tuple[Floats, Floats]:
        """Number and amount of the deals open at each month's end, amounts as of that instant.

        A deal without a history of amounts counts at its latest amount.
        """
        changes = self.account_months.company.tables["opportunity_changes"].filter(lambda t: t.field == "amount")
        instants = self.account_months.month_instants_table.filter(lambda t: t.month_index > RETENTION_MONTHS)
        joined = changes.select("opportunity_id", "field", "changed_at", "new_value").cross_join(instants)
        known = joined.filter(joined.changed_at < joined.until_at)
        amounts = _last_amounts(known, "opportunity_id", "month_index").execute()
        count, total = (np.zeros((len(self.account_months.accounts) + 1, N_MONTHS)) for _ in range(2))
        deals = self.deals
        for month in range(RETENTION_MONTHS, N_MONTHS):
            end = self.account_months.month_instants[month + 1]
            is_open = (deals["created_at"] < end) & ~(deals["closed_at"] < end)
            at_end = amounts[amounts["month_index"] == month + 1].set_index("opportunity_id")["last_amount"]
            amount = deals["opportunity_id"].map(at_end).fillna(deals["amount"]).fillna(0.0)
            rows = self.account_months.row_index(deals["account_id"][is_open])
            np.add.at(total[:, month], rows, amount[is_open].to_numpy(dtype=float))
            np.add.at(count[:, month], rows, 1.0)
        return count, total

    @cached_property
    def stage_exits(self) -> tuple[list[str], Floats, Floats]:
        """Stage names; stage × month counts of deals that left the stage, and of those that advanced or were won."""
        all_stays, spans = stage_stays(self.account_months.company), self.account_months.month_spans
        left = all_stays.filter(all_stays.left_at.notnull())
        closing = left.closed_at.notnull() & (
            left.left_at >= left.closed_at - ibis.interval(hours=CLOSING_WINDOW.seconds // 3600)
        )
        left = left.mutate(closing=closing).filter(lambda t: ~(t.closing & (t.days < CLOSING_WINDOW.seconds / 86400)))
        rows = left.join(spans, [left.left_at >= spans.from_at, left.left_at < spans.until_at])
        lost = rows.closing & (rows.outcome == "lost").fill_null(True)
        by = rows.group_by("stage", "month_index").agg(left=rows.count(), passed=(~lost).sum()).execute()
        names = sorted(set(by["stage"]))
        n_left, n_passed = (np.zeros((len(names), N_MONTHS)) for _ in range(2))
        index = (
            by["stage"].map({name: n for n, name in enumerate(names)}).to_numpy(dtype=int),
            by["month_index"].to_numpy(),
        )
        n_left[index], n_passed[index] = by["left"], by["passed"]
        return names, n_left, n_passed

    @cached_property
    def ended_terms(self) -> pd.DataFrame:
        """One row per term that ended in one of the months while its subscription ran: ``account_id, term_ends_at, mrr,
        renewed``.

        A term is renewed if it renews automatically and the subscription went on, or if a subscription to the same
        product or family began between ``RENEWAL_WINDOW`` before and ``RENEWAL_GRACE`` after its end. No rows if no
        term was renewed: some sources overwrite the date of a renewed term, and then only unrenewed ones are left.
        """
        subscriptions = subscriptions_with_scope(self.account_months.company, "family")
        first, end = (ibis.literal(self.account_months.month_instants[i]) for i in (0, -1))
        due = subscriptions.filter(lambda t: t.term_ends_at >= first, lambda t: t.term_ends_at < end)
        due = due.filter(due.started_at < due.term_ends_at, due.ended_at.isnull() | (due.ended_at >= due.term_ends_at))
        later = subscriptions.select("account_id", "scope_key", next_id="subscription_id", next_at="started_at")
        pairs = due.join(later, ["account_id", "scope_key"]).filter(lambda t: t.subscription_id != t.next_id)
        # Not ``successors``, which follow the end of a subscription: a term may end, and be renewed, without one.
        follows = pairs.filter(
            pairs.next_at >= pairs.term_ends_at - ibis.interval(days=RENEWAL_WINDOW.days),
            pairs.next_at < pairs.term_ends_at + ibis.interval(days=RENEWAL_GRACE.days),
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

    def ended_terms_by_month(self, *, renewed: bool, money: bool) -> Floats:
        """Terms that ended, or those renewed, by month: their number, or their MRR."""
        rows = self.ended_terms[self.ended_terms["renewed"]] if renewed else self.ended_terms
        return self.account_months.sum_by_month(
            rows["account_id"], rows["term_ends_at"], rows["mrr"] if money else None
        )


def _last_amounts(changes: ir.Table, *by: str) -> ir.Table:
    """One row per ``by``: ``last_amount``, as set by its latest change; 0 where that change emptied the field."""
    amount = latest_value(changes, "amount").try_cast("float64")
    return changes.group_by(*by).agg(last_amount=amount.fill_null(0.0))
