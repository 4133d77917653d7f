"""Alerts: what left its band, since when, and what to do about it.

An alert keeps its name for as long as it is up, so that tomorrow's is today's; one that comes back after it was over is
another.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import ALERTS
from reports.monitoring.control_limits import HOLD_NIGHTS, Band, Reading, began, reading

OFF = 0.03
"""What was said and what happened may differ by so much, however sure the difference is."""
HELD = 0.8
"""The share of outcomes that intervals should hold."""
HELD_OFF = 0.1
ANEW = "train the model anew (gelir train): it speaks of another time"

Kind = Literal["volume", "input", "score", "calibration", "lift", "coverage"]


@dataclass(frozen=True)
class Alert:
    """One thing that is not as it should be. ``since`` is the first day that shows it."""

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
    as_of: date, bands: Sequence[Band], drift: pd.DataFrame, board: pd.DataFrame, earlier: pd.DataFrame
) -> pd.DataFrame:
    """One row per alert that is up as of a date, what calls for action first: ``data.outputs.report_tables.ALERTS``.

    ``earlier`` holds the alerts of the night before (``data.store.score_ledger.alerts_before``): what was up then keeps its name.
    """
    found = [*_of_flows(bands), *_of_inputs(drift, as_of), *_of_scores(drift, as_of), *_of_models(board)]
    rows = [_row(alert, as_of, _up(alert, earlier, as_of)) for alert in found]
    told = pd.DataFrame(rows, columns=list(ALERTS.by_name))
    return conform(told.sort_values(["severity", "first_seen", "alert_id"], ignore_index=True), ALERTS)


def _row(alert: Alert, as_of: date, up: tuple[date, date] | None) -> dict[str, object]:
    first, since = up or (alert.first_seen or as_of, alert.since)
    return {**asdict(alert), "first_seen": first, "since": since, "alert_id": f"{alert.kind}:{alert.subject}:{first}"}


def _up(alert: Alert, earlier: pd.DataFrame, as_of: date) -> tuple[date, date] | None:
    """When an alert that was up on the earlier night was first seen, and since when it held; ``None`` where it was not
    up, or that night is too long ago."""
    same = earlier[(earlier["kind"] == alert.kind) & (earlier["subject"] == alert.subject)]
    recent = [
        (first, since)
        for first, since, run_as_of in zip(same["first_seen"], same["since"], same["run_as_of"], strict=True)
        if (as_of - run_as_of).days <= HOLD_NIGHTS
    ]
    return min(recent, default=None)


def _of_flows(bands: Sequence[Band]) -> Iterator[Alert]:
    for found in bands:
        place, flow = began(found), found.daily.metric
        then = None if place is None else reading(found, place)
        if place is None or then is None:
            continue
        yield Alert(
            "volume",
            flow.name,
            "act",
            then.since,
            f"{flow.description}, {_span(then)}: {_against(then, flow.kind)}" + _since_then(reading(found), then),
            f"look at {flow.look_at}; where it is customers who changed, train the models anew (gelir train), and trust"
            " scores less until their windows have closed",
            then.came,
            then.low,
            then.high,
            found.told_on(place),
        )


def _against(window: Reading, kind: str) -> str:
    """What came beside what was expected, and the limits of what is usual."""
    came, low, high = window.came, window.low, window.high
    if kind == "mean":
        return f"{came - 1:+.1%} against what was expected; usual is {low - 1:+.1%} to {high - 1:+.1%}"
    rate = f" ({came / window.expected - 1:+.0%})" if window.expected > 0 else ""
    expected = f"{_number(came)} where {_number(window.expected)} were expected{rate}"
    return f"{expected}; usual is {_number(low)} to {_number(high)}"


def _span(window: Reading) -> str:
    return str(window.until) if window.since == window.until else f"{window.since} to {window.until}"


def _since_then(now: Reading | None, then: Reading) -> str:
    if now is None or now.until == then.until or not now.expected:
        return ""
    return f"; {_span(now)}: {now.came / now.expected - 1:+.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:,.1f}"


def _of_inputs(drift: pd.DataFrame, as_of: date) -> Iterator[Alert]:
    for row in drift[(drift["kind"] == "input") & drift["drifted"]].to_dict("records"):
        yield Alert(
            "input",
            row["name"],
            "act",
            as_of,
            f"{row['name']} ({row['description']}) is missing for {row['missing_rate']:.0%}; {row['reference']}:"
            f" {row['reference_missing_rate']:.0%}",
            "look whether the source and the mapping still fill it; models go on without what they learnt from it",
            row["missing_rate"],
            0.0,
            row["reference_missing_rate"],
        )


def _of_scores(drift: pd.DataFrame, as_of: date) -> Iterator[Alert]:
    for row in drift[(drift["kind"] == "score") & drift["drifted"]].to_dict("records"):
        yield Alert(
            "score",
            row["name"],
            "watch",
            as_of,
            f"the scores of {row['name']} moved wholesale (stability index {row['psi']:.2f}, {row['high']:.2f}"
            f" allowed), from {row['expected']:,.3g} to {row['value']:,.3g} on average, against {row['reference']}",
            "look at alerts of flows and inputs first; where a new version scores, compare it with the one before, and"
            " go back (gelir rollback) if it makes no sense",
            row["psi"],
            0.0,
            row["high"],
        )


def _of_models(board: pd.DataFrame) -> Iterator[Alert]:
    """The latest matched month of each score: whether it kept its word."""
    for _, rows in board.groupby("score", sort=True):
        for row in rows[rows["month"] == rows["month"].max()].to_dict("records"):
            told = f"scores given in {row['month']:%B %Y} by {row['model']} ({row['matched']:,} matched)"
            yield from (_of_money(row, told) if pd.notna(row["absolute_error"]) else _of_chance(row, told))


def _of_chance(row: dict[Hashable, Any], told: str) -> Iterator[Alert]:
    low, high = row["observed_low"], row["observed_high"]
    if not low <= row["predicted"] <= high and abs(row["predicted"] - row["observed"]) > OFF:
        yield Alert(
            "calibration",
            row["score"],
            "act",
            row["month"],
            f"{told} said {row['predicted']:.1%} on average; it happened to {row['observed']:.1%} ({low:.1%} to {high:.1%})",
            ANEW,
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
            f"{told} ranked the wrong way: in the highest tenth it happened {row['lift']:.2f} times as often as in all"
            f" ({row['lift_low']:.2f} to {row['lift_high']:.2f})",
            "go back to a version that ranked (gelir runs names them), or train the model anew (gelir train)",
            row["lift"],
            1.0,
        )


def _of_money(row: dict[Hashable, Any], told: str) -> Iterator[Alert]:
    low, high = row["coverage_low"], row["coverage_high"]
    if pd.notna(row["coverage"]) and not low <= HELD <= high and abs(row["coverage"] - HELD) > HELD_OFF:
        yield Alert(
            "coverage",
            row["score"],
            "watch",
            row["month"],
            f"intervals of {told} held {row['coverage']:.0%} of what happened ({low:.0%} to {high:.0%}); they should"
            f" hold {HELD:.0%}",
            ANEW,
            row["coverage"],
            HELD - HELD_OFF,
            HELD + HELD_OFF,
        )
