"""Answers that a person of ours sent from a mail program: found, attached, and counted.

Found in the sent folder of one of our mailboxes, or sent in blind copy to the signed address
that each of us has. Nothing of it is ever sent again, and what we sent ourselves is no answer
from elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import clocks, record, threads
from inbox.addressing import conversation_of, copier_of
from inbox.db import after_commit
from inbox.later.incoming import Context, Incoming
from inbox.opening import Openings
from inbox.queue import CLOCKS, OUTBOX, conversation_name
from inbox.store import conversations as rows
from inbox.store import ledger, merges
from inbox.store.changes import changed
from inbox.store.raw import Claimed
from inbox.templating import N_
from inbox.timeline import Happened
from models import (
    Agent,
    ChannelKind,
    ContactIdentity,
    Conversation,
    Direction,
    EventKind,
    LedgerState,
    Message,
    Outbox,
    RawMessage,
    RawState,
    Status,
)
from models.base import columns, core

agents = columns(Agent)
conversations = columns(Conversation)
identities = columns(ContactIdentity)
messages = columns(Message)
outbox = columns(Outbox)
raws = columns(RawMessage)

MOST_IDS = 20
# Why it is not attached: message keys.
NOTHING_HERE = N_("Sent mail that answers no conversation here.")
NOT_OURS = N_("It is not from the person whose copy address it was sent to.")
SHOWN = N_("The copy address was visible to others: it counts in a blind copy only.")
FORGED = N_("Its sender’s domain says that it is forged (DMARC).")


@dataclass(frozen=True, slots=True)
class Head:
    """What a sent mail's head says; addresses are lower case, ids without brackets."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    ids: tuple[str, ...]  # that it answers


@dataclass(frozen=True, slots=True)
class Answers:
    """The conversation that a mail answers, and who of us wrote; None is a shared mailbox."""

    conversation_id: int
    author_id: int | None


def is_known(session: Session, message_id: str) -> bool:
    """Tell whether a mail is one that we have: sent by us, or attached already."""
    if not message_id:
        return False
    sent = select(outbox.id).where(outbox.email_message_id == f"<{message_id}>").limit(1)
    kept = select(messages.id).where(messages.email_message_id == message_id).limit(1)
    return any(session.execute(one).first() is not None for one in (sent, kept))


def find_answered(
    session: Session, head: Head, own: Iterable[str], secret: bytes
) -> Answers | None:
    """Return what a mail from one of us answers, if it goes to whoever asked.

    ``own`` are addresses of ours besides people's: the mailbox's own, which several share.
    """
    author = session.execute(
        select(agents.id).where(agents.email == head.sender, agents.is_active.is_(True))
    ).scalar_one_or_none()
    if (author is None and head.sender not in own) or not head.ids:
        return None
    ids = head.ids[:MOST_IDS]
    number = conversation_of(secret, ids, ())
    if number is None:
        number = session.execute(
            select(messages.conversation_id)
            .where(messages.email_message_id.in_(ids))
            .order_by(messages.id.desc())
            .limit(1)
        ).scalar_one_or_none()
    if number is None:
        return None
    asker = session.execute(
        select(identities.id)
        .join(core(Conversation), conversations.contact_id == identities.contact_id)
        .where(
            conversations.id == number,
            identities.kind == "email",
            identities.value.in_(head.recipients),
        )
        .limit(1)
    ).first()
    return Answers(number, author) if asker is not None else None


def attach(
    session: Session, incoming: Incoming, context: Context, openings: Openings, now: datetime
) -> bool:
    """Attach an answer from elsewhere; False if this is none, and no attempt at one."""
    raw, message = incoming.raw, incoming.message
    envelope = [str(one) for one in raw.meta.get("rcpt", [])]
    copier = copier_of(context.house.secret, envelope)
    if raw.kind is not ChannelKind.EMAIL or (copier is None and "sent" not in raw.meta):
        return False
    state = session.execute(
        select(raws.state).where(raws.id == raw.id).with_for_update()
    ).scalar_one()
    if state is not RawState.PENDING:
        return True
    visible = (*message.to, *message.cc)
    ids = tuple(one for one in (message.in_reply_to, *reversed(message.references)) if one)
    head = Head(message.from_address, visible, message.message_id, ids)
    why = _why_not(session, incoming, context, head, copier)
    answers = None
    if not why:
        own = raw.meta.get("sent", ())
        answers = find_answered(session, head, own, context.house.secret)
        why = "" if answers is not None else NOTHING_HERE
    words = {"sender": message.from_address, "subject": message.subject}
    if is_known(session, message.message_id):
        _end(session, raw, None)
        ledger.settle(session, raw.id, LedgerState.DUPLICATE, **words)
    elif answers is None:
        _end(session, raw, None)
        ledger.settle(session, raw.id, LedgerState.IGNORED, reason=why, **words)
    else:
        openings.settle_before(answers.conversation_id)
        number = _attach(session, incoming, answers, now)
        _end(session, raw, number)
        ledger.settle(session, raw.id, LedgerState.ACCEPTED, **words)
    return True


def _why_not(
    session: Session, incoming: Incoming, context: Context, head: Head, copier: int | None
) -> str:
    """Say what is wrong with a blind copy; "" if nothing, or for a folder of sent mail."""
    if copier is None:
        return ""
    if copier_of(context.house.secret, head.recipients) is not None:
        return SHOWN
    if incoming.raw.meta.get("authentication", {}).get("dmarc") == "fail":
        return FORGED
    email = session.execute(
        select(agents.email).where(agents.id == copier, agents.is_active.is_(True))
    ).scalar_one_or_none()
    return "" if email is not None and email == head.sender else NOT_OURS


def _attach(session: Session, incoming: Incoming, answers: Answers, now: datetime) -> int:
    raw, sent_at = incoming.raw, min(incoming.raw.received_at, now)
    conversation = rows.get_to_change(session, answers.conversation_id)
    if conversation is None:
        return answers.conversation_id
    conversation = merges.follow(session, conversation)
    number = conversation.id
    stored = threads.store_message(session, raw, incoming.message, number, None)
    stored.direction, stored.author_id = Direction.OUTBOUND, answers.author_id
    stored.is_machine = False
    session.add(stored)
    session.flush()
    values: dict[str, Any] = {"last_message_id": stored.id}
    said = {"message": stored.id, "elsewhere": True}
    values |= count_answer(session, conversation, said, answers.author_id, sent_at, now)
    changed(session, number, OUTBOX, CLOCKS, **values)
    return number


def count_answer(
    session: Session,
    conversation: Conversation,
    said: dict[str, Any],
    author_id: int | None,
    sent_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Let the clocks know when it was answered; what was asked later is owed still.

    ``said`` is what the event keeps: the ``message``, and how it came. Returns the
    conversation's columns that follow.
    """
    replied = Happened(EventKind.REPLIED, sent_at, said, author_id)
    live = clocks.list_live(session, conversation.id, clocks.REPLY_KINDS)
    if any(clock.started_at > sent_at for clock in live) or conversation.status is Status.SPAM:
        return {}  # it came before the question that is open now: shown, and no more
    values: dict[str, Any] = {"thanked_at": None}
    if conversation.waiting_until is not None and conversation.status is Status.OPEN:
        values["status"] = Status.WAITING  # for somebody else, as after any answer
    if conversation.first_responded_at is None:
        values["first_responded_at"] = sent_at
    happened = [replied]
    asked_at = conversation.last_inbound_at
    if live and asked_at is not None and asked_at > sent_at:
        happened.append(Happened(EventKind.ASKED, asked_at, {}, None))
    else:
        values["asked_again"] = 0
    return values | record.keep(session, conversation.id, *happened, now=now)


def _end(session: Session, raw: Claimed, number: int | None) -> None:
    """Be done with a raw row, which has a conversation or none."""
    session.execute(
        update(RawMessage)
        .where(raws.id == raw.id)
        .values(
            state=RawState.DONE if number else RawState.IGNORED,
            conversation_id=number,
            error="",
        )
    )
    if number:
        after_commit(session, "list", conversation_name(number))
