"""Buying without a contract: planted rates, leaving and spends come back; what cannot be learnt is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, gamma
from sklearn.exceptions import NotFittedError

from models.estimators.bg_nbd import BetaGeoModel
from models.estimators.gamma_gamma import GammaGammaModel

PLANTED = {"r": 0.9, "alpha": 20.0, "a": 0.7, "b": 2.5}


def bought(customers: int, weeks: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """One row per customer as of week ``weeks`` of its own, and its orders in as many weeks after."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(PLANTED["r"], 1 / PLANTED["alpha"], customers)
    leaves = rng.beta(PLANTED["a"], PLANTED["b"], customers)
    rows, later = [], []
    for rate, leave in zip(rates, leaves, strict=True):
        at, times = 0.0, []
        while (at := at + rng.exponential(1 / rate)) < 2 * weeks:
            times.append(at)
            if rng.random() < leave:
                break
        before = [time for time in times if time < weeks]
        rows.append((len(before), before[-1] if before else 0.0, weeks))
        later.append(len(times) - len(before))
    return pd.DataFrame(rows, columns=["frequency", "recency", "age"]), np.array(later)


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, np.ndarray]:
    return bought(8_000, 50.0, seed=4)


@pytest.fixture(scope="module")
def model(shop: tuple[pd.DataFrame, np.ndarray]) -> BetaGeoModel:
    return BetaGeoModel().fit(shop[0])


def test_planted_rates_and_leaving_come_back(model: BetaGeoModel) -> None:
    assert model.r_ == pytest.approx(PLANTED["r"], rel=0.15)
    assert model.alpha_ == pytest.approx(PLANTED["alpha"], rel=0.15)
    assert model.a_ / (model.a_ + model.b_) == pytest.approx(0.7 / 3.2, rel=0.1)


def test_as_many_order_as_expected_at_every_number_of_past_orders(
    model: BetaGeoModel, shop: tuple[pd.DataFrame, np.ndarray]
) -> None:
    rows, later = shop
    expected = model.predict(rows, 50.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.05)
    for part in (rows["frequency"] == 0, rows["frequency"].between(1, 3), rows["frequency"] > 3):
        assert expected[part].mean() == pytest.approx(later[part].mean(), rel=0.1)


def test_the_expectation_is_the_integral_over_rates_and_chances_of_leaving() -> None:
    """Of a customer that never came back, so that both spreads are known: worked out by numbers, not by formula."""
    model = BetaGeoModel.from_state(PLANTED)
    one = pd.DataFrame({"frequency": [0], "recency": [0.0], "age": [10.0]})
    rate, leave = gamma(PLANTED["r"], scale=1 / 30.0), beta(PLANTED["a"], PLANTED["b"])
    at = (np.arange(2_000) + 0.5) / 2_000
    rates, leaves = rate.ppf(at)[:, None], leave.ppf(at)[None, :]
    mean = (-np.expm1(-rates * leaves * 15.0) / leaves).mean()
    assert model.predict(one, 15.0)[0] == pytest.approx(mean, rel=2e-3)


def test_the_unit_of_time_changes_nothing(model: BetaGeoModel, shop: tuple[pd.DataFrame, np.ndarray]) -> None:
    rows = shop[0]
    days = rows.assign(recency=rows["recency"] * 7, age=rows["age"] * 7)
    assert BetaGeoModel().fit(days).predict(days, 350.0) == pytest.approx(model.predict(rows, 50.0), rel=1e-3, abs=1e-3)


def test_hundreds_of_orders_and_parameters_at_a_pole_give_finite_expectations() -> None:
    rows = pd.DataFrame({"frequency": [0, 1, 900], "recency": [0.0, 1.0, 364.0], "age": [0.0, 365.0, 365.0]})
    for a in (0.5, 1.0, 1.5):
        expected = BetaGeoModel.from_state(
            {"r": 0.5, "alpha": 10.0, "a": a, "b": 1.0 if a == 1 else 1 - a / 2}
        ).predict(rows, 365)
        assert np.isfinite(expected).all()
        assert expected[2] > expected[0] > 0


def test_where_nearly_all_leave_alike_the_expectation_is_that_of_one_chance_of_leaving() -> None:
    """Chances all but equal to 0.1, rates to 0.2 a week: expected orders are (1 - exp(-0.2 · 0.1 · weeks)) / 0.1."""
    model = BetaGeoModel.from_state({"r": 2e3, "alpha": 1e4, "a": 2e2, "b": 1.8e3})
    new = pd.DataFrame({"frequency": [0, 0], "recency": [0.0, 0.0], "age": [1e-9, 1e-9]})
    assert model.predict(new, 500.0)[0] == pytest.approx(-np.expm1(-0.02 * 500) / 0.1, rel=0.01)


def test_a_long_silence_after_many_orders_means_gone() -> None:
    rows = pd.DataFrame({"frequency": [10, 10, 0], "recency": [48.0, 12.0, 0.0], "age": 50.0})
    alive = BetaGeoModel.from_state(PLANTED).probability_alive(rows)
    assert alive[0] > 0.8 > 0.1 > alive[1]
    assert alive[2] == 1.0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"frequency": [0] * 50, "recency": [0.0] * 50, "age": [9.0] * 50}, "0 of 50 customers have a repeat order"),
        ({"frequency": [0] * 50, "recency": [0.0] * 50, "age": [0.0] * 50}, "0 of 50 customers have a repeat order"),
        ({"frequency": [1] * 50, "recency": [9.0] * 50, "age": [8.0] * 50}, "recency is not within 0 and age in 50"),
        ({"frequency": [1.5] * 50, "recency": [1.0] * 50, "age": [8.0] * 50}, "not a whole number"),
        ({"frequency": [1] * 50, "recency": [np.inf] * 50, "age": [8.0] * 50}, "recency is missing or infinite in 50"),
        ({"frequency": [1] * 50, "age": [8.0] * 50}, "no column 'recency'"),
    ],
)
def test_what_cannot_be_learnt_is_refused_with_the_reason(rows: dict[str, list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BetaGeoModel().fit(pd.DataFrame(rows))


def test_planted_spends_come_back_and_few_orders_are_drawn_to_the_mean() -> None:
    rng = np.random.default_rng(5)
    frequency = rng.integers(1, 9, 6_000)
    means = 4.0 / rng.gamma(5.0, 1 / 60.0, 6_000)
    spend = rng.gamma(4.0 * frequency, 1.0) / 4.0 * means / frequency
    rows = pd.DataFrame({"frequency": frequency, "spend": spend})
    model = GammaGammaModel().fit(rows)
    assert (model.p_, model.q_) == pytest.approx((4.0, 5.0), rel=0.1)
    assert model.predict(rows).mean() == pytest.approx(means.mean(), rel=0.03)
    few = pd.DataFrame({"frequency": [0, 1, 50], "spend": [np.nan, 100.0, 100.0]})
    nobody, once, often = model.predict(few)
    assert nobody < once < often < 100.0


def test_spends_that_tell_nothing_are_refused() -> None:
    rows = pd.DataFrame({"frequency": [2] * 40, "spend": [5.0] * 40})
    with pytest.raises(ValueError, match="every customer spends 5 an order"):
        GammaGammaModel().fit(rows)
    with pytest.raises(ValueError, match="spend is not above 0 in 40 rows"):
        GammaGammaModel().fit(rows.assign(spend=-1.0))
    with pytest.raises(ValueError, match="0 of 40 customers have a repeat order"):
        GammaGammaModel().fit(rows.assign(frequency=0))


def test_nothing_is_said_before_it_is_fitted() -> None:
    with pytest.raises(NotFittedError, match="call fit first"):
        BetaGeoModel().probability_alive(pd.DataFrame({"frequency": [0], "recency": [0.0], "age": [1.0]}))
