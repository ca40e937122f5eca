"""What a provider's request tells, kept before it is told yes.

Messages become raw rows under the provider's own id of them, so that the same one again is one.
What was delivered or read goes to the row it is about. What nobody can read is a raw row too:
take-in puts it into quarantine, where people see it.
"""

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.channels.messengers.account import Account
from inbox.channels.messengers.events import Event, State
from inbox.db import after_commit
from inbox.messaging.links import Stored
from inbox.outgoing.again import take_back
from inbox.queue import CLOCKS, conversation_name
from inbox.staging import Arrival, stage
from inbox.store import messengers as rows
from inbox.store.conversations import change, get_to_change
from models import DeliveryState, Messenger, Outbox, OutboxKind
from models.base import columns

log = logging.getLogger(__name__)

accounts = columns(Messenger)
outbox = columns(Outbox)

OLDEST = timedelta(days=7)  # no provider tries longer; ids are kept for longer than that
NEWEST = timedelta(minutes=5)  # ahead of our clock
NOTED_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Told:
    """What one request tells: what is to be taken in, and states; not yet kept.

    ``stale`` says that all of it is too old, or of another time altogether.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    stale: bool = False


def read(stored: Stored, account: Account, body: bytes, peer: str, now: datetime) -> Told:
    """Read a request that the provider has signed; nothing is refused for being malformed."""
    provider = stored.provider
    try:
        events = provider.split(body, account)
    except ValueError:
        key = hashlib.sha256(body).hexdigest()
        return Told([_arrival(stored, Event(key, "message", body), None, peer)])
    timely = [one for one in events if _is_timely(one, now)]
    told = Told(stale=bool(events) and not timely)
    for event in timely:
        if event.what == "message":
            told.arrivals.append(_arrival(stored, event, provider.window(account), peer))
        elif event.what == "state":
            try:
                told.states.extend(provider.states(event.body))
            except ValueError:
                told.arrivals.append(_arrival(stored, event, None, peer))
        else:
            log.info("%s of inbox %d: %s", provider.kind, stored.inbox_id, event.said)
    return told


def _is_timely(event: Event, now: datetime) -> bool:
    return event.at is None or -OLDEST <= event.at - now <= NEWEST


def _arrival(stored: Stored, event: Event, window: timedelta | None, peer: str) -> Arrival:
    mark = hashlib.sha256(event.key.encode("utf-8", "surrogatepass")).hexdigest()
    key = f"{stored.kind.value}:{stored.inbox_id}:{mark}"
    meta: dict[str, Any] = {"peer": peer, "person": event.user, "key": key}
    if event.at is not None:
        meta["at"] = event.at.isoformat()
    if window is not None:
        meta["window_s"] = int(window.total_seconds())
    return Arrival(stored.inbox_id, stored.kind, key, event.body, meta)


def keep(session: Session, stored: Stored, told: Told, now: datetime) -> None:
    """Store what a request told; what is there already stays as it is."""
    for arrival in told.arrivals:
        stage(session, arrival, now)
    for state in told.states:
        _note(session, stored, state, now)
    session.execute(
        update(Messenger)
        .where(
            accounts.inbox_id == stored.inbox_id,
            or_(accounts.last_event_at.is_(None), accounts.last_event_at < now - NOTED_EVERY),
        )
        .values(last_event_at=now)
    )


def _note(session: Session, stored: Stored, state: State, now: datetime) -> None:
    inbox_id, at = stored.inbox_id, min(state.at or now, now)
    value = rows.value_of(inbox_id, state.user)
    if state.progress in ("left", "back"):
        rows.note_left(session, inbox_id, value, at, is_back=state.progress == "back")
    elif state.progress == "failed":
        reason = state.said or str(state.code or "")
        number = rows.note_failed(session, inbox_id, state.reference, reason, now)
        if number is not None:
            fail(session, number, reason, now)
    elif state.progress in ("delivered", "read"):
        is_read = state.progress == "read"
        if state.reference:
            rows.note_progress(session, inbox_id, state.reference, at, is_read=is_read, now=now)
        elif state.up_to is not None:
            rows.note_up_to(session, inbox_id, value, state.up_to, is_read=is_read)


def fail(session: Session, outbox_id: int, reason: str, now: datetime) -> None:
    """Write down that what the provider had taken does not arrive; clocks run on."""
    done = session.execute(
        update(Outbox)
        .where(
            outbox.id == outbox_id,
            outbox.state.in_([DeliveryState.SENT, DeliveryState.UNCONFIRMED]),
        )
        .values(state=DeliveryState.FAILED, error=reason[:500])
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return
    row = session.execute(
        select(outbox.kind, outbox.conversation_id, outbox.message_id, outbox.asked_at).where(
            outbox.id == outbox_id
        )
    ).one()
    number = row.conversation_id
    conversation = get_to_change(session, number) if number is not None else None
    if conversation is None:
        return
    if row.kind is OutboxKind.REPLY:
        values = take_back(
            session, conversation, row.message_id, row.asked_at, reason, None, now
        )
        change(session, conversation.id, **values)
    after_commit(session, "list", CLOCKS, conversation_name(conversation.id))
