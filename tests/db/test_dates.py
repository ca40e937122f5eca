"""Our word and reminders in rows: what is told to whom, when, and that it is once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import clocks, escalation
from inbox.dates import answering, reminders
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.outgoing import again
from inbox.outgoing.letters import Extras
from inbox.reporting import report
from inbox.store import dates as rows
from inbox.store.dates import Place
from inbox.store.reports import Wanted
from inbox.templating import translator
from models import (
    ChannelKind,
    ClockKind,
    DeliveryState,
    EventKind,
    Notice,
    OutboxKind,
    Reminder,
    SLAClock,
    SLAState,
    Status,
)
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    outbox_of,
    steps_of,
)

HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)  # 16:00 in Vietnam, in working time
TEXT = "Dạ bên em đang kiểm tra ạ."


def answer(session: Session, firm: Firm, number: int, at: datetime, **more: Any) -> int:
    """Answer as An does, with what goes with it."""
    row, then_wait = conversation(session, number), more.pop("then_wait", False)
    said = answering.answer(
        session,
        row,
        text=TEXT,
        house=firm.house,
        by=firm.an,
        now=at,
        extras=Extras(**more),
        then_wait=then_wait,
    )
    session.flush()
    session.expire_all()
    return said.id


def word_of(session: Session, number: int) -> SLAClock:
    """Return the only clock of our word."""
    (found,) = (one for one in clocks_of(session, number) if one.kind is ClockKind.WORD)
    return found


# ---- our word -----------------------------------------------------------------------------


async def test_a_time_named_in_an_answer_is_said_owed_and_climbed(
    database: Database, firm: Firm
) -> None:
    """F127: the customer reads it, the list is ordered by it, and it has a ladder."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        message = answer(session, firm, number, NOW + HOUR, word=FRIDAY)
        (sent,) = (one for one in outbox_of(session, number) if one.message_id == message)
        assert "trước 16:00 thứ Sáu, 6/3" in sent.mail["text"]
        row, clock = conversation(session, number), word_of(session, number)
        assert (row.next_due_at, row.order_at, row.sla_state) == (
            *(FRIDAY, FRIDAY),
            SLAState.ON_TIME,
        )
        steps = [one for one in steps_of(session, number) if one.clock_id == clock.id]
        assert [one.step for one in steps] == ["half_used", "nearly_due", "due", "overdue"]
        assert steps[2].at == FRIDAY
        (given,) = (
            one for one in events_of(session, number) if one.kind is EventKind.GAVE_WORD
        )
        assert given.data == {"until": FRIDAY.isoformat(), "message": message}

    await database.write(work)


async def test_its_ladder_tells_and_what_is_late_is_missed_in_the_report(
    database: Database, firm: Firm
) -> None:
    """F127, F92: kept and missed are counted, each once, with whose it was."""
    kept, missed = [await database.write(arrive, firm, key=key) for key in ("one", "two")]

    def work(session: Session) -> list[report.Line]:
        for number in (kept, missed):
            answer(session, firm, number, NOW + HOUR, word=FRIDAY)
        answer(session, firm, kept, FRIDAY - HOUR)
        escalation.fire_due_steps(session, firm.house, FRIDAY + timedelta(minutes=1))
        assert conversation(session, missed).sla_state is SLAState.BREACHED
        told = [
            one for one in everything(session, Notice) if one.clock_id == _id(session, missed)
        ]
        owner = conversation(session, missed).owner_id
        assert {one.agent_id for one in told} >= {owner, firm.dung.id}
        assert not [
            one for one in everything(session, Notice) if one.clock_id == _id(session, kept)
        ]
        answer(session, firm, missed, FRIDAY + HOUR)
        day = FRIDAY.date()
        wanted = Wanted(day, day)
        say = translator("en").gettext
        return report.load_report(session, wanted, "agent", say, "en", FRIDAY + 2 * HOUR)

    lines = {line.name: line.sums.counts for line in await database.write(work)}
    assert (lines["An"]["word_met"], lines["An"]["word_missed"]) == (1, 1)


def _id(session: Session, number: int) -> int:
    return word_of(session, number).id


async def test_an_answer_that_never_left_gave_no_word_until_it_is_sent_again(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        message = answer(session, firm, number, NOW + HOUR, word=FRIDAY)
        row = conversation(session, number)
        (mail,) = (one for one in outbox_of(session, number) if one.kind is OutboxKind.REPLY)
        again.cancel(session, row, mail.id, by=firm.an.id, now=NOW + 2 * HOUR)
        session.expire_all()
        clock = word_of(session, number)
        assert (clocks.is_live(clock), clock.excuse) == (False, "never_said")
        assert conversation(session, number).next_due_at != FRIDAY
        (mail,) = (one for one in outbox_of(session, number) if one.message_id == message)
        assert mail.state is DeliveryState.CANCELLED
        row = conversation(session, number)
        again.retry(session, row, mail.id, by=firm.an.id, now=NOW + 3 * HOUR)
        session.expire_all()
        live = [one for one in clocks_of(session, number) if clocks.is_live(one)]
        assert (FRIDAY, ClockKind.WORD) in [(one.due_at, one.kind) for one in live]
        assert conversation(session, number).next_due_at == FRIDAY

    await database.write(work)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"word": NOW}, Invalid),
        ({"word": NOW + timedelta(days=400)}, Invalid),
        ({"word": FRIDAY, "then_wait": True}, Invalid),
        ({"remind_at": NOW}, Invalid),
    ],
)
async def test_a_time_that_cannot_be_meant_sends_nothing(
    database: Database, firm: Firm, more: dict[str, Any], error: type[Exception]
) -> None:
    number = await database.write(arrive, firm)
    with pytest.raises(error):
        await database.write(answer, firm, number, NOW + HOUR, **more)
    mails = await database.read(outbox_of, number)
    assert not [one for one in mails if one.kind is OutboxKind.REPLY]


async def test_what_is_done_gives_no_word(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        conversation(session, number).status = Status.RESOLVED
        session.flush()
        with pytest.raises(Conflict):
            answer(session, firm, number, NOW + HOUR, word=FRIDAY)

    await database.write(work)


# ---- reminders ----------------------------------------------------------------------------


async def test_the_sender_is_reminded_if_no_answer_came_and_once(
    database: Database, firm: Firm
) -> None:
    """F128: six workers at once tell it once."""
    number = await database.write(arrive, firm)
    at = NOW + 24 * HOUR
    await database.write(answer, firm, number, NOW + HOUR, remind_at=at)
    assert await database.read(reminders.next_moment) == at
    assert await database.write(reminders.fire_due, at - HOUR) == 0
    looked = [database.write(reminders.fire_due, at + HOUR) for _ in range(6)]
    assert sum(await asyncio.gather(*looked)) == 1

    def look(session: Session) -> None:
        (told,) = (one for one in everything(session, Notice) if one.kind == "reminder")
        assert (told.agent_id, told.conversation_id) == (firm.an.id, number)
        assert "hồi âm" in told.data["reason"]
        (one,) = rows.list_reminders_of(session, firm.an.id)
        assert one.fired_at == at + HOUR, "it stays on the list until it is done"

    await database.read(look)


async def test_nobody_is_reminded_of_what_was_answered(database: Database, firm: Firm) -> None:
    """F128."""
    number = await database.write(arrive, firm)
    at = NOW + 24 * HOUR
    await database.write(answer, firm, number, NOW + HOUR, remind_at=at)
    more = {"conversation": number}
    wrote = NOW + 2 * HOUR
    await database.write(arrive, firm, channel=ChannelKind.FORM, meta=more, at=wrote)
    await database.write(reminders.fire_due, at)

    def look(session: Session) -> None:
        (one,) = everything(session, Reminder)
        assert (one.ended_as, one.ended_at) == (reminders.ANSWERED, at)
        assert not [n for n in everything(session, Notice) if n.kind == "reminder"]

    await database.read(look)


async def test_a_reminder_is_its_persons_and_ends_once(database: Database, firm: Firm) -> None:
    """F88."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        place = Place.of(conversation(session, number))
        made = reminders.add(
            session,
            place,
            agent_id=firm.an.id,
            due_at=FRIDAY,
            text="  Gọi lại\ncho chị Lan ",
            by=firm.an.id,
            now=NOW,
        )
        assert made.text == "Gọi lại cho chị Lan"
        assert [one.id for one in rows.list_reminders_at(session, place)] == [made.id]
        with pytest.raises(NotFound):
            reminders.end(session, made.id, reminders.DONE, by=firm.binh, now=NOW + HOUR)
        for later in (1, 2):
            at = NOW + later * HOUR
            reminders.end(session, made.id, reminders.DONE, by=firm.an, now=at)
        session.expire_all()
        (row,) = everything(session, Reminder)
        assert (row.ended_at, row.ended_as) == (NOW + HOUR, reminders.DONE)
        assert not rows.list_reminders_of(session, firm.an.id)
        assert reminders.fire_due(session, FRIDAY) == 0

    await database.write(work)
