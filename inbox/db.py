"""The database: one unit of work is one function run on one connection, off the event loop.

A *read* runs in a deferred transaction, a *write* in one that excludes other writers. On
SQLite a writer first queues for an exclusive lock file, so that processes take turns and none
starves; the function runs in a thread. On PostgreSQL the same function runs over asyncpg.
Whatever has to wait for the commit (ringing a worker, telling browsers) is put on
``after_commit`` and is handed back as names, never done inside.
"""

import asyncio
import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Engine,
    any_,
    cast,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Session, SQLModel

from inbox.errors import InboxError

T = TypeVar("T")

log = logging.getLogger(__name__)

LONGEST_TURN_S = 10.0
# An index of words keeps those that were deleted until it is written anew.
_FULL_TEXT = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"
READERS = 3  # threads; a page is milliseconds, so few suffice
STATEMENTS = 1_000  # that a connection keeps ready: a page asks some 15 of several hundred
# PostgreSQL's: no connection, read-only, deadlock, out of resources, shut down, broken disk.
AWAY = ("08", "25006", "40", "53", "57P", "58")


DEADLOCK = "40P01"  # two units of work wait for each other; one is undone and runs again
DEADLOCK_TRIES = 3


class DatabaseGone(InboxError):
    """The database cannot be reached or written just now; everything is tried again."""

    status = 503


class DatabaseReplaced(DatabaseGone):
    """The database's file is not the one that we opened: what is written would be lost."""


def is_away(error: Exception) -> bool:
    """Tell whether it is the database's trouble, not that of what was asked of it."""
    if isinstance(error, OperationalError | OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    away = error.connection_invalidated or _state(error).startswith(AWAY)
    return away or "disk" in str(error.orig)


def _state(error: DBAPIError) -> str:
    """Return PostgreSQL's code for an error, or ""."""
    return str(getattr(error.orig, "sqlstate", None) or "")


class WriterLock:
    """A turnstile between the writers of all processes on one SQLite file.

    Whoever waits for the lock holds the gate, so a process that has just written has to queue
    behind it. Both are ``flock``: the kernel frees them when a process dies.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.open(path, flags, 0o600)
        self._gate = os.open(path.with_suffix(".gate"), flags, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. One thread of a process at a time may ask.

        Raises
        ------
        TimeoutError
            If one writer keeps its turn for ten seconds: it hangs, and we say so.
        """
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            self._wait()
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _wait(self) -> None:
        """Take the lock; only whoever holds the gate is waiting for it."""
        end = time.monotonic() + LONGEST_TURN_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("another process keeps the writers' turn") from None
                time.sleep(0.0005)
            else:
                return

    def close(self) -> None:
        """Give the files back."""
        os.close(self._lock)
        os.close(self._gate)


def after_commit(session: Session, *names: str) -> None:
    """Say what is to be announced once this unit of work is committed."""
    session.info.setdefault("announce", []).extend(names)


def before_commit(session: Session, work: Callable[[Session], None]) -> None:
    """Have ``work`` done once, as the last thing of this unit of work."""
    session.info.setdefault("before_commit", {})[work] = True


def insert_into(session: Session, table: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, which both databases say alike."""
    build = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return build(table)


def among(
    session: Session,
    column: Column[Any],
    values: Collection[str] | Collection[int],
) -> ColumnElement[bool]:
    """Return the condition that a column has one of many values, bound as one parameter.

    ``in_`` binds each of them, which is slower to make and to plan from some hundred on.
    """
    if session.get_bind().dialect.name == "sqlite":
        each = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(cast(list(values), ARRAY(column.type)))


Announce = Callable[[list[str]], Awaitable[None]]


async def _nobody(names: list[str]) -> None:
    """Announce to nobody."""


class Database:
    """Runs units of work; ``announce`` gets the names that a committed write put aside."""

    engine: Engine  # on SQLite
    async_engine: AsyncEngine  # on PostgreSQL

    def __init__(self, url: str, announce: Announce = _nobody) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.announce = announce
        self._kept: dict[Any, Any] = {}  # what rarely changes: ``inbox.store.kept``
        if self.is_sqlite:
            if not self.url.database:
                raise ValueError("SQLite needs a file: sqlite+aiosqlite:///path/kip.db")
            self.path = Path(self.url.database)
            self._file: tuple[int, int] | None = None  # device and inode; None: not there yet
            self.engine = sqlite_engine(self.path)
            self._write_engine = self.engine.execution_options(kip_write=True)
            self._writer_lock = WriterLock(self.path.with_name("write.lock"))
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-write")
            self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="db-read")
        else:
            self._running: set[asyncio.Task[Any]] = set()  # also what nobody waits for any more
            self.async_engine = create_async_engine(
                self.url.set(drivername="postgresql+asyncpg"),
                pool_size=8,
                max_overflow=8,
                pool_pre_ping=True,
            )

    async def read(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run ``work(session, ...)`` in a read transaction and return what it returns."""
        return await self._run(False, work, args, kwargs)

    async def write(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run ``work(session, ...)`` in a write transaction, commit, then announce.

        Raises
        ------
        DatabaseGone
            If the database is locked, full, read-only, away or replaced. Nothing was changed.
        """
        return await self._run(True, work, args, kwargs)

    async def _run(self, writes: bool, work: Callable[..., T], args: Any, kwargs: Any) -> T:
        try:
            if self.is_sqlite:
                pool = self._writer if writes else self._readers
                loop = asyncio.get_running_loop()
                call = loop.run_in_executor(pool, self._on_sqlite, writes, work, args, kwargs)
                # A browser that leaves must not leave a transaction's fate unknown.
                result, names = await asyncio.shield(call)
            else:
                task = asyncio.create_task(self._on_postgres(writes, work, args, kwargs))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                result, names = await asyncio.shield(task)
        except (DBAPIError, OSError) as error:
            if is_away(error):
                raise DatabaseGone("The database cannot be reached just now.") from error
            raise
        if names:
            await self.announce(list(dict.fromkeys(names)))
        return result

    def _on_sqlite(
        self, writes: bool, work: Callable[..., T], args: Any, kwargs: Any
    ) -> tuple[T, list[str]]:
        if not writes:
            self._same_file()
            with self.engine.connect() as connection, connection.begin():
                return _work(connection, self._kept, work, args, kwargs)
        with self._writer_lock.held():
            self._same_file()
            with self._write_engine.connect() as connection, connection.begin():
                return _work(connection, None, work, args, kwargs)

    def _same_file(self) -> None:
        """Refuse to use a file that was replaced or deleted under us."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            there = None
        else:
            there = (found.st_dev, found.st_ino)
        if self._file not in (None, there):
            log.error("%s was replaced or deleted; stop Kịp and look at it", self.path)
            raise DatabaseReplaced("The database cannot be reached just now.")
        self._file = there

    async def _on_postgres(
        self, writes: bool, work: Callable[..., T], args: Any, kwargs: Any
    ) -> tuple[T, list[str]]:
        kept = None if writes else self._kept
        for _ in range(DEADLOCK_TRIES - 1):
            try:
                return await self._once_on_postgres(kept, work, args, kwargs)
            except DBAPIError as error:
                if _state(error) != DEADLOCK:
                    raise
        return await self._once_on_postgres(kept, work, args, kwargs)

    async def _once_on_postgres(
        self, kept: dict[Any, Any] | None, work: Callable[..., T], args: Any, kwargs: Any
    ) -> tuple[T, list[str]]:
        async with self.async_engine.begin() as connection:
            return await connection.run_sync(_work, kept, work, args, kwargs)

    async def compact(self, tables: Sequence[str]) -> None:
        """Write the database anew without what was deleted from it, so that no byte is left.

        On SQLite all of it, its log too: writers wait meanwhile. On PostgreSQL the space of
        these tables is freed, and is overwritten as it is used again.
        """
        if self.is_sqlite:
            loop = asyncio.get_running_loop()
            await asyncio.shield(loop.run_in_executor(self._writer, self._compact_sqlite))
            return
        async with self.async_engine.connect() as found:
            connection = await found.execution_options(isolation_level="AUTOCOMMIT")
            for table in tables:
                await connection.exec_driver_sql(f'VACUUM "{table}"')

    def _compact_sqlite(self) -> None:
        with self._writer_lock.held():
            self._same_file()
            with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as own:
                own.execute("PRAGMA secure_delete=ON")
                for (name,) in own.execute(_FULL_TEXT).fetchall():
                    own.execute(f'INSERT INTO "{name}" ("{name}") VALUES (\'optimize\')')  # noqa: S608 -- names of its own tables
                own.execute("VACUUM")
                end = time.monotonic() + LONGEST_TURN_S
                # A page that is being read keeps the log for a moment.
                while own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > end:
                        raise TimeoutError("somebody reads the database and does not end")
                    time.sleep(0.05)

    async def close(self) -> None:
        """Finish what runs and let go of every connection."""
        if self.is_sqlite:
            self._writer.shutdown(wait=True)
            self._readers.shutdown(wait=True)
            self.engine.dispose()
            self._writer_lock.close()
        else:
            if self._running:
                await asyncio.wait(self._running)
            await self.async_engine.dispose()


def _work(
    connection: Connection,
    kept: dict[Any, Any] | None,
    work: Callable[..., T],
    args: Any,
    kwargs: Any,
) -> tuple[T, list[str]]:
    with Session(bind=connection, autoflush=False, expire_on_commit=False) as session:
        if kept is not None:
            session.info["kept"] = kept
        result = work(session, *args, **kwargs)
        session.flush()
        last: dict[Callable[[Session], None], bool] = session.info.get("before_commit", {})
        for one in last:
            one(session)
        # Rows outlive their transaction as plain values.
        session.expunge_all()
        names: list[str] = session.info.get("announce", [])
        return result, names


def sqlite_engine(path: Path) -> Engine:
    """Make an engine whose transactions begin when we say, durable to the disk at commit."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={
            "timeout": 10,
            "check_same_thread": False,
            "cached_statements": STATEMENTS,
        },
        pool_size=READERS + 2,
        max_overflow=2,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("kip_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
