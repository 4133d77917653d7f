"""Which open deals will be won, how soon, and what they would bring."""

from collections.abc import Mapping, Sequence
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
from models.deals import scoring, win_model
from models.deals.competing_risks import EDGES, WinCurves
from models.deals.time_split import WIN_HORIZON_DAYS
from models.deals.win_trees import WIN_FEATURES_HASH
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.training.leakage_guard import LeakageGuard
from models.training.rows import STEP_DAYS

MAX_DEAL_DATES = 24
MIN_STAGE_WINS = 10
"""A stage with fewer won deals takes the share of its amount that a win keeps from all won deals."""

CLOSE_QUANTILES = {"expected_close": 0.5, "close_earliest": 0.1, "close_latest": 0.9}

DERIVED_FEATURES = (("stage", "stage_win_rate"), *FEATURES_OF_COLUMN.values())
"""Features that are derived from one column of a deal, which leak together."""

NO_ACCOUNT = "the deal names no account: give it one to have it scored"


@dataclass(frozen=True)
class Win:
    """The probability that an open deal is won: within 90 days, and in the end."""

    params: Params = field(default_factory=dict)
    name = "win"
    question = "Which open deals will be won within 90 days, and in the end, when, and for how much?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("opportunities",))
    tables: tuple[str, ...] = ("win", "win_curves")
    rows = "deals"
    features_hash = WIN_FEATURES_HASH

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on every deal that was open at past dates, closed since or not, without leaking features."""
        rows = _episodes(company)
        guard = _guard(rows, company.seed)
        challenger = win_model.train(guard.exclude(rows), company.as_of, company.seed, self.params)
        if isinstance(challenger, Abstention):
            return challenger
        late = late_columns(company)
        excluded = dict(guard.reasons)
        return replace(
            challenger,
            state={
                **challenger.state,
                "win_amounts": win_amounts(rows),
                "late_columns": late,
                "excluded_features": excluded,
            },
            params={**challenger.params, "columns read as of before closing": ", ".join(late) or "none"},
            excluded_features=excluded,
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test rows of a challenger."""
        return win_model.evaluate(champion, LeakageGuard.of_champion(champion).exclude(_episodes(company)))

    def study(self, company: Company) -> Study | Abstention:
        """The specification for cross-validation and tuning on the company's past."""
        rows = _episodes(company)
        return win_model.study(_guard(rows, company.seed).exclude(rows), company.seed)

    def with_params(self, params: Params) -> "Win":
        """The same model, with parameters that override the default ones."""
        return Win(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``win``: one row per open deal: the probability to be won, ``value`` within 90 days and ``eventually``, with
        bounds; ``expected_close``, the median day of a win, with the days between which 8 of 10 wins fall; and
        ``expected_amount`` of a win, not weighted with its probability. ``win_curves``: as ``_curve_rows``."""
        rows = _open_deals(company, [company.as_of])
        scores, curves = scoring.score(champion, LeakageGuard.of_champion(champion).exclude(rows), company.currency)
        close_days = {name: curves.win_day_quantile(share) for name, share in CLOSE_QUANTILES.items()}
        scores = scores.assign(
            **{
                name: [company.as_of + timedelta(days=round(number)) for number in days]
                for name, days in close_days.items()
            },
            expected_amount=_expected_amounts(rows, champion.state["win_amounts"]).to_numpy(),
        )
        frame = pd.concat([scores, _without_account(company)], ignore_index=True).reindex(columns=scores.columns)
        return {"win": frame, "win_curves": _curve_rows(rows["opportunity_id"], curves)}


def win_amounts(rows: pd.DataFrame) -> dict[str, Any]:
    """The final amount of won deals over the amount known before, by stage and overall; and their median amount, for
    deals without one (``None`` if no won deal has an amount)."""
    wins = rows[rows["won"]].drop_duplicates(["opportunity_id", "stage"])
    stages = wins["stage"].astype(object).where(wins["stage"].notna(), UNKNOWN)
    priced = wins.dropna(subset=["amount", "final_amount"])
    priced = priced[priced["amount"] > 0]
    kept = priced["final_amount"].groupby(stages).sum() / priced["amount"].groupby(stages).sum()
    counts = priced["amount"].groupby(stages).count()
    total = float(priced["amount"].sum())
    median = wins["final_amount"].median()
    return {
        "kept_by_stage": {str(stage): float(share) for stage, share in kept[counts >= MIN_STAGE_WINS].items()},
        "kept_overall": float(priced["final_amount"].sum()) / total if total > 0 else 1.0,
        "median_amount": None if pd.isna(median) else float(median),
    }


def _expected_amounts(rows: pd.DataFrame, amounts: Mapping[str, Any]) -> "pd.Series[float]":
    """The amount that each deal brings if it is won, from ``win_amounts`` of the past."""
    stages = rows["stage"].astype(object).where(rows["stage"].notna(), UNKNOWN)
    kept = [amounts["kept_by_stage"].get(stage, amounts["kept_overall"]) for stage in stages]
    expected = (rows["amount"] * pd.Series(kept, index=rows.index)).astype("float64")
    median = amounts["median_amount"]
    return (expected if median is None else expected.fillna(median)).round(2)


def _guard(rows: pd.DataFrame, seed: int) -> LeakageGuard:
    """Target leaks among the features of closed deals, as of the first date on which each was open."""
    closed = rows[rows["days"].notna()].drop_duplicates("opportunity_id")
    features = [feature.name for feature in (*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES)]
    outcomes = closed["won"].to_numpy(dtype="float64")
    return LeakageGuard.inspect(closed[features], outcomes, seed, same_column=DERIVED_FEATURES)


def _curve_rows(deals: pd.Series, curves: WinCurves) -> pd.DataFrame:
    """One row per deal and end of a period: the probability to be ``won``, and ``lost``, within the ``days`` to it."""
    won, lost = curves.win_incidence.at_knots, curves.loss_incidence.at_knots
    tables = [
        pd.DataFrame({"opportunity_id": deals, "days": days, "won": won[:, period], "lost": lost[:, period]})
        for period, days in enumerate(EDGES[1:])
    ]
    return pd.concat(tables, ignore_index=True).sort_values(["opportunity_id", "days"], ignore_index=True).round(6)


def _without_account(company: Company) -> pd.DataFrame:
    """One row per open deal without an account: no score, and why."""
    table = company.tables["opportunities"]
    unnamed = table.filter(table.account_id.isnull()).select("opportunity_id")
    spine = opportunity_spine(company, [company.as_of]).semi_join(unnamed, "opportunity_id")
    rows = spine.select("opportunity_id").order_by("opportunity_id").execute()
    return pd.DataFrame(rows).assign(horizon_days=WIN_HORIZON_DAYS, abstained=NO_ACCOUNT)


def _episodes(company: Company) -> pd.DataFrame:
    """One row per deal and past date on which it was open: features, ``days`` to its closing, ``won``, ``seen_days``,
    and its ``final_amount`` (today's)."""
    dates = _training_dates(company)
    rows = _open_deals(company, dates)
    ends = to_sorted_frame(
        deal_durations(company, opportunity_spine(company, dates), company.as_of_at), "opportunity_id"
    )
    rows = rows.merge(ends, on=["opportunity_id", "as_of"])
    table = company.tables["opportunities"]
    finals = table.select("opportunity_id", final_amount=table.amount).execute()
    rows = rows.merge(finals, on="opportunity_id", how="left")
    return rows.assign(won=rows["won"].astype(bool))


def _open_deals(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per open deal of a known account and date: its features.

    Deals may get their account only when they close, and today's account says nothing of the past: a missing account
    would reveal that the deal was not won. So deals without one neither train nor are scored.
    """
    table = company.tables["opportunities"]
    named = table.filter(table.account_id.notnull()).select("opportunity_id")
    features = opportunity_features(company, opportunity_spine(company, dates))
    return to_frame(features.semi_join(named, "opportunity_id").order_by("as_of", "opportunity_id"))


def _training_dates(company: Company) -> list[date]:
    """Past dates a month apart, oldest first, of which the first period at least is known.

    They reach back to the first known deal, which may precede the first sale by far.
    """
    first = company.tables["opportunities"].known_at.min().execute()
    if pd.isna(first):
        return []
    earliest = first.date() + timedelta(days=MIN_HISTORY_DAYS)
    days = (company.as_of - timedelta(days=EDGES[1] + STEP_DAYS * back) for back in range(MAX_DEAL_DATES))
    return sorted(day for day in days if day >= earliest)
