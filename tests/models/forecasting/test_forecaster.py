"""The forecaster of long tables: what it says of series whose future is known by construction, and of bad input."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster

QUICK = ("drift", "seasonal growth", "theta")
PLACES = pd.DataFrame(
    {
        "unique_id": ["n1", "n2", "s1", "s2"],
        "region": ["north", "north", "south", "south"],
        "product": ["tea", "coffee", "tea", "coffee"],
    }
)


def series(name: str, values: Floats, start: str = "2020-01-01", frequency: str = "MS") -> pd.DataFrame:
    return pd.DataFrame(
        {"unique_id": name, "ds": pd.date_range(start, periods=len(values), freq=frequency), "y": values}
    )


def season(periods: int, level: float = 100.0) -> Floats:
    """A year's wave without noise: what the same month brought is what it brings."""
    return level * (1 + 0.4 * np.sin(2 * np.pi * np.arange(periods) / 12))


def company(noise: float = 0.05) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    leaves = zip(PLACES["unique_id"], (100.0, 300.0, 50.0, 800.0), strict=True)
    return pd.concat(
        [series(name, season(48, size) * rng.normal(1, noise, 48)) for name, size in leaves], ignore_index=True
    )


@pytest.fixture(scope="module")
def coherent() -> Forecaster:
    return Forecaster(6, members=(*QUICK, "family season")).fit(company(), PLACES)


def test_a_pure_season_is_repeated_and_its_interval_is_narrow() -> None:
    told = Forecaster(12, members=QUICK).fit(series("a", season(60))).predict()
    np.testing.assert_allclose(told["point"], season(72)[60:], rtol=1e-3)
    assert told["ds"].tolist() == pd.date_range("2025-01-01", periods=12, freq="MS").tolist()
    assert (told["high_95"] - told["low_95"]).max() < 2.0


def test_a_straight_line_goes_on() -> None:
    line = 50.0 + 2.0 * np.arange(40)
    told = Forecaster(4, season=1, members=QUICK).fit(series("a", line)).predict()
    np.testing.assert_allclose(told["point"], 50 + 2 * np.arange(40, 44), rtol=0.02)


def test_a_random_walk_is_left_to_the_plain_forecast_or_to_what_misses_no_more() -> None:
    walk = 1000 + np.cumsum(np.random.default_rng(3).normal(0, 5, 120))
    made = Forecaster(3, season=1, kind="level", members=("drift", "theta")).fit(series("a", walk))
    past = made.backtest_
    ours, plain = ((past[name] - past["y"]).abs().mean() for name in ("pool", "seasonal naive"))
    assert ours <= plain + 1e-9


def test_the_plain_forecast_is_shipped_where_every_other_misses_more_and_the_row_says_so() -> None:
    flips = np.tile([10.0, 30.0, 20.0, 90.0], 15)  # the same each year; nothing else can be better than to repeat it
    told = Forecaster(4, frequency="Q", members=("drift",)).fit(series("a", flips, frequency="QS")).predict()
    assert set(told["model"]) == {"seasonal naive"}
    assert told["notes"].str.contains("the plain forecast missed no more than the pool").all()
    np.testing.assert_allclose(told["point"], flips[:4])


def test_intervals_are_nested_above_zero_and_hold_about_what_they_say() -> None:
    rng = np.random.default_rng(11)
    many = [series(f"s{n}", np.maximum(0, season(54) * rng.normal(1, 0.3, 54))) for n in range(90)]
    whole = pd.concat(many, ignore_index=True)
    train, test = whole[whole["ds"] < "2024-01-01"], whole[whole["ds"] >= "2024-01-01"]
    told = Forecaster(6, members=("drift", "theta")).fit(train).predict().merge(test, on=["unique_id", "ds"])
    order = ["low_95", "low_80", "low_50", "point", "high_50", "high_80", "high_95"]
    assert (np.diff(told[order].to_numpy(), axis=1) >= 0).all()
    assert (told["low_95"] >= 0).all()
    for width in (50, 80, 95):
        held = told["y"].between(told[f"low_{width}"], told[f"high_{width}"]).mean()
        assert held == pytest.approx(width / 100, abs=0.08)


def test_every_level_adds_up_in_every_period(coherent: Forecaster) -> None:
    told = coherent.predict()
    assert set(told["unique_id"]) == {
        *PLACES["unique_id"],
        *("total", "region=north", "region=south", "product=tea", "product=coffee"),
    }
    wide = told.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide["total"], wide[["n1", "n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(wide["region=north"], wide[["n1", "n2"]].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(wide["product=tea"], wide[["n1", "s1"]].sum(axis=1), rtol=1e-12)


def test_a_whole_is_no_less_sure_than_its_parts_all_at_their_bounds(coherent: Forecaster) -> None:
    told = coherent.predict()
    for width in (50, 80, 95):
        reach = (told[f"high_{width}"] - told["point"]).groupby([told["unique_id"], told["ds"]]).sum().unstack()
        parts = reach.loc[["n1", "n2", "s1", "s2"]].sum()
        assert (reach.loc["total"] <= parts + 1e-9).all()


def test_the_way_to_add_up_is_the_one_that_missed_least(coherent: Forecaster) -> None:
    assert coherent.way_ is not None
    assert set(coherent.way_.missed) == {"bottom up", "ols", "wls_struct", "wls_var", "mint_shrink"}
    assert coherent.way_.missed[coherent.way_.way] == min(coherent.way_.missed.values())


def test_a_leaf_that_changed_parents_stands_where_its_last_row_says() -> None:
    moved = pd.concat([PLACES, PLACES[PLACES["unique_id"] == "n2"].assign(region="south")])
    told = Forecaster(3, members=("drift",)).fit(company(), moved).predict()
    wide = told.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide["region=south"], wide[["n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)


def test_a_new_leaf_is_forecast_and_everything_still_adds_up() -> None:
    rows = company()
    young = rows[(rows["unique_id"] != "s1") | (rows["ds"] >= "2023-11-01")]
    made = Forecaster(3, members=("drift", "family season")).fit(young, PLACES)
    wide = made.predict().pivot(index="ds", columns="unique_id", values="point")
    assert made.abstained_.empty
    makers = made.predict().groupby("unique_id")["model"].first()
    assert makers["s1"].startswith("share of ")
    assert makers["s1"].endswith(": 2 periods; 12 are needed to know a season")
    assert wide["s1"].to_numpy() == pytest.approx([50.0] * 3, rel=0.6)
    np.testing.assert_allclose(wide["total"], wide[["n1", "n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)


def test_of_many_series_a_dear_member_is_tried_on_some_and_told_why_it_is_left_out() -> None:
    rng = np.random.default_rng(4)
    walks = np.cumsum(rng.normal(0, 1, (301, 30)), axis=1) + 50
    long = pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{n:03}" for n in range(301)], 30),
            "ds": np.tile(pd.date_range("2022-01-01", periods=30, freq="MS"), 301),
            "y": walks.ravel(),
        }
    )
    made = Forecaster(3, season=1, kind="level", members=("drift", "prophet")).fit(long)
    assert made.left_out_["prophet"].startswith("tried on 80 series: it saves ")
    assert made.left_out_["prophet"].endswith("1 % are asked")
    assert "prophet" not in made.weights_.columns
    assert len(made.predict()) == 903


def test_bad_series_abstain_or_are_mended_and_say_which() -> None:
    good = season(36)
    bad = pd.concat(
        [
            series("all missing", np.full(36, np.nan)),
            series("single point", good[:1], start="2022-12-01"),
            series("zero", np.zeros(36)),
            series("constant", np.full(36, 7.0)),
            series("negative", -good),
            series("infinite", np.where(np.arange(36) == 20, np.inf, good)),
            series("gapped", good).drop(index=[5, 6, 7]),
            pd.concat([series("twice", good / 2), series("twice", good / 2 + 1e-9)]),
            pd.concat([series("copied", good), series("copied", good)]),
            series("short", good[:5], start="2022-08-01"),
            series("spiked", np.where(np.arange(36) == 20, 90_000.0, good + np.arange(36) % 5)),
        ]
    )
    made = Forecaster(3, members=("drift", "theta", "ets")).fit(bad)
    told = made.predict()
    assert made.abstained_.set_index("unique_id")["reason"].to_dict() == {
        "all missing": "no value in any complete period",
        "single point": "1 periods of history; 3 are needed",
    }
    assert told["point"].notna().all()
    first = told[told["step"] == 1].set_index("unique_id")
    assert first.loc["zero", ["low_95", "point", "high_95"]].tolist() == [0.0, 0.0, 0.0]
    assert first.loc["constant", "point"] == pytest.approx(7.0)
    assert first.loc["negative", "point"] == pytest.approx(-100.0, rel=0.05)
    assert first.loc["twice", "point"] == pytest.approx(100.0, rel=0.05)
    assert first.loc["copied", "point"] == pytest.approx(100.0, rel=0.05)
    assert first.loc["spiked", "point"] < 200.0
    notes = first["notes"]
    assert "3 periods without a row: nothing came in them" in notes["gapped"]
    assert "36 periods told more than once" in notes["twice"]
    assert "36 copies dropped" in notes["copied"]
    assert "1 spike brought back" in notes["spiked"]
    assert "too few for a backtest" in notes["short"]
    assert "every value is zero" in notes["zero"]


def test_where_every_series_abstains_the_forecast_is_empty_and_the_reasons_stay() -> None:
    made = Forecaster(3).fit(series("a", np.array([1.0, 2.0])))
    assert made.predict().empty
    assert made.abstained_["reason"].tolist() == ["2 periods of history; 3 are needed"]


def test_the_period_under_way_is_left_out() -> None:
    rows = pd.concat([series("a", season(36)), series("a", np.array([1.0]), start="2023-01-01")])
    told = Forecaster(2, members=("drift",), complete_before=date(2023, 1, 15)).fit(rows).predict()
    assert told["ds"].tolist() == [pd.Timestamp("2023-01-01"), pd.Timestamp("2023-02-01")]
    assert told["point"].iloc[0] > 80.0


def test_what_came_later_changes_no_forecast_of_an_earlier_date() -> None:
    rows = company()
    early = rows[rows["ds"] < "2023-07-01"]
    told, again = (
        Forecaster(3, members=QUICK, complete_before=date(2023, 7, 1)).fit(table).predict() for table in (early, rows)
    )
    pd.testing.assert_frame_equal(told.drop(columns="notes"), again.drop(columns="notes"))


def test_the_same_table_in_another_order_gives_the_same_forecast() -> None:
    rows = company()
    one, other = (
        Forecaster(3, members=(*QUICK, "lightgbm")).fit(table).predict()
        for table in (rows, rows.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_table_or_a_wish_that_cannot_be_met_is_refused_with_its_remedy() -> None:
    with pytest.raises(ValueError, match="no column y; a long table has unique_id, ds, y"):
        Forecaster(3).fit(series("a", season(12)).drop(columns="y"))
    with pytest.raises(ValueError, match="1 rows hold a ds or y that cannot be read: a 2020-01-01 lots"):
        Forecaster(3).fit(pd.concat([series("a", season(12)), series("a", season(1)).assign(y="lots")]))
    with pytest.raises(ValueError, match="no member of the pool is named oracle; there are seasonal naive"):
        Forecaster(3, members=("oracle",))
    with pytest.raises(ValueError, match="fitted for 3 periods, and is asked for 4"):
        Forecaster(3, members=("drift",)).fit(series("a", season(36))).predict(4)
    with pytest.raises(ValueError, match="1 series have no place in the hierarchy: z"):
        Forecaster(3).fit(pd.concat([company(), series("z", season(12))]), PLACES)
