"""A PostgreSQL server for one test run, in a folder of its own, reached by a socket."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.machine import ONCE, memory, postgres_programs, unprivileged

START_S = 20
OWNER = "owner"  # in a server's folder: the process id of the run that it belongs to
_numbers = count(1)
FAST = (
    *("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB"),
    "max_wal_size=128MB",
)
DURABLE = ("shared_buffers=32MB",)  # as companies run it, for tests that kill the server


@dataclass(frozen=True)
class Postgres:
    """A running server; anybody who reaches its socket is ``postgres``."""

    folder: Path
    _finished: list[str] = field(default_factory=list, compare=False)  # copies to be dropped

    def url(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    async def execute(self, *statements: str) -> None:
        """Run statements about databases, each outside any transaction."""
        connection = await asyncpg.connect(
            host=str(self.folder), user="postgres", database="postgres"
        )
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def copy_of(self, template: str) -> AsyncIterator[str]:
        """Copy a database that nobody is connected to; give the address of the copy.

        It is dropped together with the next one's making: that is one connection less.
        """
        name = f"copy_{next(_numbers)}"
        finished, self._finished[:] = self._finished[:], []
        await self.execute(
            *(f"DROP DATABASE {one} WITH (FORCE)" for one in finished),
            f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy",
        )
        try:
            yield self.url(name)
        finally:
            self._finished.append(name)


class Cluster:
    """A server in a folder that can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path, options: Sequence[str]) -> None:
        self._programs = programs
        self._folder = folder
        self._who = unprivileged()
        self._options = [part for option in options for part in ("-c", option)]
        self.server = Postgres(folder)
        self.process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make the folder a database cluster with an empty database."""
        if self._who:
            os.chown(self._folder, self._who["user"], self._who["group"])
        _initialise(self._programs, self._folder, self._who)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self._folder / "data"),
                    *("-k", self._folder, "-c", "listen_addresses="),
                    *("-c", "max_connections=60", *self._options),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **_as(self._who),
            )
        _wait(self._programs, self._folder)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: SIGTERM waits for sessions, SIGINT ends them, SIGKILL asks nobody."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def start_cluster(options: Sequence[str] = DURABLE) -> Iterator[Cluster]:
    """Start a server and stop it again; skips the test where PostgreSQL is missing."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip(f"PostgreSQL is {ONCE}")
    # Not pytest's own folder: that one is closed to other users, and a socket's path is short.
    folder = Path(
        tempfile.mkdtemp(prefix="kip-pg-", dir=_memory() if options is FAST else None)
    )
    (folder / OWNER).write_text(str(os.getpid()))
    cluster = Cluster(programs, folder, options)
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def start_postgres(options: Sequence[str] = FAST) -> Iterator[Postgres]:
    """Start a server with an empty ``kip_template``; skips where PostgreSQL is missing.

    ``options`` are settings of the server; the usual ones do not survive a power cut.
    """
    with start_cluster(options) as cluster:
        _create(postgres_programs() or Path(), cluster.server.folder)
        yield cluster.server


def _memory() -> Path | None:
    """Return a folder in memory, tidied: a copy of a database takes 15 ms there."""
    folder = memory()
    for left in folder.glob(f"kip-pg-*/{OWNER}") if folder else ():  # by a run that was killed
        with contextlib.suppress(OSError):  # another worker of this run tidies too
            if not Path("/proc", left.read_text() or "self").exists():
                shutil.rmtree(left.parent, ignore_errors=True)
    return folder


def _initialise(programs: Path, folder: Path, who: dict[str, int]) -> None:
    subprocess.run(
        [
            *(programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        **_as(who),
    )


def _wait(programs: Path, folder: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        ready = subprocess.run(
            [programs / "pg_isready", "-h", folder, "-q"], check=False, capture_output=True
        )
        if ready.returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError((folder / "log").read_text(errors="replace"))


def _create(programs: Path, folder: Path) -> None:
    subprocess.run(
        [programs / "createdb", "-h", folder, "-U", "postgres", "kip_template"],
        check=True,
        capture_output=True,
    )


def _as(who: dict[str, int]) -> dict[str, Any]:
    return {**who, "extra_groups": []} if who else {}
