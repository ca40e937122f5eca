"""Which mail joins which conversation: only by what we signed, only from who takes part."""

from dataclasses import replace
from typing import Any

from sqlmodel import Session

from inbox import conversations as service
from inbox.addressing import make_message_id, make_reply_address
from inbox.channels.mime import parse
from inbox.db import Database
from models import ChannelKind, Direction
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
    make_mail,
    make_message,
    messages_of,
    outbox_of,
)

STRANGER = "ke.la@noikhac.example"
PLACES = ("in-reply-to", "references", "to", "envelope")
OTHER = b"somebody else's secret"


def _tokens(number: int, other: int) -> dict[str, tuple[str, str]]:
    """Return a Message-ID and a reply address for each state that a token may be in."""
    ours = (make_message_id(SECRET, number, "congty.example").strip("<>"), number)
    address = make_reply_address(SECRET, number, SUPPORT)
    forged = make_message_id(OTHER, number, "congty.example").strip("<>")
    return {
        "valid": (ours[0], address),
        "forged": (forged, make_reply_address(OTHER, number, SUPPORT)),
        "renumbered": (
            ours[0].replace(f"k.{number}.", f"k.{other}."),
            address.replace(f"+k{number}.", f"+k{other}."),
        ),
        "cut": (ours[0].replace("@", "x@"), address.replace("@", "x@")),
        "bare number": (f"k.{number}@congty.example", f"hotro+k{number}@congty.example"),
        "absent": ("", ""),
    }


def _arrives(place: str, token: tuple[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header values and envelope with the token at one place."""
    message_id, address = token
    headers: dict[str, Any] = {"to": (SUPPORT,)}
    meta: dict[str, Any] = {"rcpt": [SUPPORT]}
    if place == "in-reply-to":
        headers["in_reply_to"] = message_id
    elif place == "references":
        headers["references"] = ("first@khach.example", message_id, "last@x.example")
    elif place == "to":
        headers["to"] = (address,)
    else:
        meta["rcpt"] = [address]
    return headers, meta


async def test_only_a_valid_token_from_the_contact_joins(
    database: Database, firm: Firm
) -> None:
    """F9, F10, R41: six states of the token, two senders, four places in the mail."""
    number = await database.write(arrive, firm)
    other_message = make_message(from_address="khac@khach.example")
    other = await database.write(arrive, firm, other_message)
    joined = []

    for state, token in _tokens(number, other).items():
        for sender in (CUSTOMER, STRANGER):
            for place in PLACES:
                headers, meta = _arrives(place, token)
                message = make_message(
                    subject=f"Re: #{number} đổi hẳn", from_address=sender, **headers
                )
                found = await database.write(arrive, firm, message, meta=meta)
                if found in (number, other):
                    joined.append((state, sender, place, found))

    assert joined == [("valid", CUSTOMER, place, number) for place in PLACES]


async def test_a_stranger_with_a_valid_token_gets_a_new_one_with_a_hint(
    database: Database, firm: Firm
) -> None:
    """F10, R42: a forwarded mail is answered by somebody else: never joined silently."""
    number = await database.write(arrive, firm)
    stolen = _tokens(number, 0)["valid"][0]
    message = make_message(from_address=STRANGER, in_reply_to=stolen)

    found = await database.write(arrive, firm, message)

    events = await database.read(events_of, found)
    (hint,) = [event for event in events if event.kind == "hinted"]
    assert found != number
    assert hint.data == {"number": number}
    assert len(await database.read(messages_of, number)) == 1


async def test_an_answer_to_a_reply_of_ours_starts_the_next_clock(
    database: Database, firm: Firm
) -> None:
    """F9: by what was really sent, through the real reader."""
    number = await database.write(arrive, firm)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW)

    await database.write(answer)
    sent = (await database.read(outbox_of, number))[-1]
    mail = make_mail(
        "Vậy mình đặt một cái.", in_reply_to=sent.email_message_id, subject="Chuyện khác"
    )
    message = parse(mail, CUSTOMER, "")

    found = await database.write(arrive, firm, message)

    assert found == number
    kinds = [clock.kind for clock in await database.read(clocks_of, number)]
    assert kinds == ["first_response", "resolution", "next_response"]


async def test_their_own_earlier_mail_is_only_a_hint(database: Database, firm: Firm) -> None:
    """References to what is not ours prove nothing."""
    first = make_message(message_id="one@khach.example")
    number = await database.write(arrive, firm, first)
    second = make_message(references=("one@khach.example",), message_id="two@khach.example")

    found = await database.write(arrive, firm, second)

    assert found != number
    assert "hinted" in await database.read(kinds_of, found)


async def test_a_bounce_is_shown_where_the_mail_went_out_and_changes_nothing_else(
    database: Database, firm: Firm
) -> None:
    """F19: it comes from no participant, and it neither meets nor starts a clock."""
    number = await database.write(arrive, firm)
    before = await database.read(conversation, number)
    bounce = make_message(
        from_address="mailer-daemon@khach.example",
        is_bounce=True,
        is_automatic=True,
        in_reply_to=_tokens(number, 0)["valid"][0],
    )

    found = await database.write(arrive, firm, bounce)

    after = await database.read(conversation, number)
    messages = await database.read(messages_of, number)
    assert found == number
    assert [one.is_machine for one in messages] == [False, True]
    assert after.next_due_at == before.next_due_at
    assert after.asked_again == 0
    assert after.last_inbound_at == before.last_inbound_at


async def test_an_auto_reply_after_our_answer_starts_no_clock(
    database: Database, firm: Firm
) -> None:
    """F19, F37: the customer's out-of-office note asks for nothing."""
    number = await database.write(arrive, firm)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW)

    await database.write(answer)
    token = _tokens(number, 0)["valid"][0]
    machine = make_message(is_automatic=True, is_auto_reply=True, in_reply_to=token)

    found = await database.write(arrive, firm, machine)

    row = await database.read(conversation, number)
    assert found == number
    assert row.next_due_at is None
    assert len(await database.read(outbox_of, number)) == 2  # acknowledgement and reply


async def test_the_customers_own_page_joins_without_a_mail_token(
    database: Database, firm: Firm
) -> None:
    """F90: what is written behind the signed link belongs to that conversation."""
    number = await database.write(arrive, firm)
    meta = {"conversation": number}
    message = replace(make_message("Gấp giúp mình."), from_address="")

    found = await database.write(
        arrive, firm, message, channel=ChannelKind.FORM, meta=meta, at=NOW
    )

    row = await database.read(conversation, number)
    said = await database.read(messages_of, number)
    assert found == number
    assert row.asked_again == 1
    assert [one.direction for one in said] == [Direction.INBOUND] * 2
    assert len(await database.read(outbox_of, number)) == 1  # R18: no second acknowledgement


async def test_asking_again_keeps_one_clock_from_the_first_question(
    database: Database, firm: Firm
) -> None:
    """F38, F120: three questions after our answer are one clock, from the first of them."""
    number = await database.write(arrive, firm)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW)

    await database.write(answer)
    token = _tokens(number, 0)["valid"][0]
    for minutes in (1, 5, 9):
        at = NOW.replace(minute=NOW.minute + minutes)
        await database.write(arrive, firm, make_message(in_reply_to=token), at=at)

    row = await database.read(conversation, number)
    following = [
        clock
        for clock in await database.read(clocks_of, number)
        if clock.kind == "next_response"
    ]
    assert [clock.started_at for clock in following] == [NOW.replace(minute=NOW.minute + 1)]
    assert row.asked_again == 2
