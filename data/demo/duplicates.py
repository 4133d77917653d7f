"""Planted duplicates of people and companies: some the same beyond doubt, some for matching in depth.

A duplicate takes over part of what happens after it was made, as when two colleagues keep two records.
"""

import numpy as np
import pandas as pd

from data.demo.planted_log import PlantedLog

EXACT_PEOPLE, FUZZY_PEOPLE, EXACT_COMPANIES, FUZZY_COMPANIES = 0.015, 0.006, 0.012, 0.005
MOVED_SHARE = 0.5
CONTACT_TABLES = (
    ("touches", "happened_at"),
    ("activities", "happened_at"),
    ("tickets", "opened_at"),
    ("orders", "ordered_at"),
)
ACCOUNT_TABLES = (("orders", "ordered_at"), ("tickets", "opened_at"), ("activities", "happened_at"))


def plant_duplicates(
    tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator
) -> None:
    """Adds duplicates to the tables in place, and notes each with the record that it repeats."""
    _people(tables, until, notes, rng)
    _companies(tables, until, notes, rng)


def _people(tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator) -> None:
    contacts = tables["contacts"]
    able = contacts[contacts["email"].notna() & (contacts["created_at"] < until - pd.Timedelta(days=60))]
    sure, hard = _share(len(contacts), EXACT_PEOPLE), _share(len(contacts), FUZZY_PEOPLE)
    picked = able.iloc[np.sort(rng.choice(len(able), sure + hard, replace=False))]
    copies = _copies(picked, "contact_id", "C9", until, rng)
    beyond_doubt = np.arange(len(copies)) % (sure + hard) < sure
    email = [
        _email_again(e, n) if s else _email_wrong(e)
        for n, (e, s) in enumerate(zip(picked["email"], beyond_doubt, strict=True))
    ]
    last = [name if n % 3 else _typo(name) for n, name in enumerate(picked["last_name"])]
    copies = copies.assign(email=pd.array(email, dtype="str"), last_name=last, phone=None)
    tables["contacts"] = pd.concat([contacts, copies], ignore_index=True)
    _take_over(tables, CONTACT_TABLES, "contact_id", picked["contact_id"], copies, rng)
    for kind, which in (("duplicate person", beyond_doubt), ("duplicate person, hard", ~beyond_doubt)):
        notes.add(kind, "contacts", copies["contact_id"][which], picked["contact_id"].to_numpy()[which])


def _companies(
    tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator
) -> None:
    accounts = tables["accounts"]
    able = accounts[accounts["created_at"] < until - pd.Timedelta(days=90)]
    sure, hard = _share(len(accounts), EXACT_COMPANIES), _share(len(accounts), FUZZY_COMPANIES)
    picked = able.iloc[np.sort(rng.choice(len(able), sure + hard, replace=False))]
    copies = _copies(picked, "account_id", "A9", until, rng)
    beyond_doubt = np.arange(len(copies)) < sure
    name = [
        _name_again(x, n) if s else _typo(x) for n, (x, s) in enumerate(zip(picked["name"], beyond_doubt, strict=True))
    ]
    domain = picked["domain"].to_numpy(dtype=object).copy()
    domain[~beyond_doubt] = None
    copies = copies.assign(name=name, domain=pd.array(domain, dtype="str"), parent_account_id=None)
    tables["accounts"] = pd.concat([accounts, copies], ignore_index=True)
    _take_over(tables, ACCOUNT_TABLES, "account_id", picked["account_id"], copies, rng)
    for kind, which in (("duplicate company", beyond_doubt), ("duplicate company, hard", ~beyond_doubt)):
        notes.add(kind, "accounts", copies["account_id"][which], picked["account_id"].to_numpy()[which])


def _share(count: int, share: float) -> int:
    return max(1, round(count * share))


def _copies(picked: pd.DataFrame, key: str, prefix: str, until: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    room = (until - picked["created_at"]).dt.total_seconds().to_numpy()
    later = pd.to_timedelta((room * rng.uniform(0.1, 0.9, len(picked))).astype(np.int64), unit="s")
    created = (picked["created_at"].reset_index(drop=True) + pd.Series(later)).astype("datetime64[us]")
    numbers = [f"{prefix}{n:05d}" for n in range(len(picked))]
    copies = picked.reset_index(drop=True).assign(created_at=created)
    copies[key] = pd.array(numbers, dtype="str")
    return copies


def _take_over(
    tables: dict[str, pd.DataFrame],
    of: tuple[tuple[str, str], ...],
    key: str,
    originals: pd.Series,
    copies: pd.DataFrame,
    rng: np.random.Generator,
) -> None:
    """Half of what happens to a record after its copy was made goes to the copy; an order goes as a whole."""
    by_original = pd.Series(copies[key].to_numpy(dtype=object), index=originals.to_numpy())
    since = pd.Series(copies["created_at"].to_numpy(), index=originals.to_numpy())
    for table, at in of:
        rows = tables[table]
        moved = np.flatnonzero(rows[key].isin(by_original.index).to_numpy())
        whose = rows[key].iloc[moved]
        after = rows[at].iloc[moved].to_numpy() > whose.map(since).to_numpy()
        if table == "orders":
            orders = rows["order_id"].iloc[moved]
            lot = {order: bool(draw < MOVED_SHARE) for order, draw in _lots(orders, rng)}
            first = rows.iloc[moved].groupby("order_id")[at].transform("min").to_numpy()
            after = (first > whose.map(since).to_numpy()) & orders.map(lot).to_numpy(dtype=bool)
        else:
            after &= rng.random(len(moved)) < MOVED_SHARE
        values = rows[key].to_numpy(dtype=object).copy()
        values[moved[after]] = whose[after].map(by_original).to_numpy()
        tables[table] = rows.assign(**{key: pd.array(values, dtype="str")})


def _lots(orders: pd.Series, rng: np.random.Generator) -> list[tuple[str, float]]:
    distinct = orders.unique()
    return list(zip(distinct, rng.random(len(distinct)), strict=True))


def _email_again(email: str, n: int) -> str:
    return (email.upper(), f"  {email} ", email.title(), f"{email}  ")[n % 4]


def _email_wrong(email: str) -> str:
    name, _, domain = email.partition("@")
    return f"{name[:-1]}@mail.{domain}"


def _name_again(name: str, n: int) -> str:
    return (
        name.upper() if name.isascii() else f"{name} ",
        name.replace(" ", "  "),
        f" {name}.",
        name.lower() if name.isascii() else f" {name}",
    )[n % 4]


def _typo(text: str) -> str:
    middle = len(text) // 2
    return text[: middle - 1] + text[middle : middle + 1] + text[middle - 1 : middle] + text[middle + 1 :]
