"""Figures of past scores that are known by construction."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.monitoring.score_outcomes import match_outcomes, reliability, scoreboard
from tests.features.company_builder import build_company

MAY = date(2026, 5, 4)


def matched(value: Any, outcome: Any, *, score: str = "churn", as_of: Any = MAY, keys: Any = None, low: Any = np.nan,
            high: Any = np.nan, model: str = "churn v1") -> pd.DataFrame:  # fmt: skip
    count = len(value)
    return pd.DataFrame(
        {"score": score, "key": [f"A{n:05}" for n in range(count)] if keys is None else keys, "as_of": as_of,
         "value": np.asarray(value, dtype=float), "outcome": np.asarray(outcome, dtype=float), "low": low, "high": high,
         "model": model}
    )  # fmt: skip


def row(rows: pd.DataFrame) -> dict[str, Any]:
    (found,) = scoreboard(rows, 7).to_dict("records")
    return {str(name): value for name, value in found.items()}


PROBABILITIES = np.repeat(np.arange(10) / 10 + 0.05, 100)
CALIBRATED = np.tile(np.arange(100), 10) < np.repeat(np.arange(10) * 10 + 5, 100)


def test_calibrated_scores_have_no_calibration_error() -> None:
    found = row(matched(PROBABILITIES, CALIBRATED))
    assert found["predicted"] == pytest.approx(0.5)
    assert found["observed"] == pytest.approx(0.5)
    assert found["calibration_error"] == pytest.approx(0.0, abs=1e-12)
    assert found["brier"] == pytest.approx(np.mean(PROBABILITIES * (1 - PROBABILITIES)))
    assert found["log_loss"] == pytest.approx(
        -np.mean(PROBABILITIES * np.log(PROBABILITIES) + (1 - PROBABILITIES) * np.log(1 - PROBABILITIES))
    )
    assert found["lift"] == pytest.approx(0.95 / 0.5)
    assert found["lift_low"] < 1.9 < found["lift_high"]
    assert (found["month"], found["nights"], found["matched"]) == (date(2026, 5, 1), 1, 1000)
    assert pd.isna(found["coverage"])


def test_scores_halved_have_half_as_calibration_error() -> None:
    found = row(matched(PROBABILITIES / 2, CALIBRATED))
    assert found["calibration_error"] == pytest.approx(0.25)
    assert found["calibration_error_low"] < 0.25 < found["calibration_error_high"]
    assert found["auc"] == pytest.approx(row(matched(PROBABILITIES, CALIBRATED))["auc"]), "order is all that ranks"
    assert not found["observed_low"] <= found["predicted"] <= found["observed_high"]


def test_auc_is_one_half_for_equal_scores_and_missing_without_events() -> None:
    assert row(matched([0.2] * 100, [1.0] * 20 + [0.0] * 80))["auc"] == pytest.approx(0.5)
    never = row(matched([0.2] * 100, [0.0] * 100))
    assert pd.isna(never["auc"])
    assert pd.isna(never["lift"])


def test_more_nights_of_the_same_accounts_do_not_narrow_intervals() -> None:
    once = matched(PROBABILITIES, CALIBRATED)
    nights = pd.concat([once.assign(as_of=MAY + timedelta(weeks=week)) for week in range(4)], ignore_index=True)
    others = nights.assign(key=[f"B{n}" for n in range(len(nights))])
    width = {name: found["observed_high"] - found["observed_low"]
             for name, found in (("once", row(once)), ("nights", row(nights)), ("others", row(others)))}  # fmt: skip
    assert width["nights"] == pytest.approx(width["once"], rel=0.2)
    assert width["others"] == pytest.approx(width["once"] / 2, rel=0.2)
    assert row(nights)["nights"] == 4


def test_amounts_have_an_error_and_the_coverage_of_their_intervals() -> None:
    value = np.full(200, 100.0)
    outcome = np.where(np.arange(200) < 120, 110.0, 160.0)
    found = row(matched(value, outcome, score="expected_revenue", low=80.0, high=120.0))
    assert found["absolute_error"] == pytest.approx(0.6 * 10 + 0.4 * 60)
    assert found["coverage"] == pytest.approx(0.6)
    assert found["coverage_low"] < 0.6 < found["coverage_high"] < 0.8
    assert pd.isna(found["brier"])


def test_months_and_versions_are_separate_and_few_rows_are_left_out() -> None:
    rows = pd.concat(
        [
            matched(PROBABILITIES, CALIBRATED),
            matched(PROBABILITIES, CALIBRATED, as_of=date(2026, 6, 1)),
            matched(PROBABILITIES, CALIBRATED, model="churn v2"),
            matched([0.5] * 20, [1.0] * 20, as_of=date(2026, 7, 6)),
            matched([0.5] * 100, [np.nan] * 100, as_of=date(2026, 8, 3)),
        ],
        ignore_index=True,
    )
    found = scoreboard(rows, 7)
    assert found[["month", "model"]].values.tolist() == [
        [date(2026, 5, 1), "churn v1"], [date(2026, 5, 1), "churn v2"], [date(2026, 6, 1), "churn v1"],
    ]  # fmt: skip


def test_reliability_has_a_row_for_each_decile() -> None:
    found = reliability(matched(PROBABILITIES, CALIBRATED), 7)
    assert found["decile"].tolist() == list(range(1, 11))
    assert found["matched"].tolist() == [100] * 10
    np.testing.assert_allclose(found["predicted"], np.arange(10) / 10 + 0.05)
    np.testing.assert_allclose(found["observed"], found["predicted"])
    assert ((found["observed_low"] <= found["observed"]) & (found["observed"] <= found["observed_high"])).all()


def test_a_decile_without_events_has_an_upper_limit_above_zero() -> None:
    found = reliability(matched([0.1] * 200, [0.0] * 200), 7)
    assert (found["observed"] == 0).all()
    assert found["observed_low"].abs().max() < 1e-12
    assert found["observed_high"].between(0.2, 0.3).all(), "twenty accounts: Wilson's upper limit is 0.249"


def test_no_scores_give_an_empty_scoreboard_with_its_columns() -> None:
    nothing = matched([], [])
    assert scoreboard(nothing, 7).empty
    assert reliability(nothing, 7).empty


def test_closed_windows_are_matched_once_and_open_ones_wait() -> None:
    company = build_company(
        date(2026, 7, 1),
        accounts=[{"account_id": "A"}, {"account_id": "B"}],
        orders=[
            {"order_id": str(n), "line_id": "1", "account_id": "A", "product_id": "P", "amount": 10.0,
             "ordered_at": at, "status": "placed"}
            for n, at in enumerate(("2026-03-01", "2026-04-10", "2026-06-20"))
        ],
    )  # fmt: skip

    def past_score(key: str, as_of: date, days: int, **more: Any) -> dict[str, Any]:
        return {"run_id": f"r{as_of}", "as_of": as_of, "score": "expected_revenue", "key": key, "value": 5.0,
                "low": 0.0, "high": 20.0, "model": "m v1", "horizon_days": days,
                "closes_on": as_of + timedelta(days=days), "outcome": np.nan, "outcome_as_of": None,
                **more}  # fmt: skip

    april = date(2026, 4, 1)
    rows = match_outcomes(
        company,
        pd.DataFrame(
            [
                past_score("A", april, 30),
                past_score("A", april, 90),
                past_score("B", april, 30, outcome=3.0, outcome_as_of=date(2026, 5, 2)),
                past_score("A", date(2026, 6, 8), 30),
                past_score("A", date(2026, 4, 2), 90),  # closes today: what takes a contract's place may begin tomorrow
                past_score("A", april, 30, score="of another time"),
            ]
        ),
    )
    got = {(row["key"], row["horizon_days"]): (row["outcome"], row["new"]) for row in rows.to_dict("records")}
    assert got == {("B", 30): (3.0, False), ("A", 30): (10.0, True), ("A", 90): (20.0, True)}
