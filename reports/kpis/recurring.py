"""KPIs of recurring revenue: MRR and ARR and how they moved, retention, churn, renewal and upsell."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Ints
from reports.kpis.account_months import REPORTED_MONTHS, RETENTION_MONTHS
from reports.kpis.kpi import Kpi, KpiInputs, ratio, reported_months, where_known

MOVEMENTS: dict[str, str] = {
    "new": "MRR at the month's end of accounts without any at its beginning that never paid for a subscription before",
    "reactivation": "MRR at the month's end of accounts without any at its beginning that had paid for one before",
    "expansion": "rise of MRR from beginning to end of the month, of accounts that had some at its beginning",
    "contraction": "fall of MRR from beginning to end of the month, of accounts that kept some",
    "churn": "MRR at the month's beginning of accounts without any at its end",
}
"""The movements of MRR, each with its definition."""


def any_subscription_yet(inputs: KpiInputs) -> npt.NDArray[np.bool_]:
    """For each reported month, whether any subscription had started by its end."""
    return inputs.account_months.before_month_ends(inputs.account_months.first_fact_at["subscriptions"])


def mrr_at_month_edges(inputs: KpiInputs) -> tuple[Ints, Ints]:
    """Each account's MRR (cents) at the beginning and at the end of each reported month."""
    return inputs.account_months.mrr_cents[:, RETENTION_MONTHS:-1], inputs.account_months.mrr_cents[
        :, RETENTION_MONTHS + 1 :
    ]


def mrr(inputs: KpiInputs) -> Floats:
    """Monthly recurring revenue at each month's end."""
    return where_known(any_subscription_yet(inputs), inputs.sum_by_slice(mrr_at_month_edges(inputs)[1]) / 100)


def mrr_start(inputs: KpiInputs) -> Floats:
    """Monthly recurring revenue at each month's beginning."""
    return where_known(any_subscription_yet(inputs), inputs.sum_by_slice(mrr_at_month_edges(inputs)[0]) / 100)


def mrr_movement(inputs: KpiInputs, kind: str) -> Floats:
    """MRR gained or lost in each month by one of ``MOVEMENTS``."""
    start, end = mrr_at_month_edges(inputs)
    before = inputs.account_months.had_subscribed[:, RETENTION_MONTHS:-1]
    moved: Ints = {
        "new": np.where((start == 0) & ~before, end, 0),
        "reactivation": np.where((start == 0) & before, end, 0),
        "expansion": np.where((start > 0) & (end > start), end - start, 0),
        "contraction": np.where((end > 0) & (end < start), start - end, 0),
        "churn": np.where(end == 0, start, 0),
    }[kind]
    return where_known(any_subscription_yet(inputs), inputs.sum_by_slice(moved) / 100)


def net_retention(inputs: KpiInputs) -> Floats:
    """MRR now of the accounts that had some a year ago, over their MRR then (net revenue retention)."""
    now, then = mrr_at_month_edges(inputs)[1], inputs.account_months.mrr_cents[:, 1 : REPORTED_MONTHS + 1]
    return ratio(inputs.sum_by_slice(np.where(then > 0, now, 0)), inputs.sum_by_slice(then))


def gross_retention(inputs: KpiInputs) -> Floats:
    """MRR of a year ago that is still there, account by account, without expansion (gross revenue retention)."""
    now, then = mrr_at_month_edges(inputs)[1], inputs.account_months.mrr_cents[:, 1 : REPORTED_MONTHS + 1]
    return ratio(inputs.sum_by_slice(np.minimum(now, then)), inputs.sum_by_slice(then))


def logo_churn(inputs: KpiInputs) -> Floats:
    """Share of subscribers lost in the month."""
    start, end = (edge > 0 for edge in mrr_at_month_edges(inputs))
    return ratio(inputs.sum_by_slice(start & ~end), inputs.sum_by_slice(start))


def revenue_churn(inputs: KpiInputs) -> Floats:
    """Share of MRR lost in the month, to churn and contraction."""
    lost = mrr_movement(inputs, "churn") + mrr_movement(inputs, "contraction")
    return ratio(lost, mrr_start(inputs))


def upsell_rate(inputs: KpiInputs) -> Floats:
    """Share of subscribers with a higher MRR at the month's end than at its beginning."""
    start, end = mrr_at_month_edges(inputs)
    return ratio(inputs.sum_by_slice((start > 0) & (end > start)), inputs.sum_by_slice(start > 0))


def renewal_rate(inputs: KpiInputs, *, money: bool) -> Floats:
    """Share of the terms that ended in the month that were renewed, by number or by MRR."""
    renewed, ended = (
        reported_months(inputs.sum_by_slice(inputs.deal_months.ended_terms_by_month(renewed=is_renewed, money=money)))
        for is_renewed in (True, False)
    )
    return ratio(renewed, ended)


def _annualized(compute: Callable[[KpiInputs], Floats]) -> Callable[[KpiInputs], Floats]:
    return lambda inputs: 12 * compute(inputs)


def _movement(kind: str) -> Callable[[KpiInputs], Floats]:
    return lambda inputs: mrr_movement(inputs, kind)


RECURRING: tuple[Kpi, ...] = (
    Kpi("mrr", "money", "sum of mrr of the subscriptions active at the month's last instant: started, not ended", mrr),
    Kpi("mrr_start", "money", "mrr at the end of the month before", mrr_start),
    *(
        Kpi(f"mrr_{kind}", "money", f"{definition}. By account; what begins and ends within one month does not count:"
            " mrr_start + new + reactivation + expansion − contraction − churn = mrr", _movement(kind))
        for kind, definition in MOVEMENTS.items()
    ),
    Kpi("arr", "money", "12 × mrr", _annualized(mrr)),
    Kpi("arr_start", "money", "12 × mrr_start", _annualized(mrr_start)),
    *(
        Kpi(f"arr_{kind}", "money", f"12 × mrr_{kind}: arr_start + new + reactivation + expansion − contraction −"
            " churn = arr", _annualized(_movement(kind)))
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
        lambda inputs: renewal_rate(inputs, money=False)),
    Kpi("renewal_rate_value", "share", "renewal_rate, terms weighed by their mrr",
        lambda inputs: renewal_rate(inputs, money=True)),
)  # fmt: skip
