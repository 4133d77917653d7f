"""One next best action for each account, by expected value, and never what is not allowed."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from actions.holdout import in_holdout
from data.contract import CONTRACT
from data.costs import Costs
from data.errors import MappingError
from data.scoring import NEXT_BEST_ACTIONS
from tests.actions.choosing import Choice
from tests.actions.rows import (
    MAILABLE,
    OWNER,
    PRODUCTS,
    TREATED,
    account,
    consent,
    contact,
    recommended,
    subscription,
)
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]

ASIDE = next(f"H{n}" for n in range(1000) if in_holdout(pd.Series([f"H{n}"]), seed=7)[0])
"""An account of the holdout."""


def test_the_accounts_of_these_tests_are_not_in_the_holdout() -> None:
    assert not in_holdout(pd.Series(TREATED), seed=7).any()


def test_the_action_worth_most_is_chosen_and_the_next_is_its_runner_up(choose: Choose) -> None:
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


def test_no_email_is_sent_where_it_must_not_be(choose: Choose) -> None:
    unsubscribed = {"touch_id": "T", "contact_id": "C-unsubscribed", "channel": "email", "kind": "unsubscribed",
                    "happened_at": "2024-06-01"}  # fmt: skip
    sent = [
        {"touch_id": f"{who}-{day}", "contact_id": f"C-{who}", "channel": "email", "kind": "sent",
         "happened_at": f"2024-06-{day}"}
        for who, days in {"mailed twice this week": (27, 28), "mailed once this week": (20, 28)}.items()
        for day in days
    ]  # fmt: skip
    overridden = {"response": "overridden", "responded_at": "2024-06-01"}
    responses = [
        {"action_id": "2024-06-01:overridden:cross_sell_email", **overridden},
        {"action_id": "2024-06-01:overridden until December:cross_sell_email", "until": "2024-12-01", **overridden},
        {"action_id": "2024-06-01:overridden until June:cross_sell_email", "until": "2024-06-30", **overridden},
    ]
    unwanted = {
        "no consent": [],
        "withdrawn": [consent("withdrawn"), consent("withdrawn", "withdrawn", "2024-01-01")],
        "only for another purpose": [consent("only for another purpose", purpose="transactional")],
        "only for another channel": [consent("only for another channel", channel="phone")],
        "granted too late": [consent("granted too late", at="2024-07-01")],
    }
    emails = {"no address": None, "broken address": "someone at example"}
    products = {"has the product": "addon", "had the product": "addon", "bought the product": "addon",
                "product off the market": "old"}  # fmt: skip
    orders = [
        {"order_id": f"R{day}", "line_id": "1", "account_id": "bought the product", "product_id": "addon",
         "quantity": 1, "amount": 50, "ordered_at": day, "status": "placed"}
        for day in ("2022-05-01", "2024-05-01", "2024-06-01")
    ]  # fmt: skip
    allowed = ["allowed", "granted again", "mailed once this week", "overridden until June"]
    refused = [*unwanted, *emails, *products, "unsubscribed", "mailed twice this week", "overridden",
               "overridden until December"]  # fmt: skip
    again = [consent("granted again", "withdrawn"), consent("granted again", at="2024-01-01")]
    given = {**unwanted, "granted again": again}
    company = build_company(
        accounts=[account(a) for a in (*allowed, *refused)],
        products=[*PRODUCTS, {**PRODUCTS[2], "product_id": "old", "active_to": "2024-06-01"}],
        subscriptions=[
            *(subscription(a) for a in (*allowed, *refused)),
            subscription("has the product", product_id="addon"),
            subscription("had the product", product_id="addon", ended_at="2023-06-01"),
        ],
        orders=orders,
        contacts=[contact(a, email=emails.get(a, "someone@example.com")) for a in (*allowed, *refused)],
        consents=[row for a in (*allowed, *refused) for row in given.get(a, [consent(a)])],
        touches=[unsubscribed, *sent],
        responses=responses,
    )
    recommendations = [recommended(a, products.get(a, "addon")) for a in (*allowed, *refused)]
    chosen = choose(company, recommendations=recommendations)
    expected = {**dict.fromkeys(allowed, "cross_sell_email"), **dict.fromkeys(refused, "wait")}
    assert dict(zip(chosen.actions["account_id"], chosen.actions["action"], strict=True)) == expected
    assert sorted(chosen.targets["account_id"]) == sorted(allowed)


def test_an_email_brings_its_consent_and_its_hour_into_the_targets(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        **MAILABLE,
    )
    chosen = choose(
        company,
        recommendations=[recommended("A1")],
        contact_scores=[{"contact_id": "C-A1", "account_id": "A1", "send_at": datetime(2024, 7, 2, 7)}],
    )
    assert chosen.of("A1")["act_at"] == pd.Timestamp("2024-07-02 07:00")
    (target,) = chosen.targets.to_dict("records")
    # 8 % × 0.2 × 0.8 × (200 / 0.2) − 0.25
    assert target == {
        "contact_id": "C-A1",
        "campaign_id": "cross_sell_email:addon",
        "account_id": "A1",
        "product_id": "addon",
        "expected_incremental_value": 12.55,
        "consent_status": "granted",
        "consent_recorded_at": pd.Timestamp("2023-05-01"),
        "consent_evidence": "granted 2023-05-01 by webform",
        "send_at": pd.Timestamp("2024-07-02 07:00"),
        "arm": "treated",
    }


def test_a_running_campaign_for_the_product_is_used(choose: Choose) -> None:
    campaign = {"campaign_id": "K1", "channel": "email", "purpose": "marketing", "product_id": "addon",
                "started_at": "2024-06-01"}  # fmt: skip
    ended = {**campaign, "campaign_id": "K2", "started_at": "2024-06-02", "ended_at": "2024-06-20"}
    company = build_company(
        accounts=[account("A1")],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        campaigns=[campaign, ended],
        **MAILABLE,
    )
    assert choose(company, recommendations=[recommended("A1")]).targets["campaign_id"].tolist() == ["K1"]


def test_an_email_that_brings_less_than_one_is_not_sent(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1"), account("A2")],
        products=PRODUCTS,
        subscriptions=[subscription("A1"), subscription("A2")],
        contacts=[contact("A1"), contact("A2")],
        consents=[consent("A1"), consent("A2")],
    )
    # 8 % × 0.2 × 0.8 × 97.65 is 1.25, of 97.6 it is 1.249: the one brings 1.00 net of 0.25, the other rounds to it
    margins = {"A1": 19.53, "A2": 19.4}
    chosen = choose(company, recommendations=[recommended(a, expected_margin=m) for a, m in margins.items()])
    assert (chosen.of("A1")["action"], chosen.of("A1")["expected_value"]) == ("cross_sell_email", 1.0)
    waits = chosen.of("A2")
    assert (waits["action"], waits["runner_up"], waits["runner_up_value"]) == ("wait", "cross_sell_email", 0.99)
    assert json.loads(waits["reasons"]) == ["nothing is worth 1 EUR more than it costs"]
    assert chosen.targets["account_id"].tolist() == ["A1"]


def test_two_calls_of_the_same_kind_do_not_fit_where_hours_suffice_for_one(choose: Choose) -> None:
    company = build_company(
        accounts=[account(a) for a in TREATED],
        owners=[{"owner_id": "O1", "weekly_hours": 2}],  # 40 % of two hours: 48 minutes, one call of 45
        products=PRODUCTS,
        subscriptions=[subscription("A1"), subscription("A2", mrr=3000), subscription("A3", mrr=2000)],
    )
    chosen = choose(company, account_scores=[{"account_id": a, "churn": 0.5} for a in TREATED])
    assert [chosen.of(a)["action"] for a in TREATED] == ["wait", "renewal_call", "wait"]
    crowded_out = chosen.of("A3")
    assert json.loads(crowded_out["reasons"]) == ["its owner has no hours left for renewal_call"]
    assert (crowded_out["runner_up"], crowded_out["runner_up_value"]) == ("renewal_call", 1107.0)


def test_calls_of_one_owner_follow_each_other(choose: Choose) -> None:
    company = build_company(
        accounts=[account(a) for a in TREATED],
        owners=[OWNER],
        products=PRODUCTS,
        subscriptions=[subscription("A1"), subscription("A2", mrr=3000), subscription("A3", mrr=2000)],
        contacts=[{**contact("A3"), "timezone": "America/Chicago"}],
    )
    chosen = choose(company, account_scores=[{"account_id": a, "churn": 0.5} for a in TREATED])
    assert [f"{chosen.of(a)['act_at']:%d %H:%M}" for a in TREATED] == ["01 06:45", "01 06:00", "01 14:00"]
    # nine in Chicago is five in the afternoon in Istanbul, where the owner sits: that has to be said
    assert json.loads(chosen.of("A3")["reasons"])[-1] == (
        "in the hours of America/Chicago: none of the week are free in those of Europe/Istanbul too"
    )
    assert "in the hours of" not in chosen.of("A1")["reasons"]


def test_a_call_is_made_by_the_clock_of_its_owner_too(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        owners=[{**OWNER, "timezone": "Europe/London"}],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        contacts=[{**contact("A1"), "timezone": "Asia/Dubai"}],
    )
    chosen = choose(company, account_scores=[{"account_id": "A1", "churn": 0.5}]).of("A1")
    assert chosen["act_at"] == pd.Timestamp("2024-07-01 08:00")  # nine in London, noon in Dubai


def test_nothing_is_offered_that_an_open_deal_is_about(choose: Choose) -> None:
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
    lira = replace(build_company(currency="TRY", **tables), stated_costs=Costs(hour=1200.0, email=10.0, hurdle=40.0))
    called = choose(lira, account_scores=[{"account_id": "A1", "churn": 0.9}]).of("A1")
    assert (called["action"], called["cost"]) == ("renewal_call", 900.0)
    # 8 % × 0.2 × 0.8 × margin − 10 must be 40 at least
    for margin, action in ((782.0, "cross_sell_email"), (780.0, "wait")):
        mailed = choose(lira, recommendations=[recommended("A1", expected_margin=margin)]).of("A1")
        assert mailed["action"] == action
    assert json.loads(mailed["reasons"]) == ["nothing is worth 40 TRY more than it costs"]
    with pytest.raises(MappingError, match=r"not known in TRY.*EUR, USD, GBP(.|\n)*state hour, email, hurdle"):
        choose(build_company(currency="TRY", **tables))


def test_a_customer_whose_owner_is_busy_is_mailed_instead(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        owners=[{"owner_id": "O1", "weekly_hours": 0}],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        **MAILABLE,
    )
    chosen = choose(
        company, account_scores=[{"account_id": "A1", "churn": 0.5}], recommendations=[recommended("A1")]
    ).of("A1")
    assert (chosen["action"], chosen["runner_up"]) == ("cross_sell_email", "renewal_call")
    assert json.loads(chosen["reasons"])[-1] == "its owner has no hours left for renewal_call"


def test_a_customer_called_this_week_is_not_called_again(choose: Choose) -> None:
    call = {"activity_id": "X", "account_id": "A1", "kind": "call", "happened_at": "2024-06-26"}
    tables: dict[str, Any] = {
        "accounts": [account("A1")],
        "products": PRODUCTS,
        "subscriptions": [subscription("A1")],
        "activities": [call],
    }
    scores = [{"account_id": "A1", "churn": 0.5}]
    assert choose(build_company(**tables), account_scores=scores).of("A1")["action"] == "wait"
    earlier = {**tables, "activities": [{**call, "happened_at": "2024-06-20"}]}
    assert choose(build_company(**earlier), account_scores=scores).of("A1")["action"] == "renewal_call"


def test_nobody_who_withdrew_from_the_phone_is_called(choose: Choose) -> None:
    tables: dict[str, Any] = {
        "accounts": [account("A1")],
        "products": PRODUCTS,
        "subscriptions": [subscription("A1")],
        "contacts": [contact("A1"), {**contact("A1"), "contact_id": "C2"}],
    }
    withdrawn = consent("A1", "withdrawn", channel="phone")
    scores = [{"account_id": "A1", "churn": 0.5}]
    assert choose(build_company(**tables, consents=[withdrawn]), account_scores=scores).of("A1")["contact_id"] == "C2"
    both = [withdrawn, {**withdrawn, "contact_id": "C2"}]
    assert choose(build_company(**tables, consents=both), account_scores=scores).of("A1")["action"] == "wait"


def test_the_holdout_is_a_tenth_of_the_accounts_and_stays_the_same() -> None:
    accounts = pd.Series([f"account-{number}" for number in range(10_000)])
    drawn = in_holdout(accounts, seed=7)
    assert 0.09 < drawn.mean() < 0.11
    assert in_holdout(accounts[::-1], seed=7).sort_index().equals(drawn)
    assert not in_holdout(accounts, seed=8).equals(drawn)


def test_an_account_of_the_holdout_is_chosen_for_and_marked_and_takes_no_time(choose: Choose) -> None:
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


def test_every_account_has_exactly_one_action_whatever_is_missing(choose: Choose) -> None:
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


def test_the_same_night_chooses_the_same(choose: Choose) -> None:
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
