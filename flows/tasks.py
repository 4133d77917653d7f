"""The steps of a night as Prefect tasks: each takes handles on finished steps and returns one.

Only tasks that touch the outside world (the source, the scoring database) retry and time out: what fails inside fails
again. A step that a killed night had finished is not repeated, so that resuming is running again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import psycopg
from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from sqlalchemy.exc import OperationalError

import data.identity.resolve
import data.reading.read
import data.store.publish
import data.store.replay_diff
import data.validation.validate
import reports.registry
from data.lake import Draft, Step
from data.source.open import open_source
from data.store.forecast_ledger import forecasts_before, run_before
from data.store.score_ledger import alerts_before, scores_before
from data.store.views import Store, open_store, runs
from flows import worker_tasks
from flows.run import Run
from flows.run_record import run_record
from flows.worker_pool import in_worker
from reports.forecast.bridge import PreviousForecast
from reports.night import NightContext

P = ParamSpec("P")
R = TypeVar("R")

N_PAST_NIGHTS = 7
"""Earlier nights of the same company that tell which volume of data is normal."""


def two_task_threads() -> TaskRunner[PrefectFuture[Any]]:
    """A task runner with one thread for each process of ``flows.worker_pool``."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
    return runner


def _is_transient(_task: object, _run: TaskRun, state: State[object]) -> bool:
    """Whether a failure came from a network or a database, which may be back in a moment."""
    error = state.result(raise_on_failure=False)
    transient = (OperationalError, psycopg.OperationalError, ConnectionError, TimeoutError)
    return isinstance(error, transient) or isinstance(getattr(error, "__cause__", None), transient)


def _worker_task(function: Callable[P, R], run_name: str | None = None) -> Task[P, R]:
    """A function of ``flows.worker_tasks`` as a task that runs in a worker process."""
    return task(cache_policy=NO_CACHE, task_run_name=run_name)(in_worker(function))


engineer = _worker_task(worker_tasks.engineer)
train_group = _worker_task(worker_tasks.train_group, "train {names}")
tune_model = _worker_task(worker_tasks.tune_model, "tune {name}")
score_group = _worker_task(worker_tasks.score_group, "score {names}")
collect_scores = _worker_task(worker_tasks.collect_scores)
decide = _worker_task(worker_tasks.decide)
model_groups = in_worker(worker_tasks.model_groups)


@task(
    cache_policy=NO_CACHE, retries=2, retry_delay_seconds=10, retry_condition_fn=_is_transient, timeout_seconds=4 * 3600
)
def read(run: Run) -> Step:
    """The source as contract tables, as known at the date."""
    source = open_source(run.settings.source_place)
    return run.step("read", lambda draft: data.reading.read.read(source, run.mapping, run.dates, draft))


@task(cache_policy=NO_CACHE)
def validate(run: Run, crm: Step) -> Step:
    """The rows that meet the contract; the others in quarantine with all their reasons."""
    return run.step(
        "validate",
        lambda draft: data.validation.validate.validate(
            crm,
            run.dates,
            draft,
            tolerated_shares=run.mapping.tolerated_shares,
            previous=_earlier_reads(run),
            stale_days=run.settings.stale_days,
        ),
    )


@task(cache_policy=NO_CACHE)
def resolve(run: Run, clean: Step) -> Step:
    """One record per person and company, and the ledger of merges."""
    return run.step("resolve", lambda draft: data.identity.resolve.resolve(clean, draft))


def prepare_snapshot(run: Run) -> Step:
    """The golden records of the company as of the run's date: read, validated and resolved."""
    return resolve(run, validate(run, read(run)))


def train(run: Run, golden: Step, **overrides: Any) -> list[Step]:
    """For every model the step with the version that scores; groups of models are trained side by side.

    ``overrides`` are fields of ``models.training.champion.TrainingPolicy`` that differ from those of a night.
    """
    started = [train_group.submit(run, golden, names, overrides) for names in model_groups(run)]
    return [step for future in started for step in future.result()]


def score(run: Run, golden: Step, features: Step, champions: list[Step]) -> Step:
    """The scores of the champions, one group of models beside another; each may abstain."""
    with open_store(run.settings.scores_url) as store:
        previous = previous_forecast(run, store)
    versions = {} if previous is None else previous.versions
    started = [score_group.submit(run, golden, names, champions, versions) for names in model_groups(run)]
    return collect_scores(run, golden, features, champions, [step for future in started for step in future.result()])


def previous_forecast(run: Run, store: Store) -> PreviousForecast | None:
    """The earlier revenue forecast that this one is compared with; ``None`` where the lake no longer has its inputs."""
    earlier = run_before(store, run.company, run.dates.as_of)
    step = None if earlier is None else run.lake.find_step(earlier.run_id, "score")
    if earlier is None or step is None or "forecast_drivers" not in step.tables:
        return None
    return PreviousForecast(earlier.run_id, earlier.as_of, earlier.versions, step)


@task(cache_policy=NO_CACHE)
def compare(run: Run, store: Store, replayed: str, scores: Step) -> Step:
    """The rows in which replayed scores differ from those that were published."""
    return run.step("compare", lambda draft: data.store.replay_diff.compare(store, replayed, scores, draft))


@task(cache_policy=NO_CACHE)
def report(run: Run, store: Store, golden: Step, features: Step, scores: Step) -> Step:
    """KPIs, leaks of revenue, outcomes of past scores, drift and alerts."""

    def write_reports(draft: Draft) -> None:
        company, as_of = run.company, run.dates.as_of
        night = NightContext(
            run.snapshot(golden),
            features,
            scores,
            scores_before(store, company, as_of),
            alerts_before(store, company, as_of),
            forecasts_before(store, company, as_of),
            previous_forecast(run, store),
        )
        reports.registry.report(night, draft)

    return run.step("report", write_reports)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=10, retry_condition_fn=_is_transient, timeout_seconds=3600)
def publish(run: Run, store: Store, steps: list[Step]) -> None:
    """Write the run's rows unseen, audit what was written, and make them the ones that readers see."""
    published_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    data.store.publish.publish(store, run_record(run), steps, published_at, keep=run.settings.keep_runs)
    _forget_old_runs(run, store)


def _earlier_reads(run: Run) -> list[Step]:
    """The read steps of the company's earlier nights, the latest first, without nights that stopped at ``validate``."""
    earlier = (name for name in run.nights() if name < f"{run.company}-{run.dates.as_of}")
    reads = (run.lake.find_step(name, "read") for name in earlier if run.lake.find_step(name, "validate") is not None)
    return [step for step in reads if step is not None][:N_PAST_NIGHTS]


def _forget_old_runs(run: Run, store: Store) -> None:
    """Remove from the lake the nights that cannot be rolled back to, and all but the latest nights and trainings."""
    records = runs(store)
    published = set(records.loc[records["status"] == "published", "run_id"])
    keep = published | {run.id} | set(run.nights()[:N_PAST_NIGHTS])
    for name in [*run.nights(), *run.trainings()[N_PAST_NIGHTS:]]:
        if name not in keep:
            run.lake.remove_run(name)
