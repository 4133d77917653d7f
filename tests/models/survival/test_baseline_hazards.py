"""Plain hazards: rates of bands, told of each month ahead."""

import numpy as np
import pandas as pd
import pytest

from features.labels.time_to_event import PERIODS
from models.estimators.calibration import jeffreys
from models.survival.baseline_hazards import Bands, PlainHazards
from tests.models.survival.planted_episodes import AS_OF, TERM, due_lives


def test_the_plain_baseline_counts_days_down_as_months_go_by() -> None:
    """Three of ten end in the month of a day that is due: before it and after it, hardly any."""
    plain = PlainHazards.of(TERM, due_lives(4_000, seed=3, dates=8))
    asked = pd.DataFrame({"x": [5.0, 40.0, 100.0, np.nan]})
    value, low, high = plain.chances(asked)
    assert value[0] == pytest.approx([0.3] * PERIODS, abs=0.03)
    assert value[1] == pytest.approx([0.0] + [0.3] * 5, abs=0.03)
    assert value[2] == pytest.approx([0.0] * 3 + [0.3] * 3, abs=0.03)
    assert value[3, 0] == pytest.approx(plain.hazard)
    assert ((low <= value) & (value <= high)).all()
    assert (np.diff(value, axis=1) >= 0).all()
    told = plain.reasons(asked, "left")
    often = f"{plain.hazards(asked, 0)[0][0]:.0%}"
    assert told[0] == [
        f"Days until the term ends: 0 to 30; {often} of such cases left within 30 days; then below 0: under 0.1%"
    ]
    often = f"{plain.hazards(asked, 1)[0][1]:.0%}"
    assert told[1][0].endswith(f"; then 0 to 30: {often}; then below 0: under 0.1%")
    assert "then" not in told[3][0]


def test_lives_to_which_nothing_comes_any_more_thin_out_the_later_months_only() -> None:
    """Three in ten leave in their first month; whoever does not is renewed, and seen to stay for half a year."""
    seen = pd.DataFrame({"as_of": AS_OF, "periods": [1] * 300 + [PERIODS] * 700, "event": [True] * 300 + [False] * 700})
    value, low, high = PlainHazards.of(Bands(), seen).chances(seen.head(1))
    assert value[0] == pytest.approx([0.3] * PERIODS, abs=0.02)
    rate = 20 * 300 / 4500  # of its 1,000 first and 3,500 later months, as if 20 more months had shown it
    assert (low[0, 0], high[0, 0]) == pytest.approx(jeffreys(300 + rate, 1_020), rel=0.001)
