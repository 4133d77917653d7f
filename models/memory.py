"""How fast the past fades: what is asked of rows that come in order of time, where the world changes under them.

A half-life, columns that tell the time rather than the row, and a level that moves: all are settled by what later rows
lost when they were predicted by earlier ones.
"""

from dataclasses import replace

import numpy as np

from models.blend import Lines, Numbers, Parts, Rows, fit_linear, levels, loss, remembered, too_little
from models.columns import Columns

FADES = (0.25, 0.0625)
"""Half-lives that are tried, as shares of the time that the rows cover; and no fading."""

LATER_PARTS = 5
TELLS_TIME = 0.6
"""A column is about the time where its shares in the earlier and the later half of rows lie this far apart (of 1)."""

MOST_TO_CHOOSE = 6_000
"""Rows that each half-life is tried on, drawn by chance from more."""

TRIED_AT = 0.05
FEW = 50
"""A part with so many rows has half a say on the level."""


def later_parts(lines: Lines, times: Numbers) -> Parts:
    """Rows before each of the last few parts, and the part; none where too little is known before them. Times that are
    equal are never parted.
    """
    known, counts = np.unique(times, return_counts=True)
    if len(known) <= 10 * LATER_PARTS:
        starts = known[max(1, len(known) - LATER_PARTS) :]
    else:
        shares = np.linspace(0.5, 1, LATER_PARTS + 1)[:-1]
        starts = np.unique(known[np.searchsorted(np.cumsum(counts) / counts.sum(), shares)])
    ends = [*starts[1:], np.inf]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        before, part = np.flatnonzero(times < start), np.flatnonzero((times >= start) & (times < end))
        if too_little(lines.at(before)) is None:
            parts.append((before, part))
    return parts


def choose_memory(lines: Lines, times: Numbers, parts: Parts) -> tuple[Lines, float | None]:
    """The rows with the columns and the fading weights that lose least on later parts, and the half-life.

    Each is tried as it would be used: a linear model, its level put right by the parts before.
    """
    span = float(np.ptp(times))
    best: tuple[float, Lines, float | None] | None = None
    for read in [lines, *_timeless(lines, times)]:
        for half_life in [None, *(share * span for share in FADES if span > 0)]:
            faded = read
            if half_life is not None:
                faded = replace(read, weights=read.weights * 0.5 ** ((times.max() - times) / half_life))
            lost = _loss_as_used(faded, parts)
            if best is None or lost < best[0]:
                best = lost, faded, half_life
    assert best is not None
    return best[1], best[2]


def level_now(odds: Numbers, lines: Lines, parts: list[Rows]) -> float:
    """What must be added to log-odds of what comes next: the mean of what parts needed, each twice as much as the one
    before it. ``odds``: of the rows of all ``parts``, in order.
    """
    rows = np.concatenate(parts)
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    counts = np.array([len(one) for one in parts], dtype=np.float64)
    say = 0.5 ** np.arange(len(parts))[::-1] * counts / (counts + FEW)
    return float(np.average(levels(odds, lines.outcomes[rows], np.ones(len(rows)), part), weights=say))


def _timeless(lines: Lines, times: Numbers) -> list[Lines]:
    """The rows without the columns that tell the time; nothing where there are none, or no others."""
    early = times <= np.median(times)
    tell = [_apart(column[early], column[~early]) >= TELLS_TIME for column in lines.matrix.T] if (~early).any() else []
    if not any(tell) or all(tell):
        return []
    names = [*lines.columns.numbers, *lines.columns.categories]
    why = {name: "tells the time more than the row" for name, tells in zip(names, tell, strict=True) if tells}
    columns = Columns(
        tuple(name for name in lines.columns.numbers if name not in why),
        {name: values for name, values in lines.columns.categories.items() if name not in why},
        why,
    )
    return [replace(lines, columns=columns, matrix=lines.matrix[:, ~np.array(tell)])]


def _apart(early: Numbers, late: Numbers) -> float:
    """How far apart the shares of values are that lie below any bound: Kolmogorov and Smirnov's distance."""
    early, late = (np.sort(np.nan_to_num(part, nan=-np.inf)) for part in (early, late))
    bounds = np.unique(np.concatenate([early, late]))
    shares = [np.searchsorted(part, bounds, side="right") / len(part) for part in (early, late)]
    return float(np.abs(shares[0] - shares[1]).max())


def _loss_as_used(lines: Lines, parts: Parts) -> float:
    """Mean log loss on later parts of a linear model whose level comes of the parts before; the first has none."""
    draw = np.random.default_rng(lines.seed)
    odds: list[Numbers] = []
    lost: list[float] = []
    for at, (train, test) in enumerate(parts):
        known = remembered(lines.at(train))
        if len(known.outcomes) > MOST_TO_CHOOSE:
            known = known.at(np.sort(draw.choice(len(known.outcomes), MOST_TO_CHOOSE, replace=False)))
        if too_little(known) is not None:
            return float("inf")
        said = fit_linear(known, TRIED_AT).decision_function(lines.matrix[test])
        level = level_now(np.concatenate(odds), lines, [rows for _, rows in parts[:at]]) if at else 0.0
        if at or len(parts) == 1:
            lost.append(len(test) / (len(test) + FEW) * loss(said + level, lines.outcomes[test], np.ones(len(test))))
        odds.append(said)
    return float(np.mean(lost))
