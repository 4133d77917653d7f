"""How forecasts did in the backtest: the losses that are compared, the widths of intervals, and what these held."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.series import Grain
from models.backtest import Choice, Origin
from models.forecasters import PLAIN
from models.intervals import WIDTHS, fit_widths, half_widths
from models.model import Judgement
from models.panel import HORIZON, Numbers, Panel

YOUNG = "young"
"""Beside the levels: nodes whose year is unknown have intervals of their own, whatever their level."""


def widths_of(past: Sequence[Origin], choices: dict[Grain, Choice]) -> dict[str, Any]:
    """Half-widths by grain, level (and of ``YOUNG`` nodes), per cent and step, from what was missed at all origins."""
    widths: dict[str, Any] = {}
    for grain in dict.fromkeys(origin.panel.grain for origin in past):
        mine = [origin for origin in past if origin.panel.grain == grain]
        errors = _errors(mine, choices.get(grain, {}))
        young = fit_widths({**errors, YOUNG: _young_errors(mine, choices.get(grain, {}))}, HORIZON[grain])[YOUNG]
        widths[grain] = {**fit_widths(errors, HORIZON[grain]), YOUNG: young}
    return widths


def halves(widths: dict[str, Any], panel: Panel, at: int, width: int, steps: int) -> Numbers:
    """Half-widths of an origin's first steps (steps × nodes), in money; a young node's hold its level's."""
    of_level = np.stack([half_widths(widths, level, width, steps) for level in panel.levels], axis=1)
    of_young = half_widths(widths, YOUNG, width, steps)[:, None]
    half: Numbers = np.where(panel.young(at), np.maximum(of_level, of_young), of_level) * panel.scale(at)
    return half


def _young_errors(past: Sequence[Origin], choice: Choice) -> list[tuple[int, Numbers]]:
    """Scaled absolute errors of nodes that had sold for less than a year: pairs of a step and the errors at it."""
    pairs = []
    for origin in past:
        missed = origin.misses(origin.shipped(choice))
        young = origin.panel.young(origin.at) & (origin.panel.age(origin.at) > 0)
        pairs += [(step + 1, missed[step, young]) for step in range(origin.steps)]
    return pairs


def _errors(past: Sequence[Origin], choice: Choice) -> dict[str, list[tuple[int, Numbers]]]:
    """Scaled absolute errors by level: pairs of a step and the errors at it.

    Origins at which the level's chosen way could say nothing yet count only where it never could.
    """
    errors: dict[str, list[tuple[int, Numbers]]] = {level: [] for level in past[0].panel.levels}
    able = {level: [o for o in past if o.able(choice.get(level, PLAIN), level)] or list(past) for level in errors}
    for origin in past:
        losses, levels = origin.losses(origin.shipped(choice)), np.array(origin.panel.levels)
        for level, pairs in errors.items():
            if not any(origin is other for other in able[level]):
                continue
            for step in range(origin.steps):
                at = losses[step, levels == level]
                pairs.append((step + 1, at[~np.isnan(at)]))
    return errors


def _coverage(past: Sequence[Origin], choices: dict[Grain, Choice]) -> dict[str, float]:
    """Share of outcomes within each interval, each origin's widths taken from the other origins only."""
    held: dict[int, list[Numbers]] = {width: [] for width in WIDTHS}
    for origin in past:
        grain = origin.panel.grain
        others = [other for other in past if other.panel.grain == grain and other.at != origin.at]
        if not others:
            continue
        choice = choices.get(grain, {})
        widths = fit_widths(_errors(others, choice), HORIZON[grain])
        losses = origin.losses(origin.shipped(choice))
        for width in WIDTHS:
            half = np.stack([half_widths(widths, level, width, origin.steps) for level in origin.panel.levels], axis=1)
            held[width].append((losses <= half)[~np.isnan(losses)].astype(np.float64))
    return {f"coverage {width}": float(np.concatenate(parts).mean()) for width, parts in held.items() if parts}


def judgement(
    judged: Sequence[tuple[Origin, Numbers]],
    past: Sequence[Origin],
    choices: dict[Grain, Choice],
    learnt: pd.Timestamp | None = None,
) -> Judgement:
    """Losses of what was shipped and of the plain forecasts, cell by cell; every level counts alike.

    Cells of periods that were over at ``learnt`` have a loss of NaN.
    """
    losses, plain = [], []
    metrics: dict[str, float] = {}
    for origin, said in judged:
        weights, cells = origin.weights(), origin.judged
        mine = origin.losses(said) * weights
        if learnt is not None:
            frequency = pd.Timedelta(days=7) if origin.panel.grain == "week" else pd.offsets.MonthBegin(1)
            seen = origin.panel.future(origin.at, origin.steps) + frequency <= learnt
            mine[np.asarray(seen)] = np.nan
        losses.append(mine[cells])
        plain.append((origin.losses(origin.shipped({})) * weights)[cells])
    for grain in dict.fromkeys(origin.panel.grain for origin, _ in judged):
        pairs = [(origin, said) for origin, said in judged if origin.panel.grain == grain]
        for name, forecasts in (("", [s for _, s in pairs]), ("baseline ", [o.shipped({}) for o, _ in pairs])):
            missed = sum(float(np.abs(s - o.actual)[:, 0].sum()) for (o, _), s in zip(pairs, forecasts, strict=True))
            came = sum(float(np.abs(o.actual)[:, 0].sum()) for o, _ in pairs)
            metrics[f"{name}total WAPE by {grain}"] = missed / came if came else float("nan")
    every, every_plain = np.concatenate(losses), np.concatenate(plain)
    value = float(np.nanmean(every)) if not np.isnan(every).all() else float("nan")
    return Judgement(
        metric="scaled error",
        value=value,
        baseline=PLAIN,
        baseline_value=float(every_plain.mean()),
        losses=tuple(every.tolist()),
        baseline_losses=tuple(every_plain.tolist()),
        metrics={**metrics, **_coverage(past, choices)},
    )
