"""How long visitors wait for their first answer: counted each minute, read by every widget."""

from datetime import datetime, timedelta
from statistics import median

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.store import chat as rows

EVERY = timedelta(minutes=1)


class Pace:
    """Keeps the figure. Any number of workers may: they count the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next_at: datetime | None = None

    async def once(self) -> bool:
        """Count once a minute; there is never more."""
        now = utcnow()
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + EVERY
        if await self._database.read(rows.count_waits, now):
            await self._database.write(count, now)
        return False


def count(session: Session, now: datetime) -> None:
    """Write down the middle of what visitors of the last two hours waited, by chat."""
    for inbox_id, waits in sorted(rows.count_waits(session, now).items()):
        rows.keep_pace(session, inbox_id, int(median(waits)), len(waits), now)
