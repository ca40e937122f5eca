"""How long 50,000 open conversations take to follow changed working hours, in batches.

Meanwhile somebody answers customers all the time: what such an answer waits for the writers'
turn is the second figure.
"""

import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session

from benchmarks.company import databases
from benchmarks.measure import figure
from inbox import clocks, conversations
from inbox.company import hours, open_work
from inbox.company.hours import Week
from inbox.db import Database
from inbox.migrations import migrate
from inbox.rulebook import load_rulebook
from models import (
    Calendar,
    ChannelKind,
    ClockKind,
    Contact,
    ContactIdentity,
    Conversation,
    EscalationStep,
    Event,
    EventKind,
    SLAClock,
)
from models.base import columns, core
from tests.factories import NOW, ZONE, Firm, make_firm

OPEN = 50_000
AT_ONCE = 5_000
BETWEEN_S = 0.1  # answers
WEEK = {day: [["08:00", "11:30"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu")}


def _fill(session: Session, firm: Firm, first: int, contact_id: int) -> None:
    """Write conversations as take-in leaves them: two clocks, a ladder, their history."""
    promise = load_rulebook(session).promise(("return_refund",), "normal")
    started = clocks.set_up((ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION), promise, NOW)
    numbers = range(first, first + AT_ONCE)
    shown = clocks.summary_of(started)
    plain = Conversation(
        id=0,
        public_token="",
        inbox_id=firm.mail,
        contact_id=contact_id,
        channel=ChannelKind.EMAIL,
        request_type="return_refund",
        team_id=firm.tech,
        owner_id=firm.chi.id,
        promised_at=started[0].due_at,
        created_at=NOW,
        last_inbound_at=NOW,
        **shown,
    ).model_dump()
    session.execute(
        insert(core(Conversation)),
        [{**plain, "id": number, "public_token": f"bench-{number}"} for number in numbers],
    )
    for place, clock in enumerate(started):
        values = clock.model_dump()
        session.execute(
            insert(core(SLAClock)),
            [
                {**values, "id": 2 * number + place, "conversation_id": number}
                for number in numbers
            ],
        )
    ladder = [("half_used", 2), ("nearly_due", 3), ("due", 4), ("overdue", 5)]
    session.execute(
        insert(core(EscalationStep)),
        [
            {
                "clock_id": 2 * number,
                "conversation_id": number,
                "generation": 1,
                "step": key,
                "audience": "owner",
                "at": NOW + timedelta(hours=after),
                "is_late": False,
                "fired_at": None,
                "cancelled_at": None,
            }
            for number in numbers
            for key, after in ladder
        ],
    )
    ruled = clocks.opening(promise, started[0].due_at)
    session.execute(
        insert(core(Event)),
        [
            {"conversation_id": number, "kind": kind, "at": NOW, "actor_id": None, "data": data}
            for number in numbers
            for kind, data in ((EventKind.RECEIVED, {}), (EventKind.RULED, ruled))
        ],
    )


def _customer(session: Session) -> int:
    contact = Contact(name="Lan", created_at=NOW)
    session.add(contact)
    session.flush()
    session.add(
        ContactIdentity(
            contact_id=contact.id, kind="email", value="lan@khach.example", created_at=NOW
        )
    )
    return contact.id


def _answer(session: Session, firm: Firm, number: int) -> None:
    found = session.get_one(Conversation, number)
    conversations.reply(session, found, "Dạ vâng.", firm.house, by=firm.chi, now=NOW)


async def measure(name: str, database: Database) -> None:
    """Print how long it takes, and what the slowest answer meanwhile took."""
    await migrate(database)
    firm = await database.write(make_firm)
    contact_id = await database.write(_customer)
    for first in range(1001, 1001 + OPEN, AT_ONCE):
        await database.write(_fill, firm, first, contact_id)
    calendar_id = await database.read(
        lambda session: session.execute(select(columns(Calendar).id)).scalars().first()
    )
    week = Week("Giờ mới", ZONE, WEEK)
    by = firm.dung.id
    await database.write(hours.save_week, calendar_id, week, by=by, now=NOW)
    done = asyncio.Event()
    waited: list[float] = []

    async def answer() -> None:
        number = 1001 + OPEN
        while not done.is_set():
            number -= 1
            start = time.perf_counter()
            await database.write(_answer, firm, number)
            waited.append(time.perf_counter() - start)
            await asyncio.sleep(BETWEEN_S)

    answering = asyncio.create_task(answer())
    start, moved = time.perf_counter(), 0
    after: int | None = 0
    while after is not None:
        work: Any = open_work.apply_batch
        some, after = await database.write(work, calendar_id, after, by=by, now=NOW)
        moved += some
    took = time.perf_counter() - start
    done.set()
    await answering
    assert moved + len(waited) >= OPEN, moved
    figure(f"recompute_50000_{name}", took, "s", "<=60")
    slow = sorted(waited)[int(0.95 * len(waited))] * 1000
    figure(f"recompute_answer_meanwhile_{name}", slow, "p95_ms", "<=300")


async def main() -> None:
    """Measure on each database."""
    with databases() as found:
        for name, target in found.items():
            with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                database = Database(url)
                try:
                    await measure(name, database)
                finally:
                    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
