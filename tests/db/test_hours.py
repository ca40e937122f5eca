"""Working hours as services: saving them, the days off, and what open work makes of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.company import hours, open_work
from inbox.company.hours import Week
from inbox.db import Database
from inbox.errors import Invalid, NotFound
from inbox.sla.calendar import WorkingCalendar
from models import AuditEntry, AuditThing, Calendar, ClockKind, SLAState
from models.base import columns
from tests.factories import (
    HOURS,
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    prediction,
)

audit = columns(AuditEntry)
DAYS = ("mon", "tue", "wed", "thu", "fri")


def week(hours_: Any = None, days: tuple[str, ...] = DAYS, name: str = "Giờ mới") -> Week:
    return Week(name, ZONE, {day: hours_ or HOURS for day in days})


def calendar_id(session: Session) -> int:
    return int(everything(session, Calendar)[0].id)


def save(session: Session, firm: Firm, entered: Week, now: datetime = NOW) -> None:
    hours.save_week(session, calendar_id(session), entered, by=firm.dung.id, now=now)


def trail(session: Session) -> list[AuditEntry]:
    return list(
        session.execute(
            select(AuditEntry).where(audit.thing == AuditThing.CALENDAR).order_by(audit.id)
        ).scalars()
    )


def follow(session: Session, firm: Firm, now: datetime) -> int:
    total, after = 0, 0
    while True:
        moved, last = open_work.apply_batch(
            session, calendar_id(session), after, by=firm.dung.id, now=now
        )
        total += moved
        if last is None:
            return total
        after = last


async def test_new_messages_follow_and_open_ones_only_when_told(
    database: Database, firm: Firm
) -> None:
    """DECISIONS 29: a preview, and only what is ticked moves; trail and event say so."""
    number = await database.write(arrive, firm, said=prediction("complaint"))  # 4 h from 09:30
    before = (await database.read(conversation, number)).next_due_at
    # The lunch break goes: what was due at 14:30 is due at 13:30.
    await database.write(save, firm, week([["08:00", "17:00"]]))

    assert (await database.read(conversation, number)).next_due_at == before
    later = await database.write(arrive, firm, said=prediction("complaint"))
    due = (await database.read(conversation, later)).next_due_at
    assert before is not None
    assert due == before - timedelta(hours=1)
    number_of_calendar = await database.read(calendar_id)
    effects = await database.read(open_work.open_effects, number_of_calendar, NOW)
    assert (effects.numbers, effects.is_whole) == ({number}, True)
    first = next(effect for effect in effects.found if effect.kind == "first_response")
    assert (first.due_at, first.new_due_at) == (before, due)

    assert await database.write(follow, firm, NOW) == 1
    row = await database.read(conversation, number)
    assert row.next_due_at == row.order_at == due
    assert row.promised_at == before, "what was promised is kept"
    assert (await database.read(events_of, number))[-1].kind.value == "rescheduled"
    assert (await database.read(open_work.open_effects, number_of_calendar, NOW)).found == []
    assert await database.write(follow, firm, NOW) == 0
    assert [entry.actor_id for entry in await database.read(trail)] == [firm.dung.id]


async def test_a_promise_is_never_put_off(database: Database, firm: Firm) -> None:
    """DECISIONS 28: shorter hours make due later, but a first answer stays as promised."""
    number = await database.write(arrive, firm, said=prediction("complaint"))
    row = await database.read(conversation, number)
    await database.write(save, firm, week([["08:00", "10:00"]]))
    await database.write(follow, firm, NOW)

    again = await database.read(conversation, number)
    assert again.next_due_at == again.promised_at == row.promised_at
    clocks = {clock.kind: clock for clock in await database.read(clocks_of, number)}
    assert row.resolution_due_at is not None
    assert clocks[ClockKind.RESOLUTION].due_at > row.resolution_due_at, "it is no promise"


async def test_what_is_late_stays_late_and_nothing_becomes_late(
    database: Database, firm: Firm
) -> None:
    late = await database.write(arrive, firm)  # 1 h: due 10:30
    soon = await database.write(arrive, firm, said=prediction("complaint"))  # due 14:30
    now = NOW + timedelta(hours=4, minutes=10)  # 13:40: after where the new hours put it
    before = {
        number: (await database.read(conversation, number)).next_due_at
        for number in (late, soon)
    }
    await database.write(save, firm, week([["07:00", "24:00"]]), now)
    await database.write(follow, firm, now)

    for number, due in before.items():
        row = await database.read(conversation, number)
        assert row.next_due_at == due
        assert row.sla_state is not SLAState.NONE


async def test_answered_ones_and_other_calendars_do_not_move(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)

    def stop(session: Session) -> None:
        for clock in clocks_of(session, number):
            clock.met_at = NOW
            session.add(clock)

    await database.write(stop)
    await database.write(save, firm, week([["10:00", "11:00"]]))
    effects = await database.read(open_work.open_effects, await database.read(calendar_id), NOW)
    assert effects.found == []


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        (week(name=" "), "name"),
        (week(name="x" * 121), "name"),
        (Week("A", "Mars/Base", {"mon": HOURS}), "time_zone"),
        (week([["08:00", "07:00"]]), "mon"),
        (week([["08:00", "12:00"], ["11:00", "13:00"]]), "fri"),
        (week([["", ""]]), "tue"),
        (week([["8h", "12h"]]), "mon"),
        (Week("A", ZONE, {}), "mon"),
    ],
)
async def test_what_cannot_be_is_said_by_field(
    database: Database, firm: Firm, entered: Week, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await database.write(save, firm, entered)
    assert field in caught.value.fields
    assert await database.read(trail) == []


async def test_days_off_special_days_and_holidays(database: Database, firm: Firm) -> None:
    """A day off closes, a special day opens also on a Saturday, and a holiday keeps off it."""
    number = await database.read(calendar_id)
    by = firm.dung.id

    def enter(session: Session) -> None:
        first, last = date(2026, 3, 3), date(2026, 3, 4)
        hours.add_days(session, number, first, last, [], by=by, now=NOW)
        saturday = date(2026, 3, 7)
        spans = hours.read_spans("08:00–10:00; 13:00 - 14:00")
        hours.add_days(session, number, saturday, saturday, spans, by=by, now=NOW)
        hours.add_holidays(session, number, [saturday, date(2026, 9, 2)], by=by, now=NOW)

    await database.write(enter)
    spec = (await database.read(hours.get_calendar, number)).spec
    assert spec["holidays"] == ["2026-03-03", "2026-03-04", "2026-04-30", "2026-09-02"]
    assert spec["special_days"] == {"2026-03-07": [["08:00", "10:00"], ["13:00", "14:00"]]}
    calendar = WorkingCalendar.from_spec(spec)
    monday_evening = datetime(2026, 3, 2, 10, tzinfo=UTC)  # 17:00 in Vietnam
    assert calendar.next_opening(monday_evening) == datetime(2026, 3, 5, 1, tzinfo=UTC)

    def take_out(session: Session) -> None:
        first, last = date(2026, 3, 1), date(2026, 3, 31)
        hours.remove_days(session, number, first, last, by=by, now=NOW)

    await database.write(take_out)
    spec = (await database.read(hours.get_calendar, number)).spec
    assert (spec["holidays"], spec["special_days"]) == (["2026-04-30", "2026-09-02"], {})
    assert len(await database.read(trail)) == 4


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(1999, 1, 1), date(1999, 1, 1), ""),
        (date(2026, 5, 2), date(2026, 5, 1), ""),
        (date(2026, 5, 1), date(2026, 12, 1), ""),
        (date(2026, 5, 1), date(2026, 5, 1), "08:00"),
        (date(2026, 5, 1), date(2026, 5, 1), "10:00-09:00"),
    ],
)
async def test_days_that_cannot_be(
    database: Database, firm: Firm, first: date, last: date, text: str
) -> None:
    def work(session: Session) -> None:
        spans = hours.read_spans(text)
        hours.add_days(
            session, calendar_id(session), first, last, spans, by=firm.dung.id, now=NOW
        )

    with pytest.raises(Invalid):
        await database.write(work)


async def test_another_calendar_begins_as_a_copy(database: Database, firm: Firm) -> None:
    number = await database.read(calendar_id)
    made = await database.write(
        hours.add_calendar, " Hotline ", number, by=firm.dung.id, now=NOW
    )
    listed = await database.read(hours.list_calendars)
    assert [(one.name, one.is_default) for one in listed] == [
        ("Giờ hành chính", True),
        ("Hotline", False),
    ]
    assert made.spec == (await database.read(hours.get_calendar, number)).spec
    with pytest.raises(Invalid):
        await database.write(hours.add_calendar, "Hotline", number, by=firm.dung.id, now=NOW)
    with pytest.raises(NotFound):
        await database.read(hours.get_calendar, 999)


async def test_the_example_is_counted_by_the_real_engine(
    database: Database, firm: Firm
) -> None:
    """A complaint of Friday 16:00 has used an hour by 17:00, and three more on Monday."""

    def work(session: Session) -> Any:
        calendar = WorkingCalendar.from_spec(everything(session, Calendar)[0].spec)
        return open_work.sample_due(session, calendar, "complaint", NOW)

    arrival, due = await database.read(work)
    assert arrival == datetime(2026, 3, 6, 9, tzinfo=UTC)
    assert due == datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert firm.sales
