"""An installation moved from one database to the other kind, every row proved (F136)."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.migrations import migrate
from inbox.operations.copying import Compared, copy_installation, demand_source
from inbox.operations.tablerows import digest, make_plans
from models import Agent, Attachment, Blob, Conversation, Message, RawMessage, RawState
from tests.factories import NOW, Firm, arrive, everything, make_firm, make_mail, stage_mail
from tests.postgres import Postgres

BURNT = 2000  # the last number given, though its conversation is gone


@pytest.fixture
async def target(
    database_kind: str, tmp_path: Any, request: pytest.FixtureRequest
) -> AsyncIterator[Database]:
    """Make an empty database of the other kind."""
    if database_kind == "postgresql":
        (tmp_path / "target").mkdir()
        made = Database(f"sqlite+aiosqlite:///{tmp_path / 'target' / 'kip.db'}")
        yield made
        await made.close()
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"kip_copied_{os.getpid()}"
    await server.execute(f"CREATE DATABASE {name}")
    made = Database(server.url(name))
    yield made
    await made.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _live(session: Session, firm: Firm) -> None:
    """Leave some of everything that is hard to carry over."""
    for number in range(3):
        last = arrive(session, firm, key=f"copied-{number}", meta={"from": "đ@ổn.example"})
    message = next(one for one in everything(session, Message) if one.conversation_id == last)
    blob = Blob(id="random", sha256="x", size_bytes=4, content=b"\x00\xff\x00\n")
    session.add(blob)
    session.flush()
    named: dict[str, Any] = {"filename": "Hoá đơn “1”.pdf", "content_type": "application/pdf"}
    session.add(Attachment(message_id=message.id, blob_id="random", size_bytes=4, **named))
    held = stage_mail(session, firm, make_mail(), NOW.replace(microsecond=123456))
    session.get_one(RawMessage, held.id).state = RawState.QUARANTINED
    statement = f"SELECT setval('conversations_id_seq', {BURNT})"
    if session.get_bind().dialect.name == "sqlite":
        statement = f"UPDATE sqlite_sequence SET seq = {BURNT} WHERE name = 'conversations'"  # noqa: S608
    session.execute(text(statement))


def _nothing(_count: int) -> None:
    pass


async def _copy(source: Database, target: Database) -> list[Compared]:
    return await copy_installation(source, target, _nothing)


def _different(found: list[Compared]) -> list[str]:
    return [one.table for one in found if not one.same]


async def test_every_row_arrives_the_same(
    database: Database, firm: Firm, target: Database
) -> None:
    """F136: either way round; counts, contents, and what is looked up by the product."""
    await database.write(_live, firm)
    assert await demand_source(database) > 50
    found = await _copy(database, target)

    assert _different(found) == []
    counts = {one.table: one.target.count for one in found}
    assert counts["conversations"] == 3
    assert counts["raw_messages"] == 4
    assert set(counts) == {plan.name for plan in make_plans()}
    for table in (Agent, Attachment, Conversation, Message, RawMessage):
        before = await database.read(everything, table)
        assert [one.model_dump() for one in await target.read(everything, table)] == [
            one.model_dump() for one in before
        ]
    backups = {one.name: one.backup_id for one in await target.read(everything, Agent)}
    assert backups["An"] is not None
    nulls = text("SELECT count(*) FROM triage_predictions WHERE model_version_id IS NULL")
    assert await target.read(lambda s: s.execute(nulls).scalar()) == 3


async def test_the_next_number_follows_the_last_ever_given(
    database: Database, firm: Firm, target: Database
) -> None:
    """Numbers are never given twice, also where the newest conversation is gone."""
    await database.write(_live, firm)
    await _copy(database, target)

    number = await target.write(arrive, firm, key="after")
    assert number == BURNT + 1
    held = await target.write(stage_mail, firm, make_mail())
    assert held.is_new  # its own key follows the highest, too


async def test_an_interrupted_copy_goes_on_and_a_finished_one_stays_the_same(
    database: Database, firm: Firm, target: Database
) -> None:
    await database.write(_live, firm)
    rows = 0

    def pull_the_plug(count: int) -> None:
        nonlocal rows
        rows += count
        if rows > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_installation(database, target, pull_the_plug)
    assert len(await target.read(everything, Agent)) > 0

    first = await _copy(database, target)
    again = await _copy(database, target)
    assert _different(first) == []
    assert again == first


async def test_a_second_pass_brings_what_changed_since_and_takes_away_what_is_gone(
    database: Database, firm: Firm, target: Database
) -> None:
    """So the standstill is short: one pass while it runs, one when it is stopped."""
    await database.write(_live, firm)
    counter = "INSERT INTO counters (key, count, expires_at) VALUES ('x', 1, :at)"
    await database.write(lambda s: s.execute(text(counter), {"at": NOW}) and None)
    await _copy(database, target)

    def go_on(session: Session) -> None:
        session.execute(text("DELETE FROM counters"))
        session.execute(text("UPDATE conversations SET subject = 'Đổi' WHERE id = 1001"))
        session.execute(text("UPDATE agents SET backup_id = NULL"))
        arrive(session, firm, key="later")

    await database.write(go_on)
    assert _different(await _copy(database, target)) == []
    numbers = {one.id: one.subject for one in await target.read(everything, Conversation)}
    assert numbers[1001] == "Đổi"
    assert BURNT + 1 in numbers


async def test_a_single_changed_byte_is_found(
    database: Database, firm: Firm, target: Database
) -> None:
    """The proof is no formality: it reads what the target really holds."""
    await database.write(_live, firm)
    await _copy(database, target)

    def tamper(session: Session) -> None:
        session.get_one(Blob, "random").content = b"\x00\xff\x00\r"

    await target.write(tamper)
    (plan,) = (plan for plan in make_plans() if plan.name == "blobs")
    ours, theirs = await digest(database, plan, _nothing), await digest(target, plan, _nothing)
    assert ours.count == theirs.count == 1
    assert ours.total != theirs.total


async def test_a_target_with_a_life_of_its_own_is_left_alone(
    database: Database, firm: Firm, target: Database
) -> None:
    await database.write(_live, firm)
    await _copy(database, target)
    await target.write(arrive, firm, key="there-only")

    with pytest.raises(Conflict, match="used since it was copied"):
        await _copy(database, target)
    assert len(await target.read(everything, Conversation)) == 4


async def test_another_installation_is_never_written_over(
    database: Database, firm: Firm, target: Database
) -> None:
    await migrate(target)
    await target.write(make_firm)

    with pytest.raises(Conflict, match="another installation"):
        await _copy(database, target)


async def test_there_has_to_be_something_to_move(database: Database) -> None:
    with pytest.raises(NotFound, match="no company"):
        await demand_source(database)
    await database.write(lambda s: s.execute(text("DELETE FROM alembic_version")) and None)
    with pytest.raises(Conflict, match="kip migrate"):
        await demand_source(database)


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_row_that_cannot_be_stored_is_named(
    database: Database, firm: Firm, target: Database
) -> None:
    """PostgreSQL's text holds no NUL."""
    await database.write(_live, firm)
    spoil = text("UPDATE conversations SET subject = 'a' || char(0) || 'b' WHERE id = 1002")
    await database.write(lambda s: s.execute(spoil) and None)

    with pytest.raises(Invalid, match="Row 1002 of conversations"):
        await _copy(database, target)


def test_every_table_is_copied_before_what_refers_to_it() -> None:
    """A column that has to wait must be able to be empty meanwhile."""
    plans = make_plans()
    assert plans[0].name == "company"
    late: dict[str, tuple[str, ...]] = {
        "agents": ("backup_id",),
        "request_types": ("heir_key",),
        "conversations": ("merged_into_id", "split_from_id"),
        "contacts": ("joined_into_id",),
    }
    assert {plan.name: plan.late for plan in plans if plan.late} == late
