"""Back up an installation while it runs.

The database is taken as of one instant: on SQLite through its backup interface inside one
read transaction, on PostgreSQL by pg_dump on an exported snapshot. The copy is checked before
it counts as a backup: pages, foreign keys, and the rows of every table are counted in it.
"""

import asyncio
import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from inbox import __version__
from inbox.db import Database, DatabaseGone
from inbox.errors import InboxError, Invalid, NotFound
from inbox.failpoints import failpoint
from inbox.operations import archive, pgtools
from inbox.operations.archive import Manifest, Progress
from inbox.settings import Settings
from inbox.store import health

SQLITE, POSTGRES = "kip.db", "kip.pgdump"
DATA = "data"  # what stands below it belongs into the data directory
KEY = "secret.key"
_SPARE_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of the database, and what is in it."""

    revision: str
    tables: dict[str, int]
    model_paths: tuple[str, ...]


def make_backup(
    settings: Settings, target: Path, now: datetime, *, force: bool, progress: Progress
) -> Manifest:
    """Write a backup of everything that is needed to go on elsewhere; return what is in it.

    That is the database, and from the data directory the secret key and the trained models.
    Settings in the environment are not in it.

    Raises
    ------
    InboxError
        If it cannot be made; nothing is left behind then.
    """
    database = Database(settings.database)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".kip-backup-") as folder:
            copy = Path(folder) / (SQLITE if database.is_sqlite else POSTGRES)
            if database.is_sqlite:
                snapshot = copy_sqlite(database.path, copy)
            else:
                copy.touch(mode=0o600)
                snapshot = asyncio.run(_dump_postgres(database, copy))
            failpoint("backup.copied")
            sources = {copy.name: copy, **_files(settings.data_dir, snapshot.model_paths)}
            return archive.write(
                target,
                _describe(settings, snapshot, now, is_sqlite=database.is_sqlite),
                sources,
                force=force,
                progress=progress,
            )
    finally:
        asyncio.run(database.close())


def _describe(
    settings: Settings, snapshot: Snapshot, now: datetime, *, is_sqlite: bool
) -> Manifest:
    return Manifest(
        version=__version__,
        made_at=now.isoformat(timespec="seconds"),
        database="sqlite" if is_sqlite else "postgresql",
        revision=snapshot.revision,
        key_fingerprint=fingerprint(settings.secret),
        data_dir=str(settings.data_dir.resolve()),
        tables=snapshot.tables,
    )


def fingerprint(secret: bytes) -> str:
    """Return what tells two secret keys apart and gives none away."""
    return hashlib.sha256(b"kip key fingerprint\0" + secret).hexdigest()[:16]


def copy_sqlite(source: Path, target: Path) -> Snapshot:
    """Copy a database that others write to, as of one instant, and check the copy.

    Raises
    ------
    InboxError
        If there is none, no room for the copy, or the copy is damaged.
    """
    if not source.exists():
        raise NotFound(f"There is no database {source}: nothing to back up.")
    wanted = 2 * source.stat().st_size + _SPARE_BYTES  # the copy and the packed file
    free = shutil.disk_usage(target.parent).free
    if free < wanted:
        raise InboxError(
            f"There is not enough room in {target.parent.parent}: {wanted >> 20} MiB are "
            f"needed, {free >> 20} MiB are free."
        )
    target.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(source, timeout=10)) as from_,
            closing(sqlite3.connect(target)) as to,
        ):
            from_.backup(to)  # in one step: one read transaction, in which nobody waits for us
    except sqlite3.Error as error:
        raise InboxError(f"{source} cannot be copied: {error}.") from error
    return inspect_sqlite(target)


def inspect_sqlite(path: Path) -> Snapshot:
    """Check a database file that is nobody's but ours, and say what is in it.

    Raises
    ------
    Invalid
        If pages are damaged, or rows refer to rows that are not there.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            _demand_sound(connection)
            names = [
                str(name)
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                    " AND name NOT LIKE 'sqlite_%' ORDER BY name"
                )
            ]
            if "alembic_version" not in names:
                raise Invalid(f"{path} is no database of Kịp.")
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            tables = {
                name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 -- names of its own tables
                for name in names
            }
            paths = connection.execute("SELECT path FROM triage_model_versions").fetchall()
    except sqlite3.DatabaseError as error:
        raise Invalid(f"The database {path} is damaged: {error}.") from error
    return Snapshot(str(revision[0]), tables, tuple(str(path) for (path,) in paths))


def _demand_sound(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise Invalid(f"The database is damaged: {verdict}. Keep it and your older backups.")
    dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    if dangling is not None:
        raise Invalid(
            f"The database is damaged: row {dangling[1]} of {dangling[0]} refers to a row of "
            f"{dangling[2]} that is not there. Keep it and your older backups."
        )


async def _dump_postgres(database: Database, target: Path) -> Snapshot:
    """Count and dump in one snapshot; the transaction stays open as long as pg_dump runs."""
    engine = database.async_engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        async with engine.connect() as connection, connection.begin():
            name = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
            await asyncio.to_thread(pgtools.dump, database.url, target, str(name))
            return await connection.run_sync(_inspect_connection)
    except (DBAPIError, OSError) as error:
        raise DatabaseGone(f"The database cannot be read: {_short(error)}.") from error
    finally:
        await database.async_engine.dispose()


def _short(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _inspect_connection(connection: Any) -> Snapshot:
    with Session(bind=connection) as session:
        return inspect_postgres(session)


def inspect_postgres(session: Session) -> Snapshot:
    """Say what is in a PostgreSQL database of ours, as of this transaction.

    Raises
    ------
    NotFound
        If there are no tables of ours.
    """
    names = list(
        session.execute(
            text(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
                " ORDER BY tablename"
            )
        ).scalars()
    )
    if "alembic_version" not in names:
        raise NotFound("There is no installation in this database.")
    tables = {
        name: int(session.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one())  # noqa: S608 -- names of its own tables
        for name in names
    }
    revision = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    paths = session.execute(text("SELECT path FROM triage_model_versions")).scalars()
    return Snapshot(str(revision), tables, tuple(str(path) for path in paths))


def _files(data_dir: Path, model_paths: tuple[str, ...]) -> dict[str, Path]:
    """Return what of the data directory belongs into the backup, by its name there."""
    found = {}
    root = data_dir.resolve()
    if (root / KEY).exists():
        found[f"{DATA}/{KEY}"] = root / KEY
    for folder in {Path(path).resolve() for path in model_paths}:
        if folder.is_relative_to(root) and folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    found[f"{DATA}/{path.relative_to(root).as_posix()}"] = path
    return found


async def remember(database: Database, now: datetime) -> None:
    """Record in the database when this was, for the health page and ``/metrics``."""
    await database.write(health.record_backup, now)
