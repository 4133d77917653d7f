"""The reports of a night: KPIs, revenue leaks, the forecast bridge, accuracy of past scores, drift and alerts."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from data.lake import Draft
from data.store.forecast_ledger import KEPT_FORECASTS
from data.store.score_ledger import KEPT_SCORES, SCORE_OUTCOMES
from reports.kpis.report import definitions
from reports.leaks.report import find_leaks
from reports.night import NightContext


@dataclass(frozen=True)
class Report:
    """One published table, and the question it answers."""

    name: str
    question: str
    rows: Callable[[NightContext], pd.DataFrame]


REPORTS: tuple[Report, ...] = (
    Report("kpis", "How did the last twelve complete months go?", lambda night: night.key_figures),
    Report("kpi_definitions", "What do the KPIs mean?", lambda night: definitions(night.company.currency)),
    Report(
        "leaks",
        "Where does revenue leak, how much, and who can fix it?",
        lambda night: find_leaks(night.company),
    ),
    Report("bridge", "What moved the forecast since last week, to the cent?", lambda night: night.bridge),
    Report(
        "forecast_accuracy",
        "How accurate were past forecasts, and simple methods?",
        lambda night: night.forecast_accuracy,
    ),
    Report("scoreboard", "How accurate were past scores, month by month?", lambda night: night.scoreboard),
    Report("reliability", "Are scores calibrated, decile by decile?", lambda night: night.reliability),
    Report("drift", "Have daily volumes, inputs or scores shifted?", lambda night: night.drift),
    Report("alerts", "What is outside its limits, since when, and what to do?", lambda night: night.alerts),
)


def report(night: NightContext, draft: Draft) -> None:
    """Write every report as the table of its name, and the scores, outcomes and forecasts that the ledgers keep."""
    for entry in REPORTS:
        draft.write(entry.name, entry.rows(night))
    draft.write(KEPT_SCORES, night.kept_scores)
    draft.write(SCORE_OUTCOMES, night.new_outcomes)
    draft.write(KEPT_FORECASTS, night.kept_forecasts)
