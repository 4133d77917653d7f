"""The company's own past rates: how contracts end and grow, deals are won and what wins bring, and what comes beside.

Each rate is that of the two years (of contracts: the year) before a date, of what was known by then. What comes from
deals that do not exist yet and from customers who order again is told by past dates as well: what came in each month
after them, less what the contracts and deals of that date brought by the same arithmetic.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.company import Company
from features.labels.churn import FOLLOWS_DAYS, SHRINKS_BY
from features.revenue.bookings import (
    closed_deals,
    contracts,
    open_deals,
    orders_around,
    orders_by_cohort,
    share_won_by_stage,
    stages_reached,
)
from features.revenue.dimensions import PLACES
from models.deals.competing_risks import EDGES
from models.revenue.cash_flows import Atoms, chances_by_rate, contract_atoms, deal_atoms
from models.revenue.period_grid import MONTHS, Pieces

CONTRACT_DAYS, DEAL_DAYS = 365, 730
WIN_DAYS = 31
"""What an account starts, ends or orders so near to a win is laid to it."""
MOST_ORIGINS = 18
MOST_UPLIFT, MOST_SHARE = 2.0, 1.0


@dataclass(frozen=True)
class Rates:
    """What is known by a date. ``ends`` and ``grows`` are monthly hazards of contracts and of what follows them,
    ``uplift`` what one that grows brings more; ``replaced`` is the monthly hazard of one without a term to be followed
    by another, ``replaced_at_term`` the share that was, of those due that did not leave. ``wins`` is the share won in
    the end by stage (``""``: of all), ``cycle`` its mean days from creation, ``amount`` the middle of won deals;
    ``once`` and ``monthly``, by kind, the shares of its amount that a win brings.

    ``repeats`` and ``fresh`` hold, for each month ahead, orders of customers of the date over mean monthly orders of
    the year before, and what came besides over mean monthly revenue.
    """

    ends: float
    grows: float
    uplift: float
    wins: dict[str, float]
    cycle: float
    amount: float
    once: dict[str, float]
    monthly: dict[str, float]
    repeats: tuple[float, ...] = (0.0,) * MONTHS
    fresh: tuple[float, ...] = (0.0,) * MONTHS
    replaced: float = 0.0
    replaced_at_term: float = 0.0

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Rates":
        """From ``state``."""
        return cls(**{**state, "repeats": tuple(state["repeats"]), "fresh": tuple(state["fresh"])})

    def win_curves(self, deals: pd.DataFrame) -> Floats:
        """Deals × ends of ``EDGES``: the chance to be won by then, by stage, with the mean cycle as a constant pace."""
        ever = deals["stage"].map(self.wins).fillna(self.wins[""]).to_numpy(dtype=np.float64)
        pace = 1 - np.exp(-np.array(EDGES[1:], dtype=np.float64) / max(self.cycle, 1.0))
        curves: Floats = ever[:, None] * pace[None, :]
        return curves

    def with_yields(self, deals: pd.DataFrame) -> pd.DataFrame:
        """The deals with ``once`` and ``monthly`` of their kind, and the usual amount where none is known."""
        kind = deals["kind"].fillna("")
        told = {
            name: kind.map(rates).fillna(rates[""]).astype("float64")
            for name, rates in (("once", self.once), ("monthly", self.monthly))
        }
        return deals.assign(amount=deals["amount"].astype("float64").fillna(self.amount), **told)


@dataclass(frozen=True)
class Books:
    """What the rates are made of: contracts, deals that are open at dates, deals that closed with what they brought
    (``more_a_month``, ``more_at_once``), stages that deals reached, and orders by month and month of the first sale."""

    contracts: pd.DataFrame
    deals: pd.DataFrame
    closed: pd.DataFrame
    reached: pd.DataFrame
    cohorts: pd.DataFrame

    @classmethod
    def of(cls, company: Company, dates: Sequence[date]) -> "Books":
        """The books of a company; its deals as they stood at some dates."""
        held, closed = contracts(company), closed_deals(company)
        won = closed[closed["won"].astype(bool)]
        near = won.merge(held[["account_id", "mrr", "started", "ended"]], on="account_id")
        begun = ((near["started"] - near["closed"]).dt.days.abs() <= WIN_DAYS).astype(float)
        over = ((near["ended"] - near["closed"]).dt.days.abs() <= WIN_DAYS).astype(float)
        net = (near["mrr"] * (begun - over)).groupby(near["opportunity_id"]).sum()
        around = orders_around(company, won, WIN_DAYS).set_index("opportunity_id")
        at_once = around["after"] - around["before"]
        ids = closed["opportunity_id"]
        return cls(
            held,
            open_deals(company, dates),
            closed.assign(
                more_a_month=ids.map(net).fillna(0.0),
                more_at_once=ids.map(at_once).astype("float64").fillna(0.0),
            ),
            stages_reached(company),
            orders_by_cohort(company),
        )

    def running(self, day: date) -> pd.DataFrame:
        """Contracts that ran on a date."""
        at, held = pd.Timestamp(day), self.contracts
        return held[(held["started"] < at) & ~(held["ended"] < at)]

    def pending(self, day: date) -> pd.DataFrame:
        """Deals that were open at one of the dates."""
        return self.deals[self.deals["as_of"] == pd.Timestamp(day)]

    def rates(self, day: date) -> Rates:
        """The rates by a date, but for what comes beside contracts and deals."""
        at, held = pd.Timestamp(day), self.contracts
        since = at - pd.Timedelta(days=CONTRACT_DAYS)
        began, ended = (
            held["started"].where(held["started"] > since, since),
            held["ended"].where(held["ended"] < at, at),
        )
        months = (ended - began).dt.days.clip(lower=0) / 30
        exposed = float((held["mrr"] * months).sum())
        without = float((held["mrr"] * months)[held["term"].isna()].sum())
        settled = at - pd.Timedelta(days=FOLLOWS_DAYS)  # of ends since then it is not known what follows
        over = held[(held["ended"] >= since) & (held["ended"] < settled)]
        gone = over[over["next_mrr"].isna()]
        grown = over[over["next_mrr"] > over["mrr"] * (1 + SHRINKS_BY)]
        base = float(grown["mrr"].sum())
        followed = over[over["next_mrr"].notna()]
        due = held[(held["term"] >= since) & (held["term"] < settled)]
        went_on = float(due.loc[~(due["ended"] < settled), "mrr"].sum())
        at_term = float(due.loc[due["subscription_id"].isin(followed["subscription_id"]), "mrr"].sum())
        closed = self.closed[(self.closed["closed"] < at)]
        closed = closed[closed["closed"] >= at - pd.Timedelta(days=DEAL_DAYS)]
        won = closed[closed["won"].astype(bool)]
        seen = won[won["closed"] < at - pd.Timedelta(days=WIN_DAYS)]
        return Rates(
            ends=float(gone["mrr"].sum()) / exposed if exposed else 0.0,
            grows=base / exposed if exposed else 0.0,
            uplift=min(float((grown["next_mrr"] - grown["mrr"]).sum()) / base, MOST_UPLIFT) if base else 0.0,
            wins=share_won_by_stage(closed, self.reached[self.reached["reached"] < at]),
            cycle=float((won["closed"] - won["created"]).dt.days.mean()) if len(won) else 90.0,
            amount=float(won["amount"].median()) if won["amount"].notna().any() else 0.0,
            once=_shares(seen, "more_at_once"),
            monthly=_shares(seen, "more_a_month"),
            replaced=float(followed.loc[followed["term"].isna(), "mrr"].sum()) / without if without else 0.0,
            replaced_at_term=at_term / (at_term + went_on) if at_term else 0.0,
        )

    def past_atoms(self, day: date, rates: Rates, pieces: Pieces) -> Atoms:
        """What contracts and deals of a date would have been expected to bring by its rates."""
        return atoms_by_rates(self.running(day), self.pending(day), rates, pieces)


def atoms_by_rates(running: pd.DataFrame, pending: pd.DataFrame, rates: Rates, pieces: Pieces) -> Atoms:
    """The atoms of contracts and deals by past rates alone."""
    held = contract_atoms(
        contract_rows(running),
        chances_by_rate(rates.ends, len(running)),
        chances_by_rate(rates.grows, len(running)),
        rates.uplift,
        pieces,
    )
    deals = rates.with_yields(pending)
    return Atoms.together(held, deal_atoms(deal_rows(deals), rates.win_curves(deals), pieces))


def contract_rows(running: pd.DataFrame) -> pd.DataFrame:
    """Rows of atoms of contracts."""
    names = ["account_id", "product_id", *PLACES, "mrr", "started", "term"]
    return running[names].assign(kind="contract", key=running["subscription_id"]).reset_index(drop=True)


def deal_rows(deals: pd.DataFrame) -> pd.DataFrame:
    """Rows of atoms of deals."""
    names = ["account_id", "product_id", *PLACES, "amount", "once", "monthly", "stage", "due", "created"]
    return deals[names].assign(kind="deal", key=deals["opportunity_id"]).reset_index(drop=True)


@dataclass(frozen=True)
class Beside:
    """Past dates (rows, the first days of months) by months ahead: what contracts and deals of the date were expected
    to bring (``atoms``), what customers of the date ordered (``repeats``), all that ``came``; NaN where it has not yet.

    ``orders`` and ``revenue`` are means of the year before each date, ``at`` the place of its month.
    """

    at: "np.ndarray[Any, np.dtype[np.int64]]"
    atoms: Floats
    repeats: Floats
    came: Floats
    orders: Floats
    revenue: Floats

    def rates(self, before: int) -> tuple[Floats, Floats]:
        """``repeats`` and ``fresh`` of ``Rates`` by what had come before a month; zeros where nothing had."""
        steps = np.arange(self.came.shape[1])
        known = (self.at[:, None] + steps[None, :] < before) & ~np.isnan(self.came)
        beside = self.came - self.atoms - self.repeats
        repeats = _ratio(self.repeats, self.orders[:, None], known)
        fresh = np.maximum(_ratio(beside, self.revenue[:, None], known), 0.0)
        return _filled(repeats), _filled(fresh)

    def together(self, row: int) -> Floats:
        """What the parts said at one of the dates, by what was known then."""
        repeats, fresh = self.rates(int(self.at[row]))
        said: Floats = self.atoms[row] + repeats * self.orders[row] + fresh * self.revenue[row]
        return said


def looked_from(months: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The places, among so many months, of those that are looked back from: a year lies before each."""
    return np.arange(max(12, months - MOST_ORIGINS), months, dtype=np.int64)


def look_back(books: Books, months: pd.DatetimeIndex, came: Floats) -> Beside:
    """The past of a company whose revenue by month is known, from the months of ``looked_from``."""
    last = len(months)
    at = looked_from(last)
    shape = (len(at), MONTHS)
    atoms, repeats, told = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan)
    cohort = books.cohorts.pivot_table(index="month", columns="first", values="amount", aggfunc="sum")
    cohort = cohort.reindex(index=months).fillna(0.0)
    by_month = cohort.sum(axis=1).to_numpy(dtype=np.float64)
    for row, place in enumerate(at):
        day = months[place].date()
        pieces = Pieces.of(day)
        atoms[row] = pieces.by_month(books.past_atoms(day, books.rates(day), pieces).amounts.sum(axis=0)[None, :])[0]
        steps = min(MONTHS, last - place)
        told[row, :steps] = came[place : place + steps]
        old = cohort.loc[:, cohort.columns < months[place]].sum(axis=1).to_numpy(dtype=np.float64)
        repeats[row, :steps] = old[place : place + steps]
    orders = np.array([by_month[place - 12 : place].mean() for place in at])
    revenue = np.array([came[place - 12 : place].mean() for place in at])
    return Beside(at, atoms, repeats, told, orders, revenue)


def _ratio(part: Floats, whole: Floats, known: "np.ndarray[Any, np.dtype[np.bool_]]") -> Floats:
    tops = np.where(known, part, 0.0).sum(axis=0)
    bottoms = np.where(known, whole, 0.0).sum(axis=0)
    ratios: Floats = np.divide(tops, bottoms, out=np.full(len(tops), np.nan), where=bottoms > 0)
    return ratios


def _filled(by_step: Floats) -> Floats:
    """Steps of which nothing is known are as the last one of which something is."""
    return np.asarray(pd.Series(by_step).ffill().bfill().fillna(0.0), dtype=np.float64)


def _shares(won: pd.DataFrame, column: str) -> dict[str, float]:
    """What wins brought over their amounts, by kind and (``""``) of all; between nothing and all."""
    known = won[won["amount"] > 0]

    def share(rows: pd.DataFrame) -> float:
        whole = float(rows["amount"].sum())
        return float(np.clip(rows[column].sum() / whole, 0.0, MOST_SHARE)) if whole else 0.0

    return {"": share(known), **{str(kind): share(rows) for kind, rows in known.groupby("kind")}}
