"""What the pool is put together from: weights, medians, bounds, ways to add up, and the readings of a calendar."""

import numpy as np
import pandas as pd
import pytest

from data.outputs.score_tables import WIDTHS
from models.forecasting.conformal import calibrate
from models.forecasting.ensemble_weights import (
    Weights,
    combined,
    fit_weights,
    foreseen_elsewhere,
    judged_apart,
    plain_wins,
    useful,
)
from models.forecasting.global_methods import TREES, Table, trees
from models.forecasting.local_methods import MEMBERS, PLAIN, ask
from models.forecasting.method import Task
from models.forecasting.prophet_method import holidays_of
from models.forecasting.reconciliation import WAYS, Hierarchy, choose, reconcile
from models.forecasting.series_preparation import Calendar, History

MONTHS = Calendar("M", pd.Timedelta(0))


def history(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", floor: float = 0.0) -> History:
    return History("a", 600, values, values, (), floor)


def test_a_member_that_always_hits_gets_nearly_all_the_weight_and_noise_leaves_weights_equal() -> None:
    rng = np.random.default_rng(0)
    came = rng.normal(0, 1, (40, 1, 12))
    right = fit_weights(np.stack([came + 1e-3 * rng.normal(0, 1, came.shape), came + 1.0, came + 2.0]), came, (12,))
    assert right.values[:, 0].min() > 0.9
    alike = fit_weights(came + rng.normal(0, 1, (3, 40, 1, 12)), came, (12,))
    np.testing.assert_allclose(alike.values, 1 / 3, atol=0.06)
    np.testing.assert_allclose(alike.values.sum(axis=1), 1.0)


def test_weights_follow_each_series_where_series_differ() -> None:
    rng = np.random.default_rng(1)
    came = rng.normal(0, 1, (60, 2, 12))
    off = np.where(np.arange(60)[:, None, None] < 30, 0.05, 3.0) * rng.choice([-1, 1], came.shape)
    found = fit_weights(np.stack([came + off, came + off[::-1]]), came, (24, 12))
    assert found.blend > 0
    assert (found.values[:30, 0] > 0.8).all()
    assert (found.values[30:, 1] > 0.8).all()


def test_from_one_origin_a_series_own_misses_count_for_nothing() -> None:
    """Each series' steps miss alike, for one member or the other: what looks like skill is one stroke of luck."""
    rng = np.random.default_rng(6)
    came = rng.normal(0, 1, (80, 1, 12))
    luck = rng.choice([0.05, 1.0], (2, 80, 1, 1)) * rng.choice([-1, 1], (2, 80, 1, 1))
    assert fit_weights(came + luck, came, (12,)).blend == 0.0


def test_what_a_rule_is_judged_by_was_not_learnt_from() -> None:
    """Which member is right changes from origin to origin: learnt from all of them, each looks better than it is."""
    came = np.zeros((1, 2, 8))
    said = np.stack([np.array([[[0.0] * 8, [4.0] * 8]]), np.array([[[4.0] * 8, [0.0] * 8]])])
    found = Weights(np.array([[0.5, 0.5]]), "mean", 0.5, 4.0)
    np.testing.assert_allclose(judged_apart(found, said, came, (16, 8)), 4.0, atol=0.02)
    np.testing.assert_allclose(found.combine(said), 2.0)


def test_a_period_that_two_origins_foresee_is_not_learnt_from_for_either() -> None:
    apart = foreseen_elsewhere((12, 8), 8)
    assert apart[0].tolist() == [[False] * 8, [False] * 4 + [True] * 4]  # the first sees to four before the end
    assert apart[1].tolist() == [[True] * 4 + [False] * 4, [False] * 8]


def test_weights_that_are_tried_are_of_the_kind_that_ships() -> None:
    """One member is far off on a tenth of the series and near on the rest: by halves it gets what it will get."""
    rng = np.random.default_rng(7)
    came = rng.normal(0, 1, (40, 1, 12))
    far = np.where(np.arange(40)[:, None, None] % 10 < 1, 20.0, 0.5)
    said = np.stack([came + far, came + 1.2, came - 1.0])
    found = fit_weights(said, came, (12,))
    ships = np.abs(found.combine(said) - came).mean()
    tried = np.abs(judged_apart(found, said, came, (12,)) - came).mean()
    assert tried == pytest.approx(ships, rel=0.2)
    assert ships < 1.0


def test_a_member_that_was_silent_in_the_backtest_gets_no_weight_beside_others() -> None:
    came = np.zeros((6, 1, 4))
    said = np.stack([came + 1.0, came - 1.0, np.full_like(came, np.nan)])
    np.testing.assert_allclose(fit_weights(said, came, (4,)).values, [[0.5, 0.5, 0.0]] * 6)


def test_the_weighted_median_is_the_middle_and_skips_who_says_nothing() -> None:
    said = np.array([[1.0, 1.0], [2.0, np.nan], [90.0, 5.0]])
    np.testing.assert_allclose(combined(said, np.ones_like(said), "median"), [2.0, 3.0])
    np.testing.assert_allclose(combined(said, np.ones_like(said), "mean"), [31.0, 3.0])
    np.testing.assert_allclose(combined(said, np.ones_like(said), "middle"), [16.5, 3.0])
    heavy = np.array([[0.1, 1.0], [0.1, 1.0], [9.8, 1.0]])
    assert combined(said, heavy, "median")[0] == pytest.approx(90.0, rel=0.02)
    assert np.isnan(combined(np.full((2, 1), np.nan), np.ones((2, 1)), "median")).all()


def test_a_member_that_harms_is_left_out_and_told_why() -> None:
    rng = np.random.default_rng(2)
    came = rng.normal(0, 1, (100, 12))
    good = came + rng.normal(0, 1, (4, 100, 12))
    kept, why = useful(np.concatenate([good, came[None] + 30.0]), came, ("a", "b", "c", "d", "far"))
    assert kept == [0, 1, 2, 3]
    assert set(why) == {"far"}
    assert why["far"].endswith("% more with it")


def test_the_plain_forecast_wins_only_beyond_chance() -> None:
    rng = np.random.default_rng(3)
    missed = np.abs(rng.normal(0, 1, (3, 2, 12)))
    plain = missed * np.array([0.5, 1.0, 1.5])[:, None, None]
    assert plain_wins(missed, plain).tolist() == [True, False, False]
    assert not plain_wins(missed[:, :1], plain[:, :1]).any()  # it was better once


def test_bounds_are_the_order_statistics_of_what_was_missed() -> None:
    missed = np.tile(np.arange(1.0, 200.0)[:, None, None], (1, 1, 2))  # 1 … 199 at both steps
    half = calibrate(missed, 2).half
    assert [half[width].tolist() for width in WIDTHS] == [[100.0] * 2, [160.0] * 2, [190.0] * 2]


def test_bounds_of_few_misses_are_wider_than_any_of_them() -> None:
    half = calibrate(np.array([[[1.0, 2.0]]]), 2).half
    assert half[95].tolist() == [3.0, 3.0]


def test_bounds_never_shrink_with_the_step() -> None:
    rng = np.random.default_rng(4)
    half = calibrate(np.abs(rng.normal(0, 1, (300, 1, 12))) * np.linspace(2, 1, 12), 12).half
    assert all((np.diff(half[width]) >= 0).all() for width in WIDTHS)


@pytest.fixture(scope="module")
def tree() -> Hierarchy:
    return Hierarchy.of(pd.DataFrame({"unique_id": ["a", "b", "c"], "half": ["x", "x", "y"]}))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_adds_up_and_leaves_what_adds_up_alone(tree: Hierarchy, way: str) -> None:
    rng = np.random.default_rng(5)
    misses = rng.normal(0, 1, (6, 40))
    said = rng.uniform(5, 10, (6, 4))
    assert tree.incoherence(said) > 0.1
    assert tree.incoherence(reconcile(tree, said, way, misses)) < 1e-9
    whole = tree.summing @ said[3:]
    np.testing.assert_allclose(reconcile(tree, whole, way, misses), whole, rtol=1e-6)


def test_leaves_are_not_below_the_floor_after_reconciling(tree: Hierarchy) -> None:
    said = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [30.0]])
    assert reconcile(tree, said, "ols").min() < 0
    assert reconcile(tree, said, "ols", floor=0.0).min() == 0.0


def test_good_wholes_and_bad_leaves_are_not_added_bottom_up(tree: Hierarchy) -> None:
    rng = np.random.default_rng(6)
    came = [tree.summing @ rng.uniform(5, 10, (3, 12)) for _ in range(4)]
    wild = np.array([0.01, 0.01, 0.01, 3.0, 3.0, 3.0])[:, None]
    said = [actual + wild * rng.normal(0, 1, actual.shape) for actual in came]
    chosen = choose(tree, said, came, [np.ones((6, 1))] * 4, (48, 36, 24, 12))
    assert chosen.way in ("wls_var", "mint_shrink")
    assert chosen.missed[chosen.way] < chosen.missed["bottom up"]
    assert not chosen.failed


def test_origins_that_lie_close_together_leave_every_way_to_be_tried(tree: Hierarchy) -> None:
    rng = np.random.default_rng(8)
    came = [tree.summing @ rng.uniform(5, 10, (3, steps)) for steps in (12, 8, 4)]
    wild = np.array([0.01, 0.01, 0.01, 3.0, 3.0, 3.0])[:, None]
    said = [actual + wild * rng.normal(0, 1, actual.shape) for actual in came]
    chosen = choose(tree, said, came, [np.ones((6, 1))] * 3, (12, 8, 4))
    assert not chosen.failed
    assert set(chosen.missed) == set(WAYS)
    assert chosen.way != "bottom up"


def test_a_leaf_named_like_a_node_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves are named like nodes above them: half=x; rename the leaves"):
        Hierarchy.of(pd.DataFrame({"unique_id": ["half=x", "b"], "half": ["x", "y"]}))


@pytest.mark.parametrize(
    ("days", "frequency", "season"),
    [
        (pd.date_range("2024-01-01", periods=9, freq="MS"), "M", 12),
        (pd.date_range("2024-01-31", periods=9, freq="ME"), "M", 12),
        (pd.date_range("2024-01-05", periods=9, freq="W-FRI"), "W-THU", 52),
        (pd.date_range("2024-01-01", periods=9, freq="W-MON"), "W-SUN", 52),
        (pd.date_range("2024-01-01", periods=9, freq="QS"), "Q", 4),
        (pd.date_range("2024-01-01", periods=9, freq="D"), "D", 7),
    ],
)
def test_a_calendar_is_read_from_the_days_and_gives_them_back(
    days: pd.DatetimeIndex, frequency: str, season: int
) -> None:
    calendar = Calendar.of(pd.Series(days))
    assert (calendar.frequency, calendar.season) == (frequency, season)
    assert calendar.days(calendar.ordinals(pd.Series(days))).tolist() == days.tolist()


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in ("ces", "prophet")])
def test_a_member_sees_nothing_after_its_origin(name: str) -> None:
    wave = 100 + 40 * np.sin(2 * np.pi * np.arange(60) / 12) + np.arange(60)
    other = wave.copy()
    other[-6:] += 1000
    told, again = (ask(Task(history(values), 12, 12, (6, 0), MONTHS), [name]) for values in (wave, other))
    assert not told.failed
    np.testing.assert_array_equal(told.values[0, 0], again.values[0, 0])
    assert (told.values[0, 1] != again.values[0, 1]).any()


def test_prophet_follows_trend_and_season_and_knows_the_feasts_that_move() -> None:
    months = np.arange(72)
    values = (100 + months) * (1 + 0.3 * np.sin(2 * np.pi * months / 12))
    said = ask(Task(history(values[:60]), 12, 12, (0,), MONTHS, ("TR",)), ["prophet"])
    assert not said.failed
    np.testing.assert_allclose(said.values[0, 0], values[60:], rtol=0.1)
    feasts = holidays_of(("TR",), 2023, 2024)
    named = feasts.groupby("name")["day"].agg(["min", "max", "count"])
    assert named.loc["Eid al-Fitr", ["min", "max"]].tolist() == [pd.Timestamp("2023-04-21"), pd.Timestamp("2024-04-12")]
    fasts = feasts.loc[(feasts["name"] == "Ramadan") & (feasts["day"].dt.year == 2024), "day"]
    assert (fasts.min(), fasts.max(), len(fasts)) == (pd.Timestamp("2024-03-12"), pd.Timestamp("2024-04-09"), 29)


def test_a_failing_member_is_left_out_with_its_reason() -> None:
    said = ask(Task(history(np.full(9, np.nan)), 12, 3, (0,), MONTHS), [PLAIN, "ets"])
    assert "ets" in said.failed
    assert np.isnan(said.values[1]).all()


def test_trees_learn_over_all_series_what_one_alone_cannot_tell() -> None:
    rng = np.random.default_rng(8)
    months = np.arange(48)
    wave = 1 + 0.5 * np.sin(2 * np.pi * months / 12)
    ready = [History(f"s{n}", 600, v, v) for n, v in enumerate(rng.uniform(50, 500, 60)[:, None] * wave * 1.02**months)]
    table = Table.of([History(one.unique_id, 600, one.values[:42], one.came[:42]) for one in ready], MONTHS, 12, 6)
    said = trees(table, 0, 1, 1)
    came = np.stack([one.values[42:] for one in ready])
    naive = table.lagged(42)
    assert np.abs(said / came - 1).mean() < 0.5 * np.abs(naive / came - 1).mean()
    assert TREES == "lightgbm"


def test_trees_refuse_to_learn_from_a_handful() -> None:
    table = Table.of([History("a", 600, np.arange(10.0), np.arange(10.0))], MONTHS, 12, 3)
    with pytest.raises(ValueError, match="past cells to learn from; 300 are needed"):
        trees(table, 0, 1, 1)
