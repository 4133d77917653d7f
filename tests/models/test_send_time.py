"""Send times: planted hours are found; without any effect of the hour, no window is published."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.estimators.hour_of_week import HOURS_PER_WEEK, HourOfWeekModel, PersonalEffect
from models.evaluation.cross_validation import Study, cross_validate
from models.model import Abstention, Challenger, Champion
from models.send_time import NO_EFFECT, SendTime
from models.send_times.windows import best_windows
from tests.models.small_company import company_of

AS_OF = date(2025, 1, 6)  # a Monday
OWLS = 70


def company(*, effect: bool, people: int = 160, mails: int = 40, machine: bool = False) -> Company:
    """Mail at random hours of random days; most answer around 10 in the morning, the first ``OWLS`` at 21 only."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(people), mails)
    days, hour = rng.integers(0, 300, len(who)), rng.integers(0, 24, len(who))
    sent = pd.Timestamp("2024-03-01") + pd.to_timedelta(days * 24 + hour, unit="h") + pd.to_timedelta(who, unit="s")
    peak = np.where(who < OWLS, 21, 10)
    chance = np.where(np.abs(hour - peak) <= 1, 0.8, 0.1) if effect else np.full(len(who), 0.3)
    answered = rng.random(len(who)) < chance
    contact = np.char.add("C", np.char.zfill(who.astype(str), 3))
    base = pd.DataFrame({"contact_id": contact, "channel": "email", "campaign_id": [f"M{n}" for n in range(len(who))]})
    mail = base.assign(kind="sent", happened_at=sent)
    opened = base.assign(kind="opened", machine=False, happened_at=sent + pd.Timedelta(minutes=20))[answered]
    parts = [mail, opened]
    if machine:
        parts.append(base.assign(kind="opened", machine=True, happened_at=sent + pd.Timedelta(seconds=2)))
    touches = pd.concat(parts, ignore_index=True)
    touches = touches.assign(touch_id=touches.index.astype(str))
    contacts = pd.DataFrame(
        {"contact_id": [*np.unique(contact), "new"], "account_id": "A", "timezone": "UTC", "created_at": "2024-01-01"}
    )
    accounts = pd.DataFrame({"account_id": ["A"], "created_at": ["2024-01-01"]})
    return company_of({"touches": touches, "contacts": contacts, "accounts": accounts}, AS_OF)


def champion_of(challenger: Challenger) -> Champion:
    return Champion(
        challenger.model,
        "1",
        challenger.evaluation.ships,
        challenger.estimator,
        json.loads(json.dumps(challenger.state, allow_nan=False)),
        challenger.features_hash,
        challenger.trained_as_of,
    )


@pytest.fixture(scope="module")
def rhythmic() -> Company:
    return company(effect=True)


@pytest.fixture(scope="module")
def challenger(rhythmic: Company) -> Challenger:
    trained = SendTime().train(rhythmic)
    assert isinstance(trained, Challenger)
    return trained


@pytest.fixture(scope="module")
def times(rhythmic: Company, challenger: Challenger) -> pd.DataFrame:
    scored = SendTime().score(rhythmic, champion_of(challenger))
    assert isinstance(scored, dict)
    return scored["send_times"].set_index("contact_id")


def first_hours(times: pd.DataFrame) -> pd.Series:
    """The hour of each contact's best window."""
    return times["send_windows"].map(lambda windows: int(json.loads(windows)[0][4:6]))


def test_planted_hours_beat_a_flat_probability_out_of_time(challenger: Challenger) -> None:
    assert challenger.evaluation.ships == "model"
    assert challenger.evaluation.value < challenger.evaluation.baseline_value
    assert challenger.params["personal"] == "yes"
    assert (
        challenger.evaluation.metrics["log loss of personal hours"]
        < challenger.evaluation.metrics["log loss of population hours"]
    )


def test_windows_are_in_the_morning_and_for_owls_at_night(times: pd.DataFrame) -> None:
    hours = first_hours(times)
    owls = hours.index.isin([f"C{n:03}" for n in range(OWLS)])
    assert hours[~owls].between(9, 11).mean() > 0.9
    assert hours[owls].between(20, 22).mean() > 0.8


def test_a_contact_without_sends_gets_the_hours_of_the_population(times: pd.DataFrame) -> None:
    assert 9 <= first_hours(times.loc[["new"]]).iloc[0] <= 11


def test_the_next_send_is_at_the_next_instant_of_the_best_window(times: pd.DataFrame) -> None:
    one = times.loc["C100"]
    assert one["send_local"].startswith(json.loads(one["send_windows"])[0][:3])
    assert pd.Timestamp(AS_OF) <= one["send_at"] < pd.Timestamp(AS_OF) + timedelta(days=7)
    assert one["send_at"].strftime("%a %Y-%m-%d %H:%M") == one["send_local"]
    assert times["abstained"].isna().all()


def test_without_an_effect_of_the_hour_no_window_is_published() -> None:
    even = company(effect=False)
    trained = SendTime().train(even)
    assert isinstance(trained, Challenger)
    assert trained.evaluation.ships == "baseline"
    scored = SendTime().score(even, champion_of(trained))
    assert isinstance(scored, dict)
    assert set(scored["send_times"]["abstained"]) == {NO_EFFECT}
    assert scored["send_times"]["send_windows"].isna().all()
    assert scored["send_times"]["send_at"].isna().all()


def test_machine_opens_have_no_effect(times: pd.DataFrame, challenger: Challenger) -> None:
    scored = SendTime().score(company(effect=True, machine=True), champion_of(challenger))
    assert isinstance(scored, dict)
    pd.testing.assert_frame_equal(scored["send_times"].set_index("contact_id"), times)


def test_a_champion_is_evaluated_only_on_days_after_its_training(rhythmic: Company, challenger: Challenger) -> None:
    old = replace(champion_of(challenger), trained_as_of=date(2024, 12, 10))
    evaluation = SendTime().evaluate(old, rhythmic)
    assert not isinstance(evaluation, Abstention)
    assert len(evaluation.losses) == len(challenger.evaluation.losses)
    assert 0 < np.isnan(evaluation.losses).sum() < len(evaluation.losses)


def test_too_few_sends_abstain_with_the_counts() -> None:
    thin = SendTime().train(company(effect=True, people=20, mails=10))
    assert isinstance(thin, Abstention)
    assert thin.reason.startswith("200 e-mails of which")


def test_windows_of_one_day_are_hours_from_one_another() -> None:
    week = np.zeros((1, HOURS_PER_WEEK))
    week[0, [10, 11, 12, 13, 34, 50]] = [0.5, 0.9, 0.8, 0.7, 0.6, 0.1]
    assert best_windows(week).tolist() == [[11, 34, 50]]


def test_responses_weigh_most_at_near_hours_of_similar_days() -> None:
    kernel = PersonalEffect(1.5, 0.5, 4.0).kernel()
    monday_ten, tuesday_ten, saturday_ten = 10, 34, 130
    assert kernel[monday_ten, monday_ten] == 1.0
    assert kernel[monday_ten, tuesday_ten] == 0.5
    assert kernel[monday_ten, saturday_ten] == 0.125
    assert kernel[0, 23] == kernel[0, 1]  # hours are cyclic
    assert (kernel == kernel.T).all()


def test_a_contact_without_history_has_the_hours_of_the_population(challenger: Challenger) -> None:
    model = HourOfWeekModel.from_state(challenger.estimator, challenger.state)
    nothing = pd.DataFrame({"contact_id": pd.Series(dtype=str), "hour_of_week": [], "responded": []})
    assert (model.factors(nothing, np.array(["x"], dtype=object)) == 1.0).all()


def test_months_are_tested_by_earlier_months_and_tuned_parameters_are_used(rhythmic: Company) -> None:
    study = SendTime().study(rhythmic)
    assert isinstance(study, Study)
    validated = cross_validate(study, SendTime().train(rhythmic), seed=1)
    assert len(validated.folds) > 1
    for fold in validated.folds:
        metrics = fold.metrics
        assert metrics["log loss low"] < metrics["log loss"] < metrics["log loss high"]
        before = study.rows[study.rows["as_of"] < fold.test_dates[0]]
        assert fold.rows == len(before), "all earlier months, the one just over too"
        respond_by = before["sent_at"].max() + timedelta(hours=72)
        assert respond_by < pd.Timestamp(fold.test_dates[0]), "and no send whose response falls in the test month"
    tuned = SendTime().with_params({"reach": 3.0, "prior": 4.0}).train(rhythmic)
    assert isinstance(tuned, Challenger)
    assert tuned.tuned_params == {"reach": 3.0, "prior": 4.0}
    assert (tuned.params["reach"], tuned.params["prior"]) == (3.0, 4.0)
