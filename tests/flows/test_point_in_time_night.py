"""Deleting every fact that became known on or after T changes no feature, score, forecast or action as of T."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas as pd

from data.calendar import first_instant
from data.contract import CONTRACT
from data.demo import write_demo
from data.lake import Step
from data.outputs.catalogue import OUTPUTS
from data.schema import Table
from flows.settings import load_settings
from tests.flows.plain_night import plain_night

UNTIL = datetime(2026, 3, 15, 14, 0)
AS_OF = date(2026, 1, 20)
TIMEZONE = "Europe/Istanbul"
RETAIL_AS_OF = date(2011, 6, 1)
DATA_QUALITY_TABLES = {"reading", "quarantine", "quarantined", "constraints"}
"""They count rows that were not known yet, or say that a reference is not known *yet*: for stewards, not for models."""


def same_night(full: Path, cut: Path, mapping: str, sources: tuple[Path, Path], as_of: date) -> dict[str, Step]:
    """Two nights of the same date, from two sources: every step's tables are equal. The steps of the first one."""
    _, full_steps = plain_night(load_settings(full, mapping=mapping, source=str(sources[0])), as_of)
    _, cut_steps = plain_night(load_settings(cut, mapping=mapping, source=str(sources[1])), as_of)
    compared = 0
    for name, step in full_steps.items():
        assert step.tables == cut_steps[name].tables
        for table in set(step.tables) - DATA_QUALITY_TABLES:
            pd.testing.assert_frame_equal(step.frame(table), cut_steps[name].frame(table), obj=f"{name}.{table}")
            compared += len(step.frame(table))
    assert compared > 0
    assert {t.name for t in OUTPUTS} <= {table for step in full_steps.values() for table in step.tables}
    return full_steps


def delete_from(crm: Path, table: Table, instant: datetime, into: Path) -> int:
    """Copy a table without the facts known on or after the instant; how many were deleted."""
    rows = pd.read_parquet(crm / f"{table.name}.parquet")
    kept = rows[rows["known_at"].isna() | (rows["known_at"] < instant)]
    kept.to_parquet(into / f"{table.name}.parquet", index=False)
    return len(rows) - len(kept)


def test_the_demo_company_is_scored_the_same_without_its_future(tmp_path):
    write_demo(tmp_path / "demo", until=UNTIL, size=0.1, seed=3, timezone=TIMEZONE)
    crm, cut = tmp_path / "demo" / "crm", tmp_path / "cut"
    cut.mkdir()
    instant = first_instant(AS_OF, TIMEZONE)
    deleted = {table.name: delete_from(crm, table, instant, cut) for table in CONTRACT}
    assert deleted["orders"] > 100
    assert deleted["opportunities"] > 10
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    same_night(tmp_path / "a", tmp_path / "b", "demo", (crm, cut), AS_OF)


def test_online_retail_is_scored_the_same_without_its_future(tmp_path, dataset):
    """A sixth of the customers, to be quick; eighteen months are known, the half year after them deleted."""
    cut = tmp_path / "cut"
    cut.mkdir()
    some = tmp_path / "some"
    some.mkdir()
    for file in dataset("rev_online_retail_uci").glob("*.parquet"):
        customer = '"Customer ID"' if "II" in file.name else '"CustomerID"'
        sixth = f"SELECT * FROM '{file}' WHERE coalesce({customer}::BIGINT, Quantity) % 6 = 0"
        duckdb.execute(f"COPY ({sixth}) TO '{some / file.name}' (FORMAT parquet)")
        known = f"SELECT * FROM '{some / file.name}' WHERE InvoiceDate < TIMESTAMP '{RETAIL_AS_OF}'"
        duckdb.execute(f"COPY ({known}) TO '{cut / file.name}' (FORMAT parquet)")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    steps = same_night(tmp_path / "a", tmp_path / "b", "online_retail", (some, cut), RETAIL_AS_OF)
    results = steps["score"].frame("model_results")
    assert (results["ships"] == "model").sum() >= 3, "where baselines ship, the comparison shows little"
    assert set(steps["score"].frame("revenue_forecast")["grain"]) == {"month", "week"}
    assert set(steps["decide"].frame("next_best_actions")["action"]) == {"wait"}, "nobody there consented to anything"
