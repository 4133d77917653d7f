"""Published forecasts outlive their runs, one night a week, and name the run that the next night is compared with."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from data.lake import Lake
from data.store.forecast_ledger import FORECAST_COLUMNS, KEPT_FORECASTS, forecasts_before, run_before
from data.store.publish import publish, rollback
from data.store.score_ledger import KEPT_SCORES, SCORE_OUTCOMES
from data.store.views import Store, open_store
from tests.data.store.scored import outputs, record, write

MONDAY = date(2026, 3, 2)


@pytest.fixture
def store(scores_url: str):
    with open_store(scores_url) as opened:
        yield opened


def night(store: Store, root: Path, name: str, as_of: date, point: float = 100.0, keep: int = 30) -> None:
    """Publish a night that foresaw the month of its date and the one after."""
    months = [as_of.replace(day=1), (as_of.replace(day=1) + timedelta(days=32)).replace(day=1)]
    foreseen = pd.DataFrame({"node": "total", "level": "total", "grain": "month", "period": months})
    foreseen = foreseen.assign(**dict.fromkeys(FORECAST_COLUMNS, point)).assign(pipeline=float("nan"))
    steps = write(root, name, outputs())
    with Lake(root).write_step(name, "ledger") as draft:
        scores = {"score": "churn", "key": ["A001"], "value": 0.5, "low": 0.1, "high": 0.9, "model": "churn v1"}
        draft.write(KEPT_SCORES, pd.DataFrame({**scores, "horizon_days": 90, "closes_on": as_of}))
        draft.write(SCORE_OUTCOMES, pd.DataFrame(columns=["run_id", "score", "key", "outcome"]))
        draft.write(KEPT_FORECASTS, foreseen)
    at = datetime(as_of.year, as_of.month, as_of.day, 1)
    run = record(name, as_of=as_of, model_versions='{"revenue": "3"}')
    publish(store, run, [*steps, Lake(root).step(name, "ledger")], at, keep=keep)


def test_forecasts_outlive_their_runs_one_night_a_week(store: Store, tmp_path: Path) -> None:
    for day in (0, 1, 7, 14):
        night(store, tmp_path, f"r{day}", MONDAY + timedelta(days=day), point=100.0 + day, keep=1)
    forecasts = forecasts_before(store, "acme", date(2026, 5, 1))
    assert forecasts.groupby("run_id")["point"].first().to_dict() == {"r0": 100.0, "r7": 107.0, "r14": 114.0}
    assert forecasts["period"].unique().tolist() == [date(2026, 3, 1), date(2026, 4, 1)]
    assert forecasts["pipeline"].isna().all()
    early = forecasts_before(store, "acme", MONDAY + timedelta(days=10))
    assert set(early["run_id"]) == {"r0", "r7"}
    assert set(early["period"]) == {date(2026, 3, 1)}  # April has not begun
    assert forecasts_before(store, "other", date(2026, 5, 1)).empty


def test_a_night_that_was_rolled_back_is_not_evaluated(store: Store, tmp_path: Path) -> None:
    for week in range(2):
        night(store, tmp_path, f"r{week}", MONDAY + timedelta(weeks=week))
    rollback(store, "r0")
    assert set(forecasts_before(store, "acme", date(2026, 5, 1))["run_id"]) == {"r0"}


def test_a_number_is_compared_with_that_of_a_week_ago_or_the_latest_before(store: Store, tmp_path: Path) -> None:
    assert run_before(store, "acme", MONDAY) is None
    night(store, tmp_path, "monday", MONDAY)
    night(store, tmp_path, "wednesday", MONDAY + timedelta(days=2))
    before = run_before(store, "acme", MONDAY + timedelta(days=3))
    assert before is not None
    assert (before.run_id, before.versions) == ("wednesday", {"revenue": "3"})  # none is a week old
    later = run_before(store, "acme", MONDAY + timedelta(days=8))
    assert later is not None
    assert (later.run_id, later.as_of) == ("monday", MONDAY)
