"""A PostgreSQL server for one test run, in a folder of its own, reached by a socket."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from tests.machine import ONCE, postgres_programs, unprivileged

START_S = 20
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB")


@dataclass(frozen=True)
class Postgres:
    """A running server; anybody who reaches its socket is ``postgres``."""

    folder: Path

    def url(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    async def execute(self, statement: str) -> None:
        """Run a statement about databases, outside any transaction."""
        engine = create_async_engine(
            self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        async with engine.connect() as connection:
            await connection.exec_driver_sql(statement)
        await engine.dispose()


@contextmanager
def start_postgres() -> Iterator[Postgres]:
    """Start a server and stop it again; skips the test where PostgreSQL is missing."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip(f"PostgreSQL is {ONCE}")
    # Not pytest's own folder: that one is closed to other users, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="kip-pg-"))
    who = unprivileged()
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        _initialise(programs, folder, who)
        with _running(programs, folder, who):
            yield Postgres(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


@contextmanager
def _running(programs: Path, folder: Path, who: dict[str, int]) -> Iterator[None]:
    options = [part for option in FAST for part in ("-c", option)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(programs / "postgres", "-D", folder / "data", "-k", folder),
                *("-c", "listen_addresses=", "-c", "max_connections=60", *options),
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
            **_as(who),
        )
    try:
        _wait(programs, folder)
        _create(programs, folder)
        yield
    finally:
        process.terminate()  # SIGTERM waits for sessions; by now there should be none
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
