"""What goes with an answer besides its words: copies, files, signature, what it answers."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlmodel import Session

from inbox.acknowledgement import House, sender_of
from inbox.addressing import inbox_named, make_message_id, make_reply_address
from inbox.auth import random_token
from inbox.channels import letter
from inbox.channels.addresses import is_strict, normalise, parse_list
from inbox.channels.base import OutboundMessage, as_facts
from inbox.channels.filenames import clean_filename
from inbox.channels.letter import Quoted
from inbox.errors import Invalid
from inbox.store import merges
from inbox.store.changes import last_inbound_id
from inbox.store.people import Person
from inbox.templating import N_
from models import (
    Agent,
    Attachment,
    Blob,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    Inbox,
    Message,
    Outbox,
    OutboxKind,
    Team,
)
from models.base import columns, core

agents = columns(Agent)
contacts = columns(Contact)
inboxes = columns(Inbox)
messages = columns(Message)
teams = columns(Team)

MOST_COPIES = 20
_BETWEEN = re.compile(r"[,;\r\n]+")
MOST_FILES, MOST_FILE_BYTES = 20, 10 * 1024 * 1024
MOST_SIGNATURE = 2000
NO_ADDRESS = N_("One of these is not an e-mail address: %(address)s")
TOO_MANY_COPIES = N_("At most 20 copies go out with one answer.")
OWN_ADDRESS = N_("This is an address of ours: the answer would come back as a new request.")


@dataclass(frozen=True, slots=True)
class File:
    """A file that a colleague sends with an answer."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Extras:
    """What a colleague sends besides their words.

    ``anyway``: also to an address that mail cannot be delivered to. ``word``: until when the
    customer is told that they have the next answer. ``remind_at``: when whoever sends it wants
    to hear that no answer came. ``to``: another address of the contact's than their first.
    ``quotes``: what is answered stands below. ``hold_s``: how long the mail waits, and ``undo``
    what undoing it meanwhile needs to know.
    """

    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    anyway: bool = False
    word: datetime | None = None
    remind_at: datetime | None = None
    to: str = ""
    quotes: bool = True
    hold_s: int = 0
    undo: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.cc or self.bcc or self.files or self.word or self.remind_at)


NOTHING_MORE = Extras()


@dataclass(frozen=True, slots=True)
class Instead:
    """What a mail says that carries several answers; files are those of its message."""

    subject: str
    text: str
    has_files: bool = False


class WrongAddress(Invalid):
    """A copy is for no address; ``address`` is what was typed."""

    def __init__(self, sentence: str, field: str, address: str = "") -> None:
        text = sentence % {"address": address} if "%(" in sentence else sentence
        super().__init__(text, {field: text})
        self.sentence = sentence
        self.address = address


def read_copies(cc: str, bcc: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read typed lists of addresses, separated by commas, semicolons or line ends.

    Raises
    ------
    WrongAddress
        If one is none, or there are too many.
    """
    read_cc, read_bcc = _read("cc", cc), _read("bcc", bcc)
    shown = set(read_cc)
    hidden = tuple(one for one in read_bcc if one not in shown)
    if len(read_cc) + len(hidden) > MOST_COPIES:
        raise WrongAddress(TOO_MANY_COPIES, "cc")
    return read_cc, hidden


def _read(field: str, text: str) -> tuple[str, ...]:
    pieces = [piece.strip() for piece in _BETWEEN.split(text) if piece.strip()]
    if len(pieces) > MOST_COPIES:
        raise WrongAddress(TOO_MANY_COPIES, field)
    found = []
    for piece in pieces:
        address = normalise("".join(one.address for one in parse_list(piece[:1000], 1)))
        if not is_strict(address) or "." not in address.partition("@")[2]:
            raise WrongAddress(NO_ADDRESS, field, piece[:100])
        found.append(address)
    return tuple(dict.fromkeys(found))


def check_extras(extras: Extras, house: House, *, by_mail: bool) -> None:
    """Refuse what cannot go out.

    Raises
    ------
    Invalid
        If copies are for a chat, or a copy is for an inbox of ours.
    """
    if replace(extras, files=()) and not by_mail:
        raise Invalid(N_("Copies go out by e-mail only; this is a chat."))
    for name in ("cc", "bcc"):
        for address in getattr(extras, name):
            if inbox_named(address, house.own_addresses):
                raise WrongAddress(OWN_ADDRESS, name, address)


def keep_files(session: Session, message: Message, files: Sequence[File]) -> None:
    """Store the files of a message of ours, under random names."""
    for number, file in enumerate(files, start=1):
        blob = Blob(
            id=random_token(),
            sha256=hashlib.sha256(file.data).hexdigest(),
            size_bytes=len(file.data),
            content=file.data,
        )
        session.add(blob)
        session.flush()
        session.add(
            Attachment(
                message_id=message.id,
                blob_id=blob.id,
                filename=clean_filename(file.filename) or f"file-{number}",
                content_type=file.content_type[:100],
                size_bytes=len(file.data),
            )
        )


def post(
    session: Session,
    conversation: Conversation,
    message: Message,
    house: House,
    address: str,
    by: Person,
    extras: Extras = NOTHING_MORE,
    instead: Instead | None = None,
) -> Outbox:
    """Put an answer into the outbox, as the mail that it will be; ``instead`` of its own.

    Writes the message's row, if it is new.
    """
    head = load_head(session, conversation, by)
    sender = sender_of(house, head.address)
    message_id = make_message_id(house.secret, conversation.id, sender.partition("@")[2])
    message.email_message_id = message_id.strip("<>")
    session.flush()
    keep_files(session, message, extras.files)
    newest = _newest(session, conversation)
    last = _answered_id(session, conversation, newest)
    reply_to = make_reply_address(house.secret, conversation.id, sender)
    said = instead.text if instead is not None else message.text
    quoted = _quoted(newest) if extras.quotes and newest is not None else None
    text, html = letter.write(
        said,
        signature=signature(head, house, sender, by),
        quoted=quoted,
        language=conversation.language,
        zone=house.time_zone,
    )
    cc = tuple(one for one in extras.cc if one != address)
    bcc = tuple(one for one in extras.bcc if one != address)
    mail = OutboundMessage(
        message_id=message_id,
        from_address=sender,
        from_name=house.company,
        to=address,
        subject=(
            instead.subject
            if instead is not None
            else _answering(session, conversation, message)
        ),
        text=text,
        html=html,
        in_reply_to=last,
        references=(last,) if last else (),
        reply_to=reply_to,
        envelope_from=reply_to,  # a bounce then says by itself what it is about
        instance_id=house.instance_id,
        date=message.created_at,
        cc=cc,
        bcc=bcc,
    )
    facts = as_facts(mail)
    if extras.files or (instead is not None and instead.has_files):
        facts["has_files"] = True
    if extras.hold_s:
        facts["undo"] = dict(extras.undo)
    made = Outbox(
        kind=OutboxKind.REPLY,
        conversation_id=conversation.id,
        message_id=message.id,
        to_address=address,
        email_message_id=message_id,
        mail=facts,
        copies={name: list(some) for name, some in (("cc", cc), ("bcc", bcc)) if some},
        created_at=message.created_at,
        leased_until=message.created_at + timedelta(seconds=extras.hold_s),
    )
    session.add(made)
    return made


@dataclass(frozen=True, slots=True)
class Head:
    """What a mail takes from its inbox, its writer and its team.

    ``address`` is the inbox's, if that is one of mail; ``signature`` is the writer's own, else
    the inbox's, with its fields still to be filled.
    """

    address: str | None
    signature: str
    team: str


_HEAD = (
    select(
        inboxes.kind,
        inboxes.handle,
        inboxes.settings,
        agents.signature,
        teams.name.label("team"),
    )
    .select_from(core(Inbox))
    .outerjoin(core(Agent), agents.id == bindparam("me"))
    .outerjoin(core(Team), teams.id == bindparam("team_id"))
    .where(inboxes.id == bindparam("inbox_id"))
)


def load_head(session: Session, conversation: Conversation, by: Person) -> Head:
    """Load what a mail of this conversation takes from where it comes from."""
    values = {
        "inbox_id": conversation.inbox_id,
        "me": by.id,
        "team_id": conversation.team_id,
    }
    row = session.execute(_HEAD, values).one()
    text = row.signature or ""
    if not text.strip():
        text = str(row.settings.get("signature", ""))
    address = row.handle if row.kind is ChannelKind.EMAIL else None
    return Head(address, text, row.team or "")


def signature(head: Head, house: House, sender: str, by: Person) -> str:
    """Return what stands under an answer."""
    if not head.signature.strip():
        return ""
    values = {
        "name": by.name,
        "team": head.team,
        "company": house.company,
        "address": sender,
    }
    return letter.fill_in(head.signature, values)


_NEWEST = (
    select(
        messages.visible_text,
        messages.text,
        messages.sender_address,
        messages.created_at,
        messages.channel,
        messages.contact_id,
        messages.email_message_id,
        contacts.name,
    )
    .outerjoin(core(Contact), contacts.id == bindparam("contact_id"))
    .where(
        messages.conversation_id.in_(bindparam("numbers", expanding=True)),
        messages.direction == Direction.INBOUND,
        messages.is_machine.is_(False),
    )
    .order_by(messages.id.desc())
    .limit(1)
)


def _newest(session: Session, conversation: Conversation) -> Row[Any] | None:
    """Return what the customer wrote last."""
    values = {
        "numbers": merges.family(session, conversation),
        "contact_id": conversation.contact_id,
    }
    return session.execute(_NEWEST, values).one_or_none()


def _answered_id(session: Session, conversation: Conversation, newest: Row[Any] | None) -> str:
    """Return what ``last_inbound_id`` does; most often that is the newest message's."""
    if newest is None:
        return ""
    if newest.email_message_id and newest.contact_id == conversation.contact_id:
        return str(newest.email_message_id)
    return last_inbound_id(session, conversation)


def _quoted(row: Row[Any]) -> Quoted | None:
    if row.channel is ChannelKind.CHAT:
        return None
    text = row.visible_text or row.text
    return Quoted(row.name or row.sender_address, row.sender_address, row.created_at, text)


def _answering(session: Session, conversation: Conversation, message: Message) -> str:
    """Return the subject of an answer; of the first that is said in it, its own."""
    subject = conversation.subject or f"#{conversation.id}"
    if subject.lower().startswith("re:") or _is_first(session, conversation, message):
        return subject
    return f"Re: {subject}"


def _is_first(session: Session, conversation: Conversation, message: Message) -> bool:
    """Tell whether nobody has written before, as in what one of us begins."""
    if conversation.last_inbound_at is not None:
        return False
    before = select(messages.id).where(
        messages.conversation_id.in_(merges.family(session, conversation)),
        messages.direction.in_([Direction.INBOUND, Direction.OUTBOUND]),
        messages.id != message.id,
    )
    return session.execute(before.limit(1)).first() is None
