"""How right the published forecasts were: what was promised, set against what came, beside two plain ways to know.

The plain ways said their numbers on the same nights: the seasonal naive repeats the period of a year before, and the
stage-weighted pipeline is what contracts bring if all stay, with every open deal at its amount times the share won of
its stage, in the period in which its close is expected. Only periods that are over are judged, and all nights that the
ledger keeps count alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import FORECAST_ACCURACY
from data.outputs.score_tables import WIDTHS
from data.store.forecast_ledger import NUMBERS
from features.company import Company
from features.revenue.bookings import closed_deals, subscription_bookings, open_deal_bookings, win_rate_by_stage, first_stage_dates
from features.revenue.series import Grain, period_starts, revenue_series

KEPT_LEVELS = ("total", "region", "segment")
"""Levels whose forecasts are kept: of products and people there may be too many."""
SEASON: dict[Grain, int] = {"month": 12, "week": 52}
DAYS: dict[Grain, float] = {"month": 365.25 / 12, "week": 7.0}
GRAINS: tuple[Grain, ...] = ("month", "week")


def forecasts_told(company: Company, forecast: pd.DataFrame) -> pd.DataFrame:
    """Tonight's forecasts as the ledger keeps them: ``node, level, grain, period`` and ``NUMBERS``."""
    mine = forecast[forecast["level"].isin(KEPT_LEVELS) & forecast["point"].notna()]
    plain, tables = _Pipeline.of(company), []
    for grain in GRAINS:
        rows = mine[mine["grain"] == grain]
        history = _wide(company, grain)
        days = pd.DatetimeIndex(pd.to_datetime(rows["period"]))
        before = days - (pd.DateOffset(years=1) if grain == "month" else pd.Timedelta(days=7 * SEASON[grain]))
        told = history.stack().reindex(pd.MultiIndex.from_arrays([before, rows["node"]])).to_numpy(dtype=np.float64)
        weighted = days.map(plain.by_period(grain, days.unique())).to_numpy(dtype=np.float64)
        pipeline = pd.Series(weighted, index=rows.index).where(rows["level"] == "total")
        tables.append(rows.assign(naive=told, pipeline=pipeline))
    every = pd.concat(tables, ignore_index=True)
    return every[["node", "level", "grain", "period", *NUMBERS]]


def accuracy(company: Company, foreseen: pd.DataFrame) -> pd.DataFrame:
    """``data.outputs.report_tables.FORECAST_ACCURACY`` of past forecasts (``data.store.forecast_ledger.forecasts_before``)."""
    tables = []
    for grain in GRAINS:
        judged = matched(company, foreseen[foreseen["grain"] == grain], grain)
        for level, rows in judged.groupby("level", sort=False):
            parts = [("all", pd.Series("all", index=rows.index))]
            parts += [(name, rows[name.replace(" ", "_")]) for name in ("horizon", "week of quarter", "night")]
            for split, part in parts:
                for value, cells in rows.groupby(part, sort=True):
                    figures = _figures(cells)
                    tables.append({"level": level, "grain": grain, "breakdown": split, "bucket": str(value), **figures})
    return conform(pd.DataFrame(tables), FORECAST_ACCURACY)


def matched(company: Company, foreseen: pd.DataFrame, grain: Grain) -> pd.DataFrame:
    """The forecasts whose periods are over, with what ``came``, the ``scale`` of MASE (what a period usually changed in
    a year, as was known that night), the ``horizon`` (periods ahead, 0: under way), ``week_of_quarter`` and ``night``.
    """
    wide = _wide(company, grain)
    period = pd.to_datetime(foreseen["period"])
    came = wide.melt(ignore_index=False, var_name="node", value_name="came").set_index("node", append=True).dropna()
    rows = foreseen.assign(period=period).join(came, on=["period", "node"], how="inner")
    nights = pd.DatetimeIndex(pd.to_datetime(rows["as_of"]))
    first = pd.DatetimeIndex(period_starts(nights, grain))
    horizon = np.round((rows["period"].to_numpy() - first.to_numpy()) / np.timedelta64(1, "D") / DAYS[grain])
    quarter = nights.to_period("Q").start_time
    scales = {
        night: wide.loc[wide.index < pd.Timestamp(night)].diff(SEASON[grain]).abs().mean()
        for night in dict.fromkeys(first)
    }
    scale = [scales[night].get(node, np.nan) for night, node in zip(first, rows["node"], strict=True)]
    return rows.assign(
        horizon=[f"{int(step):02}" for step in horizon],
        week_of_quarter=[f"{int(days) // 7 + 1:02}" for days in (nights - quarter).days],
        night=[str(day.date()) for day in nights],
        scale=scale,
    )


def _figures(cells: pd.DataFrame) -> dict[str, float]:
    """What some forecasts promised against what came."""
    came = cells["came"].to_numpy(dtype=np.float64)
    whole = float(np.abs(came).sum())

    def share(values: npt.NDArray[np.float64]) -> float:
        known = ~np.isnan(values)
        base = float(np.abs(came[known]).sum())
        return float(np.abs(values[known] - came[known]).sum()) / base if known.any() and base else float("nan")

    def scaled(values: npt.NDArray[np.float64]) -> float:
        ratios = np.abs(values - came) / cells["scale"].where(cells["scale"] > 0).to_numpy(dtype=np.float64)
        return float(np.nanmean(ratios)) if not np.isnan(ratios).all() else float("nan")

    point, naive, pipeline = (cells[name].to_numpy(dtype=np.float64) for name in ("point", "naive", "pipeline"))
    held = {
        f"coverage_{width}": float(
            ((cells[f"low_{width}"] <= came + 0.005) & (came <= cells[f"high_{width}"] + 0.005)).mean()
        )
        for width in WIDTHS
    }
    return {
        "matched": len(cells),
        **held,
        "bias": float((point - came).sum()) / whole if whole else float("nan"),
        "wape": share(point),
        "mase": scaled(point),
        "naive_wape": share(naive),
        "naive_mase": scaled(naive),
        "pipeline_wape": share(pipeline),
    }


def _wide(company: Company, grain: Grain) -> pd.DataFrame:
    """Complete periods × nodes."""
    rows = revenue_series(company, grain)
    return rows.pivot(index="period", columns="node", values="amount").rename_axis(columns="node")


@dataclass(frozen=True, eq=False)
class _Pipeline:
    """What contracts bring a month if all stay, and what every open deal would bring at the share won of its stage
    (``weighted``), by the day it is ``due``, at the earliest the company's date."""

    monthly: float
    weighted: pd.Series
    due: pd.DatetimeIndex

    @classmethod
    def of(cls, company: Company) -> "_Pipeline":
        as_of = pd.Timestamp(company.as_of)
        held, deals = subscription_bookings(company), open_deal_bookings(company, [company.as_of])
        running = held[(held["started"] < as_of) & ~(held["ended"] < as_of)]
        deals = deals[deals["due"].notna()]
        rates = win_rate_by_stage(closed_deals(company), first_stage_dates(company))
        chance = deals["stage"].map(rates).fillna(rates[""]).astype("float64")
        due = pd.DatetimeIndex(deals["due"].where(deals["due"] >= as_of, as_of))
        return cls(float(running["mrr"].sum()), deals["amount"].astype("float64") * chance, due)

    def by_period(self, grain: Grain, periods: pd.DatetimeIndex) -> "dict[pd.Timestamp, float]":
        """What comes in each period."""
        weighted = self.weighted.groupby(period_starts(self.due, grain)).sum()
        recurring = self.monthly * (1.0 if grain == "month" else DAYS["week"] / DAYS["month"])
        return {period: recurring + float(weighted.get(period, 0.0)) for period in periods}
