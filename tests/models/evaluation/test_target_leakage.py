"""Columns that are written after the outcome are found in tables where it is known which they are."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.evaluation.target_leakage import find_target_leakage

ROWS = 1_500
Table = tuple[pd.DataFrame, "np.ndarray[tuple[int], np.dtype[np.float64]]"]


@pytest.fixture(scope="module")
def honest() -> Table:
    """Four columns known before the outcome, two of which tell of it; a quarter has no region."""
    rng = np.random.default_rng(3)
    size, visits = rng.normal(0, 1, ROWS), rng.poisson(3, ROWS)
    source = rng.choice(["web", "call", "fair", "friend", "mail"], ROWS)
    region = pd.Series(rng.choice(["north", "south"], ROWS), dtype=object).where(rng.random(ROWS) > 0.25)
    odds = 1.2 * size + np.where(source == "friend", 1.5, 0.0) - 0.5
    outcome = (rng.random(ROWS) < expit(odds)).astype(float)
    return pd.DataFrame({"size": size, "visits": visits, "source": source, "region": region}), outcome


def named(table: pd.DataFrame, outcome: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, set[str]]:
    return {finding.sign: set(finding.columns) for finding in find_target_leakage(table, outcome)}


def test_columns_known_before_the_outcome_are_not_named(honest: Table) -> None:
    assert find_target_leakage(*honest) == ()


def test_a_reason_that_only_losses_have_is_named_whether_by_value_or_by_being_filled(honest: Table) -> None:
    table, outcome = honest
    rng = np.random.default_rng(1)
    reason = pd.Series(rng.choice(["price", "time"], ROWS), dtype=object).where(outcome == 0)
    fee = np.where((outcome == 1) & (rng.random(ROWS) < 0.2), 40.0, 0.0)
    found = find_target_leakage(table.assign(reason=reason, fee=fee), outcome)
    assert {(finding.sign, *finding.columns) for finding in found} == {
        ("one outcome only", "reason"),
        ("one outcome only", "fee"),
    }
    (why,) = (finding.reason for finding in found if finding.columns == ("fee",))
    assert "'40.0': 100.0% have the outcome" in why


def test_a_grade_that_follows_the_outcome_is_named(honest: Table) -> None:
    table, outcome = honest
    grade = 2.2 * outcome + np.random.default_rng(2).normal(0, 0.7, ROWS)
    assert named(table.assign(grade=grade), outcome) == {"more than all others": {"grade"}}


def test_marks_given_to_some_are_named_together() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(0, 1, (ROWS, 4)), columns=["a", "b", "c", "d"])
    outcome = (rng.random(ROWS) < expit(1.5 * table.sum(axis=1))).astype(float)  # no column halves what others leave
    filled = rng.random(ROWS) < 0.6
    honest = np.where(filled, table["a"] + rng.normal(0, 1, ROWS), np.nan)
    assert named(table.assign(honest=honest), outcome) == {}
    mark = np.where(filled, 1.2 * outcome + rng.normal(0, 0.8, ROWS), np.nan)
    told = table.assign(mark=mark, rank=np.where(filled, rng.integers(0, 3, ROWS), np.nan))
    assert named(told, outcome) == {"filled in for some": {"mark", "rank"}}


def test_a_state_that_was_written_over_is_named_with_its_copy(honest: Table) -> None:
    table, outcome = honest
    rng = np.random.default_rng(4)
    over = rng.random(ROWS) < np.where(outcome == 1, 0.35, 0.1)
    state = np.where(over, "visited", table["source"])
    assert named(table.assign(state=state), outcome) == {"a later copy": {"source", "state"}}
    at_random = np.where(rng.random(ROWS) < 0.2, "visited", table["source"])
    assert named(table.assign(state=at_random), outcome) == {}


def test_a_trusted_column_is_never_named(honest: Table) -> None:
    table, outcome = honest
    late = table.assign(grade=outcome + np.random.default_rng(2).normal(0, 0.2, ROWS))
    assert find_target_leakage(late, outcome, trusted=["grade"]) == ()
    with pytest.raises(ValueError, match=r"trusted names no columns of the table: \['grad'\]"):
        find_target_leakage(late, outcome, trusted=["grad"])


def test_few_rows_prove_nothing(honest: Table) -> None:
    table, outcome = honest
    late = table.assign(grade=outcome)
    assert find_target_leakage(late.head(150), outcome[:150]) == ()
    with pytest.raises(ValueError, match="table has 1500 rows and outcome 5"):
        find_target_leakage(late, outcome[:5])


def test_an_outcome_drawn_at_random_names_no_column(honest: Table) -> None:
    table, _ = honest
    for seed in range(3):
        assert find_target_leakage(table, np.random.default_rng(seed).integers(0, 2, ROWS).astype(float)) == ()
