"""What nobody has touched for some working hours is found, and nothing else."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from inbox import conversations as service
from inbox.company.forgotten import HOURS, list_forgotten, working_ago
from inbox.company.installation import office_hours
from inbox.db import Database
from inbox.sla.calendar import WorkingCalendar
from tests.factories import HOURS as OFFICE
from tests.factories import NOW, ZONE, Firm, arrive, conversation, make_message

NEXT_DAY = NOW + timedelta(days=1, minutes=1)  # eight working hours and a minute on
CALENDAR = WorkingCalendar.from_spec(office_hours(ZONE, OFFICE, 5, []))


async def forgotten(database: Database, now: datetime = NEXT_DAY) -> list[int]:
    found = await database.read(list_forgotten, HOURS, now)
    return [one.number for one in found]


async def test_empty_or_shown(database: Database, firm: Firm) -> None:
    """F84: untouched for eight working hours it is there, a minute earlier it is not."""
    assert await forgotten(database) == []
    number = await database.write(arrive, firm)
    assert await forgotten(database, NEXT_DAY - timedelta(minutes=3)) == []
    assert await forgotten(database) == [number]
    (one,) = await database.read(list_forgotten, HOURS, NEXT_DAY)
    assert (one.owner_id, one.touched_at) == (firm.an.id, None)


async def test_what_somebody_touched_is_not_forgotten(database: Database, firm: Firm) -> None:
    """F84: an answer, a note or a new owner; and what the customer wrote lately."""
    noted, wrote, _ = [
        await database.write(arrive, firm, make_message(from_address=f"{n}@khach.example"))
        for n in range(3)
    ]
    later = NOW + timedelta(hours=2)

    def note(session: Session, number: int) -> None:
        row = conversation(session, number)
        service.note(session, row, "Đã gọi.", by=firm.an, now=later)

    await database.write(note, noted)
    await database.write(
        lambda session: setattr(conversation(session, wrote), "last_inbound_at", later)
    )
    assert set(await forgotten(database)).isdisjoint({noted, wrote})
    assert len(await forgotten(database)) == 1
    assert len(await forgotten(database, NEXT_DAY + timedelta(days=1))) == 3


@pytest.mark.parametrize(
    ("now", "hours", "found"),
    [
        ((2026, 3, 3, 10, 0), 1, (2026, 3, 3, 9, 0)),
        ((2026, 3, 3, 9, 0), 2, (2026, 3, 2, 16, 0)),
        ((2026, 3, 2, 9, 0), 9, (2026, 2, 27, 8, 0)),  # over the weekend
    ],
)
def test_working_hours_back(now: tuple[int, ...], hours: int, found: tuple[int, ...]) -> None:
    zone = ZoneInfo(ZONE)
    at = datetime(*now, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type, misc]
    wanted = datetime(*found, tzinfo=zone)  # type: ignore[arg-type, misc]
    assert abs(working_ago(CALENDAR, at, hours) - wanted) <= timedelta(minutes=1)
