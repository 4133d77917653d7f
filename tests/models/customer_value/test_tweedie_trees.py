"""What is expected of accounts that are gone is put right by what such accounts brought."""

import numpy as np
import pandas as pd
import pytest

from models.customer_value.tweedie_trees import ALIKE, Gone

ROWS = 2_000


def outs(*, told: bool) -> list[tuple[np.ndarray, pd.DataFrame]]:
    """Accounts that are gone, half of which are expected to bring a hundred times as much as the others: as they do, or
    drawn by lot. One in ten comes back."""
    rng = np.random.default_rng(4)
    expected = np.tile([1.0, 100.0], ROWS // 2)
    usual = 10.0 * (expected if told else np.full(ROWS, expected.mean()))
    came = np.where(rng.random(ROWS) < 0.1, usual, 0.0)
    return [(expected, pd.DataFrame({"came": came, "gone": True}))]


@pytest.mark.parametrize("told", [True, False])
def test_they_are_told_alike_as_far_as_nobody_knows_who_comes_back(told: bool) -> None:
    ((expected, rows),) = outs(told=told)
    gone = Gone.of([(expected, rows)])
    assert gone.alike == (min(ALIKE) if told else max(ALIKE))
    assert gone.right(expected, rows).sum() == pytest.approx(rows["came"].sum(), rel=0.1)


def test_where_none_came_back_nearly_nothing_is_expected_of_them_and_others_are_left_as_they_are() -> None:
    rows = pd.DataFrame({"came": 0.0, "gone": [True] * 990 + [False] * 10})
    expected = np.full(1_000, 50.0)
    right = Gone.of([(expected, rows)]).right(expected, rows)
    assert right[:990] == pytest.approx(50.0 * 10 / 1_000)
    assert right[990:] == pytest.approx(50.0)
    assert Gone.of([]) == Gone()
