"""Panels, ways to forecast, coherence, the backtest and intervals, on series whose future is known."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from features.series import Grain
from models.backtest import backtest, choose, combined, every_way, origins, prequential
from models.forecast_trees import FEATURES, Lessons, Trees, rows_at
from models.forecasters import GROWN, MIXED, PLAIN, PROPHET, TREES, seasonal_growth, seasonal_naive
from models.intervals import conformal_quantile, fit_widths, half_widths
from models.panel import FEWEST, Panel, reconcile, to_the_cent


def series(
    amounts: dict[str, "np.ndarray | list[float]"], grain: Grain = "month", last: str = "2024-06-03"
) -> pd.DataFrame:
    """Series by node that all end with the same period."""
    longest = max(len(values) for values in amounts.values())
    periods = pd.date_range(end=last, periods=longest, freq="MS" if grain == "month" else "W-MON")
    parts = [
        pd.DataFrame({"level": node.split(":")[0], "node": node, "period": periods[-len(values) :], "amount": values})
        for node, values in amounts.items()
    ]
    return pd.concat(parts, ignore_index=True)


def yearly(months: int, growth: float = 1.0) -> "np.ndarray":
    """A season that repeats exactly, times a yearly growth."""
    month = np.arange(months)
    return 1000 * (1 + 0.3 * np.sin(2 * np.pi * month / 12)) * growth ** (month / 12)


def company_series(months: int = 40, growth: float = 1.3) -> dict[Grain, pd.DataFrame]:
    """Two regions, one of two segments, that grow by a rate."""
    rng = np.random.default_rng(0)

    def of(count: int, scale: float) -> dict[str, np.ndarray]:
        step = np.arange(count) / (12 if scale == 1 else 52)
        leaves = {
            node: size
            * growth**step
            * (1 + 0.2 * np.sin(2 * np.pi * step))
            * rng.normal(1, 0.03, count)
            / (13 / 3 if scale != 1 else 1)
            for node, size in (("segment:north/a", 500), ("segment:north/b", 300), ("segment:south/a", 200))
        }
        north, south = leaves["segment:north/a"] + leaves["segment:north/b"], leaves["segment:south/a"]
        return {"total": north + south, "region:north": north, "region:south": south, **leaves}

    return {
        "month": series(of(months, 1), "month"),
        "week": series(of(months * 13 // 3, 2), "week", "2024-06-24"),
    }


def test_a_segment_belongs_to_the_region_whose_name_begins_its_own() -> None:
    flat = [1.0] * 3
    nodes = ["total", "region:a", "region:a/b", "segment:a/x", "segment:a/b/x", "segment:a/b/c/y"]
    panel = Panel.of(series(dict.fromkeys(nodes, flat)), "month")
    wholes = {node: panel.nodes[at] if at >= 0 else None for node, at in zip(panel.nodes, panel.parent, strict=True)}
    assert wholes == {
        "total": None,
        "region:a": "total",
        "region:a/b": "total",
        "segment:a/x": "region:a",
        "segment:a/b/x": "region:a/b",
        "segment:a/b/c/y": "region:a/b",
    }


def test_segments_without_regions_belong_to_the_total() -> None:
    panel = Panel.of(series({"total": [2.0], "segment:unknown/x": [1.0], "segment:unknown/y": [1.0]}), "month")
    assert panel.parent == (-1, 0, 0)


def test_reconciled_forecasts_add_up_and_lean_on_the_better_known_nodes() -> None:
    panel = Panel.of(series({"total": [30.0] * 3, "region:a": [10.0] * 3, "region:b": [20.0] * 3}), "month")
    base = np.array([[36.0, 10.0, 20.0]])
    assert reconcile(panel, base, np.array([1.0, 1.0, 1.0])) == pytest.approx(np.array([[34.0, 12.0, 22.0]]))
    assert reconcile(panel, base, np.array([1e-3, 1.0, 1.0])) == pytest.approx(np.array([[36.0, 13.0, 23.0]]), rel=1e-4)
    assert reconcile(panel, base, np.array([1.0, 1e-3, 1.0]))[0, 1] == pytest.approx(10.0, abs=1e-3)


def test_no_reconciled_forecast_is_negative_and_cents_add_up_exactly() -> None:
    rng = np.random.default_rng(1)
    leaves = [f"segment:{region}/{segment}" for region in "abc" for segment in "xyz"]
    nodes = ["total", "region:a", "region:b", "region:c", *leaves]
    panel = Panel.of(series({node: [1.0] * 3 for node in nodes}), "month")
    coherent = to_the_cent(panel, reconcile(panel, rng.normal(50, 60, (12, len(nodes))), rng.uniform(1, 9, len(nodes))))
    cents = np.round(coherent * 100).astype(np.int64)
    places = {node: place for place, node in enumerate(panel.nodes)}
    assert (cents >= 0).all()
    assert (cents[:, places["total"]] == cents[:, [places[leaf] for leaf in leaves]].sum(axis=1)).all()
    for region in "abc":
        parts = [places[leaf] for leaf in leaves if leaf.startswith(f"segment:{region}/")]
        assert (cents[:, places[f"region:{region}"]] == cents[:, parts].sum(axis=1)).all()


def test_the_plain_forecast_repeats_the_year_before_and_the_recent_mean_without_one() -> None:
    panel = Panel.of(series({"total": [*range(1, 15)], "region:new": [5.0, 6.0, 10.0]}), "month")
    said = seasonal_naive(panel, 14, 13)
    assert said[:, 0].tolist() == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 3]
    assert said[:, 1].tolist() == [7.0] * 9 + [5.0, 6.0, 10.0, 7.0]  # its own year before, once there is one


def test_growth_of_the_recent_quarter_is_carried_on_by_half() -> None:
    panel = Panel.of(series({"total": [100.0] * 12 + [400.0] * 12}), "month")
    assert seasonal_growth(panel, 24, 2)[:, 0].tolist() == [800.0, 800.0]  # 400 · √4
    assert seasonal_growth(Panel.of(series({"total": [0.0] * 24}), "month"), 24, 1)[0, 0] == 0.0


def test_no_way_sees_the_periods_after_its_origin() -> None:
    before = Panel.of(company_series()["month"], "month")
    changed = before.values.copy()
    changed[30:] *= 7.0
    after = replace(before, values=changed)
    trees = [Trees.fit(Lessons.of({"month": panel}), {"month": 30}, 0) for panel in (before, after)]
    said = [every_way(panel, 30, 6, fitted) for panel, fitted in zip((before, after), trees, strict=True)]
    assert set(said[0]) == {PLAIN, GROWN, TREES, PROPHET, MIXED}
    for way, forecast in said[0].items():
        np.testing.assert_array_equal(forecast, said[1][way])


def test_weeks_of_an_origin_were_over_when_its_months_were() -> None:
    panels = {grain: Panel.of(rows, grain) for grain, rows in company_series().items()}
    cuts = origins(panels)
    assert len(cuts) == 8
    for cut in cuts:
        month, week = panels["month"].periods[cut["month"]], panels["week"].periods[cut["week"]]
        assert pd.Timedelta(0) <= month - week < pd.Timedelta(days=7)
        assert cut["month"] >= FEWEST["month"]


def test_where_revenue_grows_the_backtest_prefers_a_way_that_knows_growth() -> None:
    panels = {grain: Panel.of(rows, grain) for grain, rows in company_series().items()}
    past = backtest(panels, 0, ways={PLAIN, GROWN, TREES})
    choices = choose(past)
    assert {way for choice in choices.values() for way in choice.values()} <= {GROWN, TREES}
    shipped = np.concatenate([origin.losses(said).ravel() for origin, said in prequential(past)])
    plain = np.concatenate([origin.losses(origin.shipped({})).ravel() for origin, _ in prequential(past)])
    assert np.nanmean(shipped) < 0.7 * np.nanmean(plain)


def test_where_every_year_is_the_same_the_plain_forecast_stays() -> None:
    panels = {"month": Panel.of(series({"total": yearly(40)}), "month")}
    assert choose(backtest(panels, 0, ways={PLAIN, GROWN})) == {"month": {"total": PLAIN}}


def test_trees_are_fitted_the_same_way_twice() -> None:
    panel = Panel.of(company_series()["month"], "month")
    one, other = (Trees.fit(Lessons.of({"month": panel}), {"month": 36}, 5) for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one(panel, 36, 6), other(panel, 36, 6))
    assert Trees.fit(Lessons.of({"month": panel}), {"month": 13}, 5) is None


def test_every_level_counts_alike_whatever_its_nodes() -> None:
    panel = Panel.of(company_series()["month"], "month")
    origin = backtest({"month": panel}, 0, ways={PLAIN})[0]
    weights = origin.weights()
    by_level = [weights[:, np.array(panel.levels) == level].sum() for level in ("total", "region", "segment")]
    assert by_level == pytest.approx([by_level[0]] * 3)
    assert weights.sum() == pytest.approx(origin.judged.sum())


def test_a_conformal_bound_is_the_order_statistic_that_its_theorem_names() -> None:
    errors = np.arange(1.0, 20.0)
    assert conformal_quantile(errors, 0.95) == 19.0  # ⌈20 · 0.95⌉ = 19th of 19
    assert conformal_quantile(errors, 0.5) == 10.0
    assert conformal_quantile(errors[:18], 0.95) is None


def test_intervals_hold_what_they_promise_when_errors_stay_as_they_were() -> None:
    rng = np.random.default_rng(2)
    past = {"total": [(step, np.abs(rng.standard_t(4, 60)) * np.sqrt(step)) for step in range(1, 13)]}
    widths = fit_widths(past, 12)
    for width in (50, 80, 95):
        half = half_widths(widths, "total", width, 12)
        assert (np.diff(half) >= 0).all()
        held = [np.mean(np.abs(rng.standard_t(4, 4000)) * np.sqrt(step) <= half[step - 1]) for step in range(1, 13)]
        assert np.mean(held) == pytest.approx(width / 100, abs=0.05)


def test_a_level_of_few_errors_borrows_those_of_all_levels_and_says_the_widest_at_last() -> None:
    few = {"total": [(1, np.array([1.0, 2.0]))], "region": [(1, np.array([3.0, 4.0, 5.0]))]}
    widths = fit_widths(few, 2)
    assert half_widths(widths, "total", 50, 1).tolist() == [2.0]  # ⌈3 · 0.5⌉ = 2nd of its own
    assert half_widths(widths, "total", 80, 1).tolist() == [5.0]  # ⌈6 · 0.8⌉ = 5th of all
    assert half_widths(widths, "total", 95, 1).tolist() == [5.0]


def test_both_grains_have_a_season_and_a_horizon() -> None:
    assert set(FEWEST) == set(get_args(Grain))


def test_lessons_of_an_origin_are_those_whose_periods_were_over() -> None:
    panel = Panel.of(company_series()["month"], "month")
    before = replace(panel, periods=panel.periods[:20], values=panel.values[:20])
    early, late = (Lessons.of({"month": which}) for which in (before, panel))
    known = late.before({"month": 20})
    assert len(known) == len(early.came) > 0
    np.testing.assert_array_equal(late.rows[known], early.rows)
    np.testing.assert_array_equal(late.came[known], early.came)


def test_features_of_time_are_those_of_the_calendar() -> None:
    panels = {grain: Panel.of(rows, grain) for grain, rows in company_series().items()}
    for grain, panel in panels.items():
        rows = rows_at(panel, 30, 20)
        ahead = pd.date_range(panel.periods[30], periods=20, freq="MS" if grain == "month" else "W-MON")
        assert list(rows) == list(FEATURES)
        assert rows["month"].tolist() == np.repeat(ahead.month, len(panel.nodes)).tolist()
        assert rows["week"].tolist() == np.repeat(ahead.isocalendar().week, len(panel.nodes)).tolist()
        assert panel.future(30, 20).tolist() == ahead.tolist()


def test_a_young_node_is_given_its_recent_share_of_its_whole() -> None:
    whole, young = np.full(30, 1000.0), np.array([50.0, 100.0, 150.0])
    old = whole - np.concatenate([np.zeros(27), young])
    panel = Panel.of(series({"total": whole, "region:old": old, "region:young": young}), "month")
    said = combined(panel, 30, {PLAIN: seasonal_naive(panel, 30, 2)}, {})
    assert panel.shares(30).tolist() == pytest.approx([1.0, 0.9, 0.1])
    assert said[:, 2] == pytest.approx(np.full(2, 100.0), rel=0.15)  # and made coherent: the old one repeats its year
    np.testing.assert_allclose(said[:, 1] + said[:, 2], said[:, 0])
    assert panel.scale(30)[2] >= 100.0  # all that it brings may be missed
