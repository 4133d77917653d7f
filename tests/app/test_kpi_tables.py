"""KPIs and leaks on the terminal."""

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from app.kpi_tables import figure
from data.errors import SettingsError
from data.outputs.report_tables import KPI_DEFINITIONS, KPIS, LEAKS
from data.store.publish import publish
from data.store.views import open_store
from flows.settings import load
from tests.command_line import gelir
from tests.data.store.scored import outputs, record, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which a night with some KPIs and leaks was published."""
    figures = [
        ("mrr", "total", 5, 1234567.8, "EUR"), ("mrr", "total", 6, 1300000.0, "EUR"),
        ("mrr", "region:N", 6, 7.0, "EUR"),
        ("churn", "total", 6, 0.0312, "share"), ("stage_conversion", "stage:offer", 6, 0.5, "share"),
    ]  # fmt: skip
    told = [{"kpi": kpi, "position": place, "unit": "EUR", "formula": f"that of {kpi}", "slices": "total",
             "definition_version": 1} for place, kpi in enumerate(("mrr", "stage_conversion", "churn"), 1)]  # fmt: skip
    leaks = [("invoice_overdue:1", "invoice_overdue", 100.5), ("invoice_overdue:2", "invoice_overdue", 200.0),
             ("deal_stalled:3", "deal_stalled", 1000.0)]  # fmt: skip
    frames = outputs() | {
        "kpis": pd.DataFrame(
            [{"kpi": kpi, "slice": part, "period": date(2024, month, 1), "value": value, "unit": unit}
             for kpi, part, month, value, unit in figures]
        ).reindex(columns=list(KPIS.by_name)),
        "kpi_definitions": pd.DataFrame(told)[list(KPI_DEFINITIONS.by_name)],
        "leaks": pd.DataFrame(leaks, columns=["leak_id", "detector", "money"]).reindex(columns=list(LEAKS.by_name)),
    }  # fmt: skip
    with open_store(load(tmp_path).scores_url) as store:
        publish(store, record("night"), write(tmp_path / "lake", "night", frames), datetime(2026, 3, 2, 2))
    return tmp_path


def rows(said: str) -> list[list[str]]:
    """The cells of the rows of what was printed."""
    lines = [line for line in said.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_kpis_are_shown_month_by_month_in_the_order_of_their_definitions(folder: Path) -> None:
    said = gelir(folder, "show", "kpis")
    assert rows(said.out) == [
        ["mrr", "EUR", "1,234,568", "1,300,000"], ["conversion: offer", "", "", "50.0%"], ["churn", "", "", "3.1%"],
    ]  # fmt: skip
    assert "May 2024" in said.out


def test_a_slice_has_figures_of_its_own_and_an_unknown_one_is_told(folder: Path) -> None:
    assert rows(gelir(folder, "show", "kpis", "--slice", "region:N").out) == [["mrr", "EUR", "7"]]
    unknown = gelir(folder, "show", "kpis", "--slice", "region:S")
    assert "nothing is published of 'region:S'; there is region:N, stage:offer, total" in " ".join(unknown.out.split())


@pytest.mark.parametrize("asked", [(), ("leaks",), ("kpis", "--all")])
def test_a_slice_of_what_has_none_is_refused(folder: Path, asked: tuple[str, ...]) -> None:
    refused = gelir(folder, "show", *asked, "--slice", "region:N")
    assert refused.code == SettingsError.exit_code
    assert "ask for gelir show kpis --slice region:N" in " ".join(refused.err.split())


def test_leaks_are_summed_by_kind_before_the_dearest_are_shown(folder: Path) -> None:
    told = rows(gelir(folder, "show", "leaks", "--limit", "1").out)
    assert [row[:3] for row in told[:3]] == [
        ["deal_stalled", "1", "1,000"], ["invoice_overdue", "2", "300"], ["all", "3", "1,300"],
    ]  # fmt: skip


def test_definitions_are_shown_in_their_own_order(folder: Path) -> None:
    said = gelir(folder, "show", "kpi_definitions")
    assert [row[0] for row in rows(said.out)] == ["mrr", "stage_conversion", "churn"]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.1234, "share", "12.3%"), (4.55, "times", "4.5"), (76.18, "days", "76.2"), (1234.5, "EUR a day", "1,234"),
     (float("nan"), "EUR", "")],
)  # fmt: skip
def test_values_are_told_as_people_read_them(value: float, unit: str, said: str) -> None:
    assert figure(value, unit) == said
