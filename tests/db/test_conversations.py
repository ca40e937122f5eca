"""What a person can do with a conversation, and what happens when two do it at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import CompileError
from sqlmodel import Session

from inbox import closing
from inbox import conversations as service
from inbox.addressing import conversation_of
from inbox.clocks import REPLY_KINDS, list_live
from inbox.conversations import NewerMessage
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import load_rulebook
from inbox.store import conversations as rows
from inbox.store import counts, pages
from inbox.store.conversations import Cursor
from inbox.store.people import Person
from models import ChannelKind, ClockKind, Conversation, Direction, OutboxKind, Status
from models.base import columns
from tests.conftest import Announced
from tests.factories import (
    CUSTOMER,
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    kinds_of,
    make_message,
    messages_of,
    outbox_of,
    prediction,
)

conversations = columns(Conversation)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def _reply(session: Session, firm: Firm, number: int, text: str = "Dạ còn ạ.", **v: Any) -> int:
    values = {"by": firm.an, "now": NOW, **v}
    row = rows.get_to_change(session, number)
    assert row is not None
    return service.reply(session, row, text, firm.house, **values).id


async def test_a_reply_is_a_message_a_mail_and_a_kept_promise(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """F37: the clock is met at Send; F9: the mail can be answered."""
    message = make_message(message_id="one@khach.example", subject="Máy lọc nước")
    number = await database.write(arrive, firm, message)
    announced.names.clear()

    await database.write(_reply, firm, number, "Dạ\r\ncòn ạ.\n", now=NOW + MINUTE)

    def look(session: Session) -> None:
        said = messages_of(session, number)[-1]
        assert (said.direction, said.text) == (Direction.OUTBOUND, "Dạ\ncòn ạ.")
        sent = outbox_of(session, number)[-1]
        mail = compose(sent.mail)
        assert (sent.kind, sent.message_id) == (OutboxKind.REPLY, said.id)
        assert (mail.to, mail.from_address, mail.automatic) == (CUSTOMER, SUPPORT, False)
        assert (mail.subject, mail.in_reply_to) == ("Re: Máy lọc nước", "one@khach.example")
        assert conversation_of(SECRET, [mail.message_id], []) == number
        assert conversation_of(SECRET, [], [mail.reply_to]) == number
        row = conversation(session, number)
        assert row.first_responded_at == NOW + MINUTE
        assert row.next_due_at is None
        assert row.last_message_id == said.id
        assert events_of(session, number)[-1].actor_id == firm.an.id

    await database.read(look)
    assert {"list", f"conv-{number}", "ring:outbox"} == set(announced.names)


async def test_what_is_loaded_says_what_was_changed(database: Database, firm: Firm) -> None:
    """Nobody has to load a conversation again to see what they wrote into it themselves."""
    number = await database.write(arrive, firm)

    def change(session: Session) -> None:
        row = rows.get_to_change(session, number)
        assert row is not None
        version, asked = row.version, row.asked_again
        more = conversations.asked_again + 1
        mine, another = conversations.owner_id.is_(None), conversations.id < 0
        values = {"status": Status.WAITING, "thanked_at": NOW, "asked_again": more}
        assert not rows.change(session, number, another, **values)
        assert (row.status, row.thanked_at, row.version) == (Status.OPEN, None, version)
        row.owner_id = None
        session.flush()
        assert rows.change(session, number, mine, **values)
        said = row.status, row.thanked_at, row.asked_again, row.version
        assert said == (Status.WAITING, NOW, asked + 1, version + 1)
        session.refresh(row)
        assert said == (row.status, row.thanked_at, row.asked_again, row.version)
        with pytest.raises(CompileError):
            rows.change(session, number, no_such_column=1)

    await database.write(change)


async def test_a_doubled_click_sends_one_mail(database: Database, firm: Firm) -> None:
    """F77: neither click fails, however close together they are."""
    number = await database.write(arrive, firm)

    sent = await asyncio.gather(
        *(database.write(_reply, firm, number, key="7:abc") for _ in range(2))
    )
    again = await database.write(_reply, firm, number, key="7:abc")

    replies = [
        row for row in await database.read(outbox_of, number) if row.kind is OutboxKind.REPLY
    ]
    assert set(sent) == {again}
    assert len(replies) == 1


async def test_a_newer_message_asks_first(database: Database, firm: Firm) -> None:
    """F75: nothing is sent, and it says who wrote when."""
    number = await database.write(arrive, firm)
    seen = (await database.read(conversation, number)).last_message_id
    await database.write(_reply, firm, number, by=firm.binh, seen=seen)

    with pytest.raises(NewerMessage) as caught:
        await database.write(_reply, firm, number, seen=seen, now=NOW + MINUTE)

    newest = (await database.read(messages_of, number))[-1].id
    error = caught.value
    assert (error.who, error.seconds_ago, error.last_message_id) == ("Bình", 60, newest)
    assert len(await database.read(messages_of, number)) == 2
    await database.write(_reply, firm, number, seen=newest)


async def test_a_note_is_no_newer_message(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    seen = (await database.read(conversation, number)).last_message_id

    def note(session: Session) -> None:
        row = conversation(session, number)
        service.note(session, row, "Khách quen.", by=firm.binh, now=NOW, key="n1")
        service.note(session, row, "Khách quen.", by=firm.binh, now=NOW, key="n1")

    await database.write(note)
    await database.write(_reply, firm, number, seen=seen)

    said = await database.read(messages_of, number)
    assert [one.direction for one in said] == [
        Direction.INBOUND,
        Direction.NOTE,
        Direction.OUTBOUND,
    ]


async def test_nothing_to_say_or_nowhere_to_say_it(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    mute = await database.write(arrive, firm, make_message(from_address="", phone="0901234567"))

    for target, text in ((number, " \r\n "), (mute, "Dạ.")):
        with pytest.raises(Invalid):
            await database.write(_reply, firm, target, text)
    with pytest.raises(Invalid):
        await database.write(
            lambda session: service.note(
                session, conversation(session, number), " ", by=firm.an, now=NOW
            )
        )


async def test_two_who_take_it_at_once_have_one_winner(database: Database, firm: Firm) -> None:
    """R55: from pages that both showed the same owner."""
    number = await database.write(arrive, firm)
    shown = await database.read(conversation, number)

    def take(session: Session, who: Any) -> None:
        service.claim(session, shown, by=who, now=NOW)

    people = [firm.binh, firm.chi, firm.dung, firm.admin] * 3
    said = await asyncio.gather(
        *(database.write(take, who) for who in people), return_exceptions=True
    )

    row = await database.read(conversation, number)
    refused = [one for one in said if isinstance(one, Conflict)]
    winners = [who.id for who, one in zip(people, said, strict=True) if one is None]
    assert winners == [row.owner_id]
    assert len(refused) == len(people) - 1
    assert (await database.read(kinds_of, number)).count("assigned") == 2


async def test_done_is_done_once_and_can_be_opened_again(
    database: Database, firm: Firm
) -> None:
    """F118: an answer still owed leaves the count, for a stated reason."""
    number = await database.write(arrive, firm)

    def resolve(session: Session, reason: str = "answered_by_phone") -> None:
        row = conversation(session, number)
        closing.resolve(session, row, by=firm.an, now=NOW, reason=reason)

    for reason in ("", "because"):
        with pytest.raises(Invalid):
            await database.write(resolve, reason)
    await database.write(resolve)
    done = await database.read(conversation, number)
    with pytest.raises(Conflict):
        await database.write(resolve)

    def reopen(session: Session) -> None:
        book = load_rulebook(session)
        row = conversation(session, number)
        closing.reopen(session, row, book, by=firm.an, now=NOW + HOUR)

    await database.write(reopen)
    again = await database.read(conversation, number)
    with pytest.raises(Conflict):
        await database.write(reopen)

    first = (await database.read(clocks_of, number))[0]
    assert (done.status, done.resolved_at, done.next_due_at) == (Status.RESOLVED, NOW, None)
    assert (first.met_at, first.cancelled_at) == (None, NOW)
    assert first.excuse == "answered_by_phone"
    assert (again.status, again.resolved_at) == (Status.OPEN, None)
    assert again.next_due_at == NOW + 4 * HOUR


async def test_a_customer_who_writes_again_reopens_it(database: Database, firm: Firm) -> None:
    """F40."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number)
    await database.write(
        lambda session: closing.resolve(
            session, conversation(session, number), by=firm.an, now=NOW
        )
    )

    await database.write(arrive, firm, meta={"conversation": number}, at=NOW + HOUR)

    row = await database.read(conversation, number)
    live = {clock.kind for clock in await database.read(clocks_of, number) if not clock.met_at}
    assert row.status is Status.OPEN
    assert row.next_due_at == NOW + 4 * HOUR
    assert live == {ClockKind.NEXT_RESPONSE, ClockKind.RESOLUTION}
    assert "reopened" in await database.read(kinds_of, number)


async def test_each_change_grows_the_version_and_reading_does_not(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)
    before = (await database.read(conversation, number)).version

    def look(session: Session) -> None:
        service.mark_read(session, conversation(session, number), NOW + MINUTE)

    await database.write(look)
    read = await database.read(conversation, number)
    await database.write(_reply, firm, number)

    assert (read.version, read.read_at) == (before, NOW + MINUTE)
    assert (await database.read(conversation, number)).version > before


async def test_each_sees_the_own_teams_and_what_nobody_owns(
    database: Database, firm: Firm
) -> None:
    """F103, R50: another team's conversation is not found, as one that does not exist."""
    sold = await database.write(arrive, firm)
    fixed = await database.write(arrive, firm, None, prediction("technical_support"))
    seen = {}
    for who in (firm.an, firm.chi, firm.dung, firm.admin):
        listed = await database.read(rows.list_conversations, who)
        seen[who.name] = [row.id for row in listed]

    assert seen == {
        "An": [sold],
        "Chi": [fixed],
        "Dung": [sold, fixed],
        "Giang": [sold, fixed],
    }
    for number in (sold, 999_999):
        with pytest.raises(NotFound):
            await database.read(rows.get_for_agent, number, firm.chi)


async def test_the_list_goes_on_where_its_page_ended(database: Database, firm: Firm) -> None:
    """F83: by a cursor that survives the address bar, never twice the same row."""
    said = [prediction("product_advice", urgency=one) for one in ("normal", "low") * 4]
    numbers = [await database.write(arrive, firm, None, one) for one in said]

    listed: list[int] = []
    after = None
    while page := await database.read(rows.list_conversations, firm.dung, after=after, limit=3):
        listed += [row.id for row in page]
        last = page[-1]
        after = Cursor.read(Cursor(last.order_at, last.urgency_rank, last.id).text())

    assert listed == [*numbers[0::2], *numbers[1::2]]
    for wrong in ("", "x~y~z", "2026-03-02T02:30:00~1~2"):
        with pytest.raises(NotFound):
            Cursor.read(wrong)


async def test_the_rail_counts_what_a_person_owes(database: Database, firm: Firm) -> None:
    first = await database.write(arrive, firm, None, prediction(needs_review=True))
    await database.write(arrive, firm)  # Bình's
    before = await database.read(counts.navigation, firm.an)
    await database.write(_reply, firm, first)

    after = await database.read(counts.navigation, firm.an)
    lead = await database.read(counts.navigation, firm.dung)
    assert (before.inbox, after.inbox, after.review, lead.review) == ("1", "0", "0", "1")
    assert (await database.read(counts.scopes_and_rail, firm.an))[0] == ("1", "2", "0")
    assert counts.shown(100) == "99+"


async def test_the_contacts_other_conversations_are_named(
    database: Database, firm: Firm
) -> None:
    """F120 in part."""
    first = await database.write(arrive, firm, make_message(subject="Một"))
    second = await database.write(arrive, firm, make_message(subject="Hai"))

    def look(session: Session) -> list[tuple[int, str]]:
        return pages.other_open(session, conversation(session, second), firm.an)

    assert await database.read(look) == [(first, "Một")]


async def test_other_teams_conversations_are_not_named(database: Database, firm: Firm) -> None:
    """Nobody can tell from a contact's other request what another team is working on."""
    ours = await database.write(arrive, firm)
    said = prediction("technical_support")
    theirs = await database.write(arrive, firm, make_message(subject="Kín"), said)

    def look(session: Session, who: Person) -> list[tuple[int, str]]:
        return pages.load_thread(session, conversation(session, ours), who).other_open

    assert await database.read(look, firm.an) == []
    assert await database.read(look, firm.dung) == [(theirs, "Kín")]


async def test_a_message_that_comes_while_it_is_marked_done_is_not_forgotten(
    database: Database, firm: Firm
) -> None:
    """Whichever is first, an open one owes an answer and a finished one does not."""

    def resolve(session: Session) -> None:
        row = rows.get_for_agent(session, number, firm.an, to_change=True)
        closing.resolve(session, row, by=firm.an, now=NOW, reason="duplicate")

    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number)
    more = {"conversation": number}

    await asyncio.gather(
        database.write(arrive, firm, channel=ChannelKind.FORM, meta=more),
        database.write(resolve),
    )

    row = await database.read(conversation, number)
    live = await database.read(list_live, number, REPLY_KINDS)
    assert (row.status is Status.OPEN) == bool(live)
    assert (row.next_due_at is not None) == bool(live)


async def test_reading_writes_nothing_else_back(database: Database, firm: Firm) -> None:
    """The page was loaded before a colleague changed something."""
    number = await database.write(arrive, firm)
    stale = await database.read(conversation, number)

    await database.write(lambda session: rows.change(session, number, subject="Mới"))
    await database.write(service.mark_read, stale, NOW + MINUTE)
    await database.write(service.mark_read, stale, NOW + HOUR)

    row = await database.read(conversation, number)
    assert (row.subject, row.read_at) == ("Mới", NOW + MINUTE)
