"""A challenger is promoted only if it beats every earlier champion beyond noise."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from models.model import Champion, Evaluation
from models.training.promotion import Rival, compare_losses, decide_promotion

NAN = float("nan")


def evaluation(losses: list[float], baseline: float = 1.0) -> Evaluation:
    return Evaluation("log loss", float(np.mean(losses)), "rate", baseline, tuple(losses), (baseline,) * len(losses))


def rival(version: str, losses: list[float]) -> Rival:
    champion = Champion("churn", version, "model", None, {}, "abc", date(2025, 1, 1))
    return Rival(champion, evaluation(losses))


@pytest.mark.parametrize(
    ("champion", "promoted", "words"),
    [
        ([0.9] * 100, True, "the challenger is better: lower loss than v1 in 100% of resamples over 100 rows"),
        ([0.1] * 100, False, "champion stays"),
        ([0.5] * 100, False, "champion stays"),
        ([NAN] * 100, False, "v1 was trained on every row"),
        ([NAN] * 50 + [0.9] * 50, True, "over 50 rows"),
    ],
)
def test_the_champion_is_replaced_only_by_a_better_version(champion: list[float], promoted: bool, words: str) -> None:
    decision = decide_promotion(evaluation([0.5] * 100), [rival("1", champion)])
    assert decision.promoted is promoted
    assert words in decision.reason
    assert promoted or (decision.champion is not None and decision.champion.version == "1")


def test_the_first_version_is_promoted() -> None:
    decision = decide_promotion(evaluation([0.5] * 3), [])
    assert decision.promoted
    assert "no earlier version" in decision.reason


def test_a_former_champion_that_did_better_is_the_one_to_beat() -> None:
    current, former = rival("3", [0.9] * 100), rival("1", [0.4] * 100)
    decision = decide_promotion(evaluation([0.5] * 100), [current, former])
    assert not decision.promoted
    assert "lower loss than v1 (a former champion, harder to beat here than v3)" in decision.reason
    assert decision.champion is current.champion
    assert decide_promotion(evaluation([0.3] * 100), [current, former]).promoted


def test_every_champion_must_be_beaten_on_rows_that_it_was_not_trained_on() -> None:
    former = rival("1", [NAN] * 50 + [0.95] * 50)
    beaten_where_both_are_known = rival("2", [0.1] * 50 + [0.9] * 50)
    assert not decide_promotion(evaluation([0.5] * 100), [beaten_where_both_are_known, former]).promoted
    decision = decide_promotion(evaluation([0.5] * 100), [rival("2", [0.9] * 100), former])
    assert decision.promoted


def test_a_former_champion_trained_on_every_row_does_not_compete() -> None:
    assert decide_promotion(evaluation([0.5] * 100), [rival("2", [0.9] * 100), rival("1", [NAN] * 100)]).promoted


def test_what_ships_is_compared() -> None:
    worse_than_baseline: dict[str, Any] = {"losses": [2.0] * 100, "baseline": 1.0}
    assert decide_promotion(evaluation(**worse_than_baseline), [rival("1", [1.5] * 100)]).promoted


def test_noise_is_rarely_promoted() -> None:
    promoted = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = rng.normal(0.5, 0.2, 400)
        other = noise + rng.normal(0.0, 0.2, 400)
        promoted += decide_promotion(evaluation(list(noise)), [rival("1", list(other))]).promoted
    assert promoted <= 12


def test_a_paired_comparison_measures_the_gain_of_the_second() -> None:
    rng = np.random.default_rng(4)
    first = rng.gamma(2.0, 0.3, 2_000)
    result = compare_losses(first, first - 0.05 + rng.normal(0, 0.2, 2_000))
    assert result.low < 0.05 < result.high
    assert result.high - result.low < 0.03
    assert (result.rows, result.win_share) == (2_000, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [([0.1], [0.2, 0.3], "different rows"), ([NAN, 0.1], [0.1, NAN], "neither version was trained on")],
)
def test_incomparable_losses_are_refused(first: list[float], second: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compare_losses(np.array(first), np.array(second))
