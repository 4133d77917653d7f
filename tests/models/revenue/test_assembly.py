"""The revenue forecast adds up in every direction, whatever the company's series are like."""

import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.model import Challenger, Champion
from models.revenue.assembly import RevenueForecast, assemble_forecast
from models.revenue_forecast import RevenueForecastModel
from tests.models.small_company import company_of

AS_OF = date(2025, 1, 15)
PARTS = ["recurring", "expansion", "open_deals", "new_deals", "repeat_orders"]
DAYS = pd.date_range("2022-12-07", "2025-01-14", freq="W-WED")


def orders(account: str, product: str, amounts: Any, days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    values = np.broadcast_to(np.asarray(amounts, dtype=np.float64), len(days)).round(2)
    return pd.DataFrame({"account_id": account, "product_id": product, "ordered_at": days, "amount": values})


@pytest.fixture(scope="module")
def revenue() -> RevenueForecast:
    """Markets with bad series next to a good one: negative, one sale, gaps, a level break, a spike, no dimensions."""
    rng = np.random.default_rng(3)
    good = 1_000 * (1 + 0.2 * np.sin(2 * np.pi * np.arange(len(DAYS)) / 52)) * rng.normal(1, 0.05, len(DAYS))
    spiked = np.where(np.arange(len(DAYS)) == 60, 50_000.0, 300 * rng.normal(1, 0.05, len(DAYS)))
    lines = [
        orders("good", "P1", good),
        orders("good", "P2", good / 4),
        orders("negative", "P1", -20.0),
        orders("once", "P2", 5_000.0, DAYS[30:31]),
        orders("gapped", "P1", 400.0, DAYS[:50].append(DAYS[90:])),
        orders("broken", "P2", np.where(np.arange(len(DAYS)) < 55, 100.0, 900.0)),
        orders("spiked", "P1", spiked),
        orders("nobody", "P3", 50.0),
    ]
    every = pd.concat(lines, ignore_index=True).assign(status="placed", line_id="1")
    every = every.assign(order_id=every.index.astype(str))
    accounts = pd.DataFrame(
        {
            "account_id": ["good", "negative", "once", "gapped", "broken", "spiked", "nobody"],
            "region": ["north", "south", "south", "south", "north", "west", None],
            "segment": ["a", "a", "b", "c", "b", "a", None],
            "owner_id": ["O1", "O2", "O2", "O1", "O3", "O3", None],
        }
    )
    frames = {
        "accounts": accounts,
        "orders": every,
        "products": pd.DataFrame({"product_id": ["P1", "P2"], "family": ["F", "G"]}),
        "owners": pd.DataFrame({"owner_id": ["O1", "O2", "O3"], "team": ["sales", "sales", "service"]}),
        "subscriptions": pd.DataFrame(
            {
                "subscription_id": ["S1", "S2"],
                "account_id": ["good", "nobody"],
                "product_id": ["P1", None],
                "mrr": [80.0, 20.0],
                "started_at": ["2024-01-01", "2024-06-01"],
            }
        ),
    }
    company = company_of(frames, AS_OF)
    challenger = RevenueForecastModel().train(company)
    assert isinstance(challenger, Challenger)
    state = json.loads(json.dumps(challenger.state, allow_nan=False))
    champion = Champion(
        "revenue", "1", "model", challenger.estimator, state, challenger.features_hash, challenger.trained_as_of
    )
    scored = RevenueForecastModel().score(company, champion)
    assert isinstance(scored, dict)
    return assemble_forecast(company, scored)


def test_every_level_of_every_hierarchy_adds_up_to_the_total_to_the_cent(revenue: RevenueForecast) -> None:
    for name in ("point", *PARTS):
        cents = revenue.forecast.assign(cents=np.round(revenue.forecast[name] * 100))
        sums = cents.pivot_table(index=["grain", "period"], columns="level", values="cents", aggfunc="sum")
        assert set(sums.columns) == {"total", "region", "segment", "family", "team", "owner"}
        assert (sums.sub(sums["total"], axis=0) == 0).to_numpy().all()


def test_parts_add_up_to_the_point_and_nothing_is_missing(revenue: RevenueForecast) -> None:
    forecast = revenue.forecast
    assert forecast[["point", *PARTS, "low_95", "high_95"]].notna().to_numpy().all()
    assert np.isfinite(forecast["point"]).all()
    assert (np.round(forecast[PARTS].sum(axis=1) * 100) == np.round(forecast["point"] * 100)).all()
    order = ["low_95", "low_80", "low_50", "point", "high_50", "high_80", "high_95"]
    assert (np.diff(forecast[order].to_numpy(), axis=1) >= -0.01).all()


def test_repairs_of_a_series_are_in_the_notes(revenue: RevenueForecast) -> None:
    notes = revenue.forecast.query("grain == 'month'").groupby("node")["notes"].first()
    assert "replaced by the local median" in notes["segment:west/a"]
    assert "replaced by the local median" in notes["total"]
    assert notes["segment:north/a"] is None


def test_a_market_with_one_sale_is_not_forecast_to_sell_that_every_month(revenue: RevenueForecast) -> None:
    once, negative = (
        revenue.forecast.query("grain == 'month' and node == @node") for node in ("segment:south/b", "segment:south/a")
    )
    assert len(once) == len(negative) == 12
    assert 0 <= once["point"].sum() < 10_000
    assert (negative["new_deals"] + negative["repeat_orders"]).iloc[1:].max() < 100  # returns are no revenue to come


def test_missing_dimensions_are_unknown_and_part_of_the_total(revenue: RevenueForecast) -> None:
    nodes = set(revenue.forecast["node"])
    assert {"family:unknown", "team:unknown", "owner:unknown/unknown", "region:unknown"} <= nodes


def test_drivers_hold_the_published_points(revenue: RevenueForecast) -> None:
    months = revenue.forecast.query("grain == 'month' and node == 'total'").set_index("period")["point"]
    points = revenue.drivers.groupby("month")["point"].sum()
    assert points.to_numpy() == pytest.approx(months.to_numpy(), abs=0.001)
