"""Warnings of milestones and of our word, and reminders, come before a meeting (F132)."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from inbox.dates import meetings as dates
from inbox.dates import reminders
from inbox.db import Database
from inbox.escalating import meetings
from inbox.store import busy
from inbox.store.dates import Place
from models import AuditEntry, AuditThing, EscalationStep, Notice, Reminder
from models.base import columns
from tests.db.test_dates import answer
from tests.db.test_milestones import account, fire, plan, told, waiting
from tests.factories import NOW, Firm, arrive, everything, steps_of

MINUTE = timedelta(minutes=1)
entries = columns(AuditEntry)


async def test_a_milestone_s_warning_comes_before_the_meeting(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        plan(session, firm, account(session, firm))
        first = waiting(session)[0].at
        busy.keep(session, firm.an.id, [(first - 5 * MINUTE, first + 30 * MINUTE)])
        busy.keep(session, firm.binh.id, [(first - 5 * MINUTE, first + 30 * MINUTE)])
        before = first - 10 * MINUTE
        assert not dates.find(session, first - 25 * MINUTE)
        found = dates.find(session, before)
        assert len(found.steps) == 1
        assert dates.bring_forward(session, found, before) == 1
        assert fire(session, firm, before) == 1
        assert dates.bring_forward(session, found, before) == 0
        assert [one.agent_id for one in told(session)] == [firm.an.id]

    await database.write(work)


async def test_what_comes_when_a_milestone_is_due_is_not_moved(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        made = plan(session, firm, account(session, firm))
        busy.keep(session, firm.an.id, [(made.due_at - 5 * MINUTE, made.due_at + 30 * MINUTE)])
        steps = [one for one in waiting(session) if one.step == "due"]
        found = dates.find(session, made.due_at - 10 * MINUTE)
        assert steps[0].id not in found.steps

    await database.write(work)


async def test_a_reminder_comes_before_the_meeting_unless_it_waits_for_an_answer(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        number = arrive(session, firm)
        at = NOW + 60 * MINUTE
        how: dict[str, Any] = {"agent_id": firm.an.id, "by": firm.an.id, "now": NOW}
        place = Place(None, number)
        plain = reminders.add(session, place, due_at=at, text="Gọi lại", **how)
        silent = reminders.add(session, place, due_at=at, if_silent=True, **how)
        busy.keep(session, firm.an.id, [(at - 5 * MINUTE, at + 30 * MINUTE)])
        before = at - 10 * MINUTE
        found = dates.find(session, before)
        assert found.reminders == (plain.id,)
        assert dates.bring_forward(session, found, before) == 1
        assert dates.bring_forward(session, found, before) == 0
        session.flush()
        session.expire_all()
        fired = {row.id: row.fired_at for row in everything(session, Reminder)}
        assert fired == {plain.id: before, silent.id: None}
        kinds = [row.kind for row in everything(session, Notice)]
        assert kinds.count("reminder") == 1

    await database.write(work)


async def test_the_warning_of_our_word_comes_before_the_meeting(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        number = arrive(session, firm)
        session.flush()
        answer(session, firm, number, NOW, word=NOW + timedelta(days=1))
        mine: list[EscalationStep] = steps_of(session, number)
        first = min(one.at for one in mine if one.fired_at is None and one.cancelled_at is None)
        busy.keep(session, firm.an.id, [(first - 5 * MINUTE, first + 30 * MINUTE)])
        found = meetings.find_steps(session, first - 10 * MINUTE)
        assert len(found) == 1

    await database.write(work)


async def test_reminders_are_in_the_audit_trail_without_their_words(
    database: Database, firm: Firm
) -> None:
    """F105: who had whom reminded when, and who was done with it, once."""

    def work(session: Session) -> int:
        number = arrive(session, firm)
        made = reminders.add(
            session,
            Place(None, number),
            agent_id=firm.an.id,
            due_at=NOW + 60 * MINUTE,
            text="Chị Lan ốm",
            by=firm.dung.id,
            now=NOW,
        )
        for _ in range(2):
            reminders.end(session, made.id, reminders.DONE, by=firm.an, now=NOW)
        return number

    number = await database.write(work)

    rows = await database.read(everything, AuditEntry)
    added, ended = [row for row in rows if row.thing is AuditThing.REMINDER]
    assert (added.actor_id, ended.actor_id) == (firm.dung.id, firm.an.id)
    assert added.after["conversation_id"] == number
    assert ended.before["ended_as"] == "done"
    assert "Lan" not in str([added.after, ended.before])
