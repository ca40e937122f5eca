"""How the work stands, in a few numbers that are cheap to ask for every few seconds.

Every query walks an index and stops at a cap, so a backlog or a million conversations make
none of them slow. An age is how long the first row *could* have been worked on: a row that
a worker holds, or that waits for its next try, is not late.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlmodel import Session

from inbox.db import insert_into
from inbox.store.adrift import list_adrift
from inbox.store.setup import find_live_model, find_problem
from models import (
    ChannelKind,
    Conversation,
    Counter,
    EscalationStep,
    HookOff,
    Inbox,
    Mailbox,
    MailSender,
    Messenger,
    Outbox,
    RawMessage,
    Status,
    Webhook,
)
from models.base import columns, core

raws = columns(RawMessage)
outbox = columns(Outbox)
steps = columns(EscalationStep)
conversations = columns(Conversation)
counters = columns(Counter)
mailboxes = columns(Mailbox)
senders = columns(MailSender)
messengers = columns(Messenger)
webhooks = columns(Webhook)

MOST = 10_000  # rows waiting are counted up to here
RECENT = 1_000  # mails looked at for how sending goes
LATE_S = 60.0  # work that waits longer than this has nobody to do it

# As the partial indexes have them, so that both databases use those.
_PENDING = text("state = 'pending'")
_QUARANTINED = text("state = 'quarantined'")
_TO_SEND = text("state IN ('queued', 'claimed', 'sending')")
_UNFIRED = text("fired_at IS NULL AND cancelled_at IS NULL")

_BACKUP = "last-backup"
_BACKUP_REMEMBERED = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Numbers:
    """One look; ``*_s`` are ages in seconds, 0 when nothing is late."""

    waiting: int
    waiting_s: float
    quarantined: int
    mailboxes_failing: int
    sending: dict[str, int]  # outbox state -> mails that still have to leave
    sending_s: float
    sent: dict[str, int]  # outbox state -> mails, of the newest thousand
    steps_s: float
    open: int
    late: int
    model: str | None
    model_is_starter: bool
    last_backup_at: datetime | None
    model_problem: str = ""  # why the chosen model does not answer
    adrift: int = 0  # unfinished, and nothing would bring them back; counted up to ``MOST``
    senders_failing: int = 0  # inboxes' own servers that take nothing just now

    def late_work(self) -> dict[str, float]:
        """Return the kinds of work that nobody seems to do, and for how many seconds."""
        ages = {"taking in": self.waiting_s, "sending": self.sending_s, "clocks": self.steps_s}
        return {name: age for name, age in ages.items() if age > LATE_S}


def look(session: Session, now: datetime) -> Numbers:
    """Ask for all of them."""
    live = find_live_model(session)
    waiting = select(raws.id).where(_PENDING).limit(MOST)
    held = select(raws.id).where(_QUARANTINED).limit(MOST)
    to_send = select(outbox.state).where(_TO_SEND).limit(MOST)
    newest = select(outbox.state).order_by(outbox.id.desc()).limit(RECENT)
    is_open = conversations.status == Status.OPEN
    return Numbers(
        waiting=_count(session, waiting),
        waiting_s=_age(session, select(func.min(raws.leased_until)).where(_PENDING), now),
        quarantined=_count(session, held),
        mailboxes_failing=len(failing_mailboxes(session)),
        sending=_by_state(session, to_send),
        sending_s=_age(session, select(func.min(outbox.leased_until)).where(_TO_SEND), now),
        sent=_by_state(session, newest),
        steps_s=_age(session, select(func.min(steps.at)).where(_UNFIRED), now),
        open=_count(session, select(conversations.id).where(is_open)),
        late=_count(
            session, select(conversations.id).where(is_open, conversations.order_at < now)
        ),
        model=live.sha256[:12] if live else None,
        model_is_starter=bool(live and live.is_starter),
        last_backup_at=last_backup_at(session),
        model_problem=find_problem(session),
        adrift=len(list_adrift(session, MOST)),
        senders_failing=len(failing_senders(session)),
    )


def _count(session: Session, rows: Any) -> int:
    return int(session.execute(select(func.count()).select_from(rows.subquery())).scalar_one())


def _by_state(session: Session, rows: Any) -> dict[str, int]:
    found = rows.subquery()
    counted = session.execute(
        select(found.c.state, func.count()).group_by(found.c.state).order_by(found.c.state)
    )
    return {state.value: int(count) for state, count in counted}


def _age(session: Session, oldest: Any, now: datetime) -> float:
    at = session.execute(oldest).scalar()
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


def failing_mailboxes(session: Session) -> list[tuple[str, str]]:
    """Return whose mailboxes cannot be read just now: the inbox's address, and why."""
    rows = session.execute(
        select(columns(Inbox).handle, mailboxes.last_error)
        .join(core(Inbox), columns(Inbox).id == mailboxes.inbox_id)
        .where(mailboxes.is_active.is_(True), mailboxes.failing_since.is_not(None))
        .order_by(mailboxes.id)
    )
    return [(str(address), str(error)) for address, error in rows]


def failing_senders(session: Session) -> list[tuple[str, str]]:
    """Return whose own servers take no mail just now: the inbox's address, and why."""
    rows = session.execute(
        select(columns(Inbox).handle, senders.last_error)
        .join(core(Inbox), columns(Inbox).id == senders.inbox_id)
        .where(senders.is_active.is_(True), senders.failing_since.is_not(None))
        .order_by(senders.id)
    )
    return [(str(address), str(error)) for address, error in rows]


def failing_ways(session: Session, now: datetime) -> dict[str, list[str]]:
    """Return the addresses whose mailbox, or whose own server, fails for a minute or more."""
    since = now - timedelta(seconds=LATE_S)
    found: dict[str, list[str]] = {}
    for name, row in (("mailbox", mailboxes), ("sending server", senders)):
        addresses = session.execute(
            select(columns(Inbox).handle)
            .where(columns(Inbox).id == row.inbox_id)
            .where(row.is_active.is_(True), row.failing_since <= since)
            .order_by(row.id)
        ).scalars()
        found[name] = [str(address) for address in addresses]
    return found


@dataclass(frozen=True, slots=True)
class SenderState:
    """How an inbox's own server goes; ``inbox_id`` is whose settings it belongs to."""

    inbox_id: int
    address: str
    failing_since: datetime | None
    error: str
    last_ok_at: datetime | None


def list_senders(session: Session) -> list[SenderState]:
    """Return every inbox's own server that is in use."""
    rows = session.execute(
        select(
            senders.inbox_id,
            columns(Inbox).handle,
            senders.failing_since,
            senders.last_error,
            senders.last_ok_at,
        )
        .join(core(Inbox), columns(Inbox).id == senders.inbox_id)
        .where(senders.is_active.is_(True))
        .order_by(senders.id)
    )
    return [SenderState(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class MailboxState:
    """How a mailbox goes; ``inbox_id`` is whose settings it belongs to."""

    inbox_id: int
    address: str
    is_active: bool
    failing_since: datetime | None
    error: str
    last_ok_at: datetime | None


def list_mailboxes(session: Session) -> list[MailboxState]:
    """Return every mailbox, also those that are paused."""
    rows = session.execute(
        select(
            mailboxes.inbox_id,
            columns(Inbox).handle,
            mailboxes.is_active,
            mailboxes.failing_since,
            mailboxes.last_error,
            mailboxes.last_ok_at,
        )
        .join(core(Inbox), columns(Inbox).id == mailboxes.inbox_id)
        .order_by(mailboxes.id)
    )
    return [MailboxState(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class MessengerState:
    """How a messenger's account goes; ``last_ok_at`` is when something last came or went."""

    inbox_id: int
    kind: ChannelKind
    name: str
    connected_at: datetime | None
    failing_since: datetime | None
    error: str
    last_ok_at: datetime | None


def list_messengers(session: Session) -> list[MessengerState]:
    """Return the accounts of every messenger whose inbox is open."""
    rows = session.execute(
        select(
            messengers.inbox_id,
            columns(Inbox).kind,
            columns(Inbox).name,
            messengers.connected_at,
            messengers.failing_since,
            messengers.last_error,
            messengers.last_event_at,
            messengers.last_sent_at,
        )
        .join(core(Inbox), columns(Inbox).id == messengers.inbox_id)
        .where(columns(Inbox).is_active.is_(True))
        .order_by(messengers.id)
    )
    return [
        MessengerState(
            row.inbox_id,
            row.kind,
            row.name,
            row.connected_at,
            row.failing_since,
            row.last_error,
            _later(row.last_event_at, row.last_sent_at),
        )
        for row in rows
    ]


def _later(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class WebhookState:
    """How another system takes what it is told."""

    id: int
    name: str
    off: HookOff
    failing_since: datetime | None
    error: str
    last_ok_at: datetime | None


def list_webhooks(session: Session) -> list[WebhookState]:
    """Return every webhook, also those that are off."""
    rows = session.execute(
        select(
            webhooks.id,
            webhooks.name,
            webhooks.off,
            webhooks.failing_since,
            webhooks.last_error,
            webhooks.last_ok_at,
        ).order_by(webhooks.id)
    )
    return [WebhookState(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Ways:
    """How everything goes that leads in or out."""

    mailboxes: list[MailboxState]
    senders: list[SenderState]
    messengers: list[MessengerState]
    webhooks: list[WebhookState]


def list_ways(session: Session) -> Ways:
    """Look at all of them."""
    return Ways(
        list_mailboxes(session),
        list_senders(session),
        list_messengers(session),
        list_webhooks(session),
    )


def record_backup(session: Session, at: datetime) -> None:
    """Remember when the newest backup was made; a counter of minutes needs no table."""
    values = {
        "count": int(at.timestamp() // 60),
        "expires_at": at + _BACKUP_REMEMBERED,
    }
    statement = insert_into(session, Counter).values(key=_BACKUP, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))


def last_backup_at(session: Session) -> datetime | None:
    """Return when the newest backup was made, to the minute; None when none is known."""
    found = select(counters.count).where(counters.key == _BACKUP)
    minutes = session.execute(found).scalar_one_or_none()
    return datetime.fromtimestamp(minutes * 60, UTC) if minutes else None
