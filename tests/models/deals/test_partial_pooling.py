"""Partially pooled rates of deals, by construction."""

import json

import numpy as np
import pandas as pd
import pytest

from models.deals.competing_risks import EDGES
from models.deals.partial_pooling import PooledRates
from tests.models.deals.planted_deals import deal, deals, stage_deals


def test_strata_with_many_deals_keep_their_rate_and_those_with_few_take_the_rate_of_all() -> None:
    past = deals(*stage_deals("offer", 160, 40), *stage_deals("talk", 20, 180), *stage_deals("rare", 1, 0))
    rates = PooledRates.fit(past, ("stage",))
    rows = deals(*(stage_deals(stage, 1, 0)[0] for stage in ("offer", "talk", "rare", "never seen")))
    offer, talk, rare, unseen = rates.predict(rows).eventually
    assert offer == pytest.approx(0.8, abs=0.03)
    assert talk == pytest.approx(0.1, abs=0.03)
    assert unseen == pytest.approx(181 / 401, abs=0.01)
    assert unseen < rare < 0.8


def test_strata_that_differ_by_chance_get_nearly_equal_rates() -> None:
    rng = np.random.default_rng(1)
    won = rng.binomial(60, 0.5, 30)
    past = deals(*(row for n, wins in enumerate(won) for row in stage_deals(f"stage {n}", wins, 60 - wins)))
    rows = deals(*(stage_deals(f"stage {n}", 1, 0)[0] for n in range(30)))
    rates = PooledRates.fit(past, ("stage",)).predict(rows).eventually
    assert rates.std() < 0.35 * (won / 60).std()


def test_a_deal_seen_on_many_dates_counts_once() -> None:
    once = deals(*stage_deals("offer", 30, 10))
    first, second = PooledRates.fit(once, ()), PooledRates.fit(pd.concat([once] * 6), ())
    np.testing.assert_allclose(first.counts[""], second.counts[""])
    assert first.closed == second.closed == {"": 40.0}


def test_bounds_are_as_wide_as_the_deals_behind_them() -> None:
    rows = deals(deal("x", None, stage="offer", kind="new"))
    widths = []
    for times in (1, 10):
        rates = PooledRates.fit(deals(*stage_deals("offer", 20 * times, 20 * times)), ("stage",))
        probability = rates.predict(rows).eventually
        low, high = rates.interval(rows, probability)
        assert low < probability < high
        widths.append(float((high - low)[0]))
    assert widths[0] == pytest.approx(0.20, abs=0.03)  # 80 %, of 40 deals: 2 × 1.28 × √(¼ ÷ 40)
    assert widths[1] < widths[0] / 2


def test_rates_are_equal_after_a_round_trip_as_json() -> None:
    rates = PooledRates.fit(deals(*stage_deals("offer", 9, 3), *stage_deals("talk", 2, 9)), ("stage", "kind"))
    loaded = PooledRates.from_state(json.loads(json.dumps(rates.state(), allow_nan=False)))
    rows = deals(*stage_deals("offer", 1, 0), *stage_deals("talk", 1, 0))
    np.testing.assert_array_equal(loaded.predict(rows).won, rates.predict(rows).won)
    assert rates.predict(rows.head(0)).won.shape == (0, len(EDGES) - 1)
