"""Planted trouble: what real CRMs do to whoever reads them. Each row that is hurt is noted.

Less than three rows of a hundred of any table are broken; what is late, doubled or merely misleading is not broken.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from data.contract import TABLES
from data.demo.catalogue import PRODUCT_IDS
from data.demo.duplicates import plant_duplicates
from data.demo.planted_log import PlantedLog, keys_of

LATE_SHARES = {  # table: share, most days
    "orders": (0.015, 20),
    "tickets": (0.012, 6),
    "opportunity_changes": (0.015, 12),
    "activities": (0.02, 9),
    "usage": (0.01, 3),
    "invoices": (0.005, 8),
}
UNKNOWN_PRODUCT, UNKNOWN_ACCOUNT, UNKNOWN_CONTACT = 0.002, 0.001, 0.003
WRONG_SIGN, FUTURE, REVERSED_DEAL, REVERSED_CONTRACT = 0.0004, 0.0003, 0.002, 0.0025
BAD_EMAIL, BAD_ZONE, BAD_REGION = 0.005, 0.003, 0.006
MIN_ROWS = 150
"""In a table with fewer rows than this, one broken row may be too many."""
USED_AFTER_END, PAST_DUE, NOT_INVOICED = 0.02, 0.04, 0.03
TYPOS = {"Türkiye": "Turkiye", "DACH": "D-A-CH", "UK & Ireland": "UK and Ireland", "North America": "N. America",
         "Gulf": "Golf"}  # fmt: skip

PlantDefects = Callable[[dict[str, pd.DataFrame], pd.Timestamp, PlantedLog, np.random.Generator], None]


def plant_defects(tables: dict[str, pd.DataFrame], until: pd.Timestamp, seed: int) -> PlantedLog:
    """Hurts the tables in place, and returns what was done. Nothing that became known at ``until`` or later stays."""
    notes = PlantedLog()
    for n, plant in enumerate(PLANTS):
        plant(tables, until, notes, np.random.default_rng([seed, 100 + n]))
    for name, table in TABLES.items():
        tables[name] = _exported(tables[name], table.happened_at, until)
    return notes


def _exported(rows: pd.DataFrame, happened_at: str | None, until: pd.Timestamp) -> pd.DataFrame:
    if "known_at" not in rows:
        known = rows[happened_at] if happened_at else pd.Series(np.datetime64("NaT", "us"), index=rows.index)
        rows = rows.assign(known_at=known.astype("datetime64[us]"))
    return rows[rows["known_at"].isna() | (rows["known_at"] < until)].reset_index(drop=True)


def _leaks(tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator) -> None:
    """Money that slips: use that goes on after the end, yearly terms that nobody renewed, deals never invoiced."""
    held = tables["subscriptions"]
    left = held[(held["end_reason"] == "cancelled") & (held["ended_at"] < until - pd.Timedelta(days=30))]
    left = left[~left["account_id"].isin(held.loc[held["ended_at"].isna(), "account_id"])]
    some = left.iloc[_pick(left, USED_AFTER_END * 3, rng)].drop_duplicates(["account_id", "product_id"])
    days = np.arange(2, 30, 4)
    rows = some.loc[some.index.repeat(len(days)), ["account_id", "product_id", "seats", "ended_at"]]
    day = rows["ended_at"].dt.normalize().astype("datetime64[s]") + pd.to_timedelta(np.tile(days, len(some)), unit="D")
    users = np.maximum(1, np.round(rows["seats"] * 0.3))
    rows = rows[["account_id", "product_id"]].assign(
        day=day, active_users=users, events=users * 11.0, known_at=(day + pd.Timedelta(days=1)).astype("datetime64[us]")
    )
    tables["usage"] = pd.concat([tables["usage"], rows], ignore_index=True).drop_duplicates(
        list(TABLES["usage"].key), ignore_index=True
    )
    notes.add("use after the end", "subscriptions", some["subscription_id"])

    running = held[held["ended_at"].isna() & held["term_ends_at"].notna()]
    running = running[running["started_at"] < until - pd.Timedelta(days=120)]
    due = running.iloc[_pick(running, PAST_DUE, rng)]
    passed = until - pd.to_timedelta(rng.integers(8, 60, len(due)), unit="D")
    tables["subscriptions"].loc[due.index, "term_ends_at"] = passed.to_numpy().astype("datetime64[us]")
    deals = tables["opportunities"]
    open_renewal = (
        (deals["kind"] == "renewal") & deals["closed_at"].isna() & deals["account_id"].isin(due["account_id"])
    )
    gone = deals.loc[open_renewal, "opportunity_id"]
    tables["opportunities"] = deals[~open_renewal].reset_index(drop=True)
    changes = tables["opportunity_changes"]
    tables["opportunity_changes"] = changes[~changes["opportunity_id"].isin(gone)].reset_index(drop=True)
    notes.add("renewal past due", "subscriptions", due["subscription_id"])

    won = tables["opportunities"]
    won = won[won["outcome"] == "won"]
    new = won[(won["kind"] == "new") & (won["closed_at"] > until - pd.Timedelta(days=400))]
    forgotten = new.iloc[_pick(new, NOT_INVOICED, rng)]["account_id"]
    invoices = tables["invoices"]
    tables["invoices"] = invoices[~invoices["account_id"].isin(forgotten)].reset_index(drop=True)
    notes.add("won, never invoiced", "opportunities", won.loc[won["account_id"].isin(forgotten), "opportunity_id"])


def _typos(tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator) -> None:
    """Typed wrongly: e-mail addresses, time zones, regions."""
    contacts, accounts = tables["contacts"], tables["accounts"]
    with_email = contacts[contacts["email"].notna()]
    bad = with_email.iloc[_pick(with_email, BAD_EMAIL, rng)]
    contacts.loc[bad.index, "email"] = bad["email"].str.replace("@", "(at)")
    notes.add("invalid e-mail", "contacts", bad["contact_id"])
    with_zone = contacts[contacts["timezone"].notna()]
    bad = with_zone.iloc[_pick(with_zone, BAD_ZONE, rng)]
    contacts.loc[bad.index, "timezone"] = bad["timezone"].str.replace("/", "/Old ")
    notes.add("invalid time zone", "contacts", bad["contact_id"])
    bad = accounts.iloc[_pick(accounts, BAD_REGION, rng)]
    accounts.loc[bad.index, "region"] = bad["region"].map(TYPOS).astype("str")
    notes.add("typo in region", "accounts", bad["account_id"], bad["region"].map(TYPOS).to_numpy())


def _dangling(
    tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator
) -> None:
    """Keys of nobody."""
    for table, column, share, value in (
        ("orders", "product_id", UNKNOWN_PRODUCT, "GADGET-X"),
        ("orders", "account_id", UNKNOWN_ACCOUNT, "A999999"),
        ("tickets", "contact_id", UNKNOWN_CONTACT, "C999999"),
    ):
        rows = tables[table]
        at = _pick(rows, share, rng, of=len(rows))
        values = rows[column].to_numpy(dtype=object).copy()
        values[at] = value
        tables[table] = rows.assign(**{column: pd.array(values, dtype="str")})
        notes.add(f"unknown {column}", table, keys_of(rows.iloc[at], TABLES[table].key), value)


def _nonsense(
    tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator
) -> None:
    """Values that cannot be: wrong signs, ends before starts, days to come."""
    orders = tables["orders"]
    placed = orders[orders["status"] == "placed"]
    at = placed.index[_pick(placed, WRONG_SIGN, rng, of=len(orders))]
    orders.loc[at, ["quantity", "amount"]] = -orders.loc[at, ["quantity", "amount"]]
    notes.add("wrong sign", "orders", keys_of(orders.loc[at], TABLES["orders"].key))
    placed = placed.drop(at)
    ahead = placed.index[_pick(placed, FUTURE, rng, of=len(orders))]
    orders["known_at"] = orders["ordered_at"]
    orders.loc[ahead, "ordered_at"] = orders.loc[ahead, "ordered_at"] + pd.Timedelta(days=3 * 366 + 200)
    notes.add("dated in the future", "orders", keys_of(orders.loc[ahead], TABLES["orders"].key))
    held = tables["subscriptions"]
    ended = held[held["end_reason"] == "seats changed"]
    at = ended.index[_pick(ended, REVERSED_CONTRACT * len(held) / max(1, len(ended)), rng, of=len(held))]
    held.loc[at, "ended_at"] = held.loc[at, "started_at"] - pd.Timedelta(days=3)
    notes.add("ended before it started", "subscriptions", held.loc[at, "subscription_id"])
    deals = tables["opportunities"]
    lost = deals[(deals["outcome"] == "lost") & (deals["kind"] != "renewal")]
    at = lost.index[_pick(lost, REVERSED_DEAL, rng, of=len(deals))]
    deals.loc[at, "closed_at"] = deals.loc[at, "created_at"] - pd.Timedelta(days=1)
    notes.add("closed before it was created", "opportunities", deals.loc[at, "opportunity_id"])
    products = tables["products"]
    products.loc[products["product_id"] == "FAX-KIT", "list_price"] = -99.0
    notes.add("negative list price", "products", ["FAX-KIT"])


def _late(tables: dict[str, pd.DataFrame], until: pd.Timestamp, notes: PlantedLog, rng: np.random.Generator) -> None:
    """Facts that become known days after they happened. Those that are not known yet are not in the export."""
    for name, (share, most) in LATE_SHARES.items():
        rows, table = tables[name], TABLES[name]
        known = rows["known_at"] if "known_at" in rows else rows[table.happened_at]
        at = _pick(rows, share, rng)
        delay = np.zeros(len(rows), dtype=np.int64)
        delay[at] = rng.integers(6 * 3600, most * 86_400, len(at))
        tables[name] = rows.assign(known_at=(known + pd.to_timedelta(delay, unit="s")).astype("datetime64[us]"))
        stays = at[(tables[name]["known_at"].iloc[at] < until).to_numpy()]
        notes.add("known late", name, keys_of(rows.iloc[stays], table.key))


def _pick(rows: pd.DataFrame, share: float, rng: np.random.Generator, *, of: int = MIN_ROWS) -> np.ndarray:
    """Positions of a share of the rows, in order; at least one, unless the table they are ``of`` has but few rows."""
    count = min(len(rows), max(1 if of >= MIN_ROWS else 0, round(len(rows) * share)))
    return np.sort(rng.choice(len(rows), count, replace=False)) if count else np.zeros(0, dtype=np.int64)


PLANTS: tuple[PlantDefects, ...] = (_leaks, _typos, plant_duplicates, _dangling, _nonsense, _late)
"""In this order: what is doubled carries the typos, and what is late comes last."""

assert "FAX-KIT" in PRODUCT_IDS, "the product nobody buys has gone from the catalogue"
