"""Which deals of the past are learnt from and which judge: later dates; deals left out, in a past too thin for that."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.model import Abstention

HORIZON_DAYS = 90
FEWEST_OF_EACH = 20
"""Fewer deals won, or lost, carry no probability that is worth money."""
JUDGED_OF_EACH = 10
MOST_JUDGED = 3
"""The judged part is three dates, or fewer in a short past: one date has its own season and luck."""
DEAL_FOLDS = 5

OUTCOME = f"were won within {HORIZON_DAYS} days"


@dataclass(frozen=True)
class Part:
    """Rows to learn from, as they were known when the rows to be judged were to come, and those."""

    learnt: pd.DataFrame
    judged: pd.DataFrame


@dataclass(frozen=True)
class Split:
    """The parts of a past, and how a person would say what was judged."""

    parts: tuple[Part, ...]
    says: str
    thin: bool = False
    """Too short or small a past to judge later dates: trees stay unproven, and pooled rates ship."""

    @property
    def judged(self) -> pd.DataFrame:
        """Rows that are judged, in the order of the parts."""
        return pd.concat([part.judged for part in self.parts])


def split(rows: pd.DataFrame) -> Split | Abstention:
    """What is learnt from and judged: later dates; deals, in a past too thin for that; or what the past lacks."""
    over = ends(rows) if len(rows) else (0, 0)
    if min(over) < FEWEST_OF_EACH:
        return Abstention(
            "win",
            f"needs {FEWEST_OF_EACH} deals that were open at past dates and were won, and {FEWEST_OF_EACH} that were"
            f" lost; found {over[0]} won and {over[1]} lost",
        )
    told = rows[rows["seen_days"] >= HORIZON_DAYS]
    days = sorted(told["as_of"].unique())
    for judged in range(min(MOST_JUDGED, len(days) // 3), 0, -1):
        dates = days[-judged:]
        part = Part(_known_at(rows, dates[0]), told[told["as_of"].isin(dates)])
        if min(ends(part.learnt)) >= FEWEST_OF_EACH and of_each(part.judged) >= JUDGED_OF_EACH:
            return Split((part,), ", ".join(map(str, dates)))
    parts = tuple(_by_deal(rows, told))
    if sum(len(part.judged) for part in parts) and of_each(told) >= JUDGED_OF_EACH:
        return Split(parts, f"{len(days)} past dates, on deals left out", thin=True)
    return Abstention(
        "win",
        f"needs {JUDGED_OF_EACH} deals at dates {HORIZON_DAYS} days past that {OUTCOME}, and {JUDGED_OF_EACH} that did"
        f" not, to be judged on; found {int(won_within(told).sum())} and {int(len(told) - won_within(told).sum())}",
    )


def _known_at(rows: pd.DataFrame, day: date) -> pd.DataFrame:
    """The rows of dates before a day, as they were known on it."""
    past = rows[rows["as_of"] < day]
    seen = np.array([(day - then).days for then in past["as_of"]], dtype=np.float64)
    over = (past["days"] <= seen).to_numpy()
    return past.assign(seen_days=seen, days=past["days"].where(over), won=past["won"].to_numpy() & over)


def _by_deal(rows: pd.DataFrame, told: pd.DataFrame) -> Iterator[Part]:
    """Every fifth deal judged by the others; a deal's fold is that of its key, whatever else there is."""
    fold = {key: int(sha256(str(key).encode()).hexdigest(), 16) % DEAL_FOLDS for key in rows["opportunity_id"].unique()}
    whose = rows["opportunity_id"].map(fold)
    for nth in range(DEAL_FOLDS):
        judged = told[told["opportunity_id"].map(fold) == nth]
        learnt = rows[whose != nth]
        if len(judged) and min(ends(learnt)) > 0:
            yield Part(learnt, judged)


def won_within(rows: pd.DataFrame) -> Floats:
    """1 where the deal was won within the horizon."""
    return np.asarray(rows["won"] & (rows["days"] < HORIZON_DAYS), dtype=np.float64)


def of_each(rows: pd.DataFrame) -> int:
    """Rows of the rarer outcome."""
    won = int(won_within(rows).sum())
    return min(won, len(rows) - won)


def ends(rows: pd.DataFrame) -> tuple[int, int]:
    """Deals won, and lost, of those that are over."""
    over = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    return int(over["won"].sum()), int((~over["won"]).sum())
