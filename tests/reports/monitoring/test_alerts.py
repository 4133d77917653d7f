"""An alert says what is outside its limits and what to do, and stays one alert while it is up."""

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
           "predicted": 0.1, "observed": 0.1, "observed_low": 0.07, "observed_high": 0.14, "lift_low": 1.2,
           "lift_high": 3.0, "brier": 0.1, **figures}  # fmt: skip
    return conform(pd.DataFrame([row]), SCOREBOARD)


def alerts(
    *, limits: Any = (), drift: Any = (), scoreboard: Any = None, earlier: pd.DataFrame = NONE, night: date = NIGHT
) -> list[dict[Any, Any]]:
    rows = conform(pd.DataFrame(drift, columns=list(DRIFT.by_name)), DRIFT)
    found = conform(pd.DataFrame(columns=list(SCOREBOARD.by_name)), SCOREBOARD) if scoreboard is None else scoreboard
    return raise_alerts(night, limits, rows, found, earlier).to_dict("records")


def test_a_fallen_volume_says_since_when_by_how_much_and_what_to_do() -> None:
    assert alerts(limits=[control_limits(daily(40))]) == []
    (alert,) = alerts(limits=[control_limits(daily(40, after(1, 0.0)))])
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("volume", "orders", "act")
    assert (alert["since"], alert["first_seen"]) == (date(2026, 3, 10), NIGHT)
    assert alert["alert_id"] == "volume:orders:2026-03-11"
    assert alert["evidence"].startswith("orders placed, 2026-03-10: 0.0 where 4")
    assert "(-100%)" in alert["evidence"]
    assert alert["low"] > alert["value"] == 0
    assert alert["suggestion"].startswith("look at the load of orders; where it is customers who changed")


def test_a_mean_is_reported_as_a_share_of_what_was_expected() -> None:
    (alert,) = alerts(limits=[control_limits(daily(40, after(1, 0.75), kind="mean"))])
    assert alert["value"] == pytest.approx(0.75, abs=0.03)
    assert alert["evidence"].startswith("orders placed, 2026-03-10: -2")
    assert "against what was expected; the limits are -" in alert["evidence"]


def test_an_alert_that_is_still_up_keeps_its_id_and_one_that_comes_back_gets_a_new_one() -> None:
    falls = [control_limits(daily(40, after(1, 0.0)))]
    first = date(2026, 3, 3)
    yesterday, began = NIGHT - timedelta(days=1), date(2026, 3, 1)
    up = {"kind": "volume", "subject": "orders", "first_seen": first, "since": began, "run_as_of": yesterday}
    (alert,) = alerts(limits=falls, earlier=pd.DataFrame([up]))
    assert (alert["alert_id"], alert["first_seen"], alert["since"]) == (f"volume:orders:{first}", first, began)
    (other,) = alerts(limits=falls, earlier=pd.DataFrame([{**up, "subject": "tickets"}]))
    assert other["first_seen"] == NIGHT
    (again,) = alerts(limits=falls, earlier=pd.DataFrame([{**up, "run_as_of": NIGHT - timedelta(days=30)}]))
    assert again["first_seen"] == NIGHT


def test_consecutive_nights_raise_one_alert() -> None:
    whole = daily(40, after(12, 0.4), seed=2)
    earlier, names = NONE, set()
    for back in range(11, -1, -1):
        known, night = len(whole.days) - back, NIGHT - timedelta(days=back)
        seen = DailyVolume(
            whole.metric, whole.days[:known], whole.observed[:known], whole.exposure[:known], whole.holiday[:known], 0
        )
        found = alerts(limits=[control_limits(seen)], earlier=earlier, night=night)
        names |= {row["alert_id"] for row in found}
        earlier = pd.DataFrame(found, columns=list(ALERTS.by_name)).assign(run_as_of=night)
    assert len(names) == 1
    assert len(earlier) == 1


def test_miscalibrated_scores_raise_an_alert() -> None:
    assert alerts(scoreboard=board()) == []
    (alert,) = alerts(scoreboard=board(predicted=0.2))
    assert (alert["kind"], alert["subject"], alert["severity"]) == ("calibration", "churn", "act")
    assert alert["since"] == date(2025, 11, 1)
    assert alert["evidence"] == (
        "scores given in November 2025 by churn v3 (400 matched) predicted 20.0% on average; the observed rate is"
        " 10.0% (7.0% to 14.0%)"
    )
    assert "gelir train" in alert["suggestion"]
    assert alerts(scoreboard=board(predicted=0.125, observed_high=0.12)) == [], "sure, but too small to matter"
    (wrong,) = alerts(scoreboard=board(lift=0.5, lift_low=0.2, lift_high=0.9))
    assert wrong["kind"] == "lift"


@pytest.mark.parametrize(
    ("coverage", "low", "high", "n_alerts"), [(0.6, 0.55, 0.65, 1), (0.6, 0.4, 0.85, 0), (0.75, 0.72, 0.78, 0)]
)
def test_intervals_with_too_little_coverage_raise_an_alert(
    coverage: float, low: float, high: float, n_alerts: int
) -> None:
    figures = {"coverage": coverage, "coverage_low": low, "coverage_high": high}
    found = alerts(scoreboard=board(score="expected_revenue", absolute_error=9.0, brier=np.nan, **figures))
    assert len(found) == n_alerts
    assert all(row["kind"] == "coverage" for row in found)


def test_only_the_latest_month_raises_alerts() -> None:
    months = pd.concat([board(predicted=0.4, month=date(2025, 10, 1)), board()], ignore_index=True)
    assert alerts(scoreboard=months) == []


def test_drifted_inputs_and_scores_raise_alerts_and_others_do_not() -> None:
    lost = {"kind": "input", "name": "accounts.orders_90", "description": "orders in 90 days", "missing_rate": 0.9,
            "reference_missing_rate": 0.1, "reference": "the same on 2025-12-10", "drifted": True}  # fmt: skip
    moved = {"kind": "score", "name": "churn", "psi": 0.9, "high": 0.3, "value": 0.4, "expected": 0.1,
             "reference": "the night of 2026-03-04", "drifted": True}  # fmt: skip
    found = alerts(drift=[lost, moved, {**lost, "name": "accounts.other", "drifted": False}])
    assert [(row["kind"], row["subject"], row["severity"]) for row in found] == [
        ("input", "accounts.orders_90", "act"), ("score", "churn", "watch"),
    ]  # fmt: skip
    assert "is missing for 90%; the same on 2025-12-10: 10%" in found[0]["evidence"]
    assert "against the night of 2026-03-04" in found[1]["evidence"]


def test_every_metric_says_what_to_look_at() -> None:
    from reports.monitoring.daily_volumes import DAILY_METRICS

    assert all(isinstance(flow, DailyMetric) and flow.look_at for flow in DAILY_METRICS)
    assert len({flow.name for flow in DAILY_METRICS}) == len(DAILY_METRICS)
