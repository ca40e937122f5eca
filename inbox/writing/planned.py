"""Answers that leave later: written now, sent at their time, held where somebody wrote first.

Rows are the queue: whoever deletes one sends it, in the same transaction. Clocks are met when
it leaves, not when it is planned.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from inbox import conversations
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.conversations import NewerMessage, NoDelivery
from inbox.db import Database
from inbox.errors import Conflict, InboxError, Invalid, NotFound
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.outgoing import staged
from inbox.outgoing.letters import Extras, check_extras, read_copies
from inbox.settings import Settings
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.store.sessions import find_person
from inbox.telling import Alert, Telling, moment, tell_all
from inbox.templating import N_, translator
from inbox.writing import drafts, sending
from inbox.writing.drafts import Written
from models import (
    Agent,
    ChannelKind,
    Conversation,
    EventKind,
    PlannedAnswer,
    Status,
    TeamMember,
)
from models.base import columns

planned = columns(PlannedAnswer)
agents = columns(Agent)
members = columns(TeamMember)

log = logging.getLogger(__name__)

BATCH = 20
LONGEST = timedelta(days=366)
FILES_STAY = timedelta(days=90)  # after its time, where it is held
WRONG_TIME = N_("Choose a time from now on, within a year.")
ONLY_MAIL = N_("A chat is answered at once; only mail is sent later.")
NOT_WITH = N_("Our word and a reminder go with an answer that leaves now.")
GONE = N_("This answer has left, or was taken back.")
NEWER, BOUNCED, CLOSED, BROKEN = "newer", "bounced", "closed", "broken"
HELD = {
    NEWER: N_("Your planned answer was not sent: somebody wrote before its time."),
    BOUNCED: N_("Your planned answer was not sent: mail to its address comes back."),
    CLOSED: N_("Your planned answer was not sent: the request is merged or set apart."),
    BROKEN: N_("Your planned answer was not sent: look at it again."),
}


def plan(  # noqa: PLR0913 - what a page says of an answer
    session: Session,
    conversation: Conversation,
    *,
    text: str,
    house: House,
    by: Person,
    now: datetime,
    send_at: datetime,
    files: tuple[str, ...] = (),
    extras: Extras,
    then: str = "",
    seen: int | None = None,
) -> PlannedAnswer:
    """Plan an answer; the draft becomes it. ``files`` are tokens of files put by.

    Raises
    ------
    Invalid
        If there is no text, the time is past or over a year away, or it is a chat.
    NewerMessage
        If a message came after ``seen``.
    """
    body = text.replace("\r\n", "\n").strip()
    if not body:
        raise Invalid("Write something first.", {"body": "Write something first."})
    if not now < send_at <= now + LONGEST:
        raise Invalid(WRONG_TIME, {"send_at": WRONG_TIME})
    if conversation.channel is ChannelKind.CHAT:
        raise Invalid(ONLY_MAIL)
    if extras.word is not None or extras.remind_at is not None:
        raise Invalid(NOT_WITH)
    check_extras(extras, house, by_mail=True)
    conversations.check_seen(session, conversation, seen, now)
    row = PlannedAnswer(
        agent_id=by.id,
        conversation_id=conversation.id,
        text=body,
        cc=", ".join(extras.cc),
        bcc=", ".join(extras.bcc),
        files=list(files),
        then=then if then in sending.THEN else "",
        to_address=extras.to,
        quotes=extras.quotes,
        seen=seen if seen is not None else conversation.last_message_id or 0,
        send_at=send_at,
        created_at=now,
    )
    session.add(row)
    session.flush()
    staged.keep(session, by.id, conversation.id, files, send_at + FILES_STAY)
    drafts.take(session, by.id, conversation.id, drafts.REPLY)
    _note(session, row, "planned", now, by.id)
    return row


def _note(
    session: Session, row: PlannedAnswer, what: str, now: datetime, by: int | None
) -> None:
    data = {"planned": row.id, "what": what, "until": row.send_at.isoformat()}
    add_event(session, row.conversation_id, EventKind.REPLY_PLANNED, now, data, by=by)
    changed(session, row.conversation_id)


_PLANNED = (
    select(PlannedAnswer)
    .where(planned.conversation_id == bindparam("number"))
    .order_by(planned.send_at, planned.id)
)


def list_planned(session: Session, number: int) -> list[PlannedAnswer]:
    """Return what is to leave later, or was held, of a conversation."""
    return list(session.execute(_PLANNED, {"number": number}).scalars())


def _take(session: Session, number: int, planned_id: int, by: Person) -> PlannedAnswer:
    """Take one's own out of the queue, or nobody else can send it any more."""
    row: PlannedAnswer | None = session.execute(
        select(PlannedAnswer)
        .where(planned.id == planned_id, planned.conversation_id == number)
        .with_for_update()
    ).scalar_one_or_none()
    if row is None or row.agent_id != by.id:
        raise NotFound(GONE)
    return row


def take_back(
    session: Session, conversation: Conversation, planned_id: int, *, by: Person, now: datetime
) -> None:
    """Make one's own planned answer a draft again, with its copies and files.

    Raises
    ------
    NotFound
        If it has left, or is somebody else's.
    """
    row = _take(session, conversation.id, planned_id, by)
    page = f"planned-{row.id}"
    files = tuple(row.files)
    written = Written(
        *(drafts.REPLY, row.text, row.cc, row.bcc, files, row.seen, page), to=row.to_address
    )
    drafts.put_back(session, by.id, conversation.id, written, now)
    session.delete(row)
    _note(session, row, "back", now, by.id)


def move(
    session: Session,
    conversation: Conversation,
    planned_id: int,
    send_at: datetime,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Send one's own at another time; one that was held is planned again.

    Whoever moves it has read the conversation as it is.
    """
    if not now < send_at <= now + LONGEST:
        raise Invalid(WRONG_TIME, {"send_at": WRONG_TIME})
    row = _take(session, conversation.id, planned_id, by)
    row.send_at, row.held_at, row.held_why = send_at, None, ""
    row.seen = conversation.last_message_id or row.seen
    session.add(row)
    staged.keep(session, by.id, conversation.id, row.files, send_at + FILES_STAY)
    _note(session, row, "planned", now, by.id)


def send_now(
    session: Session,
    conversation: Conversation,
    planned_id: int,
    *,
    by: Person,
    now: datetime,
    house: House,
) -> None:
    """Send one's own at once, whatever was written since."""
    row = _take(session, conversation.id, planned_id, by)
    row.seen = conversation.last_message_id or row.seen
    _send(session, conversation, row, by, house, now)


def _send(
    session: Session,
    conversation: Conversation,
    row: PlannedAnswer,
    by: Person,
    house: House,
    now: datetime,
) -> None:
    """Send it; gone with it is its row, which makes it once."""
    gone = session.execute(delete(PlannedAnswer).where(planned.id == row.id))
    if gone.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(GONE)
    kept = staged.find(session, by.id, conversation.id, row.files)
    cc, bcc = read_copies(row.cc, row.bcc)
    sending.answer_at_once(
        session,
        conversation,
        text=row.text,
        house=house,
        by=by,
        now=now,
        extras=Extras(
            *(cc, bcc, tuple(one.file for one in kept)), to=row.to_address, quotes=row.quotes
        ),
        then=row.then,
        seen=row.seen,
        key=f"planned:{row.id}",
    )
    staged.remove(session, by.id, row.files)


class Planned:
    """The worker's sweep: planned answers whose time has come."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Send what is due, each in a transaction of its own; True if there may be more."""
        due = await self._database.read(list_due, utcnow())
        for planned_id, number in due:
            await self._database.write(
                send_due, planned_id, number, self._settings, self._secret, utcnow()
            )
        return len(due) == BATCH


def list_due(session: Session, now: datetime) -> list[tuple[int, int]]:
    """Return what is to leave by now: its id and its conversation's number."""
    found = session.execute(
        select(planned.id, planned.conversation_id)
        .where(planned.held_at.is_(None), planned.send_at <= now)
        .order_by(planned.send_at, planned.id)
        .limit(BATCH)
    )
    return [(row.id, row.conversation_id) for row in found]


def send_due(
    session: Session,
    planned_id: int,
    number: int,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> bool:
    """Send one whose time has come, or hold it; any number of workers may try at once."""
    conversation, house = (
        rows.get_to_change(session, number),
        load_house(session, settings, secret),
    )
    row: PlannedAnswer | None = session.execute(
        select(PlannedAnswer)
        .where(planned.id == planned_id, planned.held_at.is_(None), planned.send_at <= now)
        .with_for_update()
    ).scalar_one_or_none()
    if row is None or conversation is None or house is None:
        return False
    by = find_person(session, row.agent_id)
    failpoint("planned.claimed")
    if by is None or conversation.status in (Status.MERGED, Status.SPAM):
        _hold(session, row, CLOSED, now)
        return False
    try:
        with session.begin_nested():
            _send(session, conversation, row, by, house, now)
    except NewerMessage:
        _hold(session, row, NEWER, now)
    except NoDelivery:
        _hold(session, row, BOUNCED, now)
    except InboxError as error:
        log.warning("planned answer %d is held: %s", planned_id, error.message)
        _hold(session, row, BROKEN, now)
    else:
        return True
    return False


def _hold(session: Session, row: PlannedAnswer, why: str, now: datetime) -> None:
    session.refresh(row)
    session.execute(
        update(PlannedAnswer)
        .where(planned.id == row.id, planned.held_at.is_(None))
        .values(held_at=now, held_why=why)
    )
    data: dict[str, Any] = {"planned": row.id, "why": why}
    add_event(session, row.conversation_id, EventKind.REPLY_HELD, now, data)
    changed(session, row.conversation_id)
    writer = session.get(Agent, row.agent_id)
    if writer is None or not writer.is_active:
        return
    telling = Telling(
        {row.agent_id: "owner"},
        row.conversation_id,
        moment(row.send_at),
        f"planned:{row.id}:{now.isoformat()}",
        Alert.REMINDER,
        translator(writer.language).gettext(HELD[why]),
    )
    tell_all(session, [telling], now)
