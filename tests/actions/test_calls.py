"""Owners call when they and the customer have time, and nobody who is not to be called."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from tests.actions.choosing import Choice
from tests.actions.rows import MAILABLE, OWNER, PRODUCTS, TREATED, account, consent, contact, recommended, subscription
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]


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


def test_a_call_respects_the_owners_working_hours(choose: Choose) -> None:
    company = build_company(
        accounts=[account("A1")],
        owners=[{**OWNER, "timezone": "Europe/London"}],
        products=PRODUCTS,
        subscriptions=[subscription("A1")],
        contacts=[{**contact("A1"), "timezone": "Asia/Dubai"}],
    )
    chosen = choose(company, account_scores=[{"account_id": "A1", "churn": 0.5}]).of("A1")
    assert chosen["act_at"] == pd.Timestamp("2024-07-01 08:00")  # nine in London, noon in Dubai


def test_a_customer_whose_owner_has_no_time_is_emailed_instead(choose: Choose) -> None:
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


def test_contacts_who_withdrew_phone_consent_are_not_called(choose: Choose) -> None:
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
