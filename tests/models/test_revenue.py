"""The revenue forecast of a company whose revenue is known by construction."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.scoring import REVENUE_FORECAST, conform
from features.company import Company
from models.model import Abstention, Challenger, Champion
from models.revenue import Revenue
from tests.models.living_company import company_of

AS_OF = date(2025, 1, 15)
PLACES = (("A1", "north", "small", 500.0), ("A2", "north", "large", 900.0), ("A3", "south", "small", 300.0))


def company(months: int = 24, growth: float = 1.5, as_of: date = AS_OF, late: bool = False) -> Company:
    """An order of every account in every week that grows by a rate; a fourth account began three months ago."""
    rng = np.random.default_rng(4)
    days = pd.date_range(end=pd.Timestamp(AS_OF), periods=months * 13 // 3, freq="W-WED")
    orders = []
    for account, _, _, size in (*PLACES, ("A4", "south", "large", 100.0)):
        mine = days if account != "A4" else days[-13:]
        years = (mine - days[0]).days / 365.25
        season = 1 + 0.2 * np.sin(2 * np.pi * years)
        amounts = np.round(size * growth**years * season * rng.normal(1, 0.05, len(mine)), 2)
        orders.append(pd.DataFrame({"account_id": account, "ordered_at": mine, "amount": amounts}))
    lines = pd.concat(orders, ignore_index=True).assign(product_id="P", status="placed", line_id="1")
    lines = lines.assign(order_id=lines.index.astype(str))
    if late:
        lines = pd.concat([lines, lines.assign(order_id="x" + lines["order_id"], ordered_at=pd.Timestamp(as_of))])
    accounts = pd.DataFrame(
        [{"account_id": a, "region": r, "segment": s} for a, r, s, _ in (*PLACES, ("A4", "south", "large", 0))]
    )
    held = pd.DataFrame([{"subscription_id": "S", "account_id": "A1", "mrr": 100.0, "started_at": "2024-03-01"}])
    return company_of({"accounts": accounts, "orders": lines, "subscriptions": held}, as_of)


def champion_of(challenger: Challenger, **other: object) -> Champion:
    champion = Champion(
        challenger.model,
        "3",
        challenger.judgement.ships,
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
    learnt = Revenue().learn(grown)
    assert isinstance(learnt, Challenger)
    return learnt


@pytest.fixture(scope="module")
def forecast(grown: Company, challenger: Challenger) -> pd.DataFrame:
    scored = Revenue().score(grown, champion_of(challenger))
    assert isinstance(scored, dict)
    return scored["revenue_forecast"]


def test_a_company_that_grows_is_forecast_better_than_by_repeating_the_year_before(challenger: Challenger) -> None:
    judged = challenger.judgement
    assert judged.ships == "model"
    assert judged.value < 0.8 * judged.baseline_value
    assert len(judged.losses) == len(judged.baseline_losses)
    assert np.mean(judged.losses) == pytest.approx(judged.value)
    assert {"coverage 80", "total WAPE by month", "baseline total WAPE by week"} <= set(judged.metrics)


def test_the_next_year_and_the_next_half_year_are_forecast(forecast: pd.DataFrame) -> None:
    total = forecast[forecast["node"] == "total"]
    months, weeks = (total[total["grain"] == grain]["period"].tolist() for grain in ("month", "week"))
    assert months == [date(2025, 1, 1), *(date(2025, month, 1) for month in range(2, 13))]
    assert weeks[0] == date(2025, 1, 13)
    assert len(weeks) == 26
    assert list(conform(forecast, REVENUE_FORECAST)) == list(REVENUE_FORECAST.by_name)


def test_parts_and_what_abstains_add_up_to_their_whole_to_the_cent(forecast: pd.DataFrame) -> None:
    months = forecast[forecast["grain"] == "month"].pivot(index="period", columns="node", values="point")
    cents = np.round(months.drop(columns="segment:south/large") * 100)
    assert (cents["region:north"] == cents["segment:north/small"] + cents["segment:north/large"]).all()
    assert (cents["total"] == cents["region:north"] + cents["region:south"]).all()


def test_a_node_of_three_months_abstains_and_says_what_it_lacks(forecast: pd.DataFrame) -> None:
    young = forecast[(forecast["node"] == "segment:south/large") & (forecast["grain"] == "month")]
    assert young["point"].isna().all()
    assert young["low_95"].isna().all()
    assert young["abstained"].unique().tolist() == ["3 complete months of history; 12 are needed to know a year"]
    assert forecast.loc[forecast["node"] == "total", "abstained"].isna().all()


def test_wider_intervals_hold_narrower_ones_and_none_is_below_nothing(forecast: pd.DataFrame) -> None:
    told = forecast[forecast["point"].notna()]
    order = ["low_95", "low_80", "low_50", "point", "high_50", "high_80", "high_95"]
    assert (np.diff(told[order].to_numpy(), axis=1) >= 0).all()
    assert (told["low_95"] >= 0).all()


def test_what_subscriptions_bring_if_they_stay_is_a_part_of_the_point(forecast: pd.DataFrame) -> None:
    month = forecast[(forecast["grain"] == "month") & forecast["point"].notna()].set_index("node")["recurring"]
    assert set(month["total"]) == {100.0}
    assert set(month["segment:north/small"]) == {100.0}
    assert set(month["region:south"]) == {0.0}


def test_the_plain_baseline_repeats_the_year_before_when_it_ships(grown: Company, challenger: Challenger) -> None:
    plain = Revenue().score(grown, champion_of(challenger, ships="baseline"))
    assert isinstance(plain, dict)
    frame = plain["revenue_forecast"]
    assert set(frame["model"]) == {"revenue v3 (seasonal naive)"}
    orders = grown.tables["orders"].execute()
    north = orders[orders["account_id"].eq("A2") & orders["ordered_at"].between("2024-03-01", "2024-03-31 23:59")]
    mine = frame[(frame["node"] == "segment:north/large") & (frame["period"] == date(2025, 3, 1))]
    assert mine["point"].iloc[0] == pytest.approx(north["amount"].sum(), rel=0.02)  # and made coherent


def test_the_champion_is_judged_only_on_what_it_had_not_learnt(grown: Company, challenger: Challenger) -> None:
    fresh, old = champion_of(challenger), champion_of(challenger, trained_as_of=date(2024, 10, 15))
    judged = Revenue().judge(old, grown)
    assert not isinstance(judged, Abstention)
    assert len(judged.losses) == len(challenger.judgement.losses)
    assert 0.1 < np.isnan(judged.losses).mean() < 0.9
    seen = Revenue().judge(fresh, grown)
    assert not isinstance(seen, Abstention)
    assert np.isnan(seen.losses).all()
    plain = Revenue().judge(champion_of(challenger, ships="baseline"), grown)
    assert not isinstance(plain, Abstention)
    assert plain.losses == challenger.judgement.baseline_losses


def test_the_law_facts_from_the_date_on_change_no_forecast(forecast: pd.DataFrame, challenger: Challenger) -> None:
    scored = Revenue().score(company(late=True), champion_of(challenger))
    assert isinstance(scored, dict)
    pd.testing.assert_frame_equal(scored["revenue_forecast"], forecast)


def test_a_company_of_a_year_abstains_and_says_how_much_history_is_needed() -> None:
    young = Revenue().learn(company(months=13))
    assert isinstance(young, Abstention)
    assert young.why == "the revenue history holds 13 complete months; 18 are needed to forecast and be judged"


def test_there_is_a_picture_of_the_forecast_and_of_the_errors(challenger: Challenger) -> None:
    assert set(challenger.pictures) == {"revenue", "errors"}
    assert len(challenger.pictures["revenue"].axes[0].collections) == 3
