"""Empirical hazards by band and period ahead."""

import numpy as np
import pandas as pd
import pytest

from data.statistics import rate_interval
from features.labels.time_to_event import N_PERIODS
from models.survival.baseline_hazards import BandedHazards, Bands
from tests.models.survival.planted_episodes import AS_OF, TERM_BANDS, episodes_with_term


def test_bands_that_count_down_move_with_the_period_ahead() -> None:
    """Three of ten end in the month of a due date: before it and after it, hardly any."""
    baseline = BandedHazards.fit(TERM_BANDS, episodes_with_term(4_000, seed=3, dates=8))
    rows = pd.DataFrame({"x": [5.0, 40.0, 100.0, np.nan]})
    value, low, high = (curve.at_knots for curve in baseline.predict_interval(rows))
    assert value[0] == pytest.approx([0.3] * N_PERIODS, abs=0.03)
    assert value[1] == pytest.approx([0.0] + [0.3] * 5, abs=0.03)
    assert value[2] == pytest.approx([0.0] * 3 + [0.3] * 3, abs=0.03)
    assert value[3, 0] == pytest.approx(baseline.hazard)
    assert ((low <= value) & (value <= high)).all()
    assert (np.diff(value, axis=1) >= 0).all()
    sentences = baseline.explain(rows, "left")
    rate = f"{baseline.hazards(rows, 0)[0][0]:.0%}"
    assert sentences[0] == [
        f"Days until the term ends: 0 to 30; {rate} of such cases left within 30 days; then below 0: under 0.1%"
    ]
    rate = f"{baseline.hazards(rows, 1)[0][1]:.0%}"
    assert sentences[1][0].endswith(f"; then 0 to 30: {rate}; then below 0: under 0.1%")
    assert "then" not in sentences[3][0]


def test_episodes_without_an_event_lower_the_hazard_of_later_periods_only() -> None:
    """Three in ten leave in the first period; the others are renewed, and observed for half a year."""
    episodes = pd.DataFrame(
        {"as_of": AS_OF, "periods": [1] * 300 + [N_PERIODS] * 700, "event": [True] * 300 + [False] * 700}
    )
    curves = BandedHazards.fit(Bands(), episodes).predict_interval(episodes.head(1))
    value, low, high = (curve.at_knots for curve in curves)
    assert value[0] == pytest.approx([0.3] * N_PERIODS, abs=0.02)
    rate = 20 * 300 / 4500  # of its 1,000 first and 3,500 later periods, weighing as much as 20 more periods
    assert (low[0, 0], high[0, 0]) == pytest.approx(rate_interval(300 + rate, 1_020), rel=0.001)
