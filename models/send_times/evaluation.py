"""The evaluation of hours on the test sends, against the contact's own rate at any hour."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from data.calendar import first_instant
from data.statistics import Gain, auc
from features.company import Company
from models.estimators.hour_of_week import PERSONAL_EFFECTS, HourOfWeekModel, PersonalEffect
from models.evaluation.bootstrap import metric_intervals
from models.evaluation.metrics import brier_score, log_losses
from models.model import Evaluation
from models.send_times.past_sends import SendSplit, responses

MIN_RELATIVE_GAIN, MIN_GAIN_Z = 0.002, 2.0
"""Hours have a material effect if they lower the log loss by 0.2 % and by two standard errors, clustered by contact."""
TUNED_OTHER_DAY_WEIGHT = 0.5


@dataclass(frozen=True)
class SendPredictions:
    """Test sends with the probability of a response by their hour, by the contact's rate alone, and by the population's
    hours without a personal effect."""

    sends: pd.DataFrame
    by_hour: Floats
    flat: Floats
    by_population_hour: Floats

    @classmethod
    def predict(cls, model: HourOfWeekModel, split: SendSplit) -> "SendPredictions":
        """The predictions of the test sends from the contacts' history before them."""
        population = replace(model, personal_effect=None)
        return cls(
            sends=split.test,
            by_hour=model.predict(split.train, split.test),
            flat=predict_flat(model, split.train, split.test),
            by_population_hour=population.predict(split.train, split.test),
        )

    @property
    def outcomes(self) -> Floats:
        """Whether each send got a response, 0 or 1."""
        return responses(self.sends)

    @property
    def contacts(self) -> NDArray[np.object_]:
        """The contact of each send."""
        return self.sends["contact_id"].to_numpy()

    def gain(self) -> Gain:
        """The mean gain in log loss of a send by its hour; the standard error is clustered by contact.

        Notes: sends have equal weight. ``data.statistics.mean_gain`` with clusters would give equal weight to contacts,
        most of which got few e-mails.
        """
        gains = pd.Series(log_losses(self.flat, self.outcomes) - log_losses(self.by_hour, self.outcomes))
        mean = float(gains.mean())
        residuals = (gains - mean).groupby(self.contacts).sum()
        return Gain(mean, float(np.sqrt(np.square(residuals).sum()) / len(gains)), len(gains))

    def is_material(self) -> bool:
        """Whether the hour lowers the log loss by ``MIN_RELATIVE_GAIN``, and significantly (``MIN_GAIN_Z``)."""
        gain = self.gain()
        flat_loss = float(log_losses(self.flat, self.outcomes).mean())
        return gain.exceeds(MIN_GAIN_Z) and gain.mean >= MIN_RELATIVE_GAIN * flat_loss


def choose_personal_effect(
    fit: pd.DataFrame, calibration: pd.DataFrame, seed: int, params: Mapping[str, Any]
) -> PersonalEffect | None:
    """The personal effect of a tuning, or the one of ``PERSONAL_EFFECTS`` with the lowest log loss on the calibration
    sends; ``None`` if the population's hours are as good."""
    if params:
        return PersonalEffect(float(params["reach"]), TUNED_OTHER_DAY_WEIGHT, float(params["prior"]))
    effects = (None, *PERSONAL_EFFECTS)
    predictions = HourOfWeekModel.fit(fit, None, seed).predict_each(fit, calibration, effects)
    losses = [float(log_losses(predicted, responses(calibration)).mean()) for predicted in predictions]
    return effects[int(np.argmin(losses))]


def predict_flat(model: HourOfWeekModel, history: pd.DataFrame, sends: pd.DataFrame) -> Floats:
    """The probability of a response to each send by the contact's rate at any hour."""
    return model.flat_probability(model.propensity(history, sends["contact_id"].to_numpy()))


def evaluate_challenger(company: Company, test: SendPredictions, is_material: bool) -> Evaluation:
    """The evaluation of what would ship, with metrics of the predictions by hour."""
    gain, outcomes = test.gain(), test.outcomes
    return replace(
        evaluate_sends(company, test.sends, test.by_hour if is_material else test.flat, test.flat),
        intervals=metric_intervals(test.by_hour, outcomes, company.seed, clusters=test.contacts),
        metrics={
            "auc": auc(test.by_hour, outcomes),
            "brier": brier_score(test.by_hour, outcomes),
            "gain": gain.mean,
            "gain error": gain.error,
            "log loss of population hours": float(log_losses(test.by_population_hour, outcomes).mean()),
            "log loss of personal hours": float(log_losses(test.by_hour, outcomes).mean()),
        },
    )


def evaluate_sends(
    company: Company, test: pd.DataFrame, predicted: Floats, flat: Floats, trained_as_of: date | None = None
) -> Evaluation:
    """Log loss of sends; one loss per day, weighted by its sends; NaN for days before ``trained_as_of``."""
    outcomes = responses(test)
    days = test["sent_at"].dt.floor("D").to_numpy()
    losses = pd.DataFrame({"model": log_losses(predicted, outcomes), "flat": log_losses(flat, outcomes)})
    by_day = losses.groupby(days).sum() * (len(np.unique(days)) / len(test))
    daily = by_day["model"].to_numpy(copy=True)
    if trained_as_of is not None:
        trained_at = pd.Timestamp(first_instant(trained_as_of, company.timezone))
        daily[by_day.index < trained_at] = np.nan
    return Evaluation(
        metric="log loss",
        value=float(losses["model"].mean()),
        baseline="the contact's own rate at any hour",
        baseline_value=float(losses["flat"].mean()),
        losses=tuple(daily.tolist()),
        baseline_losses=tuple(by_day["flat"].tolist()),
    )
