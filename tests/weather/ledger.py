"""Looking into the database of a running product, of either kind, from beside it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import and_, or_, select, text
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.escalating.due import WAITING
from models import EscalationStep, Event, EventKind, Outbox, SLAClock
from models.base import columns
from tests.weather.history import ON_A_BUSY_MACHINE_S, History, Posted, Raw, Step, Taken

T = TypeVar("T")

steps = columns(EscalationStep)
clocks = columns(SLAClock)
events = columns(Event)
outbox = columns(Outbox)


@dataclass(frozen=True)
class Ledger:
    """A database by its URL; every question opens and closes its own connection."""

    url: str

    def read(self, work: Callable[..., T], *args: Any) -> T:
        """Run a read; see ``Database.read``."""
        return self._run("read", work, *args)

    def write(self, work: Callable[..., T], *args: Any) -> T:
        """Run a write, in turn with the product's own."""
        return self._run("write", work, *args)

    def _run(self, how: str, work: Callable[..., T], *args: Any) -> T:
        async def run() -> T:
            database = Database(self.url)
            try:
                done: T = await getattr(database, how)(work, *args)
                return done
            finally:
                await database.close()

        return asyncio.run(run())

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Return what a SELECT finds."""
        return self.read(lambda session: _rows(session, sql, values))

    def one(self, sql: str, **values: Any) -> Any:
        """Return the one value that a SELECT finds."""
        ((found,),) = self.rows(sql, **values)
        return found

    def fill(self, history: History, zero: float) -> None:
        """Write the database's part of a history, seen at one instant."""
        self.read(_fill, history, zero)


def _rows(session: Session, sql: str, values: dict[str, Any]) -> list[Any]:
    return [tuple(row) for row in session.execute(text(sql), values)]


_TAKEN = """
    SELECT conversations.id, contact_identities.value FROM conversations
    JOIN contact_identities ON contact_identities.contact_id = conversations.contact_id
    WHERE contact_identities.kind = 'email'
"""
_LINES = """
    SELECT messages.id, messages.conversation_id, messages.direction, messages.text
    FROM messages WHERE messages.channel = 'chat' ORDER BY messages.id
"""
_RAWS = """
    SELECT raw_messages.id, raw_messages.state, count(messages.id) FROM raw_messages
    LEFT JOIN messages ON messages.raw_id = raw_messages.id
    GROUP BY raw_messages.id, raw_messages.state
"""


def _fill(session: Session, history: History, zero: float) -> None:
    history.taken = [Taken(*row) for row in _rows(session, _TAKEN, {})]
    for row in _rows(session, _LINES, {}):
        _fill_line(history, *row)
    history.raws = [Raw(*row) for row in _rows(session, _RAWS, {})]
    history.posted += [
        Posted(row.email_message_id, str(row.kind), str(row.state), row.to_address)
        for row in session.execute(
            select(outbox.email_message_id, outbox.kind, outbox.state, outbox.to_address).where(
                outbox.created_at >= datetime.fromtimestamp(zero, UTC)
            )
        )
    ]
    _fill_steps(session, history, zero)


def _fill_line(
    history: History, number: int, conversation: int, direction: str, said: str
) -> None:
    """Add a chat's line: a visitor's names its key, an automatic one acknowledges it."""
    if direction == "inbound":
        key = said.rpartition(" ")[2]
        if key in history.tried:  # else it is of the sample company's past
            history.taken.append(Taken(conversation, key))
        return
    keys = {one.key for one in history.taken if one.number == conversation}
    for key in keys & history.tried:
        mark = f"line {number}"
        history.posted.append(Posted(mark, "acknowledgement", "sent", key))
        history.received.append((key, mark))  # being there is being told


def _fill_steps(session: Session, history: History, zero: float) -> None:
    """Collect the steps that fired in this run, and those that should have by now."""
    began = datetime.fromtimestamp(zero, UTC)
    sorted_at = {
        row.conversation_id: row.at
        for row in session.execute(
            select(events.conversation_id, events.at).where(events.kind == EventKind.SORTED)
        )
    }
    # One that has just fallen due (the sample company's do all the time) may still fire.
    live = and_(*WAITING, steps.at < utcnow() - timedelta(seconds=ON_A_BUSY_MACHINE_S))
    for row in session.execute(
        select(steps.clock_id, steps.conversation_id, steps.step, steps.at, steps.fired_at)
        .join(SLAClock, clocks.id == steps.clock_id)
        .where(or_(steps.fired_at >= began, live))
    ):
        planned = sorted_at.get(row.conversation_id, began).timestamp() - zero
        fired = row.fired_at.timestamp() - zero if row.fired_at else None
        due = row.at.timestamp() - zero
        history.steps.append(Step(row.clock_id, row.step, due, planned, fired))
    history.step_events = [
        (int(data["clock"]), str(data["step"]))
        for data in session.execute(
            select(events.data).where(
                events.kind.in_([EventKind.WARNED, EventKind.ESCALATED]), events.at >= began
            )
        ).scalars()
    ]
