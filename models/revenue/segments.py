"""The small cells of a number: every place where something is sold or may be, and what is known to come there."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from features.company import Company
from features.revenue.dimensions import PLACES, TREES, node_of
from models.revenue.cash_flows import Atoms
from models.revenue.period_grid import Pieces
from models.revenue.top_down import MAIN

YEAR_DAYS = 365


def summed(values: Floats, code: Ints, count: int) -> Floats:
    """Sums of the rows of values by a code for each, ``count`` in all."""
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, code, values)
    return sums


@dataclass(frozen=True)
class Sites:
    """Every place where something is sold or may be: ``table`` holds its columns, ``node`` its nodes by level, and
    ``leaf`` the place of its market among ``leaves``."""

    table: pd.DataFrame
    nodes: dict[str, pd.Series]
    leaves: tuple[str, ...]
    leaf: Ints
    lowest: dict[str, str]
    """The lowest level of each hierarchy that is known."""

    @classmethod
    def of(cls, outlook: pd.DataFrame, *tables: pd.DataFrame) -> "Sites":
        """The places of any of some tables; levels are those of which the outlook knows a node."""
        every = pd.concat([table[list(PLACES)] for table in tables], ignore_index=True).drop_duplicates()
        every = every.sort_values(list(PLACES), ignore_index=True)
        nodes = {"total": pd.Series("total", index=every.index, dtype=object)}
        lowest: dict[str, str] = {}
        for tree, levels in TREES.items():
            known = set(outlook.loc[outlook["tree"] == tree, "level"])
            outer: pd.Series | None = None
            for level in levels:
                if level in known:
                    wholes = [None] * len(every) if outer is None else outer
                    pairs = zip(wholes, every[level], strict=True)
                    nodes[level] = pd.Series([node_of(level, whole, name) for whole, name in pairs], dtype=object)
                    lowest[tree] = level
                outer = every[level]
        market = nodes[lowest[MAIN]] if MAIN in lowest else pd.Series("all", index=every.index, dtype=object)
        order = np.argsort(market.to_numpy(dtype=str), kind="stable")
        every, market = every.iloc[order].reset_index(drop=True), market.iloc[order].reset_index(drop=True)
        nodes = {level: names.iloc[order].reset_index(drop=True) for level, names in nodes.items()}
        code, leaves = pd.factorize(market, sort=True)
        return cls(every, nodes, tuple(map(str, leaves)), code.astype(np.int64), lowest)

    def place_of(self, rows: pd.DataFrame) -> Ints:
        """The place of each row."""
        joined = rows[list(PLACES)].merge(self.table.reset_index(names="place"), how="left", on=list(PLACES))
        return joined["place"].to_numpy(dtype=np.int64)

    def by_leaf(self, values: Floats) -> Floats:
        """Leaves × …: sums of places."""
        return summed(values, self.leaf, len(self.leaves))


@dataclass(frozen=True)
class Cells:
    """Ints × pieces: what atoms bring by part (ahead), what contracts and orders have earned; and of each place the
    orders of a year and the monthly amount of contracts that run."""

    atoms: Atoms
    place: Ints
    earned_by_atom: Floats
    parts: dict[str, Floats]
    recurring: Floats
    orders: Floats
    year: Floats
    running: Floats

    @classmethod
    def of(
        cls,
        places: Sites,
        atoms: Atoms,
        earned: Floats,
        orders: pd.DataFrame,
        pieces: Pieces,
        company: Company,
    ) -> "Cells":
        """The cells of places, from atoms and what they earned, and orders by day."""
        place, count = places.place_of(atoms.rows), len(places.table)
        of_orders = places.place_of(orders)
        amounts = orders["amount"].to_numpy(dtype=np.float64)
        piece = pieces.place_of(orders["day"])
        sold = np.zeros((count, len(pieces.days)))
        now = piece >= 0
        np.add.at(sold, (of_orders[now], piece[now]), amounts[now])
        recent = (orders["day"] >= pd.Timestamp(company.as_of) - pd.Timedelta(days=YEAR_DAYS)).to_numpy()
        year = np.zeros(count)
        np.add.at(year, of_orders[recent], amounts[recent])
        mrr = np.nan_to_num(atoms.rows.get("mrr", pd.Series(0.0, index=atoms.rows.index)).to_numpy(dtype=np.float64))
        mrr = np.where(atoms.full.any(axis=1), mrr, 0.0)
        parts = {name: summed(getattr(atoms, name), place, count) for name in ("recurring", "expansion", "open_deals")}
        monthly = summed(np.asarray(mrr, dtype=np.float64), place, count)
        return cls(atoms, place, earned, parts, summed(earned, place, count), sold, np.maximum(year, 0.0), monthly)

    @property
    def ahead(self) -> Floats:
        """What all atoms bring, by place and piece."""
        return self.parts["recurring"] + self.parts["expansion"] + self.parts["open_deals"]
