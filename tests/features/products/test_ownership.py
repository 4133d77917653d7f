"""What accounts have and what they bought, by construction."""

from collections.abc import Callable
from datetime import date
from typing import Any

from features.company import Company
from features.products.ownership import open_escalations, owned_products, products_in_open_deals, repeat_purchase_shares
from features.products.purchases import campaign_responses, purchase_events
from features.spine import account_spine, contact_spine

AS_OF = date(2024, 7, 1)
SUITE = {"product_id": "suite", "mrr": 1, "started_at": "2023-01-01"}


def line(account: str, at: str, product: str = "kept", **other: Any) -> dict[str, Any]:
    key = f"{account}{at}{product}{other.get('status')}"
    row = {"order_id": key, "line_id": "1", "account_id": account, "product_id": product, "amount": 10.0, "quantity": 1}
    return {**row, "ordered_at": at, "status": "placed", **other}


def company_of(build: Callable[..., Company], **tables: Any) -> Company:
    names = {row["account_id"] for rows in tables.values() for row in rows if "account_id" in row}
    return build(AS_OF, accounts=[{"account_id": name} for name in sorted(names)], **tables)


def test_a_product_is_had_by_subscription_or_by_an_order_to_keep(build: Callable[..., Company]) -> None:
    company = company_of(
        build,
        orders=[
            line("bought", "2024-01-01"),
            line("long ago", "2022-01-01"),
            line("sent back", "2024-01-01"),
            line("sent back", "2024-02-01", quantity=-1, amount=-10.0, status="returned"),
            line("cancelled", "2024-01-01"),
            line("cancelled", "2024-01-01", "other", status="cancelled"),
        ],
        subscriptions=[
            SUITE | {"subscription_id": "s1", "account_id": "subscribes"},
            SUITE | {"subscription_id": "s2", "account_id": "ended", "ended_at": "2024-01-01"},
        ],
        products=[{"product_id": "suite", "family": "f", "tier": 2}],
    )  # fmt: skip
    rows = owned_products(company, account_spine(company, [AS_OF])).execute().set_index("account_id")
    assert rows[["product_id", "active", "how"]].T.to_dict("list") == {
        "bought": ["kept", True, "order"],
        "cancelled": ["kept", True, "order"],
        "ended": ["suite", False, "subscription"],
        "long ago": ["kept", False, "order"],
        "sent back": ["kept", False, "order"],
        "subscribes": ["suite", True, "subscription"],
    }
    assert rows[["family", "tier"]].loc["subscribes"].tolist() == ["f", 2]


def test_what_buyers_buy_again_is_consumed_and_not_had(build: Callable[..., Company]) -> None:
    buyers = [f"a{i}" for i in range(40)]
    orders = [line(buyer, f"2023-0{month}-01", "paper") for buyer in buyers for month in (1, 3)]
    orders += [line(buyer, "2023-01-01", "desk") for buyer in buyers]
    orders += [line(buyer, f"2023-0{month}-01", "plan") for buyer in buyers for month in (1, 3)]
    orders += [line("a1", "2024-06-01", product) for product in ("paper", "desk", "plan")]
    products = [{"product_id": "plan", "recurring": True}]
    company = company_of(build, orders=orders, products=products)
    spine = account_spine(company, [AS_OF])
    rules = repeat_purchase_shares(company, spine).execute().set_index("product_id")
    assert rules.repeat_share.round(3).to_dict() == {"desk": 0.222, "paper": 0.889, "plan": 0.889}
    assert rules.consumed.to_dict() == {"desk": False, "paper": True, "plan": False}
    rows = owned_products(company, spine).execute()
    active = rows[(rows.account_id == "a1") & rows.active].product_id.tolist()
    assert active == ["desk", "plan"]


def test_purchases_are_placed_lines_and_new_subscriptions_each_listed_once(build: Callable[..., Company]) -> None:
    company = company_of(
        build,
        orders=[
            line("a", "2024-01-01", contact_id="p"),
            line("a", "2024-03-01", contact_id="p"),
            line("a", "2024-03-01", line_id="2"),
            line("a", "2024-03-02", amount=-5.0, quantity=-1, status="returned"),
            line("a", "2024-04-01", status="cancelled"),
        ],
        subscriptions=[SUITE | {"subscription_id": "s", "account_id": "a"}],
        contacts=[{"contact_id": "p", "account_id": "a"}, {"contact_id": "q", "account_id": "a"}],
    )
    rows = purchase_events(company, account_spine(company, [date(2024, 2, 1), AS_OF])).execute()
    purchases = [(str(row.as_of)[:10], row.product_id, str(row.at)[:10]) for row in rows.itertuples()]
    assert purchases == [
        ("2024-02-01", "kept", "2024-01-01"),
        ("2024-02-01", "suite", "2023-01-01"),
        ("2024-07-01", "kept", "2024-01-01"),
        ("2024-07-01", "kept", "2024-03-01"),
        ("2024-07-01", "suite", "2023-01-01"),
    ]
    people = purchase_events(company, contact_spine(company, [AS_OF]), "contact_id").execute()
    assert people[["contact_id", "product_id"]].to_numpy().tolist() == [["p", "kept"], ["p", "kept"]]


def test_an_answer_is_what_a_person_did_and_counts_for_its_account(build: Callable[..., Company]) -> None:
    touch = {"campaign_id": "k", "channel": "email"}
    company = company_of(
        build,
        orders=[line("a", "2024-01-01")],
        contacts=[{"contact_id": "p", "account_id": "a"}],
        campaigns=[{"campaign_id": "k", "product_id": "desk"}, {"campaign_id": "none"}],
        touches=[
            touch | {"touch_id": "1", "contact_id": "p", "kind": "clicked", "happened_at": "2024-06-01 00:00"},
            touch | {"touch_id": "2", "contact_id": "p", "kind": "clicked", "happened_at": "2024-06-21 00:00",
                     "machine": True},
            touch | {"touch_id": "3", "contact_id": "p", "kind": "opened", "happened_at": "2024-06-22 00:00"},
            touch | {"touch_id": "4", "contact_id": "p", "kind": "replied", "happened_at": "2024-06-11 00:00"},
            touch | {"touch_id": "5", "contact_id": "p", "kind": "replied", "happened_at": "2024-06-30 00:00",
                     "campaign_id": "none"},
        ],
    )  # fmt: skip
    for spine, by in ((account_spine, "account_id"), (contact_spine, "contact_id")):
        rows = campaign_responses(company, spine(company, [AS_OF]), by).execute()
        assert rows["product_id"].tolist() == ["desk"]
        assert rows["answered_days"].round(1).tolist() == [19.9]  # the day begins at 21:00 UTC


def test_open_deals_and_escalations_stand_in_the_way_until_they_are_over(build: Callable[..., Company]) -> None:
    deal = {"account_id": "a", "product_id": "desk", "created_at": "2024-03-01"}
    ticket = {"account_id": "a", "opened_at": "2024-03-05"}
    company = company_of(
        build,
        orders=[line("a", "2024-01-01"), line("b", "2024-01-01")],
        opportunities=[
            deal | {"opportunity_id": "open"},
            deal | {"opportunity_id": "won", "product_id": "pen", "closed_at": "2024-05-01", "outcome": "won"},
            deal | {"opportunity_id": "of no product", "product_id": None},
        ],
        tickets=[
            ticket | {"ticket_id": "1", "escalated": True, "closed_at": "2024-05-01"},
            ticket | {"ticket_id": "2", "account_id": "b", "escalated": False},
        ],
    )
    spine = account_spine(company, [date(2024, 4, 1), AS_OF])
    deals = products_in_open_deals(company, spine).execute()
    assert [(str(row.as_of)[:10], row.product_id) for row in deals.itertuples()] == [
        ("2024-04-01", "desk"),
        ("2024-04-01", "pen"),
        ("2024-07-01", "desk"),
    ]
    troubles = open_escalations(company, spine).execute()
    assert [(row.account_id, str(row.as_of)[:10]) for row in troubles.itertuples()] == [("a", "2024-04-01")]
