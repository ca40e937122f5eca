"""Somebody leaves and everything they owned has a new owner who knows of it (F135)."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlmodel import Session

from inbox import delivery, escalation
from inbox.accounts import leaving
from inbox.alerting.gathering import send_alerts
from inbox.auth import hash_token
from inbox.company import handover, tokens
from inbox.company.handover import Heir, Plan
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.store import sessions, staff
from models import (
    Account,
    Agent,
    AuditAction,
    AuditEntry,
    Conversation,
    EventKind,
    Notice,
    Outbox,
    Role,
    Scope,
    Status,
    TeamMember,
)
from models.base import columns, core
from tests.conftest import Announced, Clock
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_agent,
    make_message,
)

agents = columns(Agent)
members = columns(TeamMember)
conversations = columns(Conversation)
outbox = columns(Outbox)


def set_agent(session: Session, agent_id: int, **values: Any) -> None:
    session.execute(update(Agent).where(agents.id == agent_id).values(**values))


async def work_for(
    database: Database, firm: Firm, owner: int, count: int = 3, **values: Any
) -> list[int]:
    """Let messages come in, the later the less pressing, and give them to somebody."""
    made = []
    for n in range(count):
        message = make_message(from_address=f"nguoi{n}@khach.example")
        number = await database.write(arrive, firm, message, at=NOW + timedelta(minutes=n))

        def give(session: Session, number: int = number) -> None:
            query = update(Conversation).where(conversations.id == number)
            session.execute(query.values(owner_id=owner, **values))

        await database.write(give)
        made.append(number)
    return made


async def owners(database: Database, numbers: list[int]) -> list[int | None]:
    return [(await database.read(conversation, one)).owner_id for one in numbers]


async def test_the_backup_gets_everything_and_is_told(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """F135: open, waiting and snoozed go; what is done stays in the history under its name."""
    numbers = await work_for(database, firm, firm.an.id)
    (waiting,) = await work_for(database, firm, firm.an.id, 1, status=Status.WAITING)
    (done,) = await work_for(database, firm, firm.an.id, 1, status=Status.RESOLVED)
    before = await database.read(conversation, numbers[0])
    announced.names.clear()

    handed = await leaving.leave(
        database, firm.an.id, Plan(Heir.BACKUP), firm.house, by=firm.admin.id
    )

    assert handed.counts == {firm.chi.id: 4}
    assert await owners(database, [*numbers, waiting]) == [firm.chi.id] * 4
    assert await owners(database, [done]) == [firm.an.id]
    row = await database.read(conversation, numbers[0])
    assert row.version > before.version
    assigned, noted = (await database.read(events_of, numbers[0]))[-2:]
    assert (assigned.kind, assigned.data["reason"]) == (EventKind.ASSIGNED, "handed_over")
    assert assigned.actor_id == firm.admin.id
    assert assigned.data["from"] == {"owner": firm.an.id}
    assert assigned.data["to"] == {"owner": firm.chi.id}
    assert noted.kind is EventKind.NOTED
    assert {f"conv-{one}" for one in numbers} <= set(announced.names)
    assert {"list", f"notices-{firm.chi.id}", f"account-{firm.an.id}"} <= set(announced.names)
    (notice,) = await database.read(lambda s: everything(s, Notice))
    assert (notice.agent_id, notice.conversation_id) == (firm.chi.id, numbers[0])
    assert notice.data == {"count": 4, "before": firm.an.id}
    await database.write(send_alerts, firm.house, NOW)
    mails: list[Outbox] = await database.read(lambda s: everything(s, Outbox))
    (mail,) = [one for one in mails if one.to_address == firm.chi.email]
    said = delivery.compose(mail.mail)
    assert "4 yêu cầu" in said.subject
    assert "An" in said.text


async def test_who_left_is_out_everywhere(database: Database, firm: Firm) -> None:
    """R46: sessions, tokens, links, leads and being a backup end in one go, written down."""
    await database.write(sessions.open_session, "desk", firm.an.id, epoch=0, now=NOW)
    secret = await database.write(
        tokens.create_token, "máy", firm.an.email, Scope.ADMIN, by=None, now=NOW
    )
    lead = update(TeamMember).where(members.agent_id == firm.an.id).values(leads=True)
    await database.write(lambda session: session.execute(lead))

    await leaving.leave(database, firm.an.id, Plan(Heir.TEAM), firm.house, by=firm.admin.id)

    assert not await database.read(sessions.is_session_live, "desk", NOW)
    assert await database.read(sessions.find_token_person, hash_token(secret), NOW) is None
    rows = {row.id: row for row in await database.read(staff.list_staff)}
    assert rows[firm.an.id].state == "left"
    assert not any(one.leads for one in rows[firm.an.id].teams)
    assert (await database.read(staff.list_backups))[firm.binh.id] is None
    trail: list[AuditEntry] = await database.read(lambda s: everything(s, AuditEntry))
    about = {(one.action, one.thing_id) for one in trail}
    assert (AuditAction.DEACTIVATED, str(firm.an.id)) in about
    cleared = [one for one in trail if one.thing_id == str(firm.binh.id)]
    assert [one.before for one in cleared if "backup_id" in one.before] == [
        {"backup_id": firm.an.id}
    ]
    with pytest.raises(Conflict):
        await leaving.leave(database, firm.an.id, Plan(Heir.TEAM), firm.house, by=None)


async def test_shared_out_by_load_under_the_cap(database: Database, firm: Firm) -> None:
    """Those on duty get it, least open first; what nobody may take waits for the team."""
    numbers = await work_for(database, firm, firm.an.id, 6)
    await work_for(database, firm, firm.binh.id, 1)

    def hire(session: Session) -> int:
        set_agent(session, firm.binh.id, open_cap=3)
        set_agent(session, firm.an.id, backup_id=None)
        away = make_agent(session, "Vang", firm.sales)
        set_agent(session, away.id, on_duty=False)
        new = make_agent(session, "Moi", firm.sales)
        set_agent(session, new.id, open_cap=3)
        return new.id

    new = await database.write(hire)

    await leaving.leave(database, firm.an.id, Plan(Heir.SHARE), firm.house, by=None)

    shared = await owners(database, numbers)
    assert Counter(shared) == {firm.binh.id: 2, new: 3, None: 1}
    assert shared[0] == new, "who has least comes first"
    left = (await database.read(events_of, numbers[-1]))[-2]
    assert left.data["reason"] == "left_to_team"
    assert (await database.read(conversation, numbers[-1])).team_id == firm.sales


async def test_each_team_shares_its_own(database: Database, firm: Firm) -> None:
    """One in both teams is counted once: the caps hold over both."""
    (sale,) = await work_for(database, firm, firm.an.id, 1)
    (repair,) = await work_for(database, firm, firm.an.id, 1, team_id=firm.tech)
    (nowhere,) = await work_for(database, firm, firm.an.id, 1, team_id=None)

    await leaving.leave(database, firm.an.id, Plan(Heir.SHARE), firm.house, by=None)

    given = await owners(database, [sale, repair, nowhere])
    assert given == [firm.binh.id, firm.chi.id, None]


async def test_one_colleague_with_a_note(database: Database, firm: Firm) -> None:
    (number,) = await work_for(database, firm, firm.an.id, 1)
    plan = Plan(Heir.COLLEAGUE, firm.binh.id, " Gọi khách trước. ")
    await leaving.leave(database, firm.an.id, plan, firm.house, by=firm.admin.id)
    assert await owners(database, [number]) == [firm.binh.id]
    assert (await database.read(events_of, number))[-1].data["text"] == "Gọi khách trước."


async def test_a_plan_needs_somebody_who_works_here(database: Database, firm: Firm) -> None:
    """Then nothing has happened yet."""
    await database.write(set_agent, firm.chi.id, is_active=False)
    for plan in (
        Plan(Heir.BACKUP),
        Plan(Heir.COLLEAGUE),
        Plan(Heir.COLLEAGUE, firm.an.id),
        Plan(Heir.COLLEAGUE, 999),
    ):
        with pytest.raises(Invalid):
            await leaving.leave(database, firm.an.id, plan, firm.house, by=None)
    rows = {row.id: row for row in await database.read(staff.list_staff)}
    assert rows[firm.an.id].is_active


async def test_the_last_administrator_cannot_leave(database: Database, firm: Firm) -> None:
    with pytest.raises(Conflict, match="last active administrator"):
        await leaving.leave(database, firm.admin.id, Plan(Heir.TEAM), firm.house, by=None)
    await database.write(set_agent, firm.dung.id, role=Role.ADMIN)
    await leaving.leave(database, firm.admin.id, Plan(Heir.TEAM), firm.house, by=None)


async def test_what_a_stopped_process_left_is_handed_over_later(
    database: Database, firm: Firm
) -> None:
    """A batch was committed, the rest still shows as theirs, and goes on with the same call."""
    numbers = await work_for(database, firm, firm.an.id, 4)
    with pytest.raises(Conflict):
        await database.write(
            handover.hand_over_batch, firm.an.id, Plan(Heir.BACKUP), by=None, now=NOW
        )
    await database.write(handover.deactivate, firm.an.id, Plan(Heir.TEAM), by=None, now=NOW)
    await database.write(
        handover.hand_over_batch, firm.an.id, Plan(Heir.BACKUP), by=None, now=NOW, limit=1
    )
    rows = {row.id: row for row in await database.read(staff.list_staff)}
    assert rows[firm.an.id].work_count == 3

    await handover.hand_over(database, firm.an.id, Plan(Heir.BACKUP), firm.house, by=None)

    assert await owners(database, numbers) == [firm.chi.id] * 4


async def test_who_left_is_told_nothing_more(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """Between leaving and the last batch the ladder tells the team instead."""
    (number,) = await work_for(database, firm, firm.an.id, 1)
    await database.write(handover.deactivate, firm.an.id, Plan(Heir.TEAM), by=None, now=NOW)
    later = clock.forward(days=7)
    await database.write(escalation.fire_due_steps, firm.house, later)
    told: list[Notice] = await database.read(lambda s: everything(s, Notice))
    assert told
    assert firm.an.id not in {one.agent_id for one in told}
    assert {one.conversation_id for one in told} == {number}


COPIED = [one.key for one in conversations if one.key not in ("id", "public_token")]


def _many(session: Session, number: int, count: int) -> None:
    """Make one conversation many."""
    row = session.execute(
        select(*(conversations[name] for name in COPIED)).where(conversations.id == number)
    ).one()
    values = row._asdict()
    session.execute(
        insert(core(Conversation)),
        [{**values, "public_token": f"copy-{n}"} for n in range(count)],
    )


async def test_five_thousand_in_seconds_beside_other_writers(
    database: Database, firm: Firm
) -> None:
    """F135: small batches; whoever writes meanwhile waits for one of them at most."""
    (number,) = await work_for(database, firm, firm.an.id, 1)
    await database.write(_many, number, 5000)
    waits: list[float] = []
    over = asyncio.Event()

    async def others() -> None:
        while not over.is_set():
            began = time.perf_counter()
            await database.write(set_agent, firm.dung.id, name="Dung")
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)

    beside = asyncio.create_task(others())
    began = time.perf_counter()
    handed = await leaving.leave(
        database, firm.an.id, Plan(Heir.COLLEAGUE, firm.binh.id), firm.house, by=None
    )
    took = time.perf_counter() - began
    over.set()
    await beside

    assert handed.counts == {firm.binh.id: 5001}
    assert took < 15
    assert len(waits) > 10, "others wrote meanwhile"
    assert max(waits) < max(took / 3, 1.0), "a second of a busy machine is no held turn"


async def test_their_accounts_go_to_backups_first(database: Database, firm: Firm) -> None:
    """F135: an account goes to who knows it, with its work; else to the heir, or to nobody."""
    (known, other) = await work_for(database, firm, firm.an.id, 2)

    def set_up(session: Session) -> list[int]:
        rows = [
            Account(
                name=name,
                folded=name,
                owner_id=firm.an.id,
                backup_id=backup,
                created_at=NOW,
                changed_at=NOW,
            )
            for name, backup in (("a", firm.chi.id), ("b", None))
        ]
        rows.append(
            Account(
                name="c",
                folded="c",
                owner_id=firm.chi.id,
                backup_id=firm.an.id,
                created_at=NOW,
                changed_at=NOW,
            )
        )
        session.add_all(rows)
        session.flush()
        conversation(session, known).account_id = rows[0].id
        return [row.id for row in rows]

    ids = await database.write(set_up)
    handed = await leaving.leave(database, firm.an.id, Plan(Heir.TEAM), firm.house, by=None)

    rows = {row.id: row for row in await database.read(everything, Account)}
    assert [rows[one].owner_id for one in ids] == [firm.chi.id, None, firm.chi.id]
    assert [rows[one].backup_id for one in ids] == [None, None, None]
    assert await owners(database, [known, other]) == [firm.chi.id, None]
    assert handed.counts == {firm.chi.id: 1, None: 1}
