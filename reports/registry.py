"""What people read of a night: key figures, where revenue leaks, whether past scores kept their word, and alerts."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from data.lake import Draft
from data.store.forecast_ledger import FORESEEN
from data.store.score_ledger import CAME, TOLD
from reports.kpis.report import definitions
from reports.leaks.report import find_leaks
from reports.night import Tonight


@dataclass(frozen=True)
class Report:
    """One table of the scoring table, and the question it answers."""

    name: str
    question: str
    rows: Callable[[Tonight], pd.DataFrame]


REPORTS: tuple[Report, ...] = (
    Report("kpis", "How did the last twelve complete months go?", lambda night: night.key_figures),
    Report("kpi_definitions", "What do the KPIs mean?", lambda night: definitions(night.company.currency)),
    Report(
        "leaks",
        "Where does revenue leak, how much, and who can mend it?",
        lambda night: find_leaks(night.company),
    ),
    Report("bridge", "What moved the forecast since last week, to the cent?", lambda night: night.bridge),
    Report("forecast_accuracy", "How right were past forecasts, and plain ways?", lambda night: night.accuracy),
    Report("scoreboard", "Did past scores keep their word, month by month?", lambda night: night.board),
    Report("reliability", "What happened to each tenth of the scores?", lambda night: night.reliability),
    Report("drift", "Do flows, inputs and scores stand where they usually do?", lambda night: night.drift),
    Report("alerts", "What left its band, since when, and what is to be done?", lambda night: night.alerts),
)


def report(night: Tonight, draft: Draft) -> None:
    """Writes every report as the table of its name, and what the ledger keeps: tonight's scores and new outcomes."""
    for one in REPORTS:
        draft.write(one.name, one.rows(night))
    draft.write(TOLD, night.told)
    draft.write(CAME, night.outcomes)
    draft.write(FORESEEN, night.forecasts_told)
