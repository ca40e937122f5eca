"""Undoing an answer before it leaves: it was never given, and its text is a draft again.

The row of the outbox decides the race with the courier: whoever changes it first has it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from inbox import clocks, record
from inbox.errors import Conflict, NotFound
from inbox.outgoing import again
from inbox.outgoing.letters import File
from inbox.queue import CLOCKS
from inbox.store.changes import changed, moved
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened
from inbox.writing import drafts
from inbox.writing.drafts import Written
from models import (
    Attachment,
    Blob,
    ClockKind,
    Conversation,
    DeliveryState,
    Direction,
    Event,
    EventKind,
    Message,
    Outbox,
    Reminder,
    Status,
)
from models.base import columns, core

outbox = columns(Outbox)
messages = columns(Message)
attachments = columns(Attachment)
blobs = columns(Blob)
events = columns(Event)
reminders = columns(Reminder)

GONE = N_("Too late to undo: it has left.")
_MOMENTS = ("waiting_until", "followed_up_at", "thanked_at", "first_responded_at")
# After one of these the conversation does not stand as the answer left it.
_DISTURBS = (
    *(EventKind.RESOLVED, EventKind.REOPENED, EventKind.WAITED, EventKind.RESUMED),
    *(EventKind.MERGED, EventKind.UNMERGED, EventKind.EXCUSED, EventKind.MARKED_SPAM),
)


_NEWEST = (
    select(messages.id, outbox.id)
    .outerjoin(
        core(Outbox),
        (outbox.message_id == messages.id)
        & (outbox.state == DeliveryState.QUEUED)
        & (outbox.attempts == 0)
        & (outbox.leased_until > bindparam("now")),
    )
    .where(
        messages.conversation_id == bindparam("number"),
        messages.author_id == bindparam("me"),
        messages.direction == Direction.OUTBOUND,
    )
    .order_by(messages.id.desc())
    .limit(1)
)


def find_held(session: Session, number: int, agent_id: int, now: datetime) -> int:
    """Return somebody's newest answer there if it can still be undone, else 0."""
    values = {"number": number, "me": agent_id, "now": now}
    newest = session.execute(_NEWEST, values).one_or_none()
    return newest[0] if newest is not None and newest[1] is not None else 0


def undo(
    session: Session, conversation: Conversation, message_id: int, *, by: Person, now: datetime
) -> None:
    """Take back an answer of one's own that has not left; text, copies, files are a draft.

    Clocks run on as if it had never been given.

    Raises
    ------
    NotFound
        If the conversation has no such answer of this person's.
    Conflict
        If it has left, or is being handed over.
    """
    message = session.get(Message, message_id)
    if (
        message is None
        or (message.conversation_id, message.author_id) != (conversation.id, by.id)
        or message.direction is not Direction.OUTBOUND
    ):
        raise NotFound("There is no such message.")
    mail = session.execute(
        delete(Outbox)
        .where(
            outbox.message_id == message_id,
            outbox.state == DeliveryState.QUEUED,
            outbox.attempts == 0,
        )
        .returning(outbox.mail, outbox.asked_at)
    ).one_or_none()
    if mail is None:
        raise Conflict(GONE)
    known = mail.mail.get("undo", {})
    _give_clock_back(session, conversation, message, known.get("stood", {}), by, now)
    _drop_reminder(session, conversation.id, message, by, now)
    files = _take_files(session, message_id)
    written = Written(
        drafts.REPLY,
        known.get("text", message.text),
        known.get("cc", ""),
        known.get("bcc", ""),
        drafts.put_back_files(session, by.id, conversation.id, files, now),
        seen=known.get("stood", {}).get("last_message_id") or 0,
        page=f"undo-{message_id}",
        to=known.get("to", ""),
    )
    drafts.put_back(session, by.id, conversation.id, written, now)
    empty: dict[str, Any] = {"text": "", "visible_text": "", "email_message_id": None}
    session.execute(
        update(Message)
        .where(messages.id == message_id)
        .values(direction=Direction.WITHDRAWN, client_key=None, **empty)
    )


def _give_clock_back(
    session: Session,
    conversation: Conversation,
    message: Message,
    stood: Mapping[str, Any],
    by: Person,
    now: datetime,
) -> None:
    since = _since(session, conversation.id, message.id)
    status = conversation.status
    if status in (Status.MERGED, Status.SPAM) or not since.isdisjoint(_DISTURBS) or not stood:
        values = again.take_back(
            session, conversation, message.id, message.created_at, "taken back", by.id, now
        )
        changed(session, conversation.id, CLOCKS, **values)
        return
    values = {} if EventKind.ASKED in since else _as_before(stood)
    data: dict[str, Any] = {
        "message": message.id,
        "answered_at": message.created_at.isoformat(),
    }
    after = values.get("status", status)
    data |= moved({"status": status.value}, {"status": after.value})
    undone = Happened(EventKind.REPLY_UNDONE, now, data, by.id)
    values |= record.keep(session, conversation.id, undone, now=now)
    if clocks.list_live(session, conversation.id, [ClockKind.FIRST_RESPONSE]):
        values["first_responded_at"] = None
    if values.get("waiting_until") is not None:
        values["order_at"] = values["next_due_at"] or values["waiting_until"]
    changed(session, conversation.id, CLOCKS, **values)


def _as_before(stood: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in stood.items() if name != "last_message_id"}
    values["status"] = Status(stood["status"])
    for name in (*_MOMENTS, "resolved_at"):
        text = stood.get(name)
        values[name] = datetime.fromisoformat(text) if text else None
    return values


def _since(session: Session, number: int, message_id: int) -> set[EventKind]:
    """Return what has happened after an answer besides what its own click did."""
    rows = session.execute(
        select(events.kind, events.data)
        .where(events.conversation_id == number)
        .order_by(events.id.desc())
        .limit(200)
    )
    found: set[EventKind] = set()
    for row in rows:
        if row.data.get("message") == message_id:
            if row.kind is EventKind.REPLIED:
                return found
        else:
            found.add(row.kind)
    return {*found, EventKind.RESOLVED}  # far back: nothing is as it was


def _drop_reminder(
    session: Session, number: int, message: Message, by: Person, now: datetime
) -> None:
    """Forget the reminder that was set with the answer."""
    session.execute(
        update(Reminder)
        .where(
            reminders.conversation_id == number,
            reminders.made_by_id == by.id,
            reminders.if_silent.is_(True),
            reminders.created_at == message.created_at,
            reminders.ended_at.is_(None),
        )
        .values(ended_at=now, ended_by_id=by.id, ended_as="dropped")
    )


def _take_files(session: Session, message_id: int) -> list[File]:
    rows = session.execute(
        select(
            attachments.filename, attachments.content_type, blobs.content, attachments.blob_id
        )
        .join(core(Blob), blobs.id == attachments.blob_id)
        .where(attachments.message_id == message_id)
        .order_by(attachments.id)
    ).all()
    session.execute(delete(Attachment).where(attachments.message_id == message_id))
    session.execute(delete(Blob).where(blobs.id.in_([row.blob_id for row in rows])))
    return [File(row.filename, row.content_type, row.content) for row in rows]
