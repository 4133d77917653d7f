"""Whether a challenger takes the place: it must beat the best champion there ever was, by more than noise.

Whoever has been champion, on today's features and without knowing what came later, is judged on the rows that judge
the challenger: the current champion, and the best former ones by what they were recorded with. Age is no reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import Floats
from models.model import EQUAL, Champion, Evaluation

MOST_FORMER = 2
"""So many former champions compete beside the current one: each is judged anew, which takes time."""

SURE = 0.95
"""How often a challenger's mean loss must be the lower one, over resampled rows, before it takes the place."""

RESAMPLES = 2000
MOST_DRAWN = 50_000_000
MOST_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Rival:
    """A version that was champion, and how what it ships did on the challenger's judged rows, in their order.

    A loss of NaN marks a row that the version has learnt from, which does not count. A version of the challenger's own
    date and data is judged by what was recorded when it was made.
    """

    champion: Champion
    judgement: Evaluation

    @property
    def name(self) -> str:
        """As people read it: v3."""
        return f"v{self.champion.version}"


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger takes the place, and why, in a sentence. ``stays`` is the version that scores if not."""

    promoted: bool
    why: str
    stays: Champion | None = None


@dataclass(frozen=True)
class Duel:
    """Two versions on the same rows: the mean gain of the second over the first (positive: it has the lower loss), its
    95 % interval, and the share of resamples in which it is better."""

    rows: int
    gain: float
    low: float
    high: float
    wins: float


def settle(challenger: Evaluation, rivals: Sequence[Rival]) -> Verdict:
    """Whether the challenger should score from now on. ``rivals``: the current champion first, then former ones.

    Each rival must be beaten on the rows that it has not learnt from; the hardest to beat is told. A current champion
    that learnt from every judged row cannot be beaten on them, and stays; such a former one is no hindrance.
    """
    if not rivals:
        return Verdict(True, "no earlier version can score this date on today's features")
    current = rivals[0]
    if np.isnan(current.judgement.losses).all():
        why = f"the champion stays: {current.name} has learnt from every row on which they could be compared"
        return Verdict(False, why, current.champion)
    known = [rival for rival in rivals if not np.isnan(rival.judgement.losses).all()]
    duels = [duel(np.array(rival.judgement.losses), np.array(challenger.shipped)) for rival in known]
    hardest = min(range(len(known)), key=lambda place: (duels[place].wins, duels[place].gain))
    rival, found = known[hardest], duels[hardest]
    former = "" if rival is current else f" (once champion, harder to beat here than {current.name})"
    odds = f"lower loss than {rival.name}{former} in {found.wins:.0%} of resamples over {found.rows:,} rows"
    if found.wins >= SURE:
        return Verdict(True, f"the challenger is better: {odds}")
    why = f"the champion stays: the challenger has the {odds}, {SURE:.0%} are asked for"
    return Verdict(False, why, current.champion)


def duel(first: Floats, second: Floats) -> Duel:
    """Paired bootstrap over judged rows (Efron and Tibshirani, 1993); rows with a loss of NaN do not count.

    Raises ``ValueError`` for versions that were judged on different rows.
    """
    if len(first) != len(second):
        raise ValueError(f"judged on different rows: {len(second)} for the challenger, {len(first)} before")
    gain = (first - second)[~np.isnan(first) & ~np.isnan(second)]
    if not len(gain):
        raise ValueError("no row was judged that neither version has learnt from")
    times = int(np.clip(MOST_DRAWN // len(gain), 200, RESAMPLES))
    rng = np.random.default_rng(0)
    chunk = max(1, MOST_AT_ONCE // len(gain))
    sizes = [min(chunk, times - done) for done in range(0, times, chunk)]
    means = np.concatenate([gain[rng.integers(0, len(gain), (size, len(gain)))].mean(axis=1) for size in sizes])
    low, high = np.quantile(means, [0.025, 0.975])
    return Duel(len(gain), float(gain.mean()), float(low), float(high), float(np.mean(means > EQUAL)))
