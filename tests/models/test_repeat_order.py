"""The day of the next order, from the curve of the coming half year."""

from datetime import date

import numpy as np
import pandas as pd

from models.repeat_order import next_order_dates
from models.survival.censoring import PERIOD_ENDS
from models.survival.curves import SurvivalCurve
from models.survival.hazard_entry import Scored
from tests.features.company_builder import build_company


def test_the_next_order_is_expected_on_the_median_day_and_missing_beyond_the_curve() -> None:
    incidence = np.array([[0.2, 0.6, 0.8, 0.9, 0.95, 0.97], [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]])
    rows = pd.DataFrame({"account_id": ["often", "seldom"]})
    scored = Scored(rows, SurvivalCurve.from_incidence(PERIOD_ENDS, incidence), rows)
    dates = next_order_dates(build_company(date(2024, 9, 1)), scored)
    assert dates["next_order"] == [date(2024, 10, 23), None]  # day 30 + 30 × (0.5 − 0.2) ÷ (0.6 − 0.2)
    assert dates["next_order_low"] == [date(2024, 9, 16), date(2024, 10, 31)]
    assert dates["next_order_high"] == [date(2024, 12, 30), None]
