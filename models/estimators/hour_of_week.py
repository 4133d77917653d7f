"""What the hour of the week does to the chance that mail is answered: for everybody, and for one person.

The crowd's hours are a logistic regression on the hour, the weekday, three-hour parts of the week, and how apt the
person is to answer at all (so that hours are not praised for whom they reached). One person's hours are the crowd's,
times a factor from the person's own answers at nearby hours, pulled to 1 by a gamma prior: empirical Bayes.
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

from data.arrays import Floats

HOURS_PER_WEEK = 168
FEATURES: tuple[str, ...] = ("hour", "weekday", "part", "apt")
"""What the crowd's estimator is given, as numbers: local hour (0–23), weekday (Monday 0), part of three hours
(weekday · 8 + hour / 3), and the log odds that the person answers at any hour."""

PRIOR_SENDS = 10.0
"""A person counts as having had this many more mails, answered at the usual rate."""
MAX_TRAINING_ROWS = 200_000


@dataclass(frozen=True)
class PersonalEffect:
    """How a person's answers shape their hours: reach in hours, weight of other days, and the strength of the prior."""

    bandwidth_hours: float
    other_day_weight: float
    prior_strength: float

    def kernel(self) -> Floats:
        """How much an answer at one hour of the week says about another: 168 × 168.

        Other days count less; workdays say a quarter of that about weekends, and the reverse.
        """
        hour, day = np.arange(HOURS_PER_WEEK) % 24, np.arange(HOURS_PER_WEEK) // 24
        apart = np.abs(hour[:, None] - hour[None, :])
        apart = np.minimum(apart, 24 - apart)
        alike = np.where(day[:, None] == day[None, :], 1.0, self.other_day_weight)
        alike = np.where((day[:, None] < 5) == (day[None, :] < 5), alike, self.other_day_weight / 4)
        kernel: Floats = np.exp(-0.5 * np.square(apart / self.bandwidth_hours)) * alike
        return kernel

    def factors(self, answers: Floats, said: Floats) -> Floats:
        """Contacts × 168: how many times as often each answered as was said, pulled to 1 by the prior."""
        kernel = self.kernel()
        factors: Floats = (self.prior_strength + answers @ kernel) / (self.prior_strength + said @ kernel)
        return factors


PERSONAL_EFFECTS: tuple[PersonalEffect, ...] = tuple(
    PersonalEffect(reach, other, prior)
    for reach in (1.5, 3.0)
    for other in (0.5, 1.0)
    for prior in (1.0, 2.0, 4.0, 8.0, 20.0)
)


@dataclass(frozen=True)
class HourOfWeekModel:
    """Everything that was learnt: the crowd's estimator, the flat alternative, and how persons differ (``None``: not).

    ``rate`` is the usual share of mails answered; ``flat`` turns a person's aptness alone into a chance.
    """

    population: Pipeline
    response_rate: float
    flat_coefficients: tuple[float, float]
    personal_effect: PersonalEffect | None

    @classmethod
    def fit(cls, sends: pd.DataFrame, personal: PersonalEffect | None, seed: int) -> "HourOfWeekModel":
        """Learnt from sends (``contact_id, hour_of_week, responded``)."""
        rate = float(sends["responded"].mean())
        own = sends.groupby("contact_id")["responded"].agg(["sum", "size"]).reindex(sends["contact_id"])
        answered = sends["responded"].to_numpy(dtype=np.float64)
        apt = _apt(own["sum"].to_numpy() - answered, own["size"].to_numpy() - 1.0, rate)  # not from its own answer
        rows = design_matrix(sends["hour_of_week"].to_numpy(), apt)
        if len(rows) > MAX_TRAINING_ROWS:
            kept = np.sort(np.random.default_rng(seed).choice(len(rows), MAX_TRAINING_ROWS, replace=False))
            rows, answered = rows.iloc[kept], answered[kept]
        crowd = make_pipeline(
            make_column_transformer(
                (OneHotEncoder(categories=[np.arange(24.0)]), ["hour"]),
                (OneHotEncoder(categories=[np.arange(7.0)]), ["weekday"]),
                (OneHotEncoder(categories=[np.arange(56.0)]), ["part"]),
                ("passthrough", ["apt"]),
            ),
            LogisticRegression(C=0.2, max_iter=500),
        )
        crowd.fit(rows, answered.astype(np.int64))
        alone = LogisticRegression(C=100.0).fit(rows[["apt"]].to_numpy(), answered.astype(np.int64))
        return cls(crowd, rate, (float(alone.intercept_[0]), float(alone.coef_[0, 0])), personal)

    @classmethod
    def from_state(cls, estimator: Pipeline, state: dict[str, Any]) -> "HourOfWeekModel":
        """What ``state()`` and the logged estimator say."""
        personal = PersonalEffect(**state["personal"]) if state["personal"] else None
        return cls(estimator, state["rate"], (state["flat"][0], state["flat"][1]), personal)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rate": self.response_rate,
            "flat": list(self.flat_coefficients),
            "personal": asdict(self.personal_effect) if self.personal_effect else None,
        }

    def propensity(self, history: pd.DataFrame, contacts: NDArray[np.object_]) -> Floats:
        """The log odds that each contact answers at any hour, from their history."""
        own = history.groupby("contact_id")["responded"].agg(["sum", "size"]).reindex(contacts).fillna(0.0)
        return _apt(own["sum"].to_numpy(dtype=np.float64), own["size"].to_numpy(dtype=np.float64), self.response_rate)

    def flat_probability(self, apt: Floats) -> Floats:
        """The chance of an answer when the hour does not matter."""
        chance: Floats = expit(self.flat_coefficients[0] + self.flat_coefficients[1] * apt)
        return chance

    def population_probability(self, apt: Floats, hours: NDArray[np.int64]) -> Floats:
        """The chance of an answer at an hour of the week, persons differing in aptness only."""
        if len(hours) == 0:
            return np.zeros(0)
        return np.asarray(self.population.predict_proba(design_matrix(hours, apt))[:, 1], dtype=np.float64)

    def population_week(self, apt: Floats) -> Floats:
        """Contacts × 168: the crowd's chance at every hour of the week."""
        zero = logit(self.population_probability(np.zeros(HOURS_PER_WEEK), np.arange(HOURS_PER_WEEK)))
        slope = float(logit(self.population_probability(np.ones(1), np.zeros(1, dtype=np.int64)))[0] - zero[0])
        week: Floats = expit(zero[None, :] + slope * apt[:, None])
        return week

    def factors(
        self, history: pd.DataFrame, contacts: NDArray[np.object_], personal: PersonalEffect | None = None
    ) -> Floats:
        """Contacts × 168: how many times as probable a person's answer is as the crowd says, at each hour."""
        how = personal or self.personal_effect
        if how is None:
            return np.ones((len(contacts), HOURS_PER_WEEK))
        answers, said = self._seen(history, contacts)
        return how.factors(answers, said)

    def _seen(self, history: pd.DataFrame, contacts: NDArray[np.object_]) -> tuple[Floats, Floats]:
        """Contacts × 168, twice: how often each answered, and how often the crowd would have."""
        mine = history[history["contact_id"].isin(contacts)]
        row = pd.Index(contacts).get_indexer(pd.Index(mine["contact_id"]))
        hour = mine["hour_of_week"].to_numpy(dtype=np.int64)
        expected = self.population_probability(self.propensity(history, contacts)[row], hour)
        cell, cells = row * HOURS_PER_WEEK + hour, len(contacts) * HOURS_PER_WEEK
        answers = np.bincount(cell, mine["responded"].to_numpy(dtype=np.float64), cells).reshape(-1, HOURS_PER_WEEK)
        said = np.bincount(cell, expected, cells).reshape(-1, HOURS_PER_WEEK)
        return np.asarray(answers, dtype=np.float64), np.asarray(said, dtype=np.float64)

    def predict(self, history: pd.DataFrame, sends: pd.DataFrame, personal: PersonalEffect | None = None) -> Floats:
        """The chance that each of some later sends is answered, persons known by their history."""
        return self.predict_each(history, sends, [personal or self.personal_effect])[0]

    def predict_each(
        self, history: pd.DataFrame, sends: pd.DataFrame, personals: Sequence[PersonalEffect | None]
    ) -> list[Floats]:
        """The same for several ways in which persons may differ (``None``: not at all), the crowd asked once."""
        contacts = np.unique(sends["contact_id"].to_numpy())
        row = pd.Index(contacts).get_indexer(pd.Index(sends["contact_id"]))
        hour = sends["hour_of_week"].to_numpy(dtype=np.int64)
        crowd = self.population_probability(self.propensity(history, contacts)[row], hour)
        answers, said = self._seen(history, contacts) if any(personals) else (np.zeros(0), np.zeros(0))
        by_person = (crowd if how is None else crowd * how.factors(answers, said)[row, hour] for how in personals)
        return [np.clip(chance, 1e-4, 1 - 1e-4) for chance in by_person]


def design_matrix(hours: NDArray[np.int64], apt: Floats) -> pd.DataFrame:
    """The inputs of the crowd's estimator."""
    hour, weekday = hours % 24, hours // 24
    columns = {"hour": hour, "weekday": weekday, "part": weekday * 8 + hour // 3, "apt": apt}
    return pd.DataFrame({name: np.asarray(columns[name], dtype=np.float64) for name in FEATURES})


def _apt(answered: Floats, sends: Floats, rate: float) -> Floats:
    apt: Floats = logit((answered + PRIOR_SENDS * rate) / (sends + PRIOR_SENDS))
    return apt
