"""How deals end period by period, and pooled rates, by construction."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.deals.competing_risks import EDGES, LOST, OPEN, PERIODS, WON, Curves, person_periods
from models.deals.partial_pooling import Pooled


def row(deal: str, days: float | None, won: bool = False, seen: float = 400.0, **other: Any) -> dict[str, Any]:
    return {"opportunity_id": deal, "days": np.nan if days is None else days, "won": won, "seen_days": seen, **other}


def rows(*given: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(given)


def test_a_deal_teaches_of_each_period_that_it_began_open_and_whose_end_is_known() -> None:
    told = person_periods(
        rows(row("won", 40, True), row("lost", 5), row("open", None, seen=60), row("just won", 50, True, seen=59))
    )
    by = {str(deal): list(part["ended"]) for deal, part in told.groupby("opportunity_id")}
    assert by == {
        "won": [OPEN, OPEN, WON],
        "lost": [LOST],
        "open": [OPEN, OPEN, OPEN],
        "just won": [OPEN, OPEN],  # that the third period ends well is known of won deals first: it counts for none
    }


def test_chances_of_periods_chain() -> None:
    each = np.zeros((1, PERIODS, 3))
    each[0] = [0.5, 0.3, 0.2]
    curves = Curves.chained(each)
    np.testing.assert_allclose(curves.won[0], 0.3 * 0.5 ** np.arange(PERIODS))
    assert curves.open[0] == pytest.approx(0.5**PERIODS)
    assert curves.eventually[0] == pytest.approx(0.6)
    assert curves.within(15)[0] == pytest.approx(0.3)
    assert curves.within(90)[0] == pytest.approx(0.3 * (1 + 0.5 + 0.25 + 0.125))
    assert curves.within(45)[0] == pytest.approx(0.3 * (1 + 0.5 + 0.125))
    assert curves.lost_within(30)[0] == pytest.approx(0.2 * 1.5)


def test_the_middle_day_of_a_win_halves_its_chance() -> None:
    won = np.zeros((2, PERIODS))
    won[0, 2] = 0.4  # days 30 to 60
    won[1, :2] = 0.1, 0.3  # a quarter within 15 days, the rest within 30
    curves = Curves(won, np.zeros_like(won))
    np.testing.assert_allclose(curves.days_to_win(0.5), [45, 20])
    np.testing.assert_allclose(curves.days_to_win(1.0), [60, 30])


def test_who_wins_can_be_told_by_another_while_when_it_ends_stays() -> None:
    mine, plain = np.full((1, PERIODS), 0.1), np.full((1, PERIODS), 0.02)
    told = Curves(mine, mine / 2).shared_as(Curves(plain, plain * 3))
    np.testing.assert_allclose(told.won + told.lost, mine * 1.5)
    np.testing.assert_allclose(told.won, mine * 1.5 / 4)


def of(stage: str, won: int, lost: int, days: float = 10.0) -> list[dict[str, Any]]:
    ends = [True] * won + [False] * lost
    return [row(f"{stage} {n}", days, end, stage=stage, kind="new") for n, end in enumerate(ends)]


def test_many_deals_of_a_stage_speak_for_themselves_and_few_for_all() -> None:
    past = rows(*of("offer", 160, 40), *of("talk", 20, 180), *of("rare", 1, 0))
    pooled = Pooled.of(past, ("stage",))
    asked = rows(*of("offer", 1, 0), *of("talk", 1, 0), *of("rare", 1, 0), *of("never seen", 1, 0))
    offer, talk, rare, unseen = pooled.curves(asked).eventually
    assert offer == pytest.approx(0.8, abs=0.03)
    assert talk == pytest.approx(0.1, abs=0.03)
    assert unseen == pytest.approx(181 / 401, abs=0.01)
    assert unseen < rare < 0.8


def test_stages_that_tell_nothing_are_told_alike() -> None:
    rng = np.random.default_rng(1)
    won = rng.binomial(60, 0.5, 30)
    past = rows(*(each for n, wins in enumerate(won) for each in of(f"stage {n}", wins, 60 - wins)))
    said = Pooled.of(past, ("stage",)).curves(rows(*(of(f"stage {n}", 1, 0)[0] for n in range(30)))).eventually
    assert said.std() < 0.35 * (won / 60).std()


def test_a_deal_seen_at_many_dates_counts_once() -> None:
    once = rows(*of("offer", 30, 10))
    again = pd.concat([once] * 6)
    first, second = Pooled.of(once, ()), Pooled.of(again, ())
    np.testing.assert_allclose(first.counts[""], second.counts[""])
    assert first.ends == second.ends == {"": 40.0}


def test_bounds_are_as_wide_as_the_deals_behind_them_leave_them() -> None:
    asked = rows(row("x", None, stage="offer", kind="new"))
    widths = []
    for times in (1, 10):
        pooled = Pooled.of(rows(*of("offer", 20 * times, 20 * times)), ("stage",))
        chance = pooled.curves(asked).eventually
        low, high = pooled.interval(asked, chance)
        assert low < chance < high
        widths.append(float((high - low)[0]))
    assert widths[0] == pytest.approx(0.20, abs=0.03)  # 80 %, of 40 deals: 2 × 1.28 × √(¼ ÷ 40)
    assert widths[1] < widths[0] / 2


def test_pooled_rates_survive_being_written_as_json() -> None:
    pooled = Pooled.of(rows(*of("offer", 9, 3), *of("talk", 2, 9)), ("stage", "kind"))
    again = Pooled.restored(json.loads(json.dumps(pooled.state(), allow_nan=False)))
    asked = rows(*of("offer", 1, 0), *of("talk", 1, 0))
    np.testing.assert_array_equal(again.curves(asked).won, pooled.curves(asked).won)
    assert pooled.curves(asked.head(0)).won.shape == (0, len(EDGES) - 1)
