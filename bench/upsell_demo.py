"""Who buys something new, what, and in which month, where all of it was planted: the demo company.

As of three dates half a year and more before its history ends, the upsell model learns anew from what was known and
scores every customer, through the night's own steps. The truth, which the pipeline never reads, says for each account
and month how likely it was to buy something new of its own accord (``truth/months``), and how much each product was
wanted (``truth/affinities``): the next one bought is drawn by the exponential of 1.3 times that, among those not had
yet that are on sale; of a ladder of tiers the lowest left takes the share of all. *Planted* chances follow from both.
Products also come by deals, which these hazards know nothing of, so levels are held against what *happened*, and
planted chances against the order.

Timing: the month that is said to be likeliest against the one that was planted to be, for each pair that is offered;
a guess that knows nothing of the account says the first month for all. Who bought tells the same: the first new product
of each buyer of the half year came in the said month or beside it, or did not.
"""

import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.result import Figures, Rows, line
from bench.won_deals import champion, error_of_bins, known
from data.demo import write_demo
from data.demo.adoption import AFFINITY
from data.demo.catalogue import LADDERS, NAMES, RECURRING, sold_from, sold_until
from features.lives import PERIOD_DAYS, PERIODS
from flows.settings import Settings
from models.calibration import Numbers, auc
from models.model import Abstention
from models.upsell import Upsell

UNTIL = datetime(2026, 6, 30, 15, 0)
SIZE = 2.0
YEARS = 3
DATES = tuple(UNTIL.date() - timedelta(days=days) for days in (181, 241, 301))
WITHIN = {"within_30": 1, "value": 3, "within_180": 6}
"""Columns of what is said, and how many periods they look ahead."""
CHANCE = 1e-9


@dataclass(frozen=True)
class Truth:
    """What was planted, as of one date."""

    as_of: date
    hazards: pd.DataFrame
    """Account × period ahead: of buying something new of its own accord."""
    pairs: pd.DataFrame
    """One row per account and product not had yet: ``share`` in the next purchase, ``came`` (the period in which it was
    bought, from 0, or NaN)."""

    @classmethod
    def read(cls, folder: Path, as_of: date) -> "Truth":
        """From the tables written beside the company."""
        months = pd.read_parquet(folder / "months.parquet")
        accounts = pd.read_parquet(folder / "accounts.parquet")
        wants = pd.read_parquet(folder / "affinities.parquet")
        return cls(as_of, _by_period(months, as_of), _wanted(wants, accounts, months, as_of))


def sections(_: Path) -> tuple[Rows, Figures]:
    """Rows and figures of the demo company."""
    accounts, pairs = [], []
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=SIZE, years=YEARS)
        for as_of in DATES:
            some, offered = _said(Settings(root=Path(folder)), as_of)
            truth = Truth.read(Path(folder) / "var" / "demo" / "truth", as_of)
            accounts.append(_beside(some, truth))
            pairs.append(_paired(offered, truth))
    every, offers = pd.concat(accounts, ignore_index=True), pd.concat(pairs, ignore_index=True)
    rows: Rows = []
    figures: Figures = {}

    def told(name: str, method: str, metric: str, value: float, target: str = "") -> None:
        rows.append(line("demo", method, metric, value, target))
        figures[f"demo.{name}"] = round(value, 4)

    for column, ahead in WITHIN.items():
        days = ahead * PERIOD_DAYS
        said, came = every[column].to_numpy(), every[f"came_{ahead}"].to_numpy()
        told(f"rank_{days}", f"accounts, {days} days", "rank correlation with planted", _ranks(every, column, ahead))
        told(f"auc_{days}", f"accounts, {days} days", "auc", auc(said, came))
        told(f"planted_auc_{days}", f"planted, {days} days", "auc", auc(every[f"planted_{ahead}"].to_numpy(), came))
        told(f"ece_{days}", f"accounts, {days} days", "ece", error_of_bins(said, came), "≤ 0.03")
        rows.append(line("demo", f"accounts, {days} days", "mean said", said.mean(), f"{came.mean():.4f} came"))
    for column, ahead in WITHIN.items():
        days = ahead * PERIOD_DAYS
        said, came = offers[column].to_numpy(), offers[f"came_{ahead}"].to_numpy()
        told(f"pair_rank_{days}", f"pairs, {days} days", "rank correlation with planted", _ranks(offers, column, ahead))
        told(f"pair_auc_{days}", f"pairs, {days} days", "auc", auc(said, came))
        told(f"pair_ece_{days}", f"pairs, {days} days", "ece", error_of_bins(said, came), "≤ 0.03")
    rightly, first = (offers["said_month"] - offers["planted_month"]).abs() <= 1, offers["planted_month"] <= 1
    told("month_within_one", "pairs, likeliest month", "within a month of planted", float(rightly.mean()))
    told("first_month_within_one", "the first month for all", "within a month of planted", float(first.mean()))
    bought = every.dropna(subset="came")
    near = (bought["said_month"] - bought["came"]).abs() <= 1
    told("buyers_within_one", "buyers, likeliest month", "within a month of the purchase", float(near.mean()))
    told(
        "buyers_first_month", "the first month for all", "within a month of the purchase", (bought["came"] <= 1).mean()
    )
    return rows, figures


def _said(settings: Settings, as_of: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the model says of accounts and of pairs. SystemExit where it abstains."""
    company, model = known(settings, as_of), Upsell()
    learnt = model.learn(company)
    scored = learnt if isinstance(learnt, Abstention) else model.score(company, champion(learnt))
    if isinstance(scored, Abstention):
        raise SystemExit(f"the upsell model abstains: {scored.why}")
    return scored["upsell"], scored["upsell_products"]


def _beside(said: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """One row per account that was a customer then: what was said, ``planted_<periods>``, ``came_<periods>``, the
    period in which it ``came`` and the one that was said to be likeliest."""
    first = truth.pairs.groupby("account_id")["came"].min()
    rows = said.merge(truth.hazards, left_on="account_id", right_index=True)
    rows = rows.assign(came=rows["account_id"].map(first))
    hazards = rows[list(range(PERIODS))].to_numpy()
    curve = rows[list(WITHIN)].to_numpy(dtype=np.float64)
    per_month = np.diff(np.hstack([np.zeros((len(rows), 1)), curve]), axis=1) / [1, 2, 3]
    rows["said_month"] = np.array([0.0, 1.5, 4.0])[per_month.argmax(axis=1)]
    return _with_chances(rows, hazards)


def _paired(said: pd.DataFrame, truth: Truth) -> pd.DataFrame:
    """One row per pair that is offered and was not had: as ``_beside``, and the ``planted_month``."""
    rows = said[said["account_id"].isin(truth.hazards.index)].merge(truth.pairs, on=["account_id", "product_id"])
    hazards = truth.hazards.loc[rows["account_id"]].to_numpy() * rows["share"].to_numpy()[:, None]
    months = _months(truth.as_of)
    rows["said_month"] = [months.index(pd.Timestamp(month).date()) for month in rows["likely_month"]]
    rows["planted_month"] = _density(hazards).argmax(axis=1)
    return _with_chances(rows, hazards)


def _with_chances(rows: pd.DataFrame, hazards: Numbers) -> pd.DataFrame:
    within = 1.0 - np.cumprod(1.0 - hazards, axis=1)
    for ahead in WITHIN.values():
        rows[f"planted_{ahead}"] = within[:, ahead - 1]
        rows[f"came_{ahead}"] = (rows["came"] < ahead).astype(float)
    return rows


def _density(hazards: Numbers) -> Numbers:
    left = np.cumprod(1.0 - hazards, axis=1)
    return np.asarray(-np.diff(np.hstack([np.ones((len(hazards), 1)), left]), axis=1))


def _ranks(rows: pd.DataFrame, column: str, ahead: int) -> float:
    return float(spearmanr(rows[column], rows[f"planted_{ahead}"]).statistic)


def _months(as_of: date) -> list[date]:
    """The first day of the month in which the middle of each period lies."""
    return [(as_of + timedelta(days=PERIOD_DAYS * n + PERIOD_DAYS // 2)).replace(day=1) for n in range(PERIODS)]


def _by_period(months: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Account × period of 30 days: hazards of the calendar months that it lies in, by their share in it; of accounts
    that are customers on the date."""
    starts = pd.DatetimeIndex(sorted(months["month"].unique()))
    hazard = months.assign(hazard=months["purchase_hazard"].where(months["active"], 0.0)).pivot(
        index="account_id", columns="month", values="hazard"
    )
    stays = np.log1p(-hazard[starts].to_numpy())
    ends = [*starts[1:], starts[-1] + pd.DateOffset(months=1)]
    periods = []
    for n in range(PERIODS):
        low = pd.Timestamp(as_of) + pd.Timedelta(days=PERIOD_DAYS * n)
        high = low + pd.Timedelta(days=PERIOD_DAYS)
        parts = [max(min(e, high) - max(s, low), pd.Timedelta(0)) / (e - s) for s, e in zip(starts, ends, strict=True)]
        periods.append(1.0 - np.exp(stays @ np.array(parts)))
    now = months[(months["month"] <= pd.Timestamp(as_of))].groupby("account_id")["active"].last()
    made = pd.DataFrame(np.column_stack(periods), index=hazard.index)
    return made[now.reindex(made.index).to_numpy(dtype=bool)]


def _wanted(wants: pd.DataFrame, accounts: pd.DataFrame, months: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """``Truth.pairs``."""
    first, last = months["month"].min().date(), UNTIL.date()
    on_sale = {
        name
        for name, begins, ends in zip(NAMES, sold_from(first, last), sold_until(first, last), strict=True)
        if begins <= as_of and (ends is None or ends > as_of)
    }
    recurring = {name for name, is_recurring in zip(NAMES, RECURRING, strict=True) if is_recurring}
    rung = {NAMES[at]: (ladder[0], at) for ladder in LADDERS for at in ladder}
    rows = wants.merge(accounts[["account_id", "subscribes"]], on="account_id")
    rows = rows[rows["product_id"].isin(on_sale) & (rows["subscribes"] | ~rows["product_id"].isin(recurring))]
    after = (rows["adopted_at"] - pd.Timestamp(as_of)).dt.total_seconds() / 86400
    rows = rows.assign(came=(after // PERIOD_DAYS).where(after < PERIOD_DAYS * PERIODS))[~(after < 0)]
    ladder = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[0])
    step = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[1])
    rows = rows.assign(weight=np.exp(AFFINITY * rows["affinity"]), ladder=ladder.astype(str), step=step)
    whole = rows.groupby(["account_id", "ladder"])["weight"].transform("sum")
    lowest = rows["step"] == rows.groupby(["account_id", "ladder"])["step"].transform("min")
    rows["weight"] = np.where(lowest, whole, 0.0)
    rows["share"] = rows["weight"] / (rows.groupby("account_id")["weight"].transform("sum") + CHANCE)
    return rows[["account_id", "product_id", "share", "came"]]
