"""When to e-mail each contact: the hours of their week at which they are most likely to respond."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from data.calendar import first_instant
from data.statistics import Gain
from data.week_hours import WEEKDAYS, hour_of_week_name, next_hour_of_week
from features.company import Company
from features.contacts.sends import RESPONSE_HOURS, email_sends
from features.contacts.timezones import contact_timezones
from features.spine import contact_spine
from models.estimators.hour_of_week import (
    FEATURES,
    HOURS_PER_WEEK,
    PERSONAL_EFFECTS,
    HourOfWeekModel,
    PersonalEffect,
    design_matrix,
)
from models.evaluation.bootstrap import metric_intervals
from models.evaluation.cross_validation import FittedModel, Params, Range, Study
from models.evaluation.metrics import auc, brier_score, log_losses
from models.evaluation.report import probability_figures
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_WINDOWS = 3
MIN_HOURS_BETWEEN = 2
"""Two windows of one contact on one day are more hours than this from one another."""
MIN_SENDS = 1_000
MIN_RESPONSES = 100
MIN_SENDS_PER_HOUR = 20
"""An hour with fewer sends is never proposed."""
FIT_UNTIL, CALIBRATE_UNTIL = 0.6, 0.8
"""Shares of the sends by time: the first ones fit, the next choose the personal effect, the last ones test."""
MIN_RELATIVE_GAIN, MIN_Z = 0.002, 2.0
"""Hours have a material effect if they lower the log loss by 0.2 % and by two standard errors, clustered by contact."""
NO_EFFECT = (
    "no material effect: on later e-mails, the hour did not predict responses better than each contact's own rate"
)
BATCH_CONTACTS = 20_000
FOLD_FIT_SHARE = 0.75
"""Of the training sends of a fold, by time; the later ones choose the personal effect."""
MIN_MONTH_DAYS = 28
"""Horizon of a monthly fold: the shortest month."""
TUNED_OTHER_DAY_WEIGHT = 0.5
SPACE: dict[str, Range] = {"reach": Range(0.5, 6.0), "prior": Range(0.5, 40.0, log_scale=True)}
"""What a tuning may change: bandwidth and prior strength of ``PersonalEffect``."""
SEND_TIME_COLUMNS = [
    "contact_id",
    "send_windows",
    "send_at",
    "send_local",
    "send_timezone",
    "send_timezone_source",
    "abstained",
]


@dataclass(frozen=True)
class SendSplit:
    """Sends by time: those that fit, those that choose the personal effect, those that test; ``test_from`` is the
    instant at which the last begin."""

    fit: pd.DataFrame
    calibration: pd.DataFrame
    test: pd.DataFrame
    test_from: pd.Timestamp

    @property
    def train(self) -> pd.DataFrame:
        """All sends before the test."""
        return pd.concat([self.fit, self.calibration])


@dataclass(frozen=True)
class SendPredictions:
    """Test sends with the probability of a response by their hour, by the contact's rate alone, and by the population's
    hours without a personal effect."""

    sends: pd.DataFrame
    by_hour: Floats
    flat: Floats
    by_population_hour: Floats

    @property
    def outcomes(self) -> Floats:
        """Whether each send was responded to, 0 or 1."""
        return self.sends["responded"].to_numpy(dtype=np.float64)

    @property
    def contacts(self) -> NDArray[np.object_]:
        """The contact of each send."""
        return self.sends["contact_id"].to_numpy()

    def gain(self) -> Gain:
        """The mean gain in log loss of a send by knowing its hour; the standard error is clustered by contact."""
        gains = pd.Series(log_losses(self.flat, self.outcomes) - log_losses(self.by_hour, self.outcomes))
        mean = float(gains.mean())
        residuals = (gains - mean).groupby(self.contacts).sum()
        return Gain(mean, float(np.sqrt(np.square(residuals).sum()) / len(gains)), len(gains))

    def is_material(self) -> bool:
        """Whether the hour lowers the log loss by ``MIN_RELATIVE_GAIN``, and significantly (``MIN_Z``)."""
        gain = self.gain()
        flat_loss = float(log_losses(self.flat, self.outcomes).mean())
        return gain.exceeds(MIN_Z) and gain.mean >= MIN_RELATIVE_GAIN * flat_loss


@dataclass(frozen=True)
class SendTime:
    """The best hours of each contact's week, in their own time zone."""

    params: Params = field(default_factory=dict)
    name = "send_time"
    question = "When does each person answer mail?"
    needs: tuple[tuple[str, ...], ...] = (("contacts",), ("touches",))
    tables: tuple[str, ...] = ("send_times",)
    rows = "hours"
    features_hash = hashlib.sha256(f"{FEATURES} 1".encode()).hexdigest()[:16]

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger: fitted on the first sends, its personal effect chosen on later ones, tested on the last."""
        sends = _sends(company)
        split = split_sends(sends)
        if isinstance(split, Abstention):
            return split
        personal = _personal_effect(split.fit, split.calibration, company.seed, self.params)
        test = _test_predictions(HourOfWeekModel.fit(split.train, personal, company.seed), split)
        is_material = test.is_material()
        final = HourOfWeekModel.fit(sends, personal, company.seed)
        effect = {} if personal is None else {"reach": personal.bandwidth_hours, "prior": personal.prior_strength}
        return Challenger(
            model=self.name,
            flavor="sklearn",
            estimator=final.population,
            state={**final.state(), "material": is_material},
            evaluation=_challenger_evaluation(company, test, is_material),
            features_hash=self.features_hash,
            example=design_matrix(np.arange(5, dtype=np.int64) + 9, np.zeros(5)),
            params={
                "personal": "no" if personal is None else "yes",
                **effect,
                "sends": len(sends),
                "test from": str(split.test_from),
                "material": is_material,
            },
            figures=LazyFigures({"hours": lambda: _hours_figure(final)})
            | probability_figures(
                f"send_time: answers to mail from {split.test_from:%Y-%m-%d} on", test.by_hour, test.outcomes
            ),
            trained_as_of=company.as_of,
            rows=len(sends),
            tuned_params=dict(self.params),
        )

    def study(self, company: Company) -> Study | Abstention:
        """How challengers are fitted and tested on the company's past, month by month."""
        sends = _sends(company)
        split = split_sends(sends)
        if isinstance(split, Abstention):
            return split
        # a send belongs to the month in which its time to respond ends
        due = sends["sent_at"] + pd.Timedelta(hours=RESPONSE_HOURS)
        rows = sends.assign(as_of=[day.replace(day=1) for day in due.dt.date])
        months = sorted(rows["as_of"].unique())

        def fit(train: pd.DataFrame, params: Params) -> FittedModel:
            n_fit = int(len(train) * FOLD_FIT_SHARE)
            personal = _personal_effect(train.iloc[:n_fit], train.iloc[n_fit:], company.seed, params)
            model = HourOfWeekModel.fit(train, personal, company.seed)
            return FittedModel(lambda test: model.predict(train, test), {})

        def predict_baseline(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
            return _flat_predictions(HourOfWeekModel.fit(train, None, company.seed), train, test)

        return Study(
            key="contact_id",
            rows=rows,
            horizon_days=MIN_MONTH_DAYS,
            test_dates=tuple(day for day in months if day >= split.test_from.date()) or (months[-1],),
            metric="log loss",
            fit=fit,
            losses=lambda predicted, test: log_losses(predicted, _responded(test)),
            metrics=lambda predicted, test: {"auc": auc(predicted, _responded(test))},
            predict_baseline=predict_baseline,
            space=SPACE,
            feature_labels={},
        )

    def with_params(self, params: Params) -> "SendTime":
        """The same model with parameters that replace default ones in training."""
        return SendTime(params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test sends of a challenger; NaN on days before it was trained."""
        split = split_sends(_sends(company))
        if isinstance(split, Abstention):
            return split
        model = HourOfWeekModel.from_state(champion.estimator, champion.state)
        flat = _flat_predictions(model, split.train, split.test)
        predicted = model.predict(split.train, split.test) if champion.ships == "model" else flat
        return _evaluation(company, split.test, predicted, flat, trained_as_of=champion.trained_as_of)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``send_times``: one row per contact, the three best windows of their week and the next instant of the best.

        No windows where hours have no material effect: ``abstained`` says so.
        """
        zones = contact_timezones(company, contact_spine(company, [company.as_of])).order_by("contact_id").execute()
        contacts = zones[["contact_id", "timezone", "timezone_source"]].rename(
            columns=lambda name: name.replace("timezone", "send_timezone")
        )
        if champion.ships == "baseline":
            empty = dict.fromkeys(("send_windows", "send_at", "send_local"))
            return {"send_times": contacts.assign(**empty, abstained=NO_EFFECT)[SEND_TIME_COLUMNS]}
        sends = _sends(company)
        model = HourOfWeekModel.from_state(champion.estimator, champion.state)
        has_sends = np.bincount(sends["hour_of_week"], minlength=HOURS_PER_WEEK) >= MIN_SENDS_PER_HOUR
        batches = []
        for start in range(0, len(contacts), BATCH_CONTACTS):
            batch = contacts.iloc[start : start + BATCH_CONTACTS]
            ids = batch["contact_id"].to_numpy()
            week = model.population_week(model.propensity(sends, ids)) * model.factors(sends, ids)
            best = best_windows(np.where(has_sends, week, -1.0))
            batches.append(_with_send_times(batch, best, company.as_of_at))
        rows = pd.concat(batches, ignore_index=True) if batches else contacts.assign(abstained=None)
        return {"send_times": rows.reindex(columns=SEND_TIME_COLUMNS)}


def best_windows(week: Floats) -> NDArray[np.int64]:
    """Contacts × ``N_WINDOWS``: the best hours of the week, best first, on one day more than ``MIN_HOURS_BETWEEN`` from
    one another. ``week`` is contacts × 168."""
    hour, day = np.arange(HOURS_PER_WEEK) % 24, np.arange(HOURS_PER_WEEK) // 24
    near = (day[:, None] == day[None, :]) & (np.abs(hour[:, None] - hour[None, :]) <= MIN_HOURS_BETWEEN)
    remaining, best = week.copy(), np.zeros((len(week), N_WINDOWS), dtype=np.int64)
    for window in range(N_WINDOWS):
        best[:, window] = remaining.argmax(axis=1)
        remaining[near[best[:, window]]] = -2.0
    return best


def _with_send_times(contacts: pd.DataFrame, best: NDArray[np.int64], after: datetime) -> pd.DataFrame:
    """The contacts with their windows, and the next instant of the best one, in UTC and local time."""
    first = list(zip(best[:, 0].tolist(), contacts["send_timezone"], strict=True))
    instants = {(hour, zone): next_hour_of_week(hour, zone, after) for hour, zone in sorted(set(first))}
    local = {
        (hour, zone): instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")
        for (hour, zone), instant in instants.items()
    }
    names = [hour_of_week_name(hour) for hour in range(HOURS_PER_WEEK)]
    return contacts.assign(
        send_windows=[json.dumps([names[hour] for hour in hours]) for hours in best],
        send_at=pd.Series([instants[key] for key in first], index=contacts.index, dtype="datetime64[us]"),
        send_local=[local[key] for key in first],
        abstained=None,
    )


def _sends(company: Company) -> pd.DataFrame:
    """One row per send whose time to respond is over, oldest first."""
    frame = email_sends(company).select("touch_id", "contact_id", "sent_at", "hour_of_week", "responded").execute()
    ordered: pd.DataFrame = frame.dropna(subset=["hour_of_week"]).sort_values(
        ["sent_at", "touch_id"], ignore_index=True
    )
    return ordered.assign(
        hour_of_week=ordered["hour_of_week"].astype(np.int64), responded=ordered["responded"].astype(bool)
    )


def _responded(sends: pd.DataFrame) -> Floats:
    return sends["responded"].to_numpy(dtype=np.float64)


def split_sends(sends: pd.DataFrame) -> SendSplit | Abstention:
    """The sends by time, or why they are too few."""
    responses = int(sends["responded"].sum())
    if len(sends) < MIN_SENDS or responses < MIN_RESPONSES:
        return Abstention(
            "send_time",
            f"{len(sends)} e-mails of which {responses} got a response of a person; "
            f"{MIN_SENDS} and {MIN_RESPONSES} are needed to compare hours",
        )
    calibration_from, test_from = (
        sends["sent_at"].iloc[int(len(sends) * share)] for share in (FIT_UNTIL, CALIBRATE_UNTIL)
    )
    sent_at = sends["sent_at"]
    split = SendSplit(
        fit=sends[sent_at < calibration_from],
        calibration=sends[(sent_at >= calibration_from) & (sent_at < test_from)],
        test=sends[sent_at >= test_from],
        test_from=test_from,
    )
    if any(part["responded"].nunique() < 2 for part in (split.fit, split.calibration, split.test)):
        return Abstention(
            "send_time",
            "in one period of the history all e-mails, or none, got a response; hours cannot be compared",
        )
    return split


def _personal_effect(fit: pd.DataFrame, calibration: pd.DataFrame, seed: int, params: Params) -> PersonalEffect | None:
    """The personal effect of a tuning, or the one of ``PERSONAL_EFFECTS`` with the lowest log loss on the calibration
    sends; ``None`` if the population's hours are as good."""
    if params:
        return PersonalEffect(float(params["reach"]), TUNED_OTHER_DAY_WEIGHT, float(params["prior"]))
    effects = (None, *PERSONAL_EFFECTS)
    predictions = HourOfWeekModel.fit(fit, None, seed).predict_each(fit, calibration, effects)
    losses = [float(log_losses(predicted, _responded(calibration)).mean()) for predicted in predictions]
    return effects[int(np.argmin(losses))]


def _flat_predictions(model: HourOfWeekModel, history: pd.DataFrame, sends: pd.DataFrame) -> Floats:
    """The probability of a response to each send by the contact's rate at any hour."""
    return model.flat_probability(model.propensity(history, sends["contact_id"].to_numpy()))


def _test_predictions(model: HourOfWeekModel, split: SendSplit) -> SendPredictions:
    population = replace(model, personal_effect=None)
    return SendPredictions(
        sends=split.test,
        by_hour=model.predict(split.train, split.test),
        flat=_flat_predictions(model, split.train, split.test),
        by_population_hour=population.predict(split.train, split.test),
    )


def _challenger_evaluation(company: Company, test: SendPredictions, is_material: bool) -> Evaluation:
    """The evaluation of what would ship, with metrics of the predictions by hour."""
    gain, outcomes = test.gain(), test.outcomes
    return replace(
        _evaluation(company, test.sends, test.by_hour if is_material else test.flat, test.flat),
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


def _evaluation(
    company: Company, test: pd.DataFrame, predicted: Floats, flat: Floats, trained_as_of: date | None = None
) -> Evaluation:
    """Log loss of sends; one loss per day, weighted by its sends; NaN for days before ``trained_as_of``."""
    outcomes = _responded(test)
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


def _hours_figure(model: HourOfWeekModel) -> "Figure":
    """Heat map of the response probability of a contact without history, by weekday and hour."""
    from matplotlib.figure import Figure

    no_sends = pd.DataFrame({"contact_id": [], "responded": []})
    week = model.population_week(model.propensity(no_sends, np.array(["any"])))
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    image = axes.imshow(week.reshape(7, 24) * 100, aspect="auto", cmap="BuGn", vmin=0)
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    axes.set_title("E-mails responded to, by the hour at which they were sent (local time)", loc="left", fontsize=10)
    figure.colorbar(image, label="%")
    return figure
