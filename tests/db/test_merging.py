"""Two requests of one customer become one, and apart again."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from inbox import closing, conversations
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.later import merging
from inbox.rulebook import load_rulebook
from inbox.store import conversations as rows
from inbox.store import merges
from inbox.store.pages import load_thread
from models import (
    ChannelKind,
    ClockKind,
    Conversation,
    Direction,
    SLAState,
    Status,
    Urgency,
)
from tests.db.test_chat import line
from tests.db.test_later import reply, write
from tests.factories import (
    CUSTOMER,
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

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATER = NOW + 10 * MINUTE


def two(session: Session, firm: Firm) -> tuple[int, int]:
    """Return a mail's number, and that of a form sent ten minutes later: nobody answered."""
    first = write(session, firm, "Đơn của tôi đâu?", prediction("complaint"))
    second = write(
        session,
        firm,
        "Sao chưa ai trả lời?",
        prediction("complaint"),
        channel=ChannelKind.FORM,
        at=LATER,
    )
    return first, second


def merge(session: Session, firm: Firm, one: int, other: int) -> Conversation:
    """Merge two as the page does; return the whole."""
    chosen = merging.pair(session, conversation(session, one), conversation(session, other))
    part, whole = (
        rows.get_for_agent(session, number, firm.dung, to_change=True)
        for number in (chosen.part, chosen.whole)
    )
    now = LATER + MINUTE
    book = load_rulebook(session)
    merging.merge(session, part, whole, book, firm.house, by=firm.dung, now=now)
    return conversation(session, chosen.whole)


def live(session: Session, number: int) -> dict[ClockKind, object]:
    return {
        one.kind: one.started_at
        for one in clocks_of(session, number)
        if one.met_at is None and one.cancelled_at is None
    }


async def test_the_older_goes_on_with_the_oldest_clock_and_all_messages(
    database: Database, firm: Firm
) -> None:
    """F120, F79: messages and events of both, the oldest clocks, the other's ended."""

    def work(session: Session) -> None:
        first, second = two(session, firm)
        before = conversation(session, first).next_due_at

        whole = merge(session, firm, second, first)

        assert (whole.id, whole.next_due_at) == (first, before)
        part = conversation(session, second)
        assert (part.status, part.merged_into_id) == (Status.MERGED, first)
        assert (part.next_due_at, part.sla_state) == (None, SLAState.NONE)
        assert live(session, second) == {}
        assert set(live(session, first).values()) == {NOW}
        assert {one.excuse for one in clocks_of(session, second)} == {"merged"}
        thread = load_thread(session, whole, firm.an)
        assert [one.conversation_id for one in thread.messages] == [first, second]
        assert {one.conversation_id for one in thread.part_events} == {second}
        assert kinds_of(session, first)[-1] == kinds_of(session, second)[-1] == "merged"
        with pytest.raises(Conflict):
            rows.get_for_agent(session, second, firm.dung, to_change=True)
        with pytest.raises(Conflict):
            merging.pair(session, whole, part)

    await database.write(work)


async def test_the_oldest_clock_is_kept_also_where_it_is_the_parts(
    database: Database, firm: Firm
) -> None:
    """The rule of merged clocks: of a kind the oldest, and never due later than it was."""

    def work(session: Session) -> None:
        first = write(session, firm, "Đơn đâu?", prediction("complaint"))
        reply(session, firm, first, NOW + MINUTE)
        second = write(session, firm, "Hỏi chuyện khác.", prediction(), at=NOW + 2 * MINUTE)
        write(session, firm, "Còn đơn cũ?", prediction("complaint"), to=first, at=LATER)
        due = conversation(session, second).next_due_at
        assert due is not None

        whole = merge(session, firm, first, second)

        assert whole.id == first
        started = live(session, first)
        assert started[ClockKind.FIRST_RESPONSE] == NOW + 2 * MINUTE  # the part's
        assert started[ClockKind.NEXT_RESPONSE] == LATER
        assert whole.next_due_at == due  # the sooner of both
        reply(session, firm, first, LATER + 2 * MINUTE)
        assert set(live(session, first)) == {ClockKind.RESOLUTION}

    await database.write(work)


async def test_the_higher_urgency_holds_and_nobody_is_late_by_merging(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        first = write(session, firm, "Đơn đâu?", prediction("complaint"))
        second = write(
            session, firm, "Cháy rồi!", prediction(urgency="urgent"), at=NOW + 50 * MINUTE
        )
        due = conversation(session, second).next_due_at

        whole = merge(session, firm, second, first)

        assert whole.urgency is Urgency.URGENT
        assert whole.next_due_at == due
        assert not any(one.breached_at for one in clocks_of(session, first))

    await database.write(work)


async def test_late_replies_follow_the_one_that_goes_on(database: Database, firm: Firm) -> None:
    """F79: an answer to the part's mail, its page or its form arrives in the whole."""

    def work(session: Session) -> None:
        first, second = two(session, firm)
        whole = merge(session, firm, first, second)
        reply(session, firm, first, LATER + 2 * MINUTE)
        assert live(session, first).keys() == {ClockKind.RESOLUTION}
        at = LATER + HOUR

        taken = write(
            session, firm, "Vẫn chưa thấy gì.", prediction("complaint"), to=second, at=at
        )

        assert taken == first
        assert live(session, first)[ClockKind.NEXT_RESPONSE] == at
        assert live(session, second) == {}
        whole = conversation(session, first)
        thread = load_thread(session, whole, firm.an)
        assert thread.messages[-1].visible_text == "Vẫn chưa thấy gì."
        assert thread.messages[-1].id == whole.last_message_id
        with pytest.raises(Conflict):  # somebody wrote meanwhile, in the part
            conversations.check_seen(session, whole, thread.messages[-2].id, at)
        assert merges.family(session, whole) == [first, second]

    await database.write(work)


async def test_taken_out_again_each_has_its_own(database: Database, firm: Firm) -> None:
    """F79: clocks as they were; what was answered together is answered."""

    def work(session: Session) -> None:
        first, second = two(session, firm)
        before = [(one.kind, one.started_at, one.due_at) for one in clocks_of(session, second)]
        mine = [(one.kind, one.started_at, one.due_at) for one in clocks_of(session, first)]
        merge(session, firm, first, second)
        row = rows.get_for_agent(session, second, firm.dung, to_change=True, or_merged=True)

        merging.unmerge(session, row, by=firm.an, now=LATER + 5 * MINUTE)

        for number, was in ((second, before), (first, mine)):
            found = clocks_of(session, number)
            assert [(one.kind, one.started_at, one.due_at) for one in found] == was
            assert not any(one.cancelled_at for one in found)
        part = conversation(session, second)
        assert (part.status, part.merged_into_id) == (Status.OPEN, None)
        assert len(load_thread(session, conversation(session, first)).messages) == 1
        with pytest.raises(Conflict):
            merging.unmerge(session, part, by=firm.an, now=LATER + 6 * MINUTE)

        merge(session, firm, first, second)
        reply(session, firm, first, LATER + 7 * MINUTE)
        write(session, firm, "Và một câu nữa.", to=second, at=LATER + 9 * MINUTE)
        row = rows.get_for_agent(session, second, firm.dung, to_change=True, or_merged=True)
        merging.unmerge(session, row, by=firm.an, now=LATER + HOUR)
        # Its first question was answered together; what came after that is owed.
        assert live(session, second)[ClockKind.NEXT_RESPONSE] == LATER + 9 * MINUTE
        assert ClockKind.FIRST_RESPONSE not in live(session, second)
        assert events_of(session, second)

    await database.write(work)


async def test_what_cannot_be_merged_says_why(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        first, second = two(session, firm)
        other = write(
            session, firm, "Chào.", prediction(), from_address="khac@vidu.example", at=LATER
        )
        with pytest.raises(Invalid):
            merge(session, firm, first, other)
        with pytest.raises(Invalid):
            merge(session, firm, first, first)
        row = conversation(session, second)
        closing.resolve(session, row, by=firm.an, now=LATER, reason="duplicate")
        with pytest.raises(Conflict):
            merge(session, firm, first, second)

    await database.write(work)


async def test_a_chat_becomes_part_of_the_mail_and_its_next_line_arrives_there(
    database: Database, firm: Firm
) -> None:
    """F79, F120: whoever merges says that it is the same person; answers go by mail only."""

    def work(session: Session) -> None:
        chatting = line(session, firm, "Có ai không?", prediction("complaint"))
        mailed = write(session, firm, "Đơn đâu?", prediction("complaint"), at=LATER)

        whole = merge(session, firm, mailed, chatting)

        assert whole.id == mailed  # though the chat is older: it has no address
        assert live(session, mailed)[ClockKind.FIRST_RESPONSE] == NOW  # the chat's
        last = messages_of(session, chatting)[-1]
        assert last.direction is Direction.AUTOMATIC
        assert f"{mailed}" in last.text

        at = LATER + 5 * MINUTE
        assert line(session, firm, "Alo?", prediction("complaint"), at=at) == mailed
        assert messages_of(session, chatting)[-1].text == "Alo?"  # the widget shows it
        row = conversation(session, mailed)
        assert (row.last_inbound_at, row.asked_again) == (at, 1)
        reply(session, firm, mailed, at + MINUTE)
        assert [one.to_address for one in outbox_of(session, mailed)][-1] == CUSTOMER
        assert Direction.OUTBOUND not in [
            one.direction for one in messages_of(session, chatting)
        ]
        theirs = load_thread(session, row, only_contact=True)
        assert {one.conversation_id for one in theirs.messages} == {mailed}

        closing.resolve(session, row, by=firm.dung, now=at + 2 * MINUTE)
        anew = line(session, firm, "Câu khác.", prediction(), at=at + HOUR)
        assert anew not in (chatting, mailed)

    await database.write(work)
