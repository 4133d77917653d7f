"""Which open deals will be won within 90 days, when they would close, and what they would bring."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.company import Company
from features.feature import features_hash
from features.labels import won
from features.opportunities import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES, opportunity_features
from features.spine import HISTORY_DAYS, opportunity_spine
from models import propensity
from models.baseline import UNKNOWN, Bands
from models.history import EVERY_DAYS, MOST_DATES, dated, labels
from models.model import Abstention, Challenger, Champion, Judgement
from models.study import Params, Study

HORIZON_DAYS = 90
FEWEST_WON = 10
"""Fewer won deals of a stage say less of its days to closing than all won deals do."""

UNNAMED = "the deal names no account: give it one to have it scored"

HASH = features_hash((*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES))

TASK = propensity.Task(
    model="win",
    key="opportunity_id",
    outcome=f"were won within {HORIZON_DAYS} days",
    horizon_days=HORIZON_DAYS,
    features=OPPORTUNITY_FEATURES,
    categories=OPPORTUNITY_CATEGORIES,
    features_hash=HASH,
    bands=Bands("stage", (), "Stage"),
    raises="raises the chance to win",
    lowers="lowers the chance to win",
)


class Win:
    """The chance that an open deal is won within 90 days."""

    name = "win"
    question = "Which open deals will be won within 90 days, when, and for how much?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("opportunities",))
    tables: tuple[str, ...] = ("win",)
    features_hash = HASH

    def __init__(self, params: Params | None = None) -> None:
        self.params = dict(params or {})

    def with_params(self, params: Params) -> "Win":
        """The same model, whose challengers are trained with parameters beside the usual ones."""
        return Win(params)

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on every deal that was open at past dates."""
        rows = _past(company)
        challenger = propensity.learn(TASK, propensity.Past(rows), company.as_of, company.seed, self.params)
        if isinstance(challenger, Challenger):
            challenger.state["closing"] = closing(rows)
        return challenger

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on past dates."""
        return propensity.study(TASK, propensity.Past(_past(company)), company.seed)

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """The champion on the dates that judge a challenger."""
        return propensity.judge(TASK, champion, propensity.Past(_past(company)))

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``win``: one row per open deal; with ``expected_close``, the day on which it would be won, and
        ``expected_amount``, what it would bring if it were: not weighed with the chance.
        """
        rows = _rows(company, [company.as_of])
        scored = propensity.score(TASK, champion, rows, company.currency)
        state: dict[str, Any] = champion.state["closing"]
        stages = rows["stage"].astype(object).where(rows["stage"].notna(), UNKNOWN)
        days = [state["days"].get(stage, state["days_of_all"]) for stage in stages]
        amounts = (rows["amount"] * state["kept"]).fillna(state["amount"])
        scored = scored.assign(
            expected_close=[company.as_of + timedelta(days=round(d)) for d in days],
            expected_amount=amounts.astype("float64").round(2).to_numpy(),
        )
        return {"win": pd.concat([scored, _unnamed(company)], ignore_index=True).reindex(columns=scored.columns)}


def closing(rows: pd.DataFrame) -> dict[str, Any]:
    """How won deals closed: middle days from each stage to the win, what a win brings, and the share of the amount
    known before that it brought in the end.
    """
    wins = rows[rows["outcome"]]
    stages = wins["stage"].astype(object).where(wins["stage"].notna(), UNKNOWN)
    days = wins["days_to_close"].groupby(stages).agg(["median", "size"])
    both = wins.dropna(subset=["amount", "final_amount"])
    known = float(both["amount"].sum())
    typical = wins["final_amount"].median()
    return {
        "days": {
            str(k): float(d)
            for k, d, n in zip(days.index, days["median"], days["size"], strict=True)
            if n >= FEWEST_WON
        },
        "days_of_all": float(wins["days_to_close"].median()),
        "kept": float(both["final_amount"].sum()) / known if known > 0 else 1.0,
        "amount": None if pd.isna(typical) else float(typical),
    }


def _unnamed(company: Company) -> pd.DataFrame:
    """One row per open deal without an account: no score, and why."""
    deals = company.tables["opportunities"]
    unnamed = deals.filter(deals.account_id.isnull()).select("opportunity_id")
    spine = opportunity_spine(company, [company.as_of]).semi_join(unnamed, "opportunity_id")
    rows = spine.select("opportunity_id").order_by("opportunity_id").execute()
    return pd.DataFrame(rows).assign(horizon_days=HORIZON_DAYS, abstained=UNNAMED)


def _past(company: Company) -> pd.DataFrame:
    """One row per deal and past date on which it was open: features, ``outcome``, and how and when it ended."""
    dates = _dates(company)
    spine = opportunity_spine(company, dates)
    rows = _rows(company, dates)
    ends = labels(won(company, spine, HORIZON_DAYS, company.as_of_at), "opportunity_id")
    rows = rows.merge(ends.rename(columns={"won": "outcome"}), on=["opportunity_id", "as_of"])
    deals = company.tables["opportunities"]
    finals = deals.select("opportunity_id", "closed_at", final_amount=deals.amount).execute()
    rows = rows.merge(finals, on="opportunity_id", how="left")
    days = (rows["closed_at"] - pd.to_datetime(rows["as_of"])).dt.total_seconds() / 86400
    return rows.assign(outcome=rows["outcome"].astype(bool), days_to_close=days)


def _rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per open deal of a known account and date: its features.

    A deal may be given its account as late as when it closes. Which account it has today is no history: were a deal
    without one learnt from, its missing account would tell that it was not won: it is neither learnt from nor scored.
    """
    deals = company.tables["opportunities"]
    named = deals.filter(deals.account_id.notnull()).select("opportunity_id")
    features = opportunity_features(company, opportunity_spine(company, dates))
    return dated(features.semi_join(named, "opportunity_id").order_by("as_of", "opportunity_id"))


def _dates(company: Company) -> list[date]:
    """Past dates whose windows are over, a month apart, oldest first; deals may be known long before any sale is."""
    first = company.tables["opportunities"].known_at.min().execute()
    if pd.isna(first):
        return []
    earliest = first.date() + timedelta(days=HISTORY_DAYS)
    latest = company.as_of - timedelta(days=HORIZON_DAYS)
    days = (latest - timedelta(days=EVERY_DAYS * back) for back in range(MOST_DATES))
    return sorted(day for day in days if day >= earliest)
