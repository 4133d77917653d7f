"""What people read of a night: key figures, and where revenue leaks."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from data.lake import Draft
from features.company import Company
from reports.kpis import key_figures
from reports.leaks import find_leaks


@dataclass(frozen=True)
class Report:
    """One table of the scoring table, and the question it answers."""

    name: str
    question: str
    rows: Callable[[Company], pd.DataFrame]


REPORTS: tuple[Report, ...] = (
    Report("kpis", "How did the last twelve complete months go?", key_figures),
    Report("leaks", "Where does revenue leak, how much, and who can mend it?", find_leaks),
)


def report(company: Company, draft: Draft) -> None:
    """Writes every report as the table of its name."""
    for one in REPORTS:
        draft.write(one.name, one.rows(company))
