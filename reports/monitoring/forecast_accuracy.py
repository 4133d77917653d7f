"""Accuracy of past revenue forecasts against actuals, and of two simple methods from the same nights.

Seasonal naive repeats the period of a year before. The stage-weighted pipeline is running MRR, and each open deal at
amount × win rate of its stage in the period of its expected close. All kept nights count alike.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.conform import conform
from data.outputs.report_tables import FORECAST_ACCURACY
from data.outputs.score_tables import INTERVAL_LEVELS
from data.store.forecast_ledger import FORECAST_COLUMNS
from features.company import Company
from features.revenue.bookings import (
    closed_deals,
    first_stage_dates,
    open_deal_bookings,
    subscription_bookings,
    win_rate_by_stage,
)
from features.revenue.series import Grain, period_starts, revenue_series

KEPT_LEVELS = ("total", "region", "segment")
"""Levels of kept forecasts; products and people may be too many."""
SEASON: dict[Grain, int] = {"month": 12, "week": 52}
DAYS: dict[Grain, float] = {"month": 365.25 / 12, "week": 7.0}
GRAINS: tuple[Grain, ...] = ("month", "week")
HALF_CENT = 0.005


def forecasts_to_keep(company: Company, forecast: pd.DataFrame) -> pd.DataFrame:
    """One row per node of ``KEPT_LEVELS``, grain and period, as the ledger keeps it: ``node, level, grain, period`` and
    ``FORECAST_COLUMNS``."""
    kept = forecast[forecast["level"].isin(KEPT_LEVELS) & forecast["point"].notna()]
    pipeline, tables = _Pipeline.from_company(company), []
    for grain in GRAINS:
        rows = kept[kept["grain"] == grain]
        periods = pd.DatetimeIndex(pd.to_datetime(rows["period"]))
        year = pd.DateOffset(years=1) if grain == "month" else pd.Timedelta(days=7 * SEASON[grain])
        history = _revenue_by_node(company, grain).stack()
        naive = history.reindex(pd.MultiIndex.from_arrays([periods - year, rows["node"]])).to_numpy(dtype=np.float64)
        expected = periods.map(pipeline.by_period(grain, periods.unique())).to_numpy(dtype=np.float64)
        of_total = pd.Series(expected, index=rows.index).where(rows["level"] == "total")
        tables.append(rows.assign(naive=naive, pipeline=of_total))
    return pd.concat(tables, ignore_index=True)[["node", "level", "grain", "period", *FORECAST_COLUMNS]]


def measure_accuracy(company: Company, past_forecasts: pd.DataFrame) -> pd.DataFrame:
    """``data.outputs.report_tables.FORECAST_ACCURACY``: one row per level, grain and bucket of each breakdown.

    ``past_forecasts`` are of ``data.store.forecast_ledger``.
    """
    tables = []
    for grain in GRAINS:
        matched = match_actuals(company, past_forecasts[past_forecasts["grain"] == grain], grain)
        for level, rows in matched.groupby("level", sort=False):
            breakdowns = {name: rows[name.replace(" ", "_")] for name in ("horizon", "week of quarter", "night")}
            for breakdown, buckets in {"all": pd.Series("all", index=rows.index), **breakdowns}.items():
                for bucket, forecasts in rows.groupby(buckets, sort=True):
                    names = {"level": level, "grain": grain, "breakdown": breakdown, "bucket": str(bucket)}
                    tables.append({**names, **_accuracy(forecasts)})
    return conform(pd.DataFrame(tables), FORECAST_ACCURACY)


def match_actuals(company: Company, past_forecasts: pd.DataFrame, grain: Grain) -> pd.DataFrame:
    """One row per forecast of a period that is over: the forecast, its ``actual``, the ``scale`` of MASE (the mean
    absolute change over a year as known that night), ``horizon`` (periods ahead, 0: current), ``week_of_quarter`` and
    ``night``."""
    revenue = _revenue_by_node(company, grain)
    actuals = revenue.melt(ignore_index=False, var_name="node", value_name="actual")
    actuals = actuals.set_index("node", append=True).dropna()
    forecasts = past_forecasts.assign(period=pd.to_datetime(past_forecasts["period"]))
    rows = forecasts.join(actuals, on=["period", "node"], how="inner")
    nights = pd.DatetimeIndex(pd.to_datetime(rows["as_of"]))
    under_way = pd.DatetimeIndex(period_starts(nights, grain))
    horizon = np.round((rows["period"].to_numpy() - under_way.to_numpy()) / np.timedelta64(1, "D") / DAYS[grain])
    days_of_quarter = (nights - nights.to_period("Q").start_time).days
    scales = {
        first: revenue.loc[revenue.index < pd.Timestamp(first)].diff(SEASON[grain]).abs().mean()
        for first in dict.fromkeys(under_way)
    }
    return rows.assign(
        horizon=[f"{int(step):02}" for step in horizon],
        week_of_quarter=[f"{int(days) // 7 + 1:02}" for days in days_of_quarter],
        night=[str(day.date()) for day in nights],
        scale=[scales[first].get(node, np.nan) for first, node in zip(under_way, rows["node"], strict=True)],
    )


def _accuracy(forecasts: pd.DataFrame) -> dict[str, float]:
    """Coverage of the intervals, bias, and WAPE and MASE of the forecasts and of the simple methods."""
    point, naive, pipeline, actuals = (
        forecasts[name].to_numpy(dtype=np.float64) for name in ("point", "naive", "pipeline", "actual")
    )
    scale = forecasts["scale"].where(forecasts["scale"] > 0).to_numpy(dtype=np.float64)
    revenue = float(np.abs(actuals).sum())
    coverage = {
        f"coverage_{width}": float(
            (
                (forecasts[f"low_{width}"] <= actuals + HALF_CENT) & (actuals <= forecasts[f"high_{width}"] + HALF_CENT)
            ).mean()
        )
        for width in INTERVAL_LEVELS
    }
    return {
        "matched": len(forecasts),
        **coverage,
        "bias": float((point - actuals).sum()) / revenue if revenue else float("nan"),
        "wape": _wape(point, actuals),
        "mase": _mase(point, actuals, scale),
        "naive_wape": _wape(naive, actuals),
        "naive_mase": _mase(naive, actuals, scale),
        "pipeline_wape": _wape(pipeline, actuals),
    }


def _wape(forecasts: Floats, actuals: Floats) -> float:
    """Weighted absolute percentage error, over the periods with a forecast."""
    known = ~np.isnan(forecasts)
    revenue = float(np.abs(actuals[known]).sum())
    return float(np.abs(forecasts[known] - actuals[known]).sum()) / revenue if known.any() and revenue else float("nan")


def _mase(forecasts: Floats, actuals: Floats, scale: Floats) -> float:
    """Mean absolute scaled error (Hyndman & Koehler 2006)."""
    errors = np.abs(forecasts - actuals) / scale
    return float(np.nanmean(errors)) if not np.isnan(errors).all() else float("nan")


def _revenue_by_node(company: Company, grain: Grain) -> pd.DataFrame:
    """Complete periods × nodes."""
    rows = revenue_series(company, grain)
    return rows.pivot(index="period", columns="node", values="amount").rename_axis(columns="node")


@dataclass(frozen=True, eq=False)
class _Pipeline:
    """The running ``mrr``, and ``amount`` × win rate of each open deal by the day it is ``due``, at the earliest the
    company's date."""

    mrr: float
    weighted_amount: "pd.Series[float]"
    due: pd.DatetimeIndex

    @classmethod
    def from_company(cls, company: Company) -> "_Pipeline":
        """The pipeline as of the company's date."""
        as_of = pd.Timestamp(company.as_of)
        contracts, deals = subscription_bookings(company), open_deal_bookings(company, [company.as_of])
        running = contracts[(contracts["started"] < as_of) & ~(contracts["ended"] < as_of)]
        deals = deals[deals["due"].notna()]
        win_rates = win_rate_by_stage(closed_deals(company), first_stage_dates(company))
        probability = deals["stage"].map(win_rates).fillna(win_rates[""]).astype("float64")
        due = pd.DatetimeIndex(deals["due"].where(deals["due"] >= as_of, as_of))
        return cls(float(running["mrr"].sum()), deals["amount"].astype("float64") * probability, due)

    def by_period(self, grain: Grain, periods: pd.DatetimeIndex) -> "dict[pd.Timestamp, float]":
        """Expected revenue by period."""
        deals = self.weighted_amount.groupby(period_starts(self.due, grain)).sum()
        recurring = self.mrr * (1.0 if grain == "month" else DAYS["week"] / DAYS["month"])
        return {period: recurring + float(deals.get(period, 0.0)) for period in periods}
