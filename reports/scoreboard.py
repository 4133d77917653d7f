"""The scoreboard of past scores: what was said, beside what happened, by month and model version.

An account is scored week after week, and what befalls it counts in all those weeks: rows of one account are no
independent proofs. Intervals therefore draw accounts, not rows (a bootstrap of clusters; Field & Welsh 2007), with the
same draws for every figure of a month.
"""

from collections.abc import Iterator
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.scoring import RELIABILITY, SCOREBOARD, conform
from features.company import Company
from features.outcomes import OUTCOMES, happened

TENTHS = 10
DRAWS, REACH = 200, 2.576
"""Draws of accounts behind an interval, and how many standard errors it reaches: 99 of 100 hold the truth."""
FEWEST = 30
"""Fewer matched scores of one month and version say nothing."""
LEAST_CHANCE = 1e-6
"""Chances are kept from 0 and 1 by so much where their logarithm is taken."""

Numbers = npt.NDArray[np.float64]


def match(company: Company, said: pd.DataFrame) -> pd.DataFrame:
    """The scores of closed windows with their ``outcome``, NaN where there is none to be had; ``new`` where it was not
    known before. ``said`` is ``data.ledger.said_before``; scores without a line in ``OUTCOMES`` are left out.
    """
    known = {outcome.score for outcome in OUTCOMES}
    closed = said[(said["closes_on"] <= company.as_of) & said["score"].isin(known)]
    new = closed["outcome_as_of"].isna()
    parts = [closed[~new].assign(new=False)]
    for _, rows in closed[new].groupby(["score", "horizon_days"], sort=True):
        score, horizon = str(rows["score"].iloc[0]), int(rows["horizon_days"].iloc[0])
        parts.append(happened(company, score, horizon, rows.drop(columns="outcome")).assign(new=True))
    return pd.concat(parts, ignore_index=True)


def scoreboard(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per score, month in which it was given and model version: ``data.scoring.SCOREBOARD``."""
    rows = [
        {**name, "nights": part["as_of"].nunique(), "matched": len(part), **_figures(part, kind, seed)}
        for name, kind, part in _parts(matched)
    ]
    return conform(pd.DataFrame(rows, columns=list(SCOREBOARD.by_name)), SCOREBOARD)


def reliability(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per score, month, version and tenth of the scores: ``data.scoring.RELIABILITY``."""
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
    draws = _draws(part, seed)
    figures = {"said": said.mean(), "happened": came.mean()}
    accounts, shares = part["key"].nunique(), kind == "chance"
    drawn = draws @ came / draws.sum(axis=1)
    figures["happened_low"], figures["happened_high"] = _around(figures["happened"], drawn, accounts, share=shares)
    if kind == "money":
        figures["absolute_error"] = np.abs(said - came).mean()
        low, high = part["low"].to_numpy(np.float64), part["high"].to_numpy(np.float64)
        given = ~np.isnan(low) & ~np.isnan(high)
        if given.any():
            inside = ((came >= low) & (came <= high))[given]
            figures["coverage"] = inside.mean()
            weights = draws[:, given]
            drawn = weights @ inside / np.maximum(weights.sum(axis=1), 1)
            held = _around(figures["coverage"], drawn, part.loc[given, "key"].nunique(), share=True)
            figures["coverage_low"], figures["coverage_high"] = held
        return figures
    chance = np.clip(said, LEAST_CHANCE, 1 - LEAST_CHANCE)
    tenth = _tenth(len(part))
    figures |= {
        "brier": ((said - came) ** 2).mean(),
        "log_loss": -(came * np.log(chance) + (1 - came) * np.log(1 - chance)).mean(),
        "calibration_error": _calibration_error(np.ones((1, len(part))), said, came, tenth)[0],
        "auc": _auc(said, came),
        "lift": _lift(np.ones((1, len(part))), came, tenth)[0],
    }
    for name, drawn in (
        ("calibration_error", _calibration_error(draws, said, came, tenth)),
        ("lift", _lift(draws, came, tenth)),
    ):
        low_, high_ = _around(figures[name], drawn, accounts, share=False)
        figures[f"{name}_low"], figures[f"{name}_high"] = max(low_, 0.0), high_
    return figures


def _tenths(part: pd.DataFrame, kind: str, seed: int) -> pd.DataFrame:
    """What each tenth of the scores said, and what happened in it."""
    said, came = part["value"].to_numpy(np.float64), part["outcome"].to_numpy(np.float64)
    tenth, draws = _tenth(len(part)), _draws(part, seed)
    rows = []
    for number in range(1, TENTHS + 1):
        mine = tenth == number
        weights = draws[:, mine]
        drawn = weights @ came[mine] / np.maximum(weights.sum(axis=1), 1)
        mean, accounts = float(came[mine].mean()), part.loc[mine, "key"].nunique()
        limits = _around(mean, drawn, accounts, share=kind == "chance")
        rows.append((number, int(mine.sum()), said[mine].mean(), mean, *limits))
    return pd.DataFrame(rows, columns=["tenth", "matched", "said", "happened", "happened_low", "happened_high"])


def _tenth(rows: int) -> npt.NDArray[np.int64]:
    """The tenth of each row, rows in the order of what they said; as equal in number as can be."""
    return np.arange(rows) * TENTHS // rows + 1


def _draws(part: pd.DataFrame, seed: int) -> Numbers:
    """How often each row is in each draw: all rows of an account together, accounts drawn with replacement."""
    place, keys = pd.factorize(part["key"], sort=True)
    rng = np.random.default_rng([seed, 31])
    counts = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=DRAWS)
    drawn: Numbers = counts[:, place].astype(np.float64)
    return drawn


def _around(figure: float, drawn: Numbers, accounts: int, *, share: bool) -> tuple[float, float]:
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


def _calibration_error(weights: Numbers, said: Numbers, came: Numbers, tenth: npt.NDArray[np.int64]) -> Numbers:
    """Mean distance, over tenths, between what was said and what happened (Naeini et al. 2015), for each draw."""
    member = (tenth[:, None] == np.arange(1, TENTHS + 1)).astype(np.float64)
    off = np.abs(weights @ (member * (said - came)[:, None])).sum(axis=1)
    return np.asarray(off / weights.sum(axis=1))


def _lift(weights: Numbers, came: Numbers, tenth: npt.NDArray[np.int64]) -> Numbers:
    """How many times as often it happened in the highest tenth as in all, for each draw; NaN where it never did."""
    top = tenth == TENTHS
    share = weights @ came / weights.sum(axis=1)
    highest = weights[:, top] @ came[top] / np.maximum(weights[:, top].sum(axis=1), 1)
    lift: Numbers = np.divide(highest, share, out=np.full(len(share), np.nan), where=share > 0)
    return lift


def _auc(said: Numbers, came: Numbers) -> float:
    """The chance that one to whom it happened was said to be likelier than one to whom it did not."""
    yes = came > 0.5
    if yes.all() or not yes.any():
        return float("nan")
    ranks = pd.Series(said).rank().to_numpy()
    happened_, not_ = int(yes.sum()), int((~yes).sum())
    return float((ranks[yes].sum() - happened_ * (happened_ + 1) / 2) / (happened_ * not_))
