"""The company's key figures of the last complete months, each with its definition, by region, segment and stage."""

import numpy as np
import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import KPI_DEFINITIONS, KPIS
from features.company import Company
from reports.kpis.kpi import DIGITS, By, Kpi, Ledger
from reports.kpis.recurring import RECURRING
from reports.kpis.sales import SELLING
from reports.kpis.unit_economics import WORTH

DEFINITIONS: tuple[Kpi, ...] = (*RECURRING, *SELLING, *WORTH)
SLICES: dict[By, str] = {"slice": "total, region, segment", "total": "total", "stage": "stage"}
NOTHING = pd.DataFrame(columns=["account_id", "as_of", "node", "grain", "period", "point"])


def key_figures(company: Company, lifetimes: pd.DataFrame = NOTHING, forecasts: pd.DataFrame = NOTHING) -> pd.DataFrame:
    """One row per KPI, month (its first day) and slice where there is anything to say: ``data.outputs.report_tables.KPIS``.

    Money is in the reporting currency, rounded to cents; shares are between 0 and 1 (retention may be more).
    ``lifetimes`` and ``forecasts`` are those of ``reports.kpis.kpi.Ledger``.
    """
    ledger = Ledger(company, lifetimes, forecasts)
    frames = [_rows(kpi, ledger) for kpi in DEFINITIONS]
    return conform(pd.concat(frames, ignore_index=True), KPIS)


def definitions(currency: str) -> pd.DataFrame:
    """One row per KPI: ``data.outputs.report_tables.KPI_DEFINITIONS``."""
    rows = [
        {
            "kpi": kpi.name,
            "position": place,
            "unit": _unit(kpi, currency),
            "formula": kpi.formula,
            "slices": SLICES[kpi.by],
            "definition_version": kpi.version,
        }
        for place, kpi in enumerate(DEFINITIONS, 1)
    ]
    return conform(pd.DataFrame(rows), KPI_DEFINITIONS)


def _rows(kpi: Kpi, ledger: Ledger) -> pd.DataFrame:
    values, names = kpi.of(ledger), ledger.names(kpi.by)
    slice_at, month_at = np.nonzero(~np.isnan(values))
    return pd.DataFrame(
        {
            "kpi": kpi.name,
            "period": [ledger.books.months[month] for month in month_at],
            "slice": [names[place] for place in slice_at],
            "value": values[slice_at, month_at].round(DIGITS.get(kpi.unit, 2)),
            "unit": _unit(kpi, ledger.company.currency),
            "definition": kpi.formula,
            "definition_version": kpi.version,
        }
    )


def _unit(kpi: Kpi, currency: str) -> str:
    return kpi.unit.replace("money", currency)
