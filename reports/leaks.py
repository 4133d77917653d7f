"""Revenue that leaks: what every detector found, with who can mend it and how."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from data.scoring import LEAKS, conform
from features.company import Company
from reports import detectors


@dataclass(frozen=True)
class Detector:
    """One kind of leak, and what is suggested where it is found."""

    name: str
    suggestion: str
    find: Callable[[Company], pd.DataFrame]


DETECTORS: tuple[Detector, ...] = (
    Detector(
        "renewal_past_due",
        "open a renewal deal, or correct the term, or end the subscription",
        detectors.renewals_past_due,
    ),
    Detector("invoice_overdue", "remind the account, or correct the payment record", detectors.invoices_overdue),
    Detector("deal_stalled", "take the next step, or close the deal as lost", detectors.deals_stalled),
    Detector("won_not_invoiced", "invoice the deal, or correct its outcome", detectors.won_never_invoiced),
    Detector("used_after_end", "renew the subscription, or stop the access", detectors.used_after_end),
)


def find_leaks(company: Company) -> pd.DataFrame:
    """One row per leak, the most money first: ``data.scoring.LEAKS``. ``leak_id`` is the same night after night."""
    frames = [
        detector.find(company).assign(detector=detector.name, suggestion=detector.suggestion) for detector in DETECTORS
    ]
    found = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
    found = found.assign(
        leak_id=found["detector"].astype(str) + ":" + found["key"].astype(str),
        money=found["money"].astype(float).round(2),
    )
    return conform(found.sort_values(["money", "leak_id"], ascending=[False, True], ignore_index=True), LEAKS)
