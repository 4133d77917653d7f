"""Churn, upsell, repeat orders, expected revenue and wins of a company with planted probabilities."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.churn import CHURN
from models.customer_value.lifetime_value import lifetime_scores
from models.evaluation.cross_validation import Study, evaluate_fold
from models.evaluation.time_splits import rolling_origin_splits
from models.expected_revenue import ExpectedRevenue
from models.model import Abstention, Challenger, Champion, Model
from models.repeat_order import REPEAT_ORDER
from models.upsell import UPSELL
from models.win import Win
from tests.models.small_company import AS_OF, company_of, simulated_company

CUSTOMER_MODELS: tuple[Model, ...] = (CHURN, UPSELL, REPEAT_ORDER, ExpectedRevenue(), Win())
ACCOUNTS = 250
COLUMNS = {"value", "low", "high", "reasons", "horizon_days", "abstained"}


def champion_of(challenger: Challenger) -> Champion:
    return Champion(
        challenger.model,
        "1",
        challenger.evaluation.ships,
        challenger.estimator,
        json.loads(json.dumps(challenger.state, allow_nan=False)),
        challenger.features_hash,
        challenger.trained_as_of,
    )


@pytest.fixture(scope="module")
def company() -> Company:
    return simulated_company(ACCOUNTS)


@pytest.fixture(scope="module")
def ten_customers() -> Company:
    return simulated_company(accounts=10)


@pytest.fixture(scope="module")
def no_facts() -> Company:
    return company_of({}, date(2025, 1, 1))


@pytest.fixture(scope="module")
def challengers(company: Company) -> dict[str, Challenger]:
    trained = {model.name: model.train(company) for model in CUSTOMER_MODELS}
    return {name: challenger for name, challenger in trained.items() if isinstance(challenger, Challenger)}


@pytest.fixture(scope="module")
def frames(company: Company, challengers: dict[str, Challenger]) -> dict[str, pd.DataFrame]:
    frames: dict[str, pd.DataFrame] = {}
    for model in CUSTOMER_MODELS:
        scores = model.score(company, champion_of(challengers[model.name]))
        assert not isinstance(scores, Abstention)
        frames |= scores
    return frames | {"lifetime_value": lifetime_scores(frames["expected_revenue"], frames["churn"], "EUR")}


@pytest.fixture(scope="module")
def a_month_back(company: Company) -> tuple[Company, Company]:
    """The company of a month ago, and today's company without the facts since then."""
    then = AS_OF - timedelta(days=30)
    cut = {name: table.execute() for name, table in company.tables.items() if company.has(name)}
    return simulated_company(ACCOUNTS, as_of=then), company_of(
        {name: rows.drop(columns="known_at") for name, rows in cut.items()}, then
    )


@pytest.mark.parametrize("model", CUSTOMER_MODELS, ids=lambda model: model.name)
def test_planted_skill_beats_the_baseline(model: Model, challengers: dict[str, Challenger]) -> None:
    evaluation = challengers[model.name].evaluation
    assert evaluation.ships == "model"
    assert evaluation.value < evaluation.baseline_value


def test_churn_ranks_accounts_that_leave_first(challengers: dict[str, Challenger]) -> None:
    metrics = challengers["churn"].evaluation.metrics
    assert metrics["auc"] > 0.75
    assert metrics["auc"] > metrics["baseline auc"]


@pytest.mark.parametrize("table", ["churn", "upsell", "repeat", "expected_revenue", "lifetime_value", "win"])
def test_every_score_has_bounds_around_it_and_reasons_or_an_abstention(
    frames: dict[str, pd.DataFrame], table: str
) -> None:
    frame = frames[table]
    key = "opportunity_id" if table == "win" else "account_id"
    assert frame[key].is_unique
    assert set(frame.columns) >= {key, *COLUMNS}
    assert (frame["value"].isna() == frame["abstained"].notna()).all()
    scored = frame.dropna(subset=["value"])
    assert ((scored["low"] <= scored["value"]) & (scored["value"] <= scored["high"])).all()
    assert all(1 <= len(json.loads(reasons)) <= 3 for reasons in scored["reasons"])
    if table in ("churn", "upsell", "repeat"):
        assert (scored["within_30"] <= scored["value"]).all()
        assert (scored["value"] <= scored["within_180"]).all()
    if table in ("churn", "upsell", "repeat", "win"):
        assert scored["low"].ge(0).all()
        assert scored["high"].le(1).all()
    else:
        assert scored["low"].ge(0).all()


def test_every_customer_is_in_every_account_frame(frames: dict[str, pd.DataFrame]) -> None:
    for table in ("churn", "upsell", "expected_revenue", "lifetime_value"):
        assert list(frames[table]["account_id"]) == list(frames["upsell"]["account_id"])


def test_a_churned_account_has_no_churn_probability(company: Company, frames: dict[str, pd.DataFrame]) -> None:
    orders = company.tables["orders"].select("account_id", "ordered_at").execute()
    last = orders.groupby("account_id")["ordered_at"].max()
    inactive = set(last.index[last < pd.Timestamp(AS_OF) - pd.Timedelta(days=366)])
    churn = frames["churn"].set_index("account_id")
    assert inactive
    assert churn.loc[sorted(inactive), "abstained"].str.contains("it has left already").all()


def test_intervals_of_expected_revenue_hold_their_share(challengers: dict[str, Challenger]) -> None:
    metrics = challengers["expected_revenue"].evaluation.metrics
    assert 0.65 < metrics["interval coverage"] < 0.95
    assert 0.7 < metrics["total expected over actual"] < 1.3


def test_a_churned_account_is_worth_a_quarter_of_its_expected_revenue_and_no_more(
    frames: dict[str, pd.DataFrame],
) -> None:
    """No churned account comes back in this company."""
    left = frames["churn"].set_index("account_id")["abstained"].notna()
    quarter = frames["expected_revenue"].set_index("account_id")["value"]
    lifetime = frames["lifetime_value"].set_index("account_id")["value"]
    assert 0 < left.sum() < len(left)
    assert (lifetime[left] == quarter[left]).all()
    assert (lifetime[~left] > quarter[~left]).all()
    assert quarter[left].sum() < 0.01 * quarter.sum()


@pytest.fixture(scope="module")
def lapsed_company() -> Company:
    """Large customers that order every ten days, and many small ones that slept for a year before one in twenty-five
    of them orders in a quarter, for 100."""
    rng = np.random.default_rng(8)
    lines = [
        (f"large-{n:02}", float(day), 900 + 200 * rng.random()) for n in range(60) for day in range(n % 10, 731, 10)
    ]
    lines += [(f"small-{n:03}", float(n % 20), 100.0) for n in range(400)]
    lines += [
        (f"small-{n:03}", day, 100.0) for n in range(400) for day in (400 + rng.exponential(90 * 25),) if day < 731
    ]
    orders = pd.DataFrame(lines, columns=["account_id", "day", "amount"])
    orders = orders.assign(
        ordered_at=pd.Timestamp(2023, 1, 1) + pd.to_timedelta(orders["day"], "D"), order_id=orders.index.astype(str)
    )
    orders = orders.assign(line_id="1", product_id="P", quantity=1.0, status="placed")
    names = pd.DataFrame({"account_id": orders["account_id"].unique()})
    return company_of({"accounts": names, "products": pd.DataFrame({"product_id": ["P"]}), "orders": orders}, AS_OF)


def test_expected_revenue_of_lapsed_accounts_is_right_in_total_and_above_a_floor(lapsed_company: Company) -> None:
    challenger = ExpectedRevenue().train(lapsed_company)
    assert isinstance(challenger, Challenger)
    scored = ExpectedRevenue().score(lapsed_company, replace(champion_of(challenger), ships="model"))
    assert not isinstance(scored, Abstention)
    expected = scored["expected_revenue"].set_index("account_id")["value"]
    orders = lapsed_company.tables["orders"].select("account_id", "ordered_at").execute()
    last = orders.groupby("account_id")["ordered_at"].max()
    asleep = last.index[last < pd.Timestamp(AS_OF) - pd.Timedelta(days=366)]
    truth = len(asleep) / 25 * 100.0
    assert expected[asleep].sum() == pytest.approx(truth, rel=0.5)
    assert expected[asleep].min() > 0.3 * expected[asleep].mean()  # which of them return is not predictable
    assert challenger.state["shrinkage"]["weight"] >= 0.5


def test_a_lifetime_value_lies_between_a_quarter_and_three_undiscounted_years(
    frames: dict[str, pd.DataFrame],
) -> None:
    quarter = frames["expected_revenue"].set_index("account_id")["value"]
    lifetime = frames["lifetime_value"].set_index("account_id")["value"]
    assert (lifetime >= quarter - 0.01).all()
    assert (lifetime <= 1095 / 90 * quarter + 0.01).all()
    year = frames["lifetime_value"].set_index("account_id")["lifetime_value_12"]
    assert ((quarter - 0.01 <= year) & (year <= lifetime + 0.01)).all()


def test_the_expected_amount_of_a_deal_grows_as_amounts_of_won_deals_did(
    company: Company, frames: dict[str, pd.DataFrame]
) -> None:
    """Every amount was planted to grow by a tenth until the deal closes."""
    amounts = company.tables["opportunities"].select("opportunity_id", "amount").execute()
    both = frames["win"].merge(amounts, on="opportunity_id")
    assert (both["expected_amount"] / both["amount"]).median() == pytest.approx(1.0, abs=0.01)
    assert both["expected_close"].between(AS_OF, AS_OF + timedelta(days=90)).all()


def test_only_open_deals_are_scored(company: Company, frames: dict[str, pd.DataFrame]) -> None:
    deals = company.tables["opportunities"].select("opportunity_id", "closed_at").execute()
    assert set(frames["win"]["opportunity_id"]) == set(deals.loc[deals["closed_at"].isna(), "opportunity_id"])


def test_random_outcomes_of_deals_ship_the_base_rate() -> None:
    company = simulated_company(ACCOUNTS, skill=0.0)
    challenger = Win().train(company)
    assert isinstance(challenger, Challenger)
    assert challenger.evaluation.ships == "baseline"
    frame = Win().score(company, champion_of(challenger))
    assert not isinstance(frame, Abstention)
    assert frame["win"]["value"].between(0.35, 0.65).all()


@pytest.mark.parametrize("model", CUSTOMER_MODELS[:-1], ids=lambda model: model.name)  # their 60 deals suffice
def test_ten_customers_abstain_with_what_is_needed(model: Model, ten_customers: Company) -> None:
    outcome = model.train(ten_customers)
    assert isinstance(outcome, Abstention)
    assert outcome.reason.startswith("needs")


@pytest.mark.parametrize("model", CUSTOMER_MODELS, ids=lambda model: model.name)
def test_a_company_without_facts_abstains(model: Model, no_facts: Company) -> None:
    outcome = model.train(no_facts)
    assert isinstance(outcome, Abstention)
    assert outcome.model == model.name


@pytest.mark.parametrize("model", CUSTOMER_MODELS, ids=lambda model: model.name)
def test_later_facts_change_no_score(
    model: Model, a_month_back: tuple[Company, Company], challengers: dict[str, Challenger]
) -> None:
    champion = champion_of(challengers[model.name])
    then, without_later = (model.score(company, champion) for company in a_month_back)
    assert not isinstance(then, Abstention)
    assert not isinstance(without_later, Abstention)
    for table in model.tables:
        pd.testing.assert_frame_equal(then[table], without_later[table])


def test_expected_revenue_is_cross_validated_by_date_and_tuned(company: Company) -> None:
    study = ExpectedRevenue().study(company)
    assert isinstance(study, Study)
    learn, day = rolling_origin_splits(study.dates, study.horizon_days, 1)[0]
    fold, _ = evaluate_fold(study, learn, day, {})
    assert fold.metrics["Tweedie deviance"] > 0
    assert fold.metrics["mean absolute error"] > 0
    few, _ = evaluate_fold(study, learn, day, {"trees": 1, "learning_rate": 0.01})
    assert few.metrics["Tweedie deviance"] != fold.metrics["Tweedie deviance"]
    tuned = ExpectedRevenue().with_params({"trees": 40}).train(company)
    assert isinstance(tuned, Challenger)
    assert tuned.tuned_params == {"trees": 40}
    assert tuned.estimator.num_trees() == 40
