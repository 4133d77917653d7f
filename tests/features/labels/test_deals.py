"""How open deals end within a window, and how long they stay open."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from features.labels.deals import deal_durations, deal_won
from features.spine import opportunity_spine
from tests.features.labels.rows import AS_OF, DAY, END, HORIZON

ENDS = {
    "won": ("2024-04-01", "won"),
    "lost": ("2024-04-01", "lost"),
    "open": (None, None),
    "won later": (END, "won"),
    "won before": ("2024-02-01", "won"),
}


@pytest.fixture
def company(build: Callable[..., Company]) -> Company:
    """Deals that were created in January and end as in ``ENDS``."""
    deals: list[dict[str, Any]] = [
        {"opportunity_id": name, "created_at": "2024-01-01", "closed_at": at, "outcome": outcome}
        for name, (at, outcome) in ENDS.items()
    ]
    return build(AS_OF, opportunities=deals)


def test_a_deal_is_won_only_within_the_window(company: Company) -> None:
    rows = deal_won(company, opportunity_spine(company, [DAY]), HORIZON, company.as_of_at).execute()
    labels = rows.set_index("opportunity_id")[["closed", "won"]].T.to_dict("list")
    neither = [False, False]
    assert labels == {"lost": [True, False], "open": neither, "won": [True, True], "won later": neither}


def test_the_duration_of_an_open_deal_is_censored_where_the_data_ends(company: Company) -> None:
    rows = deal_durations(company, opportunity_spine(company, [DAY]), company.as_of_at).execute()
    rows = rows.set_index("opportunity_id")
    assert rows.won.to_dict() == {"lost": False, "open": False, "won": True, "won later": True}
    assert rows.days.round(1).dropna().to_dict() == {"lost": 31.1, "won": 31.1, "won later": 90.0}
    assert pd.isna(rows.days["open"])
    assert (rows.seen_days == 122).all()


def test_a_date_after_which_nothing_is_covered_is_refused(company: Company) -> None:
    spine = opportunity_spine(company, [date(2024, 6, 1)])
    with pytest.raises(ValueError, match="nothing is known after 2024-06-01"):
        deal_durations(company, spine, pd.Timestamp("2024-05-01").to_pydatetime())
