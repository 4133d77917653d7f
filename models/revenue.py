"""How much revenue will come in, by month and by week, in all and by region and segment."""

import hashlib
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.scoring import REVENUE_FORECAST
from features.company import Company
from features.series import revenue_series
from models.backtest import FEWEST, Choice, backtest, choose, combined, every_way, prequential
from models.fan import errors_picture, fan_picture
from models.forecast_judgement import judgement, widths_of
from models.forecasters import FEATURES, PARAMS, PLAIN, PROPHET, ROUNDS, Trees, fit_prophet, rows_at
from models.forecasters import seasonal_growth as anchor_of
from models.intervals import WIDTHS, half_widths
from models.model import Abstention, Challenger, Champion, Judgement
from models.panel import Forecast, Grain, Numbers, Panel, panels, to_the_cent

GRAINS: tuple[Grain, ...] = ("month", "week")

FEWEST_MONTHS = FEWEST["month"] + 6
"""A year to know the seasons, and two quarters of forecasts that can be compared with what came."""

VERSION = 1
"""Goes up when a feature of the trees gets another meaning under its old name."""


class Revenue:
    """The model of revenue: for each grain and level the way that missed least in the backtest, made coherent."""

    name = "revenue"
    question = "How much revenue will come in over the next 12 months and 26 weeks?"
    needs: tuple[tuple[str, ...], ...] = (("orders", "subscriptions"),)
    tables: tuple[str, ...] = ("revenue_forecast",)
    features_hash = hashlib.sha256(f"{FEATURES} {VERSION}".encode()).hexdigest()[:16]

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger, judged on what it would have shipped at past quarters, beside the seasonal naive forecast."""
        known = _panels(company)
        if isinstance(known, Abstention):
            return known
        past = backtest(known, company.seed)
        choices = choose(past)
        judged = judgement(prequential(past), past, choices)
        trees = Trees.fit(list(known.values()), [len(panel.values) for panel in known.values()], company.seed)
        state: dict[str, Any] = {
            "choices": choices,
            "widths": {"model": widths_of(past, choices), "baseline": widths_of(past, {})},
        }
        total = choices["month"]["total"]
        if trees is None:
            return Abstention(self.name, "fewer than 120 past periods to learn from, over all nodes")
        prophetic = total == PROPHET
        if prophetic:
            state["trees"] = trees.booster.model_to_string()
        months = known["month"]
        example = (
            pd.DataFrame({"ds": months.future(len(months.values), 3)})
            if prophetic
            else rows_at(months, len(months.values), 2, anchor_of(months, len(months.values), 2)).head(5)
        )
        shipped = choices if judged.ships == "model" else {}
        forecasts = _forecast(known, shipped, trees, state["widths"][judged.ships])
        return Challenger(
            model=self.name,
            flavor="prophet" if prophetic else "lightgbm",
            estimator=fit_prophet(months, 0, len(months.values)) if prophetic else trees.booster,
            state=state,
            judgement=judged,
            features_hash=self.features_hash,
            example=example,
            params={
                **{f"trees_{name}": value for name, value in PARAMS.items()},
                "trees_rounds": ROUNDS,
                **{f"{grain}_{level}": way for grain, choice in choices.items() for level, way in choice.items()},
            },
            pictures={
                "revenue": fan_picture(months, forecasts["month"], company.currency),
                "errors": errors_picture(past),
            },
            trained_as_of=company.as_of,
            rows=sum(int((~np.isnan(panel.values)).sum()) for panel in known.values()),
        )

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the origins and rows on which a challenger of this date is judged.

        What it learnt from (periods that were over when it was trained) is NaN; the plain baseline learnt nothing.
        """
        known = _panels(company)
        if isinstance(known, Abstention):
            return known
        choices = _choices(champion)
        ways = {way for choice in choices.values() for way in choice.values()} or {PLAIN}
        past = backtest(known, company.seed, trees=_trees(champion), ways=ways)
        first = {grain: min(o.at for o in past if o.panel.grain == grain) for grain in {o.panel.grain for o in past}}
        judged = [(o, o.shipped(choices.get(o.panel.grain, {}))) for o in past if o.at > first[o.panel.grain]]
        learnt = pd.Timestamp(champion.trained_as_of) if choices else None
        return judgement(judged, past, choices, learnt)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``revenue_forecast``: the next 12 months and 26 weeks of every node; nodes of a short history abstain."""
        known = _panels(company)
        if isinstance(known, Abstention):
            return known
        choices = _choices(champion)
        forecasts = _forecast(known, choices, _trees(champion), champion.state["widths"][champion.ships])
        rows = pd.concat(
            [_rows(known[grain], forecast, choices.get(grain, {}), champion) for grain, forecast in forecasts.items()],
            ignore_index=True,
        )
        return {"revenue_forecast": _with_recurring(company, rows).reindex(columns=list(REVENUE_FORECAST.by_name))}


def _panels(company: Company) -> dict[Grain, Panel] | Abstention:
    known = panels({grain: revenue_series(company, grain) for grain in GRAINS})
    months = int(known["month"].age(len(known["month"].values))[0]) if "month" in known else 0
    if months < FEWEST_MONTHS:
        why = (
            f"the revenue history holds {months} complete months; {FEWEST_MONTHS} are needed to forecast and be judged"
        )
        return Abstention("revenue", why)
    return known


def _choices(champion: Champion) -> dict[Grain, Choice]:
    """The ways of the version; none of them when the plain baseline ships."""
    return champion.state["choices"] if champion.ships == "model" else {}


def _trees(champion: Champion) -> Trees | None:
    text = champion.state.get("trees")
    if text is not None:
        return Trees(lgb.Booster(model_str=text))
    return Trees(champion.estimator) if isinstance(champion.estimator, lgb.Booster) else None


def _forecast(
    known: dict[Grain, Panel], choices: dict[Grain, Choice], trees: Trees | None, widths: dict[str, Any]
) -> dict[Grain, Forecast]:
    """The forecasts of every grain that the backtest covered."""
    forecasts: dict[Grain, Forecast] = {}
    for grain in GRAINS:
        if grain not in known or grain not in widths:
            continue
        panel, choice = known[grain], choices.get(grain, {})
        at, steps = len(panel.values), panel.horizon
        scale = panel.scale(at)
        base = every_way(panel, at, steps, trees, set(choice.values()) or {PLAIN})
        point = to_the_cent(panel, combined(panel, base, choice, scale))
        low: dict[int, Numbers] = {}
        high: dict[int, Numbers] = {}
        for width in WIDTHS:
            half: Numbers = (
                np.stack([half_widths(widths[grain], level, width, steps) for level in panel.levels], axis=1) * scale
            )
            low[width] = np.asarray(np.maximum(point - half, 0.0).round(2), dtype=np.float64)
            high[width] = np.asarray((point + half).round(2), dtype=np.float64)
        ages, fewest = panel.age(at), FEWEST[grain]
        short = {
            node: f"{age} complete {grain}s of history; {fewest} are needed to know a year"
            for node, age in enumerate(ages)
            if age < fewest
        }
        forecasts[grain] = Forecast(panel, panel.future(at, steps), point, low, high, short)
    return forecasts


def _rows(panel: Panel, forecast: Forecast, choice: Choice, champion: Champion) -> pd.DataFrame:
    """One row per node and period of one grain."""
    tables = []
    for place, node in enumerate(panel.nodes):
        why = forecast.abstained.get(place)
        way = choice.get(panel.levels[place], PLAIN)
        table = pd.DataFrame({"period": forecast.periods.date})
        table = table.assign(
            node=node,
            level=panel.levels[place],
            grain=panel.grain,
            model=f"{champion.model} v{champion.version} ({way})",
            abstained=why,
        )
        numbers: dict[str, Numbers] = {"point": forecast.point}
        for width in WIDTHS:
            numbers |= {f"low_{width}": forecast.low[width], f"high_{width}": forecast.high[width]}
        for name, values in numbers.items():
            table[name] = np.full(len(table), np.nan) if why else values[:, place]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _with_recurring(company: Company, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with ``recurring``: what today's subscriptions bring if all of them stay, at most the point itself."""
    held = company.tables["subscriptions"]
    running = held.filter(held.ended_at.isnull())
    places = company.tables["accounts"].select("account_id", "region", "segment")
    joined = running.left_join(places, "account_id")
    by_place = (
        joined.group_by(region=joined.region.fill_null("unknown"), segment=joined.segment.fill_null("unknown"))
        .agg(mrr=joined.mrr.sum())
        .order_by("region", "segment")
        .execute()
    )
    if by_place.empty:
        return rows.assign(recurring=np.nan)
    monthly = {"total": float(by_place["mrr"].sum())}
    for region, segment, mrr in by_place.itertuples(index=False):
        for node in (f"region:{region}", f"segment:{region}/{segment}"):
            monthly[node] = monthly.get(node, 0.0) + float(mrr)
    months = np.where(rows["grain"] == "month", 1.0, 7 / (365.25 / 12))
    contracted = rows["node"].map(monthly).fillna(0.0).to_numpy() * months
    recurring = np.where(rows["point"].isna(), np.nan, np.fmin(contracted, rows["point"].to_numpy()))
    return rows.assign(recurring=np.round(recurring, 2))
