"""A forecaster of any long table ``unique_id, ds, y``: an ensemble of methods weighted by a backtest, with conformal
prediction intervals, coherent over a hierarchy. ``Forecaster(h=12).fit(df).predict()``.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.score_tables import INTERVAL_LEVELS
from models.forecasting.backtest import backtest, choose_cutoffs, drop_empty_methods
from models.forecasting.calendar import Calendar
from models.forecasting.cold_start import describe_cold_starts
from models.forecasting.ensemble import FittedEnsemble, fit_ensemble, past_forecasts
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.method import BASELINE
from models.forecasting.panel import Panel
from models.forecasting.reconciliation import limit_to_leaves
from models.forecasting.registry import METHODS, make_methods
from models.forecasting.screening import screened_backtest
from models.forecasting.series_preparation import MIN_PERIODS, Kind, TimeSeries, prepare_series, validate_long

if TYPE_CHECKING:
    import lightgbm as lgb

ENSEMBLE = "ensemble"
UNTESTED_WIDENING = 1.5
"""Factor on the intervals of a series that has no error in the backtest."""
BASELINE_NOTE = f"{BASELINE} was as accurate as the ensemble in the backtest, so it is used"


class Forecaster:
    """Forecasts of every series of a table, ``h`` periods ahead.

    ``season_length`` and ``freq`` (pandas) are inferred from the dates unless given. ``kind``: missing periods of a
    "flow" (amounts that add up) are 0, gaps of a "level" are interpolated. ``methods``: names of ``registry.METHODS``;
    the baseline (seasonal naive) is always among them. ``n_windows``: past cutoffs of the backtest, by default fewer
    for more series. ``countries`` (ISO codes): working days and holidays. ``complete_before``: periods not over by
    that date are left out.

    After ``fit`` or ``refit``: ``series_``, ``abstained_`` (``unique_id, reason`` of series without a forecast),
    ``hierarchy_``, and, unless all abstained, ``panel_``, ``backtest_``, ``ensemble_``, ``forecasts_`` (series ×
    steps).
    """

    def __init__(
        self,
        h: int,
        *,
        season_length: int | None = None,
        freq: str | None = None,
        kind: Kind = "flow",
        methods: Sequence[str] = METHODS,
        n_windows: int | None = None,
        countries: Sequence[str] = (),
        complete_before: date | None = None,
        seed: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.h = h
        self.season_length = season_length
        self.freq = freq
        self.kind = kind
        self.methods = methods
        self.n_windows = n_windows
        self.countries = countries
        self.complete_before = complete_before
        self.seed = seed
        self.n_jobs = n_jobs

    def fit(self, df: pd.DataFrame, hierarchy: pd.DataFrame | None = None) -> "Forecaster":
        """Itself, fitted to a long table; of leaves only where a hierarchy (``Hierarchy.from_leaves``) is given."""
        self.prepare(df, hierarchy)
        if not self.series_:
            return self
        methods = make_methods(self._method_names(), self.seed, self.n_jobs)
        lengths = np.array([len(series.values) for series in self.series_], dtype=np.int64)
        n_windows = self.n_windows or _default_windows(len(self.series_), self.hierarchy_ is not None)
        cutoffs = choose_cutoffs(lengths, self.h, self.panel_.season_length, n_windows)
        self.backtest_ = screened_backtest(methods, self.panel_, cutoffs, self.seed)
        self.ensemble_ = fit_ensemble(self.backtest_, self.panel_)
        combined = self.ensemble_.combine(self.backtest_.select(self.ensemble_.selected))
        self._set_forecasts(combined)
        return self

    def refit(
        self,
        df: pd.DataFrame,
        hierarchy: pd.DataFrame | None = None,
        *,
        ensemble: FittedEnsemble,
        booster: "lgb.Booster | None" = None,
    ) -> "Forecaster":
        """Itself, its methods fitted to a table and combined by an ensemble that was fitted earlier; no backtest.

        ``booster``: trees that were fitted earlier. A series that the ensemble does not know gets mean weights and
        wider intervals.
        """
        self.prepare(df, hierarchy)
        if not self.series_:
            return self
        names = [name for name in ensemble.methods if name in self._method_names()]
        methods = make_methods(names, self.seed, self.n_jobs, booster)
        self.backtest_ = drop_empty_methods(backtest(methods, self.panel_, ()))
        self.ensemble_ = ensemble
        self._set_forecasts(ensemble.combine(self.backtest_))
        return self

    def prepare(self, df: pd.DataFrame, hierarchy: pd.DataFrame | None = None) -> None:
        """Set ``series_``, ``abstained_``, ``hierarchy_`` and ``panel_`` from a table; fits nothing."""
        if self.h < 1:
            raise ValueError(f"h is {self.h}; it must be 1 or more periods")
        make_methods(self._method_names())  # raises on unknown names before any work
        rows = validate_long(df)
        self.calendar_ = Calendar.from_dates(rows["ds"], self.freq)
        self.hierarchy_: Hierarchy | None = None
        empty: dict[str, str] = {}
        if hierarchy is not None:
            rows, self.hierarchy_ = self._aggregate(rows, hierarchy)
            leaves = set(hierarchy["unique_id"].astype(str)) - set(self.hierarchy_.leaves)
            empty = dict.fromkeys(sorted(leaves), "no value in any period")
        min_periods = MIN_PERIODS if self.hierarchy_ is None else 1  # a node without a forecast would break the sums
        prepared, abstained = prepare_series(rows, self.calendar_, self.kind, self.complete_before, min_periods)
        self.abstained_ = pd.DataFrame(list((empty | dict(abstained)).items()), columns=["unique_id", "reason"])
        if self.hierarchy_ is not None:
            order = {name: i for i, name in enumerate(self.hierarchy_.nodes)}
            prepared = sorted(prepared, key=lambda series: order[series.unique_id])
        self.series_: list[TimeSeries] = prepared
        if prepared:
            season_length = self.calendar_.season_length if self.season_length is None else self.season_length
            self.panel_ = Panel.from_series(
                prepared, self.calendar_, season_length, self.h, self.hierarchy_, tuple(self.countries)
            )

    def predict(self, h: int | None = None) -> pd.DataFrame:
        """One row per series and period: ``unique_id, ds, step, point``, bounds of the prediction intervals
        (``low_50, high_50, … high_95``), the ``model`` in words and ``notes``; none for series that abstained.
        """
        steps = self.h if h is None else h
        if steps > self.h:
            raise ValueError(
                f"h is {steps}, but the forecaster was fitted for {self.h} periods; fit it with a larger h"
            )
        bounds = [f"{end}_{level}" for level in INTERVAL_LEVELS for end in ("low", "high")]
        if not self.series_:
            return pd.DataFrame(columns=["unique_id", "ds", "step", "point", *bounds, "model", "notes"])
        n_series, point = len(self.series_), self.forecasts_[:, :steps]
        lower, upper = self._bounds(point)
        ordinals = (self.panel_.last_periods[:, None] + 1 + np.arange(steps)[None, :]).ravel()
        columns = {
            "unique_id": np.repeat(list(self.panel_.unique_ids), steps),
            "ds": self.calendar_.dates(ordinals),
            "step": np.tile(np.arange(1, steps + 1), n_series),
            "point": point.ravel(),
        }
        for level in INTERVAL_LEVELS:
            columns |= {f"low_{level}": lower[level].ravel(), f"high_{level}": upper[level].ravel()}
        models, notes = self._descriptions()
        return pd.DataFrame({**columns, "model": np.repeat(models, steps), "notes": np.repeat(notes, steps)})

    @property
    def weights_(self) -> pd.DataFrame:
        """One row per series: ``unique_id``, and the weight of each method in its forecast."""
        ids, methods = self.panel_.unique_ids, self._combined_methods()
        weights = pd.DataFrame(self.ensemble_.used_weights(ids, methods), columns=list(methods))
        weights.insert(0, "unique_id", list(ids))
        return weights

    @property
    def excluded_(self) -> dict[str, str]:
        """Methods that were left out, or failed on some series, and why."""
        return {**self.ensemble_.excluded, **self.backtest_.excluded}

    def backtest_frame(self) -> pd.DataFrame:
        """One row per series, cutoff (periods before the end) and step that is over: ``unique_id, cutoff, step, y``,
        the forecast of the ensemble (weights of other cutoffs or series) and that of the baseline.
        """
        result = self.backtest_
        ensemble = past_forecasts(result, self.ensemble_, self.panel_)
        series, origin, step = np.nonzero(~np.isnan(result.actuals))
        return pd.DataFrame(
            {
                "unique_id": np.array(result.unique_ids, dtype=object)[series],
                "cutoff": np.array(result.cutoffs)[origin],
                "step": step + 1,
                "y": result.actuals[series, origin, step],
                ENSEMBLE: ensemble[series, origin, step],
                BASELINE: result.baseline[series, origin, step],
            }
        )

    def _method_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((BASELINE, *self.methods)))

    def _combined_methods(self) -> tuple[str, ...]:
        """Methods of the ensemble that have been run, in the order of the backtest."""
        return tuple(name for name in self.backtest_.methods if name in self.ensemble_.methods)

    def _aggregate(self, rows: pd.DataFrame, table: pd.DataFrame) -> tuple[pd.DataFrame, Hierarchy]:
        """The long table of all nodes, and their hierarchy over the leaves that have a value in a complete period.

        A leaf without one would be in no sum, and yet in the forecast.
        """
        if self.kind != "flow":
            raise ValueError("levels do not add up over a hierarchy; give a table of flows")
        complete = rows.dropna(subset="y")
        ordinals = self.calendar_.ordinals(complete["ds"])
        if self.complete_before is not None:
            current = self.calendar_.ordinals(pd.Series([pd.Timestamp(self.complete_before)]))[0]
            complete, ordinals = complete[ordinals < current], ordinals[ordinals < current]
        hierarchy = Hierarchy.from_leaves(table[table["unique_id"].astype(str).isin(set(complete["unique_id"]))])
        return hierarchy.aggregate(complete.assign(ds=self.calendar_.dates(ordinals))), hierarchy

    def _set_forecasts(self, combined: Floats) -> None:
        forecasts = self.ensemble_.or_baseline(combined, self.backtest_)
        self.forecasts_: Floats = self.ensemble_.reconcile(self.panel_, forecasts)

    def _bounds(self, point: Floats) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Lower and upper bounds (series × steps) by per cent; an aggregate's are within the sum of its leaves'."""
        panel = self.panel_
        untested = self.ensemble_.untested_of(panel.unique_ids)
        scale = np.nan_to_num(panel.scale(panel.n_periods)) * np.where(untested, UNTESTED_WIDENING, 1.0)
        lower, upper = self.ensemble_.intervals.bounds(point, scale, panel.floors)
        if panel.hierarchy is not None and len(panel.series) == len(panel.hierarchy.nodes):
            for level in INTERVAL_LEVELS:
                half_widths = limit_to_leaves(panel.hierarchy, upper[level] - point)
                lower[level] = np.maximum(point - half_widths, panel.floors[:, None])
                upper[level] = point + half_widths
        return lower, upper

    def _descriptions(self) -> tuple[list[str], list[str]]:
        """The model in words and the notes of each series."""
        ids = self.panel_.unique_ids
        models = self.ensemble_.describe(ids, self._combined_methods())
        cold_starts = {} if self.hierarchy_ is None else describe_cold_starts(self.panel_, ids)
        untested, baseline_wins = self.ensemble_.untested_of(ids), self.ensemble_.baseline_wins_of(ids)
        notes = []
        for row, series in enumerate(self.series_):
            of_series = list(series.notes)
            if untested[row]:
                of_series.append(f"{len(series.values)} periods are too few for a backtest: wider intervals")
            if row in cold_starts:
                models[row] = cold_starts[row]
            elif baseline_wins[row]:
                of_series.append(BASELINE_NOTE)
            notes.append("; ".join(of_series))
        return models, notes


def _default_windows(n_series: int, has_hierarchy: bool) -> int:
    """Past cutoffs: more series make up for fewer of them.

    A hierarchy gets three where affordable, so that reconciliation methods are tried on residuals of other cutoffs.
    """
    if has_hierarchy and 60 < n_series <= 1000:
        return 3
    return 1 if n_series > 400 else 2 if n_series > 60 else 4
