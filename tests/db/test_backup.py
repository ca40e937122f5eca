"""Backups taken while others write, and what comes back of them."""

import asyncio
import gzip
import io
import os
import sqlite3
import tarfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel import Session

from inbox.db import Database, WriterLock
from inbox.errors import Conflict, InboxError, Invalid
from inbox.exclusive import demand_alone, writers_wait
from inbox.migrations import current, head, migrate
from inbox.operations import archive
from inbox.operations.backup import fingerprint, make_backup, remember
from inbox.operations.restore import Restored, restore
from inbox.settings import Settings
from inbox.store import health
from models import Conversation, TriageModelVersion
from tests.factories import NOW, Firm, arrive, everything, make_message
from tests.postgres import Postgres

KEY = "the secret key of the installation that is backed up"
MakePlace = Callable[[str], Coroutine[Any, Any, Settings]]


def _settings(data: Path, url: str | None, **values: Any) -> Settings:
    given = {"_env_file": None, "data_dir": data, "database_url": url, **values}
    return Settings(**given)


@pytest.fixture
def here(database_url: str, database_kind: str, tmp_path: Path) -> Settings:
    """Return the settings of the installation that is backed up."""
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "secret.key").write_text(f"{KEY}\n")
    return _settings(data, None if database_kind == "sqlite" else database_url)


@pytest.fixture
async def place(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[MakePlace]:
    """Make empty places to restore to, on the same kind of database."""
    made = []

    async def make(name: str) -> Settings:
        data = tmp_path / name
        data.mkdir()
        if database_kind == "sqlite":
            return _settings(data, None)
        server: Postgres = request.getfixturevalue("postgres")
        database = f"kip_restored_{os.getpid()}_{name}"
        await server.execute(f"CREATE DATABASE {database}")
        made.append((server, database))
        return _settings(data, server.url(database))

    yield make
    for server, database in made:
        await server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def _nothing(_count: int) -> None:
    pass


async def _backup(settings: Settings, target: Path, *, force: bool = False) -> Any:
    return await asyncio.to_thread(
        make_backup, settings, target, NOW, force=force, progress=_nothing
    )


async def _restore(settings: Settings, source: Path, *, force: bool = False) -> Restored:
    return await asyncio.to_thread(
        restore, settings, source, NOW, force=force, progress=_nothing
    )


async def _ask(settings: Settings, work: Callable[..., Any], *args: Any) -> Any:
    database = Database(settings.database)
    try:
        return await database.read(work, *args)
    finally:
        await database.close()


def _whole(session: Session) -> set[int]:
    """Return every conversation, each with what take-in writes along with it."""
    numbers = {one.id for one in everything(session, Conversation)}
    for table in ("messages", "events", "sla_clocks", "raw_messages"):
        found = session.execute(text(f"SELECT conversation_id FROM {table}")).scalars()  # noqa: S608
        assert set(found) == numbers, table
    return numbers


@dataclass
class Writers:
    """Take in messages as fast as it goes, and remember what was committed."""

    databases: list[Database]
    firm: Firm

    def __post_init__(self) -> None:
        self.committed: list[int] = []
        self.stopped = False

    async def one(self, database: Database, name: int) -> None:
        count = 0
        while not self.stopped:
            count += 1
            message = make_message(from_address=f"k{name}-{count}@khach.example")
            key = f"writer-{name}-{count}"
            self.committed.append(await database.write(arrive, self.firm, message, key=key))

    async def until(self, count: int) -> None:
        while len(self.committed) < count:
            await asyncio.sleep(0.01)


async def test_a_backup_under_load_restores_whole_and_loses_nothing_older(
    here: Settings,
    database: Database,
    firm: Firm,
    place: MakePlace,
    tmp_path: Path,
) -> None:
    """R17, F114: three backups while two writers never pause."""
    second = Database(here.database)
    writers = Writers([database, second], firm)
    tasks = [
        asyncio.create_task(writers.one(one, number))
        for number, one in enumerate(writers.databases)
    ]
    older: list[set[int]] = []
    for number in range(3):
        await writers.until(10 * (number + 1))
        older.append(set(writers.committed))
        await _backup(here, tmp_path / f"{number}.kip")
    await writers.until(len(older[-1]) + 5)  # they did go on
    writers.stopped = True
    await asyncio.gather(*tasks)
    await second.close()

    for number in range(3):
        there = await place(f"restored{number}")
        done = await _restore(there, tmp_path / f"{number}.kip")
        found = await _ask(there, _whole)
        assert older[number] <= found <= set(writers.committed)
        assert done.manifest.tables["conversations"] == len(found)
        assert done.advice == ()
        if database.is_sqlite:
            with closing(sqlite3.connect(there.data_dir / "kip.db")) as connection:
                assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _word(session: Session) -> str:
    found: str = session.execute(text("SELECT word FROM house_edition")).scalar_one()
    return found


def _rename_teams(session: Session) -> None:
    session.execute(text("UPDATE teams SET name = name || '!'"))


@pytest.mark.usefixtures("firm")
async def test_the_database_goes_on_noting_what_rarely_changes(
    here: Settings, database: Database, place: MakePlace, tmp_path: Path
) -> None:
    """Its word comes back with the rows that it names, and so do the triggers."""
    before = await database.read(_word)
    await _backup(here, tmp_path / "a.kip")
    there = await place("there")
    await _restore(there, tmp_path / "a.kip")

    restored = Database(there.database)
    assert await restored.read(_word) == before
    await restored.write(_rename_teams)
    assert await restored.read(_word) != before
    await restored.close()


async def test_numbers_go_on_where_they_stopped(
    here: Settings, database: Database, firm: Firm, place: MakePlace, tmp_path: Path
) -> None:
    last = await database.write(arrive, firm)
    await _backup(here, tmp_path / "a.kip")
    there = await place("there")
    await _restore(there, tmp_path / "a.kip")

    restored = Database(there.database)
    try:
        assert await restored.write(arrive, firm) == last + 1
    finally:
        await restored.close()


async def test_key_and_models_come_along_and_lie_in_the_new_place(
    here: Settings, database: Database, firm: Firm, place: MakePlace, tmp_path: Path
) -> None:
    folder = here.data_dir / "models" / "7"
    folder.mkdir(parents=True)
    (folder / "model.npz").write_bytes(b"numbers")
    (folder / "model.json").write_bytes(b"{}")
    version: dict[str, Any] = {"name": "own", "sha256": "x", "created_at": NOW}
    elsewhere = tmp_path / "starter"
    await database.write(
        lambda session: session.add_all(
            [
                TriageModelVersion(path=str(folder), is_live=True, **version),
                TriageModelVersion(path=str(elsewhere), is_starter=True, **version),
            ]
        )
    )
    await _backup(here, tmp_path / "a.kip")
    there = await place("there")
    await _restore(there, tmp_path / "a.kip")

    assert (there.data_dir / "secret.key").read_text() == f"{KEY}\n"
    assert (there.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (there.data_dir / "models" / "7" / "model.npz").read_bytes() == b"numbers"
    paths = [one.path for one in await _ask(there, everything, TriageModelVersion)]
    assert paths == [str(there.data_dir / "models" / "7"), str(elsewhere)]


async def test_an_installation_with_messages_is_replaced_only_by_force_and_kept(
    here: Settings, database: Database, firm: Firm, tmp_path: Path
) -> None:
    first = await database.write(arrive, firm)
    await _backup(here, tmp_path / "a.kip")
    second = await database.write(arrive, firm)
    await _let_go(database)

    with pytest.raises(Conflict, match="installation here already"):
        await _restore(here, tmp_path / "a.kip")
    assert await _ask(here, _whole) == {first, second}

    done = await _restore(here, tmp_path / "a.kip", force=True)
    assert await _ask(here, _whole) == {first}
    if database.is_sqlite:
        (kept,) = done.kept
        url = f"sqlite+aiosqlite:///{kept}"
        assert await _ask(_settings(tmp_path, url), _whole) == {first, second}


async def _let_go(database: Database) -> None:
    """Close the connections, as a stopped Kịp has."""
    if database.is_sqlite:
        database.engine.dispose()
    else:
        await database.async_engine.dispose()


async def test_who_is_connected_is_noticed(here: Settings, database: Database) -> None:
    """A restore or a copy refuses while roles run, also where no `kip run` holds the lock."""
    await database.read(lambda session: session.execute(text("SELECT 1")).scalar())
    ours = Database(here.database)
    with pytest.raises(Conflict, match="The installation is in use"):
        await demand_alone(ours, "The installation")
    await _let_go(database)
    await demand_alone(ours, "The installation")
    await ours.close()


@pytest.fixture
async def made(here: Settings, database: Database, firm: Firm, tmp_path: Path) -> Path:
    """Make a backup of something small."""
    await database.write(arrive, firm)
    path = tmp_path / "backups" / "a.kip"
    path.parent.mkdir()
    await _backup(here, path)
    return path


async def test_a_backup_is_private_whole_and_alone(here: Settings, made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="There is a file"):
        await _backup(here, made)
    before = made.read_bytes()
    await _backup(here, made, force=True)
    assert made.read_bytes()[:2] == before[:2]
    assert [path.name for path in made.parent.iterdir()] == ["a.kip"]


def _cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def _flip(whole: bytes) -> bytes:
    plain = bytearray(gzip.decompress(whole))
    plain[len(plain) // 2] ^= 1
    return gzip.compress(bytes(plain))


def _without_database(whole: bytes) -> bytes:
    return _rewrite(whole, lambda name: not name.startswith("kip."))


def _with_a_stranger(whole: bytes) -> bytes:
    return _rewrite(whole, lambda _name: True, extra="../../outside")


def _rewrite(whole: bytes, keep: Callable[[str], bool], extra: str = "") -> bytes:
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(whole)) as old,
        tarfile.open(fileobj=out, mode="w:gz") as new,
    ):
        for info in old:
            if keep(info.name):
                new.addfile(info, old.extractfile(info))
        if extra:
            info = tarfile.TarInfo(extra)
            info.size = 1
            new.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
@pytest.mark.parametrize("damage", [_cut, _flip, _without_database, _with_a_stranger])
async def test_a_damaged_backup_changes_nothing(
    made: Path, place: MakePlace, damage: Callable[[bytes], bytes]
) -> None:
    made.write_bytes(damage(made.read_bytes()))
    there = await place("there")

    with pytest.raises(Invalid, match="damaged"):
        await _restore(there, made)
    assert not (there.data_dir / "kip.db").exists()
    assert not (there.data_dir / "secret.key").exists()
    assert not list(there.data_dir.glob(".kip-restore-*"))


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_damaged_database_is_replaced_by_force_and_kept(
    made: Path, place: MakePlace
) -> None:
    there = await place("there")
    broken = there.data_dir / "kip.db"
    broken.write_bytes(b"no database any more" * 1000)

    with pytest.raises(Conflict):
        await _restore(there, made)
    done = await _restore(there, made, force=True)
    assert len(await _ask(there, _whole)) == 1
    assert done.kept[0].read_bytes() == b"no database any more" * 1000


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_dangling_rows_are_noticed_before_a_backup_counts(
    here: Settings, database: Database, firm: Firm, tmp_path: Path
) -> None:
    await database.write(arrive, firm)
    await _let_go(database)
    with closing(sqlite3.connect(here.data_dir / "kip.db")) as connection, connection:
        connection.execute("DELETE FROM contacts")

    with pytest.raises(Invalid, match="refers to a row of contacts"):
        await _backup(here, tmp_path / "a.kip")
    assert not (tmp_path / "a.kip").exists()


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_backup_of_the_other_kind_or_of_a_newer_one_is_refused(
    made: Path, place: MakePlace, tmp_path: Path
) -> None:
    there = await place("there")
    other = _settings(there.data_dir, "postgresql+asyncpg://x@127.0.0.1:1/x")
    with pytest.raises(Invalid, match="backup of SQLite"):
        await _restore(other, made)

    newer = archive.read_manifest(made)
    changed = archive.Manifest(
        **{
            **{name: getattr(newer, name) for name in archive.Manifest.__dataclass_fields__},
            "revision": "9999",
        }
    )
    path = tmp_path / "newer.kip"
    archive.write(path, changed, {}, force=False, progress=_nothing)
    with pytest.raises(Invalid, match="newer Kịp"):
        await _restore(there, path)


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_another_key_in_the_environment_is_said(
    made: Path, place: MakePlace, tmp_path: Path
) -> None:
    there = await place("there")
    other = _settings(there.data_dir, None, secret_key=SecretStr("quite another key, long"))
    done = await _restore(other, made)

    assert "KIP_SECRET_KEY" in done.advice[0]
    assert done.manifest.key_fingerprint == fingerprint(KEY.encode())
    assert KEY not in repr(done.manifest)


async def test_the_newest_backup_is_remembered(database: Database) -> None:
    """F112: for the health page and /metrics."""
    assert await database.read(health.last_backup_at) is None
    await remember(database, NOW.replace(hour=1))
    await remember(database, NOW)
    assert await database.read(health.last_backup_at) == NOW


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
async def test_without_pg_dump_it_says_what_to_install(
    here: Settings,
    database: Database,
    firm: Firm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InboxError, match="pg_dump is not on this machine"):
        await _backup(here, tmp_path / "a.kip")
    assert not list(tmp_path.glob("*.kip"))


async def test_what_is_restored_is_up_to_date(
    here: Settings, database: Database, place: MakePlace, tmp_path: Path
) -> None:
    """G19: the tables are at the newest version, and migrating again is harmless."""
    made = await _backup(here, tmp_path / "a.kip")
    there = await place("there")
    await _restore(there, tmp_path / "a.kip")
    restored = Database(there.database)
    try:
        assert await restored.read(current) == head() == made.revision
        await migrate(restored)
    finally:
        await restored.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_stuck_writer_is_noticed(here: Settings, database: Database) -> None:
    """`kip check` says so in place of waiting with everybody else."""
    path = here.data_dir / "kip.db"
    assert not writers_wait(path, 0.1)
    stuck = WriterLock(path.with_name("write.lock"))
    with stuck.held():
        assert writers_wait(path, 0.1)
    stuck.close()
    assert not writers_wait(path, 0.1)
    assert database.is_sqlite
