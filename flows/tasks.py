"""The steps of a night as Prefect tasks: each is given handles on finished steps, and returns one.

Retries and timeouts stand where the outside world is touched (the source, the scoring table) and nowhere else: what
fails inside fails again. A step that a killed night had finished is not made twice, so resuming is running again.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from sqlalchemy.exc import OperationalError

import data.identity.resolve
import data.reading.read
import data.store.publish
import data.store.replay_diff
import data.store.views
import data.validation.validate
import reports.registry
from data.errors import StoreError
from data.lake import Draft, Step
from data.source.open import open_source
from data.store.forecast_ledger import forecasts_before, number_before
from data.store.lock import exclusive
from data.store.score_ledger import alerts_before, said_before
from data.store.views import Store, open_store
from flows.run import Run
from flows.worker_pool import two_lanes, work
from reports.forecast.bridge import PreviousForecast
from reports.night import NightContext

if TYPE_CHECKING:  # what models need is imported by the processes that work
    from flows.worker_tasks import Group
    from models.training.tuning import Budget

PAST_NIGHTS_COMPARED = 7
"""How many earlier nights of the same company tell what volume is normal."""


def _outside(_task: object, _run: TaskRun, state: State[object]) -> bool:
    """Whether a failure came from a network or a database, which may be well again in a moment."""
    error = state.result(raise_on_failure=False)
    passing = (OperationalError, psycopg.OperationalError, ConnectionError, TimeoutError)
    return isinstance(error, passing) or isinstance(getattr(error, "__cause__", None), passing)


def two_at_once() -> TaskRunner[PrefectFuture[Any]]:
    """Tasks that are submitted run two at a time: a thread for each process that works (``flows.worker_pool``)."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
    return runner


@contextmanager
def guarded(run: Run, store: Store) -> Iterator[None]:
    """Hold the night's lock, and two processes that work for it; when the night stops, write down that it did and why.
    Readers keep what they had.

    What was read is forgotten when it was not good enough to go on with: who mends the source and starts again wants
    it read again. A night that is killed forgets nothing, and is resumed.
    """
    with exclusive(store), two_lanes():
        try:
            yield
        except Exception as stop:
            if run.lake.finished(run.id, "read") is not None and run.lake.finished(run.id, "validate") is None:
                run.lake.forget(run.id)
            try:
                data.store.publish.record_stopped(store, record(run), reason=str(stop))
            except StoreError as unrecorded:
                stop.add_note(f"and the stop could not be written down: {unrecorded}")
            raise


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=10, retry_condition_fn=_outside, timeout_seconds=4 * 3600)
def read(run: Run) -> Step:
    """The source as contract tables, as they were known at the date."""
    source = open_source(run.settings.source_place)
    return run.step("read", lambda draft: data.reading.read.read(source, run.mapping, run.dates, draft))


@task(cache_policy=NO_CACHE)
def validate(run: Run, crm: Step) -> Step:
    """The rows that keep their promises; the others in quarantine with all their reasons."""
    return run.step(
        "validate",
        lambda draft: data.validation.validate.validate(
            crm,
            run.dates,
            draft,
            tolerate=run.mapping.tolerate,
            previous=_earlier_reads(run),
            stale_days=run.settings.stale_days,
        ),
    )


@task(cache_policy=NO_CACHE)
def resolve(run: Run, clean: Step) -> Step:
    """One record per person and company, and the ledger of what was merged."""
    return run.step("resolve", lambda draft: data.identity.resolve.resolve(clean, draft))


@task(cache_policy=NO_CACHE)
def engineer(run: Run, golden: Step) -> Step:
    """Features of every account, contact and open deal as of the date."""
    done: Step = work("engineer", run, golden)
    return done


@task(cache_policy=NO_CACHE, task_run_name="learn {names}")
def learn_some(run: Run, golden: Step, names: "Group", asked: dict[str, Any]) -> list[Step]:
    """Which versions of some models score, and why."""
    done: list[Step] = work("learn", run, golden, names, asked)
    return done


@task(cache_policy=NO_CACHE, task_run_name="tune {name}")
def tune_one(run: Run, golden: Step, name: str, budget: "Budget") -> Step:
    """Which version of a model scores after a search for better parameters, and what was found."""
    done: Step = work("tune", run, golden, name, budget)
    return done


@task(cache_policy=NO_CACHE, task_run_name="score {names}")
def score_some(
    run: Run, golden: Step, names: "Group", learnt: list[Step], before: dict[str, str] | None = None
) -> list[Step]:
    """What the champions of some models say; each may abstain. ``before``: the versions behind the earlier number."""
    done: list[Step] = work("score", run, golden, names, learnt, before or {})
    return done


@task(cache_policy=NO_CACHE)
def gather(run: Run, golden: Step, known: Step, learnt: list[Step], scored: list[Step]) -> Step:
    """The scores of all models as readers see them: one row per account, contact and open deal."""
    done: Step = work("gather", run, golden, known, learnt, scored)
    return done


def learn(run: Run, golden: Step, **asked: Any) -> list[Step]:
    """For every model the version that scores; groups of models learn side by side. ``asked`` are terms other than the
    usual ones (``models.training.champion.Terms``).
    """
    groups: list[Group] = work("groups", run)
    started = [learn_some.submit(run, golden, names, asked) for names in groups]
    return [step for future in started for step in future.result()]


def score(run: Run, golden: Step, known: Step, learnt: list[Step]) -> Step:
    """The scores of the champions, side by side as they learnt; each may abstain."""
    groups: list[Group] = work("groups", run)
    with open_store(run.settings.scores_url) as store:
        earlier = earlier_number(run, store)
    versions = {} if earlier is None else earlier.versions
    started = [score_some.submit(run, golden, names, learnt, versions) for names in groups]
    return gather(run, golden, known, learnt, [step for future in started for step in future.result()])


def earlier_number(run: Run, store: Store) -> PreviousForecast | None:
    """The number that tonight's is compared with, what it was made of among it; none where there is none any more."""
    told = number_before(store, run.company, run.dates.as_of)
    step = None if told is None else run.lake.finished(told.run_id, "score")
    if told is None or step is None or "number_grounds" not in step.tables:
        return None
    return PreviousForecast(told.run_id, told.as_of, told.versions, step)


@task(cache_policy=NO_CACHE)
def compare(run: Run, store: Store, replayed: str, scores: Step) -> Step:
    """How the scores that were made again differ from those that were published."""
    return run.step("compare", lambda draft: data.store.replay_diff.compare(store, replayed, scores, draft))


@task(cache_policy=NO_CACHE)
def decide(run: Run, golden: Step, known: Step, scores: Step) -> Step:
    """One next best action for each customer, and the targets of campaigns."""
    done: Step = work("decide", run, golden, known, scores)
    return done


@task(cache_policy=NO_CACHE)
def report(run: Run, store: Store, golden: Step, known: Step, scores: Step) -> Step:
    """KPIs, leaks of revenue, what became of past scores, drift and alerts."""

    def told(draft: Draft) -> None:
        earlier = (said_before, alerts_before, forecasts_before)
        said, alerted, foreseen = (before(store, run.company, run.dates.as_of) for before in earlier)
        night = NightContext(run.snapshot(golden), known, scores, said, alerted, foreseen, earlier_number(run, store))
        reports.registry.report(night, draft)

    return run.step("report", told)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=10, retry_condition_fn=_outside, timeout_seconds=3600)
def publish(run: Run, store: Store, steps: list[Step]) -> None:
    """Write the run's rows unseen, audit what was written, and make them the ones that readers see."""
    data.store.publish.publish(store, record(run), steps, _now(), keep=run.settings.keep_runs)
    _forget_old(run, store)


def record(run: Run) -> data.store.publish.RunRecord:
    """What the scoring table keeps of a run, as far as its steps got."""
    crm, clean, scores = (run.lake.finished(run.id, name) for name in ("read", "validate", "score"))
    told = data.store.publish.RunRecord(run.id, run.company, run.mapping.name, run.dates.as_of, run.started_at)
    if crm is not None:
        reading = crm.frame("reading")
        until = reading["data_until"].max()
        told = replace(told, rows_read=int(reading["known"].sum()), data_until=None if pd.isna(until) else until)
    if clean is not None:
        report = str(clean.folder / "docs" / "index.html")
        told = replace(told, rows_quarantined=len(clean.frame("quarantine")), validation_report=report)
    if scores is not None:
        scored = scores.frame("model_results").dropna(subset=["version"])
        versions = dict(zip(scored["model"], scored["version"], strict=True))
        told = replace(told, model_versions=json.dumps(versions))
    return told


def _earlier_reads(run: Run) -> list[Step]:
    """The read steps of earlier nights of this company, latest first; a night that stopped tells no usual volume."""
    earlier = (name for name in run.nights() if name < f"{run.company}-{run.dates.as_of}")
    reads = (run.lake.finished(name, "read") for name in earlier if run.lake.finished(name, "validate") is not None)
    return [step for step in reads if step is not None][:PAST_NIGHTS_COMPARED]


def _forget_old(run: Run, store: Store) -> None:
    """Remove from the lake the company's nights that nobody can go back to, but for the latest ones, and all but the
    latest trainings.
    """
    seen = data.store.views.runs(store)
    kept = set(seen.loc[seen["status"] == "published", "run_id"]) | {run.id} | set(run.nights()[:PAST_NIGHTS_COMPARED])
    for name in [*run.nights(), *run.trainings()[PAST_NIGHTS_COMPARED:]]:
        if name not in kept:
            run.lake.forget(name)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
