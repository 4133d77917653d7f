"""Repeat orders: planted shops are forecast by total and one by one; Pareto/NBD agrees with what is planted."""

import numpy as np
import pandas as pd
import pytest

from models.estimators.order_counts import OrderCountModel, count_orders, customer_histories
from models.estimators.pareto_nbd import ParetoNBDModel


def shop(customers: int, seed: int) -> pd.DataFrame:
    """Orders of 100 weeks. Rates: gamma (0.6, 1 in 12 weeks), lifetimes exponential with gamma rates (0.7, 1 in 20)."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 12, customers)
    rate, leaving = rng.gamma(0.6, 1 / 12, customers), rng.gamma(0.7, 1 / 20, customers)
    end = np.minimum(100.0, start + rng.exponential(1 / np.maximum(leaving, 1e-9)))
    counts = rng.poisson(rate * (end - start))
    customer = np.repeat(np.arange(customers), counts)
    later = start[customer] + rng.random(len(customer)) * (end - start)[customer]
    return pd.DataFrame(
        {"customer": np.concatenate([np.arange(customers), customer]), "time": np.concatenate([start, later])}
    )


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return shop(4_000, seed=2)


def test_pareto_finds_the_planted_rates_and_lifetimes(orders: pd.DataFrame) -> None:
    model = ParetoNBDModel().fit(customer_histories(orders, 50.0))
    assert model.r_ == pytest.approx(0.6, rel=0.15)
    assert model.alpha_ == pytest.approx(12.0, rel=0.2)
    assert model.s_ / model.beta_ == pytest.approx(0.7 / 20, rel=0.3)


def test_pareto_knows_how_many_are_alive_and_what_they_order(orders: pd.DataFrame) -> None:
    now = customer_histories(orders, 50.0)
    model = ParetoNBDModel().fit(now)
    observed = count_orders(orders, now.index, 50.0, 90.0)
    assert model.predict(now, 40.0).sum() == pytest.approx(observed.sum(), rel=0.1)
    silent = now["frequency"].to_numpy() == 0
    assert model.predict(now, 40.0)[silent].sum() == pytest.approx(observed[silent].sum(), rel=0.2)
    assert ParetoNBDModel.from_state(model.state()).predict(now, 40.0) == pytest.approx(model.predict(now, 40.0))


def test_pareto_is_negative_binomial_where_nobody_leaves() -> None:
    """With lifetimes of millions of weeks, orders to come are (r + x) / (alpha + age) a week."""
    model = ParetoNBDModel.from_state({"r": 0.5, "alpha": 10.0, "s": 1.0, "beta": 1e9})
    rows = pd.DataFrame({"frequency": [0, 3, 300], "recency": [0.0, 20.0, 29.0], "age": 30.0})
    assert model.predict(rows, 10.0) == pytest.approx([0.125, 0.875, 75.125], rel=1e-4)
    assert model.probability_alive(rows) == pytest.approx([1, 1, 1], abs=1e-4)


def test_expected_and_likely_orders_add_up_to_the_same_and_likely_errs_less(orders: pd.DataFrame) -> None:
    model = OrderCountModel().fit(orders, 50.0)
    now = customer_histories(orders, 50.0)
    observed = count_orders(orders, now.index, 50.0, 90.0)
    expected, likely = model.predict(now, 40.0), model.predict_for_absolute_error(now, 40.0)
    assert likely.sum() == pytest.approx(expected.sum(), rel=1e-6)
    assert expected.sum() == pytest.approx(observed.sum(), rel=0.12)
    assert np.abs(likely - observed).mean() < 0.97 * np.abs(expected - observed).mean()
    assert ((expected - observed) ** 2).mean() < ((likely - observed) ** 2).mean()


def test_a_level_that_rose_of_late_is_followed(orders: pd.DataFrame) -> None:
    """Orders of the latest quarter are doubled: the forecast is higher by more than the models see by themselves."""
    late = orders[(orders["time"] > 37.5) & (orders["time"] <= 49.0)]
    more = pd.concat([orders, late.assign(time=late["time"] + 0.5)], ignore_index=True)
    assert OrderCountModel().fit(orders, 50.0).level_ == pytest.approx(1.0, abs=0.12)
    assert OrderCountModel().fit(more, 50.0).level_ > 1.3


def test_histories_hold_nothing_from_after_their_time(orders: pd.DataFrame) -> None:
    some = pd.DataFrame({"customer": ["a", "a", "a", "a", "b", "c"], "time": [1.0, 4.0, 4.0, 9.0, 2.0, 8.0]})
    rows = customer_histories(some, 6.0)
    assert rows.to_dict("index") == {
        "a": {"frequency": 1, "recency": 3.0, "age": 5.0},
        "b": {"frequency": 0, "recency": 0.0, "age": 4.0},
    }
    assert list(count_orders(some, rows.index, 4.0, 9.0)) == [1.0, 0.0]


def test_a_shop_where_nobody_returns_is_refused() -> None:
    with pytest.raises(ValueError, match="0 of 90 customers have a repeat order"):
        OrderCountModel().fit(pd.DataFrame({"customer": range(90), "time": 1.0}), 20.0)
