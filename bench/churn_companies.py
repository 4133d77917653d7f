"""Who falls silent and who leaves, on two companies as a night reads them.

*Online Retail*: customers known on 2011-09-09; who places no order in the 90 days after. Ours is the hazard of ordering
again (``models.repeat_order``), learnt as of that date from monthly dates before it. Beside it, on the same customers and
learnt from the same dates: the rate by days since the last order (the recency baseline), and LightGBM as it comes on
recency, frequency and money. Dates whose 90 days were not over are not learnt from by the peers; ours sees their first
months, as lives that go on. That hazards know the time of the year was tried after the level of the 90 days measured
here was seen to be off (before Christmas); its weight was set by planted curves. Nothing else was chosen by these days.

*RavenStack*: synthetic accounts whose subscriptions end at random; who leaves in the 90 days after 2024-10-02.
There is nothing to be known: the plain baseline should ship, or nobody score, and an AUC near 0.5 is the right answer.
Its interval is the normal one of an AUC (Hanley & McNeil 1982). Hardly any account is ever without a subscription
there; so leaving is told by the widest word too: what an account pays shrinks.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import cast

import lightgbm as lgb
import numpy as np
import pandas as pd

from bench.harness.company_snapshot import company_at, home
from data.arrays import Floats
from data.calendar import first_instant
from features.accounts.lifecycle import MIN_INACTIVITY_DAYS, account_status
from features.company import ChurnDefinition, Company
from features.labels.churn import churn_events
from features.labels.time_to_event import observe_durations
from features.spine import account_spine
from models.churn import CHURN
from models.evaluation.metrics import auc, calibration_error
from models.model import Abstention, Champion, Model
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

Rows = list[list[str]]
Figures = dict[str, float | None]


def sections(data: Path) -> tuple[Rows, Figures]:
    """Rows of *data, method, metric, value, target*, and the figures, of both companies."""
    retail_rows, retail = online_retail(data)
    raven_rows, raven = ravenstack(data)
    return retail_rows + raven_rows, retail | raven


def online_retail(data: Path) -> tuple[Rows, Figures]:
    """Who orders nothing in the 90 days after 2011-09-09."""
    with home("online_retail", data / RETAIL) as settings:
        now = company_at(settings, RETAIL_AT)
        after = company_at(settings, RETAIL_AT + timedelta(days=DAYS))
        rows = account_rows(now, (RETAIL_AT,))
        rows = rows[rows["days_since_order"].notna()].reset_index(drop=True)
        silent = silence(after, rows)
        dates = training_dates(now, DAYS)
        past = account_rows(now, dates)
        past = past[past["days_since_order"].notna()].reset_index(drop=True)
        before = silence(now, past)
        scored, ships = scores(REPEAT_ORDER, now)
        if scored is None:
            raise SystemExit(f"the hazard of ordering again has nothing to say as of {RETAIL_AT}")
        comes = rows[["account_id"]].merge(scored, on="account_id", how="left")["value"].to_numpy(dtype=np.float64)
    said = {
        "ours: hazard of ordering again": 1.0 - comes,
        "recency baseline": by_recency(past, before, rows),
        "LightGBM on RFM": by_rfm(past, before, rows),
    }
    table: Rows = [["Online Retail", "ours", "who scores", ships, ""]]
    figures: Figures = {}
    for (method, chances), key in zip(said.items(), ("", "recency_", "rfm_"), strict=True):
        figures[f"online_retail.{key}auc"] = auc(chances, silent)
        figures[f"online_retail.{key}ece"] = calibration_error(chances, silent)
        figures[f"online_retail.{key}brier"] = float(np.mean((chances - silent) ** 2))
        for metric in ("auc", "brier", "ece"):
            target = ECE if metric == "ece" and not key else ""
            table.append(["Online Retail", method, metric, f"{figures[f'online_retail.{key}{metric}']:.4f}", target])
        table.append(["Online Retail", method, "said, happened", f"{chances.mean():.3f}, {silent.mean():.3f}", ""])
    return table, figures


def ravenstack(data: Path) -> tuple[Rows, Figures]:
    """Who leaves within 90 days, where nothing tells: by the usual word for leaving, and by the widest."""
    table: Rows = []
    figures: Figures = {}
    with home("ravenstack", data / RAVEN) as settings:
        today, later = company_at(settings, RAVEN_AT), company_at(settings, RAVEN_AT + timedelta(days=DAYS))
        for word in ("ends", "shrinks"):
            now, after = (company.with_settings(churn_definition=ChurnDefinition(word)) for company in (today, later))
            method, key = f"churn, leaving is what {word}", "" if word == "shrinks" else "ends_"
            scored, ships = scores(CHURN, now)
            table.append(["RavenStack", method, "who scores", ships, "baseline, or nobody"])
            figures[f"ravenstack.{key}skill_claimed"] = float(ships == "model")
            if scored is None:
                continue
            both = scored[scored["value"].notna()].merge(departed(after, RAVEN_AT), on="account_id")
            chances, outcome = (both[name].to_numpy(dtype=np.float64) for name in ("value", "left"))
            skill, error = auc(chances, outcome), calibration_error(chances, outcome)
            low, high = skill_interval(skill, outcome)
            table += [
                ["RavenStack", method, "auc", f"{skill:.4f} ({low:.2f} to {high:.2f})", "≈ 0.5"],
                ["RavenStack", method, "ece", f"{error:.4f}", ECE],
                ["RavenStack", method, "said, happened", f"{chances.mean():.3f}, {outcome.mean():.3f}", ""],
            ]
            measured = {"auc": skill, "auc_low": low, "auc_high": high, "ece": error}
            figures |= {f"ravenstack.{key}{name}": value for name, value in measured.items()}
    return table, figures


def scores(model: Model, company: Company) -> tuple[pd.DataFrame | None, str]:
    """What the model says of the company, learnt as of its date, and who says it: *model*, *baseline* or *nobody*."""
    learnt = model.train(company)
    if isinstance(learnt, Abstention):
        return None, "nobody"
    ships = learnt.evaluation.ships
    champion = Champion(model.name, "1", ships, learnt.estimator, learnt.state, learnt.features_hash, company.as_of)
    told = model.score(company, champion)
    return (None, "nobody") if isinstance(told, Abstention) else (told[model.tables[0]], ships)


def silence(company: Company, rows: pd.DataFrame) -> Floats:
    """1 for each row whose account placed no order within 90 days of its date, else 0."""
    orders = company.tables["orders"]
    placed = orders.filter(orders.status == "placed").select("account_id", "ordered_at").distinct().execute()
    starts = {day: first_instant(day, company.timezone) for day in rows["as_of"].unique()}
    ends = {day: first_instant(day + timedelta(days=DAYS), company.timezone) for day in starts}
    asked = rows[["account_id"]].assign(start=rows["as_of"].map(starts), end=rows["as_of"].map(ends), row=rows.index)
    joined = asked.merge(placed, on="account_id")
    came = joined.loc[joined["ordered_at"].between(joined["start"], joined["end"], inclusive="left"), "row"]
    return (~rows.index.isin(came)).astype(np.float64)


def departed(after: Company, as_of: date) -> pd.DataFrame:
    """One row per account that could leave 90 days back: ``account_id``, and whether it ``left`` within them."""
    spine = account_spine(after, [as_of])
    able = account_status(after, spine, MIN_INACTIVITY_DAYS)
    able = able.filter(able.active).select("account_id", "as_of", "as_of_at")
    seen = observe_durations(able, churn_events(after, spine), ("account_id",), after.as_of_at).execute()
    return pd.DataFrame({"account_id": seen["account_id"], "left": seen["event"] & (seen["periods"] <= 3)})


def by_recency(past: pd.DataFrame, silent: Floats, rows: pd.DataFrame) -> Floats:
    """The rate of each row's band of days since the last order."""
    bands = [np.searchsorted(RECENCY_CUTS, frame["days_since_order"]) for frame in (past, rows)]
    rates = pd.Series(silent).groupby(bands[0]).mean()
    told = pd.Series(bands[1]).map(rates).fillna(float(silent.mean()))
    return np.asarray(told, dtype=np.float64)


def by_rfm(past: pd.DataFrame, silent: Floats, rows: pd.DataFrame) -> Floats:
    """LightGBM with its usual parameters, on recency, frequency and money."""
    plain = lgb.LGBMClassifier(random_state=7, n_jobs=1, verbosity=-1)
    plain.fit(past[RFM].astype("float64"), silent)
    return cast(Floats, plain.predict_proba(rows[RFM].astype("float64")))[:, 1]


def skill_interval(skill: float, outcome: Floats) -> tuple[float, float]:
    """Bounds of an AUC at 95 % (Hanley & McNeil 1982)."""
    ones, zeros = outcome.sum(), (1 - outcome).sum()
    both, twice = skill / (2 - skill), 2 * skill**2 / (1 + skill)
    spread = skill * (1 - skill) + (ones - 1) * (both - skill**2) + (zeros - 1) * (twice - skill**2)
    error = 1.96 * float(np.sqrt(spread / (ones * zeros)))
    return skill - error, skill + error
