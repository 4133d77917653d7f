"""Weights of a pool's members for each series, from what each missed in the backtest, shrunk towards equal ones.

A series tells little about which member suits it: a handful of origins, their errors alike. All series of a table
together tell more. So each member's miss on a series is blended with its miss on all of them, weights fall with a power
of that blend, and both the power and the blend are those that did best where they were not estimated: weights of other
origins, or of other series, are tried on each (Smith & Wallis 2009 on why equal weights are hard to beat; Montero-Manso
et al. 2020 on learning them over many series).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.arrays import Floats

Rule = Literal["middle", "mean", "median"]
RULES: tuple[Rule, ...] = ("middle", "mean", "median")
"""The middle lies halfway between the weighted mean and the weighted median: a mean of all that hardly heeds who is far
off. It is what is done unless another is shown to do better."""

BLENDS = (0.0, 0.25, 0.5)
"""How far a series' own misses count; the rest is what all series missed."""
POWERS = (0.0, 1.0, 2.0, 4.0)
"""How fast weights fall with the miss; 0 is equal weights."""
WORTH = 0.005
"""What a rule must save, as a share of the miss of equal weights, before it is preferred to them."""
PLAIN_BEATS = 0.03
"""A plain forecast that missed less than the pool's by this share over its series is shipped in its stead."""
FEWEST_MEMBERS = 3
LEAST_GAIN = 0.002
TINY = 1e-9


@dataclass(frozen=True)
class Weights:
    """``values``: series × members, rows that sum to 1; ``rule`` is how members are put together under them."""

    values: Floats
    rule: Rule
    blend: float
    power: float

    def combine(self, said: Floats) -> Floats:
        """One forecast of the members' (members × series × …); who said nothing lends its weight to others."""
        spread = self.values.T.reshape(said.shape[:2] + (1,) * (said.ndim - 2))
        return combined(said, np.broadcast_to(spread, said.shape), self.rule)


def combined(said: Floats, weights: Floats, rule: Rule) -> Floats:
    """The weighted mean, median or middle over the first axis, without NaN; NaN where nothing was said."""
    known = ~np.isnan(said)
    held = np.where(known, weights, 0.0)
    whole = held.sum(axis=0)
    held = np.where(whole > 0, held, np.where(known, 1.0, 0.0))  # only members without weight spoke: equally
    whole = held.sum(axis=0)
    if rule == "median":
        return _median(said, known, held, whole)
    summed = (held * np.where(known, said, 0.0)).sum(axis=0)
    means: Floats = np.divide(summed, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return means if rule == "mean" else (means + _median(said, known, held, whole)) / 2


def _median(said: Floats, known: NDArray[np.bool_], held: Floats, whole: Floats) -> Floats:
    """The value at half of the weight, between the two that lie about it."""
    order = np.argsort(np.where(known, said, np.inf), axis=0)
    sorted_said = np.take_along_axis(np.where(known, said, 0.0), order, axis=0)
    sorted_held = np.take_along_axis(held, order, axis=0)
    middle = (np.cumsum(sorted_held, axis=0) - sorted_held / 2) / np.where(whole > 0, whole, 1.0)
    below = np.clip((middle <= 0.5).sum(axis=0) - 1, 0, None)[None]
    above = np.minimum(below + 1, np.maximum(known.sum(axis=0) - 1, 0)[None])
    at_below, at_above = (np.take_along_axis(middle, place, axis=0) for place in (below, above))
    low, high = (np.take_along_axis(sorted_said, place, axis=0) for place in (below, above))
    gap = at_above - at_below
    share = np.divide(0.5 - at_below, gap, out=np.zeros_like(gap), where=gap > 0)
    medians = (low + np.clip(share, 0.0, 1.0) * (high - low))[0]
    return np.where(known.any(axis=0), medians, np.nan)


def fit_weights(said: Floats, came: Floats, backs: Sequence[int]) -> Weights:
    """The weights and rule of members (members × series × origins × steps) by what came (series × origins × steps);
    ``backs`` are periods from each origin to the end.

    Both are in units of each series' usual change, so that series count alike; NaN where nothing came. A rule is tried
    where its weights were not learnt: on each origin by what others missed in periods that it does not foresee; where
    that leaves nothing (all is seen from one), on each half of the series by the other. There a series' own misses
    count for nothing: neighbouring steps of one forecast miss alike, and would vouch for each other. The middle of all
    alike is kept unless a rule saves ``WORTH``.
    """
    with np.errstate(invalid="ignore"):
        missed = np.abs(said - came)
    parts = _parts(missed, backs)
    own = BLENDS[:1] if all(part.others for part in parts) else BLENDS
    best: tuple[float, Rule, float, float] = (_miss_of("middle", 0.0, 0.0, said, came, parts), "middle", 0.0, 0.0)
    for rule in RULES:
        for blend in own:
            for power in POWERS:
                if power == 0.0 and blend > 0.0:
                    continue
                miss = _miss_of(rule, blend, power, said, came, parts)
                if miss < best[0] * (1 - WORTH):
                    best = (miss, rule, blend, power)
    _, kept, blend, power = best
    every = missed.reshape(*missed.shape[:2], -1)
    return Weights(_weights(every, blend, power), kept, blend, power)


def judged_apart(found: Weights, said: Floats, came: Floats, backs: Sequence[int]) -> Floats:
    """Series × origins × steps: what the rule says with weights that were learnt elsewhere, as ``learn`` tries it. What
    it misses so is what it will miss; by the found weights it would miss less, having learnt from what it is held to.
    """
    told = found.combine(said)
    with np.errstate(invalid="ignore"):
        parts = _parts(np.abs(said - came), backs)
    for part in parts:
        told[np.ix_(part.series, part.origins)] = part.said(found.rule, found.blend, found.power, said)
    return told


def useful(said: Floats, came: Floats, names: Sequence[str]) -> tuple[list[int], dict[str, str]]:
    """Places of the members that a combination is better with, and why each other is left out.

    Backward: as long as the middle of the rest misses less without one, the worst one goes. By how much it must be
    less falls with the number of series, since a few of them tell little; ``FEWEST_MEMBERS`` are always kept.
    """
    gain = 1 - max(LEAST_GAIN, 0.05 / np.sqrt(max(1, said.shape[1])))
    kept = list(range(len(names)))
    why: dict[str, str] = {}

    now = miss(said, came, kept)
    while len(kept) > FEWEST_MEMBERS:
        without = {place: miss(said, came, [other for other in kept if other != place]) for place in kept}
        place = min(without, key=lambda key: without[key])
        if without[place] >= now * gain:
            break
        why[names[place]] = f"the pool misses {100 * (now / max(without[place], TINY) - 1):.1f} % more with it"
        now = without[place]
        kept.remove(place)
    return kept, why


def miss(said: Floats, came: Floats, places: Sequence[int]) -> float:
    """Mean miss of the middle of some members, all alike."""
    together = combined(said[list(places)], np.ones_like(said[list(places)]), RULES[0])
    return float(np.nanmean(np.abs(together - came)))


def plain_wins(missed: Floats, plain: Floats) -> NDArray[np.bool_]:
    """Series (series × origins × steps of misses) for which the plain forecast missed less by more than chance would
    have it. Seen from one origin it may have been lucky once: two or more are asked.

    Its mean advantage over the cells, in units of the pool's miss, must exceed ``PLAIN_BEATS`` and twice its standard
    error, counting four neighbouring cells as one, since their errors are alike.
    """
    several = (~np.isnan(missed - plain)).any(axis=2).sum(axis=1) > 1
    missed, plain = (part.reshape(len(part), -1) for part in (missed, plain))
    saved = missed - plain
    cells = (~np.isnan(saved)).sum(axis=1)
    mean = np.divide(np.nansum(saved, axis=1), cells, out=np.zeros(len(saved)), where=cells > 0)
    whole = np.divide(np.nansum(missed, axis=1), cells, out=np.zeros(len(saved)), where=cells > 0)
    apart = np.where(np.isnan(saved), 0.0, saved - mean[:, None])
    error = np.sqrt((apart**2).sum(axis=1) / np.maximum(cells - 1, 1) / np.maximum(cells / 4, 1))
    wins: NDArray[np.bool_] = several & (cells >= 4) & (mean > PLAIN_BEATS * whole) & (mean > 2 * error)
    return wins


@dataclass(frozen=True)
class _Part:
    """Series and origins that a rule is tried on, and misses (members × series × cells) from elsewhere to learn its
    weights from: of the same series, or of ``others``."""

    series: NDArray[np.intp]
    origins: NDArray[np.intp]
    learnt: Floats
    others: bool

    def of(self, values: Floats) -> Floats:
        """The part of values that end with series × origins × steps."""
        return values[..., self.series, :, :][..., self.origins, :]

    def said(self, rule: Rule, blend: float, power: float, said: Floats) -> Floats:
        """What the rule says of the part."""
        weights = _weights(self.learnt, 0.0 if self.others else blend, power)
        if self.others:  # where a series' own misses count for nothing, all have the same weights
            weights = np.tile(weights[:1], (len(self.series), 1))
        return Weights(weights, rule, blend, power).combine(self.of(said))


def foreseen_elsewhere(backs: Sequence[int], steps: int) -> NDArray[np.bool_]:
    """Origins × origins × steps: for each origin, the cells of others whose period it does not foresee itself."""
    ends = np.array(backs)
    periods = np.arange(steps)[None, :] - ends[:, None]
    first, last = -ends[:, None, None], steps - 1 - ends[:, None, None]
    elsewhere: NDArray[np.bool_] = (periods[None] < first) | (periods[None] > last)
    return elsewhere


def _parts(missed: Floats, backs: Sequence[int]) -> list[_Part]:
    """What rules are tried on, apart from what their weights are learnt from.

    An origin by others, as far as these foresee other periods; origins of which that leaves nothing, on each half of
    the series by the other half.
    """
    members, series, _, steps = missed.shape
    every = np.arange(series)
    apart = foreseen_elsewhere(backs, steps)
    parts, alone = [], []
    for origin in np.flatnonzero(~np.isnan(missed).all(axis=(0, 1, 3))):
        learnt = np.where(apart[origin], missed, np.nan).reshape(members, series, -1)
        if np.isnan(learnt).all():
            alone.append(origin)
        else:
            parts.append(_Part(every, np.array([origin]), learnt, others=False))
    for half in (every[::2], every[1::2]):
        learnt = missed[:, np.setdiff1d(every, half)]
        if alone and len(half) and learnt.size and not np.isnan(learnt).all():
            parts.append(_Part(half, np.array(alone), learnt.reshape(members, learnt.shape[1], -1), others=True))
    return parts


def _miss_of(rule: Rule, blend: float, power: float, said: Floats, came: Floats, parts: Sequence[_Part]) -> float:
    """Mean miss of a rule on cells that its weights were not learnt from."""
    total, count = 0.0, 0
    for part in parts:
        errors = np.abs(part.said(rule, blend, power, said) - part.of(came))
        total += float(np.nansum(errors))
        count += int((~np.isnan(errors)).sum())
    return total / max(count, 1)


def _weights(missed: Floats, blend: float, power: float) -> Floats:
    """Series × members: weights that fall with a power of the blended log miss; 0 of a member that said nothing."""
    said = ~np.isnan(missed)
    counts = said.sum(axis=2)
    own = np.divide(np.nansum(missed, axis=2), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    own = np.log(np.maximum(own, TINY))
    own -= _nanmean(own, axis=0)  # a series that all members miss is no worse for any of them
    every = np.where(said.any(axis=(1, 2)), _nanmean(own, axis=1), np.nan)[:, None]
    blended = np.where(np.isnan(own), every, blend * np.nan_to_num(own) + (1 - blend) * every)
    raw = np.where(np.isnan(blended), 0.0, np.exp(-power * np.nan_to_num(blended)))
    weights: Floats = (raw / np.maximum(raw.sum(axis=0), TINY)).T
    return weights


def _nanmean(values: Floats, axis: int) -> Floats:
    counts = (~np.isnan(values)).sum(axis=axis)
    sums = np.asarray(np.nansum(values, axis=axis), dtype=np.float64)
    means: Floats = np.divide(sums, counts, out=np.zeros(counts.shape), where=counts > 0)
    return means
