"""How a look into a mailbox went, and telling who leads when none went well for long."""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import outages
from inbox.acknowledgement import House
from inbox.mailboxes import write
from inbox.templating import N_
from models import Inbox, Mailbox
from models.base import columns, core

log = logging.getLogger(__name__)

mailboxes = columns(Mailbox)
inboxes = columns(Inbox)

LONGEST_PAUSE_S = 300
WATCHED_PAUSE = timedelta(minutes=5)  # between looks while somebody waits for news
NOBODY_LOOKED = N_("Nobody has looked into it, although it was due.")


def succeed(
    session: Session,
    mailbox_id: int,
    house: House | None,
    now: datetime,
    begun: datetime | None = None,
) -> None:
    """Write down a good look, and give the all-clear after an alarm.

    Whoever rang since it had ``begun`` is heard: the next one is at once.
    """
    box = session.get_one(Mailbox, mailbox_id, populate_existing=True)
    if box.failing_since is not None:
        log.info("mailbox %d can be reached again", mailbox_id)
    if box.alarmed_at is not None:
        outages.tell(session, box, house, now, is_over=True)
    next_at = now + timedelta(seconds=box.every_s)
    if box.watched_until is not None and not box.sent_folder:
        next_at = max(next_at, min(box.watched_until, now + WATCHED_PAUSE))
    if begun is not None and begun < box.next_at:
        next_at = min(next_at, box.next_at)
    reasons = [str(one["reason"]) for one in box.left.values()]
    write(
        session,
        mailbox_id,
        last_ok_at=now,
        next_at=next_at,
        leased_until=now,
        failures=0,
        failing_since=None,
        alarmed_at=None,
        last_error=f"{len(reasons)} left in the mailbox. {reasons[-1]}"[:500]
        if reasons
        else "",
    )


def fail(
    session: Session, mailbox_id: int, reason: str, house: House | None, now: datetime
) -> None:
    """Write down a failed look, put off the next, and raise the alarm once an outage."""
    box = session.get_one(Mailbox, mailbox_id, populate_existing=True)
    failing_since = box.failing_since or now
    pause = min(box.every_s * 2**box.failures, max(LONGEST_PAUSE_S, box.every_s))
    log.log(
        logging.INFO if box.failures else logging.WARNING,
        "mailbox %d could not be read, next try in %d s: %s",
        *(mailbox_id, pause, reason),
    )
    values: dict[str, Any] = {
        "failures": min(box.failures + 1, 20),
        "failing_since": failing_since,
        "next_at": now + timedelta(seconds=pause),
        "leased_until": now,
        "last_error": reason[:500],
        "access_until": None,  # perhaps its token was taken back: get another
    }
    write(session, mailbox_id, **values)
    if box.alarmed_at is None and now - failing_since >= patience_of(box):
        box = session.get_one(Mailbox, mailbox_id, populate_existing=True)
        outages.tell(session, box, house, now, is_over=False)
        write(session, mailbox_id, alarmed_at=now)


def try_left(session: Session, mailbox_id: int, uid: int, now: datetime) -> bool:
    """Have a mail that was left in a mailbox fetched again now; False if it is not left."""
    box = session.get(Mailbox, mailbox_id, populate_existing=True)
    if box is None or str(uid) not in box.left:
        return False
    note = {**box.left[str(uid)], "retry_at": now.isoformat()}
    write(session, mailbox_id, left={**box.left, str(uid): note}, next_at=now)
    return True


def patience_of(box: Mailbox) -> timedelta:
    """Return how long a mailbox may be unread before somebody is told."""
    return timedelta(minutes=box.alarm_after_min)


def list_silent(session: Session, now: datetime) -> list[int]:
    """Return mailboxes that nobody has looked into although they were due, long enough."""
    found = session.execute(
        select(Mailbox)
        .join(core(Inbox), inboxes.id == mailboxes.inbox_id)
        .where(
            mailboxes.is_active.is_(True),
            inboxes.is_active.is_(True),
            mailboxes.alarmed_at.is_(None),
            mailboxes.leased_until <= now,
            mailboxes.next_at <= now - timedelta(minutes=1),
        )
    )
    return [box.id for box in found.scalars() if now - box.next_at >= patience_of(box)]


def tell_silent(session: Session, house: House | None, now: datetime) -> int:
    """Raise the alarm for mailboxes that nobody looks into, once each; return how many."""
    told = 0
    for mailbox_id in list_silent(session, now):
        box = session.get_one(Mailbox, mailbox_id, populate_existing=True)
        since = box.failing_since or box.last_ok_at or box.created_at
        done = session.execute(
            update(Mailbox)
            .where(mailboxes.id == mailbox_id, mailboxes.alarmed_at.is_(None))
            .values(alarmed_at=now, failing_since=since, last_error=NOBODY_LOOKED)
        )
        if done.rowcount == 1:  # type: ignore[attr-defined]
            box = session.get_one(Mailbox, mailbox_id, populate_existing=True)
            outages.tell(session, box, house, now, is_over=False)
            told += 1
    return told
