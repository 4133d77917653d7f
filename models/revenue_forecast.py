"""How much revenue will come in, by month and by week: the outlook of its series, and what is known of its parts.

What is learnt is the pool of ways to forecast (``models.forecasting.forecaster``) for the hierarchies of markets, products and
people, the company's past rates, and how far the series are believed beside the parts. What is scored is put together
with the night's other scores in ``models.revenue.assembly``.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.arrays import Floats
from features.company import Company
from features.revenue.series import rhythm
from models.forecasting.forecaster import POOL, Forecaster
from models.forecasting.global_methods import FEATURES, PARAMS, ROUNDS, fit_trees
from models.forecasting.local_methods import PLAIN
from models.forecasting.nested_evaluation import Judged, held, judged, learnt_from, level_weights
from models.forecasting.plots import errors_picture, fan_picture
from models.forecasting.prophet_method import import_prophet
from models.forecasting.saved_state import kept
from models.model import Abstention, Challenger, Champion, Evaluation, Fold
from models.plots.figures import LazyFigures
from models.revenue.base_rates import Beside, Books, look_back, looked_from
from models.revenue.top_down import MAIN, Tree, outlook, told_by, trees_of

FEWEST_MONTHS = 18
"""A year to know the seasons, and two quarters of forecasts that can be compared with what came."""
PRIOR_ORIGINS = 4.0
"""As so many past dates count that series and parts are believed alike; the backtest moves it from there."""
FEWEST_LOOKS = 6
"""Past dates before one, without which the rates of what comes beside contracts and deals are not known at it."""
VERSION = 3
"""Goes up when a feature of the trees, or a part of the state, gets another meaning under its old name."""


@dataclass(frozen=True)
class Known:
    """The hierarchies of a company's date, and its total by complete month."""

    trees: list[Tree]
    months: pd.DatetimeIndex
    came: Floats


class RevenueForecastModel:
    """The model of revenue: a weighted pool for every series, and the parts that people know by name."""

    name = "revenue"
    question = "How much revenue will come in over the next 12 months and 26 weeks?"
    needs: tuple[tuple[str, ...], ...] = (("orders", "subscriptions"),)
    tables: tuple[str, ...] = ("revenue_outlook", "revenue_rates")
    rows = "series"
    features_hash = hashlib.sha256(f"{FEATURES} {VERSION}".encode()).hexdigest()[:16]

    def __init__(self) -> None:
        self._looked: tuple[Company, Known | Abstention] | None = None
        self._made: dict[str, tuple[Forecaster, tuple[str, ...]]] = {}

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger, judged on what it would have shipped at past dates, beside the seasonal naive forecast."""
        known = self._known(company)
        if isinstance(known, Abstention):
            return known
        made, booster = _fitted(known, company)
        self._made = {key: (one, one.members) for key, one in made.items()}
        months = made[f"{MAIN} month"]
        books = Books.of(company, [month.date() for month in known.months[looked_from(len(known.months))]])
        back = look_back(books, known.months, known.came)
        repeats, fresh = back.rates(len(known.months))
        tables = [judged(one) for name, one in made.items() if name.startswith(MAIN)]
        metrics, weights = _weighed(back, months, len(known.months))
        state: dict[str, Any] = {
            "forecasters": {name: kept(one) for name, one in made.items()},
            "rates": {**books.rates(company.as_of).state(), "repeats": repeats.tolist(), "fresh": fresh.tolist()},
            "weight": weights,
        }
        (tree,) = (tree for tree in known.trees if tree.key == f"{MAIN} month")
        history = pd.Series(known.came, index=known.months)
        shown = told_by(tree, months)
        estimator, example = _estimator(booster, months, known)
        names = months.weights_.columns[1:]
        return Challenger(
            model=self.name,
            flavor="lightgbm" if booster is not None else "prophet",
            estimator=estimator,
            state=state,
            evaluation=_judgement(tables, metrics),
            features_hash=self.features_hash,
            example=example,
            params={
                **{f"trees_{name}": value for name, value in PARAMS.items()},
                "trees_rounds": ROUNDS,
                "weight_of_series": round(weights["model"], 3),
                **{f"share_{name}": round(float(months.weights_[name].mean()), 3) for name in names},
                "adds_up_by": state["forecasters"][f"{MAIN} month"]["way"],
            },
            figures=LazyFigures(
                {
                    "revenue": lambda: fan_picture(history, shown[shown["node"] == "total"], company.currency),
                    "errors": lambda: errors_picture(
                        {name: one for name, one in made.items() if name.startswith(MAIN)}
                    ),
                }
            ),
            trained_as_of=company.as_of,
            rows=sum(int((~np.isnan(one.table_.values)).sum()) for one in made.values()),
            folds=_folds(tables, known, company),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the origins and series on which a challenger of this date is judged.

        What it learnt from (periods that were over when it was trained, not the one under way then) is NaN; the plain
        baseline learnt nothing.
        """
        known = self._known(company)
        if isinstance(known, Abstention):
            return known
        plain = champion.ships == "baseline"
        tables = []
        for tree in known.trees:
            state = champion.state["forecasters"].get(tree.key)
            if tree.name != MAIN or state is None:
                continue
            fresh = tree.forecaster(company, "prophet" in state["members"])
            made, members = self._made.get(tree.key, (fresh, ()))
            if members != fresh.members:
                made = fresh.fit(tree.long, tree.leaves)
            table = judged(made, state)
            if plain:
                tables.append(_as_plain(table))
                continue
            seen = learnt_from(made, table.backs, table.lost.shape[2], champion.trained_as_of)
            tables.append(_unseen(table, seen))
        return _judgement(tables, {})

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``revenue_outlook``: what series alone foresee (``models.revenue.top_down``); ``revenue_rates``: one row, ``state``:
        the past rates and weights as JSON, and who tells it, ``label``."""
        known = self._known(company)
        if isinstance(known, Abstention):
            return known
        plain = champion.ships == "baseline"
        booster = champion.estimator if isinstance(champion.estimator, lgb.Booster) else None
        rows = outlook(known.trees, company, champion.state["forecasters"], booster, plain)
        kept_of_it = {
            "rates": champion.state["rates"],
            "weight": champion.state["weight"][champion.ships],
            "rhythm": rhythm(known.trees[0].came).tolist(),
        }
        told = pd.DataFrame({"state": [json.dumps(kept_of_it)], "label": [f"{champion.model} v{champion.version}"]})
        return {"revenue_outlook": rows, "revenue_rates": told}

    def picture(self, company: Company, champion: Champion) -> Figure | Abstention:
        """The fan of the total by month, as the champion's series draw it for the company's date."""
        known = self._known(company)
        scored = self.score(company, champion)
        if isinstance(known, Abstention) or isinstance(scored, Abstention):
            return known if isinstance(known, Abstention) else Abstention(self.name, "nothing is foreseen")
        rows = scored["revenue_outlook"].query("tree == @MAIN and grain == 'month' and node == 'total'")
        return fan_picture(pd.Series(known.came, index=known.months), rows, company.currency)

    def _known(self, company: Company) -> Known | Abstention:
        """What the company knows of its revenue; kept between learning, judging and scoring one company."""
        if self._looked is None or self._looked[0] is not company:
            self._looked, self._made = (company, _known(company)), {}
        return self._looked[1]


def _known(company: Company) -> Known | Abstention:
    trees = trees_of(company)
    months = next(tree for tree in trees if tree.key == f"{MAIN} month").long
    total = months.groupby("ds")["y"].sum()
    if len(total) < FEWEST_MONTHS:
        why = (
            f"the revenue history holds {len(total)} complete months;"
            f" {FEWEST_MONTHS} are needed to forecast and be judged"
        )
        return Abstention("revenue", why)
    return Known(trees, pd.DatetimeIndex(total.index), total.to_numpy(dtype=np.float64))


def _fitted(known: Known, company: Company) -> tuple[dict[str, Forecaster], lgb.Booster | None]:
    """The forecaster of every hierarchy and grain by its key, and the trees of the months, if there are enough."""
    made: dict[str, Forecaster] = {}
    booster: lgb.Booster | None = None
    for tree in known.trees:
        fresh = tree.forecaster(company)
        if tree.key == f"{MAIN} month":
            fresh.read(tree.long, tree.leaves)
            try:
                booster = fit_trees(fresh.table_, 0, company.seed, 1)
            except ValueError:
                fresh = tree.forecaster(company, prophetic=True)
        fresh.fit(tree.long, tree.leaves)
        if fresh.histories_:
            made[tree.key] = fresh
    return made, booster


def _estimator(booster: lgb.Booster | None, months: Forecaster, known: Known) -> tuple[Any, pd.DataFrame]:
    """What MLflow keeps, and a few rows of what it is asked: the trees, or a Prophet of the total."""
    if booster is not None:
        rows, _, _ = months.table_.features(months.table_.values.shape[1])
        return booster, pd.DataFrame(rows[:5], columns=list(FEATURES))
    prophet = import_prophet()(
        yearly_seasonality=4, weekly_seasonality=False, daily_seasonality=False, uncertainty_samples=0, n_changepoints=5
    )
    prophet.fit(pd.DataFrame({"ds": known.months, "y": known.came}), seed=0)
    return prophet, pd.DataFrame({"ds": pd.date_range(known.months[-1], periods=3, freq="MS")})


def _weighed(back: Beside, months: Forecaster, last: int) -> tuple[dict[str, float], dict[str, float]]:
    """What series, parts and both together missed of the total at past dates; and the weight of series beside parts,
    for the pool (``model``) and for the plain forecast (``baseline``): the least squares, drawn towards a half."""
    rows = months.backtest_[months.backtest_["unique_id"] == "total"]
    places = {int(at): row for row, at in enumerate(back.at)}
    weights, metrics = {}, {}
    for ships, column in (("model", POOL), ("baseline", PLAIN)):
        apart = toward = came_in = 0.0
        missed = {"series": 0.0, "parts": 0.0}
        cells, origins = [], 0
        for ago, part in rows.groupby("back"):
            row = places.get(last - int(str(ago)))
            if row is None or row < FEWEST_LOOKS:
                continue
            steps = part["step"].to_numpy(dtype=np.int64) - 1
            series, parts = part[column].to_numpy(dtype=np.float64), back.together(row)[steps]
            came = part["y"].to_numpy(dtype=np.float64)
            apart += float(np.square(series - parts).sum())
            toward += float(((series - parts) * (came - parts)).sum())
            missed["series"] += float(np.abs(series - came).sum())
            missed["parts"] += float(np.abs(parts - came).sum())
            came_in += float(np.abs(came).sum())
            cells.append((series, parts, came))
            origins += 1
        best = float(np.clip(toward / apart, 0.0, 1.0)) if apart else 0.5
        weights[ships] = (best * origins + 0.5 * PRIOR_ORIGINS) / (origins + PRIOR_ORIGINS)
        if ships == "model" and came_in:
            both = sum(float(np.abs(weights[ships] * s + (1 - weights[ships]) * p - c).sum()) for s, p, c in cells)
            metrics = {f"total WAPE of {name}": value / came_in for name, value in {**missed, "both": both}.items()}
    return metrics, weights


def _judgement(tables: list[Judged], more: dict[str, float]) -> Evaluation:
    """Losses cell by cell, every level counting alike; NaN cells are of periods that the judged one has learnt from."""
    losses, plain = [], []
    metrics: dict[str, float] = {}
    for grain, table in zip(("month", "week"), tables, strict=False):
        known = ~np.isnan(table.plain)
        weights = level_weights([_level(name) for name in table.names], known)
        losses.append((table.lost * weights)[known])
        plain.append((table.plain * weights)[known])
        whole = float(np.nansum(np.abs(table.came)))
        if whole:
            metrics[f"total WAPE by {grain}"] = float(np.nansum(table.missed)) / whole
            metrics[f"baseline total WAPE by {grain}"] = float(np.nansum(table.missed_plain)) / whole
    every, every_plain = (np.concatenate([np.zeros(0), *part]) for part in (losses, plain))
    return Evaluation(
        metric="scaled error",
        value=float(np.nanmean(every)) if len(every) and not np.isnan(every).all() else float("nan"),
        baseline=PLAIN,
        baseline_value=float(every_plain.mean()) if len(every_plain) else float("nan"),
        losses=tuple(every.tolist()),
        baseline_losses=tuple(every_plain.tolist()),
        metrics={**metrics, **held(tables), **more},
    )


def _level(name: str) -> str:
    """The level of a node of a forecaster's hierarchy, leaves alike."""
    return "total" if name == "total" else name.partition("=")[0] if "=" in name else "leaf"


def _as_plain(table: Judged) -> Judged:
    return Judged(
        table.names, table.backs, table.plain, table.plain, table.missed_plain, table.missed_plain, table.came
    )


def _unseen(table: Judged, seen: "np.ndarray[Any, Any]") -> Judged:
    lost = np.where(seen[None], np.nan, table.lost)
    missed = np.where(seen, np.nan, table.missed)
    return Judged(table.names, table.backs, lost, table.plain, missed, table.missed_plain, table.came)


def _folds(tables: list[Judged], known: Known, company: Company) -> tuple[Fold, ...]:
    """One entry per origin of the backtest: what would have been shipped at it, and what that missed."""
    found = []
    for grain, table in zip(("month", "week"), tables, strict=False):
        for row, back in enumerate(table.backs):
            losses = table.lost[:, row][~np.isnan(table.lost[:, row])]
            if not len(losses):
                continue
            now = pd.Timestamp(company.as_of).to_period("M" if grain == "month" else "W-SUN")
            begins = (now - back).start_time.date()
            told = {"scaled error": float(losses.mean())}
            found.append(Fold(f"{grain}s from {begins}", (begins,), len(known.came), told, tuple(losses.tolist())))
    return tuple(found)
