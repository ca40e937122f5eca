"""A person's export has everything that is kept of them, and nobody else's (F106)."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from inbox.channels.base import InboundAttachment
from inbox.db import Database
from inbox.errors import Conflict, NotFound
from inbox.privacy import erasures, exports
from inbox.privacy.working import Erase, Export
from inbox.settings import Settings
from models import ChannelKind, PersonExport, RawMessage, TaskState
from tests.canaries import ADDRESS, CANARIES, join_in, make_other, make_person
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    arrive,
    conversation,
    everything,
    make_mail,
    make_message,
)

LATER = NOW + timedelta(hours=2)


async def export(database: Database, settings: Settings, contact: int) -> zipfile.ZipFile:
    """Have a worker make an export and fetch it as the page does."""
    asked = await database.write(exports.ask, contact, by=None, now=NOW)
    assert await Export(database, settings).once()
    made = await database.read(lambda session: session.get_one(PersonExport, asked.id))
    assert (made.state, made.error) == (TaskState.DONE, "")
    content, position = b"", 0
    while (more := await database.read(exports.part, made.id, position)) is not None:
        content, position = content + more, position + 1
    assert (len(content), hashlib.sha256(content).hexdigest()) == (made.size_bytes, made.sha256)
    return zipfile.ZipFile(io.BytesIO(content))


def _many(session: Session, firm: Firm, count: int) -> int:
    """Let one person write often, each time with a file; return the contact."""
    number = 0
    for n in range(count):
        file = InboundAttachment(f"../../anh {n}.png", "image/png", f"png {n}".encode())
        message = make_message(f"Thư số {n}", subject=f"Việc {n}", attachments=(file,))
        number = arrive(session, firm, message, at=NOW + timedelta(minutes=n))
        raw = session.get_one(RawMessage, n + 1)
        assert raw.kind is ChannelKind.EMAIL
        raw.body = make_mail(f"Thư số {n}")
    return conversation(session, number).contact_id


async def _whole(
    database: Database, firm: Firm, settings: Settings, count: int
) -> zipfile.ZipFile:
    contact = await database.write(_many, firm, count)
    await database.write(make_other, firm)
    return await export(database, settings, contact)


def _check_whole(found: zipfile.ZipFile, count: int) -> None:
    told = json.loads(found.read("conversations.json"))
    said = {one["text"] for each in told for one in each["messages"]}
    assert said >= {f"Thư số {n}" for n in range(count)}
    names = [name for name in found.namelist() if name.startswith("files/")]
    assert {found.read(name) for name in names} == {f"png {n}".encode() for n in range(count)}
    assert all(".." not in Path(name).parts for name in names)
    mails = [name for name in found.namelist() if name.startswith("mail/")]
    assert len(mails) == count
    assert all(b"Subject" in found.read(name).title() for name in mails)
    everything_said = b"".join(found.read(name) for name in found.namelist())
    assert CUSTOMER.encode() in everything_said
    assert b"minh@khac.example" not in everything_said


async def test_every_message_mail_and_file_is_in_it(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """F106: short form; nobody else's address is in it."""
    _check_whole(await _whole(database, firm, settings, 12), 12)


@pytest.mark.long
@pytest.mark.one_database
async def test_five_hundred_messages(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """F106."""
    _check_whole(await _whole(database, firm, settings, 500), 500)


async def test_all_that_was_said_stands_in_it_and_no_link_that_opens_anything(
    database: Database, firm: Firm, settings: Settings
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    shared = await database.write(make_other, firm)
    await database.write(join_in, firm, shared, contact)
    tokens = await database.read(_tokens)

    found = await export(database, settings, contact)

    person: dict[str, Any] = json.loads(found.read("person.json"))
    assert {one["value"] for one in person["addresses"]} == {ADDRESS}
    whole = "".join(found.read(name).decode() for name in found.namelist())
    kept = [one for one in CANARIES if one in whole]
    assert len(kept) >= 13  # what is only in queues, logs and models is not theirs to read
    assert not any(token in whole for token in tokens)
    told = {
        one.get("number", one.get("id")): one
        for one in json.loads(found.read("conversations.json"))
    }
    assert len(told[shared]["messages"]) == 1
    assert "An" in {one["author"] for each in told.values() for one in each["messages"]}


def _tokens(session: Session) -> set[str]:
    return {
        session.get_one(type(row), row.id).public_token
        for row in everything(session, type(conversation(session, 1001)))
    }


async def test_it_is_gone_after_a_day_and_with_its_person(
    database: Database, firm: Firm, settings: Settings
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    await export(database, settings, contact)
    (_, made) = await database.read(everything, PersonExport)

    kept = await database.write(exports.fetch, made.id, by=firm.admin.id, now=LATER)
    assert kept.id == made.id
    with pytest.raises(NotFound):
        await database.write(exports.fetch, made.id, by=None, now=made.expires_at)
    assert not await database.read(exports.are_stale, LATER)
    assert await database.read(exports.are_stale, made.expires_at)
    await database.write(exports.expire, made.expires_at)
    assert await database.read(exports.part, made.id, 0) is None

    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    worker = Erase(database, settings)
    worker.let_go_s = 0.0
    await worker.once()
    assert await database.read(exports.part, 1, 0) is None  # made before
    with pytest.raises(Conflict):
        await database.write(exports.ask, contact, by=None, now=NOW)
    assert not list(settings.data_dir.glob("export-*"))
