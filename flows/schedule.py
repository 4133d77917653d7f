"""The schedule: one night per day, in the company's time zone."""

import os

from prefect.schedules import Cron, Schedule

from data.mapping.mapping import load_mapping
from flows.prefect_server import prefect_server
from flows.settings import Settings


def every_night(settings: Settings) -> Schedule:
    """The cron schedule of the night in the company's time zone.

    It fires once per local day where the clock time exists once; on the day on which clocks are set back the second
    firing finds the night published and changes nothing.
    """
    timezone = settings.timezone or load_mapping(settings.mapping).timezone
    return Cron(f"{settings.schedule_at.minute} {settings.schedule_at.hour} * * *", timezone=timezone)


def serve(settings: Settings, schedule: Schedule | None = None) -> None:
    """Serve the night until stopped, on the Prefect server that PREFECT_API_URL names or on a temporary one."""
    with prefect_server(services=True) as server:
        address = server.address()
        os.environ["PREFECT_API_URL"] = address  # each night runs in a process of its own, which inherits these
        os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "gelir")
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows.nightly import nightly

        with temporary_settings({PREFECT_API_URL: address}):
            nightly.serve(name="nightly", schedule=schedule or every_night(settings), limit=1, pause_on_shutdown=False)
