"""Take-in: one transaction makes a message a conversation with type, clock, owner, answer."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.channels.base import InboundAttachment
from inbox.channels.mime import parse
from inbox.channels.webform import Posted, pack, read
from inbox.db import Database
from inbox.errors import Invalid
from inbox.store import people
from inbox.store.conversations import list_conversations
from inbox.store.pages import load_thread
from models import (
    Blob,
    ChannelKind,
    Conversation,
    Direction,
    RawMessage,
    RawState,
    SLAState,
    Status,
    Triage,
)
from tests.conftest import Announced
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    kinds_of,
    make_mail,
    make_message,
    messages_of,
    outbox_of,
    prediction,
)

HOUR = timedelta(hours=1)


async def test_all_channels_share_one_list_and_one_numbering(
    database: Database, firm: Firm
) -> None:
    """F1."""
    channels = [ChannelKind.EMAIL, ChannelKind.FORM, ChannelKind.API, ChannelKind.EMAIL]
    numbers = [
        await database.write(arrive, firm, channel=channel, at=NOW + timedelta(minutes=n))
        for n, channel in enumerate(channels)
    ]

    listed = await database.read(list_conversations, firm.dung)

    assert numbers == [1001, 1002, 1003, 1004]
    assert [(row.id, row.channel) for row in listed] == list(
        zip(numbers, channels, strict=True)
    )


async def test_everything_about_a_new_message_is_there_at_once(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """F28, F58, F68, F71: type, clocks, team, owner and why, in one transaction."""
    message = make_message(
        message_id="a@khach.example",
        attachments=(InboundAttachment("ảnh.png", "image/png", b"\x89PNG"),),
    )

    number = await database.write(arrive, firm, message)

    def look(session: Session) -> None:
        row = conversation(session, number)
        assert (row.status, row.triage) == (Status.OPEN, Triage.AUTO)
        assert (row.request_type, row.urgency_rank) == ("product_advice", 2)
        assert (row.team_id, row.owner_id) == (firm.sales, firm.an.id)
        assert row.first_response_due_at == row.next_due_at == row.order_at == NOW + HOUR
        # 16 working hours, eight a day from Monday 09:30: Wednesday 09:30.
        assert row.resolution_due_at == NOW + timedelta(days=2)
        assert row.promised_at == NOW + HOUR
        assert row.sla_state is SLAState.ON_TIME
        assert kinds_of(session, number) == [
            *("received", "sorted", "ruled", "assigned", "acknowledged")
        ]
        why = events_of(session, number)[3].data
        assert (why["reason"], why["owner"], why["team"]) == (
            "least_open",
            firm.an.id,
            "Bán hàng",
        )
        (stored,) = messages_of(session, number)
        assert row.last_message_id == stored.id
        assert (stored.direction, stored.sender_address) == (Direction.INBOUND, CUSTOMER)
        thread = load_thread(session, row)
        ((blob_id, name, size),) = thread.files[stored.id]
        assert (name, size) == ("ảnh.png", 4)
        assert session.get_one(Blob, blob_id).content == b"\x89PNG"
        assert thread.prediction is not None
        assert thread.prediction.why == [["tư vấn", 1.5]]

    await database.read(look)
    assert {"list", f"conv-{number}", "ring:outbox", "ring:clocks"} <= set(announced.names)


async def test_unsure_gets_the_strictest_clock_and_asks_for_a_look(
    database: Database, firm: Firm
) -> None:
    """F56: complaint (4 h) or advice (1 h)? Then one hour."""
    said = prediction(
        "complaint",
        request_type_confidence=0.45,
        needs_review=True,
        candidates=(("complaint", 0.45), ("product_advice", 0.35), ("general", 0.2)),
        clock_candidates=("complaint", "product_advice"),
    )

    number = await database.write(arrive, firm, None, said)

    row = await database.read(conversation, number)
    assert (row.triage, row.second_type) == (Triage.NEEDS_REVIEW, "product_advice")
    assert row.next_due_at == NOW + HOUR
    assert (row.team_id, row.owner_id) == (firm.tech, firm.chi.id)


@pytest.mark.parametrize(
    ("request_type", "hours"),
    [("product_advice", 1), ("technical_support", 2), ("order_delivery", 2)],
)
async def test_each_type_has_its_time(
    database: Database, firm: Firm, request_type: str, hours: int
) -> None:
    """F28."""
    number = await database.write(arrive, firm, None, prediction(request_type))

    row = await database.read(conversation, number)
    assert row.next_due_at == NOW + hours * HOUR


async def test_four_hours_of_work_leave_out_lunch(database: Database, firm: Firm) -> None:
    """F28: a complaint of 09:30 is due at 14:30."""
    number = await database.write(arrive, firm, None, prediction("complaint"))

    assert (await database.read(conversation, number)).next_due_at == NOW + 5 * HOUR


async def test_urgency_shortens(database: Database, firm: Firm) -> None:
    for urgency, minutes, rank in (("urgent", 30, 0), ("high", 60, 1), ("low", 120, 3)):
        said = prediction("technical_support", urgency=urgency)
        number = await database.write(arrive, firm, None, said)
        row = await database.read(conversation, number)
        assert row.next_due_at == NOW + timedelta(minutes=minutes)
        assert row.urgency_rank == rank


async def test_the_list_is_ordered_by_deadline_then_urgency(
    database: Database, firm: Firm
) -> None:
    """F72: nearest deadline, then urgency, then arrival."""
    said = [
        prediction("complaint"),  # 14:30
        prediction("technical_support"),  # 11:30
        prediction("product_advice", urgency="low"),  # 10:30, low
        prediction("technical_support", urgency="high"),  # 10:30, high
        prediction("product_advice"),  # 10:30, normal
        prediction("product_advice"),  # 10:30, normal, later number
    ]
    numbers = [await database.write(arrive, firm, None, one) for one in said]

    listed = await database.read(list_conversations, firm.dung)

    order = [numbers.index(row.id) for row in listed]
    assert order == [3, 4, 5, 2, 1, 0]


async def test_automatic_mail_is_seen_and_not_answered(database: Database, firm: Firm) -> None:
    """F19: a machine's mail gets no answer; it stands in the list with a date to look at it."""
    message = make_message("Tôi đang nghỉ phép.", is_automatic=True, is_auto_reply=True)

    number = await database.write(arrive, firm, message)

    def look(session: Session) -> None:
        assert outbox_of(session, number) == []
        row = conversation(session, number)
        assert row.next_due_at is not None
        assert row.owner_id is not None
        (stored,) = messages_of(session, number)
        assert stored.is_machine
        withheld = events_of(session, number)[-1]
        assert (withheld.kind.value, withheld.data["reason"]) == (
            "acknowledgement_withheld",
            "automatic",
        )
        assert [one.id for one in list_conversations(session, firm.an)] == [number]

    await database.read(look)


async def test_taken_in_long_after_arrival_the_promise_is_from_now(
    database: Database, firm: Firm
) -> None:
    """F53: one late step; the honest time, not one that has passed."""
    now = NOW + 2 * HOUR  # due was at 10:30

    number = await database.write(arrive, firm, at=NOW, now=now)

    def look(session: Session) -> None:
        row = conversation(session, number)
        assert row.next_due_at == NOW + HOUR
        assert row.promised_at == NOW + 4 * HOUR  # 11:30 and an hour of work, over lunch
        assert row.created_at == NOW
        (mail,) = outbox_of(session, number)
        assert mail.mail["facts"]["promise_text"] == "13:30 hôm nay"

    await database.read(look)


async def test_a_mail_without_head_is_taken_in(database: Database, firm: Firm) -> None:
    """F4: no id, date, subject, sender or body; the same bytes make the same id."""
    empty = parse(b"\r\n\r\n", "", "")

    first = await database.write(arrive, firm, empty)
    row = await database.read(conversation, first)

    assert parse(b"\r\n\r\n", "", "").message_id == empty.message_id != ""
    assert row.subject == ""
    assert (await database.read(kinds_of, first))[-1] == "acknowledgement_withheld"


async def test_nul_and_broken_characters_do_not_stop_a_message(
    database: Database, firm: Firm
) -> None:
    """F7: what a database would refuse is read away before."""
    text = "Xin chào\x00 bạn"
    posted = pack(Posted(name="La\x00n", email=CUSTOMER, subject="a\x00b", body=text))
    mail = make_mail("thay").replace(b"thay", b"a\x00b \xed\xa0\x80 =00")

    for message, channel in (
        (read(posted), ChannelKind.FORM),
        (parse(mail, CUSTOMER, ""), ChannelKind.EMAIL),
    ):
        number = await database.write(arrive, firm, message, channel=channel)
        (stored,) = await database.read(messages_of, number)
        assert "\x00" not in stored.text


async def test_a_failure_inside_leaves_nothing_behind(database: Database, firm: Firm) -> None:
    """F7: half a conversation is never seen."""
    with pytest.raises(Invalid):
        await database.write(
            arrive, firm, None, prediction("product_advice", clock_candidates=("unknown",))
        )

    for table in (Conversation, RawMessage):
        rows: list[Any] = await database.read(
            lambda session, one=table: everything(session, one)
        )
        assert rows == []


async def test_a_contact_is_known_again_by_address_and_gets_the_telephone(
    database: Database, firm: Firm
) -> None:
    first = await database.write(
        arrive, firm, make_message(from_name="", phone="0901234567"), channel=ChannelKind.FORM
    )
    second = await database.write(arrive, firm, make_message(from_name="Lan"))

    def look(session: Session) -> None:
        contacts = {conversation(session, one).contact_id for one in (first, second)}
        assert len(contacts) == 1
        (contact,) = contacts
        assert people.list_identities(session, contact) == {
            "email": [CUSTOMER],
            "phone": ["+84901234567"],
        }
        found = people.find_contact(session, "email", CUSTOMER)
        assert found is not None
        assert found.name == "Lan"

    await database.read(look)


async def test_the_first_words_stand_in_for_a_missing_subject(
    database: Database, firm: Firm
) -> None:
    number = await database.write(
        arrive, firm, make_message("\n\n  Máy kêu to.  \nGiúp tôi.", subject=" ")
    )

    assert (await database.read(conversation, number)).subject == "Máy kêu to."


async def test_the_raw_row_knows_where_it_went(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    (raw,) = await database.read(lambda session: everything(session, RawMessage))
    assert (raw.state, raw.conversation_id) == (RawState.DONE, number)
