"""What the published number would be if prices, churn, win rates or hiring were others, through its parts.

A calculation on the parts of a night, not a forecast of how customers would answer:

* **price** up by x %: all that is sold from now on brings x % more, and a contract from the end of its term on (at once
  where no term is known, after the month under way);
* **churn** up by x %: each contract's hazard to end is x % higher, and what it would have grown by goes with it;
* **win rate** up by x %: each open deal is x % likelier to be won (never more than surely), and so are deals to come;
* **hiring** up by x %: x % more deals are created from now on; they bring nothing before one sales cycle has passed,
  and all of it after two.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.score_tables import NUMBER_PARTS
from features.revenue.forecast_formula import beside, share_of_repeats

MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True)
class Changes:
    """Per cent by which each is changed; 0 leaves it as it is. Raises ``ValueError`` for less than −100 %."""

    price: float = 0.0
    churn: float = 0.0
    win: float = 0.0
    hiring: float = 0.0

    def __post_init__(self) -> None:
        wrong = [f"{name} {value:g} %" for name, value in vars(self).items() if not -100 <= value <= 1000]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a change lies between -100 and 1000 %")

    @property
    def says(self) -> str:
        """What is changed, for people."""
        told = [f"{name} {value:+g} %" for name, value in vars(self).items() if value]
        return ", ".join(told) or "nothing changed"


def scenario(atoms: pd.DataFrame, grounds: pd.DataFrame, changes: Changes, as_of: date) -> pd.DataFrame:
    """One row per month of the total: ``month, point, changed``, and the change of each of ``NUMBER_PARTS``.

    ``atoms`` and ``grounds`` are what a night's number was made of (``models.revenue.assembly``).
    """
    more = {name: 1 + value / 100 for name, value in vars(changes).items()}
    own = _of_atoms(atoms, more, pd.Timestamp(as_of))
    sums = atoms.groupby(["leaf", "month"])["ahead"].sum()
    index = pd.MultiIndex.from_frame(grounds[["leaf", "month"]])
    told = {name: grounds[name].to_numpy(dtype=np.float64) for name in ("outlook", "repeats", "fresh")}
    by_atoms = sums.reindex(index).fillna(0.0).to_numpy(dtype=np.float64)
    extra = beside(told["outlook"], by_atoms, told["repeats"], told["fresh"], float(grounds["weight"].iloc[0]))
    again = share_of_repeats(told["repeats"], told["fresh"])
    ready = _ready(grounds["month"], float(grounds["cycle"].iloc[0]), pd.Timestamp(as_of))
    of_grounds = pd.DataFrame(
        {
            "month": grounds["month"],
            "new_deals": extra * (1 - again) * (more["win"] * more["price"] * (1 + (more["hiring"] - 1) * ready) - 1),
            "repeat_orders": extra * again * (more["price"] - 1),
        }
    )
    parts = of_grounds.groupby("month").sum().join(own.groupby("month").sum(), how="outer").fillna(0.0)
    point = grounds.groupby("month")["point"].sum()
    rows = parts[list(NUMBER_PARTS)].reindex(point.index).fillna(0.0).round(2)
    return rows.assign(point=point, changed=(point + rows.sum(axis=1)).round(2)).reset_index()


def _of_atoms(atoms: pd.DataFrame, more: dict[str, float], as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per atom and month: by how much its ``recurring``, ``expansion`` and ``open_deals`` change."""
    values = {name: atoms[name].to_numpy(dtype=np.float64) for name in ("recurring", "expansion", "open_deals", "full")}
    contract = (atoms["kind"] == "contract").to_numpy() & (values["full"] > 0)
    stays = np.divide(values["recurring"], values["full"], out=np.ones(len(atoms)), where=contract)
    harder = np.power(np.clip(stays, 0.0, 1.0), more["churn"])
    under_way = atoms["month"].min()
    renews = atoms["term"].fillna(under_way) if len(atoms) else atoms["term"]
    dearer = np.where((atoms["month"] >= renews) & (atoms["month"] > under_way), more["price"], 1.0)
    recurring = np.where(contract, values["full"] * harder * dearer, values["recurring"])
    lost = np.divide(harder, stays, out=np.ones(len(atoms)), where=stays > 0)
    likelier = np.minimum(values["open_deals"] * more["win"], np.maximum(values["full"], values["open_deals"]))
    return pd.DataFrame(
        {
            "month": atoms["month"],
            "recurring": recurring - values["recurring"],
            "expansion": values["expansion"] * (lost * more["price"] - 1),
            "open_deals": likelier * more["price"] - values["open_deals"],
        }
    )


def _ready(months: pd.Series, cycle: float, as_of: pd.Timestamp) -> Floats:
    """How much of what more deals would bring comes in each month: none before one cycle, all after two."""
    middle = (months - as_of).dt.days.to_numpy(dtype=np.float64) + MONTH_DAYS / 2
    share: Floats = np.clip((middle - cycle) / max(cycle, 1.0), 0.0, 1.0)
    return share
