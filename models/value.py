"""What an account will bring in 90 days, and what it is worth over three years.

Trees learn by how much the coming window differs from what the account brings now (a Tweedie loss through a log link,
which estimates a mean and allows for many zeros); the trailing mean is both where they begin and the baseline. The
interval holds the revenue of eight out of ten past accounts that were expected to bring about as much, measured out
of time. A lifetime value is a formula on top: expected revenue that fades with the band's rate of leaving.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from features.accounts import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.labels import churned, revenue_after
from features.spine import account_spine
from models.baseline import Bands
from models.boosting import PARAMS, TREES, Encoding, fit
from models.calibration import Numbers
from models.folds import Folds, folds
from models.history import ACCOUNT_HASH, account_rows, labels, learning_dates
from models.model import Abstention, Challenger, Champion, Judgement
from models.reasons import Voice, as_json, middle, reasons

HORIZON_DAYS = 90
LIFETIME_WINDOWS = 12
"""Three years of windows: what lies beyond is not foreseeable, and a longer sum would pretend that it is."""

YEARLY_DISCOUNT = 0.10
POWER = 1.5
"""Of the Tweedie loss: between Poisson (1) and gamma (2), as sums of purchases are."""

PARAMETERS: dict[str, Any] = {"objective": "tweedie", "tweedie_variance_power": POWER, "learning_rate": 0.03}
FLOOR_SHARE = 0.01
"""Of the mean account: where an account that brings nothing now begins, since a logarithm has no zero."""

MOST_TIMES = 3.0
"""No account is expected to bring more than this many times what it brings, unless that is less than the mean one."""

FEWEST_ROWS = 50
FEWEST_PAYING = 20
MOST_BINS = 8
FEWEST_IN_BIN = 50
BOUNDS = (0.1, 0.9)

LEAVING = Bands("days_since_order", (30, 60, 90, 180), "Days since the last order")


@dataclass(frozen=True)
class Spread:
    """Bounds of what came over what was expected, by the logarithm of what was expected."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, expected: Numbers, came: Numbers) -> "Spread":
        """Measured in bins of equal counts."""
        order = np.argsort(expected, kind="stable")
        bins = np.array_split(order, max(1, min(MOST_BINS, len(order) // FEWEST_IN_BIN)))
        ratios = [np.quantile(came[rows] / expected[rows], BOUNDS) for rows in bins]
        at = tuple(float(np.log(expected[rows]).mean()) for rows in bins)
        return cls(at, tuple(min(1.0, float(r[0])) for r in ratios), tuple(max(1.0, float(r[1])) for r in ratios))

    def around(self, expected: Numbers) -> tuple[Numbers, Numbers]:
        """Low and high of each expectation; they include it."""
        place = np.log(expected)
        return expected * np.interp(place, self.at, self.low), expected * np.interp(place, self.at, self.high)

    def state(self) -> dict[str, list[float]]:
        """As JSON."""
        return {"at": list(self.at), "low": list(self.low), "high": list(self.high)}


class Value:
    """Revenue that an account brings within 90 days, and its lifetime value."""

    name = "expected_revenue"
    question = "What will each account bring in 90 days, and over its lifetime?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
    tables: tuple[str, ...] = ("expected_revenue", "lifetime_value")
    features_hash = ACCOUNT_HASH

    def learn(self, company: Company) -> Challenger | Abstention:
        """A challenger on every customer of past dates, judged on the latest."""
        rows = _past(company)
        parts = _split(rows)
        if isinstance(parts, Abstention):
            return parts
        judged, seed = _at(rows, parts.judge), company.seed
        early = _fit(_at(rows, parts.first), seed) if parts.first else None
        made, final = _fit(_at(rows, parts.learn), seed), _fit(rows, seed)
        spread = Spread.of(*_out_of_time(made, early, rows, parts))
        state = {
            "horizon_days": HORIZON_DAYS,
            "encoding": final.encoding.state(),
            "floor": final.floor,
            "spread": spread.state(),
            "baseline_spread": Spread.of(final.begin(judged), _came(judged)).state(),
            "leaving": LEAVING.rates(rows, rows["left"].to_numpy(dtype=np.float64)),
            "usual": middle(rows, ACCOUNT_FEATURES),
        }
        expected = made.expect(judged)
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=final.booster,
            state=state,
            judgement=_judgement(judged, expected, made.floor, _held(made, early, rows, parts)),
            features_hash=ACCOUNT_HASH,
            example=final.encoding.encode(rows.head(5)),
            params={**PARAMS, **PARAMETERS, "trees": TREES, "seed": seed, "horizon_days": HORIZON_DAYS},
            pictures={"expected and came": _picture(expected, _came(judged), company.currency)},
            trained_as_of=company.as_of,
            rows=len(rows),
        )

    def judge(self, champion: Champion, company: Company) -> Judgement | Abstention:
        """What the champion ships, on the rows that judge a challenger; NaN for rows that it has learnt from."""
        rows = _past(company)
        parts = _split(rows)
        if isinstance(parts, Abstention):
            return parts
        judged = _at(rows, parts.judge)
        floor = FLOOR_SHARE * max(1.0, float(trailing(_at(rows, parts.learn)).mean()))
        seen = (judged["as_of"] < champion.trained_as_of).to_numpy()
        return _judgement(judged, _champions(champion).expect(judged), floor, {}, seen)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``expected_revenue`` and ``lifetime_value``: one row per customer each, in the reporting currency.

        The lifetime value is revenue, before cost: three years of windows of 90 days, each as the expected one, times
        the share of accounts in its recency band that have not left by then, discounted by 10 % a year. Its bounds
        are those of the expected revenue carried through the formula.
        """
        rows = account_rows(company, (company.as_of,))
        made, state = _champions(champion), champion.state
        expected = made.expect(rows)
        plain = champion.ships == "baseline"
        spread = state["baseline_spread" if plain else "spread"]
        low, high = Spread(*(tuple(spread[part]) for part in ("at", "low", "high"))).around(expected)
        leaving = LEAVING.predict(rows, state["leaving"])[0] if len(rows) else np.zeros(0)
        windows = lifetime_windows(leaving)
        begins = [
            f"Brought {now:,.0f} {company.currency} per {HORIZON_DAYS} days lately"
            + (": expected to go on, nothing known foresees better" if plain else "")
            for now in trailing(rows)
        ]
        moved = [[]] * len(rows) if plain or rows.empty else _moved(champion, rows, company.currency)
        why = [[begin, *more[:2]] for begin, more in zip(begins, moved, strict=True)]
        lifetime_why = [
            [
                f"Expected {value:,.0f} {company.currency} in the next {HORIZON_DAYS} days",
                f"Of accounts like it (days since the last order: {band}) {rate:.0%} leave in {HORIZON_DAYS} days",
                f"Counts three years, a year ahead discounted by {YEARLY_DISCOUNT:.0%}",
            ]
            for value, band, rate in zip(expected, LEAVING.of(rows), leaving, strict=True)
        ]
        years = LIFETIME_WINDOWS * HORIZON_DAYS
        return {
            "expected_revenue": _frame(rows, expected, low, high, why, HORIZON_DAYS),
            "lifetime_value": _frame(rows, expected * windows, low * windows, high * windows, lifetime_why, years),
        }


def trailing(rows: pd.DataFrame) -> Numbers:
    """What each account brings per 90 days, going by its past: orders of its last year (or its time since the first),
    and what its subscriptions earn today.
    """
    days = rows["days_since_first_order"].clip(HORIZON_DAYS, 365).fillna(365)
    orders = rows["revenue_365"].fillna(0.0) / days * HORIZON_DAYS
    recurring = rows["mrr"].fillna(0.0) * 12 / 365 * HORIZON_DAYS
    return np.asarray(np.maximum((orders + recurring).to_numpy(dtype=np.float64), 0.0))


def lifetime_windows(leaving: Numbers) -> Numbers:
    """How many of the coming windows an account is worth, discounted, when this share leaves in each."""
    steps = np.arange(LIFETIME_WINDOWS)
    kept = (1 - leaving[:, None]) ** steps
    return np.asarray((kept * (1 + YEARLY_DISCOUNT) ** (-steps * HORIZON_DAYS / 365)).sum(axis=1))


def tweedie_losses(expected: Numbers, came: Numbers) -> Numbers:
    """One loss per row: Tweedie deviance between what was expected and what came, both in the currency."""
    one, two = 1 - POWER, 2 - POWER
    deviance = 2 * (came**two / (one * two) - came * expected**one / one + expected**two / two)
    return np.asarray(deviance)


@dataclass(frozen=True)
class _Made:
    """Trees that move an account's trailing revenue, or nothing that moves it."""

    booster: lgb.Booster | None
    encoding: Encoding
    floor: float

    def begin(self, rows: pd.DataFrame) -> Numbers:
        """Where each account begins: its trailing revenue, never zero."""
        return np.maximum(trailing(rows), self.floor)

    def expect(self, rows: pd.DataFrame) -> Numbers:
        if self.booster is None or rows.empty:
            return self.begin(rows)
        moved = np.asarray(self.booster.predict(self.encoding.encode(rows), raw_score=True))
        begin = self.begin(rows)
        most = np.maximum(MOST_TIMES * begin, self.floor / FLOOR_SHARE)
        return np.asarray(np.clip(begin * np.exp(moved), self.floor, most))


def _fit(rows: pd.DataFrame, seed: int) -> _Made:
    encoding = Encoding.of(ACCOUNT_FEATURES, ACCOUNT_CATEGORIES, rows)
    floor = FLOOR_SHARE * max(1.0, float(trailing(rows).mean()))
    start = np.log(np.maximum(trailing(rows), floor))
    return _Made(fit(encoding, rows, _came(rows), seed=seed, start=start, **PARAMETERS), encoding, floor)


def _champions(champion: Champion) -> _Made:
    """The champion as it ships. Raises ``ValueError`` when it was made on other features than today's."""
    if champion.features_hash != ACCOUNT_HASH:
        raise ValueError(
            f"{champion.model} v{champion.version} was made on features {champion.features_hash}, "
            f"today's are {ACCOUNT_HASH}: train it again"
        )
    booster = None if champion.ships == "baseline" else champion.estimator
    return _Made(booster, Encoding.restored(champion.state["encoding"]), champion.state["floor"])


def _past(company: Company) -> pd.DataFrame:
    """One row per customer and past date: features, the revenue that ``came`` (at least 0), and whether it ``left``."""
    dates = learning_dates(company, HORIZON_DAYS)
    spine = account_spine(company, dates)
    rows = account_rows(company, dates)
    money = labels(revenue_after(company, spine, HORIZON_DAYS, company.as_of_at), "account_id")
    left = labels(churned(company, spine, HORIZON_DAYS, company.as_of_at), "account_id")
    rows = rows.merge(money[["account_id", "as_of", "revenue"]], on=["account_id", "as_of"])
    rows = rows.merge(left[["account_id", "as_of", "churned"]], on=["account_id", "as_of"])
    gone = rows["churned"].astype("boolean").fillna(True).astype(bool)
    return rows.assign(came=rows["revenue"].clip(lower=0.0), left=gone).drop(columns=["revenue", "churned"])


def _split(rows: pd.DataFrame) -> Folds | Abstention:
    """The parts of the past, or what it lacks."""
    dates = sorted(rows["as_of"].unique())
    parts = folds(dates, HORIZON_DAYS)
    if parts is None:
        why = f"needs {2 * HORIZON_DAYS} days of sales to learn on some and be judged on later ones"
        return Abstention(Value.name, f"{why}; found {len(dates)} past dates")
    learnt, judged = _at(rows, parts.learn), _at(rows, parts.judge)
    paying = min(int((learnt["came"] > 0).sum()), int((judged["came"] > 0).sum()))
    if len(learnt) < FEWEST_ROWS or paying < FEWEST_PAYING:
        why = f"needs {FEWEST_PAYING} accounts that bring money after a past date, before a judged one and after it"
        return Abstention(Value.name, f"{why}; found {paying} among {len(learnt)} past cases")
    return parts


def _at(rows: pd.DataFrame, dates: tuple[date, ...]) -> pd.DataFrame:
    return rows[rows["as_of"].isin(dates)]


def _came(rows: pd.DataFrame) -> Numbers:
    return rows["came"].to_numpy(dtype=np.float64)


def _out_of_time(made: _Made, early: _Made | None, rows: pd.DataFrame, parts: Folds) -> tuple[Numbers, Numbers]:
    """What was expected and what came, on rows later than those learnt from."""
    pairs = [(made.expect(_at(rows, parts.judge)), _came(_at(rows, parts.judge)))]
    if early is not None:
        pairs.append((early.expect(_at(rows, parts.calibrate)), _came(_at(rows, parts.calibrate))))
    return np.concatenate([e for e, _ in pairs]), np.concatenate([c for _, c in pairs])


def _held(made: _Made, early: _Made | None, rows: pd.DataFrame, parts: Folds) -> dict[str, float]:
    """How often the judged revenue lay within bounds that were measured before; empty in a short history."""
    if early is None:
        return {}
    calibrating, judged = _at(rows, parts.calibrate), _at(rows, parts.judge)
    spread = Spread.of(early.expect(calibrating), _came(calibrating))
    low, high = spread.around(made.expect(judged))
    came = _came(judged)
    return {"coverage of 80": float(np.mean((low <= came) & (came <= high)))}


def _judgement(
    judged: pd.DataFrame,
    expected: Numbers,
    floor: float,
    more: dict[str, float],
    seen: "np.ndarray[Any, Any] | None" = None,
) -> Judgement:
    came, plain = _came(judged), np.maximum(trailing(judged), floor)
    losses, plain_losses = tweedie_losses(expected, came), tweedie_losses(plain, came)
    marked = losses if seen is None else np.where(seen, np.nan, losses)
    return Judgement(
        metric="Tweedie deviance",
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
            "judged rows": float(len(judged)),
            **more,
        },
    )


def _moved(champion: Champion, rows: pd.DataFrame, currency: str) -> list[list[str]]:
    """What moves each account's expectation away from what it brought lately."""
    voice = Voice("raises what is expected", "lowers what is expected", currency)
    features = (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES)
    encoding = Encoding.restored(champion.state["encoding"])
    return reasons(champion.estimator, encoding, rows, features, champion.state["usual"], voice)


def _frame(
    rows: pd.DataFrame, value: Numbers, low: Numbers, high: Numbers, why: list[list[str]], days: int
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


def _picture(expected: Numbers, came: Numbers, currency: str) -> Figure:
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
