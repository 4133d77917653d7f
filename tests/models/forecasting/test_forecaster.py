"""The forecaster, on series whose future is known by construction, and on bad input."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster

QUICK = ("drift", "seasonal growth", "theta")
LEAVES = pd.DataFrame(
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
    """A seasonal profile by month without noise."""
    return level * (1 + 0.4 * np.sin(2 * np.pi * np.arange(periods) / 12))


def sales(noise: float = 0.05) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    leaves = zip(LEAVES["unique_id"], (100.0, 300.0, 50.0, 800.0), strict=True)
    return pd.concat(
        [series(name, season(48, size) * rng.normal(1, noise, 48)) for name, size in leaves], ignore_index=True
    )


@pytest.fixture(scope="module")
def coherent() -> Forecaster:
    return Forecaster(6, methods=(*QUICK, "parent seasonality")).fit(sales(), LEAVES)


def test_a_pure_season_is_repeated_and_its_interval_is_narrow() -> None:
    predicted = Forecaster(12, methods=QUICK).fit(series("a", season(60))).predict()
    np.testing.assert_allclose(predicted["point"], season(72)[60:], rtol=1e-3)
    assert predicted["ds"].tolist() == pd.date_range("2025-01-01", periods=12, freq="MS").tolist()
    assert (predicted["high_95"] - predicted["low_95"]).max() < 2.0


def test_a_straight_line_is_continued() -> None:
    line = 50.0 + 2.0 * np.arange(40)
    predicted = Forecaster(4, season_length=1, methods=QUICK).fit(series("a", line)).predict()
    np.testing.assert_allclose(predicted["point"], 50 + 2 * np.arange(40, 44), rtol=0.02)


def test_of_a_random_walk_the_ensemble_is_not_worse_than_the_baseline() -> None:
    walk = 1000 + np.cumsum(np.random.default_rng(3).normal(0, 5, 120))
    forecaster = Forecaster(3, season_length=1, kind="level", methods=("drift", "theta")).fit(series("a", walk))
    past = forecaster.backtest_frame()
    error, baseline_error = ((past[name] - past["y"]).abs().mean() for name in ("ensemble", "seasonal naive"))
    assert error <= baseline_error + 1e-9


def test_the_baseline_is_used_where_no_method_is_more_accurate_and_the_notes_say_so() -> None:
    flips = np.tile([10.0, 30.0, 20.0, 90.0], 15)  # the same each year: nothing can be better than to repeat it
    predicted = Forecaster(4, freq="Q", methods=("drift",)).fit(series("a", flips, frequency="QS")).predict()
    assert set(predicted["model"]) == {"seasonal naive"}
    assert (
        predicted["notes"]
        .str.contains("seasonal naive was as accurate as the ensemble in the backtest, so it is used")
        .all()
    )
    np.testing.assert_allclose(predicted["point"], flips[:4])


def test_intervals_are_nested_not_below_zero_and_cover_about_their_level() -> None:
    rng = np.random.default_rng(11)
    many = [series(f"s{n}", np.maximum(0, season(54) * rng.normal(1, 0.3, 54))) for n in range(90)]
    df = pd.concat(many, ignore_index=True)
    train, test = df[df["ds"] < "2024-01-01"], df[df["ds"] >= "2024-01-01"]
    predicted = Forecaster(6, methods=("drift", "theta")).fit(train).predict().merge(test, on=["unique_id", "ds"])
    order = ["low_95", "low_80", "low_50", "point", "high_50", "high_80", "high_95"]
    assert (np.diff(predicted[order].to_numpy(), axis=1) >= 0).all()
    assert (predicted["low_95"] >= 0).all()
    for level in (50, 80, 95):
        coverage = predicted["y"].between(predicted[f"low_{level}"], predicted[f"high_{level}"]).mean()
        assert coverage == pytest.approx(level / 100, abs=0.08)


def test_every_level_adds_up_in_every_period(coherent: Forecaster) -> None:
    predicted = coherent.predict()
    assert set(predicted["unique_id"]) == {
        *LEAVES["unique_id"],
        *("total", "region=north", "region=south", "product=tea", "product=coffee"),
    }
    wide = predicted.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide["total"], wide[["n1", "n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(wide["region=north"], wide[["n1", "n2"]].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(wide["product=tea"], wide[["n1", "s1"]].sum(axis=1), rtol=1e-12)


def test_intervals_of_an_aggregate_are_within_the_sum_of_those_of_its_leaves(coherent: Forecaster) -> None:
    predicted = coherent.predict()
    for level in (50, 80, 95):
        half_widths = (
            (predicted[f"high_{level}"] - predicted["point"])
            .groupby([predicted["unique_id"], predicted["ds"]])
            .sum()
            .unstack()
        )
        leaves = half_widths.loc[["n1", "n2", "s1", "s2"]].sum()
        assert (half_widths.loc["total"] <= leaves + 1e-9).all()


def test_the_reconciliation_with_the_least_error_is_chosen(coherent: Forecaster) -> None:
    chosen = coherent.ensemble_.reconciliation
    assert chosen is not None
    assert set(chosen.errors) == {"bottom up", "ols", "wls_struct", "wls_var", "mint_shrink"}
    assert chosen.errors[chosen.method] == min(chosen.errors.values())


def test_a_leaf_that_changed_parents_belongs_to_that_of_its_last_row() -> None:
    moved = pd.concat([LEAVES, LEAVES[LEAVES["unique_id"] == "n2"].assign(region="south")])
    predicted = Forecaster(3, methods=("drift",)).fit(sales(), moved).predict()
    wide = predicted.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide["region=south"], wide[["n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)


def test_a_new_leaf_is_forecast_and_everything_still_adds_up() -> None:
    rows = sales()
    young = rows[(rows["unique_id"] != "s1") | (rows["ds"] >= "2023-11-01")]
    forecaster = Forecaster(3, methods=("drift", "parent seasonality")).fit(young, LEAVES)
    wide = forecaster.predict().pivot(index="ds", columns="unique_id", values="point")
    assert forecaster.abstained_.empty
    models = forecaster.predict().groupby("unique_id")["model"].first()
    assert models["s1"].startswith("share of ")
    assert models["s1"].endswith(": 2 periods of history; 12 are needed to estimate a season")
    assert wide["s1"].to_numpy() == pytest.approx([50.0] * 3, rel=0.6)
    np.testing.assert_allclose(wide["total"], wide[["n1", "n2", "s1", "s2"]].sum(axis=1), rtol=1e-12)


def test_of_many_series_an_expensive_method_is_tried_on_a_sample_and_excluded_with_the_reason() -> None:
    rng = np.random.default_rng(4)
    walks = np.cumsum(rng.normal(0, 1, (301, 30)), axis=1) + 50
    long = pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{n:03}" for n in range(301)], 30),
            "ds": np.tile(pd.date_range("2022-01-01", periods=30, freq="MS"), 301),
            "y": walks.ravel(),
        }
    )
    forecaster = Forecaster(3, season_length=1, kind="level", methods=("drift", "prophet")).fit(long)
    assert forecaster.excluded_["prophet"].startswith("tried on 80 series: it saves ")
    assert forecaster.excluded_["prophet"].endswith("1 % are required")
    assert "prophet" not in forecaster.weights_.columns
    assert len(forecaster.predict()) == 903


def test_bad_series_abstain_or_are_repaired_with_a_note() -> None:
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
    forecaster = Forecaster(3, methods=("drift", "theta", "ets")).fit(bad)
    predicted = forecaster.predict()
    assert forecaster.abstained_.set_index("unique_id")["reason"].to_dict() == {
        "all missing": "no value in any complete period",
        "single point": "1 periods of history; 3 are needed",
    }
    assert predicted["point"].notna().all()
    first = predicted[predicted["step"] == 1].set_index("unique_id")
    assert first.loc["zero", ["low_95", "point", "high_95"]].tolist() == [0.0, 0.0, 0.0]
    assert first.loc["constant", "point"] == pytest.approx(7.0)
    assert first.loc["negative", "point"] == pytest.approx(-100.0, rel=0.05)
    assert first.loc["twice", "point"] == pytest.approx(100.0, rel=0.05)
    assert first.loc["copied", "point"] == pytest.approx(100.0, rel=0.05)
    assert first.loc["spiked", "point"] < 200.0
    notes = first["notes"]
    assert "3 periods without a row: taken as 0" in notes["gapped"]
    assert "36 rows repeat a period" in notes["twice"]
    assert "36 exact copies dropped" in notes["copied"]
    assert "1 outlier replaced by the local median" in notes["spiked"]
    assert "too few for a backtest" in notes["short"]
    assert "every value is zero" in notes["zero"]


def test_where_every_series_abstains_the_forecast_is_empty_and_the_reasons_are_given() -> None:
    forecaster = Forecaster(3).fit(series("a", np.array([1.0, 2.0])))
    assert forecaster.predict().empty
    assert forecaster.abstained_["reason"].tolist() == ["2 periods of history; 3 are needed"]


def test_the_current_incomplete_period_is_left_out() -> None:
    rows = pd.concat([series("a", season(36)), series("a", np.array([1.0]), start="2023-01-01")])
    predicted = Forecaster(2, methods=("drift",), complete_before=date(2023, 1, 15)).fit(rows).predict()
    assert predicted["ds"].tolist() == [pd.Timestamp("2023-01-01"), pd.Timestamp("2023-02-01")]
    assert predicted["point"].iloc[0] > 80.0


def test_later_values_change_no_forecast_of_an_earlier_date() -> None:
    rows = sales()
    early = rows[rows["ds"] < "2023-07-01"]
    first, second = (
        Forecaster(3, methods=QUICK, complete_before=date(2023, 7, 1)).fit(table).predict() for table in (early, rows)
    )
    pd.testing.assert_frame_equal(first.drop(columns="notes"), second.drop(columns="notes"))


def test_the_same_table_in_another_order_gives_the_same_forecast() -> None:
    rows = sales()
    first, second = (
        Forecaster(3, methods=(*QUICK, "lightgbm")).fit(table).predict()
        for table in (rows, rows.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(first, second)


def test_bad_tables_and_parameters_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="no column y; a long table has unique_id, ds, y"):
        Forecaster(3).fit(series("a", season(12)).drop(columns="y"))
    with pytest.raises(ValueError, match="1 rows hold a ds or y that cannot be read: a 2020-01-01 lots"):
        Forecaster(3).fit(pd.concat([series("a", season(12)), series("a", season(1)).assign(y="lots")]))
    with pytest.raises(ValueError, match="unknown methods: oracle; available: seasonal naive"):
        Forecaster(3, methods=("oracle",)).fit(series("a", season(36)))
    with pytest.raises(ValueError, match="h is 0; it must be 1 or more periods"):
        Forecaster(0).fit(series("a", season(36)))
    with pytest.raises(ValueError, match="h is 4, but the forecaster was fitted for 3 periods"):
        Forecaster(3, methods=("drift",)).fit(series("a", season(36))).predict(4)
    with pytest.raises(ValueError, match="1 series are not leaves of the hierarchy: z"):
        Forecaster(3).fit(pd.concat([sales(), series("z", season(12))]), LEAVES)
