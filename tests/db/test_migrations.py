"""Migrations: they make what the models say, once, whoever else tries at the same time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import Session, SQLModel

import models
from inbox.db import Database
from inbox.migrations import migrate
from models import Conversation
from tests.factories import Firm, arrive, conversation


def _differences(session: Session) -> list[Any]:
    context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
    return [
        one for one in compare_metadata(context, SQLModel.metadata) if "alembic" not in str(one)
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
