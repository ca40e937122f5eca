"""From a message on it is another matter: split, with clocks from what each has, and back."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from inbox import conversations
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.later import merging, splitting
from inbox.rulebook import load_rulebook
from inbox.sla.history import Asked, Fact, Kind, Ruled, Split, replay
from inbox.store import conversations as rows
from inbox.store.pages import load_thread
from inbox.store.splits import goes_on_in
from models import ClockKind, Direction, EventKind, RawMessage, Status
from tests.db.test_later import write
from tests.db.test_merging import live, merge
from tests.factories import (
    NOW,
    Firm,
    clocks_of,
    conversation,
    events_of,
    kinds_of,
    messages_of,
    outbox_of,
    prediction,
)
from tests.unit.test_history import RULE

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def two_matters(session: Session, firm: Firm) -> tuple[int, list[int]]:
    """Return a mail's number with two later messages; the first was answered in between."""
    number = write(session, firm, "Đơn của tôi đâu?", prediction("complaint"))
    answer(session, firm, number, "Đơn đang giao ạ.", 10)
    write(session, firm, "Còn máy lọc nước thì hỏng rồi.", to=number, at=NOW + 20 * MINUTE)
    write(session, firm, "Sửa giúp mình với.", to=number, at=NOW + 30 * MINUTE)
    return number, [one.id for one in messages_of(session, number)]


def answer(session: Session, firm: Firm, number: int, text: str, minutes: int) -> int:
    row = rows.get_for_agent(session, number, firm.dung, to_change=True)
    now = NOW + minutes * MINUTE
    sent = conversations.reply(session, row, text, firm.house, by=firm.dung, now=now)
    return sent.id


def split(session: Session, firm: Firm, number: int, message_id: int, **more: str) -> int:
    row = rows.get_for_agent(session, number, firm.dung, to_change=True)
    new = splitting.split(
        session,
        row,
        load_rulebook(session),
        message_id=message_id,
        by=firm.dung,
        now=NOW + HOUR,
        **more,
    )
    session.flush()
    session.expire_all()
    return new


async def test_messages_and_what_they_asked_go_on_alone(database: Database, firm: Firm) -> None:
    """F79: each message in exactly one; the clock of the second matter runs there only."""

    def work(session: Session) -> None:
        number, said = two_matters(session, firm)
        assert live(session, number)[ClockKind.NEXT_RESPONSE] == NOW + 20 * MINUTE
        mails = len(outbox_of(session, number))

        new = split(session, firm, number, said[2], subject="Máy lọc nước")

        old, made = conversation(session, number), conversation(session, new)
        assert [one.id for one in messages_of(session, number)] == said[:2]
        assert [one.id for one in messages_of(session, new)] == said[2:]
        assert (made.subject, made.contact_id) == ("Máy lọc nước", old.contact_id)
        assert (made.team_id, made.owner_id) == (old.team_id, old.owner_id)
        assert made.public_token != old.public_token
        assert (made.created_at, made.last_inbound_at) == (NOW + 20 * MINUTE, NOW + 30 * MINUTE)
        assert (old.last_inbound_at, old.last_message_id) == (NOW, said[1])
        assert (made.first_responded_at, old.first_responded_at) == (None, NOW + 10 * MINUTE)
        assert set(live(session, number)) == {ClockKind.RESOLUTION}
        assert live(session, new) == {
            ClockKind.FIRST_RESPONSE: NOW + 20 * MINUTE,
            ClockKind.RESOLUTION: NOW + 20 * MINUTE,
        }
        assert (old.next_due_at, made.next_due_at) == (None, made.first_response_due_at)
        assert made.promised_at is None, "nobody was told anything"
        assert len(outbox_of(session, number)) == mails
        assert outbox_of(session, new) == []
        (gone,) = (one for one in events_of(session, number) if one.kind is EventKind.SPLIT)
        assert (gone.data["into"], gone.data["count"]) == (new, 2)
        assert kinds_of(session, new)[:2] == ["received", "split"]
        raws = [session.get_one(RawMessage, one.raw_id) for one in messages_of(session, new)]
        assert {one.conversation_id for one in raws} == {new}
        shown = load_thread(session, old, None, only_contact=True)
        assert [one.id for one in shown.messages] == said, "to the customer it is one talk"

    await database.write(work)


async def test_an_answer_that_goes_too_leaves_the_first_unanswered(
    database: Database, firm: Firm
) -> None:
    """Nothing is forgotten: what only the moved answer had met runs on from its start."""

    def work(session: Session) -> None:
        number = write(session, firm, "Đơn của tôi đâu?", prediction("complaint"))
        second = write(session, firm, "Còn bảo hành?", to=number, at=NOW + 5 * MINUTE)
        assert second == number
        answered = answer(session, firm, number, "Bảo hành hai năm ạ.", 10)
        assert set(live(session, number)) == {ClockKind.RESOLUTION}
        due = conversation(session, number).promised_at
        first, asked = (one.id for one in messages_of(session, number)[:2])
        assert asked < answered

        new = split(session, firm, number, asked)

        assert live(session, number)[ClockKind.FIRST_RESPONSE] == NOW
        old, made = conversation(session, number), conversation(session, new)
        assert old.first_responded_at is None
        assert old.next_due_at is not None
        assert due is not None
        assert old.next_due_at <= due
        assert set(live(session, new)) == {ClockKind.RESOLUTION}
        (met,) = (one for one in clocks_of(session, new) if one.met_at is not None)
        assert (met.met_at, met.met_by_id) == (NOW + 10 * MINUTE, firm.dung.id)
        assert made.first_responded_at == NOW + 10 * MINUTE
        assert [one.message_id for one in outbox_of(session, new)] == [answered]
        assert [one.id for one in messages_of(session, number)] == [first]

    await database.write(work)


async def test_answers_to_a_mail_that_moved_come_to_where_it_is(
    database: Database, firm: Firm
) -> None:
    """F79: our ids name the old number; the mail that is answered says where it is now."""

    def work(session: Session) -> None:
        number, said = two_matters(session, firm)
        answer(session, firm, number, "Thợ sẽ gọi ạ.", 40)
        first, late = (one for one in outbox_of(session, number) if one.message_id)
        new = split(session, firm, number, said[2])
        third = write(
            session, firm, "Mấy giờ ạ?", in_reply_to=late.email_message_id, at=NOW + 2 * HOUR
        )
        assert third == new
        stays = write(
            session, firm, "Cảm ơn, còn đơn?", in_reply_to=first.email_message_id,
            at=NOW + 3 * HOUR,
        )  # fmt: skip
        assert stays == number
        again = split(session, firm, new, messages_of(session, new)[1].id)
        assert goes_on_in(session, number, [late.email_message_id]) == again, "by way of two"
        assert goes_on_in(session, 77, [late.email_message_id]) == 77, "signed for another"

    await database.write(work)


async def test_it_is_taken_back_by_making_one_of_them(database: Database, firm: Firm) -> None:
    """F79: un-split; the same clock from the same message, and late words go to the whole."""

    def work(session: Session) -> None:
        number, said = two_matters(session, firm)
        before = live(session, number)
        due = conversation(session, number).next_due_at
        new = split(session, firm, number, said[2])

        merge(session, firm, number, new)

        whole = conversation(session, number)
        assert conversation(session, new).merged_into_id == number
        assert set(live(session, number)) == {ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION}
        assert live(session, number)[ClockKind.RESOLUTION] == before[ClockKind.RESOLUTION]
        assert whole.next_due_at is not None
        assert due is not None
        assert whole.next_due_at <= due, "never later than it was"
        shown = load_thread(session, whole, None)
        assert [one.id for one in shown.messages] == said
        with pytest.raises(Conflict):
            split(session, firm, number, said[3])
        part = rows.get_for_agent(session, new, firm.dung, to_change=True, or_merged=True)
        merging.unmerge(session, part, by=firm.dung, now=NOW + 2 * HOUR)
        assert conversation(session, new).status is Status.OPEN
        assert [one.id for one in messages_of(session, new)] == said[2:]

    await database.write(work)


async def test_what_cannot_be_split(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        number, said = two_matters(session, firm)
        other = write(session, firm, "Khác", prediction(), from_address="b@khach.example")
        theirs = messages_of(session, other)[0].id
        for wrong in (said[0], said[1], theirs, 0, 10**9):
            with pytest.raises(Invalid):
                split(session, firm, number, wrong)
        row = conversation(session, number)
        row.status = Status.RESOLVED
        session.flush()
        with pytest.raises(Conflict):
            split(session, firm, number, said[2])
        assert splitting.splittable(session, row) == []
        assert {one.direction for one in messages_of(session, number)} == {
            Direction.INBOUND,
            Direction.OUTBOUND,
        }

    await database.write(work)


@pytest.mark.one_database
def test_the_history_without_what_left() -> None:
    """The same facts give the same clocks: an earlier debt stays, a later one goes."""
    second = NOW + 20 * MINUTE
    facts: list[Fact] = [Ruled(NOW, RULE), Asked(NOW), Asked(second)]
    gone = Split(NOW + HOUR, second, frozenset())
    kept = [one for one in replay([*facts, gone]) if one.is_live]
    assert {one.kind: one.started_at for one in kept} == {
        Kind.FIRST_RESPONSE: NOW,
        Kind.RESOLUTION: NOW,
    }
