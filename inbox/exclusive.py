"""Who else is at an installation: what must not run beside others asks here first."""

import fcntl
import os
import pwd
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, NotFound
from inbox.settings import Settings

_POLL_S = 0.05


def demand_own(settings: Settings) -> None:
    """Refuse a data directory that is another user's, or missing where SQLite lies in it.

    Files that we would leave there could not be opened by the Kịp that runs as that user.

    Raises
    ------
    NotFound
        If there is none.
    Conflict
        If it belongs to somebody else.
    """
    data_dir = settings.data_dir
    try:
        uid = data_dir.stat().st_uid
    except OSError as error:
        if settings.database_url and not settings.database_url.startswith("sqlite"):
            return
        raise NotFound(
            f"There is no data directory {data_dir} ({error.strerror}): "
            "set KIP_DATA_DIR to the one that Kịp uses."
        ) from error
    if uid != os.geteuid():
        owner = user_name(uid)
        raise Conflict(
            f"{data_dir} belongs to {owner}: run this as {owner} (sudo -u {owner} …), "
            "or Kịp would find files that it cannot open."
        )


def user_name(uid: int) -> str:
    """Return a user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def runs(data_dir: Path) -> str | None:
    """Return the process id of the ``kip run`` that holds a data directory, or None."""
    try:
        with (data_dir / "run" / "kip.lock").open("r+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip() or "unknown"
    except FileNotFoundError:
        return None
    return None


def is_open(path: Path) -> bool:
    """Tell whether any process has this SQLite file open, ours included.

    A connection in WAL mode holds a lock for as long as it lives. Where nobody has it open,
    this also folds the write-ahead log into the file. A file that is no database any more
    counts as closed.

    Raises
    ------
    Conflict
        If the file cannot be opened.
    """
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                return True
            raise Conflict(f"{path} cannot be opened: {error}.") from error
        except sqlite3.DatabaseError:  # whoever goes on says so in better words
            return False
    return False


def count_others(session: Session) -> int:
    """Count the other connections to this PostgreSQL database; 0 on SQLite."""
    if session.get_bind().dialect.name == "sqlite":
        return 0
    counted = session.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    return int(counted)


async def demand_alone(database: Database, what: str) -> None:
    """Refuse a database that others are connected to.

    Call it before anything was read: on SQLite our own connections count, too.

    Raises
    ------
    Conflict
        If there are others; ``what`` begins the sentence ("The source").
    """
    if database.is_sqlite:
        busy = is_open(database.path)
    else:
        busy = bool(await database.read(count_others))
    if busy:
        raise Conflict(
            f"{what} is in use: stop kip run, or kip web, kip worker and kip smtp on every "
            "machine, close other programs that have the database open, and try again."
        )


def writers_wait(database_path: Path, seconds: float) -> bool:
    """Tell whether the writers' lock of a SQLite file stays taken for this long."""
    try:
        lock = os.open(database_path.with_name("write.lock"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    end = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    return True
                time.sleep(_POLL_S)
            else:
                return False
    finally:
        os.close(lock)
