"""Windows after a date: their ends, what lies in them, and the refusal of those that are not over."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from features.labels.churn import account_churned
from features.labels.purchases import bought_new_product, ordered_again
from features.labels.revenue import future_revenue
from features.labels.windows import with_window_end
from features.spine import account_spine
from tests.features.labels.rows import AS_OF, DAY, HORIZON, line


@pytest.mark.parametrize("label", [account_churned, bought_new_product, future_revenue, ordered_again])
def test_a_label_refuses_a_window_that_is_not_over(label_of: Callable[..., pd.DataFrame], label: Any) -> None:
    last = AS_OF - timedelta(days=HORIZON)
    orders = [line("a", "2024-01-01")]
    label_of(label, day=last, orders=orders)
    with pytest.raises(ValueError, match="the 90 days after 2024-04-03 are not over"):
        label_of(label, day=last + timedelta(days=1), orders=orders)


def test_a_window_ends_at_the_first_instant_of_a_local_day(build: Callable[..., Company]) -> None:
    company = build(AS_OF, accounts=[{"account_id": "a"}], orders=[line("a", "2024-01-01")])
    rows = with_window_end(company, account_spine(company, [DAY]), HORIZON, company.as_of_at).execute()
    assert (str(rows.end_on[0])[:10], str(rows.end_at[0])) == ("2024-05-30", "2024-05-29 21:00:00")


def test_a_horizon_of_no_days_is_refused(build: Callable[..., Company]) -> None:
    company = build(AS_OF, accounts=[{"account_id": "a"}], orders=[line("a", "2024-01-01")])
    with pytest.raises(ValueError, match="horizon_days must be at least 1, not 0"):
        with_window_end(company, account_spine(company, [date(2024, 3, 1)]), 0, company.as_of_at)
