"""The value, the eligible accounts and the reasons of each action."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from actions.account_margins import account_margins
from actions.action import CANDIDATE_COLUMNS, ActionInputs
from actions.registry import ACTIONS
from tests.actions.choosing import Choice
from tests.actions.rows import (
    MAILABLE,
    OWNER,
    PRODUCTS,
    TREATED,
    account,
    consent,
    contact,
    order,
    recommended,
    subscription,
)
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]


def test_a_subscriber_at_risk_is_called_if_the_call_pays(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1"), account("A2")],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[subscription("A1"), subscription("A2", mrr=10)],
    )
    chosen = choose(company, account_scores=[{"account_id": a, "churn": 0.5} for a in ("A1", "A2")])
    a1, a2 = chosen.of("A1"), chosen.of("A2")
    # 0.5 chance × 12 % saved × 1000 × 12 months × 80 % margin = 576, and 45 minutes cost 45
    assert (a1["action"], a1["expected_value"], a1["cost"]) == ("renewal_call", 531.0, 45.0)
    assert a1["action_id"] == "2024-07-01:A1:renewal_call"
    assert (a1["channel"], a1["owner_id"], a1["runner_up"]) == ("call", "O1", "wait")
    assert a1["act_at"] == pd.Timestamp("2024-07-01 06:00")  # Monday, nine o'clock in Istanbul
    assert json.loads(a1["reasons"]) == [
        "50% likely to leave",
        "9,600 EUR of margin a year at stake",
        "assumes that a call keeps 12% of those who would leave",
    ]
    # 5.76 is not worth a call of 45
    assert (a2["action"], a2["expected_value"], a2["runner_up"], a2["runner_up_value"]) == (
        "wait", 0.0, "renewal_call", -39.24,
    )  # fmt: skip


def test_an_offer_is_valued_by_its_products_probability_bounded_by_that_of_anything_new(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1"), account("A2"), account("A3")],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[subscription(a) for a in TREATED],
    )
    # 9,000 if bought: 0.25 × 0.01 × 0.99 × 9,000 = 22.28 does not pay for the call, with 10 % of chance 202.5 does
    unlikely: dict[str, Any] = {"product_id": "pro", "rank": 2, "probability": 0.01, "expected_margin": 90.0}
    less_unlikely = {**unlikely, "probability": 0.1, "expected_margin": 900.0}
    certain: dict[str, Any] = {"product_id": "addon", "probability": 0.99, "expected_margin": 2970.0}  # 3,000 if bought
    chosen = choose(
        company,
        account_scores=[
            {"account_id": "A1", "upsell": 0.9},
            {"account_id": "A2", "upsell": 0.1},
            {"account_id": "A3", "upsell": 0.999},
        ],
        recommendations=[
            recommended("A1", **unlikely),
            recommended("A2", expected_margin=2000.0),  # 0.25 × 0.1 × 0.9 × 10,000 − 30 = 195: the lower of 10 and 20 %
            recommended("A3", **certain),  # 0.25 × 0.99 × 0.01 × 3,000 = 7.43: it buys anyway
            recommended("A3", **less_unlikely),
        ],
    )
    assert chosen.of("A1")["action"] == "wait"
    assert (chosen.of("A1")["runner_up"], chosen.of("A1")["runner_up_value"]) == ("upsell_offer", -7.72)
    assert (chosen.of("A2")["action"], chosen.of("A2")["expected_value"]) == ("upsell_offer", 195.0)
    assert json.loads(chosen.of("A2")["reasons"])[:2] == [
        "10% likely to buy Add-on",
        "it would bring 10,000 EUR of margin",
    ]
    assert (chosen.of("A3")["product_id"], chosen.of("A3")["expected_value"]) == ("pro", 172.5)


def test_an_open_deal_is_advanced_by_its_own_owner(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        owners=[OWNER, {"owner_id": "O2"}],
        products=PRODUCTS,
        opportunities=[
            {"opportunity_id": "D1", "account_id": "A1", "owner_id": "O2", "product_id": "pro",
             "created_at": "2024-05-01"},
            {"opportunity_id": "D2", "account_id": "A1", "owner_id": "O2", "created_at": "2024-05-01"},
        ],
    )  # fmt: skip
    scores = [
        {"opportunity_id": "D1", "account_id": "A1", "owner_id": "O2", "win": 0.5, "expected_amount": 10_000.0},
        {"opportunity_id": "D2", "account_id": "A1", "owner_id": "O2", "win": 0.5, "expected_amount": 5_000.0},
    ]
    chosen = choose(company, opportunity_scores=scores).of("A1")
    # 0.15 × 0.5 × 0.5 × 10,000 × 80 % − 30
    assert (chosen["action"], chosen["expected_value"]) == ("advance_deal", 270.0)
    assert (chosen["owner_id"], chosen["opportunity_id"]) == ("O2", "D1")


def test_a_term_that_has_ended_is_named_in_the_reasons(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1"), account("A2")],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[
            subscription("A1", term_ends_at="2024-05-31 21:00"),  # midnight in Istanbul
            subscription("A1", product_id="addon", term_ends_at="2024-12-31 21:00"),
            subscription("A2", product_id="addon", term_ends_at="2024-12-31 21:00"),
            subscription("A2", term_ends_at="2024-05-31 21:00", ended_at="2024-05-31 21:00"),
        ],
    )
    chosen = choose(company, account_scores=[{"account_id": a, "churn": 0.5} for a in ("A1", "A2")])
    sentences = [json.loads(chosen.of(a)["reasons"])[2] for a in ("A1", "A2")]
    assert sentences == ["the term ended on 2024-06-01 and was not renewed in the CRM", "the next term ends 2025-01-01"]


def test_only_customers_with_an_overdue_order_are_won_back(choose: Choose) -> None:
    monthly = ["2024-01-29", "2024-02-28", "2024-03-29", "2024-04-28"]  # 30 days apart
    silent = {"ordered this week": [*monthly, "2024-05-28", "2024-06-27"], "ordered two months ago": monthly}
    holds = {"subscription_id": "S", "account_id": "subscribes", "product_id": "base", "mrr": 0,
             "started_at": "2024-01-01"}  # fmt: skip
    bought = {**silent, "subscribes": monthly, "ordered once, two months ago": ["2024-04-28"]}
    company = build_company(
        accounts=[account(a) for a in bought],
        products=PRODUCTS,
        orders=[order(a, day) for a, days in bought.items() for day in days],
        subscriptions=[holds],
        contacts=[contact(a) for a in bought],
        consents=[consent(a) for a in bought],
    )
    chosen = choose(company, account_scores=[{"account_id": a, "churn": 0.5} for a in bought])
    assert dict(zip(chosen.actions["account_id"], chosen.actions["action"], strict=True)) == {
        **dict.fromkeys(bought, "wait"), "ordered two months ago": "win_back_email",
    }  # fmt: skip
    assert json.loads(chosen.of("ordered two months ago")["reasons"])[1] == (
        "silent for 2.1 times its usual days between orders"
    )


def test_lapsed_customers_are_won_back_and_offered_nothing_new(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1"), account("A2")],
        products=PRODUCTS,
        orders=[order("A1", "2024-01-01"), order("A2", "2024-06-01")],
        contacts=[contact("A1"), contact("A2")],
        consents=[consent("A1"), consent("A2")],
    )
    offered = [recommended(a, expected_margin=2000.0) for a in ("A1", "A2")]  # an e-mail about it is worth 127.75
    chosen = choose(company, recommendations=offered)
    assert [chosen.of(a)["action"] for a in ("A1", "A2")] == ["win_back_email", "cross_sell_email"]
    called = choose(company, recommendations=offered, account_scores=[{"account_id": a, "upsell": 0.5} for a in
                                                                     ("A1", "A2")])  # fmt: skip
    assert [called.of(a)["action"] for a in ("A1", "A2")] == ["win_back_email", "upsell_offer"]


def test_customers_with_an_open_deal_are_not_won_back(choose: Choose) -> None:
    accounts = ("talks to us", "talked to us", "is silent")
    deals = [
        {"account_id": "talks to us"},
        {"account_id": "talked to us", "closed_at": "2024-06-01", "outcome": "lost"},
    ]
    company = build_company(
        accounts=[account(a) for a in accounts],
        products=PRODUCTS,
        orders=[order(a, "2024-01-01") for a in accounts],
        opportunities=[{"opportunity_id": d["account_id"], "created_at": "2024-05-01", **d} for d in deals],
        contacts=[contact(a) for a in accounts],
        consents=[consent(a) for a in accounts],
    )
    chosen = choose(company)
    assert [chosen.of(a)["action"] for a in accounts] == ["wait", "win_back_email", "win_back_email"]


def test_an_inactive_customer_of_orders_is_emailed(choose: Choose) -> None:
    company = build_company(accounts=[account("A1")], products=PRODUCTS, orders=[order("A1", "2024-01-01")], **MAILABLE)
    gone = choose(company).of("A1")
    # nobody ever came back: 100 % stay away, 2 % are brought back, 800 of margin, 0.25 for the e-mail
    assert (gone["action"], gone["expected_value"]) == ("win_back_email", 15.75)
    leaving = choose(company, account_scores=[{"account_id": "A1", "churn": 0.5}]).of("A1")
    assert (leaving["action"], leaving["expected_value"]) == ("win_back_email", 7.75)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_returns_candidate_columns_and_no_rows_without_its_tables(action: Any) -> None:
    company = build_company(accounts=[account("A1")])
    for inputs in (ActionInputs({}), ActionInputs({"account_margins": account_margins(company)})):
        assert list(action.candidates(company, inputs).columns) == list(CANDIDATE_COLUMNS)
    assert action.description.endswith(".")


def test_action_names_are_unique() -> None:
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
