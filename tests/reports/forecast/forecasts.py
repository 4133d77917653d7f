"""Numbers of small companies, put together from an outlook and rates that the test states."""

import json
from typing import Any

import pandas as pd

from features.company import Company
from models.deals.competing_risks import EDGES
from models.revenue.assembly import Number, put_together
from models.revenue.period_grid import Pieces

RATES: dict[str, Any] = {
    "ends": 0.02,
    "grows": 0.0,
    "uplift": 0.0,
    "wins": {"": 0.3, "early": 0.2, "late": 0.6},
    "cycle": 60.0,
    "amount": 1_000.0,
    "once": {"": 0.5},
    "monthly": {"": 0.05},
    "repeats": [0.5] * 12,
    "fresh": [0.1] * 12,
}


def stated(company: Company, month: float = 3_000.0, weight: float = 0.4, **rates: Any) -> dict[str, pd.DataFrame]:
    """An outlook of one market in which every month brings the same, and past rates."""
    pieces, tables = Pieces.of(company.as_of), []
    for node in ("total", "all"):
        for grain, periods in (("month", pieces.months), ("week", pieces.weeks)):
            point = month if grain == "month" else month * 7 / 30.4375
            bounds = {f"{side}_{width}": point * (1 + sign * width / 200)
                      for width in (50, 80, 95) for side, sign in (("low", -1), ("high", 1))}  # fmt: skip
            rows = pd.DataFrame({"period": periods}).assign(point=point, **bounds)
            tables.append(rows.assign(tree="market", node=node, level=node, leaf=node == "all", grain=grain,
                                      maker="stated", notes=""))  # fmt: skip
    state = {"rates": RATES | rates, "weight": weight, "rhythm": [1.0] * 7}
    return {
        "revenue_outlook": pd.concat(tables, ignore_index=True),
        "revenue_rates": pd.DataFrame({"state": [json.dumps(state)], "label": ["revenue v1"]}),
    }


def number_of(company: Company, scores: dict[str, pd.DataFrame] | None = None, **told: Any) -> Number:
    """The number of a company by what is stated; ``scores`` are what other models say."""
    return put_together(company, {**stated(company, **told), **(scores or {})})


def won_by(key: str, chance: float, brings: float) -> dict[str, pd.DataFrame]:
    """What the model of deals says of one: the chance to be won in the end, evenly, and what it would bring then."""
    days = EDGES[1:]
    curve = pd.DataFrame({"opportunity_id": key, "days": days, "won": [chance * day / days[-1] for day in days]})
    return {"win": pd.DataFrame({"opportunity_id": [key], "expected_amount": [brings]}), "win_curves": curve}
