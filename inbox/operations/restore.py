"""Put a backup back: verified first, then swapped in, and what was there before is kept.

Callers hold the data directory and have made sure that nobody uses the database.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.failpoints import failpoint
from inbox.migrations import current, knows, migrate
from inbox.operations import archive, pgtools
from inbox.operations.archive import Manifest, Progress
from inbox.operations.backup import (
    DATA,
    KEY,
    POSTGRES,
    SQLITE,
    Snapshot,
    fingerprint,
    inspect_postgres,
    inspect_sqlite,
)
from inbox.settings import Settings

# A row in any of these, and somebody has worked here.
_LIVED_IN = ("company", "agents", "raw_messages")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, where the former files are, and what the operator should know."""

    manifest: Manifest
    kept: tuple[Path, ...]
    advice: tuple[str, ...]


def restore(
    settings: Settings, source: Path, now: datetime, *, force: bool, progress: Progress
) -> Restored:
    """Make the installation what it was when the backup was made.

    Raises
    ------
    Conflict
        If there is an installation already and ``force`` does not allow to replace it.
    Invalid
        If the backup is damaged, of another kind of database, or of a newer Kịp. Nothing
        was changed then.
    """
    manifest = archive.read_manifest(source)
    database = Database(settings.database)
    is_sqlite = database.is_sqlite
    try:
        _demand_fitting(manifest, is_sqlite)
        if not force and _is_lived_in(database):
            raise Conflict(
                "There is an installation here already, with its own messages. --force "
                "replaces it by the backup."
            )
    finally:
        asyncio.run(database.close())
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=".kip-restore-") as name:
        folder = Path(name)
        files = archive.unpack(source, folder, progress)
        if is_sqlite:
            fresh = folder / "fresh" / SQLITE
            fresh.parent.mkdir(mode=0o700)
            _find(files, SQLITE).rename(fresh)
            _prepare_sqlite(fresh, manifest, settings.data_dir)
            failpoint("restore.prepared")
            kept = _swap_in(fresh, database.path, now)
            failpoint("restore.swapped")
        else:
            kept = ()
            asyncio.run(_load_postgres(settings, _find(files, POSTGRES), manifest))
            here = str(settings.data_dir.resolve())
            asyncio.run(_settle(settings.database, manifest.data_dir, here))
        kept += _put_files(files, settings.data_dir, now)
    return Restored(manifest, kept, _advice(settings, manifest))


def _find(files: Mapping[str, Path], name: str) -> Path:
    if name not in files:
        raise Invalid(f"The backup is damaged: {name} is missing.")
    return files[name]


def _demand_fitting(manifest: Manifest, is_sqlite: bool) -> None:
    here = "sqlite" if is_sqlite else "postgresql"
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    if manifest.database != here:
        there = names.get(manifest.database, manifest.database)
        raise Invalid(
            f"This is a backup of {there}, and KIP_DATABASE_URL is {names[here]}. Restore it "
            f"into {there}, then move it with kip copy."
        )
    if not knows(manifest.revision):
        raise Invalid(f"The backup was made by a newer Kịp ({manifest.version}): update first.")


def _is_lived_in(database: Database) -> bool:
    if database.is_sqlite and not database.path.exists():
        return False
    return asyncio.run(_has_rows(database))


async def _has_rows(database: Database) -> bool:
    try:
        return await database.read(_any_rows)
    except DatabaseError:  # damaged: what is left of it is not to be lost either
        return True
    finally:
        if not database.is_sqlite:
            await database.async_engine.dispose()


def _any_rows(session: Session) -> bool:
    connection = session.connection()
    if current(session) is None:
        return False
    return any(
        connection.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 1").first() is not None  # noqa: S608 -- names from above
        for name in _LIVED_IN
    )


def _demand_counts(snapshot: Snapshot, manifest: Manifest) -> None:
    for name, count in manifest.tables.items():
        if snapshot.tables.get(name) != count:
            raise Invalid(
                f"The backup is damaged: {name} should have {count} rows and has "
                f"{snapshot.tables.get(name, 'no table')}."
            )


def _prepare_sqlite(path: Path, manifest: Manifest, data_dir: Path) -> None:
    """Check the database, bring it up to date, and point it to where its models will lie."""
    _demand_counts(inspect_sqlite(path), manifest)
    url = f"sqlite+aiosqlite:///{path}"
    asyncio.run(_settle(url, manifest.data_dir, str(data_dir.resolve())))


async def _settle(url: str, old: str, new: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
        await database.write(_move_models, old, new)
    finally:
        await database.close()


def _move_models(session: Session, old: str, new: str) -> None:
    """Say where the models lie now; those outside the data directory stay where they are."""
    if old == new:
        return
    rows = session.execute(text("SELECT id, path FROM triage_model_versions")).all()
    for row in rows:
        if row.path.startswith(f"{old}/"):
            session.execute(
                text("UPDATE triage_model_versions SET path = :path WHERE id = :id"),
                {"id": row.id, "path": new + row.path.removeprefix(old)},
            )


def _swap_in(fresh: Path, target: Path, now: datetime) -> tuple[Path, ...]:
    """Put the new file in the old one's place in one step, and keep the old one."""
    if fresh.with_name(f"{fresh.name}-wal").exists():
        raise Conflict(f"{fresh} is still open somewhere; nothing was changed.")
    descriptor = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    kept = _keep(target, now)
    for aside in kept:  # a log is only left beside a file that could not be read
        for end in ("-wal", "-shm"):
            log = target.with_name(target.name + end)
            if log.exists():
                log.rename(aside.with_name(aside.name + end))
    fresh.replace(target)
    archive.sync_folder(target.parent)
    return kept


def _keep(path: Path, now: datetime) -> tuple[Path, ...]:
    """Give a file that is about to be replaced a second name."""
    if not path.exists():
        return ()
    aside = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%S}")
    os.link(path, aside)
    return (aside,)


async def _load_postgres(settings: Settings, source: Path, manifest: Manifest) -> None:
    database = Database(settings.database)
    try:
        await asyncio.to_thread(pgtools.load, database.url, source)
        _demand_counts(await database.read(inspect_postgres), manifest)
    finally:
        await database.close()


def _put_files(files: Mapping[str, Path], data_dir: Path, now: datetime) -> tuple[Path, ...]:
    """Put the secret key and the models into the data directory."""
    kept: tuple[Path, ...] = ()
    for name, path in files.items():
        if not name.startswith(f"{DATA}/"):
            continue
        target = data_dir / name.removeprefix(f"{DATA}/")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists() and target.read_bytes() == path.read_bytes():
            continue
        kept += _keep(target, now)
        path.replace(target)
        archive.sync_folder(target.parent)
    return kept


def _advice(settings: Settings, manifest: Manifest) -> tuple[str, ...]:
    advice = []
    try:
        same = fingerprint(settings.secret) == manifest.key_fingerprint
    except Invalid:
        same = False
    if not same:
        advice.append(
            "The secret key is not the backup's: set KIP_SECRET_KEY to what it was, or links, "
            f"reply addresses and sign-ins from before no longer work (a file {KEY} is not in "
            "a backup where KIP_SECRET_KEY was set)."
        )
    return tuple(advice)
