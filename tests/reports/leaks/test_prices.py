"""Leaks of price, of seats, and of what nobody looked after: there by construction, beside twins that do not leak."""

from collections.abc import Hashable
from datetime import date, timedelta
from typing import Any

import pytest

from reports.leaks.report import DETECTORS, find_leaks
from tests.features.company_builder import build_company

AS_OF = date(2024, 7, 1)
ACCOUNTS = [{"account_id": a, "owner_id": f"O-{a}"} for a in "ABCDEFG"]


def found(detector: str, discount: float | None = None, **tables: Any) -> dict[str, dict[Hashable, Any]]:
    """What one detector found, by the key of the leak."""
    company = build_company(AS_OF, **{"accounts": ACCOUNTS, **tables})
    leaks = find_leaks(company.with_settings(largest_discount=discount))
    mine = leaks[leaks["detector"] == detector]
    return {row["leak_id"].removeprefix(f"{detector}:"): row for row in mine.to_dict("records")}


def subscription(key: str, account_id: str, mrr: float, started: str = "2023-01-01", **more: Any) -> dict[str, Any]:
    return {"subscription_id": key, "account_id": account_id, "product_id": "P", "seats": 10, "mrr": mrr,
            "started_at": started, **more}  # fmt: skip


def uses(account_id: str, users: list[float], last: date = date(2024, 6, 29)) -> list[dict[str, Any]]:
    """Users on every fourth day until the last one, the latest last."""
    return [{"account_id": account_id, "product_id": "P", "day": last - timedelta(days=4 * n), "active_users": many}
            for n, many in enumerate(reversed(users))]  # fmt: skip


def test_more_people_than_seats_leak_when_it_lasts() -> None:
    leaks = found(
        "seats_outgrown",
        subscriptions=[*(subscription(a, a, 100) for a in "ABCDE"),
                       subscription("F1", "F", 60, seats=6), subscription("F2", "F", 90, seats=9)],
        usage=[
            *uses("A", [15, 15, 5, 15, 15, 15, 5, 15, 15, 15]),
            *uses("B", [10] * 10),  # as many as there are seats
            *uses("C", [5, 5, 5, 5, 30, 30, 30, 30, 30, 30]),  # over for three weeks only
            *uses("D", [15, 5, 5, 5, 15, 5, 5, 15, 15, 15, 5]),  # on less than half of the days
            *uses("E", [15] * 10, date(2024, 3, 1)),  # long ago
            *uses("F", [15] * 10),  # both subscriptions count
        ],
    )  # fmt: skip
    assert list(leaks) == ["A/P"]
    # 5 too many on 8 of 10 days are 4 on average, at 10 a seat, for 56 days
    assert leaks["A/P"]["money"] == pytest.approx(4 * 10 * 56 / (365.25 / 12), abs=0.005)
    assert leaks["A/P"]["owner_id"] == "O-A"
    assert leaks["A/P"]["evidence"] == (
        "15 people used P on average on 8 of 10 days since 2024-05-24, and 10 seats are paid for"
    )


def line(key: str, unit: float, at: str = "2024-06-01", account_id: str = "A", **more: Any) -> dict[str, Any]:
    return {"order_id": key, "line_id": "1", "account_id": account_id, "product_id": "P", "quantity": 2,
            "amount": 2 * unit, "ordered_at": at, "status": "placed", **more}  # fmt: skip


LIST = [{"product_id": "P", "list_price": 100}]


def test_a_stated_policy_is_the_limit_of_discounts() -> None:
    leaks = found(
        "discount_beyond_policy",
        0.2,
        products=LIST,
        orders=[line("full", 100), line("allowed", 80), line("rounded", 79), line("beyond", 60),
                line("long ago", 60, "2024-03-01"), line("never", 60, status="cancelled"),
                line("unknown", 60, product_id="Q")],
    )  # fmt: skip
    assert {key: row["money"] for key, row in leaks.items()} == {"beyond/1": 40.0}
    assert leaks["beyond/1"]["evidence"] == (
        "order beyond: 2 × P for 120.00 EUR, 40% below the full price of 100.00; the policy is 20% at most"
    )


def test_without_a_policy_it_is_what_the_segment_usually_gets() -> None:
    accounts = [{"account_id": "A", "segment": "Small"}, {"account_id": "B", "segment": "Large"}]
    small = [line(f"S{n}", 100 if n % 5 else 95, "2024-05-01") for n in range(150)]
    large = [line(f"L{n}", 100 if n % 5 else 75, "2024-05-01", "B") for n in range(150)]
    late = [line("small", 75), line("large", 75, account_id="B"), line("large, more", 50, account_id="B")]
    leaks = found("discount_beyond_policy", accounts=accounts, products=LIST, orders=[*small, *large, *late])
    assert {key: row["money"] for key, row in leaks.items()} == {
        "small/1": 2 * (95 - 75),
        "large, more/1": 2 * (75 - 50),
    }
    assert leaks["small/1"]["evidence"].endswith("what was usual in a year of Small is 5% at most")
    few = found("discount_beyond_policy", accounts=accounts, products=LIST, orders=[*small[:50], *late])
    assert few == {}, "53 lines tell no policy"


def test_the_full_price_is_what_is_usually_paid_where_the_list_lags_behind() -> None:
    risen = [line(f"R{n}", 130, "2024-06-01") for n in range(30)]
    assert list(found("discount_beyond_policy", 0.1, products=LIST, orders=[*risen, line("at list", 100)])) == [
        "at list/1"
    ]
    below = [line(f"B{n}", 70, "2024-06-01") for n in range(30)]
    assert len(found("discount_beyond_policy", 0.1, products=LIST, orders=below)) == 30, "the list is the measure"


def test_a_promotion_that_was_over_and_went_on_leaks_since_its_end() -> None:
    campaign = {"campaign_id": "K", "name": "Spring", "purpose": "marketing", "product_id": "P"}
    leaks = found(
        "price_after_promotion",
        campaigns=[
            {**campaign, "started_at": "2024-01-01", "ended_at": "2024-01-31"},
            {**campaign, "campaign_id": "L", "started_at": "2024-06-01", "ended_at": "2024-07-15"},
            {**campaign, "campaign_id": "M", "product_id": "Q", "started_at": "2023-05-01", "ended_at": "2023-06-01"},
        ],
        subscriptions=[
            *(subscription(f"usual {n}", "A", 100, "2023-01-01") for n in range(5)),
            subscription("cheap", "B", 70, "2024-01-10"),
            subscription("full", "C", 100, "2024-01-10"),
            subscription("nearly full", "C", 95, "2024-01-10"),
            subscription("haggled", "D", 70, "2023-05-10"),
            subscription("ended", "E", 70, "2024-01-10", ended_at="2024-05-01"),
            subscription("running", "F", 70, "2024-06-10"),
        ],
    )
    assert list(leaks) == ["cheap"]
    months = 151.875 / (365.25 / 12)  # to the instant at which July begins in Istanbul, nine in the evening of UTC
    assert leaks["cheap"]["money"] == pytest.approx(30 * months, abs=0.005)
    assert leaks["cheap"]["evidence"] == (
        "subscription cheap began in the promotion 'Spring', over since 2024-01-31, and still pays 7.00 a seat for 10"
        " seats; 10.00 EUR is usual"
    )


def shrinks(account_id: str, at: str = "2024-05-10") -> list[dict[str, Any]]:
    return [
        subscription(f"{account_id}1", account_id, 100, ended_at=at),
        subscription(f"{account_id}2", account_id, 60, at),
    ]


def test_a_contraction_leaks_when_nobody_answers_it() -> None:
    def done(account_id: str, at: str) -> dict[str, Any]:
        return {"activity_id": f"{account_id}{at}", "account_id": account_id, "kind": "call", "happened_at": at}

    tables: dict[str, Any] = {
        "subscriptions": [
            *shrinks("A"), *shrinks("B"), *shrinks("C"), *shrinks("D", "2024-06-10"), *shrinks("E", "2024-01-10"),
            subscription("F", "F", 100, ended_at="2024-05-10"),  # gone altogether
            subscription("G1", "G", 100, ended_at="2024-05-10"), subscription("G2", "G", 120, "2024-05-10"),
        ],
        "tickets": [{"ticket_id": "1", "account_id": "C", "opened_at": "2024-05-20"}],
    }  # fmt: skip
    calls = [done("A", "2024-05-09"), done("A", "2024-06-10"), done("B", "2024-06-08")]
    leaks = found("downgrade_unnoticed", activities=calls, **tables)
    assert {key: row["money"] for key, row in leaks.items()} == {"A/2024-05-10": 480.0}
    assert leaks["A/2024-05-10"]["evidence"] == (
        "mrr fell from 100.00 to 60.00 EUR on 2024-05-10, and for 30 days there was no activity, ticket or new deal"
    )
    assert found("downgrade_unnoticed", **tables) == {}, "it keeps no activities"


def test_a_lead_leaks_when_nobody_touched_it_since_it_came() -> None:
    def came(account_id: str, at: str) -> dict[str, Any]:
        return {"account_id": account_id, "owner_id": f"O-{account_id}", "created_at": at}

    def deal(key: str, account_id: str, created: str, closed: str | None, outcome: str | None) -> dict[str, Any]:
        return {"opportunity_id": key, "account_id": account_id, "kind": "new", "created_at": created,
                "closed_at": closed, "outcome": outcome, "amount": 600}  # fmt: skip

    tables: dict[str, Any] = {
        "accounts": [came("A", "2024-05-01"), came("B", "2024-05-01"), came("C", "2024-06-25"), came("D", "2023-08-01"),
                     came("E", "2024-05-01"), came("F", "2023-08-01"), came("G", "2024-05-01")],
        "contacts": [{"contact_id": "c", "account_id": "F", "created_at": "2023-08-01"}],
        "touches": [{"touch_id": "1", "contact_id": "c", "kind": "form_submitted", "happened_at": "2024-06-01"},
                    {"touch_id": "2", "contact_id": "c", "kind": "opened", "happened_at": "2024-06-25"}],
        "orders": [line("1", 10, account_id="E")],
        "opportunities": [deal("1", "E", "2024-05-02", "2024-05-20", "won"),
                          deal("2", "F", "2023-09-01", "2023-10-01", "lost"),
                          deal("3", "G", "2024-05-05", None, None)],
        "activities": [{"activity_id": "1", "account_id": "B", "kind": "email", "happened_at": "2024-05-03"},
                       {"activity_id": "2", "account_id": "F", "kind": "call", "happened_at": "2023-09-15"}],
    }  # fmt: skip
    leaks = found("lead_untouched", **tables)
    # one deal of 600 was won within a year in which seven accounts came in
    assert {key: row["money"] for key, row in leaks.items()} == {"A": 85.71, "F": 85.71}
    assert leaks["F"]["evidence"] == (
        "the account came in on 2024-06-01, 29 days ago, and nobody has touched it since; 7 that came in within a year"
        " brought 600 EUR in new deals"
    )
    assert found("lead_untouched", **{**tables, "activities": []}) == {}, (
        "where no activities are kept nothing is known"
    )


def test_a_renewal_is_stalled_by_the_pace_of_renewals_alone() -> None:
    def deal(key: str, kind: str, created: str, closed: str | None) -> list[dict[str, Any]]:
        return [{"opportunity_id": key, "account_id": "A", "kind": kind, "created_at": created, "closed_at": closed,
                 "outcome": closed and "won", "amount": 100}]  # fmt: skip

    past = [("new", n, 5) for n in range(20)] + [("renewal", n, 60) for n in range(20)]
    over = {days: str(date(2024, 1, 1) + timedelta(days=days)) for days in (5, 60)}
    deals = [one for kind, n, days in past for one in deal(f"{kind}{n}", kind, "2024-01-01", over[days])]
    deals += [*deal("slow", "new", "2024-06-01", None), *deal("waits", "renewal", "2024-06-01", None)]
    stages = [{"opportunity_id": one["opportunity_id"], "changed_at": one["created_at"], "field": "stage",
               "new_value": "offer"} for one in deals]  # fmt: skip
    assert list(found("deal_stalled", opportunities=deals, opportunity_changes=stages)) == ["slow"]


def test_every_leak_says_how_its_money_is_counted_and_what_to_do() -> None:
    leaks = found("discount_beyond_policy", 0.2, products=LIST, orders=[line("beyond", 60)])
    assert leaks["beyond/1"]["formula"] == "lowest price that the policy allows − amount of the line"
    assert all(detector.formula and detector.suggestion for detector in DETECTORS)
