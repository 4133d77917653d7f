"""A replay: an earlier night scored again with the versions that it used. Nothing is trained or published."""

import json
from datetime import date

from prefect import flow

from data.errors import StoreError
from data.store.views import Store, open_store, view
from flows.run import Run
from flows.settings import Settings, load_settings
from flows.tasks import compare, engineer, prepare_snapshot, score, train, two_task_threads


@flow(name="replay", validate_parameters=False, task_runner=two_task_threads())
def replay(run_id: str, settings: Settings | None = None) -> str:
    """Score the date of an earlier run with the versions that scored it, and compare. Returns the replay's id."""
    settings = settings or load_settings()
    store = open_store(settings.scores_url)
    company, as_of, versions = _scored_run(store, run_id)
    settings = settings.model_copy(update={"company": settings.company or company})
    run = Run.begin(as_of, settings, purpose="replay", extra={"replays": run_id, "versions": versions})

    golden = prepare_snapshot(run)
    features = engineer(run, golden)
    models = train(run, golden, replayed_run=run_id, replayed_versions=versions)  # loads the versions, trains nothing
    scores = score(run, golden, features, models)
    compare(run, store, run_id, scores)
    return run.id


def _scored_run(store: Store, run_id: str) -> tuple[str, date, dict[str, str]]:
    """The company of a run, its date, and its versions by model. Raises ``StoreError`` for a run that did not score."""
    rows = view(store, "runs", where={"run_id": run_id})
    versions = rows["model_versions"].iloc[0] if len(rows) else None
    if not isinstance(versions, str):
        records = view(store, "runs", order_by=("-started_at",))
        names = records.loc[records["model_versions"].notna(), "run_id"].tolist()
        raise StoreError(
            f"there is no run '{run_id}' that scored",
            where=store.name,
            remedy=f"name one of {', '.join(names[:20])}" if names else "run a night first: gelir nightly",
        )
    return str(rows["company"].iloc[0]), rows["as_of"].iloc[0], json.loads(versions)
