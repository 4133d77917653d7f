"""KPIs of selling, renewing and worth, of companies whose figures are known by hand."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from reports.kpis.report import ALL_KPIS, definitions, key_figures
from tests.features.company_builder import build_company
from tests.reports.kpis.kpi_sql import figure

AS_OF = date(2024, 7, 10)


def order(key: str, account_id: str, amount: float, at: str, product: str = "P") -> dict[str, Any]:
    return {"order_id": key, "line_id": "1", "account_id": account_id, "product_id": product, "amount": amount,
            "ordered_at": at, "status": "placed"}  # fmt: skip


def deal(key: str, created: str, closed: str | None, outcome: str | None, amount: float | None) -> dict[str, Any]:
    return {"opportunity_id": key, "account_id": "A", "created_at": created, "closed_at": closed, "outcome": outcome,
            "amount": amount}  # fmt: skip


def change(key: str, at: str, field: str, value: str | None) -> dict[str, Any]:
    return {"opportunity_id": key, "changed_at": at, "field": field, "new_value": value}


def subscription(key: str, account_id: str, mrr: float, started: str, **more: Any) -> dict[str, Any]:
    return {"subscription_id": key, "account_id": account_id, "product_id": "P", "mrr": mrr, "started_at": started,
            **more}  # fmt: skip


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    """Four deals are closed within a year, two are open; amounts are rewritten at the end, as people do."""
    return key_figures(
        build_company(
            AS_OF,
            accounts=[{"account_id": "A", "segment": "Large"}],
            opportunities=[
                deal("W1", "2023-11-01", "2023-12-01", "won", 600),
                deal("W2", "2024-05-01", "2024-06-10", "won", 900),
                deal("L1", "2024-05-01", "2024-06-20", "lost", 0),
                deal("L2", "2024-05-01", "2024-06-21", "lost", None),
                deal("O1", "2024-06-01", None, None, 700),
                deal("O2", "2024-06-01", None, None, 50),
            ],
            opportunity_changes=[
                change("W2", "2024-05-01", "amount", "1000"),
                change("W2", "2024-06-10", "amount", "900"),
                change("L1", "2024-05-01", "amount", "400"),
                change("L1", "2024-06-20", "amount", "0"),
                change("L2", "2024-05-02", "amount", "600"),
                # W2 passes both stages; L1 fails in the first, L2 in the second; O1 has passed the first
                change("W2", "2024-05-01", "stage", "one"),
                change("W2", "2024-06-03", "stage", "two"),
                change("W2", "2024-06-10", "stage", "won"),
                change("L1", "2024-06-01", "stage", "one"),
                change("L1", "2024-06-20", "stage", "lost"),
                change("L2", "2024-05-01", "stage", "one"),
                change("L2", "2024-06-02", "stage", "two"),
                change("O1", "2024-06-01", "stage", "one"),
                change("O1", "2024-06-09", "stage", "two"),
            ],
        )
    )


def test_deals_are_counted_and_weighed_as_they_stood_before_they_closed(sold: pd.DataFrame) -> None:
    assert figure(sold, "win_rate", "2024-06-01") == pytest.approx(1 / 3, abs=1e-6)
    assert figure(sold, "win_rate_value", "2024-06-01") == pytest.approx(1000 / 2000), "not 900 of 900"
    assert figure(sold, "sales_cycle_days", "2024-06-01") == 40.0
    assert figure(sold, "win_rate", "2024-06-01", "segment:Large") == figure(sold, "win_rate", "2024-06-01")


def test_the_pipeline_moves_as_fast_as_the_year_says(sold: pd.DataFrame) -> None:
    assert figure(sold, "open_deals", "2024-06-01") == 2.0
    # of 4 closed 2 were won, for 750 on average, after 30 and 40 days: 2 × 0.5 × 750 ÷ 35
    assert figure(sold, "pipeline_velocity", "2024-06-01") == pytest.approx(2 * 0.5 * 750 / 35, abs=0.005)
    assert figure(sold, "coverage", "2024-06-01") is None, "its first deal is eight months old"
    assert set(sold.loc[sold["kpi"] == "pipeline_velocity", "unit"]) == {"EUR a day"}


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_amount_that_was_emptied_is_none_and_not_the_one_before(nothing: str | None) -> None:
    emptied = [("2024-05-01", "1000"), ("2024-06-10", nothing)]
    rows = key_figures(
        build_company(
            AS_OF,
            accounts=[{"account_id": "A"}],
            opportunities=[
                deal("W", "2024-05-01", "2024-06-20", "won", 800),
                deal("L", "2024-05-01", "2024-06-20", "lost", 500),
                deal("O", "2024-05-01", None, None, 700),
                deal("P", "2024-05-01", None, None, 60),
            ],
            opportunity_changes=[change(key, at, "amount", value) for key in ("L", "O") for at, value in emptied],
        )
    )
    assert figure(rows, "win_rate_value", "2024-06-01") == 1.0, "800 of 800: the other one was worth nothing said"
    assert figure(rows, "pipeline", "2024-05-01") == 800 + 1000 + 1000 + 60
    assert figure(rows, "pipeline", "2024-06-01") == 60


def test_coverage_asks_what_a_quarter_must_bring_of_a_whole_year() -> None:
    deals = [
        deal("L", "2023-05-31 20:59", "2023-06-02", "lost", 10),  # May in Istanbul: the year to May begins with it
        deal("W", "2023-06-05", "2024-05-10", "won", 1600),
        deal("O", "2024-05-20", None, None, 600),
    ]
    rows = key_figures(build_company(AS_OF, accounts=[{"account_id": "A"}], opportunities=deals))
    assert figure(rows, "coverage", "2024-05-01") == pytest.approx(600 / (1600 / 4))
    late = [{**deals[0], "created_at": "2023-05-31 21:01"}, *deals[1:]]
    rows = key_figures(build_company(AS_OF, accounts=[{"account_id": "A"}], opportunities=late))
    assert figure(rows, "coverage", "2024-05-01") is None
    assert figure(rows, "coverage", "2024-06-01") == pytest.approx(600 / (1600 / 4))


def test_a_stage_is_passed_by_who_goes_on_or_wins(sold: pd.DataFrame) -> None:
    # left "one" in June: W2, L2 and O1 went on, L1 was lost; left "two": W2 won, L2 was lost
    assert figure(sold, "stage_conversion", "2024-06-01", "stage:one") == 0.75
    assert figure(sold, "stage_conversion", "2024-06-01", "stage:two") == 0.5


def test_terms_are_renewed_by_going_on_or_by_a_successor() -> None:
    term = {"term_ends_at": "2024-05-15"}
    rows = key_figures(
        build_company(
            AS_OF,
            accounts=[{"account_id": a} for a in "ABCDEFG"],
            products=[{"product_id": "P", "family": "platform"}, {"product_id": "Q", "family": "platform"},
                      {"product_id": "X", "family": "add-on"}],
            subscriptions=[
                subscription("1", "A", 100, "2023-05-15", **term, auto_renew=True),  # goes on
                subscription("2", "B", 200, "2023-05-15", **term, ended_at="2024-05-15"),  # a higher tier follows
                subscription("3", "B", 300, "2024-05-15", product_id="Q", term_ends_at="2025-05-15"),
                subscription("4", "C", 400, "2023-05-15", **term, ended_at="2024-05-15"),  # an add-on is none
                subscription("5", "C", 10, "2024-05-15", product_id="X"),
                subscription("6", "D", 500, "2023-05-15", **term),  # runs on though nobody renewed it
                subscription("7", "E", 600, "2023-05-15", **term, ended_at="2024-03-01"),  # left before: not due
                subscription("8", "F", 700, "2023-06-15", term_ends_at="2024-06-15", ended_at="2024-06-15"),
            ],
        )
    )  # fmt: skip
    assert figure(rows, "renewal_rate", "2024-05-01") == 0.5
    assert figure(rows, "renewal_rate_value", "2024-05-01") == pytest.approx(300 / 1200)
    assert figure(rows, "renewal_rate", "2024-06-01") == 0.0


def test_nothing_is_said_of_renewals_where_terms_move_on() -> None:
    moved = [subscription("1", "A", 100, "2022-05-15", term_ends_at="2025-05-15", auto_renew=True),
             subscription("2", "A", 100, "2022-05-15", term_ends_at="2024-05-15", ended_at="2024-05-15")]  # fmt: skip
    rows = key_figures(build_company(AS_OF, accounts=[{"account_id": "A"}], subscriptions=moved))
    assert figure(rows, "renewal_rate", "2024-05-01") is None


def test_upsell_and_lost_revenue_are_shares_of_what_was_there() -> None:
    rows = key_figures(
        build_company(
            AS_OF,
            accounts=[{"account_id": a} for a in "ABCD"],
            subscriptions=[
                subscription("1", "A", 100, "2023-01-01", ended_at="2024-05-10"),
                subscription("2", "A", 150, "2024-05-10"),  # more
                subscription("3", "B", 200, "2023-01-01", ended_at="2024-05-10"),
                subscription("4", "B", 140, "2024-05-10"),  # less
                subscription("5", "C", 90, "2023-01-01", ended_at="2024-05-10"),  # gone
                subscription("6", "D", 110, "2023-01-01"),
                subscription("7", "D", 10, "2024-05-20", ended_at="2024-05-21"),
            ],
        )
    )
    assert figure(rows, "upsell_rate", "2024-05-01") == 0.25
    assert figure(rows, "revenue_churn", "2024-05-01") == pytest.approx((60 + 90) / 500)
    assert figure(rows, "arr_expansion", "2024-05-01") == 600.0
    assert figure(rows, "arr_churn", "2024-05-01") == 12 * 90.0


@pytest.fixture(scope="module")
def worth() -> pd.DataFrame:
    """Ten customers who order 100 on the tenth of each month, of whom one stops in February 2024; an eleventh joins in
    June. Half of the revenue has a margin that is known: 40 %."""
    months = pd.date_range("2022-07-10", "2024-06-10", freq="MS") + pd.Timedelta(days=9)
    begun = [pd.Timestamp("2022-06-10"), *months]
    orders = [
        order(f"{at:%Y%m}-{n}", f"A{n}", 100, str(at), "P" if n % 2 else "Q")
        for n in range(10)
        for at in begun
        if n != 9 or at < pd.Timestamp("2024-02-01")
    ]
    return key_figures(
        build_company(
            AS_OF,
            accounts=[{"account_id": f"A{n}"} for n in range(11)],
            products=[{"product_id": "P", "margin_rate": 0.4}, {"product_id": "Q"}],
            orders=[*orders, order("new", "A10", 60, "2024-06-20", "Q")],
            costs=[{"month": at.date(), "team": "sales", "amount": 50.0} for at in months],
        ),
        pd.DataFrame({"account_id": ["A0", "A1", "A9", "A10"], "lifetime_value": [1000.0, 3000.0, 9999.0, None],
                      "lifetime_value_bgnbd": [None, 500.0, None, None]}),
        pd.DataFrame(
            [
                (date(2024, 4, 20), "total", "month", date(2024, 5, 1), 2000.0),  # a later night says
                (date(2024, 5, 1), "total", "month", date(2024, 5, 1), 1080.0),
                (date(2024, 5, 2), "total", "month", date(2024, 5, 1), 900.0),  # too late to be a forecast
                (date(2024, 5, 28), "total", "month", date(2024, 6, 1), 480.0),
                (date(2024, 5, 28), "region:X", "month", date(2024, 6, 1), 1.0),
                (date(2024, 5, 28), "total", "week", date(2024, 6, 1), 1.0),
                (date(2024, 2, 1), "total", "month", date(2024, 4, 1), 900.0),  # too early to count
            ],
            columns=["as_of", "node", "grain", "period", "point"],
        ),
    )  # fmt: skip


def test_a_customer_is_worth_its_margin_until_it_leaves(worth: pd.DataFrame) -> None:
    # July 2023 to June 2024: A9 orders until January (seven months), and is active for 90 days after
    revenue = 9 * 12 * 100 + 7 * 100 + 60
    active = [10] * 9 + [9, 9, 10]  # at the ends of July to March; of April, May; the new one in June
    begins = [10] * 10 + [9, 9]
    a_month = revenue / sum(active)
    assert figure(worth, "active_customers", "2024-03-01") == 10.0
    assert figure(worth, "active_customers", "2024-04-01") == 9.0
    assert figure(worth, "revenue_per_customer", "2024-06-01") == pytest.approx(a_month, abs=0.005)
    assert figure(worth, "gross_margin", "2024-06-01") == pytest.approx(0.4)
    churn = 1 / sum(begins)
    assert figure(worth, "ltv", "2024-06-01") == pytest.approx(a_month * 0.4 / churn, abs=0.01)
    # twelve months cost 600, and one customer came
    assert figure(worth, "ltv_cac", "2024-06-01") == pytest.approx(a_month * 0.4 / churn / 600, abs=1e-4)
    assert figure(worth, "cac_payback_months", "2024-06-01") == pytest.approx(600 / (a_month * 0.4), abs=0.005)
    assert figure(worth, "cac", "2024-06-01") == 50.0
    assert figure(worth, "ltv", "2023-07-01") is None, "nobody left in the year before"


def test_predicted_worth_is_that_of_active_customers_on_the_night_alone(worth: pd.DataFrame) -> None:
    assert figure(worth, "ltv_predicted", "2024-06-01") == 2000.0, "A9 has left"
    assert figure(worth, "ltv_bgnbd", "2024-06-01") == 500.0
    assert set(worth.loc[worth["kpi"].isin(["ltv_predicted", "ltv_bgnbd"]), "period"].astype(str)) == {"2024-06-01"}


def test_forecasts_are_judged_by_what_came(worth: pd.DataFrame) -> None:
    # 900 came in May, and 960 in June
    assert figure(worth, "forecast_accuracy", "2024-05-01") == pytest.approx(1 - 180 / 900)
    assert figure(worth, "forecast_bias", "2024-05-01") == pytest.approx(0.2)
    assert figure(worth, "forecast_accuracy", "2024-06-01") == pytest.approx(0.5)
    assert figure(worth, "forecast_bias", "2024-06-01") == pytest.approx(-0.5)
    assert figure(worth, "forecast_accuracy", "2024-04-01") is None


def test_the_forecast_of_a_segment_is_the_sum_of_its_regions() -> None:
    places = {"A": ("N", "Large"), "B": ("S", "Large"), "C": (None, "Large"), "D": ("N", "Small"), "E": ("S", None),
              "never sold to": ("W", "Large")}  # fmt: skip
    company = build_company(
        AS_OF,
        accounts=[{"account_id": one, "region": region, "segment": name} for one, (region, name) in places.items()],
        orders=[order(f"{one}{month}", one, 100, f"2024-{month}-10") for one in "ABCDE" for month in ("05", "06")],
    )
    may, june = date(2024, 5, 1), date(2024, 6, 1)
    told = [
        (date(2024, 4, 20), "segment:N/Large", "month", may, 999.0),  # a later night says
        (date(2024, 4, 20), "segment:S/Large", "month", may, 999.0),
        (date(2024, 4, 20), "segment:unknown/Large", "month", may, 999.0),
        (may, "segment:N/Large", "month", may, 120.0),
        (may, "segment:S/Large", "month", may, 60.0),
        (may, "segment:unknown/Large", "month", may, 150.0),
        (may, "segment:N/Small", "month", may, 90.0),
        (may, "segment:S/unknown", "month", may, 80.0),
        (may, "region:N", "month", may, 210.0),
        (date(2024, 5, 28), "segment:N/Large", "month", june, 150.0),
        (date(2024, 5, 28), "segment:S/Large", "month", june, 150.0),  # of those without a region nothing is said
    ]
    columns = ["as_of", "node", "grain", "period", "point"]
    rows = key_figures(company, forecasts=pd.DataFrame(told, columns=columns))
    assert figure(rows, "forecast_bias", "2024-05-01", "segment:Large") == pytest.approx(330 / 300 - 1)
    assert figure(rows, "forecast_accuracy", "2024-05-01", "segment:Large") == pytest.approx(0.9)
    assert figure(rows, "forecast_bias", "2024-05-01", "segment:Small") == pytest.approx(-0.1)
    assert figure(rows, "forecast_bias", "2024-05-01", "segment:unknown") == pytest.approx(-0.2)
    assert figure(rows, "forecast_bias", "2024-05-01", "region:N") == pytest.approx(0.05)
    assert figure(rows, "forecast_bias", "2024-06-01", "segment:Large") is None


def test_every_definition_can_be_read() -> None:
    told = definitions("EUR")
    assert told["kpi"].tolist() == [kpi.name for kpi in ALL_KPIS]
    assert told.notna().all().all()
    assert set(told["unit"]) == {"EUR", "EUR a day", "share", "days", "months", "times", "count"}
