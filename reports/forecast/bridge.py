"""The bridge: what moved the number since an earlier run, cause by cause, to the cent.

The earlier night's number is taken, and its facts are replaced by tonight's one kind at a time, in the order of
``CAUSES``, by the formula that made both (``features.revenue.forecast_formula``); each cause is what the number moved by at its turn. The
facts are scored by the versions of the earlier night, so that the last step, from their scores to tonight's, is the
change of model and nothing else. Steps that follow each other to the end leave no remainder.

A single deal or contract is laid to what happened to it, by the company's own records; of a deal that is still open,
the amount first, and what its chances and its timing did after it. Periods that only one of both nights foresees are
in no bridge.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.lake import Step
from data.outputs.conform import conform
from data.outputs.report_tables import BRIDGE
from features.company import Company
from features.labels.churn import successors
from features.revenue.bookings import closed_deals, contracts
from features.revenue.forecast_formula import BEFORE, OF_THE_NUMBER, beside

CORRECTED, WON, LOST, NEW, CHURNED, EXPANDED = "data corrected", "won", "lost", "new", "churned", "expanded"
AMOUNT, MOVED, PASSED = "amount changed", "deal moved", "as time passed"
ORDERS, OUTLOOK, MODEL = "orders came in", "outlook of the series", "model changed"
CAUSES: tuple[str, ...] = (
    *(CORRECTED, WON, LOST, NEW, CHURNED, EXPANDED, AMOUNT, MOVED, PASSED),
    *(ORDERS, OUTLOOK, MODEL),
)
"""In the order in which facts are replaced."""
OF_ATOMS = CAUSES[:9]
NAMED = 3
"""Deals and contracts that a cause names as its evidence, those that moved most first."""


@dataclass(frozen=True, eq=False)
class EarlierNumber:
    """The run that is compared with: its name, its date, its versions of models, and the step that holds its number."""

    run_id: str
    as_of: date
    versions: dict[str, str]
    scored: Step


@dataclass(frozen=True, eq=False)
class Side:
    """One night's number: its atoms and its grounds (``models.revenue.assembly``)."""

    atoms: pd.DataFrame
    grounds: pd.DataFrame

    @classmethod
    def of(cls, scored: Step, suffix: str = "") -> "Side":
        """From a finished step of scores."""
        return cls(scored.frame(f"number_atoms{suffix}"), scored.frame(f"number_grounds{suffix}"))


def bridge(company: Company, earlier: EarlierNumber | None, scored: Step) -> pd.DataFrame:
    """``data.outputs.report_tables.BRIDGE``; no rows where there is no earlier number, or none tonight."""
    if earlier is None or "number_grounds" not in scored.tables:
        return conform(pd.DataFrame(), BRIDGE)
    told = Side.of(scored)
    again = Side.of(scored, BEFORE) if f"number_grounds{BEFORE}" in scored.tables else None
    versions = scored.frame("model_results").set_index("model")["version"].dropna()
    unscored = any(earlier.versions.get(name) != versions.get(name) for name in OF_THE_NUMBER)
    rows = between(company, Side.of(earlier.scored), told, again, earlier.as_of, unscored=unscored)
    return conform(rows.assign(previous_run_id=earlier.run_id, previous_as_of=earlier.as_of), BRIDGE)


def between(
    company: Company, before: Side, now: Side, again: Side | None, since: date, *, unscored: bool = False
) -> pd.DataFrame:
    """One row per node, month and cause that moved it: ``node, grain, period, cause, amount, evidence, previous_point,
    point``; nodes are the total and the leaves of the market.

    ``again`` is tonight's number by the versions of the night before; ``None`` where these are tonight's. Where they
    are not, and yet not all could score tonight (``unscored``), what nothing else explains is laid to the model.
    """
    last = again or now
    months = sorted(set(before.grounds["month"]) & set(now.grounds["month"]))
    leaves = sorted(set(before.grounds["leaf"]) | set(now.grounds["leaf"]))
    index = pd.MultiIndex.from_product([leaves, months], names=["leaf", "month"])
    old, new = _Grounds.of(before, index), _Grounds.of(last, index)
    gone = _gone_by(before.grounds, last.grounds)
    moves = _moves(company, _passed(before.atoms, gone), last.atoms, pd.Timestamp(since))
    moves = moves[moves["month"].isin(months)]
    steps = [old.point]
    grounds = old.passed(*(gone[name].reindex(index.get_level_values(1)).to_numpy() for name in ("left", "days_left")))
    off = old.point - grounds.number  # the rounding of cents
    for cause in OF_ATOMS:
        mine = moves[moves["cause"] == cause].groupby(["leaf", "month"])[["earned", "ahead"]].sum()
        mine = mine.reindex(index).fillna(0.0)
        grounds = replace(
            grounds,
            atoms_earned=grounds.atoms_earned + mine["earned"].to_numpy(dtype=np.float64),
            atoms_ahead=grounds.atoms_ahead + mine["ahead"].to_numpy(dtype=np.float64),
        )
        steps.append(grounds.number + off)
    steps.append(replace(grounds, earned=new.earned).number + off)
    steps += [new.point, _Grounds.of(now, index).point]
    cents = np.round(np.stack(steps) * 100)
    amounts = np.diff(cents, axis=0)
    if unscored and again is None:
        for cause in (PASSED, OUTLOOK):
            amounts[CAUSES.index(MODEL)] += amounts[CAUSES.index(cause)]
            amounts[CAUSES.index(cause)] = 0.0
    return _rows(index, amounts, cents[0], cents[-1], _evidence(moves), unscored and again is None)


def _rows(
    index: pd.MultiIndex,
    amounts: Floats,
    first: Floats,
    last: Floats,
    named: dict[tuple[str, Any, str], str],
    unscored: bool,
) -> pd.DataFrame:
    """The rows of leaves and of the total, from whole cents (causes × leaves and months)."""
    of_leaves = pd.DataFrame({"node": index.get_level_values(0), "period": index.get_level_values(1)})
    tables = [
        of_leaves.assign(cause=cause, cents=amounts[place], before=first, now=last)
        for place, cause in enumerate(CAUSES)
    ]
    every, numbers = pd.concat(tables, ignore_index=True), ["cents", "before", "now"]
    total = every.groupby(["period", "cause"], sort=False)[numbers].sum().reset_index().assign(node="total")
    both = pd.concat([total, every[every["node"] != "all"]], ignore_index=True)
    both = both[both["cents"] != 0]
    plain = {
        ORDERS: "orders since, beside what was foreseen of these days",
        OUTLOOK: "what the series foresee, by the same version of the model",
        MODEL: "the model changed, and the earlier versions cannot all score tonight"
        if unscored
        else "the same facts, scored by tonight's versions",
    }
    told = [
        plain.get(cause) or named.get((node, month, cause))
        for node, month, cause in both[["node", "period", "cause"]].itertuples(index=False)
    ]
    return both.assign(
        evidence=pd.Series(told, index=both.index, dtype=object),
        grain="month",
        amount=both["cents"] / 100,
        previous_point=both["before"] / 100,
        point=both["now"] / 100,
        period=pd.to_datetime(both["period"]).dt.date,
    ).drop(columns=numbers)


def _gone_by(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """By month: what is left of what lay ahead of the night before, by what weekdays bring (``left``) and by days."""
    columns = ["left", "days_left"]
    old, new = (rows.groupby("month")[columns].first() for rows in (before, after))
    return (new / old.where(old > 0)).reindex(old.index).fillna(0.0).clip(0.0, 1.0)


def _passed(atoms: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """The atoms of the night before as they would stand if all had come so far as was foreseen."""
    left = atoms["month"].map(gone["days_left"]).fillna(1.0)
    return atoms.assign(earned=atoms["earned"] + atoms["ahead"] * (1 - left), ahead=atoms["ahead"] * left)


@dataclass(frozen=True, eq=False)
class _Grounds:
    """One side, by leaf and month of an index; zeros where it knows nothing of a leaf."""

    earned: Floats
    outlook: Floats
    repeats: Floats
    fresh: Floats
    weight: float
    point: Floats
    atoms_earned: Floats
    atoms_ahead: Floats

    @classmethod
    def of(cls, side: Side, index: pd.MultiIndex) -> "_Grounds":
        told = side.grounds.set_index(["leaf", "month"]).reindex(index)
        sums = side.atoms.groupby(["leaf", "month"])[["earned", "ahead"]].sum().reindex(index).fillna(0.0)
        names = ("earned", "outlook", "repeats", "fresh", "point")
        known = {name: told[name].fillna(0.0).to_numpy(dtype=np.float64) for name in names}
        return cls(
            **known,
            weight=float(side.grounds["weight"].iloc[0]),
            atoms_earned=sums["earned"].to_numpy(dtype=np.float64),
            atoms_ahead=sums["ahead"].to_numpy(dtype=np.float64),
        )

    @property
    def beside(self) -> Floats:
        """What comes beside contracts and deals."""
        return beside(self.outlook, self.atoms_ahead, self.repeats, self.fresh, self.weight)

    @property
    def number(self) -> Floats:
        """The number of these grounds."""
        told: Floats = self.earned + self.atoms_earned + self.atoms_ahead + self.beside
        return told

    def passed(self, left: Floats, days_left: Floats) -> "_Grounds":
        """The same number, some days later, if all had come so far as was foreseen."""
        ahead = self.atoms_ahead * days_left
        later = replace(
            self,
            outlook=self.outlook * left,
            repeats=self.repeats * left,
            fresh=self.fresh * left,
            atoms_ahead=ahead,
            atoms_earned=self.atoms_earned + self.atoms_ahead - ahead,
        )
        return replace(later, earned=self.earned + self.beside - later.beside)


def _moves(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per deal or contract, leaf, month and cause: by how much it moved, ``earned`` and ``ahead``."""
    keys = ["kind", "key", "leaf", "month"]
    numbers = ["earned", "ahead"]
    both = before[[*keys, *numbers]].merge(after[[*keys, *numbers]], how="outer", on=keys, suffixes=("_0", "_1"))
    both = both.fillna(dict.fromkeys([f"{name}_{at}" for name in numbers for at in (0, 1)], 0.0))
    causes = pd.concat([_of_deals(company, before, after, since), _of_contracts(company, before, after, since)])
    both = both.merge(causes, how="left", on=["kind", "key"])
    for name in numbers:
        both[name] = both[f"{name}_1"] - both[f"{name}_0"]
    # the amount of an open deal first, at the chances of the night before; what these did after it
    by_amount = both["ahead_0"] * (both["ratio"].fillna(1.0) - 1)
    first = both[by_amount != 0].assign(cause=AMOUNT, ahead=by_amount[by_amount != 0], earned=0.0)
    rest = both.assign(ahead=both["ahead"] - by_amount)
    told = pd.concat([first, rest], ignore_index=True)
    return told[(told["earned"] != 0) | (told["ahead"] != 0)]


def _of_deals(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per deal of either night: ``kind, key, cause``, and the ``ratio`` of its amounts where it is open."""
    old, new = (_firsts(rows, "deal") for rows in (before, after))
    closed = closed_deals(company).set_index("opportunity_id")
    keys = old.index.union(new.index)
    told = pd.DataFrame({"kind": "deal", "key": keys, "ratio": 1.0}, index=keys)
    known = closed.reindex(keys)
    over = ~keys.isin(new.index)
    there = keys.isin(old.index) & ~over
    a, b = old.reindex(keys), new.reindex(keys)
    moved = there & ~(_same(a["stage"], b["stage"]) & _same(a["due"], b["due"]))
    late = (known["closed"] < since).to_numpy()
    told["cause"] = np.select(
        [
            (over & (known["won"].isna().to_numpy() | late)) | (there & ~_same(a["leaf"], b["leaf"])),
            over & known["won"].eq(True).to_numpy(),  # missing is neither
            over,
            ~there & ~over & (b["created"] < since).to_numpy(),
            ~there & ~over,
            moved,
        ],
        [CORRECTED, WON, LOST, CORRECTED, NEW, MOVED],
        PASSED,
    )
    ratio = (b["amount"] / a["amount"].where(a["amount"] > 0)).to_numpy(dtype=np.float64)
    told["ratio"] = np.where(there & np.isfinite(ratio) & _same(a["leaf"], b["leaf"]), ratio, 1.0)
    return told.reset_index(drop=True)


def _of_contracts(company: Company, before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """One row per contract of either night: ``kind, key, cause``.

    One that ended with successors (``features.labels.churn``) grew or shrank: what all brought is laid to expansion where
    the successors bring as much or more, to churn where they bring less.
    """
    old, new = (_firsts(rows, "contract") for rows in (before, after))
    table = contracts(company).set_index("subscription_id")
    keys = old.index.union(new.index)
    known = table.reindex(keys)
    began, ended = known["started"] >= since, known["ended"] >= since
    corrected = (
        known["mrr"].isna()
        | (keys.isin(old.index) & began)
        | (~keys.isin(old.index) & ~began & ~ended)
        | (known["ended"] < since)
        | ~(_same(old["mrr"].reindex(keys), known["mrr"]) | ~keys.isin(old.index))
        | (keys.isin(old.index) & keys.isin(new.index) & ~_same(old["leaf"].reindex(keys), new["leaf"].reindex(keys)))
    )
    follows = _successors(
        company, set(table.index[table["started"] >= since]), set(table.index[table["ended"] >= since])
    )
    closed = closed_deals(company)
    winners = set(closed.loc[closed["won"].astype(bool) & (closed["closed"] >= since), "account_id"])
    grew = pd.Series(keys.map(follows), index=keys, dtype=object)
    cause = np.select(
        [corrected, grew.notna(), ended, began & known["account_id"].isin(winners), began],
        [CORRECTED, grew.fillna(""), CHURNED, WON, NEW],
        PASSED,
    )
    return pd.DataFrame({"kind": "contract", "key": keys, "cause": cause})


def _successors(company: Company, begun: set[str], ended: set[str]) -> dict[str, str]:
    """By contract that took another's place, or gave it up: whether that was growth or the opposite, by what all of
    its account and kin brought together that did so."""
    frame: pd.DataFrame = successors(company).order_by("subscription_id", "next_id").execute()
    pairs = frame[frame["subscription_id"].isin(ended) & frame["next_id"].isin(begun)]
    told: dict[str, str] = {}
    for _, each in pairs.groupby(["account_id", "kin"]):
        before = each.drop_duplicates("subscription_id").set_index("subscription_id")["mrr"]
        after = each.drop_duplicates("next_id").set_index("next_id")["next_mrr"]
        cause = EXPANDED if after.sum() >= before.sum() else CHURNED
        told |= dict.fromkeys([*before.index, *after.index], cause)
    return told


def _firsts(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One row per atom of a kind, by its key."""
    return rows[rows["kind"] == kind].drop_duplicates("key").set_index("key")


def _same(one: pd.Series, other: pd.Series) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    return np.asarray(
        (one.to_numpy() == other.to_numpy()) | (one.isna().to_numpy() & other.isna().to_numpy()), dtype=bool
    )


def _evidence(moves: pd.DataFrame) -> dict[tuple[str, Any, str], str]:
    """By node, month and cause: how many deals or contracts, and those that moved most."""
    whole = moves.assign(amount=moves["earned"] + moves["ahead"], size=(moves["earned"] + moves["ahead"]).abs())
    both = pd.concat([whole, whole.assign(leaf="total")]).sort_values(["size", "key"], ascending=[False, True])
    by = ["leaf", "month", "cause"]
    counts = both.groupby(by, sort=False)["key"].nunique()
    first = both[both.groupby(by, sort=False).cumcount() < NAMED]
    says = [f"{key} {amount:+,.0f}" for key, amount in zip(first["key"], first["amount"], strict=True)]
    named = first.assign(says=says).groupby(by, sort=False)["says"].agg(", ".join)
    ends = np.where(counts.reindex(named.index).to_numpy() > NAMED, ", …", "")
    sentences = [
        f"{n} of them: {who}{end}" for n, who, end in zip(counts.reindex(named.index), named, ends, strict=True)
    ]
    return dict(zip(named.index.to_list(), sentences, strict=True))
