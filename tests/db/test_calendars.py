"""People's calendars: a feed of what is due, and meetings that the ladder and forecast know."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox import foresight
from inbox.calendars import feed, own
from inbox.calendars.own import Meet
from inbox.channels.ics import read_events
from inbox.channels.icswrite import Item, write_calendar
from inbox.db import Database
from inbox.errors import Invalid, NotFound
from inbox.escalating import meetings
from inbox.escalation import fire_due_steps
from inbox.settings import Settings
from inbox.store import busy
from inbox.vault import Vault
from models import Agent, AuditEntry, BusyTime, OwnCalendar
from models.base import columns
from tests.calendarserver import CalendarServer, start_calendar_server
from tests.factories import NOW, SECRET, Firm, arrive, everything, notices_of

MINUTE = timedelta(minutes=1)


class Time:
    """The time as this module's loops read it."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    for module in (own, meetings):
        monkeypatch.setattr(module, "utcnow", found)
    return found


@pytest.fixture
def server() -> Iterator[CalendarServer]:
    with start_calendar_server() as found:
        yield found


def settings_for(server: CalendarServer | None) -> Settings:
    return Settings.model_construct(calendar_servers=server.origin if server else "")


def calendar(*starts: datetime, hours: float = 1) -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:canary-title\r\nDTSTART:{at:%Y%m%dT%H%M%SZ}\r\n"
        f"DURATION:PT{int(hours * 60)}M\r\nEND:VEVENT\r\n"
        for n, at in enumerate(starts)
    )
    return f"BEGIN:VCALENDAR\r\n{body}END:VCALENDAR\r\n".encode()


async def entered(database: Database, who: int, server: CalendarServer) -> Meet:
    settings = settings_for(server)
    vault = Vault(SECRET)
    await database.write(own.enter, who, server.url, vault, settings, NOW)
    return Meet(database, settings, SECRET)


async def kept(database: Database) -> OwnCalendar:
    def work(session: Session) -> OwnCalendar:
        found: OwnCalendar = session.execute(select(OwnCalendar)).scalar_one()
        return found

    return await database.read(work)


async def test_meetings_are_read_and_nothing_but_their_times_is_kept(
    database: Database, firm: Firm, server: CalendarServer, moment: Time
) -> None:
    """F132: the address is sealed, no title is kept, and both go when one says so."""
    start = NOW + timedelta(hours=2)
    server.body = calendar(start, start + timedelta(days=1), NOW - timedelta(days=3))
    meet = await entered(database, firm.an.id, server)

    assert await meet.once()
    assert not await meet.once()

    found = await database.read(busy.list_busy, NOW, NOW + timedelta(days=14))
    hour = timedelta(hours=1)
    day = timedelta(days=1)
    assert found == {firm.an.id: [(start, start + hour), (start + day, start + day + hour)]}
    row = await kept(database)
    assert (row.error, row.fetched_at) == ("", NOW)
    stored = repr([vars(row), *map(vars, await database.read(everything, AuditEntry))])
    assert "canary" not in stored
    await database.write(own.remove, firm.an.id, NOW)
    assert await database.read(everything, BusyTime) == []


ANSWERS: dict[str, dict[str, Any]] = {
    "There is no calendar at this address.": {"status": 404},
    "The address leads to another one. Enter that one.": {
        "status": 302,
        "headers": {"location": "http://127.0.0.1/"},
    },
    "What is there is no calendar.": {"body": b"<html>Sign in</html>"},
    "The address answers with an error.": {"status": 500},
    "The calendar is larger than 4 MB.": {"body": b"x" * (4 * 1024 * 1024 + 1)},
}


async def test_a_dead_address_is_said_and_has_no_other_effect(
    database: Database, firm: Firm, server: CalendarServer, moment: Time
) -> None:
    """F132, S15: meetings hold for a day; then there are none; it is asked ever less often."""
    server.body = calendar(NOW + timedelta(days=3))
    meet = await entered(database, firm.an.id, server)
    await meet.once()
    for said, answer in ANSWERS.items():
        server.status, server.body, server.headers = 200, b"", {}
        for name, value in answer.items():
            setattr(server, name, value)
        moment.now = (await kept(database)).next_at
        assert await meet.once()
        row = await kept(database)
        assert row.error == said
        assert row.next_at > moment.now + timedelta(minutes=15)
    assert len(await database.read(everything, BusyTime)) == 1
    moment.now += timedelta(days=2)
    await meet.once()
    assert await database.read(everything, BusyTime) == []
    server.status, server.body, server.headers = 200, calendar(moment.now + MINUTE), {}
    moment.now += own.AT_LATEST
    await meet.once()
    row = await kept(database)
    assert (row.error, row.failures, row.failing_since) == ("", 0, None)


PRIVATE = [
    *(
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/x.ics",
    ),
    *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0/"),
    *("https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://127.1/"),
    *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/"),
    *(
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://100.64.0.1/",
    ),
    *("https://169.254.169.254/latest/meta-data", "https://0.0.0.0/", "https://[::]/"),
    *("https://a@127.0.0.1/", "https://127.0.0.1\\@a.example/", "https://localhost./"),
    *("ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "webcal://127.0.0.1/"),
    *("https://224.0.0.1/", "https://255.255.255.255/", "https://[ff02::1]/", "https://"),
    *("", "x" * 3000, "https://a b/", "https://tên.example/", "https://127.0.0.1%00.example/"),
    "https://[::127.0.0.1]/",
]


async def test_no_spelling_of_a_private_address_is_called(
    database: Database, firm: Firm, server: CalendarServer, moment: Time
) -> None:
    """S15: neither when it is entered, nor when a name leads there; nothing reaches us."""
    port = server.origin.rpartition(":")[2]
    vault = Vault(SECRET)
    meet = Meet(database, settings_for(None), SECRET)
    for spelled in PRIVATE:
        url = spelled.replace("{port}", port)
        try:
            await database.write(
                own.enter, firm.an.id, url, vault, settings_for(None), moment.now
            )
        except Invalid:
            continue
        await meet.once()
        assert (await kept(database)).error, spelled

    assert server.asked == []


async def test_a_name_that_turns_private_is_not_followed(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch, moment: Time
) -> None:
    """S15: what was public when it was entered is looked at again at each call."""
    vault, settings = Vault(SECRET), settings_for(None)
    url = "https://calendar.example/a.ics"
    await database.write(own.enter, firm.an.id, url, vault, settings, moment.now)
    known = socket.getaddrinfo

    def rebound(host: str, *rest: Any, **named: Any) -> Any:
        return known("127.0.0.1" if host == "calendar.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    await Meet(database, settings, SECRET).once()

    assert (await kept(database)).error == "This address leads into a private network."


async def test_a_warning_comes_before_the_meeting_that_it_would_fall_into(
    database: Database, firm: Firm
) -> None:
    """F132: one hour's work from 09:30: 10:00 and 10:18; An's meeting is 10:10 to 11:00."""
    number = await database.write(arrive, firm)
    span = (NOW + 40 * MINUTE, NOW + 90 * MINUTE)
    await database.write(busy.keep, firm.an.id, [span])
    await database.write(fire_due_steps, firm.house, NOW + 30 * MINUTE)
    assert await database.read(meetings.find_steps, NOW + 24 * MINUTE) == []
    found = await database.read(meetings.find_steps, NOW + 32 * MINUTE)
    moved = await database.write(meetings.bring_forward, found, NOW + 32 * MINUTE)

    fired = await database.write(fire_due_steps, firm.house, NOW + 32 * MINUTE)
    again = await database.write(meetings.bring_forward, found, NOW + 33 * MINUTE)

    assert (len(found), moved, fired, again) == (1, 1, 1, 0)
    told = [(row.step, row.agent_id) for row in await database.read(notices_of, number)]
    assert told == [("half_used", firm.an.id), ("nearly_due", firm.an.id)]
    assert await database.read(meetings.find_steps, NOW + 34 * MINUTE) == []


async def test_what_comes_when_the_time_is_up_is_not_moved(
    database: Database, firm: Firm
) -> None:
    await database.write(arrive, firm)
    await database.write(busy.keep, firm.an.id, [(NOW + 55 * MINUTE, NOW + 120 * MINUTE)])
    await database.write(busy.keep, firm.binh.id, [(NOW + 29 * MINUTE, NOW + 59 * MINUTE)])

    assert await database.read(meetings.find_steps, NOW + 50 * MINUTE) == []
    assert await database.read(meetings.find_steps, NOW + 20 * MINUTE) == []


async def test_the_forecast_counts_meetings(database: Database, firm: Firm) -> None:
    """F132: who is in a meeting until after the deadline will be late."""
    await database.write(arrive, firm)
    alone = update(Agent).where(columns(Agent).id != firm.an.id).values(on_duty=False)

    def work(session: Session) -> None:
        session.execute(alone)

    await database.write(work)
    paces = {firm.an.id: 600.0}
    before = foresight.look_ahead(await database.read(foresight.gather, paces, NOW), NOW)
    await database.write(busy.keep, firm.an.id, [(NOW, NOW + 70 * MINUTE)])
    after = foresight.look_ahead(await database.read(foresight.gather, paces, NOW), NOW)

    assert before.late == []
    assert [one.answered_at for one in after.late] == [NOW + 80 * MINUTE]
    assert after.room[firm.an.id] < before.room[firm.an.id]


async def test_a_feed_is_read_by_its_address_alone_until_it_gets_another(
    database: Database, firm: Firm
) -> None:
    """F132: shown once, kept as a hash, ended by rotation, removal and leaving."""
    number = await database.write(arrive, firm)
    first = await database.write(feed.make, firm.an.id, now=NOW)
    reader = await database.read(feed.find_reader, first, NOW)
    (item,) = await database.read(feed.list_items, reader, "https://kip.example")
    assert (item.key, item.address) == (
        f"answer-{number}@kip",
        f"https://kip.example/inbox/{number}",
    )
    second = await database.write(feed.make, firm.an.id, now=NOW)
    with pytest.raises(NotFound):
        await database.read(feed.find_reader, first, NOW)
    assert (await database.read(feed.find_reader, second, NOW)).agent_id == firm.an.id
    other = await database.write(feed.make, firm.binh.id, now=NOW)
    theirs = await database.read(feed.find_reader, other, NOW)
    assert await database.read(feed.list_items, theirs, "https://kip.example") == []
    gone = update(Agent).where(columns(Agent).id == firm.binh.id).values(is_active=False)
    await database.write(lambda session: session.execute(gone) and None)
    with pytest.raises(NotFound):
        await database.read(feed.find_reader, other, NOW)
    await database.write(feed.remove, firm.an.id, now=NOW)
    with pytest.raises(NotFound):
        await database.read(feed.find_reader, second, NOW)


def test_what_is_written_is_read_again_whatever_stands_in_it() -> None:
    title = "Gia hạn; hợp đồng, \\ năm\r\nBEGIN:VEVENT " + "ằ" * 100
    due = datetime(2026, 3, 2, 9, tzinfo=UTC)
    text = write_calendar("An", [Item("a@kip", due, title, "https://kip.example/inbox/1")])

    (found,) = read_events(text)

    assert found.text("SUMMARY") == " ".join(title.split())
    assert found.moment("DTEND", UTC) == due
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
