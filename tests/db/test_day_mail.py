"""One mail when a working day begins: what it holds, once, in the person's language (F130)."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.alerting import daymail
from inbox.alerting.choices import Choices, save_choices
from inbox.alerting.daymail import DayMail, day_start, list_starting, send_day_mails
from inbox.db import Database
from inbox.delivery import compose
from inbox.settings import Settings
from inbox.sla.calendar import WorkingCalendar, always_open
from models import Absence, Agent, Calendar, Conversation, Outbox, Reminder, Status
from models.base import columns
from tests.conftest import Clock
from tests.factories import NOW, SECRET, ZONE, Firm, arrive, everything, make_message

agents = columns(Agent)
conversations = columns(Conversation)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EIGHT = NOW - timedelta(minutes=90)  # Monday 08:00: the company opens
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_customers = count()


async def send(database: Database, firm: Firm, now: datetime = EIGHT) -> int:
    return await database.write(send_day_mails, firm.house, now)


async def mails(database: Database) -> dict[str, list[Outbox]]:
    """Return the mails of days, by whom they are for."""
    found: dict[str, list[Outbox]] = {}
    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    for row in rows:
        if row.mail.get("template") == "day":
            found.setdefault(row.to_address, []).append(row)
    return found


async def set_agent(database: Database, who: int, **values: Any) -> None:
    query = update(Agent).where(agents.id == who).values(**values)
    await database.write(lambda session: session.execute(query))


async def work(database: Database, firm: Firm, owner: int | None, **values: Any) -> int:
    """Let a request be somebody's, as it stands in the morning."""
    asks = make_message(from_address=f"khach{next(_customers)}@vidu.example")
    number = await database.write(arrive, firm, asks, at=EIGHT - DAY)
    query = update(Conversation).where(conversations.id == number)
    plain = {"next_due_at": None, "order_at": values.get("next_due_at") or EIGHT + 90 * DAY}
    values = {"team_id": firm.sales, **plain, **values, "owner_id": owner}
    await database.write(lambda session: session.execute(query.values(**values)))
    return number


def numbers(mail: Outbox, kind: str) -> list[int]:
    return [line["number"] for line in mail.mail["facts"][kind]]


async def test_the_mail_says_what_the_day_holds_in_order(
    database: Database, firm: Firm
) -> None:
    """F130."""
    an = firm.an.id
    later = await work(database, firm, an, next_due_at=EIGHT + 5 * HOUR)
    sooner = await work(database, firm, an, next_due_at=EIGHT + 2 * HOUR)
    late = await work(database, firm, an, next_due_at=EIGHT - HOUR)
    await work(database, firm, an, next_due_at=EIGHT + DAY)
    resting = {"waiting_until": EIGHT + 3 * HOUR, "order_at": EIGHT + 3 * HOUR}
    waiting = await work(database, firm, an, status=Status.WAITING, **resting)
    asleep = await work(database, firm, an, status=Status.SNOOZED, **resting)
    await work(database, firm, an, status=Status.RESOLVED, next_due_at=EIGHT + HOUR)
    await work(database, firm, None, next_due_at=EIGHT + HOUR)
    reminder: dict[str, Any] = {"agent_id": an, "text": "Gọi", "created_at": EIGHT - DAY}

    def remind(session: Session) -> None:
        at = EIGHT + 4 * HOUR
        session.add(Reminder(conversation_id=late, due_at=at, **reminder))
        session.add(Reminder(conversation_id=late, due_at=at + DAY, **reminder))

    await database.write(remind)

    await send(database, firm)

    (mail,) = (await mails(database))[firm.an.email]
    assert numbers(mail, "due") == [sooner, later]
    assert numbers(mail, "late") == [late]
    assert numbers(mail, "waiting") == [waiting]
    assert numbers(mail, "reminders") == [asleep, late]
    assert mail.mail["facts"]["unowned"] == 1
    written = compose(mail.mail)
    assert written.subject == "Hôm nay: 2 việc đến hạn, 1 việc trễ"
    assert written.text.index(f"{sooner}") < written.text.index(f"{later}")
    assert "10:00 hôm nay" in written.text
    assert "%(" not in written.text


async def test_who_leads_a_team_reads_of_the_team(database: Database, firm: Firm) -> None:
    """F130: by person, late, without an owner, and who is away."""
    await work(database, firm, firm.an.id, next_due_at=EIGHT + HOUR)
    await work(database, firm, firm.binh.id, next_due_at=EIGHT - HOUR)
    await work(database, firm, None, next_due_at=EIGHT + HOUR)

    def leave(session: Session) -> None:
        session.add(
            Absence(
                agent_id=firm.binh.id,
                starts_at=EIGHT - HOUR,
                ends_at=EIGHT + DAY,
                created_at=EIGHT,
            )
        )

    await database.write(leave)
    await set_agent(database, firm.dung.id, language="en")
    await send(database, firm)

    found = await mails(database)
    (mail,) = found[firm.dung.email]
    sales = next(one for one in mail.mail["facts"]["teams"] if one["name"] == "Bán hàng")
    assert {one["name"]: (one["due"], one["late"]) for one in sales["people"]} == {
        "An": (1, 0),
        "Bình": (0, 1),
        "Dung": (0, 0),
    }
    assert (sales["due"], sales["late"], sales["unowned"]) == (2, 1, 1)
    assert [one["name"] for one in sales["away"]] == ["Bình"]
    text = compose(mail.mail).text
    assert "The team Bán hàng: 2 due today, 1 late, 1 without an owner." in text
    assert "Bình is away until 8:00 tomorrow" in text
    assert firm.binh.email not in found
    assert (await mails(database))[firm.an.email][0].mail["facts"]["teams"] == []


async def test_it_comes_once_whoever_looks(database: Database, firm: Firm) -> None:
    """F130: one conditional update of the date takes it."""
    await asyncio.gather(*(send(database, firm) for _ in range(6)))
    await send(database, firm, EIGHT + 5 * HOUR)

    found = await mails(database)
    assert {address: len(some) for address, some in found.items()} == {
        person.email: 1 for person in (firm.an, firm.binh, firm.chi, firm.dung, firm.admin)
    }
    await send(database, firm, EIGHT + DAY)
    assert {len(some) for some in (await mails(database)).values()} == {2}


async def test_it_comes_when_ones_own_hours_begin(database: Database, firm: Firm) -> None:
    """F130: never on a day off, later when nobody could look, not while away or off duty."""

    def evening(session: Session) -> int:
        spec = {"timezone": ZONE, "hours": {"mon": [["14:00", "22:00"]]}}
        spec["hours"] |= {day: [] for day in WEEK[1:]}  # type: ignore[operator]
        made = Calendar(name="Ca tối", spec=spec)
        session.add(made)
        session.flush()
        return made.id

    await set_agent(database, firm.binh.id, calendar_id=await database.write(evening))
    await set_agent(database, firm.chi.id, on_duty=False)
    await database.write(
        save_choices, firm.dung.id, Choices(day_mail=False), by=firm.dung.id, now=EIGHT
    )
    told = []
    for hours in (-0.001, 0, 4.5, 5, 6.01, 12, 24, 30.5):
        await send(database, firm, EIGHT + hours * HOUR)
        told.append({address: len(some) for address, some in (await mails(database)).items()})
        if hours == 4.5:  # at lunch
            await set_agent(database, firm.chi.id, on_duty=True)

    an, binh, chi, admin = firm.an.email, firm.binh.email, firm.chi.email, firm.admin.email
    first = {an: 1, admin: 1}
    assert told == [
        {},
        first,
        first,
        {**first, chi: 1},
        {**first, chi: 1, binh: 1},
        {**first, chi: 1, binh: 1},
        {an: 2, admin: 2, chi: 2, binh: 1},
        {an: 2, admin: 2, chi: 2, binh: 1},
    ]


async def test_a_worker_that_dies_leaves_the_mail_to_the_next(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F130: the date and the mail are one transaction."""

    def die(address: str, *_: Any, **__: Any) -> None:
        raise RuntimeError(address)

    with monkeypatch.context() as broken:
        broken.setattr(daymail, "to_staff", die)
        with pytest.raises(RuntimeError):
            await send(database, firm)
    assert await mails(database) == {}
    await send(database, firm)

    assert len(await mails(database)) == 5


async def test_the_loop_looks_a_few_times_a_minute(
    database: Database, firm: Firm, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(EIGHT - timedelta(seconds=10))
    monkeypatch.setattr(daymail, "utcnow", clock)
    loop = DayMail(database, settings, SECRET)
    counts = []
    for _ in range(4):
        assert not await loop.once()
        counts.append(len(await mails(database)))
        clock.forward(seconds=10)

    assert counts == [0, 0, 5, 5]
    assert not await database.read(list_starting, clock.now)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("hours", "now", "start"),
    [
        ([["08:00", "12:00"], ["13:00", "17:00"]], "2026-03-02T09:00", "2026-03-02T08:00"),
        ([["00:00", "06:00"], ["22:00", "24:00"]], "2026-03-02T03:00", "2026-03-02T22:00"),
        ([], "2026-03-02T09:00", None),
    ],
)
def test_a_day_begins_with_its_first_opening(
    hours: list[list[str]], now: str, start: str | None
) -> None:
    """A night shift that goes on from the day before does not begin at midnight."""
    spec = {"timezone": "UTC", "hours": dict.fromkeys(WEEK, hours)}
    found = day_start(WorkingCalendar.from_spec(spec), datetime.fromisoformat(f"{now}+00:00"))

    assert found == (datetime.fromisoformat(f"{start}+00:00") if start else None)


def test_who_is_there_around_the_clock_begins_at_eight() -> None:
    found = day_start(always_open(ZONE), datetime(2026, 3, 2, 3, tzinfo=UTC))

    assert found == datetime(2026, 3, 2, 1, tzinfo=UTC)
