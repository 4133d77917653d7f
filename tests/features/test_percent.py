"""Shares and probabilities as text."""

import pytest

from features.percent import format_percent, format_probability


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0004, "under 0.1%"),
        (0.004, "0.4%"),
        (0.01, "1%"),
        (0.126, "13%"),
        (0.99, "99%"),
        (0.996, "99.6%"),
        (0.9996, "over 99.9%"),
    ],
)
def test_a_small_probability_does_not_read_as_never(probability: float, text: str) -> None:
    assert format_probability(probability) == text


def test_a_share_is_in_whole_per_cent() -> None:
    assert [format_percent(share) for share in (0.0, 0.126, 1.0)] == ["0%", "13%", "100%"]
