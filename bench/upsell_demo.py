"""Who buys something new, what, and in which month, where all of it was planted: the demo company.

As of three dates half a year and more before its history ends, the upsell model learns anew from what was known and
scores every customer, through the night's own steps. The truth, which the pipeline never reads, says for each account
and month how likely it was to buy something new of its own accord (``truth/months``), and how much each product was
wanted (``truth/affinities``): the next one bought is drawn by the exponential of 1.3 times that, among those not had
yet that are on sale; of a ladder of tiers the lowest left takes the share of all. *Planted* chances follow from both.
Products also come by deals, and tiers of the platform by themselves, which these hazards know nothing of: the order is
held against what was planted, levels against what *came* (new purchases of the company as it was known at the end).

Timing: the month that is said to be likeliest against the one in which the planted chance is highest, for each pair
that is offered, beside two guesses that know nothing of it: a month drawn evenly, and the first month for all. The
month of a pair hangs on a hidden health that wanders; what can be known is little more than the season, and that
health returns to its mean. Who bought tells the same: the first new product of the half year came in the month that
was said to be the account's likeliest, or beside it. And over all customers and dates: mean hazards that were said,
month by month, against the shares of those who had bought nothing yet that then did.
"""

import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.harness.result import Figures, Rows, line
from bench.harness.won_deals import champion, error_of_bins, known
from data.arrays import Floats
from data.demo import write_demo
from data.demo.adoption import AFFINITY
from data.demo.catalogue import LADDERS, NAMES, RECURRING, sold_from, sold_until
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from features.products.purchases import new_product_purchases
from flows.settings import Settings
from models.evaluation.metrics import auc
from models.model import Abstention
from models.survival.censoring import PERIOD_ENDS
from models.survival.curves import SurvivalCurve
from models.survival.scoring import predict
from models.training.rows import account_rows
from models.upsell import SPEC, UPSELL

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
    """One row per account and product not had yet: its ``share`` in the next purchase."""

    @classmethod
    def read(cls, folder: Path, as_of: date) -> "Truth":
        """From the tables written beside the company."""
        months = pd.read_parquet(folder / "months.parquet")
        accounts = pd.read_parquet(folder / "accounts.parquet")
        wants = pd.read_parquet(folder / "affinities.parquet")
        return cls(as_of, _by_period(months, as_of), _wanted(wants, accounts, months, as_of))


def sections(_: Path) -> tuple[Rows, Figures]:
    """Rows and figures of the demo company."""
    accounts, pairs, months = [], [], []
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=SIZE, years=YEARS)
        settings = Settings(root=Path(folder))
        bought = new_product_purchases(known(settings, UNTIL.date())).execute()
        for as_of in DATES:
            curve, offered = _said(settings, as_of)
            truth = Truth.read(Path(folder) / "var" / "demo" / "truth", as_of)
            later = _later(bought, as_of)
            accounts.append(_beside(curve, truth, later))
            pairs.append(_paired(offered, truth, later))
            months.append(_by_month(accounts[-1]))
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
    even = offers["planted_month"].map(lambda month: 2 if month in (0, N_PERIODS - 1) else 3) / N_PERIODS
    told("even_month_within_one", "a month drawn evenly", "within a month of planted", float(even.mean()))
    buyers = every.dropna(subset="came")
    near = (buyers["said_month"] - buyers["came"]).abs() <= 1
    told("buyers_within_one", "buyers, likeliest month", "within a month of the purchase", float(near.mean()))
    first = buyers["came"] <= 1
    told("buyers_first_month", "the first month for all", "within a month of the purchase", float(first.mean()))
    hazards = pd.concat(months)
    alike = float(spearmanr(hazards["said"], hazards["came"]).statistic)
    told("hazards_rank", "all customers, month by month", "rank correlation with what came", alike)
    return rows, figures


def _said(settings: Settings, as_of: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the model says of accounts (rows × periods: the chance within so many) and of pairs. SystemExit where it
    abstains."""
    company, model = known(settings, as_of), UPSELL
    learnt = model.train(company)
    scored = learnt if isinstance(learnt, Abstention) else model.score(company, champion(learnt))
    if isinstance(learnt, Abstention) or isinstance(scored, Abstention):
        raise SystemExit(f"the upsell model abstains: {learnt if isinstance(learnt, Abstention) else scored}")
    rows = account_rows(company, (as_of,))
    curve = pd.DataFrame(predict(SPEC, champion(learnt), rows).at_knots, index=rows["account_id"].astype(str))
    return curve, scored["upsell_products"]


def _later(bought: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """New purchases of the half year after a date, with the period (from 0) in which each ``came``."""
    after = (bought["event_at"] - pd.Timestamp(as_of)).dt.total_seconds() / 86400
    soon = (after >= 0) & (after < PERIOD_DAYS * N_PERIODS)
    return bought.assign(came=after // PERIOD_DAYS)[soon][["account_id", "product_id", "came"]]


def _beside(curve: pd.DataFrame, truth: Truth, later: pd.DataFrame) -> pd.DataFrame:
    """One row per account that was a customer then: what was said, ``planted_<periods>``, ``came_<periods>``, the
    period in which it ``came`` (NaN: not within the half year) and the one that was said to be likeliest."""
    both = curve.index.intersection(truth.hazards.index)
    chances = curve.loc[both].to_numpy()
    rows = pd.DataFrame({name: chances[:, ahead - 1] for name, ahead in WITHIN.items()}, index=both)
    rows["came"] = later.groupby("account_id")["came"].min().reindex(both)
    stays = np.hstack([np.ones((len(rows), 1)), 1.0 - chances])
    rows["said_month"] = (stays[:, :-1] - stays[:, 1:]).argmax(axis=1)
    for n in range(N_PERIODS):
        rows[f"hazard_{n}"] = 1.0 - stays[:, n + 1] / stays[:, n]
    return _with_chances(rows, truth.hazards.loc[both].to_numpy())


def _by_month(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per period: the mean hazard that was ``said``, and the share of those left that ``came``."""
    left = [rows["came"].isna() | (rows["came"] >= n) for n in range(N_PERIODS)]
    return pd.DataFrame(
        {
            "said": [rows.loc[left[n], f"hazard_{n}"].mean() for n in range(N_PERIODS)],
            "came": [(rows.loc[left[n], "came"] == n).mean() for n in range(N_PERIODS)],
        }
    )


def _paired(said: pd.DataFrame, truth: Truth, later: pd.DataFrame) -> pd.DataFrame:
    """One row per pair that is offered and was not had: as ``_beside``, and the ``planted_month``."""
    rows = said[said["account_id"].isin(truth.hazards.index)].merge(truth.pairs, on=["account_id", "product_id"])
    rows = rows[rows["share"] > 0].merge(later, on=["account_id", "product_id"], how="left")
    hazards = truth.hazards.loc[rows["account_id"]].to_numpy() * rows["share"].to_numpy()[:, None]
    months = _months(truth.as_of)
    rows["said_month"] = [months.index(pd.Timestamp(month).date()) for month in rows["likely_month"]]
    rows["planted_month"] = hazards.argmax(axis=1)
    return _with_chances(rows, hazards)


def _with_chances(rows: pd.DataFrame, hazards: Floats) -> pd.DataFrame:
    chances = SurvivalCurve.from_hazards(PERIOD_ENDS, hazards).at_knots
    for ahead in WITHIN.values():
        rows[f"planted_{ahead}"] = chances[:, ahead - 1]
        rows[f"came_{ahead}"] = (rows["came"] < ahead).astype(float)
    return rows


def _ranks(rows: pd.DataFrame, column: str, ahead: int) -> float:
    return float(spearmanr(rows[column], rows[f"planted_{ahead}"]).statistic)


def _months(as_of: date) -> list[date]:
    """The first day of the month in which the middle of each period lies."""
    return [(as_of + timedelta(days=PERIOD_DAYS * n + PERIOD_DAYS // 2)).replace(day=1) for n in range(N_PERIODS)]


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
    for n in range(N_PERIODS):
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
    rows = rows[~(after < 0)]
    ladder = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[0])
    step = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[1])
    rows = rows.assign(weight=np.exp(AFFINITY * rows["affinity"]), ladder=ladder.astype(str), step=step)
    whole = rows.groupby(["account_id", "ladder"])["weight"].transform("sum")
    lowest = rows["step"] == rows.groupby(["account_id", "ladder"])["step"].transform("min")
    rows["weight"] = np.where(lowest, whole, 0.0)
    rows["share"] = rows["weight"] / (rows.groupby("account_id")["weight"].transform("sum") + CHANCE)
    return rows[["account_id", "product_id", "share"]]
