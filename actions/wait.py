"""Leave the customer alone: what is done where nothing is worth more."""

import pandas as pd

from actions.action import Action, ActionInputs, Effect
from features.company import Company


class Wait(Action):
    """One candidate per account, of value and cost 0: any other action must earn ``Costs.hurdle`` above its cost."""

    name = "wait"
    description = "Leave the customer alone: what is done where nothing is worth more."
    needs = ("account_margins",)

    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Every account."""
        return inputs["account_margins"][["account_id", "owner_id"]]

    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """Nothing."""
        reason = f"nothing is worth {company.costs.hurdle:g} {company.currency} more than it costs"
        return Effect(pd.Series(0.0, index=rows.index), ([reason] * len(rows),))
