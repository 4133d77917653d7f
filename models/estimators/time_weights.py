"""How fast the past fades: what is asked of rows that come in order of time, where the world changes under them.

A half-life, columns that tell the time rather than the row, and a level that moves: all are settled by what later rows
lost when they were predicted by earlier ones.
"""

from dataclasses import replace

import numpy as np

from data.arrays import Floats, Ints
from models.estimators.binary_blend import Lines, Parts, fit_linear, levels, loss, remembered, too_little
from models.estimators.column_encoding import Columns

FADES = (0.5, 0.25)
"""Half-lives that are tried, as shares of the time that the rows cover; and no fading."""

LATER_PARTS = 4
TELLS_TIME = 0.6
"""A column is about the time where its shares in the earlier and the later half of rows lie this far apart (of 1)."""

MOST_TO_CHOOSE = 4_000
"""Ints that each half-life is tried on, drawn by chance from more."""

TRIED_AT = 0.05
FEW = 100
SHARE_OF_FEW = 0.02
MANY_TIMES = 50
"""With fewer distinct times parts are some of these each; with more, the later half of rows in equal parts."""

CARRIED = (0.5, 1.0)
"""How much of a level that was missed is carried on."""


def later_parts(lines: Lines, times: Floats) -> Parts:
    """Ints before each of the last few parts, and the part; none where too little is known before them. Times that are
    equal are never parted, and parts hold enough rows to tell skill from chance.
    """
    known, counts = np.unique(times, return_counts=True)
    fewest = max(FEW, len(times) * (SHARE_OF_FEW if len(known) <= MANY_TIMES else 0.5 / LATER_PARTS))
    starts: list[float] = []
    held = 0.0
    for time, count in zip(known[:0:-1], counts[:0:-1], strict=True):
        held += count
        if held >= fewest and len(starts) < LATER_PARTS:
            starts, held = [float(time), *starts], 0.0
    parts = []
    for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
        before, part = np.flatnonzero(times < start), np.flatnonzero((times >= start) & (times < end))
        if too_little(lines.at(before)) is None:
            parts.append((before, part))
    return parts


def choose_memory(lines: Lines, times: Floats, parts: Parts) -> tuple[Lines, float | None]:
    """The rows with the columns and the fading weights that lose least on later parts, and the half-life.

    The whole past and all columns, unless something else loses less by more than parts differ.
    """
    span = float(np.ptp(times))
    plain = _losses(lines, parts)
    best: tuple[float, Lines, float | None] = 0.0, lines, None
    for read in [lines, *_timeless(lines, times)]:
        for half_life in [None, *(share * span for share in FADES if span > 0)]:
            if read is lines and half_life is None:
                continue
            faded = read
            if half_life is not None:
                faded = replace(read, weights=read.weights * 0.5 ** ((times.max() - times) / half_life))
            gains = plain - _losses(faded, parts)
            if _clear(gains) and gains.mean() > best[0]:
                best = float(gains.mean()), faded, half_life
    return best[1], best[2]


def level_to_add(odds: Floats, lines: Lines, parts: list[Ints]) -> float:
    """What to add to log-odds of what comes next: all, half or nothing of what the latest parts needed, whichever would
    have lost least on each part after those before it; nothing unless that is clear. ``odds``: of all ``parts``.
    """
    ends = np.cumsum([len(rows) for rows in parts])
    needed = [
        float(levels(one, lines.outcomes[rows], np.ones(len(rows)), np.zeros(len(rows), dtype=np.intp))[0])
        for one, rows in zip(np.split(odds, ends[:-1]), parts, strict=True)
    ]

    def carried(count: int) -> float:
        return float(np.average(needed[:count], weights=0.5 ** np.arange(count)[::-1]))

    best, most = 0.0, 0.0
    for share in CARRIED:
        gains = []
        for at, (one, rows) in enumerate(zip(np.split(odds, ends[:-1]), parts, strict=True)):
            if at:
                outcomes, alike = lines.outcomes[rows], np.ones(len(rows))
                gains.append(loss(one, outcomes, alike) - loss(one + share * carried(at), outcomes, alike))
        if _clear(np.array(gains)) and np.mean(gains) > most:
            best, most = share, float(np.mean(gains))
    return best * carried(len(parts)) if best else 0.0


def _clear(gains: Floats) -> bool:
    """Whether gains on parts exceed what chance makes of them: their mean is over twice its standard error."""
    return len(gains) > 1 and bool(gains.mean() > 2 * gains.std(ddof=1) / np.sqrt(len(gains)))


def _timeless(lines: Lines, times: Floats) -> list[Lines]:
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


def _apart(early: Floats, late: Floats) -> float:
    """How far apart the shares of values are that lie below any bound: Kolmogorov and Smirnov's distance."""
    early, late = (np.sort(np.nan_to_num(part, nan=-np.inf)) for part in (early, late))
    bounds = np.unique(np.concatenate([early, late]))
    shares = [np.searchsorted(part, bounds, side="right") / len(part) for part in (early, late)]
    return float(np.abs(shares[0] - shares[1]).max())


def _losses(lines: Lines, parts: Parts) -> Floats:
    """Mean log loss of a linear model on each part, learnt from the rows before it; infinite where too few count."""
    draw = np.random.default_rng(lines.seed)
    lost: list[float] = []
    for train, test in parts:
        known = remembered(lines.at(train))
        if len(known.outcomes) > MOST_TO_CHOOSE:
            known = known.at(np.sort(draw.choice(len(known.outcomes), MOST_TO_CHOOSE, replace=False)))
        if too_little(known) is not None:
            lost.append(1e3)
            continue
        said = fit_linear(known, TRIED_AT).decision_function(lines.matrix[test])
        lost.append(loss(said, lines.outcomes[test], np.ones(len(test))))
    return np.array(lost)
