"""Which open deals will be won, how soon, and what they would bring."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.company import Company
from features.frames import to_frame, to_sorted_frame
from features.labels.deals import deal_durations
from features.opportunities.late_columns import late_columns
from features.opportunities.table import (
    FEATURES_OF_COLUMN,
    OPPORTUNITY_CATEGORIES,
    OPPORTUNITY_FEATURES,
    opportunity_features,
)
from features.revenue.dimensions import UNKNOWN
from features.spine import MIN_HISTORY_DAYS, opportunity_spine
from models.deals import win_model as deals
from models.deals.competing_risks import EDGES, Curves
from models.deals.time_split import HORIZON_DAYS
from models.deals.win_model import HASH
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.training.leakage_guard import LeakageGuard
from models.training.rows import STEP_DAYS

MOST_DATES = 24
FEWEST_WON = 10
"""Fewer won deals of a stage say less of what a win keeps of its amount than all won deals do."""

DERIVED_FEATURES = (("stage", "stage_win_rate"), *FEATURES_OF_COLUMN.values())
"""Features that are derived from one column of a deal, which leak together."""

UNNAMED = "the deal names no account: give it one to have it scored"


@dataclass(frozen=True)
class Win:
    """The chance that an open deal is won: within 90 days, and in the end."""

    params: Params = field(default_factory=dict)
    name = "win"
    question = "Which open deals will be won within 90 days, and in the end, when, and for how much?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("opportunities",))
    tables: tuple[str, ...] = ("win", "win_curves")
    rows = "deals"
    features_hash = HASH

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on every deal that was open at past dates, closed since or not, without leaking features."""
        rows = _past(company)
        guard = _guard(rows, company.seed)
        challenger = deals.train(guard.exclude(rows), company.as_of, company.seed, self.params)
        if isinstance(challenger, Abstention):
            return challenger
        late = late_columns(company)
        excluded = dict(guard.reasons)
        return replace(
            challenger,
            state={**challenger.state, "closing": closing(rows), "late_columns": late, "excluded_features": excluded},
            params={**challenger.params, "columns read as of before closing": ", ".join(late) or "none"},
            excluded_features=excluded,
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test rows of a challenger."""
        return deals.evaluate(champion, _champions_guard(champion).exclude(_past(company)))

    def study(self, company: Company) -> Study | Abstention:
        """How challengers are fitted and evaluated on the company's past."""
        rows = _past(company)
        return deals.study(_guard(rows, company.seed).exclude(rows), company.seed)

    def with_params(self, params: Params) -> "Win":
        """The same model, with parameters beside the usual ones."""
        return Win(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``win``: one row per open deal: ``value`` within 90 days, ``eventually`` in the end, each with bounds;
        ``expected_close``, the middle day of a win, with the days between which eight of ten wins would fall; and
        ``expected_amount``, what it would bring if it were won: not weighed with the chance.

        ``win_curves``: one row per open deal and number of days: chances to be ``won``, and ``lost``, within them.
        """
        rows = _rows(company, [company.as_of])
        scored, curves = deals.score(champion, _champions_guard(champion).exclude(rows), company.currency)
        days = {name: curves.days_to_win(share) for name, share in deals.CLOSES.items()}
        state: dict[str, Any] = champion.state["closing"]
        stages = rows["stage"].astype(object).where(rows["stage"].notna(), UNKNOWN)
        kept = pd.Series([state["kept"].get(stage, state["kept_of_all"]) for stage in stages], index=rows.index)
        amounts = (rows["amount"] * kept).fillna(state["amount"])
        scored = scored.assign(
            **{name: [company.as_of + timedelta(days=round(d)) for d in each] for name, each in days.items()},
            expected_amount=amounts.astype("float64").round(2).to_numpy(),
        )
        told = pd.concat([scored, _unnamed(company)], ignore_index=True).reindex(columns=scored.columns)
        return {"win": told, "win_curves": _curves(rows["opportunity_id"], curves)}


def closing(rows: pd.DataFrame) -> dict[str, Any]:
    """What a win brings: the share of the amount known before that it brought in the end, by stage, and of all; and the
    usual amount, for deals without one.
    """
    wins = rows[rows["won"]].drop_duplicates(["opportunity_id", "stage"])
    stages = wins["stage"].astype(object).where(wins["stage"].notna(), UNKNOWN)
    both = wins.dropna(subset=["amount", "final_amount"])
    both = both[both["amount"] > 0]
    shares = both["final_amount"].groupby(stages).sum() / both["amount"].groupby(stages).sum()
    counts = both["amount"].groupby(stages).count()
    known = float(both["amount"].sum())
    typical = wins["final_amount"].median()
    return {
        "kept": {str(stage): float(share) for stage, share in shares[counts >= FEWEST_WON].items()},
        "kept_of_all": float(both["final_amount"].sum()) / known if known > 0 else 1.0,
        "amount": None if pd.isna(typical) else float(typical),
    }


def _guard(rows: pd.DataFrame, seed: int) -> LeakageGuard:
    """Leaks of the outcome of closed deals into what was read of each at the first date on which it was open."""
    closed = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    features = [feature.name for feature in (*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES)]
    outcomes = closed["won"].to_numpy(dtype="float64")
    return LeakageGuard.inspect(closed[features], outcomes, seed, same_column=DERIVED_FEATURES)


def _champions_guard(champion: Champion) -> LeakageGuard:
    return LeakageGuard.from_state(champion.state.get("excluded_features"))


def _curves(keys: pd.Series, curves: Curves) -> pd.DataFrame:
    """One row per deal and end of a period: chances to be won, and lost, by then."""
    won, lost = curves.won.cumsum(axis=1), curves.lost.cumsum(axis=1)
    parts = [
        pd.DataFrame({"opportunity_id": keys, "days": days, "won": won[:, place], "lost": lost[:, place]})
        for place, days in enumerate(EDGES[1:])
    ]
    return pd.concat(parts, ignore_index=True).sort_values(["opportunity_id", "days"], ignore_index=True).round(6)


def _unnamed(company: Company) -> pd.DataFrame:
    """One row per open deal without an account: no score, and why."""
    table = company.tables["opportunities"]
    unnamed = table.filter(table.account_id.isnull()).select("opportunity_id")
    spine = opportunity_spine(company, [company.as_of]).semi_join(unnamed, "opportunity_id")
    rows = spine.select("opportunity_id").order_by("opportunity_id").execute()
    return pd.DataFrame(rows).assign(horizon_days=HORIZON_DAYS, abstained=UNNAMED)


def _past(company: Company) -> pd.DataFrame:
    """One row per deal and past date on which it was open: features, ``days`` to its end, ``won``, ``seen_days``, and
    the amount it has now."""
    dates = _dates(company)
    rows = _rows(company, dates)
    ends = to_sorted_frame(
        deal_durations(company, opportunity_spine(company, dates), company.as_of_at), "opportunity_id"
    )
    rows = rows.merge(ends, on=["opportunity_id", "as_of"])
    table = company.tables["opportunities"]
    finals = table.select("opportunity_id", final_amount=table.amount).execute()
    rows = rows.merge(finals, on="opportunity_id", how="left")
    return rows.assign(won=rows["won"].astype(bool))


def _rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per open deal of a known account and date: its features.

    A deal may be given its account as late as when it closes. Which account it has today is no history: were a deal
    without one learnt from, its missing account would tell that it was not won: it is neither learnt from nor scored.
    """
    table = company.tables["opportunities"]
    named = table.filter(table.account_id.notnull()).select("opportunity_id")
    features = opportunity_features(company, opportunity_spine(company, dates))
    return to_frame(features.semi_join(named, "opportunity_id").order_by("as_of", "opportunity_id"))


def _dates(company: Company) -> list[date]:
    """Past dates a month apart, oldest first: the latest lies one period back, so that something is known after each.

    Deals may be known long before any sale is.
    """
    first = company.tables["opportunities"].known_at.min().execute()
    if pd.isna(first):
        return []
    earliest = first.date() + timedelta(days=MIN_HISTORY_DAYS)
    days = (company.as_of - timedelta(days=EDGES[1] + STEP_DAYS * back) for back in range(MOST_DATES))
    return sorted(day for day in days if day >= earliest)
