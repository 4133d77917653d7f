"""Predictions and published scores of open deals by a champion."""

import pandas as pd

from data.arrays import Floats
from features.percent import format_probability
from features.revenue.dimensions import UNKNOWN
from models.deals.competing_risks import WinCurves
from models.deals.partial_pooling import PooledRates
from models.deals.time_split import OUTCOME, WIN_HORIZON_DAYS
from models.deals.win_trees import WIN_FEATURES, WIN_FEATURES_HASH, WinTrees
from models.estimators.calibration import Calibration
from models.estimators.explanations import MAX_REASONS, Explainer, Phrasing, as_json
from models.estimators.gradient_boosting import Encoding
from models.model import Champion

WIN_PHRASES = ("raises the chance to win", "lowers the chance to win")
CLOSING_PHRASES = ("makes an early end likelier", "makes an early end less likely")


def predict(champion: Champion, rows: pd.DataFrame) -> WinCurves:
    """How each open deal ends, by the model or the baseline, whichever ships.

    Where the trees do not discriminate won from lost better than pooled rates, these give the share of wins, and the
    trees only when the deal closes. Raises ``ValueError`` when the champion was trained on other features than today's.
    """
    champion.check(WIN_FEATURES_HASH)
    if _uses_baseline(champion, rows):
        return PooledRates.from_state(champion.state["baseline"]).predict(rows)
    curves = _trees(champion).predict(rows)
    if champion.state["discriminates"]:
        return curves
    return curves.with_win_shares_of(PooledRates.from_state(champion.state["win_shares"]).predict(rows))


def score(champion: Champion, rows: pd.DataFrame, currency: str) -> tuple[pd.DataFrame, WinCurves]:
    """One row per deal: its key, ``value, low, high`` (won within the horizon), ``eventually`` with its bounds,
    ``reasons, horizon_days, abstained``; and the curves."""
    curves = predict(champion, rows)
    value, eventually = curves.within(WIN_HORIZON_DAYS), curves.eventually
    low, high = _interval(champion, rows, value)
    eventually_low, eventually_high = _interval(champion, rows, eventually)
    frame = pd.DataFrame(
        {
            "opportunity_id": rows["opportunity_id"].to_numpy(),
            "value": value.round(6),
            "low": low.round(6),
            "high": high.round(6),
            "eventually": eventually.round(6),
            "eventually_low": eventually_low.round(6),
            "eventually_high": eventually_high.round(6),
            "reasons": as_json(_explain(champion, rows, curves, currency)),
            "horizon_days": champion.state["horizon_days"],
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )
    return frame, curves


def _interval(champion: Champion, rows: pd.DataFrame, probabilities: Floats) -> tuple[Floats, Floats]:
    """Bounds (80 %) of a probability of each row."""
    if _uses_baseline(champion, rows):
        return PooledRates.from_state(champion.state["baseline"]).interval(rows, probabilities)
    return Calibration.from_state(champion.state["calibration"]).interval(probabilities)


def _explain(champion: Champion, rows: pd.DataFrame, curves: WinCurves, currency: str) -> list[list[str]]:
    """At most three sentences per row; first the pooled rate, where that decides which deals are won."""
    state = champion.state
    if _uses_baseline(champion, rows):
        rates = PooledRates.from_state(state["baseline"])
        ending = "no known feature predicts better"
        return [[first] for first in _rate_sentences(rates, rows, curves.within(WIN_HORIZON_DAYS), OUTCOME, ending)]
    discriminates = bool(state["discriminates"])
    phrases = WIN_PHRASES if discriminates else CLOSING_PHRASES
    explainer = Explainer(WIN_FEATURES, state["typical_values"], Phrasing(*phrases, currency))
    explanations = explainer.explain(_trees(champion).contributions(rows, curves, of_win=discriminates), rows)
    if discriminates:
        return explanations
    rates = PooledRates.from_state(state["win_shares"])
    ending = "no known feature predicts won or lost better"
    first_sentences = _rate_sentences(rates, rows, curves.eventually, "are won in the end", ending)
    return [[first, *others[: MAX_REASONS - 1]] for first, others in zip(first_sentences, explanations, strict=True)]


def _rate_sentences(
    rates: PooledRates, rows: pd.DataFrame, probabilities: Floats, outcome: str, ending: str
) -> list[str]:
    """One sentence per row: the rate of its stratum; ``ending`` completes that of all."""
    if not rates.levels:
        return [f"{format_probability(rate)} of all {outcome}; {ending}" for rate in probabilities]
    levels = list(rates.levels)
    values = rows[levels].astype(object).where(rows[levels].notna(), UNKNOWN)
    names = [", ".join(f"{level} {value}" for level, value in row.items()) for row in values.to_dict("records")]
    return [
        f"{name[:1].upper()}{name[1:]}: {format_probability(rate)} of such deals {outcome}"
        for name, rate in zip(names, probabilities, strict=True)
    ]


def _trees(champion: Champion) -> WinTrees:
    return WinTrees(champion.estimator, Encoding.from_state(champion.state["encoding"]))


def _uses_baseline(champion: Champion, rows: pd.DataFrame) -> bool:
    return champion.ships == "baseline" or rows.empty
