"""Survival curves against closed forms."""

import numpy as np
import pytest

from models.survival.curves import SurvivalCurve

EVEN = SurvivalCurve.from_incidence([30, 90, 180], np.array([[0.1, 0.4, 0.7], [0.0, 0.0, 0.2]]))
CONSTANT = SurvivalCurve.from_incidence([30, 90], np.array([[1 - 0.8, 1 - 0.8 * 0.5]]), "constant_hazard")


def test_hazards_become_a_kaplan_meier_product() -> None:
    """Survival is the product of the shares that go on: 0.9, 0.9 × 0.8, 0.9 × 0.8 × 0.5."""
    curve = SurvivalCurve.from_hazards([30, 60, 90], np.array([[0.1, 0.2, 0.5]]))
    np.testing.assert_allclose(1 - curve.at_knots, [[0.9, 0.72, 0.36]], rtol=1e-12)
    assert curve.within(0).tolist() == [0.0]
    np.testing.assert_allclose(curve.survival(60), [0.72], rtol=1e-12)


def test_a_constant_hazard_is_exponential_between_and_after_its_knots() -> None:
    hazard = np.array([0.01, 0.002])
    curve = SurvivalCurve.exponential([30, 365], hazard).extended()
    for days in (0.0, 7.0, 30.0, 200.0, 365.0, 1_000.0):
        np.testing.assert_allclose(curve.within(days), 1 - np.exp(-hazard * days), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(curve.last_hazard, hazard, rtol=1e-12)


def test_events_fall_evenly_between_knots_and_none_after_the_last() -> None:
    np.testing.assert_allclose(EVEN.within(60), [0.25, 0.0])
    np.testing.assert_allclose(EVEN.within_all(np.array([-5.0, 0.0, 15.0, 90.0, 135.0, 180.0, 400.0]))[0],
                               [0.0, 0.0, 0.05, 0.4, 0.55, 0.7, 0.7])  # fmt: skip
    assert EVEN.within_all(np.zeros(0)).shape == (2, 0)


def test_knots_are_met_exactly() -> None:
    for column, days in enumerate((30, 90, 180)):
        assert EVEN.within(days).tolist() == EVEN.at_knots[:, column].tolist()


def test_survival_falls_by_equal_shares_under_a_constant_hazard() -> None:
    """It halves in the 60 days after day 30: by √½ in 30 of them."""
    np.testing.assert_allclose(CONSTANT.survival(60), [0.8 * 0.5**0.5], rtol=1e-12)
    np.testing.assert_allclose(CONSTANT.extended().survival(150), [0.8 * 0.5 * 0.5], rtol=1e-12)


def test_a_curve_goes_on_with_another_hazard() -> None:
    extended = EVEN.extended(np.array([np.log(2) / 90, 0.0]))
    np.testing.assert_allclose(extended.survival(270), [0.3 / 2, 0.8], rtol=1e-12)
    np.testing.assert_allclose(extended.within(180), EVEN.within(180))


def test_each_row_may_have_days_of_its_own() -> None:
    np.testing.assert_allclose(EVEN.within_each(np.array([60.0, np.nan])), [0.25, np.nan])


def test_quantiles_invert_the_curve() -> None:
    days = EVEN.quantile(0.25)
    assert days[0] == pytest.approx(60)
    assert EVEN.within(float(days[0]))[0] == pytest.approx(0.25)
    assert np.isnan(days[1])
    np.testing.assert_allclose(EVEN.given_event().quantile(1.0), [180, 180])
    np.testing.assert_allclose(EVEN.given_event().quantile(0.5), [30 + 60 * 0.25 / 0.3, 135])
    assert EVEN.quantile(0.1)[0] == 30
    assert SurvivalCurve.from_incidence([30], np.zeros((0, 1))).quantile(0.5).tolist() == []


def test_a_certain_event_keeps_its_hazard_finite() -> None:
    certain = SurvivalCurve.from_incidence([30, 60], np.array([[0.5, 1.0]]), "constant_hazard").extended()
    assert np.isfinite(certain.last_hazard).all()
    assert certain.within(400)[0] == pytest.approx(1.0)
