"""Parameters of a revenue forecast that a trained version brings, as a typed table of the step that scores it."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.revenue.base_rates import BaseRates

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BY_NAME = ("win_rates", "one_off_yield", "recurring_yield")
BY_MONTH = ("repeat_rate", "new_business_rate")


@dataclass(frozen=True)
class ForecastParameters:
    """Base rates, the weight of the top-down forecast, typical revenue of the days of a week (Monday first), and the
    label of the version."""

    rates: BaseRates
    top_down_weight: float
    weekday_profile: Floats
    label: str

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter and part of it: ``parameter, part, value, label``.

        The part is a stage, a kind of deal, months ahead or a weekday; missing where the parameter has no parts.
        """
        rows: list[tuple[str, str | None, float]] = []
        for field in fields(BaseRates):
            value = getattr(self.rates, field.name)
            if field.name in BY_NAME:
                rows += [(field.name, part, number) for part, number in value.items()]
            elif field.name in BY_MONTH:
                rows += [(field.name, f"{month:02}", number) for month, number in enumerate(value)]
            else:
                rows.append((field.name, None, value))
        rows.append(("top_down_weight", None, self.top_down_weight))
        rows += [("weekday_profile", day, number) for day, number in zip(WEEKDAYS, self.weekday_profile, strict=True)]
        frame = pd.DataFrame(rows, columns=["parameter", "part", "value"])
        kinds = {"parameter": "string", "part": "string", "value": "float64", "label": "string"}
        return frame.assign(label=self.label).astype(kinds)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "ForecastParameters":
        """From ``to_frame``."""
        values = {str(name): rows for name, rows in frame.groupby("parameter", sort=False)}

        def scalar(name: str) -> float:
            return float(values[name]["value"].iloc[0])

        rates: dict[str, Any] = {}
        for field in fields(BaseRates):
            rows = values[field.name]
            if field.name in BY_NAME:
                rates[field.name] = dict(zip(map(str, rows["part"]), rows["value"].tolist(), strict=True))
            elif field.name in BY_MONTH:
                rates[field.name] = tuple(rows["value"].tolist())
            else:
                rates[field.name] = scalar(field.name)
        profile = values["weekday_profile"]["value"].to_numpy(dtype=np.float64)
        return cls(BaseRates(**rates), scalar("top_down_weight"), profile, str(frame["label"].iloc[0]))
