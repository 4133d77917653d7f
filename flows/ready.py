"""The seconds before a night: Prefect's own server starts while the libraries that the night needs are imported.

Each takes about ten seconds on two cores, and neither waits for the other. Where ``PREFECT_API_URL`` names a server,
nothing is started.
"""

from concurrent.futures import ThreadPoolExecutor

from prefect.client.orchestration import get_client

from flows.settings import Settings


def get_ready(settings: Settings) -> None:
    """Start what a night begins with; what cannot be started raises here."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefect-server") as side:
        server = side.submit(get_client, sync_client=True)
        _import(settings)
        server.result()


def _import(settings: Settings) -> None:
    from data.judge import import_great_expectations
    from flows import steps  # noqa: F401
    from models.forecasters import import_prophet
    from models.tracking import Tracking

    import_great_expectations()
    import_prophet()
    Tracking(settings.path(settings.mlruns), settings.company or "gelir").get_ready()
