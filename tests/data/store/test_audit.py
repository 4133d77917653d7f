"""What is wrong with a run's rows is found before any reader sees them, all of it at once."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from data.errors import StoreError
from data.outputs.catalogue import OUTPUTS
from data.store.publish import publish, record_stopped
from data.store.views import BASE_TABLES, Store, open_store, published_run_id, runs, view
from tests.data.store.scored import PUBLISHED_AT, STEPS, outputs, record, write


@pytest.fixture
def store(scores_url: str):
    with open_store(scores_url) as opened:
        yield opened


@pytest.fixture
def sqlite(tmp_path: Path):
    with open_store(f"sqlite:///{tmp_path / 'scores.db'}") as opened:
        yield opened


def refusal(store: Store, root: Path, frames: dict[str, pd.DataFrame]) -> str:
    """What publishing the frames says, when it is refused and leaves nothing behind."""
    with pytest.raises(StoreError) as caught:
        publish(store, record("bad"), write(root, "bad", frames), PUBLISHED_AT)
    assert published_run_id(store) != "bad"
    with store.reading() as connection:
        for table in BASE_TABLES.values():
            assert not connection.execute(table.select().where(table.c.run_id == "bad")).all()
    return str(caught.value)


def test_every_violated_rule_is_listed_with_its_rows_and_readers_keep_the_old_run(store: Store, tmp_path: Path) -> None:
    publish(store, record("good"), write(tmp_path, "good", outputs()), PUBLISHED_AT)
    frames = outputs()
    frames["account_scores"].loc[0, "churn"] = 1.5
    frames["account_scores"].loc[1, "upsell"] = -0.25
    frames["account_scores"].loc[2, "lifetime_value"] = None
    frames["account_scores"].loc[2, "expected_revenue"] = float("inf")
    frames["contact_scores"].loc[1, "send_abstained"] = None
    frames["contact_scores"].loc[0, "email_status"] = "maybe"
    frames["recommendations"].loc[1, "product_id"] = None
    frames["next_best_actions"].loc[2, "cost"] = None
    frames["campaign_targets"].loc[0, "consent_evidence"] = ""
    frames["revenue_forecast"].loc[0, "open_deals"] = 89.74
    message = refusal(store, tmp_path, frames)
    for sentence in (
        "account_scores: churn is at most 1 (1 rows, such as A001)",
        "account_scores: upsell is at least 0 (1 rows, such as A002)",
        "account_scores: a missing lifetime_value has a reason in lifetime_value_abstained (1 rows, such as A003)",
        "account_scores: expected_revenue is finite (1 rows, such as A003)",
        "contact_scores: a missing send_windows has a reason in send_abstained (1 rows, such as C2)",
        "contact_scores: email_status is one of valid, invalid, missing, bounced, unsubscribed (1 rows, such as C1)",
        "recommendations: a missing product_id has a reason in abstained (1 rows, such as account, A001, explore, 2)",
        "next_best_actions: cost is given (1 rows, such as A003)",
        "revenue_forecast: the components add up to the point (1 rows, such as total, month, 2026-04-01)",
        "campaign_targets: consent_evidence is given (1 rows, such as C1, K1)",
        "next_best_actions: an e-mail goes only to a contact with evidence of consent in campaign_targets"
        " (1 rows, such as A001)",
    ):
        assert f"  - {sentence}\n" in message
    assert published_run_id(store) == "good"
    assert view(store, "account_scores")["churn"].tolist() == [0.25] * 3
    record_stopped(store, record("bad"), message)
    assert runs(store).set_index("run_id")["status"].to_dict() == {"good": "published", "bad": "stopped"}


def test_an_email_to_nobody_or_to_a_contact_without_consent_is_refused(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["next_best_actions"].loc[:1, "channel"] = "email"
    frames["next_best_actions"].loc[0, "contact_id"] = "C2"
    message = refusal(sqlite, tmp_path, frames)
    assert "evidence of consent in campaign_targets (1 rows, such as A001)" in message
    assert "an e-mail names its contact (1 rows, such as A002)" in message


def test_an_email_to_a_contact_whose_consent_was_withdrawn_is_refused(store: Store, tmp_path: Path) -> None:
    frames = outputs()
    withdrawn = {"consent_status": "withdrawn", "consent_evidence": "withdrawn 2026-01-09 by the footer of an e-mail"}
    frames["campaign_targets"] = frames["campaign_targets"].assign(**withdrawn)
    message = refusal(store, tmp_path, frames)
    assert "campaign_targets: consent_status is one of granted (1 rows, such as C1, K1)" in message
    assert "evidence of consent in campaign_targets (1 rows, such as A001)" in message
    assert "consent_recorded_at" not in message


def test_an_account_in_the_holdout_must_wait_and_name_the_withheld_action(store: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["next_best_actions"]["holdout"] = [True, True, False]
    frames["next_best_actions"]["withheld_action"] = ["cross_sell_email", None, "renewal_call"]
    message = refusal(store, tmp_path, frames)
    assert "an account in the holdout waits (1 rows, such as A001)" in message
    assert "given in the holdout and nowhere else (2 rows, such as A002; A003)" in message
    frames["next_best_actions"]["holdout"] = [False, True, False]
    frames["next_best_actions"]["withheld_action"] = [None, "renewal_call", None]
    publish(store, record("good"), write(tmp_path, "good", frames), PUBLISHED_AT)
    assert view(store, "next_best_actions")["withheld_action"].fillna("").tolist() == ["", "renewal_call", ""]


def test_every_account_has_one_action_and_no_other_has_any(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs(accounts=4)
    frames["account_scores"] = frames["account_scores"].drop(index=3)
    frames["next_best_actions"] = frames["next_best_actions"].drop(index=[1, 2])
    message = refusal(sqlite, tmp_path, frames)
    assert "every account has a next best action (2 rows, such as A002; A003)" in message
    assert "every action is for an account that was scored (1 rows, such as A004)" in message


def test_two_actions_for_one_account_are_refused(store: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["next_best_actions"].loc[2, "account_id"] = "A001"
    message = refusal(store, tmp_path, frames)
    assert "next_best_actions has keys (account_id) missing or there more than once, such as A001 (2 rows)" in message


def test_a_row_without_its_key_is_refused(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["account_scores"].loc[2, "account_id"] = None
    assert "account_scores has keys (account_id) missing" in refusal(sqlite, tmp_path, frames)


def test_columns_must_be_those_of_data_scoring(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["kpis"] = frames["kpis"].drop(columns="unit").assign(currency="EUR", note="")
    assert "it lacks unit, has currency, has note" in refusal(sqlite, tmp_path, frames)


def test_a_value_of_another_type_is_refused(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["kpis"] = frames["kpis"].astype({"period": str}).assign(period="last month")
    assert "kpis holds a value of the wrong type" in refusal(sqlite, tmp_path, frames)


def test_lists_must_be_lists(sqlite: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["next_best_actions"].loc[0, "reasons"] = "because"
    frames["next_best_actions"].loc[1, "reasons"] = '{"because": 1}'
    assert "must hold JSON lists and do not: reasons in 2 rows" in refusal(sqlite, tmp_path, frames)


def test_each_output_is_written_by_one_step(sqlite: Store, tmp_path: Path) -> None:
    steps = write(tmp_path, "r1", outputs())
    without_report = [step for step in steps if step.name != "report"]
    with pytest.raises(StoreError, match="kpis is in none of them; kpi_definitions is in none of them; leaks is"):
        publish(sqlite, record("r1"), without_report, PUBLISHED_AT)
    with pytest.raises(StoreError, match="kpis is in report and report"):
        publish(sqlite, record("r1"), [*steps, *(s for s in steps if s.name == "report")], PUBLISHED_AT)
    assert {table for tables in STEPS.values() for table in tables} == {output.name for output in OUTPUTS}


def test_rows_changed_after_publishing_are_found_when_it_is_repeated(store: Store, tmp_path: Path) -> None:
    steps = write(tmp_path, "r1", outputs())
    publish(store, record("r1"), steps, PUBLISHED_AT)
    with store.writing() as connection:
        actions = BASE_TABLES["next_best_actions"]
        connection.execute(actions.delete().where(actions.c.account_id == "A002"))
    with pytest.raises(
        StoreError, match=r"3 rows in the lake, 2 in the scoring database(.|\n)*roll back to another run"
    ):
        publish(store, record("r1"), steps, PUBLISHED_AT)


def test_not_a_number_is_nothing_and_never_a_number(store: Store, tmp_path: Path) -> None:
    frames = outputs()
    frames["kpis"] = pd.DataFrame(
        {"kpi": ["mrr"], "period": [date(2026, 2, 1)], "slice": ["total"], "value": [float("nan")]}
    ).reindex(columns=list(frames["kpis"].columns))
    publish(store, record("r1"), write(tmp_path, "r1", frames), PUBLISHED_AT)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*), count(value) FROM kpis").one() == (1, 0)
