"""Each score is matched with the label that says what it foretold, as of its own date."""

from datetime import date

import pandas as pd
import pytest

from data.scoring import ACCOUNT_SCORES, OPPORTUNITY_SCORES, conform
from features.outcomes import OUTCOMES, happened, scores_told

AS_OF = date(2024, 3, 1)
TODAY = date(2024, 7, 1)


def order(account: str, at: str, product: str = "P", amount: float = 10.0) -> dict[str, object]:
    return {"order_id": f"{account}{at}", "line_id": "1", "account_id": account, "product_id": product,
            "amount": amount, "ordered_at": at, "status": "placed"}  # fmt: skip


def said(*keys: str, as_of: date = AS_OF) -> pd.DataFrame:
    return pd.DataFrame({"key": list(keys), "as_of": as_of, "value": 0.5})


def test_every_score_names_columns_that_its_table_has() -> None:
    tables = {"account_scores": ACCOUNT_SCORES, "opportunity_scores": OPPORTUNITY_SCORES}
    for outcome in OUTCOMES:
        columns = set(tables[outcome.table].by_name) if outcome.table in tables else None
        if columns is not None:
            maker = outcome.model_of or outcome.score
            wanted = {outcome.key, outcome.score, f"{maker}_model"}
            wanted |= {f"{maker}_horizon_days"} if outcome.horizon_days is None else set()
            assert wanted <= columns, outcome.score


def test_scores_are_told_with_their_maker_and_the_day_their_window_closes() -> None:
    accounts = {"account_id": ["A", "B"], "churn": [0.25, None], "churn_low": [0.125, None], "churn_high": [0.5, None],
                "churn_model": "churn v2", "churn_horizon_days": [90, None], "churn_abstained": [None, "gone"],
                "expected_revenue": [12.5, -1.0], "expected_revenue_model": "expected_revenue v1",
                "expected_revenue_horizon_days": 90}  # fmt: skip
    deals = {"opportunity_id": ["D"], "win": [0.75], "win_model": ["win v1 (baseline)"], "win_horizon_days": [60]}
    frames = {
        "account_scores": conform(pd.DataFrame(accounts), ACCOUNT_SCORES),
        "opportunity_scores": conform(pd.DataFrame(deals), OPPORTUNITY_SCORES),
    }
    told = scores_told(frames, AS_OF)
    assert told[["score", "key", "value", "model", "horizon_days", "closes_on"]].values.tolist() == [
        ["churn", "A", 0.25, "churn v2", 90, date(2024, 5, 30)],
        ["expected_revenue", "A", 12.5, "expected_revenue v1", 90, date(2024, 5, 30)],
        ["expected_revenue", "B", -1.0, "expected_revenue v1", 90, date(2024, 5, 30)],
        ["win", "D", 0.75, "win v1 (baseline)", 60, date(2024, 4, 30)],
    ]
    assert told["low"].tolist()[0] == 0.125
    assert told["low"].isna().tolist()[1:] == [True] * 3


def test_what_happened_to_customers_is_their_label(build) -> None:
    company = build(
        TODAY,
        accounts=[{"account_id": account, "created_at": "2023-01-01"} for account in "ABCD"],
        products=[{"product_id": "P"}, {"product_id": "Q"}],
        orders=[
            *(order(account, "2024-02-20") for account in "ABC"),
            order("A", "2024-04-01"),
            order("B", "2024-04-02", product="Q", amount=30.0),
            order("C", "2024-06-15"),  # after the window of 90 days
            order("D", "2023-01-01"),  # silent for too long: nobody could lose it any more
        ],
    )
    keys = ("A", "B", "C", "D", "merged")
    churn = happened(company, "churn", 90, said(*keys))["outcome"]
    assert churn.tolist()[:3] == [0.0, 0.0, 1.0]
    assert churn.isna().tolist() == [False, False, False, True, True]
    assert happened(company, "upsell", 90, said(*keys))["outcome"].tolist()[:4] == [0.0, 1.0, 0.0, 0.0]
    revenue = happened(company, "expected_revenue", 90, said(*keys))["outcome"]
    assert revenue.tolist()[:4] == [10.0, 30.0, 0.0, 0.0]
    assert revenue.isna().tolist()[4], "an account that is there no more has no outcome"


def test_each_date_has_its_own_window(build) -> None:
    company = build(TODAY, accounts=[{"account_id": "A"}], orders=[order("A", "2024-01-01"), order("A", "2024-03-20")])
    both = pd.concat([said("A"), said("A", as_of=date(2024, 3, 25))], ignore_index=True)
    assert happened(company, "expected_revenue", 30, both)["outcome"].tolist() == [10.0, 0.0]


def test_a_deal_that_closed_later_was_not_won_in_time(build) -> None:
    deals = [
        {"opportunity_id": "won", "account_id": "A", "created_at": "2024-02-01", "closed_at": "2024-04-01",
         "outcome": "won"},
        {"opportunity_id": "late", "account_id": "A", "created_at": "2024-02-01", "closed_at": "2024-06-20",
         "outcome": "won"},
    ]  # fmt: skip
    company = build(TODAY, accounts=[{"account_id": "A"}], opportunities=deals)
    assert happened(company, "win", 90, said("won", "late"))["outcome"].tolist() == [1.0, 0.0]


def test_a_window_that_is_still_open_is_refused(build) -> None:
    company = build(TODAY, accounts=[{"account_id": "A"}], orders=[order("A", "2024-01-01")])
    with pytest.raises(ValueError, match="2024-06-01 are not over"):
        happened(company, "expected_revenue", 90, said("A", as_of=date(2024, 6, 1)))
