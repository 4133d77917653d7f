"""Chances as people say them."""

import pytest

from features.percent import format_probability


@pytest.mark.parametrize(
    ("chance", "says"),
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
def test_a_small_chance_is_not_said_to_be_none(chance: float, says: str) -> None:
    assert format_probability(chance) == says
