"""A company that lives by known rules, for tests of models: fates are drawn from planted chances."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from scipy.special import expit

from data.contract import CONTRACT
from data.lake import connect
from data.point_in_time import cut_as_of
from features.company import Company, CompanySettings

BEGAN = datetime(2023, 1, 1)
AS_OF = date(2025, 1, 1)
DAYS = (datetime(2025, 1, 1) - BEGAN).days


def simulated_company(accounts: int = 250, *, skill: float = 1.0, seed: int = 4, as_of: date = AS_OF) -> Company:
    """Two years of orders that grow rarer before an account leaves, products, tickets, and deals with stages.

    ``skill`` 0 draws every fate without regard to anything that can be seen.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([f"A{i:04}" for i in range(accounts)])
    joined = rng.integers(0, 400, accounts)
    gap = rng.gamma(4, 4, accounts) + 3
    bad = rng.random(accounts) < 0.5
    monthly = np.where(bad, 0.12, 0.005) * skill + 0.05 * (1 - skill)
    left = joined + rng.exponential(30 / np.maximum(monthly, 1e-3))
    orders = _orders(rng, ids, joined, gap, left)
    tickets = _tickets(rng, ids, joined, left, np.where(bad, skill, 0.0))
    frames = {
        "accounts": pd.DataFrame(
            {
                "account_id": ids,
                "segment": rng.choice(["small", "large"], accounts),
                "region": rng.choice(["north", "south"], accounts),
                "created_at": _at(joined),
            }
        ),
        "products": pd.DataFrame(
            {"product_id": [f"P{i}" for i in range(8)], "family": [f"F{i % 4}" for i in range(8)], "list_price": 100.0}
        ),
        "orders": orders,
        "tickets": tickets,
        **_deals(rng, ids, skill, 6 * accounts),
    }
    return company_of(frames, as_of)


def company_of(frames: dict[str, pd.DataFrame], as_of: date) -> Company:
    """A company from frames, every contract table present, cut at the date."""
    backend = connect(threads=1)
    company = Company({}, as_of, CompanySettings("UTC", "EUR", 7), backend)
    for table in CONTRACT:
        given = frames.get(table.name, pd.DataFrame())
        columns = []
        for name, kind in table.types().items():
            source = name if name in given else "NULL"
            if name == "known_at" and table.happened_at in given:
                source = str(table.happened_at)
            columns.append(f'CAST({source} AS {kind}) AS "{name}"')
        rows = given if len(given.columns) else pd.DataFrame({"nothing": pd.Series([], dtype="float64")})
        backend.con.register("given", rows)
        backend.con.execute(f'CREATE TABLE "{table.name}" AS SELECT {", ".join(columns)} FROM given')
        backend.con.unregister("given")
        company.tables[table.name] = cut_as_of(backend.table(table.name), table, company.as_of_at).cache()
    return company


def _at(days: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> pd.Series:
    return pd.Series([BEGAN + timedelta(days=float(day)) for day in days], dtype="datetime64[us]")


def _orders(rng: np.random.Generator, ids, joined, gap, left) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    parts = []
    for i, account in enumerate(ids):
        days, day = [], float(joined[i]) + rng.random()
        while day < DAYS:
            days.append(day)
            slower = 1.5 if left[i] - 60 < day else 1.0
            day += max(1.0, rng.exponential(gap[i]) * slower)
            if day > left[i]:
                break
        first = int(rng.integers(0, 8))
        products = (first + rng.geometric(0.7, len(days)) - 1) % 8
        parts.append(pd.DataFrame({"account_id": account, "day": days, "product_id": [f"P{p}" for p in products]}))
    orders = pd.concat(parts, ignore_index=True)
    amounts = rng.gamma(2, 100, len(orders)).round(2)
    return pd.DataFrame(
        {
            "order_id": [f"O{i:06}" for i in range(len(orders))],
            "line_id": "1",
            "account_id": orders["account_id"],
            "product_id": orders["product_id"],
            "quantity": 1.0,
            "amount": amounts,
            "ordered_at": _at(orders["day"].to_numpy()),
            "status": "placed",
        }
    )


def _tickets(rng: np.random.Generator, ids, joined, left, more) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    counts = rng.poisson((2 + 28 * more) * np.clip(left - joined, 30, DAYS) / DAYS)
    account = np.repeat(np.arange(len(ids)), counts)
    until = np.minimum(left, DAYS)[account]
    days = joined[account] + rng.random(len(account)) * np.maximum(until - joined[account], 1)
    return pd.DataFrame(
        {"ticket_id": [f"T{i}" for i in range(len(account))], "account_id": ids[account], "opened_at": _at(days)}
    )


def _deals(rng: np.random.Generator, ids, skill: float, deals: int) -> dict[str, pd.DataFrame]:  # type: ignore[no-untyped-def]
    created = rng.random(deals) * (DAYS + 60) - 60
    created = np.maximum(created, 0)
    offered = created + rng.gamma(2, 15, deals)
    closed = offered + rng.gamma(2, 12, deals)
    source = rng.choice(["referral", "cold"], deals)
    won = rng.random(deals) < expit(skill * np.where(source == "referral", 1.5, -1.5))
    names = np.array([f"D{i:05}" for i in range(deals)])
    over = closed < DAYS
    amount = rng.gamma(3, 500, deals).round(2)
    frame = pd.DataFrame(
        {
            "opportunity_id": names,
            "account_id": rng.choice(ids, deals),
            "source": source,
            "stage": np.where(over, np.where(won, "won", "lost"), np.where(offered < DAYS, "offer", "talk")),
            "amount": amount,
            "created_at": _at(created),
            "closed_at": _at(closed).where(over),
            "outcome": pd.Series(np.where(won, "won", "lost"), dtype=object).where(over),
        }
    )

    def change(days, field, old, new):  # type: ignore[no-untyped-def]
        return pd.DataFrame(
            {"opportunity_id": names, "changed_at": _at(days), "field": field, "old_value": old, "new_value": new}
        )

    changes = pd.concat(
        [
            change(created, "stage", None, "talk"),
            change(created, "amount", None, [f"{a / 1.1:.2f}" for a in amount]),
            change(offered, "stage", "talk", "offer")[offered < DAYS],
        ],
        ignore_index=True,
    )
    return {"opportunities": frame[created < DAYS], "opportunity_changes": changes}
