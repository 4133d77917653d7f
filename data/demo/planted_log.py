"""What was planted, row by row: the list that ``truth/trouble.parquet`` holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd


@dataclass
class PlantedLog:
    """Planted trouble. The key of a row is its key columns, joined by ``|``."""

    frames: list[pd.DataFrame] = field(default_factory=list)

    def add(self, kind: str, table: str, keys: Iterable[object], detail: object = None) -> None:
        """One note per key; ``detail`` is one for all, or one per key."""
        listed = [str(key) for key in keys]
        self.frames.append(
            pd.DataFrame({"kind": kind, "table_name": table, "key": listed, "detail": detail}).astype({"detail": "str"})
        )

    def table(self) -> pd.DataFrame:
        """One row per planted trouble: ``kind, table_name, key, detail``."""
        everything = pd.concat(self.frames, ignore_index=True)
        return everything.sort_values(["kind", "table_name", "key"], ignore_index=True)


def keys_of(rows: pd.DataFrame, key: tuple[str, ...]) -> list[str]:
    """The keys of rows, their columns joined by ``|``."""
    columns = [rows[name].astype(str) for name in key]
    return ["|".join(parts) for parts in zip(*columns, strict=True)]
