"""The bridge attributes each change to its cause, of companies in which one thing happened, and adds up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from data.contract import CONTRACT
from data.demo import write_demo
from data.lake import Lake
from data.point_in_time import cut_as_of
from features.company import Company
from models.model import Challenger, Champion
from models.revenue.assembly import RevenueForecast, assemble_forecast
from models.revenue_forecast import RevenueForecastModel
from reports.forecast.bridge import CAUSES, MODEL, ForecastBasis, PreviousForecast, bridge, bridge_between
from tests.features.company_builder import build_company
from tests.models.small_company import company_of
from tests.reports.forecast.forecasts import forecast_of, win_scores

SINCE, NOW = date(2024, 6, 5), date(2024, 6, 12)
DEAL = {"opportunity_id": "D", "account_id": "a", "kind": "new", "created_at": "2024-05-01"}
HELD = {"subscription_id": "S", "account_id": "a", "product_id": "P", "mrr": 300.0, "started_at": "2024-01-01"}


def changes(key: str, at: str, **values: Any) -> list[dict[str, Any]]:
    return [{"opportunity_id": key, "changed_at": at, "field": field, "new_value": str(value)}
            for field, value in values.items()]  # fmt: skip


BORN = changes("D", "2024-05-01", stage="early", amount=5_000, expected_close_at="2024-07-01 00:00:00")


def company(as_of: date, **more: Any) -> Company:
    """An order of 100 every Monday, and what the test adds."""
    mondays = pd.date_range("2023-01-02", as_of - timedelta(days=1), freq="W-MON")
    orders = [{"order_id": f"o{i}", "line_id": "1", "account_id": "a", "product_id": "Q", "amount": 100.0,
               "ordered_at": f"{day:%Y-%m-%d} 09:00", "status": "placed"} for i, day in enumerate(mondays)]  # fmt: skip
    tables = {"orders": [*orders, *more.pop("orders", [])], **more}
    return build_company(
        as_of,
        accounts=[{"account_id": "a"}, {"account_id": "b"}],
        products=[{"product_id": "P", "family": "F"}],
        **tables,
    )


def moved(before: Company, now: Company, rescored: RevenueForecast | None = None, **stated: Any) -> pd.DataFrame:
    """The total's bridge."""
    old, new = forecast_of(before), forecast_of(now, **stated)
    sides = (ForecastBasis(one.line_items, one.drivers) for one in (old, new))
    last = None if rescored is None else ForecastBasis(rescored.line_items, rescored.drivers)
    rows = bridge_between(now, *sides, last, before.as_of)
    adds_up(rows, old, new)
    return rows[rows["node"] == "total"]


def adds_up(rows: pd.DataFrame, before: RevenueForecast, now: RevenueForecast) -> None:
    """What moved is the difference of the published points, to the cent, for the total and every leaf."""
    points = [
        one.forecast[one.forecast["grain"] == "month"].set_index(["node", "period"])["point"] for one in (before, now)
    ]
    difference = (points[1] - points[0]).dropna()
    bridged = rows.groupby(["node", "period"])["amount"].sum().reindex(difference.index).fillna(0.0)
    known = difference.index.get_level_values("node").isin([*rows["node"], "total"])
    assert (np.round(bridged[known] * 100) == np.round(difference[known] * 100)).all()
    assert set(rows["cause"]) <= set(CAUSES)


def by_cause(rows: pd.DataFrame) -> "pd.Series[float]":
    return rows.groupby("cause")["amount"].sum()


QUIET = {"as time passed", "orders came in", "outlook of the series"}


@cache
def quiet_causes() -> "pd.Series[float]":
    """The amounts by cause of a week in which nothing happened but the orders of every Monday."""
    return by_cause(moved(company(SINCE), company(NOW)))


@pytest.mark.parametrize(
    ("cause", "sign", "before", "after"),
    [
        ("won", -1, {"opportunities": [DEAL], "opportunity_changes": BORN},
         {"opportunities": [DEAL | {"closed_at": "2024-06-10", "outcome": "won"}], "opportunity_changes": BORN}),
        ("won", 1, {"opportunities": [DEAL | {"closed_at": "2024-06-05 08:00", "outcome": "won"}]},
         {"opportunities": [DEAL | {"closed_at": "2024-06-05 08:00", "outcome": "won"}],
          "subscriptions": [HELD | {"started_at": "2024-06-10"}]}),
        ("lost", -1, {"opportunities": [DEAL], "opportunity_changes": BORN},
         {"opportunities": [DEAL | {"closed_at": "2024-06-10", "outcome": "lost"}], "opportunity_changes": BORN}),
        ("new", 1, {}, {"opportunities": [DEAL | {"created_at": "2024-06-10"}],
                        "opportunity_changes": changes("D", "2024-06-10", stage="early", amount=5_000)}),
        ("new", 1, {}, {"subscriptions": [HELD | {"started_at": "2024-06-10"}]}),
        ("churned", -1, {"subscriptions": [HELD]}, {"subscriptions": [HELD | {"ended_at": "2024-06-10"}]}),
        ("expanded", 1, {"subscriptions": [HELD]},
         {"subscriptions": [HELD | {"ended_at": "2024-06-10"},
                            HELD | {"subscription_id": "T", "started_at": "2024-06-10", "mrr": 400.0}]}),
        ("churned", -1, {"subscriptions": [HELD]},
         {"subscriptions": [HELD | {"ended_at": "2024-06-10"},
                            HELD | {"subscription_id": "T", "started_at": "2024-06-10", "mrr": 200.0}]}),
        ("expanded", 1, {"subscriptions": [HELD]},
         {"subscriptions": [HELD | {"ended_at": "2024-06-10"},
                            *(HELD | {"subscription_id": key, "started_at": "2024-06-10", "mrr": 200.0}
                              for key in ("T", "U"))]}),
        ("churned", -1, {"subscriptions": [HELD, HELD | {"subscription_id": "T"}]},
         {"subscriptions": [*(HELD | {"subscription_id": key, "ended_at": "2024-06-10"} for key in ("S", "T")),
                            HELD | {"subscription_id": "U", "started_at": "2024-06-10", "mrr": 400.0}]}),
        ("amount changed", 1, {"opportunities": [DEAL], "opportunity_changes": BORN},
         {"opportunities": [DEAL], "opportunity_changes": [*BORN, *changes("D", "2024-06-10", amount=9_000)]}),
        ("deal moved", 1, {"opportunities": [DEAL], "opportunity_changes": BORN},
         {"opportunities": [DEAL], "opportunity_changes": [*BORN, *changes("D", "2024-06-10", stage="late")]}),
        ("data corrected", 1, {}, {"opportunities": [DEAL | {"known_at": datetime(2024, 6, 10)}],
                                   "opportunity_changes": BORN}),
        ("data corrected", -1, {"subscriptions": [HELD]}, {}),
        ("data corrected", 1, {"subscriptions": [HELD]}, {"subscriptions": [HELD | {"mrr": 350.0}]}),
        ("orders came in", 1, {}, {"orders": [{"order_id": "big", "line_id": "1", "account_id": "b", "product_id": "Q",
                                               "amount": 9_000.0, "ordered_at": "2024-06-11", "status": "placed"}]}),
    ],
)  # fmt: skip
def test_each_event_is_its_own_cause(cause: str, sign: int, before: Any, after: Any) -> None:
    rows = moved(company(SINCE, **before), company(NOW, **after))
    amounts, quiet = by_cause(rows), quiet_causes()
    assert sign * amounts[cause] > 20
    assert set(amounts.index) <= QUIET | {cause}
    if cause not in QUIET:
        assert amounts.drop(cause).abs().max() < quiet.abs().max() + 0.3 * abs(amounts[cause])


def test_a_contract_of_another_product_does_not_follow_one_only_because_neither_has_a_family() -> None:
    contract = HELD | {"product_id": "V"}
    other = contract | {"subscription_id": "T", "product_id": "W", "started_at": "2024-06-10", "mrr": 400.0}
    then = company(NOW, subscriptions=[contract | {"ended_at": "2024-06-10"}, other])
    amounts = by_cause(moved(company(SINCE, subscriptions=[contract]), then))
    assert amounts["churned"] < -20
    assert amounts["new"] > 20
    assert "expanded" not in amounts
    same = company(NOW, subscriptions=[contract | {"ended_at": "2024-06-10"}, other | {"product_id": "V"}])
    assert {"churned", "new"}.isdisjoint(by_cause(moved(company(SINCE, subscriptions=[contract]), same)).index)


def test_a_lost_deal_moves_the_forecast_by_its_share_of_the_bottom_up_view() -> None:
    """The top-down view, which weighs two fifths, does not move."""
    lost = DEAL | {"closed_at": "2024-06-10", "outcome": "lost"}
    before = company(SINCE, opportunities=[DEAL], opportunity_changes=BORN)
    amounts = by_cause(moved(before, company(NOW, opportunities=[lost], opportunity_changes=BORN)))
    items = forecast_of(before).line_items
    expected = items.loc[items["kind"] == "deal", "expected"].sum()
    assert amounts["lost"] == pytest.approx(-expected * (1 - 0.4), rel=0.05)
    rows = moved(before, company(NOW, opportunities=[lost], opportunity_changes=BORN))
    assert rows.loc[rows["cause"] == "lost", "evidence"].iloc[1].startswith("1 of them: D -")


def test_a_changed_score_is_not_a_changed_amount() -> None:
    """The deal moves on, so that it is likelier to be won, and then of less of its amount: only the amount of the
    company's own records is the amount."""
    late, dearer = (changes("D", "2024-06-10", **change) for change in ({"stage": "late"}, {"amount": 9_000}))
    before = company(SINCE, opportunities=[DEAL], opportunity_changes=BORN)
    for change, brings, cause in ((late, 4_000.0, "deal moved"), (dearer, 9_000.0, "amount changed")):
        now = company(NOW, opportunities=[DEAL], opportunity_changes=[*BORN, *change])
        old = forecast_of(before, win_scores("D", 0.3, 5_000.0))
        new = forecast_of(now, win_scores("D", 0.6 if cause == "deal moved" else 0.3, brings))
        rows = bridge_between(now, *(ForecastBasis(one.line_items, one.drivers) for one in (old, new)), None, SINCE)
        adds_up(rows, old, new)
        amounts = by_cause(rows[rows["node"] == "total"])
        assert amounts[cause] > 100
        assert set(amounts.index) & {"deal moved", "amount changed"} == {cause}


def test_expected_amounts_are_the_models_and_the_published_amount_is_the_companys() -> None:
    then = company(SINCE, opportunities=[DEAL], opportunity_changes=BORN)
    reduced, full = (forecast_of(then, win_scores("D", 0.5, brings)).line_items for brings in (4_000.0, 5_000.0))
    deals = [items[items["kind"] == "deal"] for items in (reduced, full)]
    assert set(deals[0]["amount"]) == {5_000.0}
    assert deals[0]["open_deals"].to_numpy() == pytest.approx(0.8 * deals[1]["open_deals"].to_numpy())


def test_a_model_change_is_the_difference_between_two_versions_on_the_same_facts() -> None:
    deal = {"opportunities": [DEAL], "opportunity_changes": BORN}
    before, now = company(SINCE, **deal), company(NOW, **deal)
    wins = {"": 0.3, "early": 0.9, "late": 0.9}
    quiet = by_cause(moved(before, now))
    amounts = by_cause(moved(before, now, rescored=forecast_of(now), win_rates=wins))
    assert amounts[MODEL] == pytest.approx(
        forecast_of(now, win_rates=wins).drivers["point"].sum() - forecast_of(now).drivers["point"].sum(), abs=0.02
    )
    assert amounts[MODEL] > 500
    pd.testing.assert_series_equal(amounts.drop(MODEL), quiet)


def test_churn_removes_the_expected_expansion_too() -> None:
    grows = {"expansion_rate": 0.02, "expansion_uplift": 0.5}
    before, now = company(SINCE, subscriptions=[HELD]), company(NOW, subscriptions=[HELD | {"ended_at": "2024-06-10"}])
    old, new = forecast_of(before, **grows), forecast_of(now, **grows)
    contract = old.line_items[old.line_items["kind"] == "contract"]
    assert contract["expansion"].sum() > 50
    assert contract["expected"].to_numpy() == pytest.approx((contract["recurring"] + contract["expansion"]).to_numpy())
    rows = bridge_between(now, *(ForecastBasis(one.line_items, one.drivers) for one in (old, new)), None, SINCE)
    adds_up(rows, old, new)
    difference = by_cause(moved(before, now))["churned"] - by_cause(rows[rows["node"] == "total"])["churned"]
    assert difference == pytest.approx(contract["expansion"].sum() * (1 - 0.4), rel=0.05)


def test_a_version_that_cannot_score_takes_what_nothing_else_explains() -> None:
    deal = {"opportunities": [DEAL], "opportunity_changes": BORN}
    old, new = forecast_of(company(SINCE, **deal)), forecast_of(company(NOW, **deal), win_rates={"": 0.9})
    now = company(NOW, **deal)
    rows = bridge_between(
        now, *(ForecastBasis(one.line_items, one.drivers) for one in (old, new)), None, SINCE, unscored=True
    )
    adds_up(rows, old, new)
    assert set(rows["cause"]) <= {"orders came in", MODEL}
    assert "cannot all score this run" in rows.loc[rows["cause"] == MODEL, "evidence"].iloc[0]


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [("4", "4", False), ("4", "5", True), (None, "5", True), ("4", None, True), (None, None, False)],
)
def test_a_model_that_only_one_run_had_is_a_model_change(
    tmp_path: Path, before: str | None, now: str | None, changed: bool
) -> None:
    deal = {"opportunities": [DEAL], "opportunity_changes": BORN}
    lake, then = Lake(tmp_path), company(NOW, **deal)
    for run, one, win in (
        (SINCE, forecast_of(company(SINCE, **deal)), before),
        (NOW, forecast_of(then, win_rates={"": 0.9}), now),
    ):
        with lake.write_step(str(run), "score") as draft:
            draft.write("forecast_line_items", one.line_items)
            draft.write("forecast_drivers", one.drivers)
            draft.write("model_results", pd.DataFrame({"model": ["revenue", "win"], "version": ["1", win]}))
    versions = {"revenue": "1"} | ({} if before is None else {"win": before})
    earlier = PreviousForecast(str(SINCE), SINCE, versions, lake.step(str(SINCE), "score"))
    causes = set(bridge(then, earlier, lake.step(str(NOW), "score"))["cause"])
    assert (MODEL in causes) == changed
    assert ("as time passed" in causes) != changed


WEEKS = 26
WEEKS_BETWEEN = 2
UNTIL = datetime(2026, 3, 16, 12, 0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A small demo company, as its source has it on its last day."""
    folder: Path = tmp_path_factory.mktemp("bridged")
    write_demo(folder, until=UNTIL, size=0.05, seed=5, years=3)
    frames = {}
    with duckdb.connect() as reader:
        for table in CONTRACT:
            frames[table.name] = reader.execute(f"FROM '{folder / 'crm' / table.name}.parquet'").df()
            for key in table.key[:1]:
                frames[table.name] = frames[table.name].dropna(subset=key)
            frames[table.name] = frames[table.name].drop_duplicates(list(table.key))
    return company_of(frames, UNTIL.date())


def replayed(whole: Company) -> Iterator[Company]:
    """The company as it was known on every second Monday."""
    for week in range(WEEKS, -1, -WEEKS_BETWEEN):
        day = UNTIL.date() - timedelta(weeks=week)
        then = replace(whole, as_of=day, tables={})
        for table in CONTRACT:
            then.tables[table.name] = cut_as_of(whole.tables[table.name], table, then.as_of_at)
        yield then


def champion(challenger: Challenger, ships: Any) -> Champion:
    return Champion("revenue", str(ships), ships, challenger.estimator, challenger.state, challenger.features_hash,
                    challenger.trained_as_of)  # fmt: skip


def test_the_bridge_of_26_replayed_weeks_of_the_demo_company_adds_up_to_the_cent(demo: Company) -> None:
    model, before, seen, earlier = RevenueForecastModel(), None, set(), None
    versions: list[Champion] = []
    for night, then in enumerate(replayed(demo)):
        if not versions:
            challenger = model.train(then)
            assert isinstance(challenger, Challenger)
            versions = [champion(challenger, "baseline"), champion(challenger, "model")]
        version = versions[night == WEEKS // WEEKS_BETWEEN // 2]  # the model changes, and changes back
        now = scored(model, then, version)
        if before is not None and earlier is not None:
            rescored = None if earlier is version else scored(model, then, earlier)
            sides = (ForecastBasis(one.line_items, one.drivers) for one in (before, now))
            last = None if rescored is None else ForecastBasis(rescored.line_items, rescored.drivers)
            rows = bridge_between(then, *sides, last, then.as_of - timedelta(weeks=WEEKS_BETWEEN))
            adds_up(rows, before, now)
            assert (rescored is None) == (MODEL not in set(rows["cause"]))
            seen |= set(rows["cause"])
        before, earlier = now, version
    assert seen >= {
        "won",
        "lost",
        "new",
        "churned",
        "expanded",
        "amount changed",
        "deal moved",
        "orders came in",
        MODEL,
    }


def scored(model: RevenueForecastModel, company: Company, version: Champion) -> RevenueForecast:
    frames = model.score(company, version)
    assert isinstance(frames, dict)
    return assemble_forecast(company, frames)
