"""The weight of the top-down forecast is that of least squares, shrunk towards a half."""

import numpy as np
import pytest

from models.revenue.combination import OriginForecasts, top_down_weight


def origin(weight: float, seed: int) -> OriginForecasts:
    """Forecasts of a year whose actuals are a weighted mean of both."""
    top_down, bottom_up = np.random.default_rng(seed).uniform(50, 150, (2, 12))
    return OriginForecasts(top_down, bottom_up, weight * top_down + (1 - weight) * bottom_up)


@pytest.mark.parametrize("weight", [0.0, 0.75, 1.0])
def test_the_weight_is_recovered_and_four_origins_count_as_much_as_the_prior(weight: float) -> None:
    assert top_down_weight([origin(weight, seed) for seed in range(4)]) == pytest.approx((weight + 0.5) / 2)
    assert top_down_weight([origin(weight, seed) for seed in range(396)]) == pytest.approx(weight, abs=0.01)


def test_without_origins_or_where_both_agree_the_weight_is_a_half() -> None:
    same = np.full(12, 100.0)
    assert top_down_weight([]) == 0.5
    assert top_down_weight([OriginForecasts(same, same, same + 5)]) == 0.5


def test_the_weight_stays_within_zero_and_one() -> None:
    top_down, bottom_up = np.full(12, 100.0), np.full(12, 110.0)
    beyond = OriginForecasts(top_down, bottom_up, np.full(12, 80.0))
    assert top_down_weight([beyond] * 996) == pytest.approx(1.0, abs=0.01)
    assert top_down_weight([beyond]) == pytest.approx((1 + 0.5 * 4) / 5)
