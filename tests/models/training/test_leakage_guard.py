"""A column that the CRM writes with the outcome is left out of training and scoring, and named with the reason."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.churn import CHURN
from models.expected_revenue import ExpectedRevenue, past_rows
from models.model import Challenger
from models.training.leakage_guard import LeakageGuard
from models.win import Win
from tests.models.small_company import simulated_company


def cases(rows: int = 1_000) -> pd.DataFrame:
    """Outcomes drawn by size; the reason is written with the outcome."""
    rng = np.random.default_rng(1)
    size = rng.normal(size=rows)
    won = (rng.random(rows) < 1 / (1 + np.exp(-size))).astype(float)
    reason = np.where(won > 0, rng.choice(["signed", "renewed"], rows), rng.choice(["price", "timing"], rows))
    return pd.DataFrame({"size": size, "reason": reason.astype(object), "won": won})


def test_a_leaking_feature_is_named_and_empty_in_every_row() -> None:
    rows = cases()
    guard = LeakageGuard.inspect(rows[["size", "reason"]], rows["won"].to_numpy(), seed=0)
    assert set(guard.reasons) == {"reason"}
    assert guard.summary.startswith("reason (one outcome only: ")
    read = guard.exclude(rows)
    assert read["reason"].isna().all()
    pd.testing.assert_series_equal(read["size"], rows["size"])
    assert rows["reason"].notna().all()


def test_features_of_one_column_are_left_out_together() -> None:
    rows = cases()
    derived = rows.assign(reason_win_rate=rows["won"] * 0.8 + 0.1)[["size", "reason", "reason_win_rate"]]
    guard = LeakageGuard.inspect(derived, rows["won"].to_numpy(), 0, same_column=[("reason", "reason_win_rate")])
    assert set(guard.reasons) == {"reason", "reason_win_rate"}


def test_an_honest_table_is_read_as_it_is() -> None:
    rows = cases().assign(reason="other")
    guard = LeakageGuard.inspect(rows[["size", "reason"]], rows["won"].to_numpy(), seed=0)
    assert guard.summary == "none"
    assert guard.exclude(rows) is rows


def test_a_champion_without_recorded_leaks_excludes_nothing() -> None:
    rows = cases()
    assert LeakageGuard.from_state(None).exclude(rows) is rows
    assert set(LeakageGuard.from_state({"size": "why"}).exclude(rows)["size"].isna()) == {True}


@pytest.fixture(scope="module")
def leaking() -> Company:
    """Deals whose source is written over with what came of them, as they close."""
    company = simulated_company(80, skill=0.3)
    deals = company.tables["opportunities"]
    written = {"won": "customer", "lost": "closed file"}
    source = ibis.cases(
        (deals.outcome == "won", written["won"]), (deals.outcome == "lost", written["lost"]), else_=deals.source
    )
    return replace(company, tables={**company.tables, "opportunities": deals.mutate(source=source)})


def test_the_win_model_neither_trains_nor_scores_on_a_column_that_is_written_with_the_outcome(leaking: Company) -> None:
    challenger = Win().train(leaking)
    assert isinstance(challenger, Challenger)
    assert set(challenger.excluded_features) == {"source", "source_win_rate"}
    assert challenger.state["excluded_features"] == challenger.excluded_features
    assert challenger.evaluation.metrics["auc"] < 0.8
    champion = challenger.as_champion("1")
    emptied = leaking.tables["opportunities"].mutate(source=ibis.null("string"))
    without = replace(leaking, tables={**leaking.tables, "opportunities": emptied})
    scores, scores_without = Win().score(leaking, champion), Win().score(without, champion)
    assert isinstance(scores, dict)
    assert isinstance(scores_without, dict)
    columns = ["opportunity_id", "value"]
    pd.testing.assert_frame_equal(scores["win"][columns], scores_without["win"][columns])


def test_the_win_model_excludes_nothing_of_an_honest_company() -> None:
    challenger = Win().train(simulated_company(80))
    assert isinstance(challenger, Challenger)
    assert challenger.excluded_features == {}


def test_a_column_without_history_is_examined_by_the_first_row_of_a_case_and_its_last_outcome() -> None:
    rows = cases()
    later = rows.assign(case=np.arange(len(rows)), employees=rows["won"] * 50 + rng_sizes(len(rows)))
    earlier = later.assign(won=0.0)
    both = pd.concat([earlier, later], ignore_index=True)
    features = ["size", "employees"]
    guard = LeakageGuard.inspect_undated(both, both["won"].to_numpy(), "case", features, seed=0)
    assert set(guard.reasons) == {"employees"}
    honest = both.assign(employees=rng_sizes(len(both)))
    assert LeakageGuard.inspect_undated(honest, both["won"].to_numpy(), "case", features, seed=0).reasons == {}


def rng_sizes(rows: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.default_rng(2).normal(100.0, 5.0, rows)


@pytest.fixture(scope="module")
def overwritten() -> Company:
    """Accounts whose segment is written over when they churn."""
    episodes = CHURN.episodes(simulated_company(500))
    churned = episodes.loc[episodes["event"].astype(bool), "account_id"].unique().tolist()
    company = simulated_company(500)
    accounts = company.tables["accounts"]
    segment = ibis.ifelse(accounts.account_id.isin(churned), "former customer", accounts.segment)
    return replace(company, tables={**company.tables, "accounts": accounts.mutate(segment=segment)})


def test_the_churn_model_neither_trains_nor_scores_on_a_segment_that_is_written_over(overwritten: Company) -> None:
    challenger = CHURN.train(overwritten)
    assert isinstance(challenger, Challenger)
    assert set(challenger.excluded_features) == {"segment"}
    assert challenger.state["excluded_features"] == challenger.excluded_features
    champion = challenger.as_champion("1")
    scores = CHURN.score(overwritten, champion)
    assert isinstance(scores, dict)
    honest = CHURN.score(simulated_company(500), champion)
    assert isinstance(honest, dict)
    pd.testing.assert_frame_equal(scores["churn"][["account_id", "value"]], honest["churn"][["account_id", "value"]])


def test_the_revenue_model_leaves_out_a_region_that_is_written_with_the_next_order() -> None:
    rows = past_rows(simulated_company(500))
    paid = rows.loc[rows["actual"] > 0, "account_id"].unique().tolist()
    company = simulated_company(500)
    accounts = company.tables["accounts"]
    region = ibis.ifelse(accounts.account_id.isin(paid), accounts.region, ibis.null("string"))
    leaking = replace(company, tables={**company.tables, "accounts": accounts.mutate(region=region)})
    challenger = ExpectedRevenue().train(leaking)
    assert isinstance(challenger, Challenger)
    assert set(challenger.excluded_features) == {"region"}
