"""Rows of a small company in every contract table, drawn from a seed; some facts become known late."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np

START = datetime.fromisoformat("2022-01-01")
DAYS = 900
Rows = list[dict[str, Any]]


def random_rows(seed: int, accounts: int = 25) -> dict[str, Rows]:
    """Rows by table name, for ``build_company(**rows)``."""
    rng = np.random.default_rng(seed)

    def instant(after: datetime = START, within: float = DAYS) -> datetime:
        return after + timedelta(seconds=int(rng.uniform(0, within * 86400)))

    def late(at: datetime) -> datetime:
        return at + timedelta(days=float(rng.choice([0, 0, 0, 3.3, 40.7])))

    def some(prefix: str, count: int) -> str:
        return f"{prefix}{rng.integers(count)}"

    def dated(column: str, row: dict[str, Any], at: datetime) -> dict[str, Any]:
        return {**row, column: at, "known_at": late(at)}

    def maybe(value: Any, share: float) -> Any:
        return value if rng.random() < share else None

    tables: dict[str, Rows] = {name: [] for name in ("accounts", "contacts", "products", "consents", "orders")}
    tables["owners"] = [{"owner_id": f"w{i}"} for i in range(3)]
    for i in range(8):
        tables["products"].append(
            {
                "product_id": f"p{i}",
                "family": f"f{i // 3}",
                "tier": i % 3,
                "list_price": 10.0 + i,
                "recurring": i < 3,
                "known_at": None if i % 2 else instant(),
            }
        )
    for i in range(accounts):
        row = {"account_id": f"a{i}", "region": maybe(f"r{i % 2}", 0.9), "country": maybe("Japan", 0.5)}
        row |= {"segment": f"s{i % 3}", "employees": i}
        tables["accounts"].append(row if i == 0 else dated("created_at", row, instant(within=300)))
        for j in range(2):
            mail = maybe(f"c{i}_{j}@example.com", 0.8)
            zone = maybe("Europe/Berlin", 0.5)
            person = {"contact_id": f"c{i}_{j}", "account_id": f"a{i}", "email": mail, "timezone": zone}
            tables["contacts"].append(dated("created_at", person, instant(within=600)))
            for _ in range(2):
                decision = {
                    "contact_id": f"c{i}_{j}", "channel": "email", "purpose": "marketing", "source": "webform",
                    "status": "granted" if rng.random() < 0.8 else "withdrawn",
                }  # fmt: skip
                tables["consents"].append(dated("recorded_at", decision, instant()))
    for i in range(accounts * 20):
        status = str(rng.choice(["placed"] * 8 + ["cancelled", "returned"]))
        sign = -1 if status == "returned" else 1
        line = {
            "order_id": f"o{i // 2}", "line_id": str(i), "account_id": f"a{(i // 2) % accounts}",
            "product_id": some("p", 8), "quantity": sign * int(rng.integers(1, 5)),
            "amount": sign * round(float(rng.uniform(1, 99)), 2), "status": status,
            "contact_id": f"c{(i // 2) % accounts}_{i % 3}" if i % 3 < 2 else None,
        }  # fmt: skip
        tables["orders"].append(dated("ordered_at", line, instant()))
    tables["subscriptions"] = []
    for i in range(accounts):
        began = instant()
        contract = {
            "subscription_id": f"s{i}", "account_id": some("a", accounts), "product_id": some("p", 3), "seats": 5,
            "mrr": int(rng.integers(10, 90)), "term_ends_at": began + timedelta(days=365), "auto_renew": i % 2 == 0,
            "ended_at": maybe(instant(began, 500), 0.6),
        }  # fmt: skip
        tables["subscriptions"].append(dated("started_at", contract, began))
    tables["opportunities"], tables["opportunity_changes"] = [], []
    for i in range(accounts * 4):
        began = instant()
        closed = maybe(instant(began, 200), 0.8)
        deal = {
            "opportunity_id": f"d{i}", "account_id": some("a", accounts), "owner_id": some("w", 3), "kind": "new",
            "product_id": some("p", 8), "source": some("x", 2), "stage": "rewritten", "amount": 1.0,
            "closed_at": closed, "outcome": closed and str(rng.choice(["won", "lost"])),
        }  # fmt: skip
        tables["opportunities"].append(dated("created_at", deal, began))
        for field, values in (
            ("stage", ["new", "talk", "offer"]),
            ("amount", ["100", "150.5"]),
            ("expected_close_at", ["2024-03-01", "2024-05-01 00:00:00"]),
        ):
            old = None
            at = began
            for new in values[: int(rng.integers(1, 4))]:
                change = {"opportunity_id": f"d{i}", "field": field, "old_value": old, "new_value": new}
                tables["opportunity_changes"].append(dated("changed_at", change, at))
                old, at = new, instant(at, 60)
    tables["campaigns"] = [
        {"campaign_id": f"g{i}", "product_id": f"p{i}" if i < 8 else None, "started_at": START,
         "known_at": START + timedelta(days=100 * i)} for i in range(9)
    ]  # fmt: skip
    tables["touches"] = [
        dated("happened_at", {
            "touch_id": f"t{i}", "contact_id": f"c{rng.integers(accounts)}_{rng.integers(2)}", "channel": "email",
            "campaign_id": maybe(some("g", 9), 0.9), "machine": maybe(bool(rng.random() < 0.3), 0.8),
            "kind": str(rng.choice(["sent", "sent", "sent", "opened", "clicked", "bounced", "unsubscribed"])),
        }, instant()) for i in range(accounts * 20)
    ]  # fmt: skip
    tables["activities"] = [
        dated("happened_at", {
            "activity_id": f"v{i}", "account_id": some("a", accounts),
            "kind": str(rng.choice(["call", "meeting", "note"])),
        }, instant()) for i in range(accounts * 5)
    ]  # fmt: skip
    tables["tickets"] = []
    for i in range(accounts * 5):
        began = instant()
        closed = maybe(instant(began, 60), 0.8)
        ticket = {
            "ticket_id": f"k{i}", "account_id": some("a", accounts), "closed_at": closed,
            "satisfaction": closed and int(rng.integers(1, 6)), "escalated": i % 2 == 0,
        }  # fmt: skip
        tables["tickets"].append(dated("opened_at", ticket, began))
    tables["invoices"] = []
    for i in range(accounts * 5):
        issued = instant()
        bill = {
            "invoice_id": f"i{i}", "account_id": some("a", accounts), "amount": 10.0 + i,
            "due_at": issued + timedelta(days=30), "paid_at": maybe(instant(issued, 90), 0.8),
        }  # fmt: skip
        tables["invoices"].append(dated("issued_at", bill, issued))
    days = {(f"a{rng.integers(accounts)}", f"p{rng.integers(3)}", instant().date()) for _ in range(accounts * 20)}
    tables["usage"] = [
        {"account_id": account, "product_id": product, "day": day, "active_users": 3, "events": day.day}
        for account, product, day in sorted(days)
    ]
    return tables
