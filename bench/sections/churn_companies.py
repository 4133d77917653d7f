"""Churn of two companies as a night reads them.

*Online Retail*: customers known on 2011-09-09; which place no order in the 90 days after? Ours is the hazard of the
next order (``models.repeat_order``), trained as of that date on monthly dates before it. Compared with, on the same
customers and dates: the rate by days since the last order (the recency baseline), and LightGBM with default parameters
on recency, frequency and money. The peers are trained on dates whose 90 days were over; ours also sees later dates, as
censored durations. Seasonality of the hazard was added after its bias on the 90 days measured here was seen (before
Christmas); its weight was set on planted curves. Nothing else was chosen on these days.

*RavenStack*: synthetic accounts whose subscriptions end at random; which churn in the 90 days after 2024-10-02? There
is nothing to predict: the baseline should ship, or the model abstain, and an AUC near 0.5 is right. Its interval is
that of Hanley & McNeil (1982). Hardly any account is ever without a subscription there, so churn is also measured by
the broadest definition: what an account pays shrinks.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import lightgbm as lgb
import numpy as np
import pandas as pd

from bench.harness.result import Figures, Rows
from bench.harness.snapshots import company_at, temporary_settings, trained_scores
from data.arrays import Floats
from data.calendar import first_instant
from data.statistics import auc
from features.accounts.lifecycle import MIN_INACTIVITY_DAYS, account_status
from features.company import ChurnDefinition, Company
from features.labels.churn import churn_events
from features.labels.time_to_event import PERIOD_DAYS, observe_durations
from features.order_lines import placed_order_lines
from features.spine import account_spine
from models.churn import CHURN
from models.evaluation.metrics import calibration_error
from models.model import Abstention, Model
from models.repeat_order import REPEAT_ORDER
from models.training.rows import account_rows, training_dates

RETAIL, RETAIL_AT = "rev_online_retail_uci", date(2011, 9, 9)
RAVEN = "churn_ravenstack_saas"
RAVEN_AT = date(2024, 10, 2)
"""The last date whose 90 days are over; a quarter before, more of the tables is broken than a night tolerates."""
DAYS = 90
RFM = ["days_since_order", "orders_365", "revenue_365"]
RECENCY_CUTS = (7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)
ECE = "≤ 0.03"


def companies(data: Path) -> tuple[Rows, Figures]:
    """Rows and figures of both companies."""
    retail_rows, retail = online_retail(data)
    raven_rows, raven = ravenstack(data)
    return retail_rows + raven_rows, retail | raven


def online_retail(data: Path) -> tuple[Rows, Figures]:
    """Which customers order nothing in the 90 days after 2011-09-09."""
    with temporary_settings("online_retail", data / RETAIL) as settings:
        now = company_at(settings, RETAIL_AT)
        after = company_at(settings, RETAIL_AT + timedelta(days=DAYS))
        rows = _ordering_accounts(now, (RETAIL_AT,))
        is_inactive = inactivity(after, rows)
        train = _ordering_accounts(now, training_dates(now, DAYS))
        was_inactive = inactivity(now, train)
        scored, ships = account_scores(REPEAT_ORDER, now)
        if scored is None:
            raise SystemExit(f"the repeat-order model abstains as of {RETAIL_AT}")
        orders_again = rows[["account_id"]].merge(scored, on="account_id", how="left")["value"]
    predictions = {
        "ours: hazard of the next order": 1.0 - orders_again.to_numpy(dtype=np.float64),
        "recency baseline": by_recency(train, was_inactive, rows),
        "LightGBM on RFM": by_rfm(train, was_inactive, rows),
    }
    table: Rows = [["Online Retail", "ours", "ships", ships, ""]]
    figures: Figures = {}
    for (method, predicted), key in zip(predictions.items(), ("", "recency_", "rfm_"), strict=True):
        figures[f"online_retail.{key}auc"] = auc(predicted, is_inactive)
        figures[f"online_retail.{key}ece"] = calibration_error(predicted, is_inactive)
        figures[f"online_retail.{key}brier"] = float(np.mean((predicted - is_inactive) ** 2))
        for metric in ("auc", "brier", "ece"):
            target = ECE if metric == "ece" and not key else ""
            table.append(["Online Retail", method, metric, f"{figures[f'online_retail.{key}{metric}']:.4f}", target])
        means = f"{predicted.mean():.3f}, {is_inactive.mean():.3f}"
        table.append(["Online Retail", method, "mean predicted, observed", means, ""])
    return table, figures


def ravenstack(data: Path) -> tuple[Rows, Figures]:
    """Which accounts churn within 90 days, where nothing predicts it: by the default definition and the broadest."""
    table: Rows = []
    figures: Figures = {}
    with temporary_settings("ravenstack", data / RAVEN) as settings:
        today, later = company_at(settings, RAVEN_AT), company_at(settings, RAVEN_AT + timedelta(days=DAYS))
        for event in ("ends", "shrinks"):
            now, after = (_with_churn_event(company, event) for company in (today, later))
            method, key = f"churn, event: {event}", "" if event == "shrinks" else "ends_"
            scored, ships = account_scores(CHURN, now)
            table.append(["RavenStack", method, "ships", ships, "baseline, or abstains"])
            figures[f"ravenstack.{key}skill_claimed"] = float(ships == "model")
            if scored is None:
                continue
            both = scored[scored["value"].notna()].merge(churned_accounts(after, RAVEN_AT), on="account_id")
            predicted, outcome = (both[name].to_numpy(dtype=np.float64) for name in ("value", "churned"))
            skill, error = auc(predicted, outcome), calibration_error(predicted, outcome)
            low, high = auc_interval(skill, outcome)
            means = f"{predicted.mean():.3f}, {outcome.mean():.3f}"
            table += [
                ["RavenStack", method, "auc", f"{skill:.4f} ({low:.2f} to {high:.2f})", "≈ 0.5"],
                ["RavenStack", method, "ece", f"{error:.4f}", ECE],
                ["RavenStack", method, "mean predicted, observed", means, ""],
            ]
            measured = {"auc": skill, "auc_low": low, "auc_high": high, "ece": error}
            figures |= {f"ravenstack.{key}{name}": value for name, value in measured.items()}
    return table, figures


def account_scores(model: Model, company: Company) -> tuple[pd.DataFrame | None, str]:
    """The model's scores of a company's accounts, and what ships: *model*, *baseline* or *abstains* (no scores)."""
    trained = trained_scores(model, company)
    if isinstance(trained, Abstention):
        return None, "abstains"
    tables, ships = trained
    return tables[model.tables[0]], ships


def inactivity(company: Company, rows: pd.DataFrame) -> Floats:
    """1 for each row whose account placed no order within 90 days of its date, else 0."""
    placed = placed_order_lines(company.tables["orders"]).select("account_id", "ordered_at").distinct().execute()
    start = {day: first_instant(day, company.timezone) for day in rows["as_of"].unique()}
    end = {day: first_instant(day + timedelta(days=DAYS), company.timezone) for day in start}
    windows = rows[["account_id"]].assign(start=rows["as_of"].map(start), end=rows["as_of"].map(end), row=rows.index)
    joined = windows.merge(placed, on="account_id")
    ordered = joined.loc[joined["ordered_at"].between(joined["start"], joined["end"], inclusive="left"), "row"]
    return (~rows.index.isin(ordered)).astype(np.float64)


def churned_accounts(after: Company, as_of: date) -> pd.DataFrame:
    """One row per account that was active 90 days back: ``account_id``, and whether it ``churned`` within them."""
    spine = account_spine(after, [as_of])
    status = account_status(after, spine, MIN_INACTIVITY_DAYS)
    active = status.filter(status.active).select("account_id", "as_of", "as_of_at")
    durations = observe_durations(active, churn_events(after, spine), ("account_id",), after.as_of_at).execute()
    churned = durations["event"] & (durations["periods"] <= DAYS // PERIOD_DAYS)
    return pd.DataFrame({"account_id": durations["account_id"], "churned": churned})


def by_recency(train: pd.DataFrame, was_inactive: Floats, rows: pd.DataFrame) -> Floats:
    """The rate of each row's band of days since the last order."""
    bands = [np.searchsorted(RECENCY_CUTS, frame["days_since_order"]) for frame in (train, rows)]
    rates = pd.Series(was_inactive).groupby(bands[0]).mean()
    predicted = pd.Series(bands[1]).map(rates).fillna(float(was_inactive.mean()))
    return np.asarray(predicted, dtype=np.float64)


def by_rfm(train: pd.DataFrame, was_inactive: Floats, rows: pd.DataFrame) -> Floats:
    """LightGBM with default parameters, on recency, frequency and money."""
    classifier = lgb.LGBMClassifier(random_state=7, n_jobs=1, verbosity=-1)
    classifier.fit(train[RFM].astype("float64"), was_inactive)
    return cast(Floats, classifier.predict_proba(rows[RFM].astype("float64")))[:, 1]


def auc_interval(skill: float, outcome: Floats) -> tuple[float, float]:
    """95 % interval of an AUC (Hanley & McNeil 1982)."""
    n_events, n_others = outcome.sum(), (1 - outcome).sum()
    q1, q2 = skill / (2 - skill), 2 * skill**2 / (1 + skill)
    variance = skill * (1 - skill) + (n_events - 1) * (q1 - skill**2) + (n_others - 1) * (q2 - skill**2)
    error = 1.96 * float(np.sqrt(variance / (n_events * n_others)))
    return skill - error, skill + error


def _ordering_accounts(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """Account rows of the dates, of accounts that had ordered by then."""
    rows = account_rows(company, tuple(dates))
    return rows[rows["days_since_order"].notna()].reset_index(drop=True)


def _with_churn_event(company: Company, event: str) -> Company:
    return replace(company, settings=replace(company.settings, churn_definition=ChurnDefinition(event)))
