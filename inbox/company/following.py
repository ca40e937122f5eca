"""Many open conversations follow a calendar's hours in the background, with progress to see."""

import logging
from datetime import datetime

from sqlalchemy import distinct, func, select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import open_work
from inbox.db import Database
from models import Following, SLAClock
from models.base import columns

followings = columns(Following)
live = columns(SLAClock)

log = logging.getLogger(__name__)

AT_ONCE = 500  # no more than this while the browser waits


def count_open(session: Session, calendar_id: int) -> int:
    """Return how many conversations have a running clock on this calendar."""
    found = select(func.count(distinct(live.conversation_id))).where(
        *open_work.running(calendar_id)
    )
    return int(session.execute(found).scalar_one())


def begin(session: Session, calendar_id: int, *, by: int, now: datetime) -> Following:
    """Have them follow from now on; what follows already begins again with the hours as now."""
    found = find_running(session, calendar_id)
    if found is None:
        found = Following(calendar_id=calendar_id, started_by_id=by, started_at=now)
    found.after, found.done = 0, 0
    found.total = count_open(session, calendar_id)
    session.add(found)
    session.flush()
    return found


def find_running(session: Session, calendar_id: int) -> Following | None:
    """Return what is under way for a calendar."""
    return session.execute(
        select(Following)
        .where(followings.calendar_id == calendar_id, followings.finished_at.is_(None))
        .limit(1)
    ).scalar_one_or_none()


def is_under_way(session: Session) -> bool:
    """Tell whether there is something to do, without taking the writers' turn."""
    found = select(followings.id).where(followings.finished_at.is_(None)).limit(1)
    return session.execute(found).first() is not None


def go_on(session: Session, now: datetime) -> bool:
    """Do one batch and remember how far it went, in one transaction; True if there is more."""
    found = session.execute(
        select(Following)
        .where(followings.finished_at.is_(None))
        .order_by(followings.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if found is None:
        return False
    by = found.started_by_id
    moved, last = open_work.apply_batch(session, found.calendar_id, found.after, by=by, now=now)
    found.moved += moved
    if last is None:
        found.finished_at, found.done = now, found.total
        open_work.note_applied(session, found.calendar_id, found.moved, by=by, now=now)
        log.info("%d conversations follow calendar %d", found.moved, found.calendar_id)
    else:
        found.after = last
        found.done = min(found.done + open_work.BATCH, found.total)
    session.add(found)
    return True


class Follow:
    """Does what was begun, a batch at a turn, so that no answer waits behind it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Do a batch; True if there is more."""
        if not await self._database.read(is_under_way):
            return False
        return await self._database.write(go_on, utcnow())
