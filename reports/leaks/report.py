"""Revenue leaks: the rows of every detector, with the owner who can act and what to do."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import LEAKS
from features.company import Company
from reports.leaks.deals import stalled_deals
from reports.leaks.invoices import overdue_invoices, uninvoiced_deals
from reports.leaks.neglect import unnoticed_downgrades, untouched_leads
from reports.leaks.prices import discounts_beyond_policy, prices_after_promotion
from reports.leaks.renewals import overdue_renewals
from reports.leaks.seats import outgrown_seats
from reports.leaks.usage import usage_after_end


@dataclass(frozen=True)
class Detector:
    """One kind of leak: how its money is counted, and what to do about it."""

    name: str
    formula: str
    suggestion: str
    find: Callable[[Company], pd.DataFrame]


DETECTORS: tuple[Detector, ...] = (
    Detector(
        "renewal_past_due",
        "mrr × months since the term ended, one at least",
        "open a renewal deal, or correct the term, or end the subscription",
        overdue_renewals,
    ),
    Detector(
        "seats_outgrown",
        "mean users above the paid seats × price of a seat × months of the eight weeks looked at",
        "sell the seats that are used, or agree on how many may be",
        outgrown_seats,
    ),
    Detector(
        "discount_beyond_policy",
        "lowest price that the policy allows − amount of the line",
        "ask who agreed to it, and quote the policy's price for the next order",
        discounts_beyond_policy,
    ),
    Detector(
        "won_not_invoiced",
        "amount of the deal",
        "invoice the deal, or correct its outcome",
        uninvoiced_deals,
    ),
    Detector(
        "invoice_overdue",
        "amount of the invoice",
        "remind the account, or correct the payment record",
        overdue_invoices,
    ),
    Detector(
        "price_after_promotion",
        "(usual − paid price of a seat) × seats × months since the promotion ended",
        "raise the price to the usual one at the next renewal, as the promotion said",
        prices_after_promotion,
    ),
    Detector(
        "downgrade_unnoticed",
        "12 × the fall of mrr",
        "call the account, and ask what is no longer needed and why",
        unnoticed_downgrades,
    ),
    Detector(
        "deal_stalled",
        "amount of the deal",
        "take the next step, or close the deal as lost",
        stalled_deals,
    ),
    Detector(
        "lead_untouched",
        "new deals won in a year ÷ accounts that came in within it",
        "call them, or write that nobody will",
        untouched_leads,
    ),
    Detector(
        "used_after_end",
        "last mrr ÷ days of a month × days of use",
        "renew the subscription, or stop the access",
        usage_after_end,
    ),
)


def find_leaks(company: Company) -> pd.DataFrame:
    """One row per leak, the most money first: ``data.outputs.report_tables.LEAKS``.

    ``leak_id`` stays the same from run to run.
    """
    frames = [
        detector.find(company).assign(detector=detector.name, formula=detector.formula, suggestion=detector.suggestion)
        for detector in DETECTORS
    ]
    leaks = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
    leaks = leaks.assign(
        leak_id=leaks["detector"].astype(str) + ":" + leaks["key"].astype(str),
        money=leaks["money"].astype(float).round(2),
    )
    return conform(leaks.sort_values(["money", "leak_id"], ascending=[False, True], ignore_index=True), LEAKS)
