"""A chat that its visitor has left goes on by mail, in the same conversation (F17)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.channels.base import InboundMessage
from inbox.chatting import letters
from inbox.db import Database
from inbox.settings import Settings
from inbox.store import chat as rows
from inbox.store import people
from inbox.store.pages import load_thread
from models import (
    Attachment,
    Blob,
    ChannelKind,
    ChatLetter,
    ContactIdentity,
    Direction,
    Outbox,
)
from models.base import columns
from tests.db.test_chat import answer, line
from tests.factories import (
    CUSTOMER,
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    conversation,
    everything,
    make_message,
    messages_of,
    outbox_of,
)

identities = columns(ContactIdentity)
GUEST = "moi@khach.example"
MINUTE = timedelta(minutes=1)
GONE = NOW + 5 * MINUTE  # no sign of the widget since


def look(session: Session, now: datetime = GONE + 2 * MINUTE) -> int:
    return letters.look_at_due(session, Settings.model_construct(), SECRET, now)


def left(session: Session, firm: Firm, email: str = GUEST) -> int:
    """Let a visitor write and leave, and be answered; return the conversation's number."""
    number = line(session, firm, email=email)
    answer(session, firm, number, GONE)
    return number


def mail_back(session: Session, firm: Firm, number: int, sender: str) -> int:
    """Answer the mail that went out last; return where it went."""
    sent = outbox_of(session, number)[-1]
    reply: InboundMessage = make_message(
        "Cảm ơn, tôi nhận được rồi.\n\n> Chào bạn.",
        from_address=sender,
        visible_reply="Cảm ơn, tôi nhận được rồi.",
        in_reply_to=sent.email_message_id.strip("<>"),
        subject="Re: …",
    )
    return arrive(session, firm, reply, at=GONE + 10 * MINUTE, meta={"rcpt": [SUPPORT]})


async def test_the_answer_goes_to_the_address_that_was_given(
    database: Database, firm: Firm
) -> None:
    """F17: once; it says how it came about, and nothing that was typed into the chat."""

    def work(session: Session) -> None:
        number = left(session, firm)
        assert look(session, GONE + timedelta(seconds=59)) == 0
        assert look(session) == 1
        assert look(session, GONE + 60 * MINUTE) == 0

        (mail,) = outbox_of(session, number)
        row = conversation(session, number)
        assert (mail.to_address, mail.kind) == (GUEST, "reply")
        assert "Chào bạn." in mail.mail["text"]
        assert "máy lọc nước" not in mail.mail["text"] + mail.mail["html"]
        assert row.public_token not in str(mail.mail)
        assert f"+k{number}." in mail.mail["reply_to"]
        thread = load_thread(session, row)
        answered = messages_of(session, number)[-1]
        shown = thread.letters[answered.id].mail
        assert shown is not None
        assert shown.to_address == GUEST

    await database.write(work)


async def test_who_is_there_or_has_seen_it_gets_no_mail(database: Database, firm: Firm) -> None:
    """It waits while the visitor is there, fifteen minutes at most."""

    def work(session: Session) -> None:
        number = left(session, firm)
        value = rows.visitor_value(firm.chat, "khach1")
        rows.seen(session, [value], GONE + MINUTE)
        look(session, GONE + MINUTE)
        assert outbox_of(session, number) == []
        rows.mark_received(session, value, 2**31 - 1, GONE + 2 * MINUTE)
        look(session, GONE + 3 * MINUTE)
        assert outbox_of(session, number) == everything(session, ChatLetter) == []

        answer(session, firm, number, GONE + 10 * MINUTE)
        for minute in range(11, 27):
            rows.seen(session, [value], GONE + minute * MINUTE)
            look(session, GONE + minute * MINUTE)
            assert len(outbox_of(session, number)) == (minute >= 25)

    await database.write(work)


async def test_answers_written_together_are_one_mail(database: Database, firm: Firm) -> None:
    """One mail for all lines; a line with a file ends its mail, which carries that file."""

    def work(session: Session) -> None:
        number = line(session, firm, email=GUEST)
        for minute, text in enumerate(("Một.", "Hai.", "Ba.")):
            made = answer(session, firm, number, GONE + minute * timedelta(seconds=10))
            row = next(one for one in messages_of(session, number) if one.id == made)
            row.text = row.visible_text = text
        second = messages_of(session, number)[-2]
        session.add(Blob(id="b1", sha256="x", size_bytes=1, content=b"x"))
        session.flush()
        kind: dict[str, Any] = {"filename": "a.txt", "content_type": "text/plain"}
        session.add(Attachment(message_id=second.id, blob_id="b1", size_bytes=1, **kind))
        session.flush()
        look(session)

        first, last = outbox_of(session, number)
        assert ("Một.\n\nHai." in first.mail["text"], first.mail["has_files"]) == (True, True)
        assert ("Ba." in last.mail["text"], "Hai." in last.mail["text"]) == (True, False)
        assert first.message_id == second.id
        kept = {one.message_id: one.outbox_id for one in everything(session, ChatLetter)}
        assert sorted(kept.values()) == [first.id, first.id, last.id]

    await database.write(work)


@pytest.mark.parametrize(
    ("email", "reason"), [("", "no_address"), (SUPPORT, "own_address"), ("x", "no_address")]
)
async def test_where_nothing_can_be_sent_that_is_said(
    database: Database, firm: Firm, email: str, reason: str
) -> None:
    def work(session: Session) -> None:
        number = left(session, firm, email)
        look(session)
        assert outbox_of(session, number) == []
        assert [one.reason for one in everything(session, ChatLetter)] == [reason]
        assert look(session, GONE + 60 * MINUTE) == 0

    await database.write(work)


async def test_the_mail_back_is_in_the_conversation_and_in_the_widget(
    database: Database, firm: Firm
) -> None:
    """F17: the address is the visitor's from then on: it has answered what was sent to it."""

    def work(session: Session) -> None:
        number = left(session, firm)
        look(session)
        assert mail_back(session, firm, number, GUEST) == number

        row = conversation(session, number)
        assert people.list_identities(session, row.contact_id)["email"] == [GUEST]
        verified = [
            one.verified_at
            for one in everything(session, ContactIdentity)
            if one.value == GUEST
        ]
        assert verified == [GONE + 10 * MINUTE]
        value = rows.visitor_value(firm.chat, "khach1")
        shown = rows.list_newer(session, value, 0, own=True)
        assert [(one.channel, one.visible_text) for one in shown][-1] == (
            ChannelKind.EMAIL,
            "Cảm ơn, tôi nhận được rồi.",
        )
        answer(session, firm, number, GONE + 20 * MINUTE)
        look(session, GONE + 22 * MINUTE)
        last = outbox_of(session, number)[-1]
        assert last.to_address == GUEST
        assert "nhận được rồi" in last.mail["text"]  # what he wrote himself is quoted

    await database.write(work)


async def test_a_stranger_s_mail_joins_nothing(database: Database, firm: Firm) -> None:
    """S7: the id alone is not enough; only who was written to is of the conversation."""

    def work(session: Session) -> None:
        number = left(session, firm)
        look(session)
        assert mail_back(session, firm, number, "ke.la@khach.example") != number
        assert mail_back(session, firm, number, GUEST) == number

    await database.write(work)


async def test_the_mail_of_somebody_known_stays_out_of_the_widget(
    database: Database, firm: Firm
) -> None:
    """S7: who typed a customer's address is not shown what that customer answers.

    Agents have it in the one conversation, and the two are proposed as one person.
    """

    def work(session: Session) -> None:
        mailed = arrive(session, firm)
        number = left(session, firm, CUSTOMER)
        look(session)
        assert outbox_of(session, number)[-1].to_address == CUSTOMER
        assert mail_back(session, firm, number, CUSTOMER) == number

        said = messages_of(session, number)
        assert [one.channel for one in said if one.direction is Direction.INBOUND] == [
            ChannelKind.CHAT,
            ChannelKind.EMAIL,
        ]
        assert said[-1].contact_id == conversation(session, mailed).contact_id
        value = rows.visitor_value(firm.chat, "khach1")
        shown = rows.list_newer(session, value, 0, own=True)
        assert {one.channel for one in shown} == {ChannelKind.CHAT}

    await database.write(work)


async def test_however_often_it_is_looked_at_it_is_sent_once(
    database: Database, firm: Firm
) -> None:
    """Each time in a unit of work of its own, as workers do; the mail is one."""

    def begin(session: Session) -> int:
        number = left(session, firm)
        session.execute(update(ContactIdentity).values(seen_at=NOW))
        return number

    number = await database.write(begin)
    for _ in range(3):
        await database.write(look)
    assert len(await database.read(lambda s: everything(s, Outbox))) == 1
    assert number
