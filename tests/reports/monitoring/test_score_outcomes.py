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


TENTHS = np.repeat(np.arange(10) / 10 + 0.05, 100)
AS_SAID = np.tile(np.arange(100), 10) < np.repeat(np.arange(10) * 10 + 5, 100)


def test_scores_that_keep_their_word_have_no_calibration_error() -> None:
    found = row(matched(TENTHS, AS_SAID))
    assert found["predicted"] == pytest.approx(0.5)
    assert found["observed"] == pytest.approx(0.5)
    assert found["calibration_error"] == pytest.approx(0.0, abs=1e-12)
    assert found["brier"] == pytest.approx(np.mean(TENTHS * (1 - TENTHS)))
    assert found["log_loss"] == pytest.approx(-np.mean(TENTHS * np.log(TENTHS) + (1 - TENTHS) * np.log(1 - TENTHS)))
    assert found["lift"] == pytest.approx(0.95 / 0.5)
    assert found["lift_low"] < 1.9 < found["lift_high"]
    assert (found["month"], found["nights"], found["matched"]) == (date(2026, 5, 1), 1, 1000)
    assert pd.isna(found["coverage"])


def test_scores_that_say_half_are_off_by_half() -> None:
    found = row(matched(TENTHS / 2, AS_SAID))
    assert found["calibration_error"] == pytest.approx(0.25)
    assert found["calibration_error_low"] < 0.25 < found["calibration_error_high"]
    assert found["auc"] == pytest.approx(row(matched(TENTHS, AS_SAID))["auc"]), "order is all that ranks"
    assert not found["observed_low"] <= found["predicted"] <= found["observed_high"]


def test_ranking_is_one_half_where_all_are_said_the_same_and_nothing_where_nothing_happened() -> None:
    assert row(matched([0.2] * 100, [1.0] * 20 + [0.0] * 80))["auc"] == pytest.approx(0.5)
    never = row(matched([0.2] * 100, [0.0] * 100))
    assert pd.isna(never["auc"])
    assert pd.isna(never["lift"])


def test_the_same_accounts_on_more_nights_are_no_more_proof() -> None:
    once = matched(TENTHS, AS_SAID)
    nights = pd.concat([once.assign(as_of=MAY + timedelta(weeks=week)) for week in range(4)], ignore_index=True)
    others = nights.assign(key=[f"B{n}" for n in range(len(nights))])
    width = {name: found["observed_high"] - found["observed_low"]
             for name, found in (("once", row(once)), ("nights", row(nights)), ("others", row(others)))}  # fmt: skip
    assert width["nights"] == pytest.approx(width["once"], rel=0.2)
    assert width["others"] == pytest.approx(width["once"] / 2, rel=0.2)
    assert row(nights)["nights"] == 4


def test_money_is_judged_by_its_error_and_by_what_its_intervals_hold() -> None:
    value = np.full(200, 100.0)
    outcome = np.where(np.arange(200) < 120, 110.0, 160.0)
    found = row(matched(value, outcome, score="expected_revenue", low=80.0, high=120.0))
    assert found["absolute_error"] == pytest.approx(0.6 * 10 + 0.4 * 60)
    assert found["coverage"] == pytest.approx(0.6)
    assert found["coverage_low"] < 0.6 < found["coverage_high"] < 0.8
    assert pd.isna(found["brier"])


def test_months_and_versions_are_apart_and_few_rows_say_nothing() -> None:
    rows = pd.concat(
        [
            matched(TENTHS, AS_SAID),
            matched(TENTHS, AS_SAID, as_of=date(2026, 6, 1)),
            matched(TENTHS, AS_SAID, model="churn v2"),
            matched([0.5] * 20, [1.0] * 20, as_of=date(2026, 7, 6)),
            matched([0.5] * 100, [np.nan] * 100, as_of=date(2026, 8, 3)),
        ],
        ignore_index=True,
    )
    found = scoreboard(rows, 7)
    assert found[["month", "model"]].values.tolist() == [
        [date(2026, 5, 1), "churn v1"], [date(2026, 5, 1), "churn v2"], [date(2026, 6, 1), "churn v1"],
    ]  # fmt: skip


def test_reliability_tells_each_tenth() -> None:
    found = reliability(matched(TENTHS, AS_SAID), 7)
    assert found["decile"].tolist() == list(range(1, 11))
    assert found["matched"].tolist() == [100] * 10
    np.testing.assert_allclose(found["predicted"], np.arange(10) / 10 + 0.05)
    np.testing.assert_allclose(found["observed"], found["predicted"])
    assert ((found["observed_low"] <= found["observed"]) & (found["observed"] <= found["observed_high"])).all()


def test_a_tenth_in_which_it_never_happened_is_not_sure_to_be_safe() -> None:
    found = reliability(matched([0.1] * 200, [0.0] * 200), 7)
    assert (found["observed"] == 0).all()
    assert found["observed_low"].abs().max() < 1e-12
    assert found["observed_high"].between(0.2, 0.3).all(), "twenty accounts: Wilson's upper limit is 0.249"


def test_nothing_said_is_an_empty_scoreboard_with_its_columns() -> None:
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

    def said(key: str, as_of: date, days: int, **more: Any) -> dict[str, Any]:
        return {"run_id": f"r{as_of}", "as_of": as_of, "score": "expected_revenue", "key": key, "value": 5.0,
                "low": 0.0, "high": 20.0, "model": "m v1", "horizon_days": days,
                "closes_on": as_of + timedelta(days=days), "outcome": np.nan, "outcome_as_of": None,
                **more}  # fmt: skip

    april = date(2026, 4, 1)
    rows = match_outcomes(
        company,
        pd.DataFrame(
            [
                said("A", april, 30),
                said("A", april, 90),
                said("B", april, 30, outcome=3.0, outcome_as_of=date(2026, 5, 2)),
                said("A", date(2026, 6, 8), 30),
                said("A", date(2026, 4, 2), 90),  # closes today: what takes a contract's place may begin tomorrow
                said("A", april, 30, score="of another time"),
            ]
        ),
    )
    got = {(row["key"], row["horizon_days"]): (row["outcome"], row["new"]) for row in rows.to_dict("records")}
    assert got == {("B", 30): (3.0, False), ("A", 30): (10.0, True), ("A", 90): (20.0, True)}
