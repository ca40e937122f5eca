"""The daily reconciliation: what a mailbox has is what the ledger has, or is fetched and named.

Counted is what we answer for: everything from the first look on, and of what was there before
the part that is taken. What people moved away or deleted meanwhile is theirs to move.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import NotFound
from inbox.mailboxes import WINDOW, Box, Job, Reading, load, write
from inbox.store import ledger
from models import Mailbox

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
MOST_NAMED = 20


@dataclass(slots=True)
class Tally:
    """What was counted, in numbers of mails; ``differ`` are UIDs that could not be had."""

    server: int = 0  # there, and ours to answer for
    ledger: int = 0  # of these in the ledger
    older: int = 0  # there, from before our time
    gone: int = 0  # in the ledger and not there any more
    fetched: list[int] = field(default_factory=list)  # missed before, in the ledger now
    differ: list[int] = field(default_factory=list)

    def facts(self, now: datetime) -> dict[str, Any]:
        """Return what is kept of it."""
        return {
            "at": now.isoformat(),
            "server": self.server,
            "ledger": self.ledger,
            "older": self.older,
            "gone": self.gone,
            "missed": len(self.fetched),
            "fetched": self.fetched[:MOST_NAMED],
            "missing": len(self.differ),
            "differ": self.differ[:MOST_NAMED],
        }


def is_due(job: Job, now: datetime) -> bool:
    """Tell whether a mailbox has not been counted for a day."""
    return job.reconciled_at is None or job.reconciled_at <= now - EVERY


async def reconcile(database: Database, job: Job, box: Box) -> Tally | None:
    """Count a mailbox that was just read, fetch what was missed, and write it down.

    None if the folder is not the one that was read: it was renumbered meanwhile.

    Raises
    ------
    Unavailable
        If the connection breaks; the next look counts again.
    """
    job = await database.read(load, job.id)
    folder = await box.select(job.folder)
    if folder.uidvalidity != job.uidvalidity:
        return None
    tally = Tally()
    first = max(job.ledger_from, 1)
    while first <= job.last_uid:
        last = min(first + WINDOW - 1, job.last_uid)
        await _count(database, job, box, tally, (first, last))
        first = last + 1
    now = utcnow()
    await database.write(_keep, job, tally, now)
    if tally.fetched or tally.differ:
        log.warning(
            "mailbox %d: %d mails had been missed and were fetched %s, %d cannot be %s",
            *(job.id, len(tally.fetched), tally.fetched[:MOST_NAMED]),
            *(len(tally.differ), tally.differ[:MOST_NAMED]),
        )
    return tally


async def _count(
    database: Database, job: Job, box: Box, tally: Tally, window: tuple[int, int]
) -> None:
    first, last = window
    there = set(await box.search(first, last, None))
    ours = {uid for uid in there if uid >= job.fresh_uid}
    if first < job.fresh_uid:
        since = (job.since - timedelta(days=1)).date()
        ours |= set(await box.search(first, min(last, job.fresh_uid - 1), since))
    place = (job.id, job.uidvalidity, first, last)
    known = await database.read(ledger.known_uids, *place)
    tally.older += len(there - ours - known)
    tally.gone += len(known - there)
    ours = (ours & there) | (known & there)
    missed = sorted(ours - known)
    if missed:
        await Reading(database, job, box).missed_ones(missed)
        known = await database.read(ledger.known_uids, *place)
        still = await box.describe([uid for uid in missed if uid not in known][:MOST_NAMED])
        tally.fetched += [uid for uid in missed if uid in known]
        tally.differ += sorted(still)
        ours -= {uid for uid in missed if uid not in known and uid not in still}
    tally.server += len(ours)
    tally.ledger += len(ours & known)


def _keep(session: Session, job: Job, tally: Tally, now: datetime) -> None:
    write(session, job.id, reconciled_at=now, tally=tally.facts(now))


def ask(session: Session, mailbox_id: int, now: datetime) -> None:
    """Have a mailbox counted at the next look, which is now; raises ``NotFound``."""
    if session.get(Mailbox, mailbox_id) is None:
        raise NotFound("There is no such mailbox.")
    write(session, mailbox_id, reconciled_at=None, next_at=now)
