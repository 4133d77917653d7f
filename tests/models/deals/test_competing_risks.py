"""How deals end, period by period, by construction."""

import numpy as np
import pytest

from models.deals.competing_risks import LOST, N_DEAL_PERIODS, OPEN, WON, WinCurves, deal_periods
from tests.models.deals.planted_deals import deal, deals


def test_a_deal_gives_a_row_for_each_period_that_it_began_open_and_whose_end_is_known() -> None:
    periods = deal_periods(
        deals(deal("won", 40, True), deal("lost", 5), deal("open", None, seen=60), deal("just won", 50, True, seen=59))
    )
    status = {str(key): list(part["status"]) for key, part in periods.groupby("opportunity_id")}
    assert status == {
        "won": [OPEN, OPEN, WON],
        "lost": [LOST],
        "open": [OPEN, OPEN, OPEN],
        "just won": [OPEN, OPEN],  # the third period's end is known of won deals only: it counts for none
    }


def test_transitions_chain_to_curves() -> None:
    transitions = np.zeros((1, N_DEAL_PERIODS, 3))
    transitions[0] = [0.5, 0.3, 0.2]
    curves = WinCurves.from_transitions(transitions)
    np.testing.assert_allclose(curves.won[0], 0.3 * 0.5 ** np.arange(N_DEAL_PERIODS))
    assert curves.still_open[0] == pytest.approx(0.5**N_DEAL_PERIODS)
    assert curves.eventually[0] == pytest.approx(0.6)
    assert curves.within(15)[0] == pytest.approx(0.3)
    assert curves.within(90)[0] == pytest.approx(0.3 * (1 + 0.5 + 0.25 + 0.125))
    assert curves.within(45)[0] == pytest.approx(0.3 * (1 + 0.5 + 0.125))
    assert curves.lost_within(30)[0] == pytest.approx(0.2 * 1.5)


def test_the_median_day_of_a_win_halves_its_probability() -> None:
    won = np.zeros((3, N_DEAL_PERIODS))
    won[0, 2] = 0.4  # days 30 to 60
    won[1, :2] = 0.1, 0.3  # a quarter within 15 days, the rest within 30
    curves = WinCurves(won, np.zeros_like(won))
    np.testing.assert_allclose(curves.win_day_quantile(0.5), [45, 20, 270])  # the last one is never won
    np.testing.assert_allclose(curves.win_day_quantile(1.0), [60, 30, 270])


def test_win_shares_of_other_curves_leave_the_closing_days() -> None:
    own, other = np.full((1, N_DEAL_PERIODS), 0.1), np.full((1, N_DEAL_PERIODS), 0.02)
    curves = WinCurves(own, own / 2).with_win_shares_of(WinCurves(other, other * 3))
    np.testing.assert_allclose(curves.won + curves.lost, own * 1.5)
    np.testing.assert_allclose(curves.won, own * 1.5 / 4)
