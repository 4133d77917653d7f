"""An alert says what left its band and what to do, and stays one alert while it is up."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.outputs.conform import conform
from data.outputs.report_tables import ALERTS, DRIFT, SCOREBOARD
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import control_limits
from reports.monitoring.daily_volumes import DailyMetric, DailyVolume
from tests.reports.monitoring.test_control_limits import after, daily

NIGHT = date(2026, 3, 11)
NONE = pd.DataFrame(columns=[*ALERTS.by_name, "run_as_of"])


def board(**figures: Any) -> pd.DataFrame:
    row = {"score": "churn", "month": date(2025, 11, 1), "model": "churn v3", "nights": 4, "matched": 400, "lift": 2.0,
           "predicted": 0.1, "observed": 0.1, "observed_low": 0.07, "observed_high": 0.14, "lift_low": 1.2, "lift_high": 3.0,
           "brier": 0.1, **figures}  # fmt: skip
    return conform(pd.DataFrame([row]), SCOREBOARD)


def alerts(
    *, bands: Any = (), drift: Any = (), scoreboard: Any = None, earlier: pd.DataFrame = NONE, night: date = NIGHT
) -> list[dict[Any, Any]]:
    rows = conform(pd.DataFrame(drift, columns=list(DRIFT.by_name)), DRIFT)
    found = conform(pd.DataFrame(columns=list(SCOREBOARD.by_name)), SCOREBOARD) if scoreboard is None else scoreboard
    return raise_alerts(night, bands, rows, found, earlier).to_dict("records")


def test_a_flow_that_fell_says_since_when_by_how_much_and_what_to_do() -> None:
    assert alerts(bands=[control_limits(daily(40))]) == []
    (told,) = alerts(bands=[control_limits(daily(40, after(1, 0.0)))])
    assert (told["kind"], told["subject"], told["severity"]) == ("volume", "orders", "act")
    assert (told["since"], told["first_seen"]) == (date(2026, 3, 10), NIGHT)
    assert told["alert_id"] == "volume:orders:2026-03-11"
    assert told["evidence"].startswith("orders placed, 2026-03-10: 0.0 where 4")
    assert "(-100%)" in told["evidence"]
    assert told["low"] > told["value"] == 0
    assert told["suggestion"].startswith("look at the load of orders; where it is customers who changed")


def test_a_mean_is_told_as_a_share_of_what_was_expected() -> None:
    (told,) = alerts(bands=[control_limits(daily(40, after(1, 0.75), kind="mean"))])
    assert told["value"] == pytest.approx(0.75, abs=0.03)
    assert told["evidence"].startswith("orders placed, 2026-03-10: -2")
    assert "against what was expected; usual is -" in told["evidence"]


def test_an_alert_that_is_still_up_keeps_its_name_and_one_that_comes_back_gets_another() -> None:
    falls = [control_limits(daily(40, after(1, 0.0)))]
    first = date(2026, 3, 3)
    yesterday, held = NIGHT - timedelta(days=1), date(2026, 3, 1)
    up = {"kind": "volume", "subject": "orders", "first_seen": first, "since": held, "run_as_of": yesterday}
    (told,) = alerts(bands=falls, earlier=pd.DataFrame([up]))
    assert (told["alert_id"], told["first_seen"], told["since"]) == (f"volume:orders:{first}", first, held)
    (other,) = alerts(bands=falls, earlier=pd.DataFrame([{**up, "subject": "tickets"}]))
    assert other["first_seen"] == NIGHT
    (again,) = alerts(bands=falls, earlier=pd.DataFrame([{**up, "run_as_of": NIGHT - timedelta(days=30)}]))
    assert again["first_seen"] == NIGHT


def test_nights_one_after_the_other_tell_one_alert() -> None:
    whole = daily(40, after(12, 0.4), seed=2)
    earlier, names = NONE, set()
    for back in range(11, -1, -1):
        known, night = len(whole.days) - back, NIGHT - timedelta(days=back)
        seen = DailyVolume(
            whole.metric, whole.days[:known], whole.observed[:known], whole.exposure[:known], whole.holiday[:known], 0
        )
        told = alerts(bands=[control_limits(seen)], earlier=earlier, night=night)
        names |= {row["alert_id"] for row in told}
        earlier = pd.DataFrame(told, columns=list(ALERTS.by_name)).assign(run_as_of=night)
    assert len(names) == 1
    assert len(earlier) == 1


def test_scores_that_did_not_keep_their_word_are_told() -> None:
    assert alerts(scoreboard=board()) == []
    (told,) = alerts(scoreboard=board(predicted=0.2))
    assert (told["kind"], told["subject"], told["severity"]) == ("calibration", "churn", "act")
    assert told["since"] == date(2025, 11, 1)
    assert told["evidence"] == (
        "scores given in November 2025 by churn v3 (400 matched) said 20.0% on average; it happened to 10.0% (7.0% to"
        " 14.0%)"
    )
    assert "gelir train" in told["suggestion"]
    assert alerts(scoreboard=board(predicted=0.125, observed_high=0.12)) == [], "sure, but too small to matter"
    (wrong,) = alerts(scoreboard=board(lift=0.5, lift_low=0.2, lift_high=0.9))
    assert wrong["kind"] == "lift"


@pytest.mark.parametrize(
    ("coverage", "low", "high", "told"), [(0.6, 0.55, 0.65, 1), (0.6, 0.4, 0.85, 0), (0.75, 0.72, 0.78, 0)]
)
def test_intervals_that_hold_too_few_are_told(coverage: float, low: float, high: float, told: int) -> None:
    figures = {"coverage": coverage, "coverage_low": low, "coverage_high": high}
    found = alerts(scoreboard=board(score="expected_revenue", absolute_error=9.0, brier=np.nan, **figures))
    assert len(found) == told
    assert all(row["kind"] == "coverage" for row in found)


def test_only_the_latest_month_is_judged() -> None:
    months = pd.concat([board(predicted=0.4, month=date(2025, 10, 1)), board()], ignore_index=True)
    assert alerts(scoreboard=months) == []


def test_inputs_and_scores_that_drifted_are_told_and_others_are_not() -> None:
    lost = {"kind": "input", "name": "accounts.orders_90", "description": "orders in 90 days", "missing_rate": 0.9,
            "reference_missing_rate": 0.1, "reference": "the same on 2025-12-10", "drifted": True}  # fmt: skip
    moved = {"kind": "score", "name": "churn", "psi": 0.9, "high": 0.3, "value": 0.4, "expected": 0.1,
             "reference": "the night of 2026-03-04", "drifted": True}  # fmt: skip
    told = alerts(drift=[lost, moved, {**lost, "name": "accounts.other", "drifted": False}])
    assert [(row["kind"], row["subject"], row["severity"]) for row in told] == [
        ("input", "accounts.orders_90", "act"), ("score", "churn", "watch"),
    ]  # fmt: skip
    assert "is missing for 90%; the same on 2025-12-10: 10%" in told[0]["evidence"]
    assert "against the night of 2026-03-04" in told[1]["evidence"]


def test_every_flow_says_what_to_look_at() -> None:
    from reports.monitoring.daily_volumes import DAILY_METRICS

    assert all(isinstance(flow, DailyMetric) and flow.look_at for flow in DAILY_METRICS)
    assert len({flow.name for flow in DAILY_METRICS}) == len(DAILY_METRICS)
