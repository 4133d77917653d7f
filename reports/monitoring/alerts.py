"""Alerts: what is outside its limits, since when, and what to do about it.

An alert keeps its id while it is up; one that returns after it was over is a new one.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import ALERTS
from reports.monitoring.control_limits import HOLD_NIGHTS, ControlLimits, WindowReading, alert_start, furthest_window

MAX_CALIBRATION_ERROR = 0.03
"""Largest difference of mean probability and rate without an alert, even if it is significant."""
TARGET_COVERAGE, MAX_COVERAGE_ERROR = 0.8, 0.1
RETRAIN = "retrain the model (gelir train): it was trained on another time"

Kind = Literal["volume", "input", "score", "calibration", "lift", "coverage"]


@dataclass(frozen=True)
class Alert:
    """One finding that calls for action (*act*) or attention (*watch*). ``since`` is the first day that shows it."""

    kind: Kind
    subject: str
    severity: Literal["act", "watch"]
    since: date
    evidence: str
    suggestion: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    first_seen: date | None = None


def raise_alerts(
    as_of: date,
    limits: Sequence[ControlLimits],
    drift: pd.DataFrame,
    scoreboard: pd.DataFrame,
    past_alerts: pd.DataFrame,
) -> pd.DataFrame:
    """``data.outputs.report_tables.ALERTS``: one row per alert that is up as of a date, those to act on first.

    ``past_alerts`` are the alerts of the previous night (``data.store.score_ledger``), whose ids are kept.
    """
    found = [
        *_volume_alerts(limits),
        *_input_alerts(drift, as_of),
        *_score_alerts(drift, as_of),
        *_outcome_alerts(scoreboard),
    ]
    rows = [_row(alert, as_of, _already_up(alert, past_alerts, as_of)) for alert in found]
    alerts = pd.DataFrame(rows, columns=list(ALERTS.by_name))
    return conform(alerts.sort_values(["severity", "first_seen", "alert_id"], ignore_index=True), ALERTS)


def _row(alert: Alert, as_of: date, up: tuple[date, date] | None) -> dict[str, object]:
    first, since = up or (alert.first_seen or as_of, alert.since)
    return {**asdict(alert), "first_seen": first, "since": since, "alert_id": f"{alert.kind}:{alert.subject}:{first}"}


def _already_up(alert: Alert, past_alerts: pd.DataFrame, as_of: date) -> tuple[date, date] | None:
    """``first_seen`` and ``since`` of an alert that was up on the previous night; ``None`` where it was not, or where
    that night is more than ``HOLD_NIGHTS`` ago."""
    same = past_alerts[(past_alerts["kind"] == alert.kind) & (past_alerts["subject"] == alert.subject)]
    recent = [
        (first, since)
        for first, since, run_as_of in zip(same["first_seen"], same["since"], same["run_as_of"], strict=True)
        if (as_of - run_as_of).days <= HOLD_NIGHTS
    ]
    return min(recent, default=None)


def _volume_alerts(limits: Sequence[ControlLimits]) -> Iterator[Alert]:
    """An alert for each daily volume outside its limits, described as of the day on which it began."""
    for volume_limits in limits:
        start, metric = alert_start(volume_limits), volume_limits.volume.metric
        then = None if start is None else furthest_window(volume_limits, start)
        if start is None or then is None:
            continue
        yield Alert(
            "volume",
            metric.name,
            "act",
            then.since,
            f"{metric.description}, {_span(then)}: {_comparison(then, metric.kind)}"
            + _since_then(furthest_window(volume_limits), then),
            f"look at {metric.look_at}; where it is customers who changed, retrain the models (gelir train), and trust"
            " scores less until their windows have closed",
            then.observed,
            then.low,
            then.high,
            volume_limits.first_seen_by(start),
        )


def _comparison(window: WindowReading, kind: str) -> str:
    """Observed against expected, and the limits."""
    observed, low, high = window.observed, window.low, window.high
    if kind == "mean":
        return f"{observed - 1:+.1%} against what was expected; the limits are {low - 1:+.1%} to {high - 1:+.1%}"
    rate = f" ({observed / window.expected - 1:+.0%})" if window.expected > 0 else ""
    expected = f"{_number(observed)} where {_number(window.expected)} were expected{rate}"
    return f"{expected}; the limits are {_number(low)} to {_number(high)}"


def _span(window: WindowReading) -> str:
    return str(window.until) if window.since == window.until else f"{window.since} to {window.until}"


def _since_then(now: WindowReading | None, then: WindowReading) -> str:
    if now is None or now.until == then.until or not now.expected:
        return ""
    return f"; {_span(now)}: {now.observed / now.expected - 1:+.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:,.1f}"


def _input_alerts(drift: pd.DataFrame, as_of: date) -> Iterator[Alert]:
    for row in drift[(drift["kind"] == "input") & drift["drifted"]].to_dict("records"):
        yield Alert(
            "input",
            row["name"],
            "act",
            as_of,
            f"{row['name']} ({row['description']}) is missing for {row['missing_rate']:.0%}; {row['reference']}:"
            f" {row['reference_missing_rate']:.0%}",
            "look whether the source and the mapping still fill it; models go on without it",
            row["missing_rate"],
            0.0,
            row["reference_missing_rate"],
        )


def _score_alerts(drift: pd.DataFrame, as_of: date) -> Iterator[Alert]:
    for row in drift[(drift["kind"] == "score") & drift["drifted"]].to_dict("records"):
        yield Alert(
            "score",
            row["name"],
            "watch",
            as_of,
            f"the scores of {row['name']} moved wholesale (stability index {row['psi']:.2f}, {row['high']:.2f}"
            f" allowed), from {row['expected']:,.3g} to {row['value']:,.3g} on average, against {row['reference']}",
            "look at the alerts of volumes and inputs first; where a new version scores, compare it with the one"
            " before, and go back (gelir rollback) if its scores are implausible",
            row["psi"],
            0.0,
            row["high"],
        )


def _outcome_alerts(scoreboard: pd.DataFrame) -> Iterator[Alert]:
    """Alerts of the latest month of each score whose outcomes are known."""
    for _, rows in scoreboard.groupby("score", sort=True):
        for row in rows[rows["month"] == rows["month"].max()].to_dict("records"):
            scores = f"scores given in {row['month']:%B %Y} by {row['model']} ({row['matched']:,} matched)"
            is_amount = pd.notna(row["absolute_error"])
            yield from (_amount_alerts(row, scores) if is_amount else _probability_alerts(row, scores))


def _probability_alerts(row: dict[Hashable, Any], scores: str) -> Iterator[Alert]:
    low, high = row["observed_low"], row["observed_high"]
    if not low <= row["predicted"] <= high and abs(row["predicted"] - row["observed"]) > MAX_CALIBRATION_ERROR:
        yield Alert(
            "calibration",
            row["score"],
            "act",
            row["month"],
            f"{scores} predicted {row['predicted']:.1%} on average; the observed rate is {row['observed']:.1%}"
            f" ({low:.1%} to {high:.1%})",
            RETRAIN,
            row["predicted"],
            low,
            high,
        )
    if row["lift_high"] < 1:
        yield Alert(
            "lift",
            row["score"],
            "act",
            row["month"],
            f"{scores} ranked the wrong way: the rate in the top decile is {row['lift']:.2f} times that of all"
            f" ({row['lift_low']:.2f} to {row['lift_high']:.2f})",
            "go back to a version that ranked (gelir runs names them), or retrain the model (gelir train)",
            row["lift"],
            1.0,
        )


def _amount_alerts(row: dict[Hashable, Any], scores: str) -> Iterator[Alert]:
    low, high, error = row["coverage_low"], row["coverage_high"], abs(row["coverage"] - TARGET_COVERAGE)
    if pd.notna(row["coverage"]) and not low <= TARGET_COVERAGE <= high and error > MAX_COVERAGE_ERROR:
        yield Alert(
            "coverage",
            row["score"],
            "watch",
            row["month"],
            f"intervals of {scores} contained {row['coverage']:.0%} of the outcomes ({low:.0%} to {high:.0%});"
            f" they should contain {TARGET_COVERAGE:.0%}",
            RETRAIN,
            row["coverage"],
            TARGET_COVERAGE - MAX_COVERAGE_ERROR,
            TARGET_COVERAGE + MAX_COVERAGE_ERROR,
        )
