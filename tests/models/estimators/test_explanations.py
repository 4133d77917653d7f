"""Reasons in words: what sets a row apart, never what is as usual or of which nothing is known."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from features.accounts.table import ACCOUNT_FEATURES
from features.feature import Change, Feature
from features.opportunities.table import OPPORTUNITY_FEATURES
from models.estimators.explanations import Explainer, Phrasing, tree_contributions, typical_values
from models.estimators.gradient_boosting import BOOSTING_PARAMS, Encoding

PHRASING = Phrasing("raises the risk", "lowers the risk", "EUR")
TERM = Feature("term", "contract", "days until the contract term ends", "days", absent="no contract term ends")
RATING = Feature("rating", "support", "mean rating", "points")
DEALS = Feature("deals", "pipeline", "open deals", "deals", "opportunities")
AMOUNT = Feature("amount", "money", "amount overdue", "money", "invoices")
KIND = Feature("kind", "profile", "industry", "category")
FEATURES = (TERM, RATING, DEALS, AMOUNT)


def rows(count: int = 600) -> pd.DataFrame:
    """Everything in them tells: a missing term or rating, an open deal, an amount, an industry."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "term": np.where(rng.random(count) < 0.3, np.nan, rng.integers(20, 200, count)),
            "rating": np.where(rng.random(count) < 0.3, np.nan, rng.integers(1, 6, count)),
            "deals": rng.choice([0.0, 0.0, 1.0], count),
            "amount": rng.choice([0.0, 0.2, 500.0], count),
            "kind": pd.Series(rng.choice(["trade", "care", ""], count), dtype=object).replace("", None),
        }
    )


@pytest.fixture(scope="module")
def trees() -> tuple[lgb.Booster, Encoding, pd.DataFrame]:
    past = rows()
    encoding = Encoding.fit(FEATURES, (KIND,), past)
    risk = past["term"].isna() + past["rating"].isna() * 1.5 + past["deals"] + (past["amount"] > 1) * 2.0
    risk = risk + past["kind"].isna()
    data = lgb.Dataset(encoding.encode(past), risk, categorical_feature=["kind"])
    params = {**BOOSTING_PARAMS, "objective": "regression", "feature_fraction": 1.0, "seed": 1}
    return lgb.train(params, data, num_boost_round=60), encoding, past


def explanation(trees: tuple[lgb.Booster, Encoding, pd.DataFrame], **values: object) -> str:
    booster, encoding, past = trees
    usual = {"term": 120.0, "rating": 3.0, "deals": 0.0, "amount": 0.0, "kind": "care"}
    row = pd.DataFrame([usual | values]).astype({"term": float, "rating": float})
    explainer = Explainer((*FEATURES, KIND), typical_values(past, FEATURES), PHRASING)
    return " | ".join(explainer.explain(tree_contributions(booster, encoding, row), row)[0])


def test_a_missing_value_has_its_own_words_or_is_left_out(
    trees: tuple[lgb.Booster, Encoding, pd.DataFrame],
) -> None:
    assert "No contract term ends, which raises the risk" in explanation(trees, term=np.nan)
    nothing_known = explanation(trees, rating=np.nan, kind=None)
    assert "rating" not in nothing_known.lower()
    assert "industry" not in nothing_known.lower()
    assert "not known" not in nothing_known
    assert "Mean rating: 5 (usually 3) lowers the risk" in explanation(trees, rating=5.0)


@pytest.mark.parametrize("amount", [0.0, 0.2], ids=["equal", "equal as shown"])
def test_a_usual_value_is_no_reason_and_the_next_one_is_given(
    trees: tuple[lgb.Booster, Encoding, pd.DataFrame], amount: float
) -> None:
    sentences = explanation(trees, amount=amount, rating=5.0)
    assert "Open deals" not in sentences
    assert "Amount overdue" not in sentences
    assert "Mean rating: 5" in sentences
    assert "Mean rating" not in explanation(trees, rating=3.04)
    assert "Amount overdue: 500 EUR (usually 0 EUR) raises the risk" in explanation(trees, amount=500.0)
    assert "Open deals: 1 (usually 0) raises the risk" in explanation(trees, deals=1.0)


def test_what_most_lack_is_usually_absent_and_lacking_it_is_no_reason(
    trees: tuple[lgb.Booster, Encoding, pd.DataFrame],
) -> None:
    booster, encoding, _ = trees
    past = pd.DataFrame({"term": [np.nan, np.nan, 90.0], "rating": [np.nan, np.nan, 2.0], "deals": 0.0, "amount": 0.0})
    usual = typical_values(past, FEATURES)
    assert usual == {"term": None, "rating": 2.0, "deals": 0.0, "amount": 0.0}
    pair = pd.DataFrame({"term": [np.nan, 40.0], "rating": 3.0, "deals": 0.0, "amount": 0.0, "kind": "care"})
    explainer = Explainer((*FEATURES, KIND), usual, PHRASING)
    without, with_term = explainer.explain(tree_contributions(booster, encoding, pair), pair)
    assert not any("term" in sentence for sentence in without)
    assert "Days until the contract term ends: 40 (usually no contract term ends) lowers the risk" in with_term


@pytest.mark.parametrize("feature", [*ACCOUNT_FEATURES, *OPPORTUNITY_FEATURES], ids=lambda feature: feature.name)
def test_only_what_no_absence_makes_zero_has_words_for_absence(feature: Feature) -> None:
    assert feature.absent is None or (feature.zero_from is None and feature.absent[0].islower())


NOW = Feature("orders_90", "orders", "orders in the last 90 days", "orders", "orders")
MOVED = Feature(
    "moved", "orders", "orders, less those before", "orders", change=Change("orders_90", "orders", "in 90 days")
)
SPENT = Feature("spent", "orders", "money spent", "money", "orders")


@pytest.fixture(scope="module")
def buyers() -> tuple[lgb.Booster, Encoding, pd.DataFrame]:
    """Who orders little and less than before is at risk; what they spend says the same, quietly; so does a rating."""
    rng = np.random.default_rng(6)
    now, before = rng.integers(0, 9, 800).astype(float), rng.integers(0, 9, 800).astype(float)
    past = pd.DataFrame({"orders_90": now, "moved": now - before, "spent": now * 50, "rating": rng.integers(1, 6, 800)})
    features = (NOW, MOVED, SPENT, RATING)
    encoding = Encoding.fit(features, (), past)
    risk = -0.3 * past["moved"] - 0.2 * past["orders_90"] - past["spent"] / 500 - 0.5 * past["rating"]
    params = {**BOOSTING_PARAMS, "objective": "regression", "feature_fraction": 1.0, "seed": 1}
    return lgb.train(params, lgb.Dataset(encoding.encode(past), risk), num_boost_round=80), encoding, past


def of_buyer(buyers: tuple[lgb.Booster, Encoding, pd.DataFrame], **values: float) -> list[str]:
    booster, encoding, past = buyers
    row = pd.DataFrame([{"orders_90": 4.0, "moved": 0.0, "spent": 200.0, "rating": 3.0} | values])
    features = (NOW, MOVED, SPENT, RATING)
    explainer = Explainer(features, typical_values(past, features), PHRASING)
    return explainer.explain(tree_contributions(booster, encoding, row), row)[0]


def test_a_change_is_told_with_both_its_sides_and_its_family_speaks_once(
    buyers: tuple[lgb.Booster, Encoding, pd.DataFrame],
) -> None:
    sentences = of_buyer(buyers, orders_90=1.0, moved=-5.0, spent=50.0, rating=1.0)
    assert sentences[0] == "Orders fell from 6 to 1 in 90 days, which raises the risk"
    assert len(sentences) == 2
    assert sentences[1].startswith("Mean rating: 1 (usually 3) raises the risk")
    assert "Orders rose from 1 to 7 in 90 days, which lowers the risk" in of_buyer(
        buyers, orders_90=7.0, moved=6.0, spent=350.0
    )


def test_a_value_that_did_not_change_is_told_beside_what_is_usual(
    buyers: tuple[lgb.Booster, Encoding, pd.DataFrame],
) -> None:
    sentences = " | ".join(of_buyer(buyers, orders_90=0.0, moved=0.0, spent=0.0))
    assert "from" not in sentences
    assert "(usually" in sentences
