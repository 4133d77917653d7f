"""The scoreboard of past scores: what was said, beside what happened, by month and model version.

The calibration error is the mean distance, over tenths of the scores, between what was said and what happened (Naeini
et al. 2015); the lift how many times as often it happened in the highest tenth as in all.

An account is scored week after week, and what befalls it counts in all those weeks: rows of one account are no
independent proofs. Intervals therefore draw accounts, not rows (a bootstrap of clusters; Field & Welsh 2007), with the
same draws for every figure of a month.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats
from data.outputs.conform import conform
from data.outputs.report_tables import RELIABILITY, SCOREBOARD
from features.company import Company
from features.labels.score_outcomes import OUTCOMES, SETTLEMENT_DAYS, score_outcomes

TENTHS = 10
DRAWS, REACH = 500, 2.576
"""Draws of accounts behind an interval, and how many standard errors it reaches: 99 of 100 hold the truth."""
FEWEST = 30
"""Fewer matched scores of one month and version say nothing."""
LEAST_CHANCE = 1e-6
"""Chances are kept from 0 and 1 by so much where their logarithm is taken."""


def match(company: Company, said: pd.DataFrame) -> pd.DataFrame:
    """The scores of closed windows with their ``outcome``, NaN where there is none to be had; ``new`` where it was not
    known before. ``said`` is ``data.store.score_ledger.said_before``; scores without a line in ``OUTCOMES`` are left out.
    """
    known = {outcome.score for outcome in OUTCOMES}
    settled = company.as_of - timedelta(days=SETTLEMENT_DAYS)
    closed = said[(said["closes_on"] <= settled) & said["score"].isin(known)]
    new = closed["outcome_as_of"].isna()
    parts = [closed[~new].assign(new=False)]
    for _, rows in closed[new].groupby(["score", "horizon_days"], sort=True):
        score, horizon = str(rows["score"].iloc[0]), int(rows["horizon_days"].iloc[0])
        parts.append(score_outcomes(company, score, horizon, rows.drop(columns="outcome")).assign(new=True))
    return pd.concat(parts, ignore_index=True)


def scoreboard(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per score, month in which it was given and model version: ``data.outputs.report_tables.SCOREBOARD``."""
    rows = [
        {**name, "nights": part["as_of"].nunique(), "matched": len(part), **_figures(part, kind, seed)}
        for name, kind, part in _parts(matched)
    ]
    return conform(pd.DataFrame(rows, columns=list(SCOREBOARD.by_name)), SCOREBOARD)


def reliability(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per score, month, version and tenth of the scores: ``data.outputs.report_tables.RELIABILITY``."""
    frames = [
        pd.concat([pd.DataFrame([name] * TENTHS), _tenths(part, kind, seed)], axis=1)
        for name, kind, part in _parts(matched)
    ]
    return conform(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), RELIABILITY)


def _parts(matched: pd.DataFrame) -> Iterator[tuple[dict[str, object], str, pd.DataFrame]]:
    """The names, kind and rows of each score, month and version of which enough is known."""
    kinds = {outcome.score: outcome.kind for outcome in OUTCOMES}
    known = matched[matched["outcome"].notna()]
    months = known["as_of"].map(lambda day: date(day.year, day.month, 1))
    for (score, month, model), part in known.groupby([known["score"], months, known["model"]], sort=True):
        if len(part) >= FEWEST:
            ordered = part.sort_values(["value", "key", "as_of"], ignore_index=True)
            yield {"score": score, "month": month, "model": model}, kinds[str(score)], ordered


def _figures(part: pd.DataFrame, kind: str, seed: int) -> dict[str, float]:
    said, came = part["value"].to_numpy(np.float64), part["outcome"].to_numpy(np.float64)
    drawn = Draws.of(part, seed)
    figures = {"predicted": said.mean(), "observed": came.mean()}
    _add(figures, "observed", drawn.mean(came), drawn.accounts, share=kind == "chance")
    if kind == "money":
        figures["absolute_error"] = np.abs(said - came).mean()
        low, high = part["low"].to_numpy(np.float64), part["high"].to_numpy(np.float64)
        given = ~np.isnan(low) & ~np.isnan(high)
        if given.any():
            inside = (came >= low) & (came <= high) & given
            figures["coverage"] = inside.sum() / given.sum()
            _add(figures, "coverage", drawn.mean(inside, given), drawn.accounts, share=True)
        return figures
    chance = np.clip(said, LEAST_CHANCE, 1 - LEAST_CHANCE)
    tenth = _tenth(len(part))
    member = tenth[:, None] == np.arange(1, TENTHS + 1)
    off = member * (said - came)[:, None]
    top = tenth == TENTHS
    figures |= {
        "brier": ((said - came) ** 2).mean(),
        "log_loss": -(came * np.log(chance) + (1 - came) * np.log(1 - chance)).mean(),
        "calibration_error": np.abs(off.sum(axis=0)).sum() / len(part),
        "auc": _auc(said, came),
        "lift": came[top].mean() / came.mean() if came.any() else float("nan"),
    }
    errors = np.abs(drawn.sums(off)).sum(axis=1) / drawn.sums(np.ones(len(part)))[:, 0]
    _add(figures, "calibration_error", errors, drawn.accounts, share=False)
    highest, share = drawn.mean(came * top, top), drawn.mean(came)
    lifts = np.divide(highest, share, out=np.full(len(share), np.nan), where=share > 0)
    _add(figures, "lift", lifts, drawn.accounts, share=False)
    return figures | {name: max(figures[name], 0.0) for name in ("calibration_error_low", "lift_low")}


def _add(figures: dict[str, float], name: str, drawn: Floats, accounts: int, *, share: bool) -> None:
    """Add the limits of a figure."""
    figures[f"{name}_low"], figures[f"{name}_high"] = _around(figures[name], drawn, accounts, share=share)


def _tenths(part: pd.DataFrame, kind: str, seed: int) -> pd.DataFrame:
    """What each tenth of the scores said, and what happened in it."""
    said, came = part["value"].to_numpy(np.float64), part["outcome"].to_numpy(np.float64)
    tenth, drawn = _tenth(len(part)), Draws.of(part, seed)
    rows = []
    for number in range(1, TENTHS + 1):
        mine = tenth == number
        mean, accounts = float(came[mine].mean()), part.loc[mine, "key"].nunique()
        limits = _around(mean, drawn.mean(came * mine, mine), accounts, share=kind == "chance")
        rows.append((number, int(mine.sum()), said[mine].mean(), mean, *limits))
    return pd.DataFrame(rows, columns=["decile", "matched", "predicted", "observed", "observed_low", "observed_high"])


@dataclass(frozen=True)
class Draws:
    """Accounts drawn with replacement: how often each is in each draw, and the account of each row."""

    times: Floats
    """Draw × account."""
    account: npt.NDArray[np.int64]

    @classmethod
    def of(cls, part: pd.DataFrame, seed: int) -> "Draws":
        """Draws of the accounts of some rows, the same for the same accounts and seed."""
        account, keys = pd.factorize(part["key"], sort=True)
        rng = np.random.default_rng([seed, 31])
        times = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=DRAWS)
        return cls(times.astype(np.float64), account.astype(np.int64))

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return int(self.times.shape[1])

    def sums(self, values: npt.NDArray[Any]) -> Floats:
        """Draw × column: sums of the rows' values over the accounts drawn."""
        columns = values.reshape(len(values), -1)
        by_account = np.zeros((self.accounts, columns.shape[1]))
        np.add.at(by_account, self.account, columns)
        return np.asarray(self.times @ by_account)

    def mean(self, values: npt.NDArray[Any], of: npt.NDArray[Any] | None = None) -> Floats:
        """The mean of the rows' values in each draw, over the rows that ``of`` marks; 0 where a draw has none."""
        rows = np.ones(len(values)) if of is None else of
        return np.asarray(self.sums(values)[:, 0] / np.maximum(self.sums(rows)[:, 0], 1))


def _tenth(rows: int) -> npt.NDArray[np.int64]:
    """The tenth of each row, rows in the order of what they said; as equal in number as can be."""
    return np.arange(rows) * TENTHS // rows + 1


def _around(figure: float, drawn: Floats, accounts: int, *, share: bool) -> tuple[float, float]:
    """The limits of a figure, from how its draws scatter.

    Those of a share are Wilson's (1927), for as many independent rows as scatter so: where it always happened, or never
    did, the draws do not scatter at all, and the accounts are counted.
    """
    error = float(np.nanstd(drawn)) if not np.isnan(drawn).all() else float("nan")
    if not share:
        return figure - REACH * error, figure + REACH * error
    proofs = figure * (1 - figure) / error**2 if error > 0 and 0 < figure < 1 else float(accounts)
    middle = (figure + REACH**2 / (2 * proofs)) / (1 + REACH**2 / proofs)
    half = REACH / (1 + REACH**2 / proofs) * (figure * (1 - figure) / proofs + REACH**2 / (4 * proofs**2)) ** 0.5
    return middle - half, middle + half


def _auc(said: Floats, came: Floats) -> float:
    """The chance that one to whom it happened was said to be likelier than one to whom it did not."""
    yes = came > 0.5
    if yes.all() or not yes.any():
        return float("nan")
    ranks = pd.Series(said).rank().to_numpy()
    happened_, not_ = int(yes.sum()), int((~yes).sum())
    return float((ranks[yes].sum() - happened_ * (happened_ + 1) / 2) / (happened_ * not_))
