"""What is known of a customer raises the urgency of what they write."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from inbox import conversations
from inbox.db import Database
from inbox.intake import Incoming
from inbox.later import knowing
from inbox.ruling import set_tier
from inbox.staging import Arrival, stage
from inbox.store import raw as raws
from models import ChannelKind, Conversation, TriagePrediction, Urgency
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    everything,
    make_message,
    prediction,
)

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def urgency_of(session: Session, number: int) -> tuple[Urgency, str | None]:
    """Return how urgent a conversation is, and the rule that its last prediction names."""
    said = [
        one for one in everything(session, TriagePrediction) if one.conversation_id == number
    ]
    return conversation(session, number).urgency, said[-1].urgency_reason


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_promise_that_passed(
    database: Database, firm: Firm, *, elsewhere: bool
) -> None:
    """Who was promised an answer, and has none, waits no longer in the ordinary line."""

    def work(session: Session) -> None:
        number = arrive(session, firm)
        promised = conversation(session, number).promised_at
        assert promised is not None
        meta = {} if elsewhere else {"conversation": number}
        if elsewhere:
            before = arrive(session, firm, at=promised - MINUTE)
            assert conversation(session, before).urgency is Urgency.NORMAL
            reply = conversation(session, before)
            conversations.reply(session, reply, "Dạ.", firm.house, by=firm.an, now=NOW)
        after = arrive(session, firm, at=promised + DAY, meta=meta)
        assert conversation(session, after).urgency is Urgency.HIGH
        said = everything(session, TriagePrediction)[-1]
        assert not elsewhere or said.urgency_reason == "promise_missed"

    await database.write(work)


async def test_two_open_matters_of_a_valued_customer(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        first = arrive(session, firm, None, prediction("complaint"))
        contact = conversation(session, first).contact_id
        set_tier(session, contact, "gold", by=firm.chi.id, now=NOW)
        arrive(session, firm, None, prediction("return_refund"), at=NOW + MINUTE)
        third = arrive(session, firm, at=NOW + 2 * MINUTE)
        assert urgency_of(session, third) == (Urgency.HIGH, "valued_customer")

    await database.write(work)


async def test_a_machines_mail_is_as_urgent_as_it_reads(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        promised = conversation(session, arrive(session, firm)).promised_at
        assert promised is not None
        machine = make_message(is_automatic=True)
        number = arrive(session, firm, machine, at=promised + DAY)
        assert conversation(session, number).urgency is Urgency.NORMAL

    await database.write(work)


async def test_a_batch_is_looked_up_in_one_query(database: Database, firm: Firm) -> None:
    """Twenty writers on four channels cost what one costs."""

    def work(session: Session) -> None:
        mine = arrive(session, firm)
        some: list[Incoming] = []
        for number in range(20):
            kind = (ChannelKind.EMAIL, ChannelKind.CHAT)[number % 2]
            door = firm.chat if number % 2 else firm.mail
            meta: dict[str, Any] = {"visitor": f"v{number}"} if number % 2 else {}
            if number == 0:
                meta["conversation"] = mine
            staged = stage(session, Arrival(door, kind, f"k{number}", b"raw", meta), NOW)
            (raw,) = [one for one in raws.claim(session, NOW, 100) if one.id == staged.id]
            message = make_message(from_address=f"khach{number}@khach.example")
            some.append(Incoming(raw, message, prediction()))
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            asked.append(statement)

        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        known = knowing.look_up(session, some)
        event.remove(connection, "before_cursor_execute", note)
        assert len(asked) == 1
        (row,) = everything(session, Conversation)
        assert [one.number for one in known[row.contact_id]] == [mine]

    await database.write(work)
