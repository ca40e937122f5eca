"""Everything that is kept of a person, as one ZIP file: JSON, their mail as it came, files."""

import json
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, select
from sqlmodel import Session, SQLModel

from inbox.db import Database
from inbox.privacy.subjects import Subject, find_subject, in_parts
from models import (
    Account,
    AccountFile,
    AccountNote,
    Agent,
    Ask,
    Attachment,
    Blob,
    Call,
    ChannelKind,
    Contact,
    ContactIdentity,
    Conversation,
    Event,
    Message,
    RawMessage,
)
from models.base import columns

raws = columns(RawMessage)
messages = columns(Message)
attachments = columns(Attachment)
blobs = columns(Blob)

AT_ONCE = 100
_UNSAFE = re.compile(r"[^\w.\- ]+")
_LONGEST_NAME = 80
README = """\
person.json         who this is to us: names, addresses, notes, the account
conversations.json  every conversation with all messages and what happened to it
mail/               the person's mails as they came in, one file each (.eml)
files/              every file that was sent, received or put on the person's page
"""
# What is ours alone, or opens something, and says nothing about the person.
_LEFT_OUT = frozenset(
    {"public_token", "client_key", "raw_id", "folded", "version", "review_worth", "order_at"}
)


@dataclass(slots=True)
class Written:
    """What went into the file, counted."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, more: int = 1) -> None:
        """Count something more."""
        self.counts[name] = self.counts.get(name, 0) + more


async def write_zip(database: Database, contact_id: int, path: Path) -> dict[str, int]:
    """Write a person's export; return how much of what is in it.

    Memory holds a hundred messages, or one file, at a time.

    Raises
    ------
    NotFound
        If there is no such person.
    """
    subject = await database.read(find_subject, contact_id)
    people = await database.read(_people)
    written = Written()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("README.txt", README)
        person = await database.read(_person, subject, people)
        out.writestr("person.json", _json(person))
        await _write_conversations(database, subject, people, out, written)
        async for name, content in _mails(database, subject):
            out.writestr(name, content)
            written.add("mails")
        async for name, content in _files(database, subject):
            out.writestr(name, content)
            written.add("files")
    return written.counts


async def _write_conversations(
    database: Database,
    subject: Subject,
    people: dict[int, str],
    out: zipfile.ZipFile,
    written: Written,
) -> None:
    """Write one JSON list, a conversation at a time."""
    with out.open("conversations.json", "w", force_zip64=True) as file:
        file.write(b"[")
        for place, number in enumerate(subject.touched):
            only = None if number in subject.numbers else set(subject.messages)
            found = await database.read(_conversation, number, only, people)
            file.write(b",\n" if place else b"\n")
            file.write(_json(found))
            written.add("conversations")
            written.add("messages", len(found["messages"]))
        file.write(b"\n]\n")


def _people(session: Session) -> dict[int, str]:
    """Return the names of those of us, by number."""
    agents = columns(Agent)
    return {row[0]: row[1] for row in session.execute(select(agents.id, agents.name))}


def _person(session: Session, subject: Subject, people: dict[int, str]) -> dict[str, Any]:
    rows = _reader(session, people)
    family = subject.contacts
    listed = {
        "contacts": rows(Contact, columns(Contact).id, family),
        "addresses": rows(ContactIdentity, columns(ContactIdentity).contact_id, family),
        "notes": rows(AccountNote, columns(AccountNote).contact_id, family),
    }
    if subject.accounts:
        listed["accounts"] = rows(Account, columns(Account).id, subject.accounts)
    return listed


def _conversation(
    session: Session, number: int, only: set[int] | None, people: dict[int, str]
) -> dict[str, Any]:
    """Return a conversation; of somebody else's only the person's own messages."""
    rows = _reader(session, people)
    said = rows(Message, messages.conversation_id, [number])
    said = [one for one in said if only is None or one["id"] in only]
    if only is not None:
        return {"number": number, "messages": said}
    (found,) = rows(Conversation, columns(Conversation).id, [number])
    ids = [one["id"] for one in said]
    files = rows(Attachment, attachments.message_id, ids)
    return {
        **found,
        "messages": said,
        "files": files,
        "calls": rows(Call, columns(Call).message_id, ids),
        "events": rows(Event, columns(Event).conversation_id, [number]),
        "questions": rows(Ask, columns(Ask).conversation_id, [number]),
    }


Rows = Callable[[type[SQLModel], Column[Any], Sequence[Any]], list[dict[str, Any]]]


def _reader(session: Session, people: dict[int, str]) -> Rows:
    """Return what reads rows as plain values, with names for people of ours."""

    def rows(
        table: type[SQLModel], key: Column[Any], keys: Sequence[Any]
    ) -> list[dict[str, Any]]:
        own = [one for one in columns(table) if one.name not in _LEFT_OUT]
        found = []
        for some in in_parts(keys):
            query = select(*own).where(key.in_(some)).order_by(*columns(table)[:1])
            found += [
                {one.name: row[place] for place, one in enumerate(own)}
                for row in session.execute(query)
            ]
        return [_named(one, people) for one in found]

    return rows


def _named(row: dict[str, Any], people: dict[int, str]) -> dict[str, Any]:
    """Put names where rows have numbers of people of ours."""
    ours = ("author_id", "actor_id", "owner_id", "asked_by_id", "answered_by_id", "backup_id")
    named = {name[:-3]: people.get(row[name] or 0) for name in ours if name in row}
    return {key: value for key, value in row.items() if key not in ours} | named


async def _mails(database: Database, subject: Subject) -> AsyncIterator[tuple[str, bytes]]:
    """Yield the person's mails as they came."""
    for begin in range(0, len(subject.raws), AT_ONCE):
        some = subject.raws[begin : begin + AT_ONCE]
        for raw_id in some:
            found = await database.read(_mail, raw_id, subject)
            if found is not None:
                yield f"mail/{raw_id}.eml", found


def _mail(session: Session, raw_id: int, subject: Subject) -> bytes | None:
    """Return a mail, unless somebody else wrote it in a conversation of their own."""
    row = session.get(RawMessage, raw_id)
    if row is None or row.kind is not ChannelKind.EMAIL or not row.body:
        return None
    if row.conversation_id is not None and row.conversation_id not in subject.numbers:
        writer = select(messages.contact_id).where(messages.raw_id == raw_id)
        if session.execute(writer).scalar() not in subject.contacts:
            return None
    return row.body


async def _files(database: Database, subject: Subject) -> AsyncIterator[tuple[str, bytes]]:
    for number, blob_id in enumerate(subject.blobs, start=1):
        found = await database.read(_file, blob_id)
        if found is not None:
            name, content = found
            yield f"files/{number:05}-{_plain(name)}", content


def _file(session: Session, blob_id: str) -> tuple[str, bytes] | None:
    content = session.execute(select(blobs.content).where(blobs.id == blob_id)).scalar()
    if content is None:
        return None
    for table in (Attachment, AccountFile):
        own = columns(table)
        name = session.execute(select(own.filename).where(own.blob_id == blob_id)).scalar()
        if name is not None:
            return name, content
    return blob_id, content


def _plain(name: str) -> str:
    """Return a file's name as it may stand in an archive: no path, no surprise."""
    kept = _UNSAFE.sub("_", name).strip(". ")[-_LONGEST_NAME:]
    return kept or "file"


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1, default=_as_text).encode()


def _as_text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
