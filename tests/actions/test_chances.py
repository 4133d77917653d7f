"""Chances as people say them."""

import pytest

from actions.chances import likely


@pytest.mark.parametrize(
    ("chance", "says"), [(0.004, "0.4%"), (0.01, "1%"), (0.126, "13%"), (0.99, "99%"), (0.996, "99.6%")]
)
def test_a_small_chance_is_not_said_to_be_none(chance: float, says: str) -> None:
    assert likely(chance) == says
