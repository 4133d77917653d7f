"""KPIs of recurring revenue: MRR and ARR and how they moved, retention, churn, renewal and upsell."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Ints
from reports.kpis.account_months import MONTHS, RETENTION_MONTHS
from reports.kpis.kpi import Kpi, Ledger, monthly, quotient, where

MOVEMENTS: dict[str, str] = {
    "new": "MRR at the month's end of accounts without any at its beginning that never paid for a subscription before",
    "reactivation": "MRR at the month's end of accounts without any at its beginning that had paid for one before",
    "expansion": "rise of MRR from beginning to end of the month, of accounts that had some at its beginning",
    "contraction": "fall of MRR from beginning to end of the month, of accounts that kept some",
    "churn": "MRR at the month's beginning of accounts without any at its end",
}
"""The ways in which recurring revenue moves, each with what it is."""


def begun(ledger: Ledger) -> npt.NDArray[np.bool_]:
    """For each reported month whether there had been subscriptions by its end."""
    return ledger.books.since(ledger.books.began["subscriptions"])


def edges(ledger: Ledger) -> tuple[Ints, Ints]:
    """Each account's MRR (cents) at the beginning and at the end of each reported month."""
    return ledger.books.mrr[:, RETENTION_MONTHS:-1], ledger.books.mrr[:, RETENTION_MONTHS + 1 :]


def mrr(ledger: Ledger) -> Floats:
    """Monthly recurring revenue at each month's end."""
    return where(begun(ledger), ledger.books.sums(edges(ledger)[1]) / 100)


def mrr_start(ledger: Ledger) -> Floats:
    """Monthly recurring revenue at each month's beginning."""
    return where(begun(ledger), ledger.books.sums(edges(ledger)[0]) / 100)


def movement(ledger: Ledger, kind: str) -> Floats:
    """How much monthly recurring revenue each month won or lost in one of the five ways."""
    start, end = edges(ledger)
    before = ledger.books.subscribed_before[:, RETENTION_MONTHS:-1]
    moved: Ints = {
        "new": np.where((start == 0) & ~before, end, 0),
        "reactivation": np.where((start == 0) & before, end, 0),
        "expansion": np.where((start > 0) & (end > start), end - start, 0),
        "contraction": np.where((end > 0) & (end < start), start - end, 0),
        "churn": np.where(end == 0, start, 0),
    }[kind]
    return where(begun(ledger), ledger.books.sums(moved) / 100)


def net_retention(ledger: Ledger) -> Floats:
    """What is left and added of the recurring revenue of a year ago."""
    now, then = edges(ledger)[1], ledger.books.mrr[:, 1 : MONTHS + 1]
    return quotient(ledger.books.sums(np.where(then > 0, now, 0)), ledger.books.sums(then))


def gross_retention(ledger: Ledger) -> Floats:
    """What is left of the recurring revenue of a year ago, account by account, without what was added."""
    now, then = edges(ledger)[1], ledger.books.mrr[:, 1 : MONTHS + 1]
    return quotient(ledger.books.sums(np.minimum(now, then)), ledger.books.sums(then))


def logo_churn(ledger: Ledger) -> Floats:
    """The share of subscribers that a month lost."""
    start, end = (edge > 0 for edge in edges(ledger))
    return quotient(ledger.books.sums(start & ~end), ledger.books.sums(start))


def revenue_churn(ledger: Ledger) -> Floats:
    """The share of recurring revenue that a month lost."""
    lost = movement(ledger, "churn") + movement(ledger, "contraction")
    return quotient(lost, mrr_start(ledger))


def upsell_rate(ledger: Ledger) -> Floats:
    """The share of subscribers that pay more at a month's end than at its beginning."""
    start, end = edges(ledger)
    return quotient(ledger.books.sums((start > 0) & (end > start)), ledger.books.sums(start > 0))


def renewal_rate(ledger: Ledger, *, money: bool) -> Floats:
    """The share of terms that ended in the month which were renewed."""
    done, due = (monthly(ledger.books.sums(ledger.dealings.due(renewed=one, money=money))) for one in (True, False))
    return quotient(done, due)


def _times_12(of: Callable[[Ledger], Floats]) -> Callable[[Ledger], Floats]:
    return lambda ledger: 12 * of(ledger)


def _movement(kind: str) -> Callable[[Ledger], Floats]:
    return lambda ledger: movement(ledger, kind)


RECURRING: tuple[Kpi, ...] = (
    Kpi("mrr", "money", "sum of mrr of the subscriptions active at the month's last instant: started, not ended", mrr),
    Kpi("mrr_start", "money", "mrr at the end of the month before", mrr_start),
    *(
        Kpi(f"mrr_{kind}", "money", f"{says}. By account; what begins and ends within one month does not count:"
            " mrr_start + new + reactivation + expansion − contraction − churn = mrr", _movement(kind))
        for kind, says in MOVEMENTS.items()
    ),
    Kpi("arr", "money", "12 × mrr", _times_12(mrr)),
    Kpi("arr_start", "money", "12 × mrr_start", _times_12(mrr_start)),
    *(
        Kpi(f"arr_{kind}", "money", f"12 × mrr_{kind}: arr_start + new + reactivation + expansion − contraction −"
            " churn = arr", _times_12(_movement(kind)))
        for kind in MOVEMENTS
    ),
    Kpi("nrr", "share", "mrr at the month's end of the accounts that had some 12 months before, over what they had"
        " then", net_retention),
    Kpi("grr", "share", "sum over accounts of the smaller of mrr now and mrr 12 months before, over mrr 12 months"
        " before", gross_retention),
    Kpi("logo_churn", "share", "accounts with mrr at the month's beginning and none at its end, over those with mrr at"
        " its beginning", logo_churn),
    Kpi("revenue_churn", "share", "(mrr_churn + mrr_contraction) ÷ mrr_start", revenue_churn),
    Kpi("upsell_rate", "share", "accounts whose mrr rose within the month, over those with mrr at its beginning",
        upsell_rate),
    Kpi("renewal_rate", "share", "of the terms that ended in the month while their subscription ran, those that renewed"
        " themselves and ran on or were followed by a subscription to the same product or family, begun at most 30 days"
        " before and a day after; nothing where the source keeps no past terms",
        lambda ledger: renewal_rate(ledger, money=False)),
    Kpi("renewal_rate_value", "share", "renewal_rate, terms weighed by their mrr",
        lambda ledger: renewal_rate(ledger, money=True)),
)  # fmt: skip
