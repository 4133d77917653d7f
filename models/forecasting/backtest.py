"""What every member of the pool foresaw of every series at past origins and foresees now, and what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.arrays import Floats
from models.forecasting.ensemble_weights import TINY, miss
from models.forecasting.global_methods import FAMILY, TREES, Table, trees
from models.forecasting.local_methods import MEMBERS, PLAIN, ask_all
from models.forecasting.method import Task
from models.forecasting.series_preparation import Calendar, History

ALL_MEMBERS: tuple[str, ...] = (*MEMBERS, FAMILY, TREES)
DEAR: tuple[str, ...] = ("prophet",)
"""Members that cost the most: of a large table they are first tried on a sample of its series."""
SAMPLE = 80
DEAR_GAIN = 0.01
"""What a dear member must save of what the others miss together, to be asked of every series of a large table."""
LARGE = 300
FEWEST_BEFORE = 8
"""Periods without which a past origin says nothing of how well a series is forecast."""


@dataclass(frozen=True)
class Heard:
    """``said``: members × series × origins × steps, the last origin is now; ``came``: series × past origins × steps.

    ``why`` names the members that were left out, or failed on some series, and the reason.
    """

    names: tuple[str, ...]
    said: Floats = field(repr=False)
    came: Floats = field(repr=False)
    backs: tuple[int, ...]
    why: Mapping[str, str]

    def cells(self, values: Floats) -> Floats:
        """Origins and steps as one axis of cells."""
        return values.reshape(*values.shape[:-2], -1)

    def kept(self, places: Sequence[int], why: Mapping[str, str]) -> "Heard":
        """With these members only."""
        names = tuple(self.names[place] for place in places)
        return Heard(names, self.said[list(places)], self.came, self.backs, {**self.why, **why})


def backs_of(lengths: NDArray[np.int64], horizon: int, season: int, origins: int) -> tuple[int, ...]:
    """How far before the end past origins lie, the furthest first; nearer ones where histories are short.

    A history should hold a season and a quarter before an origin; an origin nearer than the horizon is judged on the
    steps that are over.
    """
    usual = int(np.quantile(lengths, 0.75))
    fewest = max(season + max(1, season // 4), 8)
    far = [horizon + max(1, horizon // 2) * place for place in range(origins)]
    fit = [back for back in far if usual - back >= max(fewest, usual // 2)]
    fit = (
        fit
        or [back for back in far[:1] if usual - back >= fewest]
        or [max(1, min(horizon, usual - min(fewest, usual - 1)))]
    )
    nearer = [max(1, round(fit[0] * share)) for share in (2 / 3, 1 / 3)]
    return tuple(sorted({*fit, *nearer[: max(0, origins - len(fit))]}, reverse=True))


def hear(
    ready: Sequence[History],
    calendar: Calendar,
    table: Table,
    backs: tuple[int, ...],
    names: Sequence[str],
    countries: tuple[str, ...],
    seed: int,
    jobs: int,
    booster: lgb.Booster | None = None,
) -> Heard:
    """All members at all origins and now. Dear ones of a large table prove their worth on a sample of it first.

    ``booster``: trees that were fitted before, to be asked now as they are.
    """
    why: dict[str, str] = {}
    when = (*backs, 0)
    tasks = [Task(one, table.season, table.horizon, when, calendar, countries) for one in ready]
    alone = [name for name in names if name in MEMBERS]
    said = np.full((len(names), len(ready), len(when), table.horizon), np.nan)
    for place, name in enumerate(names):
        if name == FAMILY:
            for row, back in enumerate(when):
                said[place, :, row] = table.family_season(table.values.shape[1] - back)
            if not table.family.any():
                why[name] = "no hierarchy is known"
        elif name == TREES:
            for row, back in enumerate(when):
                try:
                    said[place, :, row] = trees(table, back, seed, jobs, booster if back == 0 else None)
                except ValueError as error:
                    why[name] = str(error)
    came = outcomes(table, backs)
    failures: dict[str, list[str]] = {}

    def asked(members: Sequence[str]) -> None:
        for row, told in enumerate(ask_all(tasks, members, jobs)):
            for at, name in enumerate(members):
                said[names.index(name), row] = told.values[at]
            for name, reason in told.failed.items():
                failures.setdefault(name, []).append(reason)

    dear = [name for name in alone if name in DEAR and len(ready) > LARGE]
    asked([name for name in alone if name not in dear])
    if dear:
        worth, tried = _tried(tasks, dear, said[:, :, 0], came, table, seed, jobs)
        asked(worth)
        why |= tried
    why |= {name: f"left out of {len(reasons)} series: {reasons[0]}" for name, reasons in failures.items()}
    floors = np.array([one.floor for one in ready])
    heard = Heard(tuple(names), np.maximum(said, floors[None, :, None, None]), came, backs, why)
    silent = {name for place, name in enumerate(names) if np.isnan(said[place]).all() and name != PLAIN}
    reasons = {name: why.get(name, "no history is long enough for it") for name in silent}
    return heard.kept([place for place, name in enumerate(names) if name not in silent], reasons)


def outcomes(table: Table, backs: tuple[int, ...]) -> Floats:
    """Series × past origins × steps: what came; NaN where it has not yet, or a series had hardly begun."""
    came = np.full((len(table.values), len(backs), table.horizon), np.nan)
    columns = table.values.shape[1]
    for row, back in enumerate(backs):
        steps = min(back, table.horizon)
        known = (~np.isnan(table.values[:, : columns - back])).sum(axis=1) >= min(FEWEST_BEFORE, table.season + 4)
        came[known, row, :steps] = table.came[known, columns - back : columns - back + steps]
    return came


def _tried(
    tasks: Sequence[Task],
    dear: Sequence[str],
    said: Floats,
    came: Floats,
    table: Table,
    seed: int,
    jobs: int,
) -> tuple[list[str], dict[str, str]]:
    """Dear members that are worth their cost, by the furthest past origin of a sample of series; why others are not.

    ``said``: what all others foresaw from that origin, members × series × steps.
    """
    long_enough = np.flatnonzero(~np.isnan(came[:, 0]).any(axis=1))
    size = min(SAMPLE, len(long_enough))
    sample = np.sort(np.random.default_rng(seed).choice(long_enough, size, replace=False))
    some = [replace(tasks[place], backs=tasks[place].backs[:1]) for place in sample]
    scale = table.scale(table.values.shape[1] - tasks[0].backs[0])[sample][:, None]
    told = np.stack([one.values[:, 0] for one in ask_all(some, dear, jobs)], axis=1) / scale
    spoke = ~np.isnan(said).all(axis=(1, 2))
    pool, actual = said[spoke][:, sample] / scale, came[sample, 0] / scale
    worth: list[str] = []
    out: dict[str, str] = {}
    missed = miss(pool, actual, range(len(pool)))
    for name, values in zip(dear, told, strict=True):
        if np.isnan(values).all():
            out[name] = f"tried on {size} series: no history is long enough"
            continue
        with_it = np.concatenate([pool, values[None]])
        saves = 1 - miss(with_it, actual, range(len(with_it))) / max(missed, TINY)
        if saves > DEAR_GAIN:
            worth, pool, missed = [*worth, name], with_it, missed * (1 - saves)
            continue
        out[name] = (
            f"tried on {size} series: it saves {100 * saves:.1f} % of what the pool misses,"
            f" {100 * DEAR_GAIN:.0f} % are asked"
        )
    return worth, out
