"""What tests of the flows share: one Prefect server, and one published night of each of two companies."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest

from data.demo import write_demo
from data.store.views import Store, open_store
from flows.settings import Settings, load_settings
from flows.worker_pool import worker_pool
from flows.worker_tasks import import_models
from tests.command_line import CommandResult, gelir
from tests.flows import small_crm
from tests.flows.served import Served, serving

DEMO_UNTIL = datetime(2026, 3, 15, 14, 0)
DEMO_AS_OF = date(2026, 3, 15)


@dataclass(frozen=True)
class Night:
    """A folder in which a night was published, and what its command printed."""

    folder: Path
    as_of: date
    run_id: str
    result: CommandResult

    @property
    def settings(self) -> Settings:
        """The settings of the folder."""
        return load_settings(self.folder)

    def store(self) -> Store:
        """Its scoring database, to be closed by the caller."""
        return open_store(self.settings.scores_url)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prefect server that belongs to this session: nights of this process run against it."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect")
    imports = Thread(target=import_module, args=["flows.nightly"])
    imports.start()  # while the server starts: each takes seconds, and neither waits for the other
    with (
        worker_pool(import_models),  # shared by all nights of this process: the imports take seconds
        temporary_settings({PREFECT_HOME: home, PREFECT_SERVER_ANALYTICS_ENABLED: False}),
        prefect_test_harness(server_startup_timeout=90),
    ):
        imports.join()
        yield str(PREFECT_API_URL.value())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A served schedule, until its test ends: each night that it fires is a process of its own."""
    with serving(tmp_path) as schedule:
        yield schedule


@pytest.fixture(scope="session")
def demo_night(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A published night of a small demo company."""
    folder = tmp_path_factory.mktemp("demo_night")
    write_demo(folder / "var" / "demo", until=DEMO_UNTIL, size=0.1, seed=7)
    return published(folder, DEMO_AS_OF)


@pytest.fixture(scope="session")
def small_night(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A published night of ten customers of whom only orders are known."""
    folder = tmp_path_factory.mktemp("small_night")
    small_crm.small_crm(folder / "crm")
    small_crm.mapping(folder / "mapping")
    (folder / "gelir.toml").write_text(f'source = "crm"\nmapping = "{folder / "mapping"}"\ncompany = "small"\n')
    return published(folder, small_crm.AS_OF)


def published(folder: Path, as_of: date) -> Night:
    """The night of a folder, run now."""
    result = gelir(folder, "nightly", "--as-of", str(as_of))
    assert result.code == 0, result.err
    (run,) = (path.name for path in (folder / "var" / "lake").iterdir())
    return Night(folder, as_of, run, result)
