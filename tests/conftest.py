"""Databases for tests: a fresh copy of a migrated one for each, on SQLite and PostgreSQL."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from inbox import courier, delivery, escalation, jobs, loops, smtpd
from inbox.db import Database
from inbox.migrations import migrate
from inbox.processes import keep_loaded
from inbox.sending import lanes
from inbox.settings import Settings
from tests.engines import share_statements
from tests.factories import NOW, SECRET, Firm, make_firm
from tests.machine import memory
from tests.postgres import Postgres, start_postgres

BOTH = ("db", "jobs", "web")  # folders whose tests run on either database


def pytest_configure() -> None:
    """Keep temporary folders in memory, if there is room: no commit waits for a disk.

    A test that is about disks makes its folder itself; ``--basetemp`` says another place.
    """
    folder = memory()
    if folder and not os.statvfs(folder).f_flag & os.ST_NOEXEC:  # some put programs there
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a database on both, where that is asked for."""
    marks = metafunc.definition.iter_markers("parametrize")
    chosen = any(mark.args[0] == "database_kind" for mark in marks)
    if "database_kind" in metafunc.fixturenames and not chosen:
        alike = metafunc.definition.get_closest_marker("one_database") is not None
        both = metafunc.definition.path.parent.name in BOTH and not alike
        kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
        metafunc.parametrize("database_kind", kinds, scope="session")


@pytest.hookimpl(trylast=True)  # after pytest has brought tests of one database together
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless it is asked for, whatever else ``-m`` says.

    Files of slow tests, which wait as much as they compute, are spread evenly between the
    others: several at once would be short of processor, and then leave it idle. The longest,
    which are last by name, come first.
    """
    if "long" not in config.option.markexpr:
        long = {item for item in items if item.get_closest_marker("long")}
        config.hook.pytest_deselected(items=list(long))
        items[:] = [item for item in items if item not in long]
    slow = dict.fromkeys(item.path for item in items if item.get_closest_marker("slow"))
    quick = dict.fromkeys(item.path for item in items if item.path not in slow)
    place = {
        path: n / len(group)
        for group in (list(quick), list(slow)[::-1])
        for n, path in enumerate(group)
    }
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(scope="session", autouse=True)
def _shared_statements() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        share_statements(patch)
        yield


def pytest_collection_finish() -> None:
    """Look no more for garbage among what is loaded: a run would do so again and again."""
    keep_loaded()


def aside(work: Callable[[], Awaitable[None]]) -> None:
    """Run something asynchronous in a loop of its own, from a fixture that has none."""

    async def run() -> None:
        await work()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(run())).result()


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a migrated, empty SQLite file to be copied."""
    path = tmp_path_factory.mktemp("template") / "kip.db"
    aside(lambda: _migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def sqlite_firm(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Firm]:
    """Make the same with a company in it."""
    path = tmp_path_factory.mktemp("firm") / "kip.db"
    shutil.copyfile(sqlite_template, path)
    return path, _found(f"sqlite+aiosqlite:///{path}")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Start a PostgreSQL of this test run's own, with a migrated database to be copied."""
    with start_postgres() as server:
        aside(lambda: _migrate(server.url("kip_template")))
        yield server


@pytest.fixture(scope="session")
def postgres_firm(postgres: Postgres) -> Firm:
    """Make the same with a company in it, ``kip_firm``."""
    aside(lambda: postgres.execute("CREATE DATABASE kip_firm TEMPLATE kip_template"))
    return _found(postgres.url("kip_firm"))


def _found(url: str) -> Firm:
    """Found the company once: it is a tenth of a second, and thousands of tests begin so."""
    made: list[Firm] = []

    async def work() -> None:
        database = Database(url)
        try:
            made.append(await database.write(make_firm))
        finally:
            await database.close()

    aside(work)
    return made[0]


@pytest.fixture
async def database_url(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """Return the address of a migrated database for one test: empty, or with ``firm``."""
    founded = "firm" in request.fixturenames
    if database_kind == "sqlite":
        data = tmp_path / "data"
        data.mkdir()
        template = (
            request.getfixturevalue("sqlite_firm")[0]
            if founded
            else request.getfixturevalue("sqlite_template")
        )
        shutil.copyfile(template, data / "kip.db")
        yield f"sqlite+aiosqlite:///{data / 'kip.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    if founded:
        request.getfixturevalue("postgres_firm")
    async with server.copy_of("kip_firm" if founded else "kip_template") as url:
        yield url


@dataclass
class Announced:
    """Remembers the names that committed writes announced."""

    names: list[str] = field(default_factory=list)

    async def __call__(self, names: list[str]) -> None:
        self.names.extend(names)


@pytest.fixture
def announced() -> Announced:
    """Return what was announced after commits."""
    return Announced()


@pytest.fixture
async def database(database_url: str, announced: Announced) -> AsyncIterator[Database]:
    """Open a migrated database of this test's own."""
    made = Database(database_url, announced)
    yield made
    await made.close()


@pytest.fixture
def firm(database_kind: str, request: pytest.FixtureRequest) -> Firm:
    """Return a company that is set up: people, teams, hours, types, policies, doors."""
    made: Firm
    if database_kind == "sqlite":
        _, made = request.getfixturevalue("sqlite_firm")
    else:
        made = request.getfixturevalue("postgres_firm")
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings as an installation has them, whatever the environment says."""
    made: Settings = Settings.model_construct(
        data_dir=tmp_path, base_url="http://127.0.0.1:8000", smtp_url="console://"
    )
    return made


@pytest.fixture
def secret() -> bytes:
    """Return the installation's key."""
    return SECRET


@dataclass
class Clock:
    """The time as the worker's loops read it; moves only when a test says so."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> datetime:
        """Let time pass, in ``timedelta``'s words; return the new now."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of everything that reads it by itself, at ``NOW``."""
    stopped = Clock()
    for module in (courier, delivery, escalation, jobs, lanes, loops, smtpd):
        monkeypatch.setattr(module, "utcnow", stopped)
    return stopped
