"""One next best action for each account, by expected value, and never what is not allowed."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from data.contract import CONTRACT
from data.errors import MappingError
from data.mapping.action_costs import Costs
from data.outputs.catalogue import NEXT_BEST_ACTIONS
from tests.actions.choosing import Choice
from tests.actions.rows import MAILABLE, OWNER, PRODUCTS, account, consent, contact, recommended, subscription
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]


def test_the_action_of_highest_value_is_chosen_and_the_next_is_its_runner_up(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[subscription("A1", mrr=100)],
        contacts=[contact("A1")],
        consents=[consent("A1")],
    )
    chosen = choose(
        company,
        account_scores=[{"account_id": "A1", "churn": 0.9, "upsell": 0.5}],
        recommendations=[recommended("A1", expected_margin=2000.0)],
    ).of("A1")
    # offer: 0.25 × 0.2 × 0.8 × (2000 / 0.2) − 30 = 370; call: 0.9 × 0.12 × 960 − 45 = 58.68; e-mail: 128 − 0.25
    assert (chosen["action"], chosen["product_id"], chosen["expected_value"]) == ("upsell_offer", "addon", 370.0)
    assert (chosen["runner_up"], chosen["runner_up_value"]) == ("cross_sell_email", 127.75)


def test_products_of_an_open_deal_are_not_offered(choose: Choose) -> None:
    deals = {
        "same product": {"product_id": "addon"},
        "same family": {"product_id": "sibling"},
        "unknown product": {},
        "another product": {"product_id": "pro"},
        "renewal": {"kind": "renewal"},
        "deal closed": {"product_id": "addon", "closed_at": "2024-06-01", "outcome": "lost"},
    }
    company = build_company(
        accounts=[account(a) for a in deals],
        owners=[OWNER],
        products=[*PRODUCTS, {**PRODUCTS[2], "product_id": "sibling", "name": "Sibling"}],
        subscriptions=[subscription(a) for a in deals],
        opportunities=[
            {"opportunity_id": f"D-{a}", "account_id": a, "created_at": "2024-05-01", **deal}
            for a, deal in deals.items()
        ],
        contacts=[contact(a) for a in deals],
        consents=[consent(a) for a in deals],
    )
    offered = [recommended(a, expected_margin=2000.0) for a in deals]
    for action, scores in {
        "cross_sell_email": [],
        "upsell_offer": [{"account_id": a, "upsell": 0.5} for a in deals],
    }.items():
        chosen = choose(company, recommendations=offered, account_scores=scores)
        assert dict(zip(chosen.actions["account_id"], chosen.actions["action"], strict=True)) == {
            **dict.fromkeys(("same product", "same family", "unknown product"), "wait"),
            **dict.fromkeys(("another product", "renewal", "deal closed"), action),
        }


def test_costs_are_those_that_the_company_states(choose: Choose) -> None:
    tables: dict[str, Any] = {
        "accounts": [account("A1")],
        "owners": [OWNER],
        "products": PRODUCTS,
        "subscriptions": [subscription("A1")],
        **MAILABLE,
    }
    lira = build_company(currency="TRY", **tables)
    lira = replace(lira, settings=replace(lira.settings, costs=Costs(hour=1200.0, email=10.0, hurdle=40.0)))
    called = choose(lira, account_scores=[{"account_id": "A1", "churn": 0.9}]).of("A1")
    assert (called["action"], called["cost"]) == ("renewal_call", 900.0)
    # 8 % × 0.2 × 0.8 × margin − 10 must be 40 at least
    for margin, action in ((782.0, "cross_sell_email"), (780.0, "wait")):
        mailed = choose(lira, recommendations=[recommended("A1", expected_margin=margin)]).of("A1")
        assert mailed["action"] == action
    assert json.loads(mailed["reasons"]) == ["nothing is worth 40 TRY more than it costs"]
    with pytest.raises(MappingError, match=r"in TRY is unknown.*EUR, USD, GBP(.|\n)*state hour, email, hurdle"):
        choose(build_company(currency="TRY", **tables))


def test_every_account_has_exactly_one_action_with_any_scores_missing(choose: Choose) -> None:
    company = build_company(accounts=[account("A1"), {"account_id": "A2"}])
    chosen = choose(company)
    assert chosen.actions["account_id"].tolist() == ["A1", "A2"]
    assert chosen.actions["action"].tolist() == ["wait", "wait"]
    assert list(chosen.actions.columns) == list(NEXT_BEST_ACTIONS.by_name)
    assert choose(build_company()).actions.empty


def test_any_table_may_be_empty(choose: Choose) -> None:
    whole = build_company(
        accounts=[account("A1")],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        opportunities=[{"opportunity_id": "D1", "account_id": "A1", "created_at": "2024-05-01"}],
        **MAILABLE,
    )
    filled = [table.name for table in CONTRACT if table.name != "accounts" and whole.has(table.name)]
    assert filled == ["contacts", "consents", "products", "subscriptions", "opportunities", "owners"]
    for missing in filled:
        company = replace(whole, tables={**whole.tables, missing: whole.tables[missing].limit(0)})
        chosen = choose(
            company,
            account_scores=[{"account_id": "A1", "churn": 0.5, "upsell": 0.5}],
            recommendations=[recommended("A1")],
            opportunity_scores=[{"opportunity_id": "D1", "account_id": "A1", "win": 0.5, "expected_amount": 100.0}],
        )
        assert len(chosen.actions) == 1


def test_decisions_are_deterministic(choose: Choose) -> None:
    accounts = [f"A{number}" for number in range(40)]
    company = build_company(
        accounts=[account(a) for a in accounts],
        owners=[{"owner_id": "O1", "weekly_hours": 10}],
        products=PRODUCTS,
        subscriptions=[subscription(a) for a in accounts],
    )
    scores = [{"account_id": a, "churn": 0.5} for a in accounts]
    first, again = choose(company, account_scores=scores), choose(company, account_scores=scores[::-1])
    pd.testing.assert_frame_equal(first.actions, again.actions)
    called = first.actions[(first.actions["action"] == "renewal_call") & ~first.actions["holdout"]]
    assert called["account_id"].tolist() == ["A0", "A1", "A10", "A11", "A12"]  # of equals, the first ids: 240 of 45 min
