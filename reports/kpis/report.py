"""The KPI report: values of the last complete months by region, segment and stage, and their definitions."""

import numpy as np
import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import KPI_DEFINITIONS, KPIS
from features.company import Company
from reports.kpis.kpi import DIGITS, By, Kpi, KpiInputs
from reports.kpis.recurring import RECURRING
from reports.kpis.sales import SALES
from reports.kpis.unit_economics import UNIT_ECONOMICS

ALL_KPIS: tuple[Kpi, ...] = (*RECURRING, *SALES, *UNIT_ECONOMICS)
SLICES: dict[By, str] = {"slice": "total, region, segment", "total": "total", "stage": "stage"}
NO_ROWS = pd.DataFrame(columns=["account_id", "as_of", "node", "grain", "period", "point"])


def key_figures(company: Company, lifetimes: pd.DataFrame = NO_ROWS, forecasts: pd.DataFrame = NO_ROWS) -> pd.DataFrame:
    """One row per KPI, month (its first day) and slice with a value: ``data.outputs.report_tables.KPIS``.

    Money is in the reporting currency, rounded to cents; shares are between 0 and 1 (retention may be more).
    ``lifetimes`` and ``forecasts`` are those of ``reports.kpis.kpi.KpiInputs``.
    """
    inputs = KpiInputs(company, lifetimes, forecasts)
    frames = [_rows(kpi, inputs) for kpi in ALL_KPIS]
    return conform(pd.concat(frames, ignore_index=True), KPIS)


def definitions(currency: str) -> pd.DataFrame:
    """One row per KPI: ``data.outputs.report_tables.KPI_DEFINITIONS``."""
    rows = [
        {
            "kpi": kpi.name,
            "position": position,
            "unit": _unit(kpi, currency),
            "formula": kpi.formula,
            "slices": SLICES[kpi.by],
            "definition_version": kpi.version,
        }
        for position, kpi in enumerate(ALL_KPIS, 1)
    ]
    return conform(pd.DataFrame(rows), KPI_DEFINITIONS)


def _rows(kpi: Kpi, inputs: KpiInputs) -> pd.DataFrame:
    """The rows of ``KPIS`` of one KPI."""
    values, names = kpi.compute(inputs), inputs.slice_names(kpi.by)
    slice_at, month_at = np.nonzero(~np.isnan(values))
    return pd.DataFrame(
        {
            "kpi": kpi.name,
            "period": [inputs.account_months.months[month] for month in month_at],
            "slice": [names[i] for i in slice_at],
            "value": values[slice_at, month_at].round(DIGITS.get(kpi.unit, 2)),
            "unit": _unit(kpi, inputs.company.currency),
            "definition": kpi.formula,
            "definition_version": kpi.version,
        }
    )


def _unit(kpi: Kpi, currency: str) -> str:
    return kpi.unit.replace("money", currency)
