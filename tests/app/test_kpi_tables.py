"""KPIs and leaks on the terminal."""

import re
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from app.formats import Formats
from app.kpi_tables import kpi_value
from data.errors import SettingsError
from data.outputs.report_tables import KPI_DEFINITIONS, KPIS, LEAKS
from data.store.publish import publish
from data.store.views import open_store
from flows.settings import load_settings
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
    definitions = [
        {
            "kpi": kpi,
            "position": position,
            "unit": "EUR",
            "formula": "a / b",
            "slices": "total",
            "definition_version": 1,
        }
        for position, kpi in enumerate(("mrr", "stage_conversion", "churn"), 1)
    ]
    leaks = [("invoice_overdue:1", "invoice_overdue", 100.5), ("invoice_overdue:2", "invoice_overdue", 200.0),
             ("deal_stalled:3", "deal_stalled", 1000.0)]  # fmt: skip
    frames = outputs() | {
        "kpis": pd.DataFrame(
            [{"kpi": kpi, "slice": part, "period": date(2024, month, 1), "value": value, "unit": unit}
             for kpi, part, month, value, unit in figures]
        ).reindex(columns=list(KPIS.by_name)),
        "kpi_definitions": pd.DataFrame(definitions)[list(KPI_DEFINITIONS.by_name)],
        "leaks": pd.DataFrame(leaks, columns=["leak_id", "detector", "money"]).reindex(columns=list(LEAKS.by_name)),
    }  # fmt: skip
    with open_store(load_settings(tmp_path).scores_url) as store:
        publish(store, record("night"), write(tmp_path / "lake", "night", frames), datetime(2026, 3, 2, 2))
    return tmp_path


def rows(printed: str) -> list[list[str]]:
    """The cells of the lines of printed tables, the header left out."""
    lines = [line.rstrip() for line in printed.splitlines()]
    rules = [number for number, line in enumerate(lines) if "───" in line]
    return [re.split(r" {2,}", line.strip()) for line in lines[rules[0] + 1 :] if line.strip()] if rules else []


def test_kpis_are_shown_month_by_month_in_the_order_of_their_definitions(folder: Path) -> None:
    result = gelir(folder, "show", "kpis")
    assert rows(result.out)[:3] == [
        ["mrr", "EUR", "1,234,568", "1,300,000"], ["conversion: offer", "50.0 %"], ["churn", "3.1 %"],
    ]  # fmt: skip
    assert "May 2024" in result.out


def test_a_slice_has_values_of_its_own_and_an_unknown_one_is_named(folder: Path) -> None:
    assert rows(gelir(folder, "show", "kpis", "--slice", "region:N").out)[0] == ["mrr", "EUR", "7"]
    unknown = gelir(folder, "show", "kpis", "--slice", "region:S")
    assert "nothing is published of 'region:S'; there is region:N, stage:offer, total" in " ".join(unknown.out.split())


@pytest.mark.parametrize("words", [(), ("leaks",), ("kpis", "--all"), ("kpis", "--csv")])
def test_a_slice_is_refused_where_it_does_not_apply(folder: Path, words: tuple[str, ...]) -> None:
    refused = gelir(folder, "show", *words, "--slice", "region:N")
    assert refused.code == SettingsError.exit_code
    assert "run gelir show kpis --slice region:N" in " ".join(refused.err.split())


def test_leaks_are_summed_by_kind_before_the_largest_are_shown(folder: Path) -> None:
    lines = rows(gelir(folder, "show", "leaks", "--limit", "1").out)
    assert [line[:3] for line in lines[:3]] == [
        ["deal_stalled", "1", "EUR 1,000"], ["invoice_overdue", "2", "EUR 300"], ["all", "3", "EUR 1,300"],
    ]  # fmt: skip


def test_definitions_are_shown_in_their_own_order(folder: Path) -> None:
    result = gelir(folder, "show", "kpi_definitions")
    assert [row[0] for row in rows(result.out)][:3] == ["mrr", "stage_conversion", "churn"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.1234, "share", "12.3 %"), (4.55, "times", "4.6"), (76.18, "days", "76.2"), (1234.5, "EUR a day", "1,234"),
     (float("nan"), "EUR", ""), (None, "EUR", "")],
)  # fmt: skip
def test_a_value_of_a_kpi_is_written_by_its_unit(value: float | None, unit: str, text: str) -> None:
    assert kpi_value(value, unit, Formats()) == text
