"""A forecaster for any long table: a pool of ways, weighed by a backtest, with intervals, coherent over a hierarchy.

``Forecaster(horizon=12).fit(long).predict()``. The table holds ``unique_id, ds, y``; a hierarchy may say which wholes
each series is part of. Simple ways win often: where the plain forecast missed less, it is shipped, and the row says so.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from data.outputs.score_tables import WIDTHS
from models.forecasting.backtest import ALL_MEMBERS, Heard, backs_of, hear
from models.forecasting.cold_start import borrow, reasons
from models.forecasting.conformal import Bounds, calibrate
from models.forecasting.ensemble_weights import RULES, Weights, fit_weights, judged_apart, plain_wins, useful
from models.forecasting.global_methods import Table
from models.forecasting.local_methods import PLAIN
from models.forecasting.reconciliation import Chosen, Hierarchy, choose, reconcile, within_parts
from models.forecasting.series_preparation import FEWEST, Calendar, History, Kind, checked, histories

POOL = "pool"
SHORT_WIDENS = 1.5
"""By how much the intervals of a series without a backtest are wider than those of series with one."""
NAMED = 3
"""Members named as the makers of a forecast."""


class Forecaster:
    """Forecasts of all series of a table, ``horizon`` periods ahead.

    ``kind``: in a table of flows, amounts that add up, nothing came in a period without a row; in one of levels holes
    are bridged. ``members`` are those of the pool that are asked, ``origins`` how many past dates the backtest looks
    back from (by the number of series, unless given). ``countries`` (ISO codes) give working days and holidays.
    Periods that are not over by ``complete_before`` are left out. ``jobs`` is the number of processes.

    After ``fit``: ``abstained_`` (one row per series without a forecast: the reason), ``left_out_`` (members that were
    not asked or failed, and why), ``weights_`` (one row per series: what each member counts), ``backtest_`` (one row
    per series, origin and step: what was shipped, what the plain forecast said, what came) and ``way_`` (how the
    hierarchy was made to add up).
    """

    def __init__(
        self,
        horizon: int,
        *,
        season: int | None = None,
        frequency: str | None = None,
        kind: Kind = "flow",
        members: Sequence[str] = ALL_MEMBERS,
        origins: int | None = None,
        countries: Sequence[str] = (),
        complete_before: date | None = None,
        seed: int = 0,
        jobs: int = 1,
    ) -> None:
        strange = sorted(set(members) - set(ALL_MEMBERS))
        if strange:
            raise ValueError(f"no member of the pool is named {', '.join(strange)}; there are {', '.join(ALL_MEMBERS)}")
        if horizon < 1:
            raise ValueError(f"a horizon of {horizon} periods holds nothing; give 1 or more")
        self.horizon, self.season, self.frequency, self.kind = horizon, season, frequency, kind
        self.members = tuple(dict.fromkeys((PLAIN, *members)))
        self.origins, self.countries, self.complete_before = origins, tuple(countries), complete_before
        self.seed, self.jobs = seed, jobs

    def fit(self, long: pd.DataFrame, hierarchy: pd.DataFrame | None = None) -> "Forecaster":
        """Learn from a long table, of leaves only where a hierarchy (``Hierarchy.of``) is given; returns itself."""
        self.read(long, hierarchy)
        ready = self.histories_
        if not ready:
            return self
        lengths = np.array([len(one.values) for one in ready], dtype=np.int64)
        origins = self.origins or _origins(len(ready), hierarchy is not None)
        backs = backs_of(lengths, self.horizon, self.table_.season, origins)
        heard = hear(ready, self.calendar_, self.table_, backs, self.members, self.countries, self.seed, self.jobs)
        self.heard_ = heard
        self._weigh(heard)
        return self

    def read(self, long: pd.DataFrame, hierarchy: pd.DataFrame | None = None) -> None:
        """Make the series of a table ready to be forecast; those that cannot be abstain (``abstained_``)."""
        rows = checked(long)
        self.calendar_ = Calendar.of(rows["ds"], self.frequency)
        self.hierarchy_: Hierarchy | None = None
        empty: dict[str, str] = {}
        if hierarchy is not None:
            if self.kind != "flow":
                raise ValueError("levels do not add up over a hierarchy: give a table of flows")
            known = rows.dropna(subset="y")
            if self.complete_before is not None:  # a leaf of nothing else would be in no sum, and yet in the forecast
                now = self.calendar_.ordinals(pd.Series([pd.Timestamp(self.complete_before)]))[0]
                known = known[self.calendar_.ordinals(known["ds"]) < now]
            told = set(known["unique_id"])
            placed = hierarchy[hierarchy["unique_id"].astype(str).isin(told)]
            self.hierarchy_ = Hierarchy.of(placed)
            empty = dict.fromkeys(sorted(set(hierarchy["unique_id"].astype(str)) - told), "no value in any period")
            rows = self.hierarchy_.of_nodes(known.assign(ds=self.calendar_.days(self.calendar_.ordinals(known["ds"]))))
        fewest = FEWEST if self.hierarchy_ is None else 1  # a node without a forecast would break the sums
        ready, abstained = histories(rows, self.calendar_, self.kind, self.complete_before, fewest)
        self.abstained_ = pd.DataFrame(list((empty | dict(abstained)).items()), columns=["unique_id", "reason"])
        if self.hierarchy_ is not None:
            at = {name: place for place, name in enumerate(self.hierarchy_.nodes)}
            ready = sorted(ready, key=lambda one: at[one.unique_id])
        self.histories_: list[History] = ready
        if not ready:
            return
        season = self.calendar_.season if self.season is None else self.season
        family = None if self.hierarchy_ is None else _family(self.hierarchy_, ready)
        self.table_ = Table.of(ready, self.calendar_, season, self.horizon, family, self.countries)

    def _weigh(self, heard: Heard) -> None:
        """Weights by the backtest, the plain forecast where it wins, and bounds by what was missed."""
        ends = self.table_.values.shape[1]
        scale = np.stack([self.table_.scale(ends - back) for back in heard.backs], axis=1)[:, :, None]
        units = heard.came / scale
        past, came = heard.cells(heard.said[:, :, :-1] / scale), heard.cells(units)
        plain = heard.names.index(PLAIN)
        if not np.isnan(came).all() and not np.isnan(past).all():
            kept, why = useful(past, came, heard.names)
            heard = heard.kept(sorted({plain, *kept}), why)
            plain = heard.names.index(PLAIN)
            judged = [place for place, name in enumerate(heard.names) if name not in why]
            heard_of = heard.said[judged]
            found = fit_weights(heard_of[:, :, :-1] / scale, units, heard.backs)
            values = np.zeros((len(scale), len(heard.names)))
            values[:, judged] = found.values
            weights = Weights(values, found.rule, found.blend, found.power)
            before = judged_apart(found, heard_of[:, :, :-1] / scale, units, heard.backs) * scale
            together = np.concatenate([before, found.combine(heard_of[:, :, -1:])], axis=1)
        else:
            weights = Weights(np.full((len(scale), len(heard.names)), 1 / len(heard.names)), RULES[0], 0.0, 0.0)
            together = weights.combine(heard.said)
        missed, missed_plain = (np.abs(said / scale - units) for said in (together[:, :-1], heard.said[plain, :, :-1]))
        wins: NDArray[np.bool_] = plain_wins(missed, missed_plain)
        if np.nanmean(missed_plain) <= np.nanmean(missed) if not np.isnan(missed).all() else True:
            wins[:] = True
        together = np.where(wins[:, None, None], heard.said[plain], together)
        together = np.where(np.isnan(together), heard.said[plain], together)
        if self.hierarchy_ is not None:
            backs = (*heard.backs, 0)
            lent = [borrow(self.table_, together[:, row], back) for row, back in enumerate(backs)]
            together = np.stack(lent, axis=1)
        self.borrowed_ = reasons(self.table_, [one.unique_id for one in self.histories_])
        shares = np.where(wins[:, None], np.arange(len(heard.names)) == plain, weights.values)
        self.left_out_, self.rule_ = dict(heard.why), weights
        self.weights_ = pd.DataFrame(shares, columns=list(heard.names))
        self.weights_.insert(0, "unique_id", [one.unique_id for one in self.histories_])
        self._plain_wins: NDArray[np.bool_] = wins
        self._calibrate(together, heard, scale)
        self._remember(heard, together, plain)

    def _calibrate(self, together: Floats, heard: Heard, scale: Floats) -> None:
        """Points made coherent where a hierarchy is known, and bounds by what those of the past missed."""
        now = np.nan_to_num(self.table_.scale(self.table_.values.shape[1]))
        self.way_: Chosen | None = None
        self.misses_: tuple[tuple[str, ...], Floats] | None = None
        if self.hierarchy_ is not None:
            together = self._coherent(together, heard, scale)
        with np.errstate(invalid="ignore"):
            missed = np.abs(together[:, :-1] - heard.came) / scale
        self._together, self._scale_now = together, now
        self._untested: NDArray[np.bool_] = np.asarray(np.isnan(missed).all(axis=(1, 2)))
        self.bounds_: Bounds = calibrate(missed, self.horizon)

    def _coherent(self, together: Floats, heard: Heard, scale: Floats) -> Floats:
        """Every origin's forecasts made to add up, by the way that missed least; nodes that abstained count as 0."""
        hierarchy = self.hierarchy_
        assert hierarchy is not None
        at = {one.unique_id: place for place, one in enumerate(self.histories_)}
        rows = np.array([at.get(node, -1) for node in hierarchy.nodes])
        there = (rows >= 0)[:, None, None]
        said = np.nan_to_num(np.where(there, together[rows], 0.0))
        came = np.where(there, heard.came[rows], np.nan)
        units = np.where(there, scale[rows], np.nan)
        over = [min(back, self.horizon) for back in heard.backs]
        self.way_ = choose(
            hierarchy,
            [said[:, row, :steps] for row, steps in enumerate(over)],
            [came[:, row, :steps] for row, steps in enumerate(over)],
            [units[:, row] for row in range(len(over))],
            heard.backs,
        )
        apart = [came[:, row, :steps] - said[:, row, :steps] for row, steps in enumerate(over)]
        misses = np.nan_to_num(np.concatenate(apart, axis=1))
        self.misses_ = (hierarchy.nodes, misses)
        floors = {one.unique_id: one.floor for one in self.histories_}
        floor = np.array([[floors.get(leaf, 0.0)] for leaf in hierarchy.leaves])
        made = np.stack(
            [reconcile(hierarchy, said[:, row], self.way_.way, misses, floor) for row in range(said.shape[1])], axis=1
        )
        places = np.array([hierarchy.nodes.index(one.unique_id) for one in self.histories_])
        coherent: Floats = made[places]
        return coherent

    def _remember(self, heard: Heard, together: Floats, plain: int) -> None:
        """The backtest as a table: one row per series, origin and step that is over."""
        series, origin, step = np.nonzero(~np.isnan(heard.came))
        names = np.array([one.unique_id for one in self.histories_], dtype=object)
        self.backtest_ = pd.DataFrame(
            {
                "unique_id": names[series],
                "back": np.array(heard.backs)[origin],
                "step": step + 1,
                "y": heard.came[series, origin, step],
                POOL: self._together[series, origin, step],
                PLAIN: heard.said[plain, series, origin, step],
            }
        )

    def predict(self, horizon: int | None = None) -> pd.DataFrame:
        """One row per series and period: ``point``, bounds of the intervals, who made it (``model``) and ``notes``.

        Columns ``unique_id, ds, step, point, low_50, high_50, … high_95, model, notes``. Series that abstained are in
        ``abstained_``, and without rows here.
        """
        steps = self.horizon if horizon is None else horizon
        if steps > self.horizon:
            raise ValueError(
                f"the forecaster was fitted for {self.horizon} periods, and is asked for {steps}; refit it"
            )
        columns = ["unique_id", "ds", "step", "point", *[f"{end}_{w}" for w in WIDTHS for end in ("low", "high")]]
        if not self.histories_:
            return pd.DataFrame(columns=[*columns, "model", "notes"])
        point = self._together[:, -1, :steps]
        floor = np.array([one.floor for one in self.histories_])
        unit = self._scale_now * np.where(self._untested, SHORT_WIDENS, 1.0)
        low, high = self.bounds_.around(point, unit, floor)
        if self.hierarchy_ is not None and len(self.histories_) == len(self.hierarchy_.nodes):
            for width in WIDTHS:
                reach = within_parts(self.hierarchy_, high[width] - point)
                low[width], high[width] = np.maximum(point - reach, floor[:, None]), point + reach
        ends = np.array([one.ends for one in self.histories_], dtype=np.int64)
        ordinals = (ends[:, None] + 1 + np.arange(steps)[None, :]).ravel()
        table = pd.DataFrame(
            {
                "unique_id": np.repeat([one.unique_id for one in self.histories_], steps),
                "ds": self.calendar_.days(ordinals),
                "step": np.tile(np.arange(1, steps + 1), len(self.histories_)),
                "point": point.ravel(),
            }
        )
        for width in WIDTHS:
            table[f"low_{width}"], table[f"high_{width}"] = low[width].ravel(), high[width].ravel()
        table["model"] = np.repeat(self._makers(), steps)
        table["notes"] = np.repeat([self._notes(place) for place in range(len(self.histories_))], steps)
        return table

    def _makers(self) -> list[str]:
        """Who made each series' forecast: the plain one, or the members that count most."""
        names = list(self.weights_.columns[1:])
        told = []
        for place, shares in enumerate(self.weights_[names].to_numpy()):
            if place in self.borrowed_:
                told.append(self.borrowed_[place])
                continue
            if self._plain_wins[place]:
                told.append(PLAIN)
                continue
            most = [place for place in np.argsort(-shares, kind="stable")[:NAMED] if shares[place] > 0]
            parts = ", ".join(f"{names[place]} {100 * shares[place]:.0f} %" for place in most)
            told.append(f"weighted {self.rule_.rule} of {int((shares > 0).sum())}: {parts}")
        return told

    def _notes(self, place: int) -> str:
        notes = list(self.histories_[place].notes)
        if self._untested[place]:
            notes.append(f"{len(self.histories_[place].values)} periods are too few for a backtest: wider bounds")
        if self._plain_wins[place] and place not in self.borrowed_:
            notes.append("the plain forecast missed no more than the pool")
        return "; ".join(notes)


def _origins(series: int, coherent: bool) -> int:
    """Past origins to look from: many series tell by their number what few tell over time.

    A hierarchy asks for three where that is affordable, so that the ways to add up are tried on misses not their own.
    """
    if coherent and 60 < series <= 1000:
        return 3
    return 1 if series > 400 else 2 if series > 60 else 4


def _family(hierarchy: Hierarchy, ready: Sequence[History]) -> Floats:
    """Series × series: for each, weights of the wholes above it, small ones first; the total is the last resort."""
    rows = {name: place for place, name in enumerate(hierarchy.nodes)}
    places = np.array([rows[one.unique_id] for one in ready])
    leaves = hierarchy.summing[places]
    sizes = leaves.sum(axis=1)
    inside = (leaves @ leaves.T) >= sizes[:, None]  # all leaves of a row's node are leaves of a column's
    above: NDArray[np.bool_] = inside & (sizes[None, :] > sizes[:, None])
    below_all = above & (sizes[None, :] < sizes.max())
    above = np.where(below_all.any(axis=1)[:, None], below_all, above)
    weights = np.where(above, 1.0 / np.maximum(sizes[None, :], 1.0), 0.0)
    whole = weights.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(weights, whole, out=np.zeros_like(weights), where=whole > 0)
    return shares
