"""Everything that a conversation, a contact or an account is found by, as it is now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from inbox.search.asking import EVERYTHING
from inbox.search.query import FIELDS
from inbox.search.tokens import Words
from inbox.store.search import SHIFT
from models import (
    UNSPOKEN,
    Account,
    Agent,
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Direction,
    Inbox,
    Message,
    Outbox,
    OwnValue,
    Status,
)
from models.base import columns, core, none_of

accounts = columns(Account)
agents = columns(Agent)
attachments = columns(Attachment)
contacts = columns(Contact)
conversations = columns(Conversation)
identities = columns(ContactIdentity)
inboxes = columns(Inbox)
messages = columns(Message)
outbox = columns(Outbox)
values = columns(OwnValue)

MOST_CHARACTERS = 200_000  # of one message's text
MOST_PARTS = 200  # that were merged into one


@dataclass(slots=True)
class Said:
    """One message."""

    direction: Direction
    sender: str
    author: str  # of ours, by name
    text: str
    visible: str
    at: datetime


@dataclass(slots=True)
class Gathered:
    """A conversation with all that became part of it."""

    number: int
    subjects: list[str]
    at: datetime
    people: list[str] = field(default_factory=list)  # names and addresses of who wrote
    company: list[str] = field(default_factory=list)  # the account's name and key
    sent_to: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)  # the newest first

    @property
    def place(self) -> int:
        """Where it stands among all: by what was said last."""
        return int(self.at.timestamp()) << SHIFT | self.number


def gather(session: Session, numbers: Sequence[int]) -> tuple[list[Gathered], list[int]]:
    """Return conversations with their words, and those that are in no index.

    What was merged is part of the one that goes on, which is returned in its place.
    """
    whole_of, gone = _wholes(session, numbers)
    wholes = sorted(set(whole_of.values()))
    parts = _with_parts(session, wholes)
    found = _heads(session, parts)
    _add_people(session, found, parts)
    _add_said(session, found, parts)
    for one in found.values():
        one.said.sort(key=lambda said: said.at, reverse=True)
    gone += [part for part, whole in parts.items() if part != whole]
    return list(found.values()), sorted(set(gone))


def _wholes(session: Session, numbers: Sequence[int]) -> tuple[dict[int, int], list[int]]:
    """Return which conversation goes on for each, and which are none any more."""
    whole_of = {number: number for number in numbers}
    gone: list[int] = []
    open_ends = set(numbers)
    for _ in range(20):
        rows = session.execute(
            select(conversations.id, conversations.status, conversations.merged_into_id).where(
                conversations.id.in_(sorted(open_ends))
            )
        ).all()
        gone += sorted(open_ends - {row.id for row in rows})
        nxt = {
            row.id: row.merged_into_id
            for row in rows
            if row.status is Status.MERGED and row.merged_into_id is not None
        }
        if not nxt:
            break
        gone += sorted(nxt)
        whole_of = {number: nxt.get(end, end) for number, end in whole_of.items()}
        open_ends = set(nxt.values())
    return {number: end for number, end in whole_of.items() if end not in gone}, gone


def _with_parts(session: Session, wholes: Sequence[int]) -> dict[int, int]:
    """Return every conversation that belongs to one of these, with the one it belongs to."""
    parts = {number: number for number in wholes}
    nearest = list(wholes)
    for _ in range(20):
        rows = session.execute(
            select(conversations.id, conversations.merged_into_id)
            .where(
                conversations.merged_into_id.in_(nearest),
                conversations.status == Status.MERGED,
            )
            .order_by(conversations.id)
            .limit(MOST_PARTS)
        ).all()
        nearest = [row.id for row in rows if row.id not in parts]
        parts |= {row.id: parts[row.merged_into_id] for row in rows if row.id in nearest}
        if not nearest:
            break
    return parts


def _heads(session: Session, parts: dict[int, int]) -> dict[int, Gathered]:
    rows = session.execute(
        select(
            conversations.id,
            conversations.subject,
            conversations.created_at,
            inboxes.handle,
            inboxes.name,
            accounts.name.label("account"),
            accounts.reference,
        )
        .join(core(Inbox), inboxes.id == conversations.inbox_id)
        .outerjoin(core(Account), accounts.id == conversations.account_id)
        .where(conversations.id.in_(list(parts)))
        .order_by(conversations.id)
    ).all()
    found = {
        row.id: Gathered(row.id, [row.subject], row.created_at)
        for row in rows
        if parts[row.id] == row.id
    }
    for row in rows:
        one = found[parts[row.id]]
        if row.id != one.number:
            one.subjects += [row.subject, str(row.id)]
        one.company += [row.account or "", row.reference or ""]
        one.sent_to += [row.handle, row.name]
    own = select(values.conversation_id, values.text).where(
        values.conversation_id.in_(list(parts))
    )
    for number, text in session.execute(own):
        found[parts[number]].fields.append(text)
    return found


def _add_people(session: Session, found: dict[int, Gathered], parts: dict[int, int]) -> None:
    """Add who asks, by name and by every address."""
    named = session.execute(
        select(conversations.id, contacts.name)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.id.in_(list(parts)))
    )
    for number, name in named:
        found[parts[number]].people.append(name)
    reached = session.execute(
        select(conversations.id, identities.value)
        .join(core(ContactIdentity), identities.contact_id == conversations.contact_id)
        .where(conversations.id.in_(list(parts)), none_of(identities.kind, UNSPOKEN))
    )
    for number, value in reached:
        found[parts[number]].people.append(value)
    sent = session.execute(
        select(outbox.conversation_id, outbox.to_address, outbox.copies).where(
            outbox.conversation_id.in_(list(parts))
        )
    )
    for number, to, copies in sent:
        found[parts[number]].sent_to += [to, *_addresses(copies)]


def _addresses(copies: Any) -> Iterable[str]:
    found = copies if isinstance(copies, dict) else {}
    return [str(one) for kind in ("cc", "bcc") for one in found.get(kind) or []]


def _add_said(session: Session, found: dict[int, Gathered], parts: dict[int, int]) -> None:
    rows = session.execute(
        select(
            messages.conversation_id,
            messages.direction,
            messages.sender_address,
            agents.name,
            func.substr(messages.text, 1, MOST_CHARACTERS).label("text"),
            func.substr(messages.visible_text, 1, MOST_CHARACTERS).label("visible"),
            messages.created_at,
        )
        .outerjoin(core(Agent), agents.id == messages.author_id)
        .where(messages.conversation_id.in_(list(parts)))
    )
    for number, direction, sender, author, text, visible, at in rows:
        one = found[parts[number]]
        one.said.append(Said(direction, sender, author or "", text, visible, at))
        one.at = max(one.at, at)
    filed = session.execute(
        select(messages.conversation_id, attachments.filename)
        .join(core(Message), messages.id == attachments.message_id)
        .where(messages.conversation_id.in_(list(parts)))
    )
    for number, filename in filed:
        found[parts[number]].files.append(filename)


# ---- words -----------------------------------------------------------------------------


def words_of(one: Gathered) -> Words:
    """Return what a conversation is found by."""
    words = Words()
    words.tag(EVERYTHING)
    words.add(str(one.number))
    for mark, texts in (
        (FIELDS["subject"], one.subjects),
        (FIELDS["from"], one.people),
        ("", one.company),
        (FIELDS["file"], one.files),
        ("", one.fields),
    ):
        for text in dict.fromkeys(texts):
            words.add(text, mark)
    for said in one.said:
        _add_message(words, said)
    for address in dict.fromkeys(one.sent_to):
        words.add_field(address, FIELDS["to"])
    _add_senders(words, one)
    _add_tags(words, one)
    return words


def _add_senders(words: Words, one: Gathered) -> None:
    """Add addresses from which somebody wrote who is known by another, and colleagues."""
    senders = {said.sender for said in one.said if said.direction is Direction.INBOUND}
    for sender in sorted(senders - set(one.people)):
        words.add(sender, FIELDS["from"])
    for author in sorted({said.author for said in one.said if said.author}):
        words.add_field(author, FIELDS["from"])


def _add_tags(words: Words, one: Gathered) -> None:
    directions = {said.direction for said in one.said}
    for name, is_there in (
        ("file", bool(one.files)),
        ("note", Direction.NOTE in directions),
        ("reply", Direction.OUTBOUND in directions),
    ):
        if is_there:
            words.tag(f"h:{name}")


def _add_message(words: Words, said: Said) -> None:
    """Add what was written in its order, and what it quotes without."""
    if said.direction is Direction.AUTOMATIC:
        return  # our own receipts say the same in every conversation
    words.add(said.visible or said.text)
    if said.visible and len(said.text) > len(said.visible):
        words.add_loosely(said.text)


@dataclass(frozen=True, slots=True)
class Named:
    """A contact or an account by its names."""

    contact_id: int | None
    account_id: int | None
    texts: tuple[str, ...]

    @property
    def place(self) -> int:
        """Where it stands among names: contacts at even places, accounts at odd ones."""
        return (self.contact_id or 0) * 2 or (self.account_id or 0) * 2 + 1


def gather_contacts(session: Session, ids: Sequence[int]) -> list[Named]:
    """Return contacts who are there, and nobody else, with their names and addresses."""
    rows = session.execute(
        select(contacts.id, contacts.name, contacts.position).where(
            contacts.id.in_(list(ids)),
            contacts.erased_at.is_(None),
            contacts.joined_into_id.is_(None),
        )
    ).all()
    texts = {row.id: [row.name, row.position] for row in rows}
    known = session.execute(
        select(identities.contact_id, identities.value).where(
            identities.contact_id.in_(list(texts)), none_of(identities.kind, UNSPOKEN)
        )
    )
    for contact_id, value in known:
        texts[contact_id].append(value)
    return [Named(one, None, tuple(some)) for one, some in texts.items() if any(some)]


def gather_accounts(session: Session, ids: Sequence[int]) -> list[Named]:
    """Return accounts with their names, keys and own fields."""
    rows = session.execute(
        select(accounts.id, accounts.name, accounts.reference, accounts.fields).where(
            accounts.id.in_(list(ids))
        )
    )
    found = []
    for row in rows:
        own = [str(value) for value in (row.fields or {}).values()]
        if row.name:
            found.append(Named(None, row.id, (row.name, row.reference or "", *own)))
    return found


def words_of_name(one: Named) -> Words:
    """Return what a contact or an account is found by."""
    words = Words()
    for text in dict.fromkeys(one.texts):
        words.add(text)
    return words
