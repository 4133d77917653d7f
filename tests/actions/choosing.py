"""A night's choice for a company of literal rows: features are the real ones, scores are given."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from actions.decide import decide
from data.lake import Lake
from data.outputs.conform import conform
from data.outputs.score_tables import ACCOUNT_SCORES, CONTACT_SCORES, OPPORTUNITY_SCORES, RECOMMENDATIONS
from features.accounts.orders import order_features
from features.company import Company
from features.contacts.table import contact_features
from features.spine import account_spine, contact_spine

Rows = Sequence[Mapping[str, Any]]
SCORED = {table.name: table for table in (ACCOUNT_SCORES, CONTACT_SCORES, OPPORTUNITY_SCORES, RECOMMENDATIONS)}


class Choice:
    """What ``decide`` wrote."""

    def __init__(self, actions: pd.DataFrame, targets: pd.DataFrame) -> None:
        self.actions = actions
        self.targets = targets

    def of(self, account_id: str) -> dict[str, Any]:
        """The action of one account."""
        (row,) = self.actions[self.actions["account_id"] == account_id].to_dict("records")
        return {str(name): value for name, value in row.items()}


def chooser(root: Path) -> Callable[..., Choice]:
    """``choose(company, account_scores=[…], recommendations=[…], …)``; scores that are not given are empty tables."""
    lake = Lake(root)

    def choose(company: Company, **scores: Rows) -> Choice:
        run_id = f"run-{sum(1 for _ in root.glob('run-*'))}"
        with lake.write_step(run_id, "engineer") as draft:
            # Of the features of accounts only those of orders are looked at; the others would take a second a night.
            draft.write("accounts", order_features(company, account_spine(company, [company.as_of])))
            if company.has("contacts"):
                draft.write("contacts", contact_features(company, contact_spine(company, [company.as_of])))
            else:
                draft.write("contacts", pd.DataFrame())
        with lake.write_step(run_id, "score") as draft:
            for name, table in SCORED.items():
                rows = [{"expires_at": date(2030, 1, 1), **row} for row in scores.get(name, ())]
                draft.write(name, conform(pd.DataFrame(rows), table))
        with lake.write_step(run_id, "decide") as draft:
            decide(company, lake.step(run_id, "engineer"), lake.step(run_id, "score"), draft)
        step = lake.step(run_id, "decide")
        return Choice(step.frame("next_best_actions"), step.frame("campaign_targets"))

    return choose


@pytest.fixture
def choose(tmp_path: Path) -> Callable[..., Choice]:
    """The chooser as a fixture."""
    return chooser(tmp_path)
