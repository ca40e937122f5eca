"""Reading mailboxes: fetch, store, mark; in this order, so that nothing is lost or doubled.

A mail is a committed raw row before it is marked as read, and marked before its UID counts
as dealt with. Whatever breaks in between is done again, and the dedupe key makes it one. A
mail that cannot be fetched is left alone, written down, and holds up no other.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels.imapwire import Folder, ImapServer
from inbox.channels.imapwords import Found, recipients_of
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Rejected, TooLarge, Unavailable
from inbox.failpoints import failpoint
from inbox.staging import MAX_BACKLOG, MAX_MAIL_BYTES, Arrival, count_waiting, stage
from inbox.store import ledger
from inbox.store.ledger import Place, Sighting
from inbox.templating import N_
from inbox.vault import Vault
from models import ChannelKind, Inbox, LedgerState, LedgerVia, Mailbox, MailboxAuth
from models.base import columns, core

log = logging.getLogger(__name__)

mailboxes = columns(Mailbox)
inboxes = columns(Inbox)

BATCH = 20
LEASE = timedelta(seconds=5)  # renewed while the work goes on
FIRST_RETRY_S, LONGEST_RETRY_S = 30, 3600  # of one mail
MAX_NOTED = 200  # mails left alone that are remembered
MAX_AT_ONCE = 100_000  # UIDs that one SEARCH may answer with; its line has a limit
WINDOW = 50_000

# Why mail that was there before us is not taken: message keys.
TOO_OLD = N_("It is older than the day from which mail is taken.")
READ_BEFORE = N_("Somebody had read it before this mailbox was entered.")
SEEN_TO = N_("A person saw to it in the mailbox.")


class Box(Protocol):
    """An open mailbox; see ``inbox.channels.imap``."""

    async def select(self, folder: str) -> Folder: ...
    async def search(self, first: int, last: int, since: date | None) -> list[int]: ...
    async def describe(self, uids: Sequence[int]) -> dict[int, Found]: ...
    async def fetch(self, uid: int) -> bytes | None: ...
    async def mark_seen(self, uids: Sequence[int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """A mailbox that this worker reads until its lease ends."""

    id: int
    inbox_id: int
    address: str
    host: str
    port: int
    tls: Any
    username: str
    password: str  # sealed
    folder: str
    since: datetime
    created_at: datetime
    uidvalidity: int | None
    fresh_uid: int
    last_uid: int
    left: dict[str, Any]
    auth: MailboxAuth = MailboxAuth.PASSWORD
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""  # sealed
    scope: str = ""
    access_token: str = ""  # sealed
    access_until: datetime | None = None
    sent_folder: str = ""
    sent: dict[str, Any] = field(default_factory=dict)
    ledger_from: int = 0
    next_at: datetime | None = None  # when this look began
    reconciled_at: datetime | None = None


_JOB = select(
    *(
        inboxes.handle if name == "address" else mailboxes[name]
        for name in Job.__dataclass_fields__
    )
).join(core(Inbox), inboxes.id == mailboxes.inbox_id)


def place_of(mailbox_id: int) -> str:
    """Return what a mailbox's password is sealed for."""
    return f"mailboxes:{mailbox_id}"


def server_of(job: Job | Mailbox, vault: Vault, token: str = "") -> ImapServer:
    """Open the password, unless there is a token; raises ``Sealed`` if it cannot be."""
    password = "" if token else vault.open(job.password, place_of(job.id))
    return ImapServer(job.host, job.port, str(job.tls), job.username, password, token)  # type: ignore[arg-type]


def waits(session: Session, now: datetime) -> bool:
    """Tell whether a mailbox is due, without taking the writers' turn."""
    return session.execute(_due(now).limit(1)).first() is not None


def _due(now: datetime) -> Any:
    return (
        select(mailboxes.id)
        .join(core(Inbox), inboxes.id == mailboxes.inbox_id)
        .where(
            mailboxes.is_active.is_(True),
            inboxes.is_active.is_(True),
            mailboxes.next_at <= now,
            mailboxes.leased_until <= now,
        )
        .order_by(mailboxes.next_at, mailboxes.id)
    )


def claim(session: Session, now: datetime, limit: int) -> list[Job]:
    """Lease mailboxes that are due: one worker at a time reads each."""
    ids = []
    for mailbox_id in session.execute(_due(now).limit(limit)).scalars().all():
        done = session.execute(
            update(Mailbox)
            .where(mailboxes.id == mailbox_id, mailboxes.leased_until <= now)
            .values(leased_until=now + LEASE, next_at=now)
        )
        if done.rowcount == 1:  # type: ignore[attr-defined]
            ids.append(mailbox_id)
    return [Job(*row) for row in session.execute(_JOB.where(mailboxes.id.in_(ids)))]


def load(session: Session, mailbox_id: int) -> Job:
    """Return a mailbox as it is now."""
    return Job(*session.execute(_JOB.where(mailboxes.id == mailbox_id)).one())


def renew(session: Session, mailbox_id: int, now: datetime) -> None:
    """Keep the lease."""
    write(session, mailbox_id, leased_until=now + LEASE)


def hurry(session: Session, now: datetime) -> None:
    """Make every mailbox due: a worker that starts looks at once."""
    session.execute(update(Mailbox).where(mailboxes.next_at > now).values(next_at=now))


async def read(database: Database, job: Job, box: Box) -> int:
    """Take in what is new, and what could not be fetched before; return how many mails.

    Raises
    ------
    Unavailable
        If the connection breaks. What is stored stays stored.
    """
    folder = await box.select(job.folder)
    if folder.uidvalidity != job.uidvalidity:
        if job.uidvalidity is not None:
            log.warning("mailbox %s was renumbered; reading it again", job.address)
        job = await database.write(_start_over, job, folder)
    reading = Reading(database, job, box)
    await reading.new_ones(folder)
    await reading.left_ones()
    return reading.count


class Reading:
    """One look into one mailbox."""

    def __init__(self, database: Database, job: Job, box: Box) -> None:
        self._database = database
        self._job = job
        self._box = box
        self._last_uid = job.last_uid
        self._left = dict(job.left)
        self._seen: list[Sighting] = []  # not yet written down
        self.count = 0

    async def new_ones(self, folder: Folder) -> None:
        """Take what came since the last look, in batches; each is a place to go on from."""
        fresh = self._job.fresh_uid
        step = WINDOW if folder.exists > MAX_AT_ONCE else 2**32
        while self._last_uid + 1 < folder.uidnext:
            first = self._last_uid + 1
            last = min(first + step, folder.uidnext) - 1
            since = None
            if first < fresh:  # a day more: its date is the server's, ours is UTC
                last = min(last, fresh - 1)
                since = (self._job.since - timedelta(days=1)).date()
            uids = await self._box.search(first, last, since)
            for at in range(0, len(uids), BATCH):
                if await self._database.read(count_waiting, MAX_BACKLOG) >= MAX_BACKLOG:
                    log.warning("mailbox %s: too much to do here, its mail waits", self._job.id)
                    return
                batch = uids[at : at + BATCH]
                await self._take(batch)
                await self._save(batch[-1])
            await self._save(last)

    async def left_ones(self) -> None:
        """Try again what could not be fetched; forget what is gone, or read by a person."""
        if not self._left:
            return
        now = utcnow().isoformat()
        there = await self._box.describe([int(uid) for uid in self._left][:MAX_NOTED])
        due = []
        for uid, one in list(self._left.items()):
            mail = there.get(int(uid))
            if mail is None or (one["retry_at"] is None and mail.is_seen):
                del self._left[uid]
                self._sight(int(uid), LedgerState.IGNORED, SEEN_TO)
            elif one["retry_at"] is not None and one["retry_at"] <= now:
                due.append(mail.uid)
        await self._take(due[:BATCH], again=True)
        await self._save(self._last_uid)

    async def _take(self, uids: Sequence[int], *, again: bool = False) -> None:
        """Fetch and store some mails, then mark them as read."""
        found = await self._box.describe(uids) if uids else {}
        stored = []
        for uid in uids:
            if uid not in found or (str(uid) in self._left and not again):
                continue
            unwanted = "" if again else self._unwanted(found[uid])
            if unwanted:
                self._sight(uid, LedgerState.IGNORED, unwanted)
            else:
                raw = await self._fetch(found[uid])
                if raw is not None:
                    await self._store(found[uid], raw)
                    self._left.pop(str(uid), None)
                    stored.append(uid)
        if stored:
            try:
                await self._box.mark_seen(stored)
                failpoint("mailbox.seen")
            except Rejected as error:
                log.warning("mailbox %s: cannot mark as read: %s", self._job.id, error.message)

    async def missed_ones(self, uids: Sequence[int]) -> None:
        """Take mails that should have been taken long ago."""
        for at in range(0, len(uids), BATCH):
            await self._take(uids[at : at + BATCH])
            await self._save(self._last_uid)

    def _unwanted(self, mail: Found) -> str:
        """Say why it is not ours to take, "" if it is; see ``models.Mailbox``."""
        job = self._job
        if mail.uid >= job.fresh_uid or mail.arrived_at is None:
            return ""
        if mail.arrived_at < job.since:
            return TOO_OLD
        is_ours = mail.arrived_at >= job.created_at or not mail.is_seen
        return "" if is_ours else READ_BEFORE

    def _sight(self, uid: int, state: LedgerState, reason: str) -> None:
        """Keep for the ledger what is not taken."""
        via, place = LedgerVia.IMAP, self._place(uid)
        self._seen.append(Sighting(self._job.inbox_id, state, via, place, reason=reason))

    def _place(self, uid: int) -> Place:
        return Place(self._job.id, self._job.uidvalidity or 0, uid)

    async def _fetch(self, mail: Found) -> bytes | None:
        """Fetch one, or write down why not."""
        if mail.size_bytes > MAX_MAIL_BYTES:
            self._leave(
                mail.uid, f"It has {mail.size_bytes >> 20} MiB; we take 35.", again=False
            )
            return None
        try:
            return await self._box.fetch(mail.uid)
        except Rejected as error:
            self._leave(mail.uid, error.message)
        except TooLarge as error:  # and the connection has ended
            self._leave(mail.uid, error.message, again=False)
            await self._save(self._last_uid)
            raise Unavailable(error.message) from error
        except Unavailable as error:  # perhaps over this mail: the next look begins after it
            self._leave(mail.uid, error.message)
            await self._save(self._last_uid)
            raise
        return None

    def _leave(self, uid: int, reason: str, *, again: bool = True) -> None:
        if str(uid) not in self._left and len(self._left) >= MAX_NOTED:
            large = [one for one, note in self._left.items() if note["retry_at"] is None]
            if not large:
                raise Unavailable(f"{MAX_NOTED} mails there cannot be fetched.")
            del self._left[large[0]]
        tries = int(self._left.get(str(uid), {}).get("tries", 0)) + 1
        pause = min(FIRST_RETRY_S * 2 ** (tries - 1), LONGEST_RETRY_S)
        retry_at = (utcnow() + timedelta(seconds=pause)).isoformat() if again else None
        self._left[str(uid)] = {"reason": reason, "tries": tries, "retry_at": retry_at}
        self._sight(uid, LedgerState.QUARANTINED, reason)
        log.warning("mailbox %s: mail %d is left there: %s", self._job.id, uid, reason)

    async def _store(self, mail: Found, raw: bytes) -> None:
        job = self._job
        key = await asyncio.to_thread(dedupe_key, job.inbox_id, raw)
        meta = {
            "rcpt": recipients_of(raw),
            "peer": job.host,
            "mailbox": job.id,
            "uid": mail.uid,
        }
        arrival = Arrival(
            job.inbox_id,
            ChannelKind.EMAIL,
            key,
            raw,
            meta,
            via=LedgerVia.IMAP,
            place=self._place(mail.uid),
        )
        now = utcnow()
        await self._database.write(_stage, arrival, min(mail.arrived_at or now, now))
        failpoint("mailbox.stored")
        self.count += 1

    async def _save(self, last_uid: int) -> None:
        self._last_uid = last_uid
        seen, self._seen = self._seen, []
        await self._database.write(_save, self._job, last_uid, self._left, seen)
        failpoint("mailbox.saved")


def _stage(session: Session, arrival: Arrival, at: datetime) -> None:
    stage(session, arrival, at)
    failpoint("mailbox.staged")


def _start_over(session: Session, job: Job, folder: Folder) -> Job:
    """Begin at UID 1: the folder is new to us, or its numbers mean other mails now."""
    values: dict[str, Any] = {
        "uidvalidity": folder.uidvalidity,
        "fresh_uid": folder.uidnext or 0,
        "last_uid": 0,
        "left": {},
        "ledger_from": 0,
    }
    write(session, job.id, **values)
    return replace(job, **values)


def _save(
    session: Session, job: Job, last_uid: int, left: dict[str, Any], seen: list[Sighting]
) -> None:
    for one in seen:
        ledger.sight(session, one, utcnow())
    session.execute(
        update(Mailbox)
        .where(
            mailboxes.id == job.id,
            mailboxes.uidvalidity == job.uidvalidity,
            mailboxes.last_uid <= last_uid,
        )
        .values(last_uid=last_uid, left=dict(left))
    )


def write(session: Session, mailbox_id: int, **values: Any) -> None:
    """Change columns of a mailbox."""
    session.execute(update(Mailbox).where(mailboxes.id == mailbox_id).values(**values))
