"""KPIs of companies whose figures are known by hand, and the same figures by SQL written for the test alone."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.contract import CONTRACT
from data.outputs.report_tables import KPIS, LEAKS
from features.company import Company
from features.revenue.series import revenue_series
from reports.kpis.recurring import MOVEMENTS
from reports.kpis.report import ALL_KPIS, key_figures
from reports.leaks.report import find_leaks
from tests.features.company_builder import build_company
from tests.reports.kpis.kpi_sql import assert_equal_to_sql, figure

AS_OF = date(2024, 7, 10)
LIFETIMES = pd.DataFrame({"account_id": [f"A{n:02}" for n in range(40)],
                          "lifetime_value": [100.0 + n for n in range(40)],
                          "lifetime_value_bgnbd": [float("nan"), 50.0, 70.0, 20.0] * 10})  # fmt: skip


def account(account_id: str, region: str | None = None) -> dict[str, Any]:
    return {"account_id": account_id, "region": region}


def subscription(key: str, account_id: str, mrr: float, started: str, ended: str | None = None) -> dict[str, Any]:
    return {"subscription_id": key, "account_id": account_id, "product_id": "P", "mrr": mrr, "started_at": started,
            "ended_at": ended}  # fmt: skip


@pytest.fixture(scope="module")
def by_hand() -> pd.DataFrame:
    """Five subscribers that each do one thing in May 2024 (in Istanbul, three hours ahead of UTC)."""
    company = build_company(
        AS_OF,
        accounts=[account("new", "N"), account("back", "N"), account("more", "S"), account("less", "S"),
                  account("gone", "S"), account("steady")],
        subscriptions=[
            subscription("1", "new", 100.10, "2024-05-10"),
            subscription("2", "back", 50, "2022-01-01", "2023-01-01"),
            subscription("3", "back", 70, "2024-05-20"),
            # more seats: one ends, the next begins
            subscription("4", "more", 200, "2023-01-01", "2024-05-15"),
            subscription("5", "more", 260.05, "2024-05-15"),
            subscription("6", "less", 90, "2023-01-01"),
            subscription("7", "less", 30, "2023-01-01", "2024-05-31 20:59:59"),  # still May in Istanbul
            subscription("8", "gone", 40, "2023-01-01", "2024-05-02"),
            # begins and ends within May: no movement
            subscription("9", "gone", 500, "2024-05-05", "2024-05-09"),
            subscription("10", "steady", 10, "2023-01-01", "2024-05-31 21:00:00"),  # June begins in Istanbul
        ],
    )  # fmt: skip
    return key_figures(company)


def test_each_movement_of_recurring_revenue_is_what_it_is_by_hand(by_hand: pd.DataFrame) -> None:
    expected = {
        "mrr_start": 370.0, "mrr_new": 100.10, "mrr_reactivation": 70.0, "mrr_expansion": 60.05,
        "mrr_contraction": 30.0, "mrr_churn": 40.0, "mrr": 530.15, "arr": 6361.80,
    }  # fmt: skip
    assert {kpi: figure(by_hand, kpi, "2024-05-01") for kpi in expected} == expected


def test_what_ends_with_the_month_is_lost_in_the_next_one(by_hand: pd.DataFrame) -> None:
    assert figure(by_hand, "mrr_churn", "2024-06-01") == 10.0
    assert figure(by_hand, "mrr", "2024-06-01") == 520.15


def test_retention_looks_at_those_who_were_there_a_year_ago(by_hand: pd.DataFrame) -> None:
    # At the end of May 2023: more 200, less 120, gone 40, steady 10. A year later: 260.05, 90, 0, 10.
    assert figure(by_hand, "nrr", "2024-05-01") == pytest.approx(360.05 / 370, abs=1e-6)
    assert figure(by_hand, "grr", "2024-05-01") == pytest.approx(300 / 370, abs=1e-6)
    assert figure(by_hand, "logo_churn", "2024-05-01") == pytest.approx(1 / 4, abs=1e-6)


def test_regions_add_up_to_the_total_and_the_unknown_one_is_named(by_hand: pd.DataFrame) -> None:
    may = by_hand[(by_hand["kpi"] == "mrr") & (by_hand["period"].astype(str) == "2024-05-01")]
    assert dict(zip(may["slice"], may["value"], strict=True)) == {
        "total": 530.15, "region:N": 170.10, "region:S": 350.05, "region:unknown": 10.0,
    }  # fmt: skip


def test_only_the_last_twelve_complete_months_are_reported(by_hand: pd.DataFrame) -> None:
    months = sorted(set(by_hand["period"].astype(str)))
    assert (months[0], months[-1], len(months)) == ("2023-07-01", "2024-06-01", 12)
    on_the_first = key_figures(
        build_company(
            date(2024, 7, 1), accounts=[account("A")], subscriptions=[subscription("1", "A", 1, "2024-06-30")]
        )
    )
    # The month that ended as the day began is complete; the months before the first subscription say nothing.
    assert on_the_first["period"].astype(str).unique().tolist() == ["2024-06-01"]


def test_orders_deals_and_costs_are_what_they_are_by_hand() -> None:
    def order(key: str, line: str, account_id: str, amount: float, at: str, status: str = "placed") -> dict[str, Any]:
        return {"order_id": key, "line_id": line, "account_id": account_id, "product_id": "P", "amount": amount,
                "ordered_at": at, "status": status}  # fmt: skip

    def deal(key: str, created: str, closed: str | None, outcome: str | None, amount: float | None) -> dict[str, Any]:
        return {"opportunity_id": key, "account_id": "A", "created_at": created, "closed_at": closed,
                "outcome": outcome, "amount": amount}  # fmt: skip

    rows = key_figures(
        build_company(
            AS_OF,
            accounts=[account("A"), account("B"), account("C")],
            orders=[
                order("1", "1", "A", 100, "2024-02-10"),
                order("2", "1", "A", 80, "2024-05-10"),
                order("2", "2", "A", 20, "2024-05-10"),
                order("3", "1", "B", 50, "2024-05-31 20:59:59"),
                order("4", "1", "B", 70, "2024-05-31 21:00:00"),  # June in Istanbul
                order("2", "3", "A", -30, "2024-05-12", "returned"),
                order("5", "1", "C", 999, "2024-05-12", "cancelled"),
            ],
            opportunities=[
                deal("W1", "2024-04-01", "2024-05-11", "won", 1000),
                deal("W2", "2024-05-01", "2024-05-21", "won", 500),
                deal("L", "2024-05-01", "2024-05-21", "lost", 0),
                deal("O", "2024-05-01", None, None, 300),
                deal("H", "2024-05-01", "2024-06-20", "lost", 7),
            ],
            opportunity_changes=[
                {"opportunity_id": "H", "changed_at": "2024-05-01", "field": "amount", "new_value": "400"},
                {"opportunity_id": "H", "changed_at": "2024-06-20", "field": "amount", "new_value": "7"},
            ],
            costs=[
                {"month": "2024-05-01", "team": "sales", "amount": 300},
                {"month": "2024-05-31", "team": "Marketing", "amount": 100},
                {"month": "2024-05-01", "team": "success", "amount": 1000},
            ],
        )
    )
    expected = {
        "net_revenue": 120.0,  # 80 + 20 + 50 − 30
        "average_order_value": 75.0,
        "new_customers": 1.0,  # B; A bought in February, C cancelled
        "active_customers": 2.0,
        "customer_churn": 0.0,
        "win_rate": 0.666667,
        "sales_cycle_days": 30.0,
        "pipeline": 700.0,  # O 300, H 400 as it then was
        "cac": 400.0,
    }
    assert {kpi: figure(rows, kpi, "2024-05-01") for kpi in expected} == expected
    # A's order of 10 May is more than 90 days before the end of no month here; none of it is recurring.
    assert figure(rows, "mrr", "2024-05-01") is None
    assert figure(rows, "cac", "2024-06-01") is None
    assert set(rows.loc[rows["kpi"] == "net_revenue", "unit"]) == {"EUR"}


@pytest.fixture(scope="module")
def random_company() -> Company:
    """A company of seeded noise: many accounts that begin, change, stop and come back, in odd cents."""
    rng = np.random.default_rng(11)

    def instant(low: str, days: int) -> datetime:
        return pd.Timestamp(low) + timedelta(seconds=int(rng.integers(0, days * 86400)))

    def maybe(value: Any, chance: float) -> Any:
        return value if rng.random() < chance else None

    accounts = [account(f"A{n:02}", maybe(f"R{n % 3}", 0.9)) for n in range(40)]

    def pick() -> str:
        return f"A{rng.integers(0, 40):02}"

    subscriptions = []
    for n in range(150):
        started = instant("2022-01-01", 900)
        ended = maybe(started + timedelta(days=float(rng.exponential(200))), 0.7)
        mrr = round(float(rng.choice([0.0, rng.gamma(2, 100)], p=[0.1, 0.9])), 5)
        subscriptions.append({**subscription(str(n), pick(), mrr, str(started)), "ended_at": ended})
    orders = [
        {"order_id": f"O{n // 2}", "line_id": str(n), "account_id": f"A{(n // 2) % 40:02}", "product_id": "P",
         "amount": round(float(rng.gamma(2, 50)), 2), "ordered_at": instant("2023-01-01", 550),
         "status": str(rng.choice(["placed", "placed", "placed", "cancelled"]))}
        for n in range(300)
    ]  # fmt: skip
    deals = []
    for n in range(120):
        created = instant("2023-01-01", 500)
        closed = maybe(created + timedelta(days=float(rng.exponential(60))), 0.8)
        deals.append({"opportunity_id": f"D{n}", "account_id": maybe(pick(), 0.9), "created_at": created,
                      "closed_at": closed, "outcome": None if closed is None else str(rng.choice(["won", "lost"])),
                      "amount": maybe(round(float(rng.gamma(2, 500)), 2), 0.9)})  # fmt: skip
    changes = [
        {"opportunity_id": f"D{rng.integers(0, 120)}", "changed_at": instant("2023-01-01", 540), "field": "amount",
         "new_value": maybe(f"{rng.gamma(2, 500):.2f}", 0.8)}
        for _ in range(150)
    ]  # fmt: skip
    more = np.random.default_rng(12)
    for one in subscriptions:
        term = pd.Timestamp(one["started_at"]) + timedelta(days=float(more.choice([90, 180, 365])))
        one |= {"term_ends_at": term if more.random() < 0.7 else None, "auto_renew": bool(more.random() < 0.5),
                "product_id": str(more.choice(["P", "Q", "R"]))}  # fmt: skip
    for one in orders:
        one["product_id"] = str(more.choice(["P", "R"]))
    for n, at in enumerate(("2023-10-05", "2024-03-05")):  # customers who are won within the year
        accounts.append(account(f"N{n}", f"R{n}"))
        orders.append({"order_id": f"N{n}", "line_id": "1", "account_id": f"N{n}", "product_id": "P", "amount": 70.25,
                       "ordered_at": pd.Timestamp(at), "status": "placed"})  # fmt: skip
    staged = [
        {"opportunity_id": one["opportunity_id"], "changed_at": one["created_at"] + timedelta(days=9.0 * n),
         "field": "stage", "new_value": name}
        for one in deals
        for n, name in enumerate(("first", "second", "third")[: more.integers(1, 4)])
        if one["closed_at"] is None or one["created_at"] + timedelta(days=9.0 * n) < one["closed_at"]
    ] + [
        {"opportunity_id": one["opportunity_id"], "changed_at": one["closed_at"], "field": "stage",
         "new_value": f"closed {one['outcome']}"}
        for one in deals
        if one["closed_at"] is not None and more.random() < 0.8
    ]  # fmt: skip
    costs = [
        {"month": day, "team": team, "amount": float(more.integers(100, 900))}
        for day in pd.date_range("2022-01-31", "2024-06-30", freq="ME")
        for team in ("sales", "Marketing", "success")
    ]
    return build_company(
        AS_OF,
        accounts=accounts,
        products=[{"product_id": "P", "family": "F", "margin_rate": 0.6}, {"product_id": "Q", "family": "F"},
                  {"product_id": "R", "margin_rate": 0.25}],
        subscriptions=subscriptions,
        orders=orders,
        opportunities=deals,
        opportunity_changes=[*changes, *staged],
        costs=costs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def of_random(random_company: Company) -> pd.DataFrame:
    return key_figures(random_company, LIFETIMES)


def test_every_figure_is_what_independent_sql_says(random_company: Company, of_random: pd.DataFrame) -> None:
    assert_equal_to_sql(random_company, of_random, LIFETIMES, ALL_KPIS)


def test_movements_add_up_to_the_cent_in_every_month_and_slice(of_random: pd.DataFrame) -> None:
    cents = of_random[of_random["unit"] == "EUR"].assign(cents=lambda f: (f["value"] * 100).round().astype(int))
    wide = cents.pivot_table(index=["period", "slice"], columns="kpi", values="cents", observed=True)
    assert len(wide) == 12 * 5
    moved = (
        wide["mrr_start"] + wide["mrr_new"] + wide["mrr_reactivation"] + wide["mrr_expansion"]
        - wide["mrr_contraction"] - wide["mrr_churn"]
    )  # fmt: skip
    assert (moved == wide["mrr"]).all()
    total = wide["mrr"].xs("total", level="slice")
    assert (wide["mrr_start"].xs("total", level="slice").iloc[1:].to_numpy() == total.iloc[:-1].to_numpy()).all()
    for movement in MOVEMENTS:
        parts = wide[f"mrr_{movement}"]
        whole = parts.xs("total", level="slice")
        assert (parts.drop("total", level="slice").groupby("period").sum() == whole).all()
        assert whole.sum() > 0, f"the company of this test has no {movement}"


def test_net_revenue_is_the_series_that_is_forecast(random_company: Company, of_random: pd.DataFrame) -> None:
    series = revenue_series(random_company, "month")
    total = series[series["level"] == "total"].tail(12)
    reported = of_random[(of_random["kpi"] == "net_revenue") & (of_random["slice"] == "total")]
    assert np.allclose(reported["value"], total["amount"], atol=0.5)


def test_a_company_without_anything_has_no_figures_and_no_leaks() -> None:
    for company in (build_company(AS_OF), build_company(AS_OF, accounts=[account("A", "N")])):
        kpis, leaks = key_figures(company), find_leaks(company)
        assert kpis.empty
        assert leaks.empty
        assert list(kpis.columns) == list(KPIS.by_name)
        assert list(leaks.columns) == list(LEAKS.by_name)


GONE = {
    "accounts": set(),
    "products": {"gross_margin"},
    "subscriptions": {"mrr"},
    "orders": {"average_order_value"},
    "opportunities": {"win_rate", "stage_conversion"},
    "opportunity_changes": {"stage_conversion"},
    "costs": {"cac"},
}
"""KPIs that cannot be computed without each table."""


def test_any_table_may_be_empty(random_company: Company, of_random: pd.DataFrame) -> None:
    affected = set().union(*GONE.values())
    assert affected <= set(of_random["kpi"])
    assert {table.name for table in CONTRACT if random_company.has(table.name)} == set(GONE)
    for name, gone in GONE.items():
        without = replace(random_company, tables={**random_company.tables, name: random_company.tables[name].limit(0)})
        rows = key_figures(without)
        assert affected - set(rows["kpi"]) == gone, name
        slices = set(rows["slice"]) - {"total"} - {f"stage:{stage}" for stage in ("first", "second", "third")}
        assert bool(slices) == (name != "accounts"), name


def test_every_definition_has_a_text_and_is_counted() -> None:
    assert len({kpi.name for kpi in ALL_KPIS}) == len(ALL_KPIS)
    assert all(kpi.formula and kpi.version >= 1 for kpi in ALL_KPIS)
