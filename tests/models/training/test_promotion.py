"""Who takes the place: only a challenger that beats the best champion there ever was, by more than noise."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from models.model import Champion, Evaluation
from models.training.promotion import Rival, duel, settle

NAN = float("nan")


def judgement(losses: list[float], baseline: float = 1.0) -> Evaluation:
    return Evaluation("log loss", float(np.mean(losses)), "rate", baseline, tuple(losses), (baseline,) * len(losses))


def rival(version: str, losses: list[float]) -> Rival:
    champion = Champion("churn", version, "model", None, {}, "abc", date(2025, 1, 1))
    return Rival(champion, judgement(losses))


@pytest.mark.parametrize(
    ("champion", "promoted", "words"),
    [
        ([0.9] * 100, True, "the challenger is better: lower loss than v1 in 100% of resamples over 100 rows"),
        ([0.1] * 100, False, "champion stays"),
        ([0.5] * 100, False, "champion stays"),
        ([NAN] * 100, False, "v1 has learnt from every row"),
        ([NAN] * 50 + [0.9] * 50, True, "over 50 rows"),
    ],
)
def test_the_champion_goes_only_for_a_better_one(champion: list[float], promoted: bool, words: str) -> None:
    verdict = settle(judgement([0.5] * 100), [rival("1", champion)])
    assert verdict.promoted is promoted
    assert words in verdict.why
    assert promoted or (verdict.stays is not None and verdict.stays.version == "1")


def test_nobody_before_means_that_the_first_one_scores() -> None:
    verdict = settle(judgement([0.5] * 3), [])
    assert verdict.promoted
    assert "no earlier version" in verdict.why


def test_a_former_champion_that_did_better_is_the_one_to_beat() -> None:
    current, former = rival("3", [0.9] * 100), rival("1", [0.4] * 100)
    verdict = settle(judgement([0.5] * 100), [current, former])
    assert not verdict.promoted
    assert "lower loss than v1 (once champion, harder to beat here than v3)" in verdict.why
    assert verdict.stays is current.champion
    assert settle(judgement([0.3] * 100), [current, former]).promoted


def test_every_champion_must_be_beaten_on_the_rows_that_it_has_not_learnt_from() -> None:
    former = rival("1", [NAN] * 50 + [0.95] * 50)
    beaten_where_both_are_known = rival("2", [0.1] * 50 + [0.9] * 50)
    assert not settle(judgement([0.5] * 100), [beaten_where_both_are_known, former]).promoted
    verdict = settle(judgement([0.5] * 100), [rival("2", [0.9] * 100), former])
    assert verdict.promoted


def test_a_former_champion_that_knows_every_row_is_no_hindrance() -> None:
    assert settle(judgement([0.5] * 100), [rival("2", [0.9] * 100), rival("1", [NAN] * 100)]).promoted


def test_what_ships_is_compared() -> None:
    worse_than_baseline: dict[str, Any] = {"losses": [2.0] * 100, "baseline": 1.0}
    assert settle(judgement(**worse_than_baseline), [rival("1", [1.5] * 100)]).promoted


def test_luck_is_not_enough() -> None:
    taken = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = rng.normal(0.5, 0.2, 400)
        other = noise + rng.normal(0.0, 0.2, 400)
        taken += settle(judgement(list(noise)), [rival("1", list(other))]).promoted
    assert taken <= 12


def test_a_duel_measures_the_gain_of_the_second() -> None:
    rng = np.random.default_rng(4)
    first = rng.gamma(2.0, 0.3, 2_000)
    found = duel(first, first - 0.05 + rng.normal(0, 0.2, 2_000))
    assert found.low < 0.05 < found.high
    assert found.high - found.low < 0.03
    assert (found.rows, found.wins) == (2_000, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [([0.1], [0.2, 0.3], "different rows"), ([NAN, 0.1], [0.1, NAN], "neither version has learnt")],
)
def test_what_cannot_be_compared_is_refused(first: list[float], second: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        duel(np.array(first), np.array(second))
