"""How much revenue will come in, by month and by week, in all and by region and segment."""

import hashlib
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.scoring import REVENUE_FORECAST
from features.company import Company
from features.series import Grain, UnderWay, series_of, takings, under_way
from models.album import Album
from models.backtest import Choice, Origin, backtest, choose, combined, every_way, prequential
from models.fan import errors_picture, fan_picture
from models.forecast_judgement import halves, judgement, widths_of
from models.forecast_trees import FEATURES, PARAMS, ROUNDS, Lessons, Trees, rows_at
from models.forecasters import PLAIN, PROPHET, fit_prophet
from models.intervals import WIDTHS
from models.model import Abstention, Challenger, Champion, Fold, Judgement
from models.panel import FEWEST, Forecast, Numbers, Panel, to_the_cent
from models.under_way import with_known

GRAINS: tuple[Grain, ...] = ("month", "week")

FEWEST_MONTHS = FEWEST["month"] + 6
"""A year to know the seasons, and two quarters of forecasts that can be compared with what came."""

VERSION = 2
"""Goes up when a feature of the trees, or a part of the state, gets another meaning under its old name."""


@dataclass(frozen=True)
class Known:
    """What a company's date knows of its revenue: complete periods by grain, and those that the date cuts."""

    panels: dict[Grain, Panel]
    now: dict[Grain, UnderWay]


class Revenue:
    """The model of revenue: for each grain and level the way that missed least in the backtest, made coherent."""

    name = "revenue"
    question = "How much revenue will come in over the next 12 months and 26 weeks?"
    needs: tuple[tuple[str, ...], ...] = (("orders", "subscriptions"),)
    tables: tuple[str, ...] = ("revenue_forecast",)
    features_hash = hashlib.sha256(f"{FEATURES} {VERSION}".encode()).hexdigest()[:16]

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger, judged on what it would have shipped at past quarters, beside the seasonal naive forecast."""
        known = _known(company)
        if isinstance(known, Abstention):
            return known
        lessons = Lessons.of(known.panels)
        trees = Trees.fit(lessons, {grain: len(panel.values) for grain, panel in known.panels.items()}, company.seed)
        if trees is None:
            return Abstention(self.name, "fewer than 120 past periods to learn from, over all nodes")
        past = backtest(known.panels, company.seed, trees=lessons)
        choices = choose(past)
        judged = judgement(prequential(past), past, choices)
        state: dict[str, Any] = {
            "choices": choices,
            "widths": {"model": widths_of(past, choices), "baseline": widths_of(past, {})},
        }
        prophetic = choices["month"]["total"] == PROPHET
        if prophetic:
            state["trees"] = trees.booster.model_to_string()
        months = known.panels["month"]
        at = len(months.values)
        example = pd.DataFrame({"ds": months.future(at, 3)}) if prophetic else rows_at(months, at, 2).head(5)
        shipped = choices if judged.ships == "model" else {}
        forecasts = _forecast(known, shipped, trees, state["widths"][judged.ships])
        return Challenger(
            model=self.name,
            flavor="prophet" if prophetic else "lightgbm",
            estimator=fit_prophet(months, 0, at) if prophetic else trees.booster,
            state=state,
            judgement=judged,
            features_hash=self.features_hash,
            example=example,
            params={
                **{f"trees_{name}": value for name, value in PARAMS.items()},
                "trees_rounds": ROUNDS,
                **{f"{grain}_{level}": way for grain, choice in choices.items() for level, way in choice.items()},
            },
            pictures=Album(
                {
                    "revenue": lambda: fan_picture(forecasts["month"], company.currency),
                    "errors": lambda: errors_picture(past),
                }
            ),
            trained_as_of=company.as_of,
            rows=sum(int((~np.isnan(panel.values)).sum()) for panel in known.panels.values()),
            folds=tuple(_fold(origin, origin.losses(said)) for origin, said in prequential(past)),
        )

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the origins and rows on which a challenger of this date is judged.

        What it learnt from (periods that were over when it was trained) is NaN; the plain baseline learnt nothing.
        """
        known = _known(company)
        if isinstance(known, Abstention):
            return known
        choices = _choices(champion)
        ways = {way for choice in choices.values() for way in choice.values()} or {PLAIN}
        past = backtest(known.panels, company.seed, trees=_trees(champion), ways=ways)
        first = {grain: min(o.at for o in past if o.panel.grain == grain) for grain in {o.panel.grain for o in past}}
        judged = [(o, o.shipped(choices.get(o.panel.grain, {}))) for o in past if o.at > first[o.panel.grain]]
        learnt = pd.Timestamp(champion.trained_as_of) if choices else None
        return judgement(judged, past, choices, learnt)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``revenue_forecast``: the next 12 months and 26 weeks of every node, the ones under way first.

        Parts add up to their whole, ``point`` and ``recurring`` alike.
        """
        known = _known(company)
        if isinstance(known, Abstention):
            return known
        choices = _choices(champion)
        forecasts = _forecast(known, choices, _trees(champion), champion.state["widths"][champion.ships])
        rows = pd.concat(
            [_rows(forecast, choices.get(grain, {}), champion) for grain, forecast in forecasts.items()],
            ignore_index=True,
        )
        return {"revenue_forecast": rows.reindex(columns=list(REVENUE_FORECAST.by_name))}

    def picture(self, company: Company, champion: Champion) -> Figure | Abstention:
        """The fan of the total by month, as the champion draws it for the company's date."""
        known = _known(company)
        if isinstance(known, Abstention):
            return known
        widths = champion.state["widths"][champion.ships]
        forecast = _forecast(known, _choices(champion), _trees(champion), widths)["month"]
        return fan_picture(forecast, company.currency)


def _known(company: Company) -> Known | Abstention:
    came = takings(company)
    series = {grain: series_of(came, grain) for grain in GRAINS}
    now = {grain: under_way(came, grain) for grain in GRAINS}
    panels = {grain: Panel.of(rows, grain, now[grain]) for grain, rows in series.items() if not rows.empty}
    months = len(panels["month"].values) if "month" in panels else 0
    if months < FEWEST_MONTHS:
        why = (
            f"the revenue history holds {months} complete months; {FEWEST_MONTHS} are needed to forecast and be judged"
        )
        return Abstention("revenue", why)
    return Known(panels, now)


def _fold(origin: Origin, losses: Numbers) -> Fold:
    """One origin of the backtest: what would have been shipped at it, and what that missed."""
    begins = origin.panel.periods[origin.at].date()
    missed = losses[~np.isnan(losses)]
    before = int((~np.isnan(origin.panel.values[: origin.at])).sum())
    told = {"scaled error": float(missed.mean())} if len(missed) else {}
    return Fold(f"{origin.steps} {origin.panel.grain}s from {begins}", (begins,), before, told, tuple(missed.tolist()))


def _choices(champion: Champion) -> dict[Grain, Choice]:
    """The ways of the version; none of them when the plain baseline ships."""
    return champion.state["choices"] if champion.ships == "model" else {}


def _trees(champion: Champion) -> Trees | None:
    text = champion.state.get("trees")
    if text is not None:
        return Trees(lgb.Booster(model_str=text))
    return Trees(champion.estimator) if isinstance(champion.estimator, lgb.Booster) else None


def _forecast(
    known: Known, choices: dict[Grain, Choice], trees: Trees | None, widths: dict[str, Any]
) -> dict[Grain, Forecast]:
    """The forecasts of every grain that the backtest covered."""
    forecasts: dict[Grain, Forecast] = {}
    for grain, panel in known.panels.items():
        if grain not in widths:
            continue
        choice, at, steps = choices.get(grain, {}), len(panel.values), panel.horizon
        base = every_way(panel, at, steps, trees, set(choice.values()) or {PLAIN})
        point = to_the_cent(panel, combined(panel, at, base, choice))
        half = {width: halves(widths[grain], panel, at, width, steps) for width in WIDTHS}
        low = {width: point - half[width] for width in WIDTHS}
        high = {width: point + half[width] for width in WIDTHS}
        foreseen = Forecast(panel, panel.future(at, steps), point, low, high, np.full(point.shape, np.nan))
        forecasts[grain] = with_known(foreseen, known.now[grain])
    return forecasts


def _rows(forecast: Forecast, choice: Choice, champion: Champion) -> pd.DataFrame:
    """One row per node and period of one grain. ``model`` says the way, and what a young node is a share of."""
    panel, tables = forecast.panel, []
    at = len(panel.values)
    ages, young, fewest = panel.age(at), panel.young(at), FEWEST[panel.grain]
    for place, node in enumerate(panel.nodes):
        way = choice.get(panel.levels[place], PLAIN)
        if young[place]:
            whole = panel.nodes[panel.parent[place]]
            way = f"share of {whole}: {ages[place]} complete {panel.grain}s; {fewest} are needed to know a year"
        numbers: dict[str, Numbers] = {"point": forecast.point, "recurring": forecast.recurring}
        for width in WIDTHS:
            numbers |= {f"low_{width}": forecast.low[width], f"high_{width}": forecast.high[width]}
        table = pd.DataFrame({"period": forecast.periods.date})
        table = table.assign(
            node=node,
            level=panel.levels[place],
            grain=panel.grain,
            model=f"{champion.model} v{champion.version} ({way})",
            **{name: values[:, place] for name, values in numbers.items()},
        )
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
