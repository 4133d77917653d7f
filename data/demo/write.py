"""Write the demo company: one Parquet file per contract table, and one per table of the truth."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.contract import CONTRACT, TABLES
from data.demo.calendar import History
from data.demo.crm_tables import crm_and_truth
from data.demo.regime import SIGNS, change_regime
from data.demo.simulation import simulate
from data.schema import Kind, Table

ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(frozen=True)
class DemoSummary:
    """Number of rows written, by table of the contract and by table of the truth."""

    rows: dict[str, int]
    truth: dict[str, int]

    def __str__(self) -> str:
        named = ("accounts", "contacts", "orders", "subscriptions", "opportunities", "touches", "usage")
        return (
            ", ".join(f"{self.rows[name]:,} {name}" for name in named) + f" – {sum(self.rows.values()):,} rows in all"
        )


def write_demo(
    folder: Path,
    *,
    until: datetime,
    size: float = 1.0,
    seed: int = 7,
    timezone: str = "Europe/Istanbul",
    years: int = 3,
    regime_change: datetime | None = None,
    regime_signs: Sequence[str] = tuple(SIGNS),
) -> DemoSummary:
    """Write every contract table as ``folder/crm/<table>.parquet`` and the truth below ``folder/truth/``.

    ``until`` (naive UTC) is the instant of the CRM's export: its day is incomplete, and facts that became known later
    are absent. Size 1 is 1,200 accounts; time and memory are linear in it. Equal arguments give equal bytes.
    From ``regime_change`` (naive UTC) on, customers behave differently in the ``regime_signs`` (``data.demo.regime``);
    rows known before are the same with and without it.

    Raises ``ValueError`` for an instant with a time zone, a change after the export, or a size that is not positive.
    """
    _check(until, size, years, regime_change)
    tables, truth = crm_and_truth(simulate(History.ending(until, years, timezone), size, seed), pd.Timestamp(until))
    if regime_change is not None:
        truth["regime"] = change_regime(tables, pd.Timestamp(regime_change), pd.Timestamp(until), seed, regime_signs)
    for part in ("crm", "truth"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    for table in CONTRACT:
        _write(folder / "crm", table, tables[table.name])
    for name, rows in truth.items():
        rows.to_parquet(folder / "truth" / f"{name}.parquet", index=False)
    return DemoSummary({name: len(tables[name]) for name in TABLES}, {name: len(truth[name]) for name in truth})


def _check(until: datetime, size: float, years: int, regime_change: datetime | None) -> None:
    if until.tzinfo is not None:
        raise ValueError(f"until must be a naive UTC instant, not {until!r}: convert it to UTC and drop its time zone")
    if regime_change is not None and (regime_change.tzinfo is not None or regime_change >= until):
        raise ValueError(f"regime_change must be a naive UTC instant before until ({until}), not {regime_change!r}")
    if size <= 0 or years < 1:
        raise ValueError(f"size must be greater than 0 and years at least 1, not {size} and {years}")


def _write(folder: Path, table: Table, rows: pd.DataFrame) -> None:
    fields = [pa.field(c.name, ARROW[c.kind]) for c in table.columns] + [pa.field("known_at", pa.timestamp("us"))]
    arrow = pa.Table.from_pandas(rows[list(table.names)], schema=pa.schema(fields), preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata(None), folder / f"{table.name}.parquet", compression="zstd")
