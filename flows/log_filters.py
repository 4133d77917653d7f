"""What went wrong, told once: by whoever called the flow, who gets the exception, and not by Prefect's log as well.

Nights that a schedule starts run in processes of their own and keep all of Prefect's log: nobody waits for them there.
"""

import logging

from data.errors import GelirError

LOGS_OF_RUNS = ("prefect.flow_runs", "prefect.task_runs")


def told_once() -> None:
    """Leave out of Prefect's log, in this process, what a person can mend and that a run ended in failure."""
    for name in LOGS_OF_RUNS:
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    ours = record.exc_info is not None and isinstance(record.exc_info[1], GelirError)
    return not ours and not str(record.msg).startswith("Finished in state")
