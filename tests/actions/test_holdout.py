"""A tenth of the accounts are put aside: chosen for, and marked, and nothing is done."""

import json
from collections.abc import Callable

import pandas as pd

from actions.holdout import in_holdout
from tests.actions.choosing import Choice
from tests.actions.rows import OWNER, PRODUCTS, TREATED, account, consent, contact, recommended, subscription
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]

ASIDE = next(f"H{n}" for n in range(1000) if in_holdout(pd.Series([f"H{n}"]), seed=7)[0])
"""An account of the holdout."""


def test_the_accounts_of_these_tests_are_not_in_the_holdout() -> None:
    assert not in_holdout(pd.Series(TREATED), seed=7).any()


def test_the_holdout_is_a_tenth_of_the_accounts_and_stays_the_same() -> None:
    accounts = pd.Series([f"account-{number}" for number in range(10_000)])
    drawn = in_holdout(accounts, seed=7)
    assert 0.09 < drawn.mean() < 0.11
    assert in_holdout(accounts[::-1], seed=7).sort_index().equals(drawn)
    assert not in_holdout(accounts, seed=8).equals(drawn)


def test_an_account_of_the_holdout_is_marked_with_its_withheld_action_and_takes_no_time(choose: Choose) -> None:
    aside = ASIDE
    company = build_company(
        accounts=[account(aside), account("A1")],
        owners=[{"owner_id": "O1", "weekly_hours": 2}],  # time for one call
        products=PRODUCTS,
        subscriptions=[subscription(aside, mrr=3000), subscription("A1")],
        contacts=[contact(aside)],
        consents=[consent(aside)],
    )
    churning = [{"account_id": a, "churn": 0.5} for a in (aside, "A1")]
    chosen = choose(company, account_scores=churning)
    held, called = chosen.of(aside), chosen.of("A1")
    assert (held["action"], held["holdout"], held["withheld_action"]) == ("wait", True, "renewal_call")
    assert (called["action"], called["holdout"], called["withheld_action"]) == ("renewal_call", False, None)
    # who reads no more than the action, its channel, its value or its hour finds nothing to do
    assert held["action_id"] == f"2024-07-01:{aside}:wait"
    nothing = ("product_id", "contact_id", "opportunity_id", "channel", "act_at")
    assert all(pd.isna(held[name]) for name in nothing)
    assert (held["expected_value"], held["cost"]) == (0.0, 0.0)
    assert (held["runner_up"], held["runner_up_value"]) == ("renewal_call", 1683.0)  # what was forgone
    assert called["act_at"] == pd.Timestamp("2024-07-01 06:00")  # the first hour: the call that is not made takes none
    mailed = choose(company, recommendations=[recommended(aside)])
    assert mailed.targets["arm"].tolist() == ["holdout"]
    assert mailed.of(aside)["action"] == "wait"
    assert json.loads(mailed.of(aside)["reasons"])[1] == "otherwise: cross_sell_email with addon"


def test_a_live_deal_is_never_withheld(choose: Choose) -> None:
    deal = {"opportunity_id": "D1", "account_id": ASIDE, "product_id": "pro", "created_at": "2024-05-01"}
    company = build_company(accounts=[account(ASIDE)], owners=[OWNER], products=PRODUCTS, opportunities=[deal])
    win = {"opportunity_id": "D1", "account_id": ASIDE, "win": 0.5, "expected_amount": 10_000.0}
    chosen = choose(company, opportunity_scores=[win]).of(ASIDE)
    assert (chosen["action"], chosen["holdout"], chosen["withheld_action"]) == ("advance_deal", False, None)
