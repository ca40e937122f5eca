"""Mail that a machine, or somebody who says to be one, gets into a conversation."""

from typing import Any

from sqlmodel import Session

from inbox import conversations as service
from inbox.addressing import make_message_id, make_reply_address
from inbox.channels.base import from_facts
from inbox.db import Database
from inbox.store.pages import load_thread
from models import Outbox
from tests.factories import (
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    conversation,
    everything,
    make_message,
    messages_of,
)


async def test_a_strangers_bounce_neither_stops_nor_steers_an_answer(
    database: Database, firm: Firm
) -> None:
    """R41: whoever got hold of a signed id can have a "bounce" shown, and no more."""
    number = await database.write(arrive, firm, make_message(message_id="real@khach.example"))

    def last_read(session: Session) -> int:
        return int(messages_of(session, number)[-1].id)

    seen = await database.read(last_read)
    ours = make_message_id(SECRET, number, "congty.example").strip("<>")
    bounce = make_message(
        from_address="mailer-daemon@evil.example",
        message_id="steer@evil.example",
        in_reply_to=ours,
        is_bounce=True,
        is_automatic=True,
    )
    joined = await database.write(arrive, firm, bounce)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW, seen=seen)

    await database.write(answer)

    def mails(session: Session) -> list[Any]:
        return [from_facts(row.mail) for row in everything(session, Outbox)]

    last = (await database.read(mails))[-1]
    assert joined == number
    assert (last.in_reply_to, last.references) == (
        "real@khach.example",
        ("real@khach.example",),
    )


async def test_a_code_for_somebody_else_is_nowhere_that_a_stranger_reads(
    database: Database, firm: Firm
) -> None:
    """S7: mail of a service, to the signed address that a customer knows, is not shown to them.

    Who has the address of a conversation could enter it elsewhere as their own, and read there
    what the service sends to prove it.
    """
    number = await database.write(arrive, firm, make_message())
    address = make_reply_address(SECRET, number, SUPPORT)
    code = make_message(
        "Your code is 123456",
        from_address="noreply@service.example",
        subject="Confirm hotro@congty.example",
        message_id="code@service.example",
        to=(address,),
        suppress_auto_response=True,
    )
    found = await database.write(arrive, firm, code, meta={"rcpt": [address]})

    def shown(session: Session) -> list[str]:
        thread = load_thread(session, conversation(session, number), only_contact=True)
        return [one.text for one in thread.messages]

    def sent(session: Session) -> str:
        return repr([row.mail for row in everything(session, Outbox)])

    assert found != number
    assert not any("123456" in text for text in await database.read(shown))
    mails = await database.read(sent)
    assert "123456" not in mails
    assert "noreply@service.example" not in mails
