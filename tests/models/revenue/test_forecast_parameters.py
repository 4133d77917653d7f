"""The parameters of a forecast survive their table, as types and as a Parquet file."""

from pathlib import Path

import numpy as np
import pandas as pd

from models.revenue.base_rates import BaseRates
from models.revenue.forecast_parameters import ForecastParameters


def test_parameters_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    rates = BaseRates(
        0.02, 0.01, 0.3, {"": 0.2, "late stage": 0.6}, 61.5, 900.0, {"": 0.5, "new": 0.7}, {"": 0.1},
        tuple(0.5 + month / 100 for month in range(12)), tuple(0.1 + month / 100 for month in range(12)), 0.04, 0.9,
    )  # fmt: skip
    parameters = ForecastParameters(rates, 0.6, np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.0]), "revenue v7")
    frame = parameters.to_frame()
    assert frame.columns.tolist() == ["parameter", "part", "value", "label"]
    assert not frame.duplicated(["parameter", "part"]).any()
    frame.to_parquet(tmp_path / "parameters.parquet", index=False)
    restored = ForecastParameters.from_frame(pd.read_parquet(tmp_path / "parameters.parquet"))
    assert restored.rates == rates
    assert (restored.top_down_weight, restored.label) == (0.6, "revenue v7")
    assert restored.weekday_profile.tolist() == parameters.weekday_profile.tolist()
