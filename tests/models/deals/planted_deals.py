"""Deals on literal days, for tests of how deals end."""

from typing import Any

import numpy as np
import pandas as pd


def deal(key: str, days: float | None, won: bool = False, seen: float = 400.0, **other: Any) -> dict[str, Any]:
    """One deal on one date, that closes after so many days (``None``: still open)."""
    return {"opportunity_id": key, "days": np.nan if days is None else days, "won": won, "seen_days": seen, **other}


def deals(*rows: dict[str, Any]) -> pd.DataFrame:
    """Deals as a frame."""
    return pd.DataFrame(rows)


def stage_deals(stage: str, won: int, lost: int, days: float = 10.0) -> list[dict[str, Any]]:
    """New deals of a stage, so many won and so many lost after some days."""
    outcomes = [True] * won + [False] * lost
    return [deal(f"{stage} {n}", days, outcome, stage=stage, kind="new") for n, outcome in enumerate(outcomes)]
