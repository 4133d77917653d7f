"""Churn episodes: one definition of churn at all dates, and the days left until it."""

from datetime import date, timedelta

import numpy as np
import pytest

from features.accounts.lifecycle import fix_inactivity_days
from features.company import ChurnDefinition, Company
from features.labels.churn import account_churned
from features.spine import account_spine
from models.churn import churn_episodes
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


def test_the_inactivity_threshold_of_the_companys_date_is_that_of_all_dates(company: Company) -> None:
    assert fix_inactivity_days(company).churn_definition.inactivity_days == 170
    stated = company.with_settings(churn_definition=ChurnDefinition("shrinks", 50))
    assert fix_inactivity_days(stated).churn_definition == stated.churn_definition
    empty = build_company(AS_OF, accounts=[{"account_id": "a"}])
    assert fix_inactivity_days(empty).churn_definition.inactivity_days == 90


def test_an_account_has_episodes_until_it_is_inactive_for_todays_threshold(company: Company) -> None:
    """In spring the threshold was 90 days, since no longer gap had ended; today it is 170, in all episodes."""
    rows = churn_episodes(company).set_index("account_id").loc["silent"]
    inactive = date(2024, 1, 13) + timedelta(days=170)
    assert rows["as_of"].max() == max(at for at in rows["as_of"] if at <= inactive)
    assert rows["days_since_order"].max() > 135
    days = np.array([(inactive - at).days for at in rows["as_of"]])
    assert rows["days_left"].to_numpy() == pytest.approx(days + 0.5, abs=0.7)
    assert (rows["periods"] == np.minimum(rows["days_left"] // 30 + 1, 6)).all()
    assert (rows["event"] == (rows["days_left"] < 180)).all()


def test_past_scores_are_compared_with_outcomes_under_the_threshold_of_their_date(company: Company) -> None:
    then = account_churned(company, account_spine(company, [date(2024, 5, 1)]), 30, company.as_of_at).execute()
    assert not then.set_index("account_id").loc["silent", "active"]
    now = account_churned(
        fix_inactivity_days(company), account_spine(company, [date(2024, 5, 1)]), 90, company.as_of_at
    ).execute()
    assert now.set_index("account_id").loc["silent", "churned"]


def test_the_days_left_of_a_subscriber_are_those_of_its_term(company: Company) -> None:
    rows = churn_episodes(company).set_index("account_id").loc["holds"]
    assert rows["days_left"].notna().all()
    assert (rows["days_left"] == rows["days_to_term_end"]).all()
