"""What accounts have and what they bought, by construction."""

from collections.abc import Callable
from datetime import date
from typing import Any

from features.baskets import baskets
from features.company import Company
from features.owned import consumed, owned
from features.spine import account_spine

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
    rows = owned(company, account_spine(company, [AS_OF])).execute().set_index("account_id")
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
    rules = consumed(company, spine).execute().set_index("product_id")
    assert rules.repeat_share.round(3).to_dict() == {"desk": 0.222, "paper": 0.889, "plan": 0.889}
    assert rules.consumed.to_dict() == {"desk": False, "paper": True, "plan": False}
    rows = owned(company, spine).execute()
    active = rows[(rows.account_id == "a1") & rows.active].product_id.tolist()
    assert active == ["desk", "plan"]


def test_a_basket_counts_orders_and_nets_returns(build: Callable[..., Company]) -> None:
    company = company_of(
        build,
        orders=[
            line("a", "2024-01-01"),
            line("a", "2024-03-01", amount=20.0),
            line("a", "2024-03-02", amount=-5.0, quantity=-1, status="returned"),
            line("a", "2024-04-01", status="cancelled"),
            line("a", "2024-05-01", "came back only", amount=-5.0, quantity=-1, status="returned"),
        ],
    )
    rows = baskets(company, account_spine(company, [date(2024, 2, 1), AS_OF])).execute()
    assert rows[["times", "quantity", "amount"]].to_numpy().tolist() == [[1, 1, 10], [2, 1, 25]]
    assert [str(at.date()) for at in rows.last_at] == ["2024-01-01", "2024-03-01"]
