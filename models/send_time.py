"""When to e-mail each contact: the hours of their week at which they are most likely to respond."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.statistics import auc
from features.company import Company
from features.contacts.sends import RESPONSE_HOURS
from features.contacts.timezones import contact_timezones
from features.spine import contact_spine
from models.estimators.hour_of_week import HOUR_FEATURES, HourOfWeekModel, design_matrix
from models.evaluation.cross_validation import FittedModel, Params, Range, Study
from models.evaluation.metrics import log_losses
from models.evaluation.report import probability_figures
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.send_times.evaluation import (
    SendPredictions,
    choose_personal_effect,
    evaluate_challenger,
    evaluate_sends,
    predict_flat,
)
from models.send_times.past_sends import past_sends, responses, split_sends
from models.send_times.windows import contact_windows, plot_week

NO_EFFECT = (
    "no material effect: on later e-mails, the hour did not predict responses better than each contact's own rate"
)
BATCH_CONTACTS = 20_000
FOLD_FIT_SHARE = 0.75
"""Of the training sends of a fold, by time; the later ones choose the personal effect."""
MIN_MONTH_DAYS = 28
"""Horizon of a monthly fold: the shortest month."""
SEND_TIME_SPACE: dict[str, Range] = {"reach": Range(0.5, 6.0), "prior": Range(0.5, 40.0, log_scale=True)}
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
class SendTime:
    """The best hours of each contact's week, in their own time zone."""

    params: Params = field(default_factory=dict)
    name = "send_time"
    question = "When does each person answer mail?"
    needs: tuple[tuple[str, ...], ...] = (("contacts",), ("touches",))
    tables: tuple[str, ...] = ("send_times",)
    rows = "hours"
    features_hash = hashlib.sha256(f"{HOUR_FEATURES} 1".encode()).hexdigest()[:16]

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger: fitted on the first sends, its personal effect chosen on later ones, tested on the last."""
        sends = past_sends(company)
        split = split_sends(sends)
        if isinstance(split, Abstention):
            return split
        personal = choose_personal_effect(split.fit, split.calibration, company.seed, self.params)
        test = SendPredictions.predict(HourOfWeekModel.fit(split.train, personal, company.seed), split)
        is_material = test.is_material()
        final = HourOfWeekModel.fit(sends, personal, company.seed)
        effect = {} if personal is None else {"reach": personal.bandwidth_hours, "prior": personal.prior_strength}
        return Challenger(
            model=self.name,
            flavor="sklearn",
            estimator=final.population,
            state={**final.state(), "material": is_material},
            evaluation=evaluate_challenger(company, test, is_material),
            features_hash=self.features_hash,
            example=design_matrix(np.arange(5, dtype=np.int64) + 9, np.zeros(5)),
            params={
                "personal": "no" if personal is None else "yes",
                **effect,
                "sends": len(sends),
                "test from": str(split.test_from),
                "material": is_material,
            },
            figures=LazyFigures({"hours": lambda: plot_week(final)})
            | probability_figures(
                f"send_time: answers to mail from {split.test_from:%Y-%m-%d} on", test.by_hour, test.outcomes
            ),
            trained_as_of=company.as_of,
            rows=len(sends),
            tuned_params=dict(self.params),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test sends of a challenger; NaN on days before it was trained."""
        split = split_sends(past_sends(company))
        if isinstance(split, Abstention):
            return split
        model = HourOfWeekModel.from_state(champion.estimator, champion.state)
        flat = predict_flat(model, split.train, split.test)
        predicted = model.predict(split.train, split.test) if champion.ships == "model" else flat
        return evaluate_sends(company, split.test, predicted, flat, trained_as_of=champion.trained_as_of)

    def study(self, company: Company) -> Study | Abstention:
        """The specification for cross-validation and tuning on the company's past, month by month."""
        sends = past_sends(company)
        split = split_sends(sends)
        if isinstance(split, Abstention):
            return split
        # a send belongs to the month in which its time to respond ends
        due = sends["sent_at"] + pd.Timedelta(hours=RESPONSE_HOURS)
        rows = sends.assign(as_of=[day.replace(day=1) for day in due.dt.date])
        months = sorted(rows["as_of"].unique())

        def fit(train: pd.DataFrame, params: Params) -> FittedModel:
            n_fit = int(len(train) * FOLD_FIT_SHARE)
            personal = choose_personal_effect(train.iloc[:n_fit], train.iloc[n_fit:], company.seed, params)
            model = HourOfWeekModel.fit(train, personal, company.seed)
            return FittedModel(lambda test: model.predict(train, test), {})

        def predict_baseline(train: pd.DataFrame, test: pd.DataFrame) -> Floats:
            return predict_flat(HourOfWeekModel.fit(train, None, company.seed), train, test)

        return Study(
            key="contact_id",
            rows=rows,
            horizon_days=MIN_MONTH_DAYS,
            test_dates=tuple(day for day in months if day >= split.test_from.date()) or (months[-1],),
            metric="log loss",
            fit=fit,
            losses=lambda predicted, test: log_losses(predicted, responses(test)),
            metrics=lambda predicted, test: {"auc": auc(predicted, responses(test))},
            predict_baseline=predict_baseline,
            space=SEND_TIME_SPACE,
            feature_labels={},
        )

    def with_params(self, params: Params) -> "SendTime":
        """The same model, with parameters that override the default ones."""
        return SendTime(params)

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
        sends = past_sends(company)
        model = HourOfWeekModel.from_state(champion.estimator, champion.state)
        batches = [
            contact_windows(model, sends, contacts.iloc[start : start + BATCH_CONTACTS], company.as_of_at)
            for start in range(0, len(contacts), BATCH_CONTACTS)
        ]
        rows = pd.concat(batches, ignore_index=True) if batches else contacts.assign(abstained=None)
        return {"send_times": rows.reindex(columns=SEND_TIME_COLUMNS)}
