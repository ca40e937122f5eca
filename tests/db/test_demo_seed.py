"""The sample company: who is there, what has happened, what happens in the first minutes."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import Session, SQLModel

from inbox.auth import hash_token, verify_password
from inbox.company import installation
from inbox.db import Database
from inbox.demo import seed as module
from inbox.demo import texts
from inbox.demo.seed import seed
from inbox.escalating.due import next_moment
from inbox.learning.trainings import begin_by_itself, is_time
from inbox.migrations import migrate
from inbox.settings import Settings
from inbox.starter_model import find_starter, register_starter
from inbox.store.people import find_agent_by_email
from inbox.store.sessions import find_token_person
from inbox.store.setup import find_live_model
from models import (
    Conversation,
    Correction,
    DeliveryState,
    EscalationStep,
    Event,
    Inbox,
    Message,
    Notice,
    Outbox,
    Satisfaction,
    Scope,
    Score,
    SLAClock,
    Status,
    Team,
    TeamMember,
    TriageModelVersion,
)

MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # 10:00 in Ho Chi Minh City
SUNDAY_NIGHT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)  # Sunday 03:00 there
TET = datetime(2027, 2, 7, 4, 0, tzinfo=UTC)  # the second day of the lunar year
SETTINGS = Settings(secret_key=SecretStr("k" * 40), demo=True, _env_file=None)  # type: ignore[call-arg]
URGENT = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def _no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sort by the written rules, whatever model this machine has."""
    monkeypatch.setattr(module, "find_starter", lambda: None)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Return a database with tables and no company."""
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/kip.db")
    await migrate(made)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def on_monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a sample company that was made on Monday, once for all tests."""
    path = tmp_path_factory.mktemp("demo") / "kip.db"

    async def make() -> None:
        made = Database(f"sqlite+aiosqlite:///{path}")
        await migrate(made)
        await seed(made, SETTINGS, lambda: MONDAY)
        await made.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "find_starter", lambda: None)
        asyncio.run(make())
    return path


@pytest.fixture
async def sample(on_monday: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """Return a copy of it."""
    shutil.copy(on_monday, tmp_path / "sample.db")
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/sample.db")
    yield made
    await made.close()


def _all(session: Session, table: type[SQLModel]) -> list[Any]:
    return list(session.execute(select(table)).scalars())


async def _rows(database: Database, table: type[SQLModel]) -> list[Any]:
    return await database.read(_all, table)


async def test_the_sample_company_has_the_sign_ins_that_scripts_rely_on(
    sample: Database,
) -> None:
    for person, role in (("agent", "agent"), ("supervisor", "supervisor"), ("admin", "admin")):
        found = await sample.read(find_agent_by_email, f"{person}@demo.example")
        assert found is not None
        assert found.role == role
        assert verify_password("kip-demo", found.password_hash)
        assert (found.backup_id is None) == (person == "admin"), "the chain ends there"
    token = await sample.read(find_token_person, hash_token("kip-demo-token"))
    assert token is not None
    assert token.email == "agent@demo.example"
    assert token.scope is Scope.ADMIN
    doors = {(door.kind, door.handle) for door in await _rows(sample, Inbox)}
    assert doors == {
        ("email", "support@demo.example"),
        ("form", "support"),
        ("api", "api"),
        ("chat", "demo"),
    }


async def test_its_story_is_nothing_to_learn_from_in_the_night_it_is_told(
    sample: Database,
) -> None:
    """A demo that is started between two and three does not begin with a training."""
    tonight = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)  # Monday 02:30 there
    assert await sample.read(is_time, tonight) == "night"
    assert not await sample.write(begin_by_itself, tonight)
    assert await sample.write(begin_by_itself, tonight + timedelta(days=1))


async def test_the_agent_is_in_every_team_and_the_supervisor_leads_each(
    sample: Database,
) -> None:
    teams = {team.id for team in await _rows(sample, Team)}
    members = await _rows(sample, TeamMember)
    agent = await sample.read(find_agent_by_email, "agent@demo.example")
    lead = await sample.read(find_agent_by_email, "supervisor@demo.example")
    assert agent is not None
    assert lead is not None
    assert {one.team_id for one in members if one.agent_id == agent.id} == teams
    assert {one.team_id for one in members if one.leads} == teams
    assert {one.agent_id for one in members if one.leads} == {lead.id}


@pytest.mark.parametrize("now", [MONDAY, SUNDAY_NIGHT, TET])
async def test_the_list_has_late_near_later_and_answered_ones_at_any_hour(
    database: Database, now: datetime
) -> None:
    await seed(database, SETTINGS, lambda: now)

    rows = await _rows(database, Conversation)
    still_open = [row for row in rows if row.status is Status.OPEN]
    owed = [row.next_due_at - now for row in still_open if row.next_due_at is not None]
    groups = Counter(
        "late" if left <= timedelta() else "soon" if left <= timedelta(hours=1) else "later"
        for left in owed
    )
    assert 60 <= len(rows) <= 80
    assert 20 <= len(still_open) <= 45
    assert groups["late"] >= 3
    assert groups["soon"] >= 5
    assert groups["later"] >= 8
    assert len(still_open) - len(owed) >= 4  # answered, not done
    assert {row.language for row in still_open} == {"vi", "en"}
    assert {row.channel for row in still_open} == {"email", "form", "chat"}
    assert all(row.owner_id for row in rows)
    assert max(row.created_at for row in rows) < now
    assert min(row.created_at for row in rows) > now - timedelta(days=30)


async def test_the_past_has_kept_and_broken_promises_notes_and_corrections(
    sample: Database,
) -> None:
    done = [row for row in await _rows(sample, Conversation) if row.first_responded_at]
    kept = [row for row in done if row.first_responded_at <= row.first_response_due_at]
    kinds = Counter(event.kind for event in await _rows(sample, Event))
    corrections = await _rows(sample, Correction)
    assert len(kept) > 30
    assert len(done) - len(kept) >= 4
    assert sum(row.status is Status.RESOLVED for row in done) >= 30
    assert kinds["noted"] >= 5
    assert kinds["warned"] > 10
    assert kinds["escalated"] > 4
    assert any(one.old != one.new for one in corrections)
    assert any(one.old == one.new for one in corrections)
    events = await _rows(sample, Event)
    assert all(event.at <= MONDAY for event in events)
    scores = Counter(row.score for row in await _rows(sample, Satisfaction))
    assert scores[Score.GOOD] > scores[Score.BAD] > 0


async def test_a_customers_later_mail_is_part_of_the_same_conversation(
    sample: Database,
) -> None:
    inbound = Counter(
        message.conversation_id
        for message in await _rows(sample, Message)
        if message.direction == "inbound"
    )
    stories = [*texts.past(), *texts.present(), *texts.live()]
    assert len(inbound) == len(stories)
    assert sum(count > 1 for count in inbound.values()) > 15


async def test_nothing_of_the_past_is_sent_or_fired_after_the_start(
    sample: Database,
) -> None:
    assert {mail.state for mail in await _rows(sample, Outbox)} == {DeliveryState.SENT}
    assert all(mail.sent_at <= MONDAY for mail in await _rows(sample, Outbox))
    moment = await sample.read(next_moment)
    assert moment is not None
    assert moment > MONDAY
    unread = [one for one in await _rows(sample, Notice) if one.read_at is None]
    owing = {row.id for row in await _rows(sample, Conversation) if row.next_due_at}
    assert unread
    assert {one.conversation_id for one in unread} <= owing


async def _seconds(database: Database, step: str, now: datetime) -> list[int]:
    """Return when steps of the agent's urgent conversations fall, in seconds from now."""
    agent = await database.read(find_agent_by_email, "agent@demo.example")
    assert agent is not None
    rows = await _rows(database, Conversation)
    clocks = await _rows(database, SLAClock)
    owned = {row.id for row in rows if row.owner_id == agent.id and row.urgency == "urgent"}
    on_the_clock = {one.id for one in clocks if one.due_at - one.started_at == URGENT}
    return sorted(
        round((one.at - now).total_seconds())
        for one in await _rows(database, EscalationStep)
        if one.conversation_id in owned and one.clock_id in on_the_clock
        if one.step == step and one.fired_at is None and one.cancelled_at is None
    )


@pytest.mark.parametrize("now", [MONDAY, SUNDAY_NIGHT])
async def test_warnings_and_breaches_fall_in_the_first_minutes(
    database: Database, now: datetime
) -> None:
    await seed(database, SETTINGS, lambda: now)

    warnings = await _seconds(database, "nearly_due", now)
    breaches = await _seconds(database, "due", now)
    assert {30, 90} <= set(warnings)
    assert {60, 150} <= set(breaches)


async def test_a_later_start_adds_a_warning_and_a_breach_and_touches_nothing_else(
    sample: Database,
) -> None:
    before = {row.id: row.version for row in await _rows(sample, Conversation)}
    waiting = await sample.read(next_moment)
    later = MONDAY + timedelta(days=2)

    await sample.write(_queue_a_mail)
    await seed(sample, SETTINGS, lambda: later)

    after = {row.id: row.version for row in await _rows(sample, Conversation)}
    assert len(after) == len(before) + 2
    assert before.items() <= after.items()
    assert 30 in await _seconds(sample, "nearly_due", later)
    assert 60 in await _seconds(sample, "due", later)
    # What fell while nobody ran is the worker's to fire, and what waited to be sent still does.
    assert await sample.read(next_moment) == waiting
    queued = [one for one in await _rows(sample, Outbox) if one.state == "queued"]
    assert len(queued) == 1


def _queue_a_mail(session: Session) -> None:
    mail = session.execute(select(Outbox).limit(1)).scalars().one()
    mail.state = DeliveryState.QUEUED
    session.add(mail)


async def test_a_history_that_was_cut_short_is_told_to_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = texts.past()
    with monkeypatch.context() as patch:
        patch.setattr(texts, "past", lambda: past[:10])
        patch.setattr(texts, "present", list)
        patch.setattr(texts, "live", list)
        await seed(database, SETTINGS, lambda: MONDAY)
    assert len(await _rows(database, Conversation)) == 10

    await seed(database, SETTINGS, lambda: MONDAY + timedelta(seconds=20))

    stories = [*past, *texts.present(), *texts.live()]
    assert len(await _rows(database, Conversation)) == len(stories)


async def test_a_company_of_somebodys_own_is_left_alone(database: Database) -> None:
    await database.write(installation.create_company, "Own", "Asia/Ho_Chi_Minh", "vi", MONDAY)

    await seed(database, SETTINGS, lambda: MONDAY)

    assert await _rows(database, Conversation) == []
    assert await _rows(database, Team) == []


async def test_seeding_is_quick_and_holds_the_database_for_less_than_a_second(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generous for a busy machine: 2 s in all and 0.3 s a turn were measured on two cores."""
    turns: list[float] = []
    write = database.write

    async def timed(work: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return await write(work, *arguments)
        finally:
            turns.append(time.perf_counter() - began)

    monkeypatch.setattr(database, "write", timed)
    began = time.perf_counter()
    await seed(database, SETTINGS, lambda: MONDAY)

    assert time.perf_counter() - began < 12
    assert max(turns) < 3


def test_what_people_wrote_is_complete_and_unmistakably_made_up() -> None:
    stories = [*texts.past(), *texts.present(), *texts.live()]
    addresses = [story.email for story in stories]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith(".example") for address in addresses)
    assert {story.type for story in stories} == {
        key for key, _, _ in installation.STARTER_TYPES
    }
    assert all(story.reply and story.share for story in texts.past())
    assert all(story.due is not None for story in texts.present())


async def test_the_starter_is_registered_once_and_again_when_it_was_made_anew(
    database: Database, tmp_path: Path
) -> None:
    assert await database.write(register_starter, tmp_path, "a" * 64, MONDAY)
    assert not await database.write(register_starter, tmp_path, "a" * 64, MONDAY)
    assert await database.write(register_starter, tmp_path, "b" * 64, MONDAY)

    live = await database.read(find_live_model)
    assert live is not None
    assert (live.sha256, live.is_starter) == ("b" * 64, True)
    assert await database.write(register_starter, tmp_path, "a" * 64, MONDAY)
    versions = await _rows(database, TriageModelVersion)
    assert sorted((one.sha256[0], one.is_live) for one in versions) == [
        ("a", True),
        ("b", False),
    ]


async def test_the_starter_never_takes_the_place_of_a_trained_model(
    database: Database, tmp_path: Path
) -> None:
    await database.write(_add_trained, tmp_path)

    assert not await database.write(register_starter, tmp_path, "a" * 64, MONDAY)

    live = await database.read(find_live_model)
    assert live is not None
    assert live.sha256 == "c" * 64


def _add_trained(session: Session, path: Path) -> None:
    session.add(
        TriageModelVersion(
            name="2", path=str(path), sha256="c" * 64, is_live=True, created_at=MONDAY
        )
    )


def test_without_a_starter_there_is_none(tmp_path: Path) -> None:
    assert find_starter(tmp_path / "nowhere") is None
