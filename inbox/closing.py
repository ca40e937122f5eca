"""Done and open again. Who is owed an answer gets one, or a reason why not."""

from datetime import datetime

from sqlmodel import Session

from inbox import asks, chat, record
from inbox.conversations import check_seen
from inbox.errors import Conflict, Invalid
from inbox.marking import following
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook, promise_of
from inbox.store import conversations as rows
from inbox.store.changes import changed, moved
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened
from models import Conversation, EventKind, Status
from models.base import columns

conversations = columns(Conversation)

REASONS = {
    "no_answer_needed": N_("No answer needed"),
    "answered_by_phone": N_("Answered by phone"),
    "answered_elsewhere": N_("Answered elsewhere"),
    "duplicate": N_("Duplicate"),
    "spam": N_("Spam"),
}
"""Why no answer is owed, in the order of their digit keys."""

NOT_WAITING = {"waiting_until": None, "wait_reason": "", "followed_up_at": None}
"""The columns of a conversation that waits for nothing."""


class ReasonNeeded(Invalid):
    """An answer is still owed: say why there will be none."""

    problem_type = "urn:kip:problem:reason-needed"

    def __init__(self) -> None:
        sentence = N_("An answer is still owed. Say why there will be none.")
        super().__init__(sentence, {"reason": sentence})


def resolve(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    reason: str = "",
    seen: int | None = None,
) -> None:
    """Mark a conversation as done; an answer still owed needs a reason for there being none.

    ``reason`` is one of ``REASONS``; without an owed answer it says nothing. ``seen`` is the
    last message that whoever marks it had read.

    Raises
    ------
    Conflict
        If it is done already.
    ReasonNeeded
        If an answer is owed and no reason is given.
    NewerMessage
        If a message came after ``seen``.
    """
    if conversation.status is Status.RESOLVED:
        raise Conflict("Someone has already marked it done.")
    if conversation.status is Status.SPAM:
        raise Conflict("It is set apart as spam. Say first that it is none.")
    check_seen(session, conversation, seen, now)
    if reason and reason not in REASONS:
        raise Invalid("There is no such reason.", {"reason": "one of " + ", ".join(REASONS)})
    happened = []
    if record.owes_answer(session, conversation.id):
        if not reason:
            raise ReasonNeeded
        happened.append(Happened(EventKind.EXCUSED, now, {"reason": reason}, by.id))
    finish(session, conversation, now, *happened, by=by.id)


def finish(
    session: Session,
    conversation: Conversation,
    now: datetime,
    *before: Happened,
    by: int | None = None,
    why: str = "",
    message: int | None = None,
) -> None:
    """End a conversation after what happened ``before``; who asks has checked that it may.

    ``message`` is the answer that the same click sent: undoing that opens it again.

    Raises
    ------
    Conflict
        If it is done already.
    """
    data = moved({"status": conversation.status.value}, {"status": Status.RESOLVED.value})
    if why:
        data["reason"] = why
    if message is not None:
        data["message"] = message
    done = Happened(EventKind.RESOLVED, now, data, by)
    values = record.keep(session, conversation.id, *before, done, now=now)
    open_still = conversations.status != Status.RESOLVED
    if not rows.change(
        session,
        conversation.id,
        open_still,
        status=Status.RESOLVED,
        resolved_at=now,
        **NOT_WAITING,
        **values,
    ):
        raise Conflict("Someone has already marked it done.")
    asks.withdraw_open(session, conversation.id, now, by=by)
    following.tell(session, conversation, following.ENDED, conversation.version, now, by)
    changed(session, conversation.id)


def reopen(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Open a finished conversation again; somebody owes the customer an answer from now.

    Raises
    ------
    Conflict
        If it is open.
    """
    if not rows.change(
        session,
        conversation.id,
        conversations.status == Status.RESOLVED,
        status=Status.OPEN,
        resolved_at=None,
        reopened=conversations.reopened + 1,
    ):
        raise Conflict("It is open already.")
    data = moved({"status": Status.RESOLVED.value}, {"status": Status.OPEN.value})
    opened = Happened(EventKind.REOPENED, now, data, by.id)
    promise = promise_of(session, rulebook, conversation)
    promise = chat.for_chat(session, conversation, promise, now=now)
    values = record.keep(session, conversation.id, opened, now=now, promise=promise, kinds=())
    changed(session, conversation.id, CLOCKS, **values)
