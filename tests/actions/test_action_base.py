"""The base of actions: it abstains without its tables, and takes the best candidate of each account."""

import json
from typing import ClassVar

import pandas as pd

from actions.action import CANDIDATE_COLUMNS, Action, ActionInputs, Effect, best_per_account, json_sentences
from features.company import Company
from tests.features.company_builder import build_company


class Offer(Action):
    """Ten times the size of each row."""

    name = "offer"
    channel = "email"
    purpose = "marketing"
    description = "Offer."
    needs = ("sizes", "others")
    best_by: ClassVar[str | None] = "product_id"

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        return inputs["sizes"]

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        return Effect(rows["size"] * 10.0, (["large" if size > 1 else "" for size in rows["size"]], rows["product_id"]))


SIZES = pd.DataFrame({"account_id": ["B", "A", "A", "A"], "product_id": ["p", "r", "q", "s"], "size": [1, 2, 2, 1]})


def test_an_action_without_one_of_its_tables_has_no_candidates() -> None:
    company = build_company()
    for tables in ({}, {"sizes": SIZES}):
        rows = Offer().candidates(company, ActionInputs(tables))
        assert rows.empty
        assert list(rows.columns) == list(CANDIDATE_COLUMNS)


def test_the_best_candidate_of_each_account_counts_and_ties_go_to_the_smallest_id() -> None:
    company = build_company()
    rows = Offer().candidates(company, ActionInputs({"sizes": SIZES, "others": SIZES}))
    assert rows[["account_id", "product_id", "expected_value"]].values.tolist() == [["A", "q", 20.0], ["B", "p", 10.0]]
    assert set(rows["cost"]) == {company.costs.email}
    assert [json.loads(reasons) for reasons in rows["reasons"]] == [["large", "q"], ["p"]]
    best = best_per_account(SIZES.assign(expected_value=SIZES["size"]), "product_id")
    assert best["product_id"].tolist() == ["q", "p"]


def test_empty_sentences_are_left_out() -> None:
    assert json_sentences(["a", ""], ["", "b"]) == ['["a"]', '["b"]']
