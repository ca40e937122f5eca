"""What taking in a visitor's lines does: conversations, clocks, sorting, the automatic line."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import chat, closing, conversations, corrections
from inbox.channels.chat import Line
from inbox.chat import NewLine
from inbox.chatting.greeting import greet
from inbox.conversations import reply
from inbox.db import Database
from inbox.loops import TakeIn
from inbox.queue import chat_name
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from inbox.store import chat as rows
from inbox.store import people
from inbox.store.raw import Claimed
from inbox.triage.prediction import Prediction
from models import (
    Agent,
    ChannelKind,
    ClockKind,
    ContactIdentity,
    Conversation,
    Direction,
    EventKind,
    Status,
    TeamMember,
    Triage,
    Urgency,
)
from models.base import columns
from tests.conftest import Clock
from tests.factories import (
    CHAT_KEY,
    CUSTOMER,
    NOW,
    SECRET,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    kinds_of,
    make_message,
    messages_of,
    outbox_of,
    prediction,
)

agents = columns(Agent)
identities = columns(ContactIdentity)
talks = columns(Conversation)
members = columns(TeamMember)

NIGHT = NOW + timedelta(hours=12)
DAY = timedelta(days=1)
_count = iter(range(10_000))


def line(
    session: Session,
    firm: Firm,
    text: str = "Cho mình hỏi về máy lọc nước.",
    said: Prediction | None = None,
    *,
    visitor: str = "khach1",
    at: datetime = NOW,
    now: datetime | None = None,
    email: str = "",
    name: str = "",
) -> int:
    """Let a visitor write; return the conversation's number."""
    message = make_message(
        text, subject="", from_address=email, from_name=name, visible_reply=text
    )
    key = f"chat:{firm.chat}:{visitor}:{next(_count)}"
    return arrive(
        session,
        firm,
        message,
        said,
        channel=ChannelKind.CHAT,
        at=at,
        now=now,
        meta={"visitor": visitor, "peer": "192.0.2.1", "key": key},
        key=key,
    )


def answer(session: Session, firm: Firm, number: int, at: datetime) -> int:
    row = conversation(session, number)
    return reply(session, row, "Chào bạn.", firm.house, by=firm.an, now=at).id


def due_in(session: Session, number: int, kind: ClockKind) -> timedelta:
    """Return how long after its start the last clock of a kind is due."""
    clock = [one for one in clocks_of(session, number) if one.kind is kind][-1]
    return clock.due_at - clock.started_at


class TestConversations:
    async def test_lines_of_one_visitor_are_one_conversation(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            first = line(session, firm)
            again = line(session, firm, at=NOW + timedelta(minutes=1))
            other = line(session, firm, visitor="khach2")

            assert first == again != other
            said = [m.direction for m in messages_of(session, first)]
            assert said == [Direction.INBOUND, Direction.AUTOMATIC, Direction.INBOUND]
            assert outbox_of(session, first) == []

        await database.write(work)

    @pytest.mark.parametrize(("days", "same"), [(1, True), (6.9, True), (7.1, False)])
    async def test_what_was_done_opens_again_within_a_week(
        self, database: Database, firm: Firm, days: float, same: bool
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            row = conversation(session, number)
            closing.resolve(session, row, by=firm.an, now=NOW, reason="duplicate")
            later = line(session, firm, at=NOW + days * DAY)

            assert (later == number) is same
            status = conversation(session, number).status
            assert status is (Status.OPEN if same else Status.RESOLVED)
            assert ("reopened" in kinds_of(session, number)) is same

        await database.write(work)

    async def test_a_typed_address_joins_nothing_and_is_shown(
        self, database: Database, firm: Firm
    ) -> None:
        """DECISIONS 20: a claim, not a proof. Agents are told: perhaps also #1042."""

        def work(session: Session) -> None:
            mailed = arrive(session, firm)
            chatted = line(session, firm, email=CUSTOMER)
            again = line(session, firm, email=CUSTOMER)

            row = conversation(session, chatted)
            assert mailed != chatted == again
            assert row.contact_id != conversation(session, mailed).contact_id
            assert "email" not in people.list_identities(session, row.contact_id)
            assert messages_of(session, chatted)[0].sender_address == CUSTOMER
            hints = [e for e in events_of(session, chatted) if e.kind is EventKind.HINTED]
            assert [hint.data["number"] for hint in hints] == [mailed]

        await database.write(work)

    async def test_a_typed_address_is_its_owners_once_they_mail(
        self, database: Database, firm: Firm
    ) -> None:
        """Whoever chats under a stranger's address shares no contact with the stranger."""

        def work(session: Session) -> None:
            chatted = line(session, firm, email=CUSTOMER)
            mailed = arrive(session, firm)
            mailed_again = arrive(session, firm)

            contact_id = conversation(session, mailed).contact_id
            assert contact_id != conversation(session, chatted).contact_id
            assert contact_id == conversation(session, mailed_again).contact_id
            assert people.list_identities(session, contact_id)["email"] == [CUSTOMER]

        await database.write(work)

    async def test_an_address_that_nobody_has_is_kept(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            line(session, firm, email="moi@khach.example", name="Chị Mới")

            row = conversation(session, number)
            found = people.list_identities(session, row.contact_id)
            assert found["email"] == ["moi@khach.example"]
            assert "hinted" not in kinds_of(session, number)

        await database.write(work)


class TestAutomaticLine:
    async def test_it_is_sent_once_and_says_number_time_and_link(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            line(session, firm, at=NOW + timedelta(minutes=1))

            row = conversation(session, number)
            auto = [m for m in messages_of(session, number) if m.author_id is None][1]
            assert auto.direction is Direction.AUTOMATIC
            assert row.promised_at == NOW + timedelta(minutes=5)
            for part in (f"số {number}", "trước 9:35 hôm nay", f"/s/{row.public_token}"):
                assert part in auto.text
            assert kinds_of(session, number).count("acknowledged") == 1
            assert "máy lọc" not in auto.text

        await database.write(work)

    async def test_at_night_it_says_when_we_open(self, database: Database, firm: Firm) -> None:
        def work(session: Session) -> None:
            number = line(session, firm, at=NIGHT)

            text = messages_of(session, number)[1].text
            assert "làm việc lại lúc 8:00 ngày mai" in text
            assert "trước 9:00 ngày mai" in text

        await database.write(work)


class TestTargets:
    async def test_five_minutes_to_the_first_and_the_next_answer(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            answer(session, firm, number, NOW + timedelta(minutes=2))
            line(session, firm, at=NOW + timedelta(minutes=3))

            assert due_in(session, number, ClockKind.FIRST_RESPONSE) == timedelta(minutes=5)
            assert due_in(session, number, ClockKind.NEXT_RESPONSE) == timedelta(minutes=5)
            assert due_in(session, number, ClockKind.RESOLUTION) > timedelta(hours=16)

        await database.write(work)

    async def test_nobody_on_duty_is_the_policys_own(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            session.execute(update(Agent).values(on_duty=False))
            number = line(session, firm)

            assert due_in(session, number, ClockKind.FIRST_RESPONSE) == timedelta(hours=1)

        await database.write(work)

    async def test_taken_in_long_after_the_visitor_left_is_the_policys_own(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm, now=NOW + timedelta(minutes=20))

            assert due_in(session, number, ClockKind.FIRST_RESPONSE) == timedelta(hours=1)

        await database.write(work)

    async def test_a_correction_while_both_are_there_keeps_five_minutes(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            row = conversation(session, number)
            corrections.correct(
                session,
                row,
                load_rulebook(session),
                firm.house,
                request_type="complaint",
                by=firm.an,
                now=NOW + timedelta(seconds=30),
            )

            assert due_in(session, number, ClockKind.FIRST_RESPONSE) == timedelta(minutes=5)

        await database.write(work)


class TestSortingAgain:
    async def test_each_line_sorts_by_all_that_was_said(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            session.execute(update(Agent).values(on_duty=False))
            number = line(session, firm, said=prediction("complaint"))
            before = conversation(session, number)
            first_due, team = before.first_response_due_at, before.team_id
            said = prediction("product_advice", urgency="urgent")
            line(session, firm, said=said, at=NOW + timedelta(minutes=1))

            row = conversation(session, number)
            assert (row.request_type, row.urgency) == ("product_advice", Urgency.URGENT)
            assert (team, row.team_id) == (firm.tech, firm.sales)
            assert row.first_response_due_at is not None
            assert first_due is not None
            assert row.first_response_due_at == NOW + timedelta(minutes=30)
            assert row.first_response_due_at < first_due
            assert kinds_of(session, number).count("sorted") == 2

        await database.write(work)

    async def test_the_deadline_and_urgency_never_get_later_or_lower(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            session.execute(update(Agent).values(on_duty=False))
            number = line(session, firm, said=prediction("product_advice", urgency="high"))
            due = conversation(session, number).first_response_due_at
            line(session, firm, said=prediction("complaint", urgency="low"))

            row = conversation(session, number)
            assert row.first_response_due_at == due == NOW + timedelta(minutes=30)
            assert (row.request_type, row.urgency) == ("complaint", Urgency.HIGH)

        await database.write(work)

    @pytest.mark.parametrize("how", ["replied", "confirmed", "corrected"])
    async def test_a_person_ends_it(self, database: Database, firm: Firm, how: str) -> None:
        def work(session: Session) -> None:
            number = line(session, firm, said=prediction("product_advice"))
            row = conversation(session, number)
            if how == "replied":
                answer(session, firm, number, NOW)
            elif how == "confirmed":
                corrections.agree(session, row, by=firm.an, now=NOW)
            else:
                book = load_rulebook(session)
                corrections.correct(
                    session,
                    row,
                    book,
                    firm.house,
                    urgency="normal",
                    by=firm.an,
                    now=NOW,
                    request_type="product_advice",
                )
            line(session, firm, said=prediction("complaint", urgency="urgent"))

            after = conversation(session, number)
            assert (after.request_type, after.urgency) == ("product_advice", Urgency.NORMAL)

        await database.write(work)

    async def test_who_took_it_keeps_it(self, database: Database, firm: Firm) -> None:
        def work(session: Session) -> None:
            number = line(session, firm, said=prediction("product_advice"))
            row = conversation(session, number)
            conversations.assign(session, row, firm.binh.id, by=firm.dung, now=NOW)
            line(session, firm, said=prediction("complaint"))

            after = conversation(session, number)
            assert (after.request_type, after.owner_id) == ("complaint", firm.binh.id)

        await database.write(work)

    async def test_the_worker_reads_a_visitors_lines_in_order_and_together(
        self,
        database: Database,
        firm: Firm,
        settings: Settings,
        secret: bytes,
        clock: Clock,
    ) -> None:
        """Three lines in one batch; together they say what none says alone."""
        said = ["Chào shop", "thẻ của tôi", "bị trừ tiền hai lần, trả lời ngay giúp tôi"]

        def store(session: Session) -> None:
            for number, text in enumerate(said):
                new = NewLine(firm.chat, "khach9", str(number), Line(text), "192.0.2.1")
                body, meta = chat.pack_line(new)
                key = chat.dedupe_key(new)
                stage(session, Arrival(firm.chat, ChannelKind.CHAT, key, body, meta), NOW)

        await database.write(store)
        take_in = TakeIn(database, settings, secret)
        await take_in.once()
        await take_in.close()

        def look(session: Session) -> None:
            (row,) = everything(session, Conversation)
            inbound = [m for m in messages_of(session, row.id) if m.raw_id is not None]
            assert [m.text for m in inbound] == said
            assert row.subject == said[0]
            assert row.request_type == "billing_payment"
            assert row.triage is not Triage.CORRECTED
            assert chat.said_so_far(session, _claimed(firm, "khach9")) == "\n".join(said)

        await database.read(look)


def _claimed(firm: Firm, visitor: str) -> Claimed:
    meta = {"visitor": visitor}
    return Claimed(1, firm.chat, ChannelKind.CHAT, b"", meta, None, NOW, 1)


class TestReading:
    async def test_visitors_get_their_own_rows_only(
        self, database: Database, firm: Firm
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm, "của tôi")
            line(session, firm, "của người khác", visitor="khach2")
            told = answer(session, firm, number, NOW)
            row = conversation(session, number)
            conversations.note(session, row, "Nội bộ", by=firm.an, now=NOW)
            session.flush()

            mine = rows.visitor_value(firm.chat, "khach1")
            newer = rows.list_newer(session, mine, 0)
            assert [m.direction for m in newer] == [Direction.AUTOMATIC, Direction.OUTBOUND]
            assert [m.id for m in rows.list_newer(session, mine, told - 1)] == [told]
            everything_mine = rows.list_newer(session, mine, 0, own=True)
            assert everything_mine[0].text == "của tôi"
            assert "của người khác" not in [m.text for m in everything_mine]
            assert (
                rows.list_newer(session, rows.visitor_value(firm.chat + 1, "khach1"), 0) == []
            )
            newest = rows.newest_ids(session, [mine, f"{firm.chat}:nobody"])
            assert newest == {mine: told}

        await database.write(work)

    async def test_a_receipt_marks_what_was_shown(
        self, database: Database, firm: Firm, announced: Any
    ) -> None:
        def work(session: Session) -> None:
            number = line(session, firm)
            told = answer(session, firm, number, NOW)
            mine = rows.visitor_value(firm.chat, "khach1")
            assert chat_name(mine) in session.info["announce"]
            session.info["announce"].clear()

            chat.received(session, mine, told - 1, NOW)
            assert _delivered(session, number) == [True, False]
            chat.received(session, rows.visitor_value(firm.chat, "khach2"), told, NOW)
            assert _delivered(session, number) == [True, False]
            chat.received(session, mine, told, NOW)
            assert _delivered(session, number) == [True, True]
            assert session.info["announce"] == [f"conv-{number}"] * 2

        await database.write(work)

    async def test_presence_is_written_for_all_at_once(
        self, database: Database, firm: Firm
    ) -> None:
        later = NOW + timedelta(minutes=9)

        def work(session: Session) -> None:
            line(session, firm)
            line(session, firm, visitor="khach2")
            line(session, firm, visitor="khach3")
            values = [rows.visitor_value(firm.chat, name) for name in ("khach1", "khach2")]
            rows.seen(session, values, later)

            found = [rows.find_visitor(session, value) for value in values]
            assert [one.seen_at for one in found if one] == [later, later]
            other = rows.find_visitor(session, rows.visitor_value(firm.chat, "khach3"))
            assert other is not None
            assert other.seen_at == NOW

        await database.write(work)


def _delivered(session: Session, number: int) -> list[bool]:
    ours = [m for m in messages_of(session, number) if m.direction is not Direction.INBOUND]
    return [m.delivered_at is not None for m in ours]


class TestGreeting:
    async def test_it_says_who_is_there(self, database: Database, firm: Firm) -> None:
        def work(session: Session) -> None:
            found = chat.find_chat_door(session, CHAT_KEY)
            assert found is not None
            day = greet(session, found.door, "en", NOW)
            night = greet(session, found.door, "en", NIGHT)
            session.execute(update(Agent).values(on_duty=False))
            alone = greet(session, found.door, "", NOW)

            assert (day.is_open, day.promise) == (True, "Somebody answers within 5 minutes.")
            assert not night.is_open
            assert "open again at 8:00 tomorrow" in (night.promise or "")
            assert not alone.is_open
            assert (alone.promise or "").startswith("Anh/chị sẽ nhận được")

        await database.write(work)

    async def test_a_token_is_good_for_one_key(self) -> None:
        token = chat.make_token(SECRET, 3, "khach1")

        assert chat.visitor_of(SECRET, 3, token) == "khach1"
        assert chat.visitor_of(SECRET, 4, token) is None
        assert chat.visitor_of(b"other", 3, token) is None
        for wrong in (None, "", ".", "khach1", "khach2" + token[6:], "é" + token, token + "é"):
            assert chat.visitor_of(SECRET, 3, wrong) is None
