"""Ten customers and their orders, no other table: models abstain, say why, and the night goes on."""

import json

from data.store.views import published_run_id, view
from models.registry import MODELS
from tests.flows import small_crm
from tests.flows.conftest import Night


def test_ten_customers_end_published_with_every_model_abstaining_for_a_stated_reason(small_night: Night) -> None:
    with small_night.store() as store:
        assert published_run_id(store) == small_night.run_id
        results = view(store, "model_results").set_index("model")
        scored = view(store, "account_scores")
    assert set(results.index) == {model.name for model in MODELS}
    assert results["version"].isna().all()
    for name in ("churn", "upsell", "expected_revenue", "recommend", "revenue"):
        assert "need" in results.loc[name, "abstained"]
        assert "does not have" not in results.loc[name, "abstained"]
    assert len(scored) == small_crm.CUSTOMERS
    assert scored["churn"].isna().all()
    assert scored["churn_abstained"].eq(results.loc["churn", "abstained"]).all()


def test_ten_customers_get_one_action_each_or_wait_with_a_reason(small_night: Night) -> None:
    with small_night.store() as store:
        chosen = view(store, "next_best_actions")
    assert sorted(chosen["account_id"]) == sorted(f"A{n}" for n in range(1, small_crm.CUSTOMERS + 1))
    assert chosen["reasons"].map(lambda reasons: len(json.loads(reasons)) > 0).all()


def test_a_fact_dated_in_the_future_costs_its_row_and_not_the_night(small_night: Night) -> None:
    with small_night.store() as store:
        kept_out = view(store, "quarantined")
        kpis = view(store, "kpis")
    future = kept_out[kept_out["reason"].str.contains("in the future")]
    assert future[["table_name", "rows"]].to_numpy().tolist() == [["orders", small_crm.DATED_IN_THE_FUTURE]]
    assert kpis["period"].max() < small_night.as_of


def test_models_without_their_tables_name_them(small_night: Night) -> None:
    with small_night.store() as store:
        results = view(store, "model_results").set_index("model")
        assert view(store, "contact_scores").empty
    assert results.loc["win", "abstained"] == "needs a table that the CRM does not have: opportunities"
    assert results.loc["send_time", "abstained"] == "needs a table that the CRM does not have: contacts; touches"
