"""Leave the customer alone: what is done where nothing is worth more."""

import pandas as pd

from actions.action import Scores, as_candidates, sentences
from features.company import Company


class Wait:
    """Worth nothing and costs nothing, so that everything else must bring ``Costs.hurdle`` more than it costs."""

    name = "wait"
    channel: str | None = None
    purpose: str | None = None
    minutes = 0.0
    describes = "Leave the customer alone: what is done where nothing is worth more."

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """One row per account."""
        worth = scores.get("worth")
        if worth is None:
            return as_candidates(pd.DataFrame())
        rows = worth[["account_id", "owner_id"]]
        says = f"nothing is worth {company.costs.hurdle:g} {company.currency} more than it costs"
        return as_candidates(rows.assign(expected_value=0.0, cost=0.0, reasons=sentences([says] * len(rows))))
