"""Mail goes to those who may be mailed, when it is worth more than it costs, and is accounted for."""

import json
from collections.abc import Callable
from datetime import datetime

import pandas as pd

from tests.actions.choosing import Choice
from tests.actions.rows import MAILABLE, PRODUCTS, account, consent, contact, recommended, subscription
from tests.features.company_builder import build_company

Choose = Callable[..., Choice]


def test_no_email_without_consent_address_or_under_the_cap(choose: Choose) -> None:
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


def test_campaign_targets_have_the_consent_and_the_send_time(choose: Choose) -> None:
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
