"""Cumulative probabilities that the income of a contract ends or grows, whichever contracts follow it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.revenue.base_rates import BaseRates, daily_hazard
from models.survival.curves import MIN_SURVIVAL, SurvivalCurve

SCORED_DAYS = (30.0, 90.0, 180.0)
"""Horizons for which the models of contracts publish probabilities."""
KNOT_DAYS = (*SCORED_DAYS, 365.0)
MAX_PROBABILITY = 1 - 1e-6


def contract_probabilities(
    contracts: pd.DataFrame, now: pd.Timestamp, frames: Mapping[str, pd.DataFrame], rates: BaseRates
) -> tuple[SurvivalCurve, SurvivalCurve]:
    """Two curves per contract (``subscription_id, term``): that its income ends, and that it grows if it stays.

    From the published scores ``subscription_churn`` and ``expansion`` where ``frames`` have them for the contract, else
    from the company's base rates.
    """
    churn, expansion = (_scores(contracts, frames.get(name)) for name in ("subscription_churn", "expansion"))
    if_stays = np.minimum(expansion / np.maximum(1.0 - np.nan_to_num(churn), MIN_SURVIVAL), MAX_PROBABILITY)
    term_days = np.array((contracts["term"] - now).dt.days, dtype=np.float64)
    term_days[term_days < 0] = np.nan  # the contract ran on past its term: treated as one without a term

    def curve(scored: Floats, monthly_rate: float) -> SurvivalCurve:
        probabilities = cumulative_event_probability_with_succession(
            scored, monthly_rate, rates.replacement_rate, rates.replacement_share, term_days
        )
        by_rate = constant_rate_curve(monthly_rate, len(contracts)).at_knots
        return _curve(np.where(np.isnan(probabilities), by_rate, probabilities))

    return curve(churn, rates.churn_rate), curve(if_stays, rates.expansion_rate)


def constant_rate_curve(monthly_rate: float, n_rows: int) -> SurvivalCurve:
    """``n_rows`` equal curves of an event with a constant monthly probability."""
    return SurvivalCurve.exponential(KNOT_DAYS, np.full(n_rows, daily_hazard(monthly_rate))).extended()


def cumulative_event_probability_with_succession(
    own: Floats, monthly_rate: float, replacement_rate: float, replacement_share: float, term_days: Floats
) -> Floats:
    """Contracts × ``KNOT_DAYS``: the probability that an event has occurred to a contract or to its successor.

    ``own`` (contracts × ``SCORED_DAYS``) is F₁(t), the probability that it occurs to the contract itself: never
    after another contract replaced it. A replacement is under the company's constant hazard λ (``monthly_rate``)::

        F(t) = 1 − (1 − F₁(t)) · (1 − G(t))                    for t ≤ 180 days, G(t): that it occurred to a replacement
        G(t) = s · (1 − e^(−λ(t − T)))                         for t ≥ T, with a term in T days (``term_days``)
        G(t) = ∫₀ᵗ ρ e^(−ρu) · (1 − e^(−λ(t − u))) du          without a term (NaN)
        F(t) = 1 − (1 − F(180)) · e^(−λ(t − 180))              for t > 180 days

    with s = ``replacement_share`` and ρ the hazard of ``replacement_rate``: a semi-Markov model of two states
    (Andersen & Keiding 2002). The integral is summed by day.
    """
    days, last = np.array(SCORED_DAYS), SCORED_DAYS[-1]
    hazard, replacement_hazard = daily_hazard(monthly_rate), daily_hazard(replacement_rate)
    since_term = days - term_days[:, None]
    with_term = np.where(since_term >= 0, replacement_share * -np.expm1(-hazard * since_term), 0.0)
    midpoints = np.arange(last) + 0.5
    density = replacement_hazard * np.exp(-replacement_hazard * midpoints)
    without_term = (density * -np.expm1(-hazard * np.maximum(days[:, None] - midpoints, 0.0))).sum(axis=1)
    of_replacement = np.where(np.isnan(term_days)[:, None], without_term, with_term)
    scored = 1 - (1 - np.maximum.accumulate(own, axis=1)) * (1 - of_replacement)
    later = 1 - (1 - scored[:, -1:]) * np.exp(-hazard * (np.array(KNOT_DAYS[len(SCORED_DAYS) :]) - last))
    return np.asarray(np.hstack([scored, later]), dtype=np.float64)


def _curve(probabilities: Floats) -> SurvivalCurve:
    """Curves of a constant hazard between ``KNOT_DAYS``; the last hazard goes on after them."""
    rising = np.clip(np.maximum.accumulate(probabilities, axis=1), 0.0, MAX_PROBABILITY)
    return SurvivalCurve.from_incidence(KNOT_DAYS, rising, "constant_hazard").extended()


def _scores(contracts: pd.DataFrame, scores: pd.DataFrame | None) -> Floats:
    """Contracts × ``SCORED_DAYS``: the published probabilities; NaN where there are none."""
    columns = ["within_30", "value", "within_180"]
    if scores is None:
        return np.full((len(contracts), len(columns)), np.nan)
    by_contract = scores.drop_duplicates("subscription_id").set_index("subscription_id")
    return np.asarray(by_contract.reindex(contracts["subscription_id"])[columns].to_numpy(dtype=np.float64))
