"""Responses to actions proposed in earlier nights."""

import numpy as np
import pandas as pd

from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.population import Population

ACTIONS = ("renewal_call", "upsell_offer", "cross_sell_email", "win_back_email", "advance_deal")
RESPONSES, RESPONSE_SHARES = ("accepted", "done", "dismissed", "overridden"), (0.35, 0.25, 0.2, 0.2)


def responses_table(population: Population, history: History, seed: int) -> pd.DataFrame:
    """One row per response of the last weeks; an overridden action stays suppressed until a later day."""
    rng = np.random.default_rng([seed, 19])
    count = max(3, round(population.count / 60))
    account = np.sort(rng.choice(population.count, count, replace=False))
    days_ago = rng.integers(2, 40, count)
    day = len(history.days) - 1 - (np.array(history.day_starts)[::-1] <= history.until).argmax() - days_ago
    action = rng.integers(0, len(ACTIONS), count)
    response = rng.choice(len(RESPONSES), count, p=RESPONSE_SHARES)
    responded_at = history.day_starts[day] + 10 * 3600 + rng.integers(0, 6 * 3600, count)
    overridden = response == RESPONSES.index("overridden")
    until = np.where(overridden, responded_at + rng.integers(20, 120, count) * DAY, NEVER)
    return pd.DataFrame(
        {
            "action_id": [
                f"{history.days[d]}:A{a:06d}:{ACTIONS[c]}" for d, a, c in zip(day, account, action, strict=True)
            ],
            "responded_at": timestamp_column(responded_at),
            "actor": id_column("O", population.owner[account], 4),
            "response": category_column(RESPONSES, response),
            "reason": category_column((None, None, "not now", "in talks already"), response),
            "until": timestamp_column(until),
        }
    )
