"""How long it takes to play many conversations again under a draft (a rehearsal), in batches.

Each has what an answered request has: arrival, rule, an answer, a second question, an answer,
resolved. The draft changes the rule that all of them ran by, so that both sides are replayed.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session

from benchmarks.company import databases
from benchmarks.measure import figure
from inbox import clocks
from inbox.company import rehearsals
from inbox.company.rehearsals import Rehearse
from inbox.db import Database
from inbox.migrations import migrate
from inbox.rulebook import load_rulebook
from models import (
    ChannelKind,
    ClockKind,
    Contact,
    Conversation,
    Event,
    EventKind,
    SLAPolicy,
    Status,
)
from models.base import columns, core
from tests.factories import NOW, Firm, make_firm

GOALS_S = {10_000: 10, 100_000: 60}
AT_ONCE = 5_000
HOUR = timedelta(hours=1)
DAYS = 30


def _fill(session: Session, firm: Firm, first: int, contact_id: int) -> None:
    """Write conversations of the last days with their histories; clock rows are not read."""
    promise = load_rulebook(session).promise(("return_refund",), "normal")
    numbers = range(first, first + AT_ONCE)
    started = clocks.set_up((ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION), promise, NOW)
    plain = Conversation(
        id=0,
        public_token="",
        inbox_id=firm.mail,
        contact_id=contact_id,
        channel=ChannelKind.EMAIL,
        request_type="return_refund",
        status=Status.RESOLVED,
        team_id=firm.tech,
        owner_id=firm.chi.id,
        created_at=NOW,
        last_inbound_at=NOW,
        **clocks.summary_of(started),
    ).model_dump()
    rows, happened = [], []
    for number in numbers:
        at = NOW - timedelta(minutes=7 * (number % (DAYS * 200)))
        rows.append(
            {**plain, "id": number, "public_token": f"bench-{number}", "created_at": at}
        )
        due_at = promise.calendar.due_at(at, promise.targets.first_response_s or 0)
        story: tuple[tuple[EventKind, datetime, dict[str, Any]], ...] = (
            (EventKind.RECEIVED, at, {}),
            (EventKind.SORTED, at, {"to": {"request_type": "return_refund"}}),
            (EventKind.RULED, at, clocks.opening(promise, due_at)),
            (EventKind.REPLIED, at + HOUR * (number % 9), {"message": 2 * number}),
            (EventKind.ASKED, at + 20 * HOUR, {}),
            (EventKind.REPLIED, at + 22 * HOUR, {"message": 2 * number + 1}),
            (EventKind.RESOLVED, at + 30 * HOUR, {}),
        )
        happened += [
            {
                "conversation_id": number,
                "kind": kind,
                "at": when,
                "actor_id": None,
                "data": data,
            }
            for kind, when, data in story
        ]
    session.execute(insert(core(Conversation)), rows)
    session.execute(insert(core(Event)), happened)


def _customer(session: Session) -> int:
    contact = Contact(name="Lan", created_at=NOW)
    session.add(contact)
    session.flush()
    return contact.id


def _begin(session: Session, firm: Firm) -> int:
    rules = columns(SLAPolicy)
    rule = session.execute(
        select(rules.id).where(rules.request_type == "return_refund")
    ).scalar_one()
    draft = {"days": DAYS, "rules": {str(rule): {"first_response_s": 7200}}, "calendars": {}}
    return rehearsals.begin(session, draft, by=firm.dung.id, now=NOW).id


async def measure(name: str, database: Database, count: int) -> None:
    """Print how long it takes from being asked for to the last figure."""
    await migrate(database)
    firm = await database.write(make_firm)
    contact_id = await database.write(_customer)
    for first in range(1001, 1001 + count, AT_ONCE):
        await database.write(_fill, firm, first, contact_id)
    start = time.perf_counter()
    number = await database.write(_begin, firm)
    play = Rehearse(database)
    while await play.once():
        pass
    took = time.perf_counter() - start
    found = await database.read(rehearsals.get_rehearsal, number)
    assert found.done == found.total == count, (found.done, found.total)
    assert found.result["moves"] == count, found.result["moves"]
    figure(f"rehearsal_{count}_{name}", took, "s", f"<={GOALS_S.get(count, '-')}")


async def main(counts: list[int]) -> None:
    """Measure on each database."""
    for count in counts:
        with databases() as found:
            for name, target in found.items():
                with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                    url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                    database = Database(url)
                    try:
                        await measure(name, database, count)
                    finally:
                        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, nargs="*", default=[10_000])
    asyncio.run(main(parser.parse_args().conversations))
