"""A replay: an earlier night's scores, made again with the versions that it used. Nothing is published or learnt."""

import json
from datetime import date

from prefect import flow

from data.errors import StoreError
from data.store.views import Store, open_store, view
from flows.run import Run
from flows.settings import Settings, load
from flows.tasks import compare, engineer, learn, read, resolve, score, two_at_once, validate


@flow(name="replay", validate_parameters=False, task_runner=two_at_once())
def replay(run_id: str, settings: Settings | None = None) -> str:
    """Score the date of an earlier run with the versions that scored it, and compare. Returns the replay's id."""
    settings = settings or load()
    store = open_store(settings.scores_url)
    company, as_of, versions = _night(store, run_id)
    own = settings.model_copy(update={"company": settings.company or company})
    run = Run.begin(as_of, own, purpose="replay", also={"replays": run_id, "versions": versions})

    crm = read(run)
    clean = validate(run, crm)
    golden = resolve(run, clean)
    known = engineer(run, golden)
    learnt = learn(run, golden, replays=run_id, versions=versions)  # loads, learns nothing
    scores = score(run, golden, known, learnt)
    compare(run, store, run_id, scores)
    return run.id


def _night(store: Store, run_id: str) -> tuple[str, date, dict[str, str]]:
    """The company of a run, its date and the versions that scored it. Raises ``StoreError`` for a run without them."""
    found = view(store, "runs", where={"run_id": run_id})
    told = found["model_versions"].iloc[0] if len(found) else None
    if not isinstance(told, str):
        kept = view(store, "runs", order_by=("-started_at",))
        names = kept.loc[kept["model_versions"].notna(), "run_id"].tolist()
        raise StoreError(
            f"there is no run '{run_id}' that scored",
            where=store.place,
            remedy=f"name one of {', '.join(names[:20])}" if names else "run a night first: gelir nightly",
        )
    return str(found["company"].iloc[0]), found["as_of"].iloc[0], json.loads(told)
