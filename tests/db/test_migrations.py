"""Migrations: they make what the models say, once, whoever else tries at the same time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, select
from sqlmodel import Session, SQLModel

import models
from inbox.db import Database
from inbox.migrations import config, current, migrate
from inbox.operations.backup import make_backup
from inbox.operations.restore import restore
from inbox.settings import Settings
from models import Conversation
from tests.factories import NOW, Firm, arrive, conversation


def _differences(session: Session) -> list[Any]:
    context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
    return [
        one
        for one in compare_metadata(context, SQLModel.metadata)
        # each database indexes words in its own way
        if "alembic" not in str(one) and "search_index" not in str(one)
    ]


async def test_migrations_and_models_agree(database: Database) -> None:
    assert models.__all__
    assert await database.read(_differences) == []


async def test_partial_indexes_are_partial(database: Database) -> None:
    """Else the second live clock, or the second step, of a conversation would be refused."""

    def conditions(session: Session) -> dict[str, bool]:
        found = {}
        inspector = inspect(session.connection())
        for table in inspector.get_table_names():
            for index in inspector.get_indexes(table):
                options = index.get("dialect_options", {})
                found[str(index["name"])] = any(key.endswith("_where") for key in options)
        return found

    partial = await database.read(conditions)

    assert partial["uq_sla_clocks_live"]
    assert partial["ix_outbox_waiting"]
    assert partial["ix_raw_messages_pending"]
    assert partial["ix_escalation_steps_waiting"]
    assert not partial["ix_events_conversation"]


async def test_migrating_again_changes_nothing_also_all_at_once(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)

    await asyncio.gather(*(migrate(database) for _ in range(3)))

    assert (await database.read(conversation, number)).id == number


async def test_numbers_begin_at_1001_and_are_never_used_again(
    database: Database, firm: Firm
) -> None:
    first = await database.write(arrive, firm)

    def insert_and_delete(session: Session) -> int:
        row = conversation(session, first)
        values = row.model_dump(exclude={"id"}) | {"public_token": "other"}
        again = Conversation(**values)
        session.add(again)
        session.flush()
        number = again.id
        session.delete(again)
        return number

    second = await database.write(insert_and_delete)
    third = await database.write(arrive, firm)

    assert (first, second, third) == (1001, 1002, 1003)


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_an_empty_folder_becomes_a_database(database_kind: str, tmp_path: Path) -> None:
    """Two processes that start at once on a fresh machine."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    pair = [Database(f"sqlite+aiosqlite:///{folder / 'kip.db'}") for _ in range(2)]
    try:
        await asyncio.gather(*(migrate(one) for one in pair))
        assert await pair[0].read(_differences) == []
    finally:
        for one in pair:
            await one.close()


Rows = dict[str, list[dict[str, Any]]]


def _move(session: Session, revision: str) -> None:
    """Bring the tables to a version, up or down."""
    before = current(session)
    go = command.upgrade if before is None or before < revision else command.downgrade
    go(config(session.connection()), revision)


def _everything(session: Session) -> Rows:
    """Return every row of every table, as the database has it now."""
    metadata = MetaData()
    metadata.reflect(session.connection())
    found: Rows = {}
    for name, table in metadata.tables.items():
        if name == "alembic_version":
            continue
        rows = session.execute(select(table)).mappings()
        found[name] = sorted((dict(row) for row in rows), key=repr)
    return found


def _shape(session: Session) -> dict[str, dict[str, str]]:
    """Return tables, their columns and what these hold."""
    look = inspect(session.connection())
    return {
        table: {
            one["name"]: f"{one['type']} {one['nullable']}" for one in look.get_columns(table)
        }
        for table in look.get_table_names()
    }


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
async def test_an_upgrade_keeps_every_row(
    version: str, database: Database, firm: Firm, tmp_path: Path
) -> None:
    """G19: what an older version's tables hold is there afterwards, and can be worked with."""
    number = await database.write(arrive, firm)
    await database.write(_move, version)
    if database.is_sqlite:
        (tmp_path / "old").mkdir()
        old = Database(f"sqlite+aiosqlite:///{tmp_path / 'old' / 'kip.db'}")
        await old.write(_move, version)
        assert await old.read(_shape) == await database.read(_shape)  # as that version is
        await old.close()
    before = await database.read(_everything)
    assert sum(map(len, before.values())) > 20
    assert "alert_messages" not in before

    await migrate(database)

    after = await database.read(_everything)
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]] if rows else []
        assert sorted(kept, key=repr) == rows, table
    assert await database.read(_differences) == []
    await database.write(arrive, firm)
    assert (await database.read(conversation, number)).id == number


async def test_the_way_back_is_the_backup_made_before(
    database: Database, database_url: str, firm: Firm, tmp_path: Path
) -> None:
    """G19, R17: the backup of the older tables replaces the newer ones."""
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "secret.key").write_text("the key of this installation\n")
    settings: Settings = Settings.model_construct(data_dir=data, database_url=database_url)
    kept = tmp_path / "before.backup"
    number = await database.write(arrive, firm)
    await database.write(_move, "0001")
    before = await database.read(_everything)
    await asyncio.to_thread(make_backup, settings, kept, NOW, force=False, progress=_nothing)
    await migrate(database)
    later = await database.write(arrive, firm)

    await asyncio.to_thread(restore, settings, kept, NOW, force=True, progress=_nothing)

    again = Database(database_url)
    try:
        assert (await again.read(conversation, number)).id == number
        assert await again.read(lambda one: one.get(Conversation, later)) is None
        after = await again.read(_everything)
        assert len(after["messages"]) == len(before["messages"])
        assert await again.read(_differences) == []
    finally:
        await again.close()


def _nothing(_count: int) -> None:
    """Show no progress."""
