"""Each score is compared with its label, as of its own date."""

from datetime import date

import pandas as pd
import pytest

from data.outputs.catalogue import OUTPUTS
from data.outputs.conform import conform
from data.outputs.score_tables import ACCOUNT_SCORES, OPPORTUNITY_SCORES, SUBSCRIPTION_SCORES
from data.schema import Table
from features.labels.score_outcomes import OUTCOMES, published_scores, score_outcomes

AS_OF = date(2024, 3, 1)
TODAY = date(2024, 7, 1)


def order(account: str, at: str, product: str = "P", amount: float = 10.0) -> dict[str, object]:
    return {"order_id": f"{account}{at}", "line_id": "1", "account_id": account, "product_id": product,
            "amount": amount, "ordered_at": at, "status": "placed"}  # fmt: skip


def scores(*keys: str, as_of: date = AS_OF) -> pd.DataFrame:
    return pd.DataFrame({"key": list(keys), "as_of": as_of, "value": 0.5})


def test_every_score_names_columns_that_its_table_has() -> None:
    tables = {table.name: table for table in OUTPUTS}
    for outcome in OUTCOMES:
        wanted = {outcome.key, outcome.value_column, outcome.model_column}
        wanted |= {outcome.horizon_days} if isinstance(outcome.horizon_days, str) else set()
        assert wanted <= set(tables[outcome.table].by_name), outcome.score
    assert len({outcome.score for outcome in OUTCOMES}) == len(OUTCOMES)


@pytest.mark.parametrize("table", [ACCOUNT_SCORES, SUBSCRIPTION_SCORES, OPPORTUNITY_SCORES], ids=lambda t: t.name)
def test_every_probability_with_a_horizon_has_an_outcome(table: Table) -> None:
    """A column of 30, 90 or 180 days (all that have a model of their own), or by the end of a term, has its line."""
    matched = {outcome.value_column for outcome in OUTCOMES if outcome.table == table.name}
    owned = {name.removesuffix("_model") for name in table.by_name if name.endswith("_model")} - {"lifetime_value"}
    published = {name for name in table.by_name if name.endswith(("_30", "_180", "_by_term")) or name == "renewal"}
    assert owned | published == matched


def test_published_scores_name_their_model_and_the_day_their_window_closes() -> None:
    accounts = {"account_id": ["A", "B"], "churn": [0.25, None], "churn_low": [0.125, None], "churn_high": [0.5, None],
                "churn_model": "churn v2", "churn_horizon_days": [90, None], "churn_abstained": [None, "ended"],
                "expected_revenue": [12.5, -1.0], "expected_revenue_model": "expected_revenue v1",
                "expected_revenue_horizon_days": 90}  # fmt: skip
    deals = {"opportunity_id": ["D"], "win": [0.75], "win_model": ["win v1 (baseline)"], "win_horizon_days": [60]}
    frames = {
        "account_scores": conform(pd.DataFrame(accounts), ACCOUNT_SCORES),
        "opportunity_scores": conform(pd.DataFrame(deals), OPPORTUNITY_SCORES),
    }
    rows = published_scores(frames, AS_OF)
    assert rows[["score", "key", "value", "model", "horizon_days", "closes_on"]].values.tolist() == [
        ["churn", "A", 0.25, "churn v2", 90, date(2024, 5, 30)],
        ["expected_revenue", "A", 12.5, "expected_revenue v1", 90, date(2024, 5, 30)],
        ["expected_revenue", "B", -1.0, "expected_revenue v1", 90, date(2024, 5, 30)],
        ["win", "D", 0.75, "win v1 (baseline)", 60, date(2024, 4, 30)],
    ]
    assert rows["low"].tolist()[0] == 0.125
    assert rows["low"].isna().tolist()[1:] == [True] * 3


def test_the_outcome_of_an_account_score_is_its_label(build) -> None:
    company = build(
        TODAY,
        accounts=[{"account_id": account, "created_at": "2023-01-01"} for account in "ABCD"],
        products=[{"product_id": "P"}, {"product_id": "Q"}],
        orders=[
            *(order(account, "2024-02-20") for account in "ABC"),
            order("A", "2024-04-01"),
            order("B", "2024-04-02", product="Q", amount=30.0),
            order("C", "2024-06-15"),  # after the window of 90 days
            order("D", "2023-01-01"),  # inactive for too long to churn
        ],
    )
    keys = ("A", "B", "C", "D", "merged")
    churn = score_outcomes(company, "churn", 90, scores(*keys))["outcome"]
    assert churn.tolist()[:3] == [0.0, 0.0, 1.0]
    assert churn.isna().tolist() == [False, False, False, True, True]
    assert score_outcomes(company, "upsell", 90, scores(*keys))["outcome"].tolist()[:4] == [0.0, 1.0, 0.0, 0.0]
    revenue = score_outcomes(company, "expected_revenue", 90, scores(*keys))["outcome"]
    assert revenue.tolist()[:4] == [10.0, 30.0, 0.0, 0.0]
    assert revenue.isna().tolist()[4], "an account that no longer exists has no outcome"


def test_each_date_has_its_own_window(build) -> None:
    company = build(TODAY, accounts=[{"account_id": "A"}], orders=[order("A", "2024-01-01"), order("A", "2024-03-20")])
    both = pd.concat([scores("A"), scores("A", as_of=date(2024, 3, 25))], ignore_index=True)
    assert score_outcomes(company, "expected_revenue", 30, both)["outcome"].tolist() == [10.0, 0.0]


def test_a_deal_that_closed_later_was_not_won_in_time(build) -> None:
    deals = [
        {"opportunity_id": "won", "account_id": "A", "created_at": "2024-02-01", "closed_at": "2024-04-01",
         "outcome": "won"},
        {"opportunity_id": "late", "account_id": "A", "created_at": "2024-02-01", "closed_at": "2024-06-20",
         "outcome": "won"},
    ]  # fmt: skip
    company = build(TODAY, accounts=[{"account_id": "A"}], opportunities=deals)
    assert score_outcomes(company, "win", 90, scores("won", "late"))["outcome"].tolist() == [1.0, 0.0]


def test_a_window_that_is_still_open_is_refused(build) -> None:
    company = build(TODAY, accounts=[{"account_id": "A"}], orders=[order("A", "2024-01-01")])
    with pytest.raises(ValueError, match="2024-06-01 are not over"):
        score_outcomes(company, "expected_revenue", 90, scores("A", as_of=date(2024, 6, 1)))


def test_orders_and_subscriptions_are_matched_within_each_horizon(build) -> None:
    contract = {"account_id": "A", "product_id": "P", "mrr": 10.0, "seats": 1, "started_at": "2023-06-01"}
    company = build(
        date(2024, 12, 1),
        accounts=[{"account_id": "A"}],
        products=[{"product_id": "P"}, {"product_id": "Q"}],
        orders=[order("A", "2024-02-01"), order("A", "2024-05-15")],
        subscriptions=[
            {**contract, "subscription_id": "ended", "ended_at": "2024-03-20"},
            {**contract, "subscription_id": "grown", "product_id": "Q", "ended_at": "2024-07-01"},
            {**contract, "subscription_id": "larger", "product_id": "Q", "mrr": 20.0, "started_at": "2024-07-01"},
        ],
    )  # fmt: skip

    def outcomes(score: str, days: int, *keys: str) -> list[float]:
        return list(score_outcomes(company, score, days, scores(*keys))["outcome"])

    assert [outcomes(name, days, "A")[0] for name, days in (("repeat_30", 30), ("repeat", 90))] == [0.0, 1.0]
    assert outcomes("subscription_churn_30", 30, "ended", "grown") == [1.0, 0.0]
    assert outcomes("subscription_churn_180", 180, "ended", "grown") == [1.0, 0.0]
    assert outcomes("expansion", 90, "ended", "grown") == [0.0, 0.0]
    assert outcomes("expansion_180", 180, "ended", "grown") == [0.0, 1.0]
    assert outcomes("churn_30", 30, "A") == [0.0]


def test_scores_by_the_end_of_a_term_are_compared_within_their_own_horizon(build) -> None:
    contract = {"account_id": "A", "product_id": "P", "mrr": 10.0, "seats": 1, "started_at": "2023-06-01"}
    company = build(
        date(2024, 8, 1),
        accounts=[{"account_id": "A"}],
        products=[{"product_id": "P"}, {"product_id": "Q"}, {"product_id": "R"}],
        subscriptions=[
            {**contract, "subscription_id": "ended", "term_ends_at": "2024-04-01", "ended_at": "2024-04-03"},
            {**contract, "subscription_id": "runs on", "product_id": "Q", "term_ends_at": "2024-04-01"},
            {**contract, "subscription_id": "grown", "product_id": "R", "term_ends_at": "2024-04-01",
             "ended_at": "2024-04-01"},
            {**contract, "subscription_id": "larger", "product_id": "R", "mrr": 20.0, "started_at": "2024-04-02"},
        ],
    )  # fmt: skip

    def outcomes(score: str, days: int) -> list[float]:
        return list(score_outcomes(company, score, days, scores("ended", "runs on", "grown"))["outcome"])

    assert outcomes("renewal", 60) == [0.0, 1.0, 1.0]
    assert outcomes("renewal", 30) == [1.0, 1.0, 1.0]
    assert outcomes("expansion_by_term", 60) == [0.0, 0.0, 1.0]


def test_scores_of_a_term_look_ahead_each_to_its_own_day() -> None:
    rows = {"subscription_id": ["S", "T", "U"], "renewal": [0.75, 0.5, None], "churn_model": "subscription_churn v1",
            "churn_horizon_days": 90, "term_horizon_days": [10, 31, None]}  # fmt: skip
    frame = conform(pd.DataFrame(rows), SUBSCRIPTION_SCORES)
    rows = published_scores({"subscription_scores": frame}, AS_OF).query("score == 'renewal'")
    assert rows[["key", "value", "horizon_days", "closes_on"]].values.tolist() == [
        ["S", 0.75, 10, date(2024, 3, 11)],
        ["T", 0.5, 31, date(2024, 4, 1)],
    ]
