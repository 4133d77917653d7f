"""Upsell of the demo company: which account buys something new, what, and in which month, all of it planted.

As of three dates half a year and more before its history ends, the upsell model is retrained on what was known and
scores all_accounts customer, through the night's own steps. The truth, which the pipeline never reads, gives for each
account and month the probability to buy something new of its own accord (``truth/months``), and the affinity to each
product (``truth/affinities``): the next product is drawn with odds exp(1.3 × affinity) among those not owned yet and on
sale; of a ladder of tiers the lowest one remaining takes the share of all. *Planted* probabilities follow from both.
Products are also bought in deals, and tiers of the platform by upgrades, which these hazards do not contain: ranks are
compared with the planted probabilities, levels with *actual* new purchases of the company as known at the end.

Timing: the predicted likeliest month of each offered pair against the month of the highest planted probability, next to
two guesses: a random month, and the first month for all. The month of a pair depends on a hidden health that wanders;
little more can be known than the season, and that health reverts to its mean. The same for buyers: whether the first
new product of the half year actual within a month of the account's predicted likeliest month. And over all customers
and dates: mean predicted hazards, month by month, against the shares of the remaining customers that bought in the
month.
"""

import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.harness.planted_deals import expected_calibration_error
from bench.harness.result import Figures, Rows, result_row
from bench.harness.snapshots import company_at
from data.arrays import Floats
from data.demo import write_demo
from data.demo.adoption import AFFINITY
from data.demo.catalogue import LADDERS, PRODUCT_IDS, RECURRING, sold_from, sold_until
from data.statistics import auc
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from features.products.purchases import new_product_purchases
from flows.settings import Settings
from models.model import Abstention
from models.survival.censoring import PERIOD_ENDS
from models.survival.curves import SurvivalCurve
from models.survival.scoring import predict
from models.training.rows import account_rows
from models.upsell import UPSELL, UPSELL_SPEC

UNTIL = datetime(2026, 6, 30, 15, 0)
SIZE = 2.0
YEARS = 3
DATES = tuple(UNTIL.date() - timedelta(days=days) for days in (181, 241, 301))
WITHIN = {"within_30": 1, "value": 3, "within_180": 6}
"""Columns of the scores, and how many periods they look ahead."""
MIN_WEIGHT = 1e-9


@dataclass(frozen=True)
class Truth:
    """What was planted, as of one date."""

    as_of: date
    hazards: pd.DataFrame
    """Account × period ahead: the hazard of buying something new of its own accord."""
    pairs: pd.DataFrame
    """One row per account and product not owned yet: its ``share`` in the next purchase."""

    @classmethod
    def read(cls, folder: Path, as_of: date) -> "Truth":
        """From the tables written beside the company."""
        months = pd.read_parquet(folder / "months.parquet")
        accounts = pd.read_parquet(folder / "accounts.parquet")
        affinities = pd.read_parquet(folder / "affinities.parquet")
        return cls(as_of, _by_period(months, as_of), _next_product_shares(affinities, accounts, months, as_of))


@dataclass(frozen=True)
class Measures:
    """Rows and figures as they are added."""

    rows: Rows = field(default_factory=list)
    figures: Figures = field(default_factory=dict)

    def add(self, name: str, method: str, metric: str, value: float, target: str = "") -> None:
        """A row, and the figure ``demo.<name>``."""
        self.rows.append(result_row("demo", method, metric, value, target))
        self.figures[f"demo.{name}"] = round(value, 4)


def demo(_: Path) -> tuple[Rows, Figures]:
    """Rows and figures of the demo company."""
    accounts, pairs, months = [], [], []
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=SIZE, years=YEARS)
        settings = Settings(root=Path(folder))
        bought = new_product_purchases(company_at(settings, UNTIL.date())).execute()
        for as_of in DATES:
            curve, offered = _score(settings, as_of)
            truth = Truth.read(Path(folder) / "var" / "demo" / "truth", as_of)
            later = _purchases_after(bought, as_of)
            accounts.append(_compare_accounts(curve, truth, later))
            pairs.append(_compare_pairs(offered, truth, later))
            months.append(_by_month(accounts[-1]))
    measures = Measures()
    all_accounts = pd.concat(accounts, ignore_index=True)
    _measure_accounts(measures, all_accounts)
    _measure_pairs(measures, pd.concat(pairs, ignore_index=True))
    _measure_buyers(measures, all_accounts)
    hazards = pd.concat(months)
    rank = float(spearmanr(hazards["predicted"], hazards["bought_in"]).statistic)
    measures.add("hazards_rank", "all customers, month by month", "rank correlation with actual shares", rank)
    return measures.rows, measures.figures


def _measure_accounts(measures: Measures, accounts: pd.DataFrame) -> None:
    """How well scores rank and calibrate accounts, within each horizon."""
    for column, ahead in WITHIN.items():
        days = ahead * PERIOD_DAYS
        method = f"accounts, {days} days"
        predicted, actual = accounts[column].to_numpy(), accounts[f"bought_{ahead}"].to_numpy()
        planted_auc = auc(accounts[f"planted_{ahead}"].to_numpy(), actual)
        measures.add(f"rank_{days}", method, "rank correlation with planted", _ranks(accounts, column, ahead))
        measures.add(f"auc_{days}", method, "auc", auc(predicted, actual))
        measures.add(f"planted_auc_{days}", f"planted, {days} days", "auc", planted_auc)
        measures.add(f"ece_{days}", method, "ece", expected_calibration_error(predicted, actual), "≤ 0.03")
        observed = f"{actual.mean():.4f} observed"
        measures.rows.append(result_row("demo", method, "mean predicted", predicted.mean(), observed))


def _measure_pairs(measures: Measures, offers: pd.DataFrame) -> None:
    """How well scores rank and calibrate pairs, and whether the likeliest month is near the planted one."""
    for column, ahead in WITHIN.items():
        days = ahead * PERIOD_DAYS
        method = f"pairs, {days} days"
        predicted, actual = offers[column].to_numpy(), offers[f"bought_{ahead}"].to_numpy()
        measures.add(f"pair_rank_{days}", method, "rank correlation with planted", _ranks(offers, column, ahead))
        measures.add(f"pair_auc_{days}", method, "auc", auc(predicted, actual))
        measures.add(f"pair_ece_{days}", method, "ece", expected_calibration_error(predicted, actual), "≤ 0.03")
    metric = "within a month of planted"
    within_one = (offers["predicted_month"] - offers["planted_month"]).abs() <= 1
    in_first, even = offers["planted_month"] <= 1, offers["planted_month"].map(_random_month_hits)
    measures.add("month_within_one", "pairs, likeliest month", metric, float(within_one.mean()))
    measures.add("first_month_within_one", "the first month for all", metric, float(in_first.mean()))
    measures.add("even_month_within_one", "a random month", metric, float(even.mean()))


def _random_month_hits(month: int) -> float:
    """The probability that a random month is the given one or next to it."""
    return (2 if month in (0, N_PERIODS - 1) else 3) / N_PERIODS


def _measure_buyers(measures: Measures, accounts: pd.DataFrame) -> None:
    """Whether the first new product was bought within a month of the predicted likeliest month."""
    buyers = accounts.dropna(subset="bought_in")
    metric = "within a month of the purchase"
    near, in_first = (buyers["predicted_month"] - buyers["bought_in"]).abs() <= 1, buyers["bought_in"] <= 1
    measures.add("buyers_within_one", "buyers, likeliest month", metric, float(near.mean()))
    measures.add("buyers_first_month", "the first month for all", metric, float(in_first.mean()))


def _score(settings: Settings, as_of: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of accounts (rows × periods: cumulative probability) and of pairs; ``SystemExit`` if it abstains."""
    company, model = company_at(settings, as_of), UPSELL
    challenger = model.train(company)
    scored = challenger if isinstance(challenger, Abstention) else model.score(company, challenger.as_champion("1"))
    if isinstance(challenger, Abstention) or isinstance(scored, Abstention):
        raise SystemExit(f"the upsell model abstains: {challenger if isinstance(challenger, Abstention) else scored}")
    rows = account_rows(company, (as_of,))
    curve = pd.DataFrame(
        predict(UPSELL_SPEC, challenger.as_champion("1"), rows).at_knots, index=rows["account_id"].astype(str)
    )
    return curve, scored["upsell_products"]


def _purchases_after(bought: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """New purchases of the half year after a date, with the period (from 0) that each was ``bought_in``."""
    after = (bought["event_at"] - pd.Timestamp(as_of)).dt.total_seconds() / 86400
    soon = (after >= 0) & (after < PERIOD_DAYS * N_PERIODS)
    return bought.assign(bought_in=after // PERIOD_DAYS)[soon][["account_id", "product_id", "bought_in"]]


def _compare_accounts(curve: pd.DataFrame, truth: Truth, later: pd.DataFrame) -> pd.DataFrame:
    """One row per account that was a customer then: predictions, ``planted_<periods>``, ``bought_<periods>``, the
    period it ``bought_in`` (NaN: not within the half year) and the predicted likeliest one."""
    common = curve.index.intersection(truth.hazards.index)
    probabilities = curve.loc[common].to_numpy()
    rows = pd.DataFrame({name: probabilities[:, ahead - 1] for name, ahead in WITHIN.items()}, index=common)
    rows["bought_in"] = later.groupby("account_id")["bought_in"].min().reindex(common)
    stays = np.hstack([np.ones((len(rows), 1)), 1.0 - probabilities])
    rows["predicted_month"] = (stays[:, :-1] - stays[:, 1:]).argmax(axis=1)
    for n in range(N_PERIODS):
        rows[f"hazard_{n}"] = 1.0 - stays[:, n + 1] / stays[:, n]
    return _with_planted(rows, truth.hazards.loc[common].to_numpy())


def _by_month(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per period: the mean ``predicted`` hazard, and the share of remaining accounts that ``bought_in`` it."""
    remaining = [rows["bought_in"].isna() | (rows["bought_in"] >= n) for n in range(N_PERIODS)]
    return pd.DataFrame(
        {
            "predicted": [rows.loc[remaining[n], f"hazard_{n}"].mean() for n in range(N_PERIODS)],
            "bought_in": [(rows.loc[remaining[n], "bought_in"] == n).mean() for n in range(N_PERIODS)],
        }
    )


def _compare_pairs(predicted: pd.DataFrame, truth: Truth, later: pd.DataFrame) -> pd.DataFrame:
    """One row per offered pair that was not owned: as ``_compare_accounts``, and the ``planted_month``."""
    rows = predicted[predicted["account_id"].isin(truth.hazards.index)].merge(
        truth.pairs, on=["account_id", "product_id"]
    )
    rows = rows[rows["share"] > 0].merge(later, on=["account_id", "product_id"], how="left")
    hazards = truth.hazards.loc[rows["account_id"]].to_numpy() * rows["share"].to_numpy()[:, None]
    months = _months(truth.as_of)
    rows["predicted_month"] = [months.index(pd.Timestamp(month).date()) for month in rows["likely_month"]]
    rows["planted_month"] = hazards.argmax(axis=1)
    return _with_planted(rows, hazards)


def _with_planted(rows: pd.DataFrame, hazards: Floats) -> pd.DataFrame:
    probabilities = SurvivalCurve.from_hazards(PERIOD_ENDS, hazards).at_knots
    for ahead in WITHIN.values():
        rows[f"planted_{ahead}"] = probabilities[:, ahead - 1]
        rows[f"bought_{ahead}"] = (rows["bought_in"] < ahead).astype(float)
    return rows


def _ranks(rows: pd.DataFrame, column: str, ahead: int) -> float:
    return float(spearmanr(rows[column], rows[f"planted_{ahead}"]).statistic)


def _months(as_of: date) -> list[date]:
    """The first day of the month in which the middle of each period lies."""
    return [(as_of + timedelta(days=PERIOD_DAYS * n + PERIOD_DAYS // 2)).replace(day=1) for n in range(N_PERIODS)]


def _by_period(months: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Account × period of 30 days: hazards of the calendar months it overlaps, by their share in it; customers only."""
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
        overlaps = [
            max(min(e, high) - max(s, low), pd.Timedelta(0)) / (e - s) for s, e in zip(starts, ends, strict=True)
        ]
        periods.append(1.0 - np.exp(stays @ np.array(overlaps)))
    now = months[(months["month"] <= pd.Timestamp(as_of))].groupby("account_id")["active"].last()
    hazards_by_account = pd.DataFrame(np.column_stack(periods), index=hazard.index)
    return hazards_by_account[now.reindex(hazards_by_account.index).to_numpy(dtype=bool)]


def _next_product_shares(
    affinities: pd.DataFrame, accounts: pd.DataFrame, months: pd.DataFrame, as_of: date
) -> pd.DataFrame:
    """``Truth.pairs``."""
    first, last = months["month"].min().date(), UNTIL.date()
    on_sale = {
        name
        for name, begins, ends in zip(PRODUCT_IDS, sold_from(first, last), sold_until(first, last), strict=True)
        if begins <= as_of and (ends is None or ends > as_of)
    }
    recurring = {name for name, is_recurring in zip(PRODUCT_IDS, RECURRING, strict=True) if is_recurring}
    rung = {PRODUCT_IDS[at]: (ladder[0], at) for ladder in LADDERS for at in ladder}
    rows = affinities.merge(accounts[["account_id", "subscribes"]], on="account_id")
    rows = rows[rows["product_id"].isin(on_sale) & (rows["subscribes"] | ~rows["product_id"].isin(recurring))]
    after = (rows["adopted_at"] - pd.Timestamp(as_of)).dt.total_seconds() / 86400
    rows = rows[~(after < 0)]
    ladder = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[0])
    step = rows["product_id"].map(lambda name: rung.get(name, (name, 0))[1])
    rows = rows.assign(weight=np.exp(AFFINITY * rows["affinity"]), ladder=ladder.astype(str), step=step)
    ladder_weight = rows.groupby(["account_id", "ladder"])["weight"].transform("sum")
    lowest = rows["step"] == rows.groupby(["account_id", "ladder"])["step"].transform("min")
    rows["weight"] = np.where(lowest, ladder_weight, 0.0)
    rows["share"] = rows["weight"] / (rows.groupby("account_id")["weight"].transform("sum") + MIN_WEIGHT)
    return rows[["account_id", "product_id", "share"]]
