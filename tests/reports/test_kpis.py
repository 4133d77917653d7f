"""KPIs of companies whose figures are known by hand, and the same figures by SQL written for the test alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from data.calendar import first_instant
from data.contract import CONTRACT
from data.scoring import KPIS, LEAKS
from features.company import Company
from features.series import revenue_series
from reports.kpis import DEFINITIONS, MOVEMENTS, key_figures
from reports.leaks import find_leaks
from tests.features.company_builder import build_company

AS_OF = date(2024, 7, 10)
ZONE = "Europe/Istanbul"


def figure(rows: pd.DataFrame, kpi: str, month: str, part: str = "total") -> float | None:
    """One value, or ``None`` where there is no row."""
    found = rows[(rows["kpi"] == kpi) & (rows["period"].astype(str) == month) & (rows["slice"] == part)]
    return None if found.empty else float(found["value"].item())


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
    pick: Callable[[], str] = lambda: f"A{rng.integers(0, 40):02}"  # noqa: E731
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
         "new_value": f"{rng.gamma(2, 500):.2f}"}
        for _ in range(150)
    ]  # fmt: skip
    return build_company(
        AS_OF,
        accounts=accounts,
        subscriptions=subscriptions,
        orders=orders,
        opportunities=deals,
        opportunity_changes=changes,
    )


SQL: dict[str, str] = {
    "mrr": """
        SELECT sum(mrr) FROM (
            SELECT account_id, round(sum(mrr), 2) AS mrr FROM subscriptions
            WHERE started_at < $end AND (ended_at IS NULL OR ended_at >= $end) GROUP BY account_id)""",
    "nrr": """
        WITH had AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                     WHERE started_at < $ago AND coalesce(ended_at, 'infinity') >= $ago GROUP BY 1 HAVING sum(mrr) > 0),
             has AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                     WHERE started_at < $end AND coalesce(ended_at, 'infinity') >= $end GROUP BY 1)
        SELECT sum(coalesce(has.mrr, 0)) / sum(had.mrr) FROM had LEFT JOIN has USING (account_id)""",
    "grr": """
        WITH had AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                     WHERE started_at < $ago AND coalesce(ended_at, 'infinity') >= $ago GROUP BY 1),
             has AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                     WHERE started_at < $end AND coalesce(ended_at, 'infinity') >= $end GROUP BY 1)
        SELECT sum(least(coalesce(has.mrr, 0), had.mrr)) / sum(had.mrr) FROM had LEFT JOIN has USING (account_id)""",
    "logo_churn": """
        WITH paid AS (SELECT * FROM subscriptions WHERE mrr > 0),
             old AS (SELECT DISTINCT account_id FROM paid WHERE started_at < $start
                     AND NOT coalesce(ended_at < $start, false)),
             kept AS (SELECT DISTINCT account_id FROM paid WHERE started_at < $end
                      AND NOT coalesce(ended_at < $end, false))
        SELECT count(*) FILTER (WHERE account_id NOT IN (FROM kept)) / count(*) FROM old""",
    "net_revenue": """
        SELECT (SELECT coalesce(sum(amount), 0) FROM orders
                WHERE status <> 'cancelled' AND ordered_at >= $start AND ordered_at < $end)
             + (SELECT coalesce(sum(mrr / day(last_day(local_day))), 0)
                FROM (SELECT mrr, (started_at + INTERVAL 3 HOUR)::DATE AS first_day,
                             (ended_at + INTERVAL 3 HOUR)::DATE AS end_day FROM subscriptions),
                     (SELECT unnest(generate_series($month::DATE, last_day($month::DATE), INTERVAL 1 DAY))::DATE
                             AS local_day)
                WHERE first_day <= local_day AND (end_day IS NULL OR end_day > local_day))""",
    "active_customers": """
        SELECT count(*) FROM (
            SELECT account_id FROM orders WHERE status = 'placed' AND ordered_at < $end
                AND ordered_at >= $end - INTERVAL 90 DAY
            UNION
            SELECT account_id FROM subscriptions WHERE mrr > 0 AND started_at < $end
                AND (ended_at IS NULL OR ended_at >= $end))""",
    "new_customers": """
        SELECT count(*) FROM (
            SELECT account_id, min(sold_at) AS first_at FROM (
                SELECT account_id, ordered_at AS sold_at FROM orders WHERE status = 'placed'
                UNION ALL SELECT account_id, started_at FROM subscriptions)
            GROUP BY account_id) WHERE first_at >= $start AND first_at < $end""",
    "average_order_value": """
        SELECT avg(amount) FROM (
            SELECT order_id, sum(amount) AS amount FROM orders
            WHERE status = 'placed' AND ordered_at >= $start AND ordered_at < $end GROUP BY order_id)""",
    "win_rate": """
        SELECT avg((outcome = 'won')::INT) FROM opportunities WHERE closed_at >= $start AND closed_at < $end""",
    "sales_cycle_days": """
        SELECT avg(date_diff('second', created_at, closed_at)) / 86400 FROM opportunities
        WHERE outcome = 'won' AND closed_at >= $start AND closed_at < $end""",
    "pipeline": """
        WITH told AS (SELECT opportunity_id, new_value::DOUBLE AS amount FROM opportunity_changes
                      WHERE field = 'amount' AND changed_at < $end
                      QUALIFY row_number() OVER (PARTITION BY opportunity_id ORDER BY changed_at DESC) = 1)
        SELECT coalesce(sum(coalesce(told.amount, o.amount)), 0)
        FROM opportunities o LEFT JOIN told USING (opportunity_id)
        WHERE o.created_at < $end AND (o.closed_at IS NULL OR o.closed_at >= $end)""",
}


@pytest.fixture(scope="module")
def of_random(random_company: Company) -> pd.DataFrame:
    return key_figures(random_company)


def as_known_tables(company: Company) -> duckdb.DuckDBPyConnection:
    """The company's tables, as it knows them, in a database of the test's own."""
    con = duckdb.connect()
    for name, table in company.tables.items():
        rows = table.to_pyarrow()  # noqa: F841  # DuckDB reads the variable
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
    return con


def months() -> list[tuple[str, dict[str, Any]]]:
    firsts = [d.date() for d in pd.date_range("2022-07-01", "2024-07-01", freq="MS")]
    return [
        (str(first), {"start": first_instant(first, ZONE), "end": first_instant(after, ZONE),
                      "ago": first_instant(year_before, ZONE), "month": first})
        for first, after, year_before in zip(firsts[12:-1], firsts[13:], firsts[1:], strict=False)
    ]  # fmt: skip


def test_every_figure_is_what_independent_sql_says(random_company: Company, of_random: pd.DataFrame) -> None:
    con = as_known_tables(random_company)
    for kpi, sql in SQL.items():
        for month, times in months():
            used = {name: value for name, value in times.items() if f"${name}" in sql}
            (expected,) = con.execute(sql, used).fetchone() or (None,)
            tolerance = 0.006 if kpi not in ("nrr", "grr") else 1e-4  # cents are rounded by account
            assert figure(of_random, kpi, month) == pytest.approx(expected, abs=tolerance), (kpi, month)


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


def test_any_table_may_be_empty(random_company: Company) -> None:
    for name in ("accounts", "orders", "subscriptions", "opportunities", "opportunity_changes"):
        assert name in {table.name for table in CONTRACT}
        without = replace(random_company, tables={**random_company.tables, name: random_company.tables[name].limit(0)})
        assert len(key_figures(without)) > 0


def test_every_definition_is_said_and_counted() -> None:
    assert len({kpi.name for kpi in DEFINITIONS}) == len(DEFINITIONS)
    assert all(kpi.formula and kpi.version >= 1 for kpi in DEFINITIONS)
