"""What an account will bring in 90 days, and what it is worth over three years.

Trees move what an account brings now (``models.customer_value.tweedie_trees``); the trailing mean is both where they begin and the
baseline. The interval holds the revenue of eight out of ten past accounts that were expected to bring about as much,
measured out of time. A lifetime value is a formula on top (``models.customer_value.lifetime_value``).
"""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.arrays import Floats
from features.accounts.lifecycle import MIN_INACTIVITY_DAYS, account_status, fix_inactivity_days
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.feature import features_hash, form
from features.frames import to_frame, to_sorted_frame
from features.labels.revenue import future_revenue
from features.spine import account_spine
from models.customer_value.lifetime_value import WINDOW_DAYS
from models.customer_value.tweedie_trees import (
    PARAMETERS,
    Expectation,
    Gone,
    Outs,
    trailing,
    trailing_mean,
    tweedie_losses,
    what_came,
)
from models.estimators.explanations import Explainer, Phrasing, as_json, tree_contributions, typical_values
from models.estimators.gradient_boosting import N_TREES, PARAMS, Encoding
from models.estimators.prediction_intervals import RatioIntervals
from models.evaluation.cross_validation import FittedModel, Params, Range, Study
from models.evaluation.importance import gain_importance
from models.evaluation.time_splits import TimeSplit, split_dates
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.training.rows import account_rows, training_dates

HORIZON_DAYS = WINDOW_DAYS
SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 31, log_scale=True, integer=True),
    "learning_rate": Range(0.01, 0.1, log_scale=True),
    "min_data_in_leaf": Range(10, 200, log_scale=True, integer=True),
    "lambda_l2": Range(0.1, 50.0, log_scale=True),
    "trees": Range(40, 300, log_scale=True, integer=True),
}
"""What a tuning may change."""

FEWEST_ROWS = 50
FEWEST_PAYING = 20


METRIC = "Tweedie deviance"

HASH = features_hash((*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES, form(2)))


@dataclass(frozen=True)
class ExpectedRevenue:
    """Revenue that an account brings within 90 days."""

    params: Params = field(default_factory=dict)
    name = "expected_revenue"
    question = "What will each account bring in 90 days?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("expected_revenue",)
    rows = "accounts"
    features_hash = HASH

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger on every customer of past dates, judged on the latest."""
        rows = _past(company)
        parts = _split(rows)
        if isinstance(parts, Abstention):
            return parts
        judged, seed, tuned = _at(rows, parts.test), company.seed, dict(self.params)
        made, plain = Expectation.of(_at(rows, parts.train), seed, tuned), trailing_mean(_at(rows, parts.train))
        before = []
        if parts.fit:
            later = _at(rows, parts.calibration)
            before = [(Expectation.of(_at(rows, parts.fit), seed, tuned).expect(later), later)]
        outs = [*before, (made.expect(judged), judged)]
        made, final = made.put_right(before), Expectation.of(rows, seed, tuned).put_right(outs)
        state = {
            "horizon_days": HORIZON_DAYS,
            "encoding": final.encoding.state(),
            "floor": final.floor,
            "gone": asdict(final.gone),
            "spread": _spreads(outs, final.gone).state(),
            "baseline_spread": _spreads([(plain.expect(judged), judged)], Gone()).state(),
            "usual": typical_values(rows, ACCOUNT_FEATURES),
        }
        expected = made.expect(judged)
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=final.booster,
            state=state,
            evaluation=_judgement(judged, expected, plain, _held(expected, judged, before)),
            features_hash=HASH,
            example=final.encoding.encode(rows.head(5)),
            params={**PARAMS, **PARAMETERS, "trees": N_TREES, **tuned, "seed": seed, "horizon_days": HORIZON_DAYS},
            figures=LazyFigures({"expected and came": lambda: _picture(expected, what_came(judged), company.currency)}),
            trained_as_of=company.as_of,
            rows=len(rows),
            tuned_params=tuned,
        )

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past; accounts that are gone are not put right here."""
        rows = _past(company)
        parts = _split(rows)
        if isinstance(parts, Abstention):
            return parts

        def fitted(learnt: pd.DataFrame, params: Params) -> FittedModel:
            made = Expectation.of(learnt, company.seed, params)
            return FittedModel(made.expect, {} if made.booster is None else gain_importance(made.booster))

        return Study(
            key="account_id",
            rows=rows,
            horizon_days=HORIZON_DAYS,
            test_dates=parts.test,
            metric=METRIC,
            fit=fitted,
            losses=lambda said, judged: tweedie_losses(said, what_came(judged)),
            metrics=lambda said, judged: {"mean absolute error": float(np.abs(said - what_came(judged)).mean())},
            predict_baseline=lambda learnt, judged: trailing_mean(learnt).expect(judged),
            space=SPACE,
            feature_labels={feature.name: feature.description for feature in (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES)},
        )

    def with_params(self, params: Params) -> "ExpectedRevenue":
        """The same model, with parameters beside the usual ones."""
        return ExpectedRevenue(params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """What the champion ships, on the rows that judge a challenger; NaN for rows that it has learnt from."""
        rows = _past(company)
        parts = _split(rows)
        if isinstance(parts, Abstention):
            return parts
        judged = _at(rows, parts.test)
        seen = (judged["as_of"] < champion.trained_as_of).to_numpy()
        return _judgement(judged, _champions(champion).expect(judged), trailing_mean(_at(rows, parts.train)), {}, seen)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``expected_revenue``: one row per customer, in the reporting currency."""
        rows = _today(company)
        made, state = _champions(champion), champion.state
        expected = made.expect(rows)
        plain = champion.ships == "baseline"
        gone = rows["gone"].to_numpy(dtype=bool)
        low, high = RatioIntervals.from_state(state["baseline_spread" if plain else "spread"]).interval(expected, gone)
        ends = (": expected to go on, nothing known foresees better" if plain else "", "; it has left already")
        begins = [
            f"Brought {now:,.0f} {company.currency} per {HORIZON_DAYS} days lately{ends[int(left)]}"
            for now, left in zip(trailing(rows), gone, strict=True)
        ]
        moved = [[]] * len(rows) if plain or rows.empty else _moved(champion, rows, company.currency)
        why = [[begin, *more[:2]] for begin, more in zip(begins, moved, strict=True)]
        return {"expected_revenue": _frame(rows, expected, low, high, why, HORIZON_DAYS)}


def _champions(champion: Champion) -> Expectation:
    """The champion as it ships. Raises ``ValueError`` when it was made on other features than today's."""
    champion.check(HASH)
    state = champion.state
    booster = None if champion.ships == "baseline" else champion.estimator
    encoding = Encoding.from_state(state["encoding"])
    return Expectation(booster, encoding, state["floor"], Gone(**state["gone"]))


def _past(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, the revenue that ``came`` (at least 0), and whether it was
    ``gone`` already."""
    dates = training_dates(company, HORIZON_DAYS)
    spine = account_spine(company, dates)
    rows = account_rows(company, dates)
    money = to_sorted_frame(future_revenue(company, spine, HORIZON_DAYS, company.as_of_at), "account_id")
    risk = to_sorted_frame(account_status(fix_inactivity_days(company), spine, MIN_INACTIVITY_DAYS), "account_id")
    rows = rows.merge(money[["account_id", "as_of", "revenue"]], on=["account_id", "as_of"])
    rows = rows.merge(risk[["account_id", "as_of", "active"]], on=["account_id", "as_of"])
    came, gone = rows["revenue"].clip(lower=0.0), ~rows["active"].astype(bool)
    return rows.assign(came=came, gone=gone).drop(columns=["revenue", "active"])


def _today(company: Company) -> pd.DataFrame:
    """One row per customer: features as of today, and whether it is ``gone``."""
    rows = account_rows(company, (company.as_of,))
    risk = to_frame(account_status(company, account_spine(company, (company.as_of,)), MIN_INACTIVITY_DAYS))
    return rows.assign(gone=~rows["account_id"].isin(risk.loc[risk["active"].astype(bool), "account_id"]))


def _split(rows: pd.DataFrame) -> TimeSplit | Abstention:
    """The parts of the past, or what it lacks."""
    dates = sorted(rows["as_of"].unique())
    parts = split_dates(dates, HORIZON_DAYS)
    if parts is None:
        why = f"needs {2 * HORIZON_DAYS} days of sales to learn on some and be judged on later ones"
        return Abstention(ExpectedRevenue.name, f"{why}; found {len(dates)} past dates")
    learnt, judged = _at(rows, parts.train), _at(rows, parts.test)
    paying = min(int((learnt["came"] > 0).sum()), int((judged["came"] > 0).sum()))
    could_leave = int((~learnt["gone"]).sum())
    if could_leave < FEWEST_ROWS or paying < FEWEST_PAYING:
        why = f"needs {FEWEST_PAYING} accounts that bring money after a past date, before a judged one and after it"
        return Abstention(
            ExpectedRevenue.name, f"{why}; found {paying} among {could_leave} past cases that were not gone"
        )
    return parts


def _at(rows: pd.DataFrame, dates: tuple[date, ...]) -> pd.DataFrame:
    return rows[rows["as_of"].isin(dates)]


def _spreads(outs: Outs, gone: Gone) -> RatioIntervals:
    """Of what came around what was expected, once what was expected of accounts that are gone is put right."""
    rows = pd.concat([rows for _, rows in outs], ignore_index=True)
    expected = gone.right(np.concatenate([expected for expected, _ in outs]), rows)
    return RatioIntervals.fit(expected, what_came(rows), rows["gone"].to_numpy(dtype=bool))


def _held(expected: Floats, judged: pd.DataFrame, before: Outs) -> dict[str, float]:
    """How often the judged revenue lay within bounds that were measured before; empty in a short history."""
    if not before:
        return {}
    came, gone = what_came(judged), judged["gone"].to_numpy(dtype=bool)
    low, high = _spreads(before, Gone.of(before)).interval(expected, gone)
    return {"coverage of 80": float(np.mean((low <= came) & (came <= high)))}


def _judgement(
    judged: pd.DataFrame,
    expected: Floats,
    baseline: Expectation,
    more: dict[str, float],
    seen: "np.ndarray[Any, Any] | None" = None,
) -> Evaluation:
    came, plain = what_came(judged), baseline.expect(judged)
    losses, plain_losses = tweedie_losses(expected, came), tweedie_losses(plain, came)
    marked = losses if seen is None else np.where(seen, np.nan, losses)
    return Evaluation(
        metric=METRIC,
        value=float(losses.mean()),
        baseline="trailing mean",
        baseline_value=float(plain_losses.mean()),
        losses=tuple(marked.tolist()),
        baseline_losses=tuple(plain_losses.tolist()),
        metrics={
            "mean absolute error": float(np.abs(expected - came).mean()),
            "baseline mean absolute error": float(np.abs(plain - came).mean()),
            "total expected over came": float(expected.sum() / came.sum()),
            "baseline total expected over came": float(plain.sum() / came.sum()),
            "expected of gone accounts": float(expected[judged["gone"]].sum()),
            "came of gone accounts": float(came[judged["gone"]].sum()),
            "judged rows": float(len(judged)),
            **more,
        },
    )


def _moved(champion: Champion, rows: pd.DataFrame, currency: str) -> list[list[str]]:
    """What moves each account's expectation away from what it brought lately."""
    phrasing = Phrasing("raises what is expected", "lowers what is expected", currency)
    features = (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES)
    encoding = Encoding.from_state(champion.state["encoding"])
    contributions = tree_contributions(champion.estimator, encoding, rows)
    return Explainer(features, champion.state["usual"], phrasing).explain(contributions, rows)


def _frame(
    rows: pd.DataFrame, value: Floats, low: Floats, high: Floats, why: list[list[str]], days: int
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": rows["account_id"].to_numpy(),
            "value": value.round(2),
            "low": low.round(2),
            "high": high.round(2),
            "reasons": as_json(why),
            "horizon_days": days,
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def _picture(expected: Floats, came: Floats, currency: str) -> Figure:
    """What was expected against what came, in tenths of accounts, out of time."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    tenths = np.array_split(np.argsort(expected, kind="stable"), min(10, len(expected)))
    said = [float(expected[rows].mean()) for rows in tenths]
    happened = [float(came[rows].mean()) for rows in tenths]
    top = max(*said, *happened)
    axes.plot([0, top], [0, top], color="#bbb", linewidth=1, zorder=0)
    axes.plot(said, happened, "o", color="#264")
    axes.set(xlabel=f"expected, {currency}", ylabel=f"came, {currency}", title="Tenths of accounts, out of time")
    return figure
