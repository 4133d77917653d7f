"""The revenue forecast of a company whose revenue is known by construction."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.outputs.conform import conform
from data.outputs.score_tables import REVENUE_FORECAST
from features.company import Company
from features.revenue.series import daily_revenue
from models.forecasting.nested_evaluation import seen_in_training
from models.model import Abstention, Challenger, Champion
from models.revenue.assembly import RevenueForecast, assemble_forecast
from models.revenue.top_down import MAIN_HIERARCHY, revenue_hierarchies
from models.revenue_forecast import RevenueForecastModel
from tests.models.small_company import company_of

AS_OF = date(2025, 1, 15)
GRAINS = ("month", "week")
ACCOUNTS = (("A1", "north", "small", 500.0), ("A2", "north", "large", 900.0), ("A3", "south", "small", 300.0))


def company(
    months: int = 24,
    growth: float = 1.5,
    as_of: date = AS_OF,
    windfall: float = 0.0,
    into: str = "north",
) -> Company:
    """An order of every account in every week that grows by a rate; a fourth account began three months ago.

    A windfall is one large order two days before the date, of an account of its own in a region.
    """
    rng = np.random.default_rng(4)
    days = pd.date_range(end=pd.Timestamp(AS_OF), periods=months * 13 // 3, freq="W-WED")
    orders = []
    for account, _, _, size in (*ACCOUNTS, ("A4", "south", "large", 100.0)):
        ordered = days if account != "A4" else days[-13:]
        years = (ordered - days[0]).days / 365.25
        season = 1 + 0.2 * np.sin(2 * np.pi * years)
        amounts = np.round(size * growth**years * season * rng.normal(1, 0.05, len(ordered)), 2)
        orders.append(pd.DataFrame({"account_id": account, "ordered_at": ordered, "amount": amounts}))
    lines = pd.concat(orders, ignore_index=True).assign(product_id="P", status="placed", line_id="1")
    lines = lines.assign(order_id=lines.index.astype(str))
    if windfall:
        lucky = {"order_id": "W", "account_id": "A5", "ordered_at": pd.Timestamp(as_of) - pd.Timedelta(days=2)}
        lines = pd.concat([lines, lines.tail(1).assign(**lucky, amount=windfall)])
    places = (*ACCOUNTS, ("A4", "south", "large", 0), ("A5", into, "large", 0))
    accounts = pd.DataFrame([{"account_id": a, "region": r, "segment": s} for a, r, s, _ in places])
    subscriptions = pd.DataFrame(
        [{"subscription_id": "S", "account_id": "A1", "mrr": 100.0, "started_at": "2024-03-01"}]
    )
    return company_of({"accounts": accounts, "orders": lines, "subscriptions": subscriptions}, as_of)


def champion_of(challenger: Challenger, **other: object) -> Champion:
    champion = Champion(
        challenger.model,
        "3",
        challenger.evaluation.ships,
        challenger.estimator,
        json.loads(json.dumps(challenger.state, allow_nan=False)),
        challenger.features_hash,
        challenger.trained_as_of,
    )
    return replace(champion, **other)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def grown() -> Company:
    return company()


@pytest.fixture(scope="module")
def challenger(grown: Company) -> Challenger:
    trained = RevenueForecastModel().train(grown)
    assert isinstance(trained, Challenger)
    return trained


def forecast_of(company_then: Company, champion: Champion) -> RevenueForecast:
    scored = RevenueForecastModel().score(company_then, champion)
    assert isinstance(scored, dict)
    return assemble_forecast(company_then, scored)


@pytest.fixture(scope="module")
def forecast(grown: Company, challenger: Challenger) -> pd.DataFrame:
    return forecast_of(grown, champion_of(challenger)).forecast


def test_a_growing_company_is_forecast_better_than_by_seasonal_naive(challenger: Challenger) -> None:
    evaluation = challenger.evaluation
    assert evaluation.ships == "model"
    assert evaluation.value < 0.8 * evaluation.baseline_value
    assert len(evaluation.losses) == len(evaluation.baseline_losses)
    assert np.mean(evaluation.losses) == pytest.approx(evaluation.value)
    assert {"coverage 80", "total WAPE by month", "baseline total WAPE by week"} <= set(evaluation.metrics)


def test_the_next_year_and_the_next_half_year_are_forecast(forecast: pd.DataFrame) -> None:
    total = forecast[forecast["node"] == "total"]
    months, weeks = (total[total["grain"] == grain]["period"].tolist() for grain in ("month", "week"))
    assert months == [date(2025, 1, 1), *(date(2025, month, 1) for month in range(2, 13))]
    assert weeks[0] == date(2025, 1, 13)
    assert len(weeks) == 26
    assert list(conform(forecast, REVENUE_FORECAST)) == list(REVENUE_FORECAST.by_name)


@pytest.mark.parametrize("grain", ["month", "week"])
@pytest.mark.parametrize("amount", ["point", "recurring", "expansion", "open_deals", "new_deals", "repeat_orders"])
def test_every_level_adds_up_to_the_total_to_the_cent(forecast: pd.DataFrame, grain: str, amount: str) -> None:
    by_grain = forecast[forecast["grain"] == grain].assign(cents=lambda rows: np.round(rows[amount] * 100))
    assert np.allclose(by_grain["cents"], by_grain[amount] * 100, atol=1e-6)  # whole cents
    sums = by_grain.pivot_table(index="period", columns="level", values="cents", aggfunc="sum")
    assert sums.columns.tolist() == ["region", "segment", "total"]
    assert (sums["segment"] == sums["total"]).all()
    assert (sums["region"] == sums["total"]).all()
    north = (
        by_grain[by_grain["node"].isin(["segment:north/small", "segment:north/large"])].groupby("period")["cents"].sum()
    )
    assert (north == by_grain[by_grain["node"] == "region:north"].set_index("period")["cents"]).all()


def test_a_node_of_three_months_is_a_share_of_its_parent_with_wide_intervals_and_says_so(
    forecast: pd.DataFrame,
) -> None:
    months = forecast[(forecast["grain"] == "month") & (forecast["period"] > date(2025, 1, 1))]
    young, old = (months[months["node"] == f"segment:south/{name}"] for name in ("large", "small"))
    says = "revenue v3 (share of region=south: 3 periods of history; 12 are needed to estimate a season)"
    assert young["model"].unique().tolist() == [says]
    assert young["abstained"].isna().all()
    assert young["point"].to_numpy() == pytest.approx(np.full(11, 900.0), rel=0.6)  # it sells about 200 a week
    spread = [float(((rows["high_80"] - rows["point"]) / rows["point"]).mean()) for rows in (young, old)]
    assert spread[0] > 1.5 * spread[1]


def test_components_add_up_to_the_point_of_every_node_and_period_to_the_cent(forecast: pd.DataFrame) -> None:
    parts = forecast[["recurring", "expansion", "open_deals", "new_deals", "repeat_orders"]]
    assert (np.round(parts.sum(axis=1) * 100) == np.round(forecast["point"] * 100)).all()
    assert (parts >= 0).to_numpy().all()


def test_weeks_and_months_agree(forecast: pd.DataFrame) -> None:
    months, weeks = (
        forecast[(forecast["grain"] == grain) & (forecast["node"] == "total")].set_index("period")["point"]
        for grain in ("month", "week")
    )
    # 13 January to 13 July: weeks are whole, and June's last Monday is the 30th
    ahead = weeks[(weeks.index >= date(2025, 2, 3)) & (weeks.index < date(2025, 6, 30))].sum()
    whole = months[[date(2025, month, 1) for month in range(2, 7)]].sum()
    edges = weeks[date(2025, 1, 27)] + weeks[date(2025, 6, 30)]
    assert ahead < whole < ahead + edges


def test_the_period_under_way_includes_recognized_revenue(grown: Company, forecast: pd.DataFrame) -> None:
    cut = forecast[(forecast["grain"] == "month") & (forecast["period"] == date(2025, 1, 1))].set_index("node")
    after = forecast[(forecast["grain"] == "month") & (forecast["period"] == date(2025, 2, 1))].set_index("node")
    revenue = daily_revenue(grown)
    recognized = revenue.amounts[revenue.days >= pd.Timestamp("2025-01-01")].sum(axis=0)
    assert (recognized > 0).all()
    for (region, segment), earned in zip(revenue.dimensions.to_numpy(), recognized, strict=True):
        node = f"segment:{region}/{segment}"
        assert earned < cut.loc[node, "low_95"] + 0.01
        assert cut.loc[node, "point"] > earned
    for width in (50, 80, 95):
        half, whole = ((rows[f"high_{width}"] - rows["point"]).loc["total"] for rows in (cut, after))
        assert half < whole


def test_a_month_that_exceeded_its_forecast_is_forecast_no_lower_than_its_revenue_so_far(
    challenger: Challenger,
) -> None:
    frame = forecast_of(company(windfall=50_000.0), champion_of(challenger)).forecast
    for grain, first in (("month", date(2025, 1, 1)), ("week", date(2025, 1, 13))):
        rows = frame[(frame["grain"] == grain) & (frame["period"] == first)].set_index("node")
        for node in ("total", "region:north", "segment:north/large"):
            assert rows.loc[node, "low_95"] >= 50_000.0
            assert rows.loc[node, "point"] > rows.loc[node, "low_95"]


def test_a_region_that_sold_for_the_first_time_this_month_is_part_of_the_total(challenger: Challenger) -> None:
    frame = forecast_of(company(windfall=4_000.0, into="west"), champion_of(challenger)).forecast
    months = frame.query("grain == 'month'").set_index(["node", "period"])
    west = months.loc["region:west"]
    assert west["point"].iloc[0] > 4_000.0
    assert (west["point"].iloc[1:] > 1_000.0).all()
    assert (west["high_80"] > 1.5 * west["point"]).iloc[1:].all()
    sums = months.groupby(["period", "level"])["point"].sum().unstack()
    np.testing.assert_allclose(sums["segment"], sums["total"], atol=1e-6)


def test_intervals_are_nested_and_never_negative(forecast: pd.DataFrame) -> None:
    rows = forecast[forecast["point"].notna()]
    order = ["low_95", "low_80", "low_50", "point", "high_50", "high_80", "high_95"]
    assert (np.diff(rows[order].to_numpy(), axis=1) >= 0).all()
    assert (rows["low_95"] >= 0).all()


def test_subscriptions_are_the_recurring_component(forecast: pd.DataFrame) -> None:
    month = forecast[(forecast["grain"] == "month") & forecast["point"].notna()].set_index("node")["recurring"]
    assert month["total"].to_numpy() == pytest.approx(100.0, abs=0.03)  # none ever ended; pieces are in whole cents
    assert month["segment:north/small"].to_numpy() == pytest.approx(100.0, abs=0.03)
    assert set(month["region:south"]) == {0.0}


def test_the_baseline_repeats_the_year_before_when_it_ships(grown: Company, challenger: Challenger) -> None:
    baseline = RevenueForecastModel().score(grown, champion_of(challenger, ships="baseline"))
    assert isinstance(baseline, dict)
    rows = (
        baseline["top_down_forecasts"].query("grain == 'month' and node == 'segment:north/large'").set_index("period")
    )
    assert set(rows["method"]) == {"seasonal naive"}
    orders = grown.tables["orders"].execute()
    north = orders[orders["account_id"].eq("A2") & orders["ordered_at"].between("2024-03-01", "2024-03-31 23:59")]
    assert rows.loc["2025-03-01", "point"] == pytest.approx(north["amount"].sum(), rel=0.02)  # and made coherent


def test_a_champion_is_evaluated_on_periods_after_its_training_only(grown: Company, challenger: Challenger) -> None:
    fresh, old = champion_of(challenger), champion_of(challenger, trained_as_of=date(2024, 10, 15))
    evaluation = RevenueForecastModel().evaluate(old, grown)
    assert not isinstance(evaluation, Abstention)
    assert len(evaluation.losses) == len(challenger.evaluation.losses)
    assert 0.1 < np.isnan(evaluation.losses).mean() < 0.9
    just_trained = RevenueForecastModel().evaluate(fresh, grown)
    assert not isinstance(just_trained, Abstention)
    assert np.isnan(just_trained.losses).all()
    baseline = RevenueForecastModel().evaluate(champion_of(challenger, ships="baseline"), grown)
    assert not isinstance(baseline, Abstention)
    assert baseline.losses == challenger.evaluation.baseline_losses


def test_a_champion_was_not_trained_on_the_period_under_way_at_its_training(
    grown: Company, challenger: Challenger
) -> None:
    forecasters = []
    hierarchies = {hierarchy.key: hierarchy for hierarchy in revenue_hierarchies(grown)}
    for hierarchy in (hierarchies[f"{MAIN_HIERARCHY} {grain}"] for grain in GRAINS):
        forecasters.append(hierarchy.forecaster(grown))
        forecasters[-1].prepare(hierarchy.series, hierarchy.leaves)
    # the last complete month is December, the last complete week that of the 6th of January
    in_december, on_its_first = (
        seen_in_training(forecasters[0], (3, 2, 1), 4, day) for day in (date(2024, 12, 15), date(2024, 12, 1))
    )
    complete = [[True, True, False, False], [True, False, False, False], [False] * 4]
    assert in_december.tolist() == on_its_first.tolist() == complete
    assert seen_in_training(forecasters[1], (6,), 7, date(2024, 12, 15)).tolist() == [
        [True, False, False, False, False, False, False]
    ]
    month_old = champion_of(challenger, trained_as_of=date(2024, 12, 15))
    evaluation = RevenueForecastModel().evaluate(month_old, grown)
    assert not isinstance(evaluation, Abstention)
    assert evaluation.metrics["total WAPE by month"] > 0  # the December of each origin
    assert 0 < np.isfinite(evaluation.losses).sum() < len(evaluation.losses) / 2


def test_a_company_of_a_year_abstains_and_says_how_much_history_is_needed() -> None:
    young = RevenueForecastModel().train(company(months=13))
    assert isinstance(young, Abstention)
    assert (
        young.reason
        == "the revenue history has 13 complete months; at least 18 are needed to forecast and to evaluate the forecast"
    )


def test_the_forecast_and_the_errors_have_figures(grown: Company, challenger: Challenger) -> None:
    assert set(challenger.figures) == {"revenue", "errors"}
    drawn = RevenueForecastModel().picture(grown, champion_of(challenger))
    assert not isinstance(drawn, Abstention)
    for fan in (challenger.figures["revenue"], drawn):
        assert len(fan.axes[0].collections) == 3
