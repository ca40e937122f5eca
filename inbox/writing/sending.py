"""Sending from a page: held for a moment so that it can be undone, and what comes after it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox import closing
from inbox.acknowledgement import House
from inbox.dates import answering
from inbox.errors import Invalid
from inbox.outgoing.letters import NOTHING_MORE, Extras
from inbox.store.people import Person
from inbox.templating import N_
from inbox.writing import drafts
from models import ChannelKind, Conversation, Message, Status

THEN = ("", "wait", "done")
WORD_AND_DONE = N_("Our word names the next answer: the request is not done then.")
# What an answer changes, as it was before: undoing puts it back.
STOOD = (
    *("status", "waiting_until", "wait_reason", "followed_up_at", "asked_again"),
    *("thanked_at", "first_responded_at", "resolved_at", "last_message_id"),
)


def send(
    session: Session,
    conversation: Conversation,
    *,
    text: str,
    house: House,
    by: Person,
    now: datetime,
    extras: Extras = NOTHING_MORE,
    then: str = "",
    **more: Any,
) -> Message:
    """Answer as ``answering.answer`` does; ``then`` waits for the customer, or is done.

    A mail waits for as long as it can be undone; a chat's line goes at once. The draft is gone
    with it. The same click again sends nothing more.

    Raises
    ------
    Invalid
        As ``answer`` does, and for our word on what is done.
    """
    in_chat = conversation.channel is ChannelKind.CHAT and not extras.to
    if house.undo_s and not in_chat:
        typed = {"text": text, "cc": ", ".join(extras.cc), "bcc": ", ".join(extras.bcc)}
        undo = {**typed, "to": extras.to, "stood": _stood(conversation)}
        extras = replace(extras, hold_s=house.undo_s, undo=undo)
    before = conversation.last_message_id
    said = answer_at_once(
        session,
        conversation,
        text=text,
        house=house,
        by=by,
        now=now,
        extras=extras,
        then=then,
        **more,
    )
    if conversation.last_message_id != before:
        drafts.forget(session, by.id, conversation.id, drafts.REPLY)
    return said


def answer_at_once(
    session: Session,
    conversation: Conversation,
    *,
    house: House,
    by: Person,
    now: datetime,
    extras: Extras,
    then: str,
    **more: Any,
) -> Message:
    """Do what ``send`` does, without a moment to undo it in, and leave drafts alone."""
    if then not in THEN:
        raise Invalid(N_("There is no such way to send."))
    if then == "done" and extras.word is not None:
        raise Invalid(WORD_AND_DONE)
    before = conversation.last_message_id
    said = answering.answer(
        session,
        conversation,
        house=house,
        by=by,
        now=now,
        extras=extras,
        then_wait=then == "wait",
        **more,
    )
    if conversation.last_message_id == before:  # the same click again
        return said
    if then == "done" and conversation.status is not Status.RESOLVED:
        closing.finish(session, conversation, now, by=by.id, message=said.id)
    return said


def _stood(conversation: Conversation) -> dict[str, Any]:
    found = {name: getattr(conversation, name) for name in STOOD}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in found.items()
    }
