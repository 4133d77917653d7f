"""Filters of Prefect's log: what the caller of a flow reports is not logged a second time.

Nights that a schedule starts run in processes of their own and keep all of Prefect's log: nobody waits for them there.
"""

import logging

from data.errors import GelirError

RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


def drop_reported_errors() -> None:
    """Drop from Prefect's log, in this process, the errors that the caller reports and the line that a run failed."""
    for name in RUN_LOGGERS:
        logging.getLogger(name).addFilter(_is_unreported)


def _is_unreported(record: logging.LogRecord) -> bool:
    """Whether nobody else reports a record: neither a ``GelirError`` nor the final state of a run."""
    reported = record.exc_info is not None and isinstance(record.exc_info[1], GelirError)
    return not reported and not str(record.msg).startswith("Finished in state")
