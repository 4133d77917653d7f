"""Where the demo company leaks, from what is behind its tables: one row per leak of each kind, with its money.

Planted leaks and those that come by themselves count alike. Nothing here asks the detectors: what is never paid, how
long deals really take to leave a stage and what was taken off a price are known here, and hidden from who reads the
CRM. Rows that are broken in the CRM, and so kept out of it, are no leaks that anybody could find.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Ints
from data.calendar import first_instant, local_day
from data.demo.calendar import DAY, NEVER, History
from data.demo.catalogue import PRODUCT_IDS
from data.demo.column_makers import id_column, utc_seconds
from data.demo.deal_stages import STAGES
from data.demo.deals import KINDS, Deals
from data.demo.invoices import Payments
from data.demo.leaks import NOTICED_DAYS, PlantedDiscounts, PlantedPromotions, contractions
from data.demo.subscriptions import Contracts

MONTH_DAYS = 30.4375
SLOW_QUANTILE = 0.9
"""Slower than this share of its like is too slow."""
WEEKS, MIN_DAY_SHARE, MIN_DAYS, MIN_SPAN_DAYS = 8, 0.5, 5, 28
"""Seats are outgrown when more people than seats came on half of the days of so many weeks, five at least, and not on
days of one month only."""
MAX_DAYS_AFTER_END = 31
MIN_WAIT_DAYS, MAX_LEAD_AGE_DAYS, YEAR_DAYS = 14, 180, 365
BROKEN_KINDS = (
    "closed before it was created",
    "ended before it started",
    "unknown account_id",
    "unknown product_id",
    "wrong sign",
    "dated in the future",
)
COLUMNS = ["detector", "key", "account_id", "money"]


@dataclass(frozen=True)
class HiddenState:
    """What is behind the tables: contracts and deals as simulated, payments, and the prices given away."""

    contracts: Contracts
    deals: Deals
    forgotten: Deals
    payments: Payments
    given: PlantedDiscounts
    promoted: PlantedPromotions
    joined: Ints


def true_leaks(tables: dict[str, pd.DataFrame], hidden: HiddenState, history: History) -> pd.DataFrame:
    """One row per leak (``COLUMNS``) that shows in the tables before trouble is planted in them."""
    as_of = int(_midnight(history).timestamp())
    parts = [
        _given_away(tables["orders"], hidden.given, as_of),
        _promoted(hidden, as_of),
        _stalled(hidden, tables["opportunities"], as_of),
        _unpaid(tables["invoices"], hidden.payments, as_of),
        _outgrown(tables["usage"], hidden.contracts, as_of),
        _unnoticed(tables, hidden.contracts, as_of),
        _unanswered(tables, hidden.joined, as_of),
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def leaks_table(
    seen: pd.DataFrame, tables: dict[str, pd.DataFrame], trouble: pd.DataFrame, history: History
) -> pd.DataFrame:
    """``seen``, less what trouble took out of the tables, and the leaks that were planted as trouble."""
    midnight = _midnight(history)
    keys = {kind: rows["key"] for kind, rows in trouble.groupby("kind")}
    broken = set(pd.concat([keys[kind] for kind in BROKEN_KINDS if kind in keys] or [pd.Series(dtype="str")]))
    invoices = tables["invoices"]
    there = set(invoices["invoice_id"][~invoices["subscription_id"].isin(broken)])
    there |= set(tables["opportunities"]["opportunity_id"])
    hurt = seen["key"].isin(broken) | (seen["detector"].isin(["invoice_overdue", "deal_stalled"])
                                       & ~seen["key"].isin(there))  # fmt: skip
    nothing = pd.Series(dtype="str")
    parts = [
        seen[~hurt],
        _past_due(tables, keys.get("renewal past due", nothing), midnight),
        _never_invoiced(tables["opportunities"], keys.get("won, never invoiced", nothing), midnight),
        _used_after_end(tables, keys.get("use after the end", nothing), midnight),
    ]
    found = pd.concat(parts, ignore_index=True)[COLUMNS]
    originals = trouble[trouble["kind"] == "duplicate company"].set_index("key")["detail"]
    found["account_id"] = found["account_id"].map(originals).fillna(found["account_id"])
    return found.assign(money=found["money"].round(2)).sort_values(["detector", "key"], ignore_index=True)


def _given_away(orders: pd.DataFrame, given: PlantedDiscounts, as_of: int) -> pd.DataFrame:
    """Lines sold below what the policy allows; the money is what is missing to it."""
    rows = orders.iloc[given.at]
    found = rows.assign(key=rows["order_id"] + "/" + rows["line_id"], money=given.lost)
    return found[utc_seconds(rows["ordered_at"]) < as_of].assign(detector="discount_beyond_policy")


def _promoted(hidden: HiddenState, as_of: int) -> pd.DataFrame:
    """Contracts that run on at a promotion's price; the money is what is short since the promotion was over."""
    c, p = hidden.contracts, hidden.promoted
    keep = (p.over_at < as_of) & (c.ended[p.contract] >= as_of) & (c.started[p.contract] < as_of)
    which = p.contract[keep]
    months = (as_of - p.over_at[keep]) / (MONTH_DAYS * DAY)
    return _rows(
        "price_after_promotion", id_column("S", which), id_column("A", c.account[which], 6), p.short[keep] * months
    )


def _stalled(hidden: HiddenState, opportunities: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Open deals in their stage for longer than nine of ten of their kind take to leave it, however they leave."""
    kinds, j = hidden.deals.kind, hidden.deals.stage_times
    ends = np.concatenate([j.entered[:, 1:], np.full((len(j.closed), 1), NEVER)], axis=1)
    stays = np.minimum(ends, j.closed[:, None]) - j.entered
    limit = np.full((len(KINDS), len(STAGES)), float(NEVER))
    for kind in range(len(KINDS)):
        for stage in range(len(STAGES)):
            mine = (kinds == kind) & (j.entered[:, stage] < NEVER) & (stays[:, stage] > 0)
            if mine.any():
                limit[kind, stage] = np.quantile(stays[mine, stage], SLOW_QUANTILE)
    f = hidden.forgotten.stage_times
    open_ = np.flatnonzero((f.created < as_of) & (f.closed >= as_of))
    stage = np.where(f.entered[open_] < as_of, np.arange(len(STAGES)), -1).max(axis=1)
    slow = as_of - f.entered[open_, stage] > limit[kinds[open_], stage]
    which = open_[slow & (stage >= 0)]
    return _rows(
        "deal_stalled",
        id_column("D", which),
        id_column("A", hidden.deals.account[which], 6),
        opportunities["amount"].to_numpy()[which],
    )


def _unpaid(invoices: pd.DataFrame, payments: Payments, as_of: int) -> pd.DataFrame:
    """Invoices that are never paid, once they are later than nine of ten late ones are."""
    usual = max(
        np.quantile(payments.seconds_late[~payments.unpaid & (payments.seconds_late > 0)], SLOW_QUANTILE), 14 * DAY
    )
    rows = invoices[payments.unpaid & (utc_seconds(invoices["due_at"]) + usual < as_of)]
    return rows.assign(key=rows["invoice_id"], money=rows["amount"], detector="invoice_overdue")


def _outgrown(usage: pd.DataFrame, c: Contracts, as_of: int) -> pd.DataFrame:
    """Accounts of which for weeks more people use a product than have seats; the money is the price of the excess."""
    rows = usage.assign(at=utc_seconds(usage["day"]))
    rows = rows[(rows["at"] >= as_of - WEEKS * 7 * DAY) & (rows["at"] + DAY <= as_of + DAY // 2)]
    held = pd.DataFrame(
        {
            "account_id": id_column("A", c.account, 6),
            "product_id": np.array(PRODUCT_IDS, dtype=object)[c.product],
            "seats": c.seats,
            "price": c.mrr,
            "started": c.started,
            "ended": c.ended,
        }
    )
    both = rows.reset_index().merge(held, on=["account_id", "product_id"])
    noon = both["at"] + DAY // 2
    both = both[(both["started"] <= noon) & (both["ended"] > noon)]
    days = both.groupby(["index", "account_id", "product_id", "at", "active_users"], as_index=False).agg(
        seats=("seats", "sum"), price=("price", "sum")
    )
    days = days.assign(excess=(days["active_users"] - days["seats"]).clip(lower=0) * days["price"] / days["seats"])
    over = days[days["excess"] > 0].groupby(["account_id", "product_id"])["at"].agg(["count", "min", "max"])
    every = days.groupby(["account_id", "product_id"]).agg(days=("at", "count"), excess=("excess", "mean"))
    found = every.join(over).reset_index()
    lasts = (found["max"] - found["min"] >= MIN_SPAN_DAYS * DAY) & (found["count"] >= MIN_DAYS)
    found = found[lasts & (found["count"] >= MIN_DAY_SHARE * found["days"])]
    money = found["excess"].to_numpy() * WEEKS * 7 / MONTH_DAYS
    return _rows("seats_outgrown", found["account_id"] + "/" + found["product_id"], found["account_id"], money)


def _unnoticed(tables: dict[str, pd.DataFrame], c: Contracts, as_of: int) -> pd.DataFrame:
    """Contractions after which for a month nobody did, asked or offered anything; the money is a year of the fall."""
    contracted = contractions(c)
    contracted = contracted[
        (contracted["at"] < as_of - NOTICED_DAYS * DAY) & (contracted["at"] >= as_of - (90 + NOTICED_DAYS) * DAY)
    ]
    signs = [("activities", "happened_at"), ("tickets", "opened_at"), ("opportunities", "created_at")]
    seen = pd.concat(
        [pd.DataFrame({"account_id": tables[t]["account_id"], "seen": utc_seconds(tables[t][at])}) for t, at in signs]
    )
    rows = contracted.assign(account_id=id_column("A", contracted["account"].to_numpy(), 6).to_numpy())
    met = rows.merge(seen, on="account_id")
    met = met[(met["seen"] >= met["at"]) & (met["seen"] < met["at"] + NOTICED_DAYS * DAY)]
    noticed = set(zip(met["account_id"], met["at"], strict=True))
    keep = [(who, at) not in noticed for who, at in zip(rows["account_id"], rows["at"], strict=True)]
    rows = rows[np.array(keep, dtype=bool)]
    key = rows["account_id"] + "/" + pd.to_datetime(rows["at"], unit="s").dt.strftime("%Y-%m-%d")
    return _rows("downgrade_unnoticed", key, rows["account_id"], rows["fall"].to_numpy() * 12)


def _unanswered(tables: dict[str, pd.DataFrame], joined: Ints, as_of: int) -> pd.DataFrame:
    """Accounts that never bought and arrived weeks ago, and since then nobody did anything and no deal is open;
    the money is what an account that comes in brings on average."""
    accounts, deals = tables["accounts"], tables["opportunities"]
    created = utc_seconds(accounts["created_at"])
    touches = tables["touches"]
    inbound = touches[touches["kind"].isin(["form_submitted", "replied", "attended"])]
    who = inbound["contact_id"].map(tables["contacts"].set_index("contact_id")["account_id"])
    last = pd.Series(utc_seconds(inbound["happened_at"]), index=who).pipe(lambda s: s[s < as_of]).groupby(level=0).max()
    arrived_at = np.maximum(created, accounts["account_id"].map(last).fillna(0).to_numpy())
    done = pd.concat(
        [
            pd.Series(utc_seconds(tables[table][at]), index=tables[table]["account_id"])
            for table, at in (("activities", "happened_at"), ("opportunities", "created_at"))
        ]
    )
    done = accounts["account_id"].map(done[done < as_of].groupby(level=0).max()).fillna(0).to_numpy()
    open_ = (deals["closed_at"].isna() | (utc_seconds(deals["closed_at"]) >= as_of)) & (
        utc_seconds(deals["created_at"]) < as_of
    )
    busy = accounts["account_id"].isin(deals.loc[open_, "account_id"]).to_numpy()
    waits = (arrived_at < as_of - MIN_WAIT_DAYS * DAY) & (arrived_at >= as_of - MAX_LEAD_AGE_DAYS * DAY)
    keep = (joined >= as_of) & (created < as_of) & waits & (done < arrived_at) & ~busy
    won = deals[(deals["outcome"] == "won") & (deals["kind"] == "new")]
    won = won[(utc_seconds(won["closed_at"]) >= as_of - YEAR_DAYS * DAY) & (utc_seconds(won["closed_at"]) < as_of)]
    arrived = int(((created >= as_of - YEAR_DAYS * DAY) & (created < as_of)).sum())
    account = accounts.loc[keep, "account_id"]
    return _rows("lead_untouched", account, account, np.full(len(account), won["amount"].sum() / max(arrived, 1)))


def _past_due(tables: dict[str, pd.DataFrame], keys: pd.Series, midnight: pd.Timestamp) -> pd.DataFrame:
    """Planted terms that passed, with no deal open that would renew them; the money is what they brought since."""
    held, deals = tables["subscriptions"], tables["opportunities"]
    due = held[held["subscription_id"].isin(keys) & (held["term_ends_at"] < midnight)]
    open_ = deals[deals["closed_at"].isna() | (deals["closed_at"] >= midnight)]
    about = set(zip(open_["account_id"], open_["product_id"], strict=True))
    renewing = set(open_.loc[open_["kind"] == "renewal", "account_id"])
    pairs = zip(due["account_id"], due["product_id"], strict=True)
    due = due[np.array([pair not in about and pair[0] not in renewing for pair in pairs], dtype=bool)]
    months = ((midnight - due["term_ends_at"]).dt.total_seconds() / (MONTH_DAYS * DAY)).clip(lower=1)
    return _rows("renewal_past_due", due["subscription_id"], due["account_id"], (due["mrr"] * months).to_numpy())


def _never_invoiced(deals: pd.DataFrame, keys: pd.Series, midnight: pd.Timestamp) -> pd.DataFrame:
    """Planted won deals without an invoice, once a month has passed."""
    won = deals[deals["opportunity_id"].isin(keys) & (deals["closed_at"] < midnight - pd.Timedelta(days=30))]
    won = won[won["amount"] > 0]
    return _rows("won_not_invoiced", won["opportunity_id"], won["account_id"], won["amount"].to_numpy())


def _used_after_end(tables: dict[str, pd.DataFrame], keys: pd.Series, midnight: pd.Timestamp) -> pd.DataFrame:
    """Planted use after the end, on days of the last three months; the money is the last price of those days."""
    held = tables["subscriptions"]
    some = held.loc[held["subscription_id"].isin(keys), ["account_id", "product_id", "mrr", "ended_at"]]
    both = tables["usage"].merge(some, on=["account_id", "product_id"])
    day = both["day"].astype("datetime64[us]")
    after = day - both["ended_at"]
    late = (after > pd.Timedelta(days=1)) & (after < pd.Timedelta(days=MAX_DAYS_AFTER_END))
    late &= (day >= midnight - pd.Timedelta(days=90)) & (day < midnight)
    by = both[late].groupby(["account_id", "product_id"], as_index=False).agg(mrr=("mrr", "sum"))
    return _rows("used_after_end", by["account_id"] + "/" + by["product_id"], by["account_id"],
                 (by["mrr"] / MONTH_DAYS).to_numpy())  # fmt: skip


def _midnight(history: History) -> pd.Timestamp:
    """The first instant (naive UTC) of the day of the export: what came before it is known."""
    until = pd.Timestamp(history.until, unit="s").to_pydatetime()
    return pd.Timestamp(first_instant(local_day(until, history.timezone), history.timezone))


def _rows(detector: str, key: pd.Series, account: pd.Series, money: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"detector": detector, "key": key.to_numpy(), "account_id": account.to_numpy(), "money": np.asarray(money)}
    )
