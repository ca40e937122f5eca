"""Looking for our people's own answers in a mailbox's folder of sent mail.

Of each new mail only the head is read; only what answers a conversation of ours is fetched.
The ledger has a line for each, without words where it is none of our business.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.headers import split_head
from inbox.channels.imapwire import Folder
from inbox.channels.imapwords import Found
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Rejected, Unavailable
from inbox.later.elsewhere import NOTHING_HERE, Head, find_answered, is_known
from inbox.mailboxes import BATCH, Box, Job, load, write
from inbox.staging import HEAD_BYTES, MAX_MAIL_BYTES, Arrival, stage
from inbox.store import ledger
from inbox.store.ledger import Place, Sighting
from models import ChannelKind, LedgerState, LedgerVia, Mailbox, RawMessage, RawState
from models.base import columns

log = logging.getLogger(__name__)

raws = columns(RawMessage)

COUNTED_BACK = timedelta(days=30)
MOST_MISSED = 100  # that one count looks at; the next goes on
MARKED = "*"  # whichever folder the server marks as that of sent mail


class SentBox(Box, Protocol):
    """A mailbox whose folders can be told apart."""

    async def find_sent(self) -> str | None: ...
    async def fetch_head(self, uid: int) -> bytes | None: ...


async def read(database: Database, job: Job, box: SentBox, secret: bytes) -> int:
    """Take in answers that were sent since the last look; return how many.

    Nothing happens while mail of the inbox waits to be taken in: it may be what is answered.

    Raises
    ------
    Unavailable
        If the connection breaks.
    """
    if not job.sent_folder or await database.read(_has_waiting, job.inbox_id):
        return 0
    folder, name = await _open(database, job, box)
    if folder is None:
        return 0
    state = {"uidvalidity": folder.uidvalidity, "folder": name}
    if job.sent.get("uidvalidity") != folder.uidvalidity or job.sent.get("folder") != name:
        fresh = {"first_uid": folder.uidnext, "last_uid": folder.uidnext - 1}
        await database.write(_save, job, {**state, **fresh})
        return 0
    if "first_uid" in job.sent:
        state["first_uid"] = job.sent["first_uid"]
    last, count = int(job.sent["last_uid"]), 0
    if last + 1 >= folder.uidnext:
        return 0
    uids = await box.search(last + 1, folder.uidnext - 1, None)
    for at in range(0, len(uids), BATCH):
        batch = uids[at : at + BATCH]
        for uid, mail in sorted((await box.describe(batch)).items()):
            place = Place(job.id, folder.uidvalidity, uid)
            count += await _look(database, job, box, mail, place, secret)
        await database.write(_save, job, {**state, "last_uid": batch[-1]})
    await database.write(_save, job, {**state, "last_uid": folder.uidnext - 1})
    return count


async def recount(database: Database, job: Job, box: SentBox, secret: bytes) -> None:
    """Count the last month of sent mail against the ledger, and look at what was missed.

    Raises
    ------
    Unavailable
        If the connection breaks; the next look counts again.
    """
    job = await database.read(load, job.id)
    if not job.sent_folder or "uidvalidity" not in job.sent:
        return
    folder, name = await _open(database, job, box)
    state = job.sent
    if folder is None or (folder.uidvalidity, name) != (
        state["uidvalidity"],
        state.get("folder"),
    ):
        return  # the next look begins anew there
    place = (job.id, folder.uidvalidity)
    first = state.get("first_uid") or await database.read(ledger.first_uid, *place)
    if first is None:
        return
    bounds = (first, int(state["last_uid"]), LedgerVia.SENT)
    since = (utcnow() - COUNTED_BACK).date()
    there = set(await box.search(*bounds[:2], since)) if first <= bounds[1] else set()
    missed = there - await database.read(ledger.known_uids, *place, *bounds)
    if missed and not await database.read(_has_waiting, job.inbox_id):
        for uid, mail in sorted((await box.describe(sorted(missed)[:MOST_MISSED])).items()):
            await _look(database, job, box, mail, Place(*place, uid), secret)
    known = await database.read(ledger.known_uids, *place, *bounds)
    facts = {"server": len(there), "ledger": len(there & known), "missed": len(missed & known)}
    if missed:
        log.warning("mailbox %d: %d sent mails had been missed", job.id, len(missed))
    await database.write(_keep_count, job, facts)


def _keep_count(session: Session, job: Job, facts: dict[str, int]) -> None:
    row = session.get(Mailbox, job.id)
    if row is not None:
        write(session, job.id, tally={**row.tally, "sent": facts})


async def _open(database: Database, job: Job, box: SentBox) -> tuple[Folder | None, str]:
    """Open the folder; what is wrong with it is written down, and the inbox goes on."""
    try:
        name = await box.find_sent() if job.sent_folder == MARKED else job.sent_folder
    except Rejected as error:
        name, why = None, error.message
    else:
        why = "The server marks no folder as that of sent mail."
    if name is not None:
        try:
            return await box.select(name), name
        except Unavailable as error:
            if not isinstance(error.__cause__, Rejected):
                raise
            why = error.message
    if job.sent.get("error") != why:
        log.warning("mailbox %d: sent mail is not looked at: %s", job.id, why)
        await database.write(_save, job, {"error": why})
    return None, ""


async def _look(
    database: Database, job: Job, box: SentBox, mail: Found, place: Place, secret: bytes
) -> int:
    """Look at one mail; 1 if it was an answer."""
    seen = Sighting(job.inbox_id, LedgerState.IGNORED, LedgerVia.SENT, place)
    raw_head = await _fetched(box.fetch_head, mail.uid)
    if raw_head is None:
        return 0
    head = await asyncio.to_thread(read_head, raw_head)
    what = await database.read(_judge, job, head, secret)
    if what is not LedgerState.ACCEPTED or mail.size_bytes > MAX_MAIL_BYTES:
        reason = NOTHING_HERE if what is LedgerState.IGNORED else ""
        await database.write(_sight, seen, what, reason)
        return 0
    raw = await _fetched(box.fetch, mail.uid)
    if raw is None:
        return 0
    key = await asyncio.to_thread(dedupe_key, job.inbox_id, raw)
    own = [job.address, job.username.lower()]
    meta = {"sent": own, "peer": job.host, "mailbox": job.id, "uid": mail.uid, "rcpt": []}
    arrival = Arrival(
        job.inbox_id, ChannelKind.EMAIL, key, raw, meta, via=LedgerVia.SENT, place=place
    )
    now = utcnow()
    await database.write(stage, arrival, min(mail.arrived_at or now, now))
    return 1


async def _fetched(fetch: Any, uid: int) -> bytes | None:
    """Fetch one; what the server refuses is left, as nobody waits for it."""
    try:
        found: bytes | None = await fetch(uid)
    except Rejected as error:
        log.warning("a sent mail (%d) cannot be fetched: %s", uid, error.message)
        return None
    return found


def read_head(raw: bytes) -> Head:
    """Read what matters of a mail's head."""
    headers, _ = split_head(raw[:HEAD_BYTES] + b"\r\n\r\n")
    senders = headers.addresses("from")
    recipients = [*headers.addresses("to"), *headers.addresses("cc")]
    own = headers.ids("message-id")
    answered = [*headers.ids("in-reply-to"), *reversed(headers.ids("references"))]
    return Head(
        senders[0].address.lower() if len(senders) == 1 else "",
        tuple(one.address.lower() for one in recipients if one.address),
        own[0] if own else "",
        tuple(dict.fromkeys(answered)),
    )


def _judge(session: Session, job: Job, head: Head, secret: bytes) -> LedgerState:
    if is_known(session, head.message_id):
        return LedgerState.DUPLICATE
    found = find_answered(session, head, (job.address, job.username.lower()), secret)
    return LedgerState.ACCEPTED if found is not None else LedgerState.IGNORED


def _has_waiting(session: Session, inbox_id: int) -> bool:
    found = session.execute(
        select(raws.id)
        .where(raws.state == RawState.PENDING, raws.inbox_id == inbox_id)
        .limit(1)
    )
    return found.first() is not None


def _sight(session: Session, seen: Sighting, state: LedgerState, reason: str) -> None:
    known = Sighting(seen.inbox_id, state, seen.via, seen.place, reason=reason)
    ledger.sight(session, known, utcnow())


def _save(session: Session, job: Job, state: dict[str, Any]) -> None:
    write(session, job.id, sent=state)
