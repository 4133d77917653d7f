"""Literal rows of a small company: what tests of actions are about."""

from typing import Any

TREATED = ["A1", "A2", "A3"]
"""Accounts that the hash does not put aside with seed 7 (``test_holdout`` asserts it)."""

OWNER = {"owner_id": "O1", "weekly_hours": 40}
PRODUCTS = [
    {"product_id": "base", "name": "Base", "family": "suite", "tier": 1, "list_price": 100, "margin_rate": 0.8,
     "recurring": True},
    {"product_id": "pro", "name": "Pro", "family": "suite", "tier": 2, "list_price": 300, "margin_rate": 0.8,
     "recurring": True},
    {"product_id": "addon", "name": "Add-on", "family": "extra", "list_price": 50, "margin_rate": 0.8,
     "recurring": True},
]  # fmt: skip


def account(account_id: str, **more: Any) -> dict[str, Any]:
    return {"account_id": account_id, "owner_id": "O1", "created_at": "2022-01-01", **more}


def subscription(account_id: str, mrr: float = 1000, product_id: str = "base", **more: Any) -> dict[str, Any]:
    return {"subscription_id": f"S-{account_id}-{product_id}", "account_id": account_id, "product_id": product_id,
            "mrr": mrr, "started_at": "2023-01-01", **more}  # fmt: skip


def contact(account_id: str, email: str | None = "someone@example.com") -> dict[str, Any]:
    return {"contact_id": f"C-{account_id}", "account_id": account_id, "email": email, "created_at": "2022-01-01"}


def consent(account_id: str, status: str = "granted", at: str = "2023-05-01", **more: Any) -> dict[str, Any]:
    return {"contact_id": f"C-{account_id}", "channel": "email", "purpose": "marketing", "recorded_at": at,
            "status": status, "source": "webform", **more}  # fmt: skip


def recommended(account_id: str, product_id: str = "addon", rank: int = 1, **more: Any) -> dict[str, Any]:
    return {"customer_kind": "account", "customer_id": account_id, "account_id": account_id, "kind": "explore",
            "rank": rank, "position": rank, "product_id": product_id, "probability": 0.2,
            "expected_margin": 200.0, "reasons": '["others like it bought it", "popular"]', **more}  # fmt: skip


def order(account_id: str, day: str) -> dict[str, Any]:
    return {"order_id": f"{account_id}{day}", "line_id": "1", "account_id": account_id, "product_id": "base",
            "quantity": 1, "amount": 1000, "ordered_at": day, "status": "placed"}  # fmt: skip


MAILABLE: dict[str, Any] = {"contacts": [contact("A1")], "consents": [consent("A1")]}
