"""The bridge from an earlier revenue forecast to the current one, cause by cause, to the cent.

The facts of the earlier forecast are replaced by current ones in the order of ``CAUSES``, in one formula; each cause is
the difference that its replacement makes, so that nothing is left over. The argument is in ``docs/methods.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.lake import Step
from data.outputs.conform import conform
from data.outputs.report_tables import BRIDGE
from features.company import Company
from features.revenue.forecast_formula import FORECAST_MODELS, PREVIOUS_SUFFIX, residual_revenue
from reports.forecast.movements import AMOUNTS, ITEM_CAUSES, PASSED, item_movements

ORDERS, TREND, MODEL = "orders came in", "outlook of the series", "model changed"
CAUSES: tuple[str, ...] = (*ITEM_CAUSES, ORDERS, TREND, MODEL)
"""In the order in which facts are replaced."""
N_NAMED = 3
"""Number of contracts and deals named in the evidence of a cause, the largest first."""


@dataclass(frozen=True, eq=False)
class PreviousForecast:
    """An earlier run to compare with: its date, its ``versions`` by model, and its step of ``scores``."""

    run_id: str
    as_of: date
    versions: dict[str, str]
    scores: Step


@dataclass(frozen=True, eq=False)
class ForecastBasis:
    """The line items and drivers of a revenue forecast (``models.revenue.forecast_table``)."""

    line_items: pd.DataFrame
    drivers: pd.DataFrame

    @classmethod
    def from_step(cls, scores: Step, suffix: str = "") -> "ForecastBasis":
        """The basis of the forecast in a finished step of scores."""
        return cls(scores.frame(f"forecast_line_items{suffix}"), scores.frame(f"forecast_drivers{suffix}"))


def bridge(company: Company, previous: PreviousForecast | None, scores: Step) -> pd.DataFrame:
    """The table ``data.outputs.report_tables.BRIDGE``; no rows without both a previous and a current forecast."""
    if previous is None or "forecast_drivers" not in scores.tables:
        return conform(pd.DataFrame(), BRIDGE)
    has_rescored = f"forecast_drivers{PREVIOUS_SUFFIX}" in scores.tables
    rescored = ForecastBasis.from_step(scores, PREVIOUS_SUFFIX) if has_rescored else None
    versions = scores.frame("model_results").set_index("model")["version"].dropna()
    model_changed = any(previous.versions.get(name) != versions.get(name) for name in FORECAST_MODELS)
    rows = bridge_between(
        company,
        ForecastBasis.from_step(previous.scores),
        ForecastBasis.from_step(scores),
        rescored,
        previous.as_of,
        unscored=model_changed,
    )
    return conform(rows.assign(previous_run_id=previous.run_id, previous_as_of=previous.as_of), BRIDGE)


def bridge_between(
    company: Company,
    before: ForecastBasis,
    now: ForecastBasis,
    rescored: ForecastBasis | None,
    since: date,
    *,
    unscored: bool = False,
) -> pd.DataFrame:
    """One row per node (total and leaves of the market), month of both forecasts and cause that moved it: ``node,
    grain, period, cause, amount, evidence, previous_point, point``.

    ``rescored`` is the current forecast by the earlier models; ``None`` where these are the current ones, or (with
    ``unscored``) where not all of them could score: then *model changed* has all that no other cause explains.
    """
    after = rescored or now
    months = sorted(set(before.drivers["month"]) & set(now.drivers["month"]))
    leaves = sorted(set(before.drivers["leaf"]) | set(now.drivers["leaf"]))
    index = pd.MultiIndex.from_product([leaves, months], names=["leaf", "month"])
    remaining = _remaining_shares(before.drivers, after.drivers)
    movements = item_movements(company, _advanced(before.line_items, remaining), after.line_items, pd.Timestamp(since))
    movements = movements[movements["month"].isin(months)]
    points = _points(before, after, remaining.reindex(index.get_level_values(1)), movements, index)
    cents = np.round(np.stack([*points, _Forecast.from_basis(now, index).point]) * 100)
    amounts = np.diff(cents, axis=0)
    unexplained = unscored and rescored is None
    if unexplained:
        for cause in (PASSED, TREND):
            amounts[CAUSES.index(MODEL)] += amounts[CAUSES.index(cause)]
            amounts[CAUSES.index(cause)] = 0.0
    return _bridge_rows(index, amounts, cents[0], cents[-1], _evidence(movements, unexplained))


def _points(
    before: ForecastBasis,
    after: ForecastBasis,
    remaining: pd.DataFrame,
    movements: pd.DataFrame,
    index: pd.MultiIndex,
) -> Sequence[Floats]:
    """The point forecasts, from that of ``before`` to that of ``after``, with one more cause applied in each."""
    old, new = _Forecast.from_basis(before, index), _Forecast.from_basis(after, index)
    forecast = old.advanced(*(remaining[name].to_numpy() for name in ("share_ahead", "days_ahead")))
    rounding = old.point - forecast.total
    points = [old.point]
    for cause in ITEM_CAUSES:
        moved = movements[movements["cause"] == cause].groupby(["leaf", "month"])[AMOUNTS].sum()
        moved = moved.reindex(index).fillna(0.0)
        forecast = replace(
            forecast,
            recognized_items=forecast.recognized_items + moved["recognized"].to_numpy(dtype=np.float64),
            expected_items=forecast.expected_items + moved["expected"].to_numpy(dtype=np.float64),
        )
        points.append(forecast.total + rounding)
    points.append(replace(forecast, recognized_orders=new.recognized_orders).total + rounding)
    return [*points, new.point]


@dataclass(frozen=True, eq=False)
class _Forecast:
    """The terms of a forecast, by leaf and month of an index; 0 for leaves that it lacks."""

    recognized_orders: Floats
    top_down: Floats
    repeat_orders: Floats
    new_business: Floats
    point: Floats
    recognized_items: Floats
    expected_items: Floats
    top_down_weight: float

    @classmethod
    def from_basis(cls, basis: ForecastBasis, index: pd.MultiIndex) -> "_Forecast":
        """The terms of a forecast, by leaf and month of the index."""
        drivers = basis.drivers.set_index(["leaf", "month"]).reindex(index)
        items = basis.line_items.groupby(["leaf", "month"])[AMOUNTS].sum().reindex(index).fillna(0.0)
        names = ("recognized_orders", "top_down", "repeat_orders", "new_business", "point")
        return cls(
            **{name: drivers[name].fillna(0.0).to_numpy(dtype=np.float64) for name in names},
            recognized_items=items["recognized"].to_numpy(dtype=np.float64),
            expected_items=items["expected"].to_numpy(dtype=np.float64),
            top_down_weight=float(basis.drivers["top_down_weight"].iloc[0]),
        )

    @property
    def residual(self) -> Floats:
        """Revenue beyond contracts and deals."""
        return residual_revenue(
            self.top_down, self.expected_items, self.repeat_orders, self.new_business, self.top_down_weight
        )

    @property
    def total(self) -> Floats:
        """The point forecast, before rounding."""
        total: Floats = self.recognized_orders + self.recognized_items + self.expected_items + self.residual
        return total

    def advanced(self, share_ahead: Floats, days_ahead: Floats) -> "_Forecast":
        """The same forecast on a later date, if everything had gone as forecast: by month, the shares of series
        (``share_ahead``) and of items (``days_ahead``) that are still ahead."""
        expected = self.expected_items * days_ahead
        later = replace(
            self,
            top_down=self.top_down * share_ahead,
            repeat_orders=self.repeat_orders * share_ahead,
            new_business=self.new_business * share_ahead,
            expected_items=expected,
            recognized_items=self.recognized_items + self.expected_items - expected,
        )
        return replace(later, recognized_orders=self.recognized_orders + self.residual - later.residual)


def _remaining_shares(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """By month, the share of what was ahead of the earlier date that still is: ``share_ahead`` and ``days_ahead``."""
    old, new = (drivers.groupby("month")[["share_ahead", "days_ahead"]].first() for drivers in (before, after))
    return (new / old.where(old > 0)).reindex(old.index).fillna(0.0).clip(0.0, 1.0)


def _advanced(line_items: pd.DataFrame, remaining: pd.DataFrame) -> pd.DataFrame:
    """The line items on a later date, if everything had gone as forecast."""
    share = line_items["month"].map(remaining["days_ahead"]).fillna(1.0)
    recognized = line_items["recognized"] + line_items["expected"] * (1 - share)
    return line_items.assign(recognized=recognized, expected=line_items["expected"] * share)


def _bridge_rows(
    index: pd.MultiIndex, amounts: Floats, first: Floats, last: Floats, evidence: dict[tuple[str, Any, str], str]
) -> pd.DataFrame:
    """The rows of leaves and of the total, from whole cents (causes × leaves and months); those of 0 are left out."""
    leaves = pd.DataFrame({"node": index.get_level_values(0), "period": index.get_level_values(1)})
    tables = [
        leaves.assign(cause=cause, cents=cents, before=first, now=last)
        for cause, cents in zip(CAUSES, amounts, strict=True)
    ]
    rows, columns = pd.concat(tables, ignore_index=True), ["cents", "before", "now"]
    total = rows.groupby(["period", "cause"], sort=False)[columns].sum().reset_index().assign(node="total")
    rows = pd.concat([total, rows[rows["node"] != "all"]], ignore_index=True)
    rows = rows[rows["cents"] != 0]
    texts = [
        evidence.get(("", "", cause)) or evidence.get((node, month, cause))
        for node, month, cause in rows[["node", "period", "cause"]].itertuples(index=False)
    ]
    return rows.assign(
        evidence=pd.Series(texts, index=rows.index, dtype=object),
        grain="month",
        amount=rows["cents"] / 100,
        previous_point=rows["before"] / 100,
        point=rows["now"] / 100,
        period=pd.to_datetime(rows["period"]).dt.date,
    ).drop(columns=columns)


def _evidence(movements: pd.DataFrame, unexplained: bool) -> dict[tuple[str, Any, str], str]:
    """By node, month and cause: how many contracts or deals moved, and the largest. Other causes have one text, under
    the node and month ``""``."""
    amount = movements["recognized"] + movements["expected"]
    by_leaf = movements.assign(amount=amount, size=amount.abs())
    rows = pd.concat([by_leaf, by_leaf.assign(leaf="total")]).sort_values(["size", "key"], ascending=[False, True])
    by = ["leaf", "month", "cause"]
    counts = rows.groupby(by, sort=False)["key"].nunique()
    largest = rows[rows.groupby(by, sort=False).cumcount() < N_NAMED]
    texts = [f"{key} {amount:+,.0f}" for key, amount in zip(largest["key"], largest["amount"], strict=True)]
    named = largest.assign(text=texts).groupby(by, sort=False)["text"].agg(", ".join)
    numbers = counts.reindex(named.index)
    sentences = [f"{n} of them: {items}{', …' if n > N_NAMED else ''}" for n, items in zip(numbers, named, strict=True)]
    return {
        ("", "", ORDERS): "orders since, beyond what was forecast of these days",
        ("", "", TREND): "what the series forecast, by the same version of the model",
        ("", "", MODEL): "the model changed, and the earlier versions cannot all score this run"
        if unexplained
        else "the same facts, scored by the current versions",
        **dict(zip(named.index.to_list(), sentences, strict=True)),
    }
