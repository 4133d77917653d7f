"""Who leaves: what counts as leaving tonight is what is learnt of the past, and what is left until then is known."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from features.company import ChurnDefinition, Company
from features.labels.churn import as_today, churned
from features.spine import account_spine
from models.churn import account_lives
from tests.features.company_builder import build_company

AS_OF = date(2024, 12, 1)
ORDERS = {
    "silent": ("2023-12-01 12:00", "2024-01-13 12:00"),
    "seldom": ("2023-12-01 12:00", "2024-06-02 12:00"),  # 184 days: nine tenths of the way from 43 to it is 170
}


@pytest.fixture
def company() -> Company:
    return build_company(
        AS_OF,
        accounts=[{"account_id": name} for name in (*ORDERS, "holds")],
        orders=[
            {"account_id": name, "order_id": f"{name} {at}", "ordered_at": at, "status": "placed"}
            for name, days in ORDERS.items()
            for at in days
        ],
        subscriptions=[
            {"account_id": "holds", "subscription_id": "S", "started_at": "2024-01-01", "term_ends_at": "2025-01-01"}
        ],
    )


def test_leaving_means_at_all_dates_what_it_does_tonight(company: Company) -> None:
    assert as_today(company).churn_definition.inactivity_days == 170
    of_its_own = replace(company, churn_definition=ChurnDefinition("shrinks", 50))
    assert as_today(of_its_own).churn_definition == of_its_own.churn_definition
    nothing = build_company(AS_OF, accounts=[{"account_id": "a"}])
    assert as_today(nothing).churn_definition.inactivity_days == 90


def test_a_silence_is_learnt_from_until_it_is_as_long_as_counts_tonight(company: Company) -> None:
    """In the spring 90 days counted, since no longer one had been seen to end; now 170 do, and so they do in lives."""
    rows = account_lives(company).set_index("account_id").loc["silent"]
    left = date(2024, 1, 13) + timedelta(days=170)
    assert rows["as_of"].max() == max(at for at in rows["as_of"] if at <= left)
    assert rows["days_since_order"].max() > 135
    days = np.array([(left - at).days for at in rows["as_of"]])
    assert rows["days_left"].to_numpy() == pytest.approx(days + 0.5, abs=0.7)
    assert (rows["periods"] == np.minimum(rows["days_left"] // 30 + 1, 6)).all()
    assert (rows["event"] == (rows["days_left"] < 180)).all()


def test_what_was_told_on_a_past_night_is_held_against_what_counted_then(company: Company) -> None:
    then = churned(company, account_spine(company, [date(2024, 5, 1)]), 30, company.as_of_at).execute()
    assert not then.set_index("account_id").loc["silent", "at_risk"]
    now = churned(as_today(company), account_spine(company, [date(2024, 5, 1)]), 90, company.as_of_at).execute()
    assert now.set_index("account_id").loc["silent", "churned"]


def test_of_a_subscriber_the_days_left_are_those_of_its_term(company: Company) -> None:
    rows = account_lives(company).set_index("account_id").loc["holds"]
    assert rows["days_left"].notna().all()
    assert (rows["days_left"] == rows["days_to_term_end"]).all()
