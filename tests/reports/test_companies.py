"""KPIs and leaks of companies that are not built for one figure: the demo company, read as a night reads it, and
RavenStack."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from bench.harness.snapshots import company_at, temporary_settings
from bench.leaks import join_leaks, measure
from data.demo import write_demo
from features.company import Company
from reports.kpis.recurring import MOVEMENTS
from reports.kpis.report import ALL_KPIS, key_figures
from reports.leaks.report import DETECTORS, find_leaks
from tests.reports.kpis.kpi_sql import assert_equal_to_sql, figure

UNTIL = datetime(2025, 9, 17, 11, 30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Company, Path]:
    """A demo company as a night knows it, and the folder of its truth."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, until=UNTIL, size=0.6, seed=11)
    with temporary_settings("demo", folder / "crm") as settings:
        company = company_at(settings, UNTIL.date())
        for name, table in company.tables.items():
            company.tables[name] = table.cache()  # the lake is gone afterwards
    return company, folder / "truth"


@pytest.fixture(scope="module")
def both(demo: tuple[Company, Path]) -> pd.DataFrame:
    """The leaks found, matched with the true ones."""
    company, truth = demo
    return join_leaks(find_leaks(company), pd.read_parquet(truth / "leaks.parquet"))


def test_every_kpi_of_the_demo_company_is_what_independent_sql_says(demo: tuple[Company, Path]) -> None:
    company, _ = demo
    accounts = company.tables["accounts"].account_id.execute()
    lifetimes = pd.DataFrame({"account_id": accounts, "lifetime_value": range(len(accounts))}).assign(
        lifetime_value_bgnbd=lambda t: (t["lifetime_value"] * 2.5).mask(t["lifetime_value"] % 3 == 0)
    )
    rows = key_figures(company, lifetimes)
    assert_equal_to_sql(company, rows, lifetimes, ALL_KPIS, every=4)
    kpi_names = set(rows["kpi"])
    assert {kpi.name for kpi in ALL_KPIS} - kpi_names == {"forecast_accuracy", "forecast_bias"}
    parts = rows[rows["slice"].str.startswith("segment:") & (rows["kpi"] == "mrr")].groupby("period")["value"].sum()
    assert parts.to_numpy() == pytest.approx(rows[(rows["slice"] == "total") & (rows["kpi"] == "mrr")]["value"])


def test_the_leaks_of_the_demo_company_are_found_and_their_amounts_estimated(both: pd.DataFrame) -> None:
    quality = measure(both)
    assert quality["precision"] >= 0.95
    assert quality["recall"] >= 0.9
    assert abs(quality["money_error"]) <= 0.05


@pytest.mark.parametrize("detector", [detector.name for detector in DETECTORS])
def test_leaks_of_each_kind_are_planted_and_found(both: pd.DataFrame, detector: str) -> None:
    # few of some kinds are planted in a small company: one more or less is no tenth there
    quality = measure(both[both["detector"] == detector])
    assert quality["true"] > 0
    assert quality["recall"] > 0
    assert quality["precision"] > 0
    assert quality["true"] - quality["recall"] * quality["true"] <= max(1.01, 0.1 * quality["true"])
    assert quality["found"] * (1 - quality["precision"]) <= max(1.01, 0.07 * quality["found"])


def test_the_movements_of_ravenstack_add_up_in_every_month(dataset: Callable[[str], Path]) -> None:
    totals = []
    with temporary_settings("ravenstack", dataset("churn_ravenstack_saas")) as settings:
        company = company_at(settings, date(2025, 1, 1))
        for as_of in (date(2024, 1, 1), date(2025, 1, 1)):  # both years of the data, as they are known after them
            rows = key_figures(replace(company, as_of=as_of))
            totals.append(rows[rows["slice"] == "total"])
    rows = pd.concat(totals)
    months = sorted(set(rows["period"].astype(str)))
    assert months == [f"{year}-{month:02}-01" for year in (2023, 2024) for month in range(1, 13)]
    for month in months:
        for base in ("mrr", "arr"):
            start, end = figure(rows, f"{base}_start", month), figure(rows, base, month)
            new, back, more, less, gone = (figure(rows, f"{base}_{kind}", month) or 0.0 for kind in MOVEMENTS)
            assert end == pytest.approx((start or 0.0) + new + back + more - less - gone, abs=0.001), month
            assert new > 0
