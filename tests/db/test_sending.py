"""Mail that leaves, beyond the fence: copies, files, stops, marks, once more, own servers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import conversations as service
from inbox import delivery
from inbox.acknowledgement import Caps
from inbox.addressing import make_message_id, make_reply_address
from inbox.channels.base import OutboundMessage, Receipt
from inbox.conversations import NoDelivery
from inbox.courier import Courier
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound, Rejected, Unavailable, Unconfirmed
from inbox.outgoing import again, marks
from inbox.outgoing.letters import Extras, File, WrongAddress, read_copies
from models import (
    AddressMark,
    Agent,
    DeliveryState,
    Inbox,
    Outbox,
    OutboxKind,
    Status,
)
from tests.conftest import Clock
from tests.factories import (
    CUSTOMER,
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_message,
    outbox_of,
)

Fence = Callable[[], Awaitable[bool]]
HOUR = timedelta(hours=1)
GONE = "5.1.1"


class Wire:
    """The far side: takes mail, or fails before or after the fence."""

    def __init__(
        self, before: Exception | None = None, after: Exception | None = None, **answer: Any
    ) -> None:
        self.before, self.after, self.answer = before, after, answer
        self.sent: list[OutboundMessage] = []

    async def send(self, message: OutboundMessage, fence: Fence) -> Receipt | None:
        if self.before is not None:
            raise self.before
        if not await fence():
            return None
        if self.after is not None:
            raise self.after
        self.sent.append(message)
        return Receipt("queued as 17", **self.answer)


def refusal(code: int = 550, enhanced: str = GONE) -> Rejected:
    """Return what a server says of an address it does not know."""
    error = Rejected(f"The mail server refused: {code} {enhanced} no such user")
    error.code, error.enhanced, error.of_recipient = code, enhanced, True
    error.said = f"{code} {enhanced} no such user"
    return error


async def run(database: Database, wire: Wire, clock: Clock) -> None:
    """Do what the loop does with everything whose time has come."""
    sender = Courier(database)
    for job in await database.write(delivery.claim, clock.now, 20):
        await sender.deliver(wire, job)
    await sender.settle()


def reply(session: Session, firm: Firm, number: int, **extras: Any) -> int:
    row = conversation(session, number)
    said = service.reply(
        session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW, extras=Extras(**extras)
    )
    return said.id


async def rows_of(database: Database, number: int, kind: OutboxKind) -> list[Outbox]:
    found = await database.read(outbox_of, number)
    return [row for row in found if row.kind is kind]


async def answer_of(database: Database, number: int) -> Outbox:
    (row,) = await rows_of(database, number, OutboxKind.REPLY)
    return row


async def bounce(database: Database, firm: Firm, number: int, **values: Any) -> None:
    """Let a delivery report come back to a conversation's signed address."""
    message = make_message(
        "It could not be delivered.",
        **{
            "from_address": "mailer-daemon@mx.example",
            "is_bounce": True,
            "is_automatic": True,
            "bounced_recipients": (CUSTOMER,),
            "bounce_code": GONE,
            "bounce_said": "550 5.1.1 no such user",
            **values,
        },
    )
    to = make_reply_address(SECRET, number, SUPPORT)
    await database.write(arrive, firm, message, meta={"rcpt": [to]})


async def marked(database: Database) -> list[str]:
    rows: list[AddressMark] = await database.read(lambda s: everything(s, AddressMark))
    return [row.address for row in rows if row.lifted_at is None]


# ---- what goes with an answer ---------------------------------------------------------


async def test_an_answer_goes_out_with_copies_files_signature_and_quote(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number = await database.write(arrive, firm)

    def sign(session: Session) -> None:
        session.get_one(Agent, firm.an.id).signature = "{name}, {team}, {company} {{7*7}}"

    await database.write(sign)
    file = File("../báo giá.pdf", "application/pdf", b"%PDF")
    more = {"cc": ("boss@khach.example",), "bcc": ("quiet@khach.example",), "files": (file,)}
    await database.write(reply, firm, number, **more)
    wire = Wire(refused=(("boss@khach.example", "550 full"),))
    await run(database, wire, clock)

    (mail,) = [one for one in wire.sent if not one.automatic]
    assert (mail.cc, mail.bcc) == (more["cc"], more["bcc"])
    assert [(one.filename, one.data) for one in mail.files] == [("báo giá.pdf", b"%PDF")]
    assert "\n-- \nAn, Bán hàng, Công ty Thử {{7*7}}\n" in mail.text
    assert f"Lan <{CUSTOMER}> đã viết:\n> Cho mình hỏi về máy lọc nước." in mail.text
    assert "<blockquote>" in mail.html
    assert mail.envelope_from == make_reply_address(SECRET, number, SUPPORT)
    row = await answer_of(database, number)
    assert (row.state, row.error) == (DeliveryState.SENT, "boss@khach.example: 550 full")
    assert row.copies == {"cc": list(more["cc"]), "bcc": list(more["bcc"])}


def test_copies_are_read_as_people_type_them() -> None:
    cc, bcc = read_copies("An <an@x.example>; b@x.example,", "b@x.example\nC@X.example")
    assert (cc, bcc) == (("an@x.example", "b@x.example"), ("c@x.example",))
    for wrong in ("nobody", "a@x.example, b", "a@b", '"a b"@x.example'):
        with pytest.raises(WrongAddress):
            read_copies(wrong, "")
    with pytest.raises(WrongAddress):
        read_copies(",".join(f"a{n}@x.example" for n in range(21)), "")


async def test_an_inbox_of_ours_gets_no_copy(database: Database, firm: Firm) -> None:
    """F20: it would come back as a request."""
    number = await database.write(arrive, firm)

    with pytest.raises(Invalid):
        await database.write(reply, firm, number, cc=(SUPPORT.replace("@", "+x@"),))


async def test_the_inbox_signs_for_who_has_no_signature(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number = await database.write(arrive, firm)

    def sign(session: Session) -> None:
        session.get_one(Inbox, firm.mail).settings = {"signature": "Đội {team}"}

    await database.write(sign)
    await database.write(reply, firm, number)

    assert "\n-- \nĐội Bán hàng\n" in (await answer_of(database, number)).mail["text"]


# ---- stops ----------------------------------------------------------------------------


async def test_one_address_gets_so_much_automatic_mail_an_hour(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F21: whatever the rules say; the stop is on the conversation, people's answers go."""
    open_house = replace(firm.house, caps=Caps(per_address_a_day=99))
    numbers = [
        await database.write(arrive, firm, house=open_house, at=NOW)
        for _ in range(Caps().automatic_an_hour + 2)
    ]
    await database.write(reply, firm, numbers[-1])
    wire = Wire()
    await run(database, wire, clock)

    automatic = [one for one in wire.sent if one.automatic]
    assert (len(automatic), len(wire.sent)) == (Caps().automatic_an_hour, len(automatic) + 1)
    last = (await database.read(events_of, numbers[-1]))[-1]
    assert (last.kind.value, last.data["reason"]) == ("mail_stopped", "too_many")
    (stopped,) = await rows_of(database, numbers[-1], OutboxKind.ACKNOWLEDGEMENT)
    assert stopped.state is DeliveryState.CANCELLED

    clock.forward(hours=1, seconds=1)
    await database.write(arrive, firm, house=open_house, at=clock.now)
    await run(database, wire, clock)
    assert len(wire.sent) == len(automatic) + 2


async def test_a_hard_bounce_marks_and_stops_what_is_automatic(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F22, F19: and the report is shown, starts no clock and is answered by nobody."""
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await database.write(reply, firm, number)
    before = await database.read(conversation, number)

    await bounce(database, firm, number)
    again_ = await database.write(arrive, firm)
    wire = Wire()
    await run(database, wire, clock)

    after = await database.read(conversation, number)
    assert await marked(database) == [CUSTOMER]
    assert [one.automatic for one in wire.sent] == [False]  # the answer, sent by hand before
    assert (after.next_due_at, after.status) == (before.next_due_at, before.status)
    kinds = [event.kind.value for event in await database.read(events_of, number)]
    assert "address_bounced" in kinds
    assert (await database.read(events_of, again_))[-1].data["reason"] == "bounced"


@pytest.mark.parametrize("code", ["5.2.2", "4.2.0", "4.7.1", "5.7.1", ""])
async def test_a_full_letter_box_or_a_delay_marks_nothing(
    database: Database, firm: Firm, code: str
) -> None:
    """F22: over quota, greylisted, refused for what it says: the address is right."""
    number = await database.write(arrive, firm)

    await bounce(database, firm, number, bounce_code=code)

    assert await marked(database) == []


async def test_a_forged_bounce_marks_nobody(database: Database, firm: Firm) -> None:
    """F22: it has to come by a signed id, and be about whom that conversation wrote to."""
    number = await database.write(arrive, firm)
    await bounce(database, firm, number, bounced_recipients=("other@khach.example",))
    forged = make_message(
        from_address="mailer-daemon@mx.example",
        is_bounce=True,
        is_automatic=True,
        bounced_recipients=(CUSTOMER,),
        bounce_code=GONE,
        references=(make_message_id(b"another secret", number, "congty.example"),),
    )
    await database.write(arrive, firm, forged)

    assert await marked(database) == []


async def test_by_hand_it_asks_first_and_a_person_lifts_the_mark(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F22: sending anyway is possible; lifting needs a reason, which is kept."""
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await bounce(database, firm, number)

    with pytest.raises(NoDelivery):
        await database.write(reply, firm, number)
    await database.write(reply, firm, number, anyway=True)

    def lift(session: Session, reason: str) -> None:
        row = conversation(session, number)
        marks.lift(session, row, CUSTOMER, reason, by=firm.an.id, now=NOW)

    with pytest.raises(Invalid):
        await database.write(lift, " ")
    await database.write(lift, "Khách gọi điện")
    with pytest.raises(Conflict):
        await database.write(lift, "again")

    assert await marked(database) == []
    last = (await database.read(events_of, number))[-1]
    assert (last.kind.value, last.data["reason"]) == ("address_cleared", "Khách gọi điện")


async def test_a_no_to_the_address_itself_marks_it_too(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F22, R21: said by the server that we hand over to, before any report."""
    number = await database.write(arrive, firm)
    await run(database, Wire(before=refusal(552, "5.2.2")), clock)
    assert await marked(database) == []
    await database.write(reply, firm, number)

    await run(database, Wire(before=refusal()), clock)

    assert await marked(database) == [CUSTOMER]


# ---- once more ------------------------------------------------------------------------


async def _do(database: Database, work: Any, firm: Firm, number: int, now: Any) -> None:
    row = await answer_of(database, number)

    def act(session: Session) -> None:
        work(session, conversation(session, number), row.id, by=firm.an.id, now=now)

    await database.write(act)


async def test_a_failed_answer_is_sent_again_when_somebody_says_so(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F77, R20, R21: same Message-ID, five fresh days, and the clock is met again."""
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await database.write(reply, firm, number)
    await run(database, Wire(before=Rejected("550 no")), clock)
    first = await answer_of(database, number)
    owed = await database.read(conversation, number)
    clock.forward(days=6)

    await _do(database, again.retry, firm, number, clock.now)
    answered = await database.read(conversation, number)
    await run(database, Wire(before=Unavailable("later")), clock)
    waiting = await answer_of(database, number)
    clock.forward(seconds=15)
    wire = Wire()
    await run(database, wire, clock)

    assert (first.state, owed.next_due_at) == (DeliveryState.FAILED, NOW + HOUR)
    assert answered.next_due_at is None
    assert waiting.leased_until == clock.now  # 15 s: counted anew
    assert [one.message_id for one in wire.sent] == [first.email_message_id]
    assert (await answer_of(database, number)).state is DeliveryState.SENT
    with pytest.raises(Conflict):
        await _do(database, again.retry, firm, number, clock.now)


async def test_a_retry_that_fails_takes_the_answer_back_again(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await database.write(reply, firm, number)
    for _ in range(2):
        await run(database, Wire(before=Rejected("550 no")), clock)
        assert (await database.read(conversation, number)).next_due_at == NOW + HOUR
        clock.forward(minutes=1)
        await _do(database, again.retry, firm, number, clock.now)
        assert (await database.read(conversation, number)).next_due_at is None


async def test_what_may_have_arrived_waits_for_a_person(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F77, R19: never twice by itself; twice when somebody wants it so."""
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await database.write(reply, firm, number)
    await run(database, Wire(after=Unconfirmed("The connection broke.")), clock)
    wire = Wire()
    for _ in range(3):
        clock.forward(hours=5)
        await run(database, wire, clock)
    assert wire.sent == []

    await _do(database, again.retry, firm, number, clock.now)
    await run(database, wire, clock)

    assert len(wire.sent) == 1


async def test_a_waiting_answer_is_taken_back(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """DECISIONS 30: the clock runs on from the arrival; nothing leaves."""
    number = await database.write(arrive, firm)
    await run(database, Wire(), clock)
    await database.write(reply, firm, number)

    await _do(database, again.cancel, firm, number, NOW)
    wire = Wire()
    await run(database, wire, clock)

    row = await database.read(conversation, number)
    assert wire.sent == []
    assert (row.status, row.next_due_at) == (Status.OPEN, NOW + HOUR)
    with pytest.raises(Conflict):
        await _do(database, again.cancel, firm, number, NOW)


async def test_another_conversation_s_mail_is_not_there(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    other = await database.write(arrive, firm)
    await database.write(reply, firm, other)
    mail = await answer_of(database, other)

    def act(session: Session) -> None:
        row = conversation(session, number)
        again.cancel(session, row, mail.id, by=firm.an.id, now=NOW)

    with pytest.raises(NotFound):
        await database.write(act)


async def test_a_server_that_names_a_time_gets_it(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F26: "try again in 10 minutes" is waited for; domains that are slow are left alone."""
    number = await database.write(arrive, firm)
    later = Unavailable("450 4.2.0 greylisted, try again in 10 minutes")
    later.code, later.wait_s = 450, 600
    await run(database, Wire(before=later), clock)

    (row,) = await rows_of(database, number, OutboxKind.ACKNOWLEDGEMENT)
    assert row.leased_until == NOW + timedelta(minutes=10)
    await database.write(lambda s: s.execute(update(Outbox).values(leased_until=NOW)) and None)
    assert not await database.read(delivery.waits, NOW, {"khach.example"})
    assert await database.write(delivery.claim, NOW, 20, {"khach.example"}) == []
    assert await database.read(delivery.waits, NOW, {"example"})
