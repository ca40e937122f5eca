"""Many open conversations follow changed hours or rules in the background, with progress."""

import logging
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import distinct, func, select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import open_work, policy_work
from inbox.db import Database
from models import Following, SLAClock
from models.base import columns

followings = columns(Following)
live = columns(SLAClock)

log = logging.getLogger(__name__)

AT_ONCE = 500  # no more than this while the browser waits


class Changed(NamedTuple):
    """What open conversations follow: a calendar's hours, or the rules after one changed."""

    calendar_id: int | None = None
    policy_id: int | None = None


def count_open(session: Session, changed: Changed) -> int:
    """Return how many conversations are to be looked at: those with a running clock (on it)."""
    running = policy_work.RUNS
    if changed.calendar_id is not None:
        running = open_work.running(changed.calendar_id)
    found = select(func.count(distinct(live.conversation_id))).where(*running)
    return int(session.execute(found).scalar_one())


def count_beyond(session: Session, changed: Changed, *, is_whole: bool) -> int:
    """Return how many are open where a preview did not look at all of them; else 0."""
    return 0 if is_whole else count_open(session, changed)


def begin(session: Session, changed: Changed, *, by: int, now: datetime) -> Following:
    """Have them follow from now on; what follows already begins again with what holds now."""
    found = find_running(session, changed)
    if found is None:
        found = Following(**changed._asdict(), started_by_id=by, started_at=now)
    found.after, found.done = 0, 0
    found.total = count_open(session, changed)
    session.add(found)
    session.flush()
    return found


def find_running(session: Session, changed: Changed) -> Following | None:
    """Return what is under way for a calendar or a rule."""
    return session.execute(
        select(Following)
        .where(
            followings.calendar_id.is_not_distinct_from(changed.calendar_id),
            followings.policy_id.is_not_distinct_from(changed.policy_id),
            followings.finished_at.is_(None),
        )
        .limit(1)
    ).scalar_one_or_none()


def is_under_way(session: Session) -> bool:
    """Tell whether there is something to do, without taking the writers' turn."""
    found = select(followings.id).where(followings.finished_at.is_(None)).limit(1)
    return session.execute(found).first() is not None


def apply_batch(
    session: Session, changed: Changed, after: int, *, by: int, now: datetime
) -> tuple[int, int | None]:
    """Let the next ones follow: how many did, and the number to go on after (None: done)."""
    if changed.calendar_id is not None:
        return open_work.apply_batch(session, changed.calendar_id, after, by=by, now=now)
    return policy_work.apply_batch(session, changed.policy_id or 0, after, by=by, now=now)


def note_applied(
    session: Session, changed: Changed, moved: int, *, by: int, now: datetime
) -> None:
    """Write down that open conversations follow now."""
    if changed.calendar_id is not None:
        open_work.note_applied(session, changed.calendar_id, moved, by=by, now=now)
    else:
        policy_work.note_applied(session, changed.policy_id or 0, moved, by=by, now=now)


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
    by, changed = found.started_by_id, Changed(found.calendar_id, found.policy_id)
    moved, last = apply_batch(session, changed, found.after, by=by, now=now)
    found.moved += moved
    if last is None:
        found.finished_at, found.done = now, found.total
        note_applied(session, changed, found.moved, by=by, now=now)
        log.info("%d conversations follow %s", found.moved, changed)
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


async def follow_now(database: Database, changed: Changed, *, by: int) -> int | None:
    """Let open conversations follow at once and return how many did; None: in the background.

    Those are more than 500; ``Follow`` does them.
    """
    if await database.read(count_open, changed) > AT_ONCE:
        await database.write(begin, changed, by=by, now=utcnow())
        return None
    total = 0
    after: int | None = 0
    while after is not None:
        moved, after = await database.write(apply_batch, changed, after, by=by, now=utcnow())
        total += moved
    await database.write(note_applied, changed, total, by=by, now=utcnow())
    return total
