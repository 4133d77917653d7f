"""Response rates of e-mail by hour of the week, for the population and shrunk towards it for each contact.

Population: a logistic regression on hour, weekday, part of the week and the contact's propensity. Contact: that rate
times its own responses at nearby hours over the expected ones, shrunk to 1 by a gamma prior (empirical Bayes).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from data.arrays import Floats, Ints
from models.evaluation.metrics import MIN_PROBABILITY

HOURS_PER_WEEK = 168
HOUR_FEATURES: tuple[str, ...] = ("hour", "weekday", "part", "propensity")
"""Inputs of the population's estimator, all numeric: local hour (0–23), weekday (Monday 0), part of three hours
(weekday · 8 + hour / 3), and the log-odds that the contact responds at any hour."""

PRIOR_SENDS = 10.0
"""Sends at the overall response rate that are added to each contact's own."""
MAX_TRAINING_SENDS = 200_000


@dataclass(frozen=True)
class PersonalEffect:
    """How a contact's responses shape its hours: kernel bandwidth, weight of other days, strength of the prior."""

    bandwidth_hours: float
    other_day_weight: float
    prior_strength: float

    def kernel(self) -> Floats:
        """Weight of a response at one hour of the week for another: 168 × 168.

        Other days weigh less; between workdays and weekends a quarter of that.
        """
        hour, day = np.arange(HOURS_PER_WEEK) % 24, np.arange(HOURS_PER_WEEK) // 24
        distance = np.abs(hour[:, None] - hour[None, :])
        distance = np.minimum(distance, 24 - distance)
        weight = np.where(day[:, None] == day[None, :], 1.0, self.other_day_weight)
        weight = np.where((day[:, None] < 5) == (day[None, :] < 5), weight, self.other_day_weight / 4)
        kernel: Floats = np.exp(-0.5 * np.square(distance / self.bandwidth_hours)) * weight
        return kernel

    def factors(self, responses: Floats, expected: Floats) -> Floats:
        """Contacts × 168: responses over expected responses near each hour, shrunk to 1."""
        kernel = self.kernel()
        factors: Floats = (self.prior_strength + responses @ kernel) / (self.prior_strength + expected @ kernel)
        return factors


PERSONAL_EFFECTS: tuple[PersonalEffect, ...] = tuple(
    PersonalEffect(bandwidth, other_day_weight, prior_strength)
    for bandwidth in (1.5, 3.0)
    for other_day_weight in (0.5, 1.0)
    for prior_strength in (1.0, 2.0, 4.0, 8.0, 20.0)
)
"""The effects that are tried."""


@dataclass(frozen=True)
class HourOfWeekModel:
    """The population's estimator, the overall response rate, the baseline without hours, and the personal effect.

    ``flat_coefficients``: intercept and slope of response log-odds by propensity alone. ``personal_effect``: ``None``
    if contacts differ in propensity only.
    """

    population: Pipeline
    response_rate: float
    flat_coefficients: tuple[float, float]
    personal_effect: PersonalEffect | None

    @classmethod
    def fit(cls, sends: pd.DataFrame, personal_effect: PersonalEffect | None, seed: int) -> "HourOfWeekModel":
        """The model fitted to sends (``contact_id, hour_of_week, responded``)."""
        rate = float(sends["responded"].mean())
        own = sends.groupby("contact_id")["responded"].agg(["sum", "size"]).reindex(sends["contact_id"])
        responded = sends["responded"].to_numpy(dtype=np.float64)
        # a send's own response is left out of its contact's propensity
        propensity = _propensity(own["sum"].to_numpy() - responded, own["size"].to_numpy() - 1.0, rate)
        rows = design_matrix(sends["hour_of_week"].to_numpy(), propensity)
        if len(rows) > MAX_TRAINING_SENDS:
            sample = np.sort(np.random.default_rng(seed).choice(len(rows), MAX_TRAINING_SENDS, replace=False))
            rows, responded = rows.iloc[sample], responded[sample]
        population = make_pipeline(
            make_column_transformer(
                (OneHotEncoder(categories=[np.arange(24.0)]), ["hour"]),
                (OneHotEncoder(categories=[np.arange(7.0)]), ["weekday"]),
                (OneHotEncoder(categories=[np.arange(56.0)]), ["part"]),
                ("passthrough", ["propensity"]),
            ),
            LogisticRegression(C=0.2, max_iter=500),
        )
        population.fit(rows, responded.astype(np.int64))
        flat = LogisticRegression(C=100.0).fit(rows[["propensity"]].to_numpy(), responded.astype(np.int64))
        return cls(population, rate, (float(flat.intercept_[0]), float(flat.coef_[0, 0])), personal_effect)

    @classmethod
    def from_state(cls, estimator: Pipeline, state: dict[str, Any]) -> "HourOfWeekModel":
        """The model of a logged estimator and of what ``state()`` wrote."""
        effect = PersonalEffect(**state["personal_effect"]) if state["personal_effect"] else None
        intercept, slope = state["flat_coefficients"]
        return cls(estimator, state["response_rate"], (intercept, slope), effect)

    def state(self) -> dict[str, Any]:
        """All but the estimator, as JSON."""
        return {
            "response_rate": self.response_rate,
            "flat_coefficients": list(self.flat_coefficients),
            "personal_effect": asdict(self.personal_effect) if self.personal_effect else None,
        }

    def propensity(self, history: pd.DataFrame, contacts: NDArray[np.object_]) -> Floats:
        """Log-odds that each contact responds at any hour, from its history."""
        own = history.groupby("contact_id")["responded"].agg(["sum", "size"]).reindex(contacts).fillna(0.0)
        responses, sends = own["sum"].to_numpy(dtype=np.float64), own["size"].to_numpy(dtype=np.float64)
        return _propensity(responses, sends, self.response_rate)

    def flat_probability(self, propensity: Floats) -> Floats:
        """Response probability if the hour does not matter."""
        probability: Floats = expit(self.flat_coefficients[0] + self.flat_coefficients[1] * propensity)
        return probability

    def population_probability(self, propensity: Floats, hours: Ints) -> Floats:
        """Response probability at an hour of the week, contacts differing in propensity only."""
        if len(hours) == 0:
            return np.zeros(0)
        return np.asarray(self.population.predict_proba(design_matrix(hours, propensity))[:, 1], dtype=np.float64)

    def population_week(self, propensity: Floats) -> Floats:
        """Contacts × 168: the population's response probability at every hour of the week."""
        intercepts = logit(self.population_probability(np.zeros(HOURS_PER_WEEK), np.arange(HOURS_PER_WEEK)))
        slope = logit(self.population_probability(np.ones(1), np.zeros(1, dtype=np.int64)))[0] - intercepts[0]
        week: Floats = expit(intercepts[None, :] + float(slope) * propensity[:, None])
        return week

    def factors(self, history: pd.DataFrame, contacts: NDArray[np.object_]) -> Floats:
        """Contacts × 168: the contact's response rate over the population's, at every hour of the week."""
        if self.personal_effect is None:
            return np.ones((len(contacts), HOURS_PER_WEEK))
        return self.personal_effect.factors(*self._responses_by_hour(history, contacts))

    def predict(self, history: pd.DataFrame, sends: pd.DataFrame) -> Floats:
        """Response probability of each of some later sends, given the contacts' history."""
        return self.predict_each(history, sends, [self.personal_effect])[0]

    def predict_each(
        self, history: pd.DataFrame, sends: pd.DataFrame, effects: Sequence[PersonalEffect | None]
    ) -> list[Floats]:
        """The same for several personal effects (``None``: no effect); the population is predicted once."""
        contacts = np.unique(sends["contact_id"].to_numpy())
        row = pd.Index(contacts).get_indexer(pd.Index(sends["contact_id"]))
        hour = sends["hour_of_week"].to_numpy(dtype=np.int64)
        population = self.population_probability(self.propensity(history, contacts)[row], hour)
        counts = self._responses_by_hour(history, contacts) if any(effects) else (np.zeros(0), np.zeros(0))
        probabilities = (
            population if effect is None else population * effect.factors(*counts)[row, hour] for effect in effects
        )
        return [np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY) for probability in probabilities]

    def _responses_by_hour(self, history: pd.DataFrame, contacts: NDArray[np.object_]) -> tuple[Floats, Floats]:
        """Contacts × 168, twice: responses, and those expected of the population."""
        sends = history[history["contact_id"].isin(contacts)]
        row = pd.Index(contacts).get_indexer(pd.Index(sends["contact_id"]))
        hour = sends["hour_of_week"].to_numpy(dtype=np.int64)
        probabilities = self.population_probability(self.propensity(history, contacts)[row], hour)
        index, size = row * HOURS_PER_WEEK + hour, len(contacts) * HOURS_PER_WEEK
        responses = np.bincount(index, sends["responded"].to_numpy(dtype=np.float64), size)
        expected = np.bincount(index, probabilities, size)
        return (
            np.asarray(responses.reshape(-1, HOURS_PER_WEEK), dtype=np.float64),
            np.asarray(expected.reshape(-1, HOURS_PER_WEEK), dtype=np.float64),
        )


def design_matrix(hours: Ints, propensity: Floats) -> pd.DataFrame:
    """Inputs of the population's estimator: one row per hour of the week given, the columns ``HOUR_FEATURES``."""
    hour, weekday = hours % 24, hours // 24
    columns = {"hour": hour, "weekday": weekday, "part": weekday * 8 + hour // 3, "propensity": propensity}
    return pd.DataFrame({name: np.asarray(columns[name], dtype=np.float64) for name in HOUR_FEATURES})


def _propensity(responses: Floats, sends: Floats, rate: float) -> Floats:
    propensity: Floats = logit((responses + PRIOR_SENDS * rate) / (sends + PRIOR_SENDS))
    return propensity
