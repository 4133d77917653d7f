"""Whether a challenger is promoted: it must beat every earlier champion on the same test rows, beyond noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.arrays import Floats
from data.statistics import bootstrap_mean
from models.model import ROUNDING_TOLERANCE, Champion, Evaluation

MAX_FORMER_CHAMPIONS = 2
"""Former champions that compete with the current one; each costs an evaluation."""

REQUIRED_WIN_SHARE = 0.95
"""Share of resamples in which a challenger's mean loss must be the lower one."""

MAX_PAIRED_RESAMPLES = 2000
MIN_PAIRED_RESAMPLES = 200
MAX_PAIRED_ROWS = 50_000_000


@dataclass(frozen=True)
class Rival:
    """A version that was champion, with the evaluation of what it ships on the challenger's test rows, in their order.

    Losses of rows that the version was trained on are NaN and do not count.
    """

    champion: Champion
    evaluation: Evaluation

    @property
    def name(self) -> str:
        """The version as shown to people: v3."""
        return f"v{self.champion.version}"

    @property
    def is_comparable(self) -> bool:
        """Whether any test row was unseen in its training."""
        return not np.isnan(self.evaluation.losses).all()


@dataclass(frozen=True)
class PromotionDecision:
    """Whether the challenger is promoted, the reason as a sentence, and the champion that scores if it is not."""

    promoted: bool
    reason: str
    champion: Champion | None = None


@dataclass(frozen=True)
class PairedComparison:
    """Two versions on the same rows: the mean gain of the second over the first (positive: it has the lower loss), its
    95 % interval, and the share of resamples in which the second has the lower loss."""

    rows: int
    gain: float
    low: float
    high: float
    win_share: float


def decide_promotion(challenger: Evaluation, rivals: Sequence[Rival]) -> PromotionDecision:
    """Whether the challenger scores from now on. ``rivals``: the current champion first, then former ones.

    The reason names the rival that is hardest to beat. A current champion that was trained on every test row cannot be
    beaten on them, and stays; such a former champion does not compete.
    """
    if not rivals:
        return PromotionDecision(True, "no earlier version can score this date on today's features")
    current = rivals[0]
    if not current.is_comparable:
        reason = f"the champion stays: {current.name} was trained on every row on which they could be compared"
        return PromotionDecision(False, reason, current.champion)
    comparisons = [
        (rival, compare_losses(np.array(rival.evaluation.losses), np.array(challenger.shipped)))
        for rival in rivals
        if rival.is_comparable
    ]
    rival, comparison = min(comparisons, key=lambda pair: (pair[1].win_share, pair[1].gain))
    former = "" if rival is current else f" (a former champion, harder to beat here than {current.name})"
    result = (
        f"lower loss than {rival.name}{former} in {comparison.win_share:.0%} of resamples over {comparison.rows:,} rows"
    )
    if comparison.win_share >= REQUIRED_WIN_SHARE:
        return PromotionDecision(True, f"the challenger is better: {result}")
    reason = f"the champion stays: the challenger has {result}; {REQUIRED_WIN_SHARE:.0%} are required"
    return PromotionDecision(False, reason, current.champion)


def compare_losses(first: Floats, second: Floats) -> PairedComparison:
    """Paired bootstrap over test rows (Efron and Tibshirani, 1993); rows with a NaN loss do not count.

    Raises ``ValueError`` for versions evaluated on different rows, or without a row that neither was trained on.
    """
    if len(first) != len(second):
        raise ValueError(f"evaluated on different rows: {len(second)} for the challenger, {len(first)} before")
    gains = (first - second)[~np.isnan(first) & ~np.isnan(second)]
    if not len(gains):
        raise ValueError("no test row is left that neither version was trained on")
    n_resamples = int(np.clip(MAX_PAIRED_ROWS // len(gains), MIN_PAIRED_RESAMPLES, MAX_PAIRED_RESAMPLES))
    result = bootstrap_mean(gains, seed=0, n_resamples=n_resamples)
    win_share = float(np.mean(result.resampled > ROUNDING_TOLERANCE))
    return PairedComparison(len(gains), result.mean, result.low, result.high, win_share)
