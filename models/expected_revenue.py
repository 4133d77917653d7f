"""Expected revenue of each account over the coming 90 days.

Trees move an account's trailing revenue, which is the baseline as well (``models.customer_value.tweedie_trees``). Its
80 % interval is that of past accounts with about as much expected revenue, out of time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.accounts.lifecycle import MIN_INACTIVITY_DAYS, account_status, fix_inactivity_days
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.feature import features_hash, form
from features.frames import to_frame, to_sorted_frame
from features.labels.revenue import future_revenue
from features.spine import account_spine
from models.customer_value.evaluation import (
    METRIC,
    evaluate_revenue,
    fit_intervals,
    plot_expected_and_actual,
    revenue_interval_coverage,
)
from models.customer_value.lifetime_value import WINDOW_DAYS
from models.customer_value.tweedie_trees import (
    TWEEDIE_PARAMS,
    LapsedShrinkage,
    OutOfTime,
    RevenueTrees,
    actual_revenue,
    is_lapsed,
    trailing_baseline,
    trailing_revenue,
    tweedie_losses,
)
from models.estimators.explanations import (
    MAX_REASONS,
    Explainer,
    Phrasing,
    as_json,
    tree_contributions,
    typical_values,
)
from models.estimators.gradient_boosting import BOOSTING_PARAMS, N_TREES, Encoding
from models.estimators.prediction_intervals import RatioIntervals
from models.evaluation.cross_validation import FittedModel, Params, Range, Study
from models.evaluation.importance import gain_importance
from models.evaluation.time_splits import TimeSplit, split_dates
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.training.leakage_guard import LeakageGuard
from models.training.rows import account_rows, training_dates

REVENUE_SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 31, log_scale=True, integer=True),
    "learning_rate": Range(0.01, 0.1, log_scale=True),
    "min_data_in_leaf": Range(10, 200, log_scale=True, integer=True),
    "lambda_l2": Range(0.1, 50.0, log_scale=True),
    "trees": Range(40, 300, log_scale=True, integer=True),
}
"""Parameters that may be tuned."""

MIN_ACTIVE = 50
MIN_PAYING = 20

REVENUE_FEATURES = (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES)
REVENUE_FEATURES_HASH = features_hash((*REVENUE_FEATURES, form(3)))
"""The form is raised when the content of the state changes."""


@dataclass(frozen=True)
class ExpectedRevenue:
    """Revenue that an account brings within 90 days."""

    params: Params = field(default_factory=dict)
    name = "expected_revenue"
    question = "What will each account bring in 90 days?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("expected_revenue",)
    rows = "accounts"
    features_hash = REVENUE_FEATURES_HASH

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger trained on every customer of past dates, and evaluated on the latest of them."""
        rows = past_rows(company)
        guard = _guard(rows, company.seed)
        rows = guard.exclude(rows)
        split = _split(rows)
        if isinstance(split, Abstention):
            return split
        seed, tuned, test = company.seed, dict(self.params), _on(rows, split.test)
        fitted = RevenueTrees.fit(_on(rows, split.train), seed, tuned)
        earlier = _predict_calibration(rows, split, seed, tuned)
        out_of_time = [*earlier, OutOfTime(test, fitted.predict(test))]
        expected = fitted.with_shrinkage(earlier).predict(test)
        baseline = trailing_baseline(_on(rows, split.train)).predict(test)
        evaluation = evaluate_revenue(test, expected, baseline)
        coverage = revenue_interval_coverage(test, expected, earlier)
        final = RevenueTrees.fit(rows, seed, tuned).with_shrinkage(out_of_time)
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=final.booster,
            state={
                "horizon_days": WINDOW_DAYS,
                "encoding": final.encoding.state(),
                "floor": final.floor,
                "shrinkage": asdict(final.shrinkage),
                "intervals": fit_intervals(out_of_time, final.shrinkage).state(),
                "baseline_intervals": fit_intervals([OutOfTime(test, baseline)], LapsedShrinkage()).state(),
                "typical_values": typical_values(rows, ACCOUNT_FEATURES),
                "excluded_features": dict(guard.reasons),
            },
            evaluation=replace(evaluation, metrics={**evaluation.metrics, **coverage}),
            features_hash=REVENUE_FEATURES_HASH,
            example=final.encoding.encode(rows.head(5)),
            params={
                **BOOSTING_PARAMS,
                **TWEEDIE_PARAMS,
                "trees": N_TREES,
                **tuned,
                "seed": seed,
                "horizon_days": WINDOW_DAYS,
            },
            figures=LazyFigures(
                {
                    "expected and actual": lambda: plot_expected_and_actual(
                        expected, actual_revenue(test), company.currency
                    )
                }
            ),
            trained_as_of=company.as_of,
            rows=len(rows),
            tuned_params=tuned,
            excluded_features=dict(guard.reasons),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test rows of a challenger; losses are NaN for rows that it was trained on."""
        rows = LeakageGuard.of_champion(champion).exclude(past_rows(company))
        split = _split(rows)
        if isinstance(split, Abstention):
            return split
        test = _on(rows, split.test)
        seen = (test["as_of"] < champion.trained_as_of).to_numpy()
        baseline = trailing_baseline(_on(rows, split.train)).predict(test)
        return evaluate_revenue(test, _trees(champion).predict(test), baseline, seen)

    def study(self, company: Company) -> Study | Abstention:
        """The specification for cross-validation and tuning; lapsed accounts are not corrected in it."""
        rows = past_rows(company)
        rows = _guard(rows, company.seed).exclude(rows)
        split = _split(rows)
        if isinstance(split, Abstention):
            return split

        def fit(train: pd.DataFrame, params: Params) -> FittedModel:
            trees = RevenueTrees.fit(train, company.seed, params)
            return FittedModel(trees.predict, {} if trees.booster is None else gain_importance(trees.booster))

        return Study(
            key="account_id",
            rows=rows,
            horizon_days=WINDOW_DAYS,
            test_dates=split.test,
            metric=METRIC,
            fit=fit,
            losses=lambda expected, test: tweedie_losses(expected, actual_revenue(test)),
            metrics=lambda expected, test: {
                "mean absolute error": float(np.abs(expected - actual_revenue(test)).mean())
            },
            predict_baseline=lambda train, test: trailing_baseline(train).predict(test),
            space=REVENUE_SPACE,
            feature_labels={feature.name: feature.description for feature in REVENUE_FEATURES},
        )

    def with_params(self, params: Params) -> "ExpectedRevenue":
        """The same model, with parameters that override the default ones."""
        return ExpectedRevenue(params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``expected_revenue``: one row per customer: ``value`` in the reporting currency with its 80 % bounds, and
        ``reasons``."""
        rows = LeakageGuard.of_champion(champion).exclude(current_rows(company))
        expected = _trees(champion).predict(rows)
        state_key = "baseline_intervals" if champion.ships == "baseline" else "intervals"
        low, high = RatioIntervals.from_state(champion.state[state_key]).interval(expected, is_lapsed(rows))
        frame = pd.DataFrame(
            {
                "account_id": rows["account_id"].to_numpy(),
                "value": expected.round(2),
                "low": low.round(2),
                "high": high.round(2),
                "reasons": as_json(_explain(champion, rows, company.currency)),
                "horizon_days": WINDOW_DAYS,
                "abstained": pd.Series([None] * len(rows), dtype=object),
            }
        )
        return {"expected_revenue": frame}


def past_rows(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, ``actual`` revenue of the window (at least 0), and whether the
    account had ``lapsed``."""
    dates = training_dates(company, WINDOW_DAYS)
    spine = account_spine(company, dates)
    revenue = to_sorted_frame(future_revenue(company, spine, WINDOW_DAYS, company.as_of_at), "account_id")
    status = to_sorted_frame(account_status(fix_inactivity_days(company), spine, MIN_INACTIVITY_DAYS), "account_id")
    keys = ["account_id", "as_of"]
    rows = account_rows(company, dates).merge(revenue[[*keys, "revenue"]], on=keys)
    rows = rows.merge(status[[*keys, "active"]], on=keys)
    actual, lapsed = rows["revenue"].clip(lower=0.0), ~rows["active"].astype(bool)
    return rows.assign(actual=actual, lapsed=lapsed).drop(columns=["revenue", "active"])


def current_rows(company: Company) -> pd.DataFrame:
    """One row per customer as of the company's date: features, and whether the account has ``lapsed``."""
    rows = account_rows(company, (company.as_of,))
    status = to_frame(account_status(company, account_spine(company, (company.as_of,)), MIN_INACTIVITY_DAYS))
    active = status.loc[status["active"].astype(bool), "account_id"]
    return rows.assign(lapsed=~rows["account_id"].isin(active))


def _guard(rows: pd.DataFrame, seed: int) -> LeakageGuard:
    """Leaks of whether an account brings revenue, among its columns without a history."""
    outcomes = (actual_revenue(rows) > 0).astype(np.float64)
    return LeakageGuard.inspect_undated(
        rows, outcomes, "account_id", [feature.name for feature in REVENUE_FEATURES], seed
    )


def _split(rows: pd.DataFrame) -> TimeSplit | Abstention:
    """The dates that train, calibrate and test; an abstention if the past is too short or thin."""
    dates = sorted(rows["as_of"].unique())
    split = split_dates(dates, WINDOW_DAYS)
    if split is None:
        needs = f"needs {2 * WINDOW_DAYS} days of sales, to train on the first and test on the last of them"
        return Abstention(ExpectedRevenue.name, f"{needs}; found {len(dates)} past dates")
    train, test = _on(rows, split.train), _on(rows, split.test)
    paying = min(int((actual_revenue(train) > 0).sum()), int((actual_revenue(test) > 0).sum()))
    active = int((~is_lapsed(train)).sum())
    if active < MIN_ACTIVE or paying < MIN_PAYING:
        needs = f"needs {MIN_PAYING} accounts with revenue after a past date, both before the test date and after it"
        return Abstention(ExpectedRevenue.name, f"{needs}; found {paying} among {active} past cases of active accounts")
    return split


def _on(rows: pd.DataFrame, dates: tuple[date, ...]) -> pd.DataFrame:
    return rows[rows["as_of"].isin(dates)]


def _predict_calibration(rows: pd.DataFrame, split: TimeSplit, seed: int, params: Params) -> Sequence[OutOfTime]:
    """Expected revenue on the calibration dates, by trees fitted before them; empty in a short history."""
    if not split.fit:
        return []
    calibration = _on(rows, split.calibration)
    return [OutOfTime(calibration, RevenueTrees.fit(_on(rows, split.fit), seed, params).predict(calibration))]


def _trees(champion: Champion) -> RevenueTrees:
    """What the champion ships. Raises ``ValueError`` when it was trained on other features than today's."""
    champion.check(REVENUE_FEATURES_HASH)
    state: dict[str, Any] = champion.state
    booster = None if champion.ships == "baseline" else champion.estimator
    shrinkage = LapsedShrinkage(**state["shrinkage"])
    return RevenueTrees(booster, Encoding.from_state(state["encoding"]), state["floor"], shrinkage)


def _explain(champion: Champion, rows: pd.DataFrame, currency: str) -> list[list[str]]:
    """At most three sentences per row: its trailing revenue, and what moves the expectation away from it."""
    baseline = champion.ships == "baseline"
    active_ending = ": expected to go on, no known feature predicts better" if baseline else ""
    first_sentences = [
        f"Brought {revenue:,.0f} {currency} per {WINDOW_DAYS} days lately"
        + ("; it has left already" if lapsed else active_ending)
        for revenue, lapsed in zip(trailing_revenue(rows), is_lapsed(rows), strict=True)
    ]
    if baseline or rows.empty:
        return [[first] for first in first_sentences]
    phrasing = Phrasing("raises what is expected", "lowers what is expected", currency)
    explainer = Explainer(REVENUE_FEATURES, champion.state["typical_values"], phrasing)
    encoding = Encoding.from_state(champion.state["encoding"])
    explanations = explainer.explain(tree_contributions(champion.estimator, encoding, rows), rows)
    return [[first, *others[: MAX_REASONS - 1]] for first, others in zip(first_sentences, explanations, strict=True)]
