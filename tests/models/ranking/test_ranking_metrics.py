"""Lists of offers, judged on literal purchases."""

import numpy as np
import pandas as pd
import pytest

from models.ranking.ranking_metrics import Lists, compared

PAIRS = pd.DataFrame(
    [
        # customer, product, said, popular_segment, own_lasting, repeat, bought
        ("a", "pen", 0.9, 0.1, 2.0, True, 1.0),
        ("a", "ink", 0.5, 0.3, 0.0, False, 0.0),
        ("a", "pad", 0.4, 0.2, 0.0, False, 1.0),
        ("b", "pen", 0.2, 0.1, 0.0, False, 0.0),
        ("b", "ink", 0.1, 0.3, 1.0, True, 0.0),
    ],
    columns=["customer_id", "product_id", "said", "popular_segment", "own_lasting", "repeat", "bought"],
).assign(popular=lambda t: t["popular_segment"])
WANTED = pd.DataFrame({"customer_id": ["a", "a", "b"], "product_id": ["pen", "pad", "gone"]})


def test_ndcg_is_one_only_where_what_was_wanted_came_first() -> None:
    found = Lists.of(PAIRS, "said", 2).found(WANTED)
    second = 1 / np.log2(3)
    assert found.loc["a"].tolist() == pytest.approx([1 / 2, 1 / (1 + second)])
    assert found.loc["b"].tolist() == [0, 0]  # what it wanted was no candidate: missed, not forgotten
    plain = Lists.of(PAIRS, "popular_segment", 2).found(WANTED)
    assert plain.loc["a"].tolist() == pytest.approx([1 / 2, second / (1 + second)])


def test_kinds_are_judged_among_their_own_and_coverage_tells_how_much_is_ever_named() -> None:
    told = compared(PAIRS, WANTED, catalogue=4, top=1)
    assert told["repeat recall@1"] == 1
    assert told["explore recall@1"] == 0  # ink before pad; and b's wish is no candidate
    assert told["coverage@1"] == 1 / 4  # pen for both
    assert told["baseline coverage@1"] == 1 / 4
    assert told["own history coverage@1"] == 2 / 4
    assert told["popularity@1"] == pytest.approx(0.1)
    assert told["baseline popularity@1"] == pytest.approx(0.3)
    assert told["popularity of candidates"] == pytest.approx(0.2)
