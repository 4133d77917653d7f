"""When to write to each person: the hours of their own week at which they most probably answer."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data.arrays import Floats
from data.calendar import first_instant
from features.company import Company
from features.contacts.sends import RESPONSE_HOURS, email_sends
from features.contacts.timezones import contact_timezones
from features.spine import contact_spine
from models.estimators.hour_of_week import PERSONAL_EFFECTS, FEATURES, HOURS_PER_WEEK, HourOfWeekModel, PersonalEffect, design_matrix
from models.evaluation.bootstrap import metric_intervals
from models.evaluation.cross_validation import FittedModel, Params, Range, Study
from models.evaluation.metrics import auc, log_losses
from models.evaluation.report import probability_figures
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WINDOWS = 3
APART_HOURS = 2
"""Two windows of one person on one day are further apart than this."""

FEWEST_SENDS = 1_000
FEWEST_ANSWERS = 100
FEWEST_TRIED = 20
"""An hour at which fewer mails were ever sent is not proposed: nothing is known of it."""

MATERIAL = 0.002
SURE = 2.0
"""The hour matters when it lowers the log loss by 0.2 % at least, and by two standard errors (clustered by person)."""

NO_EFFECT = "no material effect: on later mails, knowing the hour did not tell better who would answer"
CHUNK = 20_000
CHOOSING = 0.75
"""Of the sends of a fold: by the later ones it is chosen how persons differ."""


MONTH_DAYS = 28
"""The shortest month. Sends of one month are judged together, by what was known of earlier ones before it began."""

OTHER_DAYS = 0.5
SPACE: dict[str, Range] = {"reach": Range(0.5, 6.0), "prior": Range(0.5, 40.0, log_scale=True)}
"""What a tuning may change: how persons differ (``hours.Personal``)."""


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
        """A challenger: crowd and persons learnt on the first sends, chosen on the next, judged on the last."""
        every = _sends(company)
        cuts = _cuts(every)
        if isinstance(cuts, Abstention):
            return cuts
        first, last = cuts
        early, middle = every[every["sent_at"] < first], every[(every["sent_at"] >= first) & (every["sent_at"] < last)]
        before, judged = every[every["sent_at"] < last], every[every["sent_at"] >= last]
        personal = _personal(early, middle, company.seed, self.params)
        said = HourOfWeekModel.fit(before, personal, company.seed)
        chance = said.predict(before, judged)
        flat = said.flat_probability(said.propensity(before, judged["contact_id"].to_numpy()))
        gain, error = _gain(judged, chance, flat)
        answered = judged["responded"].to_numpy(dtype=np.float64)
        usual = float(log_losses(flat, answered).mean())
        material = gain > SURE * error and gain >= MATERIAL * usual
        judgement = _judgement(company, judged, chance if material else flat, flat)
        crowd = replace(said, personal_effect=None).predict(before, judged)
        final = HourOfWeekModel.fit(every, personal, company.seed)
        return Challenger(
            model=self.name,
            flavor="sklearn",
            estimator=final.population,
            state={**final.state(), "material": material},
            evaluation=replace(
                judgement,
                intervals=metric_intervals(chance, answered, company.seed, clusters=judged["contact_id"].to_numpy()),
                metrics={
                    "auc": auc(chance, answered),
                    "brier": float(np.mean((chance - answered) ** 2)),
                    "gain": gain,
                    "gain error": error,
                    "log loss of the crowd's hours": float(log_losses(crowd, answered).mean()),
                    "log loss of own hours": float(log_losses(chance, answered).mean()),
                },
            ),
            features_hash=self.features_hash,
            example=design_matrix(np.arange(5, dtype=np.int64) + 9, np.zeros(5)),
            params={
                "personal": "no" if personal is None else "yes",
                **({} if personal is None else {"reach": personal.bandwidth_hours, "prior": personal.prior_strength}),
                "sends": len(every),
                "judged from": str(last),
                "material": material,
            },
            figures=LazyFigures({"hours": lambda: _picture(final)})
            | probability_figures(f"send_time: answers to mail from {last:%Y-%m-%d} on", chance, answered),
            trained_as_of=company.as_of,
            rows=len(every),
            tuned_params=dict(self.params),
        )

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past, month by month."""
        every = _sends(company)
        cuts = _cuts(every)
        if isinstance(cuts, Abstention):
            return cuts
        known = every["sent_at"] + pd.Timedelta(hours=RESPONSE_HOURS)  # what is answered in the next month is of the next
        rows = every.assign(as_of=[day.replace(day=1) for day in known.dt.date])
        months = sorted(rows["as_of"].unique())
        judged = tuple(day for day in months if day >= cuts[1].date()) or (months[-1],)

        def fitted(learnt: pd.DataFrame, params: Params) -> FittedModel:
            at = int(len(learnt) * CHOOSING)
            personal = _personal(learnt.iloc[:at], learnt.iloc[at:], company.seed, params)
            hours = HourOfWeekModel.fit(learnt, personal, company.seed)
            return FittedModel(lambda asked: hours.predict(learnt, asked), {})

        def plain(learnt: pd.DataFrame, asked: pd.DataFrame) -> Floats:
            hours = HourOfWeekModel.fit(learnt, None, company.seed)
            return hours.flat_probability(hours.propensity(learnt, asked["contact_id"].to_numpy()))

        return Study(
            key="contact_id",
            rows=rows,
            horizon_days=MONTH_DAYS,
            test_dates=judged,
            metric="log loss",
            fit=fitted,
            losses=lambda said, asked: log_losses(said, asked["responded"].to_numpy(dtype=np.float64)),
            metrics=lambda said, asked: {"auc": auc(said, asked["responded"].to_numpy(dtype=np.float64))},
            predict_baseline=plain,
            space=SPACE,
            feature_labels={},
        )

    def with_params(self, params: Params) -> "SendTime":
        """The same model, with parameters beside the usual ones."""
        return SendTime(params)

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the sends that judge a challenger; days that it has learnt from are NaN."""
        every = _sends(company)
        cuts = _cuts(every)
        if isinstance(cuts, Abstention):
            return cuts
        before, judged = every[every["sent_at"] < cuts[1]], every[every["sent_at"] >= cuts[1]]
        hours = HourOfWeekModel.from_state(champion.estimator, champion.state)
        flat = hours.flat_probability(hours.propensity(before, judged["contact_id"].to_numpy()))
        chance = hours.predict(before, judged) if champion.ships == "model" else flat
        return _judgement(company, judged, chance, flat, learnt=champion.trained_as_of)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``send_times``: one row per contact, the three best windows of their week and the next instant of the best.

        No windows where hours make no material difference: ``abstained`` says so.
        """
        zones = contact_timezones(company, contact_spine(company, [company.as_of])).order_by("contact_id").execute()
        people = zones[["contact_id", "timezone", "timezone_source"]].rename(
            columns=lambda name: name.replace("timezone", "send_timezone")
        )
        if champion.ships == "baseline":
            empty = dict.fromkeys(("send_windows", "send_at", "send_local"))
            return {"send_times": people.assign(**empty, abstained=NO_EFFECT)[_COLUMNS]}
        every = _sends(company)
        hours = HourOfWeekModel.from_state(champion.estimator, champion.state)
        tried = np.bincount(every["hour_of_week"], minlength=HOURS_PER_WEEK) >= FEWEST_TRIED
        parts = []
        for at in range(0, len(people), CHUNK):
            part = people.iloc[at : at + CHUNK]
            ids = part["contact_id"].to_numpy()
            week = hours.population_week(hours.propensity(every, ids)) * hours.factors(every, ids)
            best = best_windows(np.where(tried, week, -1.0))
            parts.append(_timed(part, best, company.as_of_at))
        whole = pd.concat(parts, ignore_index=True) if parts else people.assign(abstained=None)
        return {"send_times": whole.reindex(columns=_COLUMNS)}


_COLUMNS = ["contact_id", "send_windows", "send_at", "send_local", "send_timezone", "send_timezone_source", "abstained"]


def best_windows(week: Floats) -> NDArray[np.int64]:
    """Contacts × 3: the best hours of the week, best first, on one day more than two hours apart."""
    hour, day = np.arange(HOURS_PER_WEEK) % 24, np.arange(HOURS_PER_WEEK) // 24
    near = (day[:, None] == day[None, :]) & (np.abs(hour[:, None] - hour[None, :]) <= APART_HOURS)
    left, best = week.copy(), np.zeros((len(week), WINDOWS), dtype=np.int64)
    for place in range(WINDOWS):
        best[:, place] = left.argmax(axis=1)
        left[near[best[:, place]]] = -2.0
    return best


def next_instant(hour_of_week: int, zone: str, after: datetime) -> datetime:
    """The first instant (naive UTC) after another at which it is that hour of the week in a time zone.

    Where clocks skip the hour, it is the one after; where they repeat it, the first of the two.
    """
    there = ZoneInfo(zone)
    today = after.replace(tzinfo=UTC).astimezone(there).date()
    for ahead in range(9):
        day: date = today + timedelta(days=ahead)
        if day.weekday() == hour_of_week // 24:
            wall = datetime(day.year, day.month, day.day, hour_of_week % 24, tzinfo=there)
            instant = wall.astimezone(UTC).replace(tzinfo=None)
            if instant >= after:
                return instant
    raise AssertionError("every hour of the week comes within nine days")


def _timed(people: pd.DataFrame, best: NDArray[np.int64], after: datetime) -> pd.DataFrame:
    """The people with their windows, and the next instant of the best one."""
    first = list(zip(best[:, 0].tolist(), people["send_timezone"], strict=True))
    instants = {key: next_instant(key[0], key[1], after) for key in sorted(set(first))}
    local = {
        (hour, zone): instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")
        for (hour, zone), instant in instants.items()
    }
    named = [f"{DAYS[hour // 24]} {hour % 24:02d}:00" for hour in range(HOURS_PER_WEEK)]
    return people.assign(
        send_windows=[json.dumps([named[hour] for hour in hours]) for hours in best],
        send_at=pd.Series([instants[key] for key in first], index=people.index, dtype="datetime64[us]"),
        send_local=[local[key] for key in first],
        abstained=None,
    )


def _sends(company: Company) -> pd.DataFrame:
    """One row per send whose time to be answered is over, oldest first."""
    frame = email_sends(company).select("touch_id", "contact_id", "sent_at", "hour_of_week", "responded").execute()
    ordered: pd.DataFrame = frame.dropna(subset=["hour_of_week"]).sort_values(
        ["sent_at", "touch_id"], ignore_index=True
    )
    return ordered.assign(
        hour_of_week=ordered["hour_of_week"].astype(np.int64), responded=ordered["responded"].astype(bool)
    )


def _cuts(every: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp] | Abstention:
    """The instants that part the sends: three fifths to learn, a fifth to choose, a fifth to judge."""
    answers = int(every["responded"].sum())
    if len(every) < FEWEST_SENDS or answers < FEWEST_ANSWERS:
        return Abstention(
            "send_time",
            f"{len(every)} mails of which {answers} were answered by a person; "
            f"{FEWEST_SENDS} and {FEWEST_ANSWERS} are needed to tell hours apart",
        )
    first, last = (every["sent_at"].iloc[int(len(every) * share)] for share in (0.6, 0.8))
    parts = [every[every["sent_at"] < first], every[(every["sent_at"] >= first) & (every["sent_at"] < last)]]
    parts.append(every[every["sent_at"] >= last])
    if any(part["responded"].nunique() < 2 for part in parts):
        return Abstention(
            "send_time", "in a part of the history nobody, or everybody, answered; hours cannot be told apart"
        )
    return first, last


def _personal(early: pd.DataFrame, later: pd.DataFrame, seed: int, params: Params) -> PersonalEffect | None:
    """How persons differ: as a tuning found, or as later sends choose."""
    if params:
        return PersonalEffect(float(params["reach"]), OTHER_DAYS, float(params["prior"]))
    return _choose(HourOfWeekModel.fit(early, None, seed), early, later)


def _choose(hours: HourOfWeekModel, early: pd.DataFrame, later: pd.DataFrame) -> PersonalEffect | None:
    """How persons differ, by the likelihood of later sends; ``None`` where the crowd's hours told as much."""
    answered = later["responded"].to_numpy(dtype=np.float64)
    ways = (None, *PERSONAL_EFFECTS)
    losses = [float(log_losses(chance, answered).mean()) for chance in hours.predict_each(early, later, ways)]
    return ways[int(np.argmin(losses))]


def _gain(judged: pd.DataFrame, chance: Floats, flat: Floats) -> tuple[float, float]:
    """How much lower the log loss of a send is when its hour is known, and the error of that, clustered by person."""
    answered = judged["responded"].to_numpy(dtype=np.float64)
    gains = pd.Series(log_losses(flat, answered) - log_losses(chance, answered), index=judged.index)
    mean = float(gains.mean())
    persons = (gains - mean).groupby(judged["contact_id"]).sum()
    return mean, float(np.sqrt(np.square(persons).sum()) / len(gains))


def _judgement(
    company: Company, judged: pd.DataFrame, chance: Floats, flat: Floats, learnt: date | None = None
) -> Evaluation:
    """Log loss of sends, one loss per day (a day of many sends weighs more); NaN for days before ``learnt``."""
    answered = judged["responded"].to_numpy(dtype=np.float64)
    days = judged["sent_at"].dt.floor("D").to_numpy()
    losses = pd.DataFrame({"mine": log_losses(chance, answered), "flat": log_losses(flat, answered)})
    by_day = losses.groupby(days).sum() * (len(np.unique(days)) / len(judged))
    mine = by_day["mine"].to_numpy(copy=True)
    if learnt is not None:
        known = pd.Timestamp(first_instant(learnt, company.timezone))
        mine[by_day.index < known] = np.nan
    return Evaluation(
        metric="log loss",
        value=float(losses["mine"].mean()),
        baseline="the person's own rate at any hour",
        baseline_value=float(losses["flat"].mean()),
        losses=tuple(mine.tolist()),
        baseline_losses=tuple(by_day["flat"].tolist()),
    )


def _picture(hours: HourOfWeekModel) -> Figure:
    """The chance of an answer at every hour of the week, of a usual person."""
    week = hours.population_week(hours.propensity(pd.DataFrame({"contact_id": [], "responded": []}), np.array(["any"])))
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    shown = axes.imshow(week.reshape(7, 24) * 100, aspect="auto", cmap="BuGn", vmin=0)
    axes.set_yticks(range(7), DAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    axes.set_title(
        "Mails answered by a person, by the hour at which they were sent (their own time)", loc="left", fontsize=10
    )
    figure.colorbar(shown, label="%")
    return figure
