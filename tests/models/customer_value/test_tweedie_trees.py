"""Expected revenue of lapsed accounts is corrected by what such accounts brought."""

import numpy as np
import pandas as pd
import pytest

from models.customer_value.tweedie_trees import SHRINKAGES, LapsedShrinkage, OutOfTime

N_ROWS = 2_000


def out_of_time(*, predictable: bool) -> OutOfTime:
    """Lapsed accounts, one in ten of which returns; half are expected to bring a hundred times as much as the others,
    as they do (``predictable``), or all that return bring the same."""
    rng = np.random.default_rng(4)
    expected = np.tile([1.0, 100.0], N_ROWS // 2)
    if_returned = 10.0 * (expected if predictable else np.full(N_ROWS, expected.mean()))
    actual = np.where(rng.random(N_ROWS) < 0.1, if_returned, 0.0)
    return OutOfTime(pd.DataFrame({"actual": actual, "lapsed": True}), expected)


@pytest.mark.parametrize("predictable", [True, False])
def test_lapsed_accounts_are_shrunken_to_their_mean_unless_their_returns_are_predictable(predictable: bool) -> None:
    part = out_of_time(predictable=predictable)
    shrinkage = LapsedShrinkage.fit([part])
    assert shrinkage.weight == (min(SHRINKAGES) if predictable else max(SHRINKAGES))
    assert shrinkage.apply(part.expected, part.rows).sum() == pytest.approx(part.rows["actual"].sum(), rel=0.1)


def test_hardly_anything_is_expected_of_lapsed_accounts_where_none_returned() -> None:
    rows = pd.DataFrame({"actual": 0.0, "lapsed": [True] * 990 + [False] * 10})
    expected = np.full(1_000, 50.0)
    corrected = LapsedShrinkage.fit([OutOfTime(rows, expected)]).apply(expected, rows)
    assert corrected[:990] == pytest.approx(50.0 * 10 / 1_000)
    assert corrected[990:] == pytest.approx(50.0)


def test_no_rows_change_nothing() -> None:
    assert LapsedShrinkage.fit([]) == LapsedShrinkage()
