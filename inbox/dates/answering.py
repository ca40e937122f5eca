"""An answer with what comes after it: our word, a reminder, a wait."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from inbox import conversations, waits
from inbox.acknowledgement import House
from inbox.dates import reminders
from inbox.errors import Invalid
from inbox.outgoing.letters import NOTHING_MORE, Extras
from inbox.store.dates import Place
from inbox.store.people import Person
from inbox.templating import N_
from models import Conversation, Message

WHO_IS_NEXT = N_("Either we answer by then, or we wait for the customer: choose one.")


def answer(
    session: Session,
    conversation: Conversation,
    *,
    text: str,
    house: House,
    by: Person,
    now: datetime,
    extras: Extras = NOTHING_MORE,
    then_wait: bool = False,
    **more: Any,
) -> Message:
    """Answer as ``conversations.reply`` does; ``then_wait`` waits for the customer.

    The same click again sends nothing, and reminds of nothing more.

    Raises
    ------
    Invalid
        As ``reply`` does, for a time that is past or far away, and for a named time with a
        wait for the customer.
    """
    if extras.word is not None and then_wait:
        raise Invalid(WHO_IS_NEXT)
    if extras.remind_at is not None:
        reminders.check_time(extras.remind_at, now, "remind")
    extras = replace(extras, word=_utc(extras.word), remind_at=_utc(extras.remind_at))
    before = conversation.last_message_id
    send: Callable[..., Message] = conversations.reply
    if then_wait:
        send = waits.reply_and_wait
    said = send(
        session, conversation, text=text, house=house, by=by, now=now, extras=extras, **more
    )
    if extras.remind_at is not None and conversation.last_message_id != before:
        reminders.add(
            session,
            Place.of(conversation),
            agent_id=by.id,
            due_at=extras.remind_at,
            if_silent=True,
            by=by.id,
            now=now,
        )
    return said


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None
