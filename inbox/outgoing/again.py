"""What a person does about a mail that did not leave: have it sent again, or take it back.

Nothing is sent twice by itself. Whoever has a mail of unknown fate sent again has read that it
may have arrived; it keeps its Message-ID, so that most mail programs show it once.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import clocks, record
from inbox.db import after_commit
from inbox.errors import Conflict, NotFound
from inbox.outgoing.word import given_again
from inbox.queue import CLOCKS, OUTBOX
from inbox.store import merges
from inbox.store.changes import add_event, changed, moved
from inbox.timeline import Happened
from models import (
    ClockKind,
    Conversation,
    DeliveryState,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
    Status,
)
from models.base import columns

outbox = columns(Outbox)
messages = columns(Message)

MAY_AGAIN = (DeliveryState.FAILED, DeliveryState.UNCONFIRMED, DeliveryState.CANCELLED)


def get_mail(session: Session, conversation: Conversation, mail_id: int) -> Outbox:
    """Return a mail of a conversation; raises ``NotFound``."""
    found: Outbox | None = session.execute(
        select(Outbox).where(outbox.id == mail_id, outbox.conversation_id == conversation.id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such mail.")
    return found


def retry(
    session: Session, conversation: Conversation, mail_id: int, *, by: int, now: datetime
) -> None:
    """Send it again: a fresh five days, the same Message-ID; an answer is given now.

    One that only waits for its next try is tried at once.

    Raises
    ------
    NotFound
        If the conversation has no such mail.
    Conflict
        If it has left, or is on its way.
    """
    row = get_mail(session, conversation, mail_id)
    waits = row.state is DeliveryState.QUEUED
    values: dict[str, Any] = {"leased_until": now}
    if not waits:
        mail = {**row.mail, "tries_before": row.attempts}
        values |= {"state": DeliveryState.QUEUED, "asked_at": now, "error": "", "mail": mail}
    done = session.execute(
        update(Outbox)
        .where(
            outbox.id == row.id,
            outbox.state.in_([DeliveryState.QUEUED] if waits else MAY_AGAIN),
            outbox.state == row.state,
        )
        .values(**values)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("It has left, or is on its way already.")
    session.expire(row)
    if waits:
        after_commit(session, OUTBOX)
        return
    data = {"mail": row.id, "message": row.message_id, "kind": row.kind.value, "what": "again"}
    add_event(session, conversation.id, EventKind.MAIL_RETRIED, now, data, by=by)
    columns_ = _answered_now(session, conversation, row, by, now)
    changed(session, conversation.id, OUTBOX, **columns_)


def _answered_now(
    session: Session, conversation: Conversation, row: Outbox, by: int, now: datetime
) -> dict[str, Any]:
    """Let the clocks be met again by an answer that was taken back when it failed."""
    if row.kind is not OutboxKind.REPLY:
        return {}
    word = given_again(session, conversation.id, row.message_id, by, now)
    if not word and not record.owes_answer(session, conversation.id):
        return {}
    said = Happened(EventKind.REPLIED, now, {"message": row.message_id}, by)
    values = record.keep(session, conversation.id, said, *word, now=now)
    if conversation.first_responded_at is None:
        values["first_responded_at"] = now
    return values


def cancel(
    session: Session, conversation: Conversation, mail_id: int, *, by: int, now: datetime
) -> None:
    """Take back a mail that has not left; an answer's clocks run on from the arrival.

    Raises
    ------
    NotFound
        If the conversation has no such mail.
    Conflict
        If it is being handed over, or has left.
    """
    row = get_mail(session, conversation, mail_id)
    done = session.execute(
        update(Outbox)
        .where(outbox.id == row.id, outbox.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.CANCELLED)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("It is being handed over just now, or has left.")
    session.expire(row)
    data = {"mail": row.id, "message": row.message_id, "kind": row.kind.value, "what": "back"}
    add_event(session, conversation.id, EventKind.MAIL_RETRIED, now, data, by=by)
    values: dict[str, Any] = {}
    if row.kind is OutboxKind.REPLY:
        reason = "taken back"
        values = take_back(session, conversation, row.message_id, row.asked_at, reason, by, now)
    changed(session, conversation.id, **values)


def take_back(
    session: Session,
    conversation: Conversation,
    message_id: int | None,
    asked_at: datetime | None,
    reason: str,
    by: int | None,
    now: datetime,
) -> dict[str, Any]:
    """Write down that an answer will not arrive; return the columns that follow.

    The clocks run on from the arrival, and who is owed an answer is not done with.
    """
    number = conversation.id
    data: dict[str, Any] = {"reason": reason[:300], "message": message_id}
    answered_at = (
        asked_at
        or session.execute(
            select(messages.created_at).where(messages.id == message_id)
        ).scalar_one_or_none()
    )
    if answered_at is not None:
        data["answered_at"] = answered_at.isoformat()
    status = conversation.status
    if status is Status.MERGED:
        _owed_by_whole(session, merges.follow(session, conversation), data, by, now)
        return {}
    opened: dict[str, Any] = {}
    happened = [Happened(EventKind.REPLY_FAILED, now, data, by)]
    if answered_at is not None and record.was_met(session, number, answered_at):
        # Who is owed an answer is not done with, and nobody waits for what was never asked.
        data |= moved({"status": status.value}, {"status": Status.OPEN.value})
        opened = {"status": Status.OPEN, "resolved_at": None}
        if status in (Status.WAITING, Status.SNOOZED):
            happened.insert(0, Happened(EventKind.RESUMED, now, {"reason": "reply_failed"}))
            opened |= {"waiting_until": None, "wait_reason": "", "followed_up_at": None}
    values = opened | record.keep(session, number, *happened, now=now)
    if clocks.list_live(session, number, [ClockKind.FIRST_RESPONSE]):
        values["first_responded_at"] = None
    return values


def _owed_by_whole(
    session: Session,
    whole: Conversation,
    data: dict[str, Any],
    by: int | None,
    now: datetime,
) -> None:
    """Say where it goes on that an answer in a part never left: one is owed, from now."""
    values: dict[str, Any] = {}
    if whole.status is Status.RESOLVED:
        data |= moved({"status": whole.status.value}, {"status": Status.OPEN.value})
        values = {"status": Status.OPEN, "resolved_at": None}
    happened = [Happened(EventKind.REPLY_FAILED, now, data, by)]
    if not record.owes_answer(session, whole.id):
        happened.append(Happened(EventKind.REOPENED, now, {"owed": True}))
    changed(
        session,
        whole.id,
        CLOCKS,
        **values,
        **record.keep(session, whole.id, *happened, now=now),
    )
