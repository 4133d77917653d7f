"""Benchmarking to months and proportional fitting to margins keep the sums that they promise."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.revenue.allocation import Margin, benchmark_pro_rata, iterative_proportional_fitting
from models.revenue.period_grid import PeriodGrid
from models.revenue.segments import SegmentIndex

GRID = PeriodGrid.from_date(date(2024, 6, 5))


def test_benchmarked_sub_periods_sum_to_their_month_and_keep_its_shape() -> None:
    rng = np.random.default_rng(1)
    shape = np.where(GRID.ahead & (GRID.month >= 0), rng.uniform(1, 5, (3, len(GRID.days))), 0.0)
    benchmark = rng.uniform(100, 900, (3, 12))
    fitted = benchmark_pro_rata(shape, benchmark, np.zeros_like(shape), GRID)
    assert GRID.sum_by_month(fitted) == pytest.approx(benchmark, abs=1e-9)
    of_june = np.flatnonzero(GRID.ahead & (GRID.month == 0))
    assert fitted[:, of_june] / fitted[:, of_june[:1]] == pytest.approx(shape[:, of_june] / shape[:, of_june[:1]])


def test_a_month_without_a_shape_takes_the_fallback() -> None:
    shape, fallback = np.zeros((1, len(GRID.days))), np.full((1, len(GRID.days)), 7.0)
    assert (benchmark_pro_rata(shape, np.full((1, 12), 50.0), fallback, GRID) == fallback).all()


def index(leaves: list[str]) -> SegmentIndex:
    code, names = pd.factorize(pd.Series(leaves))
    return SegmentIndex(pd.DataFrame(index=range(len(leaves))), {}, tuple(names), code.astype(np.int64), {})


def test_fitting_reaches_both_margins_where_they_agree() -> None:
    segments = index(["north", "north", "south", "south"])
    leaf_sums, product_sums = np.array([[30.0], [70.0]]), np.array([[40.0], [60.0]])
    margin = Margin(np.array([0, 1, 0, 1]), product_sums)
    fitted = iterative_proportional_fitting(np.ones((4, 1)), [margin], leaf_sums, segments)
    assert segments.sum_by_leaf(fitted) == pytest.approx(leaf_sums)
    assert fitted[[0, 2]].sum() == pytest.approx(40.0)
    assert fitted[:, 0].tolist() == pytest.approx([12.0, 18.0, 28.0, 42.0])


def test_leaves_keep_their_sums_where_a_margin_contradicts_them() -> None:
    segments = index(["north", "south"])
    margin = Margin(np.array([0, 1]), np.array([[90.0], [0.0]]))
    fitted = iterative_proportional_fitting(np.ones((2, 1)), [margin], np.array([[10.0], [20.0]]), segments)
    assert fitted[:, 0].tolist() == pytest.approx([10.0, 20.0])
