"""The automatic answer: to persons, once, at once, with the honest time, under its caps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.acknowledgement import Caps
from inbox.channels.compose import build
from inbox.channels.mime import parse
from inbox.db import Database
from inbox.delivery import compose
from models import ChannelKind, Conversation, DeliveryState, EventKind, Outbox, OutboxKind
from tests.factories import (
    CUSTOMER,
    NOW,
    SUPPORT,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_mail,
    make_message,
    outbox_of,
)

MINUTE = timedelta(minutes=1)
SATURDAY_NIGHT = datetime(2026, 3, 7, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam


async def _answered(database: Database, firm: Firm, message: Any = None, **values: Any) -> str:
    """Take a message in; return "sent", or why there was no acknowledgement."""
    number = await database.write(arrive, firm, message, **values)
    (said,) = [
        one
        for one in await database.read(events_of, number)
        if one.kind in (EventKind.ACKNOWLEDGED, EventKind.ACKNOWLEDGEMENT_WITHHELD)
    ]
    sent = bool(await database.read(outbox_of, number))
    assert sent == (said.kind == EventKind.ACKNOWLEDGED)
    return "sent" if sent else str(said.data["reason"])


async def test_it_says_number_time_hours_and_link(database: Database, firm: Firm) -> None:
    """F23: ready to go in the same transaction, so within the minute."""
    message = make_message(message_id="a@khach.example")
    number = await database.write(arrive, firm, message)

    (row,) = await database.read(outbox_of, number)
    page = (await database.read(conversation, number)).public_token
    mail = compose(row.mail)

    assert (row.kind, row.state) == (OutboxKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
    assert (row.created_at, row.leased_until) == (NOW, NOW)
    assert (mail.to, mail.from_address, mail.automatic) == (CUSTOMER, SUPPORT, True)
    assert str(number) in mail.subject
    assert "10:30 hôm nay" in mail.text
    assert "T2–T6 08:00–12:00, 13:00–17:00" in mail.text
    assert f"/s/{page}" in mail.text
    assert mail.in_reply_to == "a@khach.example"
    assert mail.reply_to.startswith(f"hotro+k{number}.")


async def test_saturday_night_gets_monday_and_that_we_are_closed(
    database: Database, firm: Firm
) -> None:
    """F24."""
    number = await database.write(arrive, firm, at=SATURDAY_NIGHT)

    row = await database.read(conversation, number)
    (mail,) = await database.read(outbox_of, number)
    text = compose(mail.mail).text
    assert row.promised_at == datetime(2026, 3, 9, 2, 0, tzinfo=UTC)  # Monday 09:00
    assert "9:00 thứ Hai, 9/3" in text
    assert "đang nghỉ" in text
    assert "8:00 thứ Hai, 9/3" in text


@pytest.mark.parametrize(
    ("language", "text"), [("vi", "Chào anh/chị,"), ("en", "Hello,"), ("fr", "Chào anh/chị,")]
)
async def test_it_speaks_the_conversations_language(
    database: Database, firm: Firm, language: str, text: str
) -> None:
    """F27; a language that we do not speak gets the company's."""
    number = await database.write(arrive, firm, make_message(language=language))

    row = await database.read(conversation, number)
    (mail,) = await database.read(outbox_of, number)
    assert row.language == ("en" if language == "en" else "vi")
    assert text in compose(mail.mail).text


async def test_it_repeats_nothing_that_the_sender_typed(database: Database, firm: Firm) -> None:
    """R31, R44: the form cannot be used to send words to somebody else."""
    bait = "http://xau.example/mua-ngay"
    message = make_message(
        bait, subject=f"{bait}\r\nBcc: x@x.example", from_name=f"{bait} <b@b.example>"
    )
    number = await database.write(arrive, firm, message, channel=ChannelKind.FORM)

    (mail,) = await database.read(outbox_of, number)
    assert b"xau.example" not in build(compose(mail.mail))
    assert b"Bcc" not in build(compose(mail.mail))


async def test_no_machine_gets_one(database: Database, firm: Firm) -> None:
    """F19, R29, DESIGN 39: every mark, by the real reader; and our own mail that came back."""
    own = firm.house.instance_id
    marks: list[tuple[dict[str, str], str]] = [
        ({"auto_submitted": "auto-replied"}, CUSTOMER),
        ({"auto_submitted": "auto-generated"}, CUSTOMER),
        ({"precedence": "bulk"}, CUSTOMER),
        ({"list_id": "<tin.example>"}, CUSTOMER),
        ({"x_auto_response_suppress": "All"}, CUSTOMER),
        ({"x_kip_instance": own}, CUSTOMER),
        ({"from": "MAILER-DAEMON@khach.example"}, CUSTOMER),
        ({}, ""),  # null sender
        ({"content_type": "multipart/report; report-type=delivery-status"}, CUSTOMER),
    ]
    for headers, envelope_from in marks:
        kind = headers.pop("content_type", "")
        mail = make_mail(**headers)
        if kind:
            mail = mail.replace(b"text/plain", kind.encode())
        message = parse(mail, envelope_from, own)
        assert await _answered(database, firm, message) == "automatic", (headers, kind)

    assert await _answered(database, firm, parse(make_mail(), CUSTOMER, own)) == "sent"


async def test_our_own_and_unusable_addresses_get_none(database: Database, firm: Firm) -> None:
    for address in (SUPPORT, "", "a b@x.example", '"a"@x.example'):
        message = make_message(from_address=address)
        assert await _answered(database, firm, message) == "no_address"


async def test_three_a_day_for_one_address_on_any_channel(
    database: Database, firm: Firm
) -> None:
    """F20, F21, R30: two machines without any mark stop by themselves."""
    channels = [ChannelKind.EMAIL, ChannelKind.FORM, ChannelKind.EMAIL, ChannelKind.API]

    said = [
        await _answered(database, firm, channel=channel, at=NOW + n * MINUTE)
        for n, channel in enumerate(channels)
    ]
    next_day = await _answered(database, firm, at=NOW + timedelta(days=1, minutes=5))

    assert said == ["sent", "sent", "sent", "address"]
    assert next_day == "sent"


async def test_a_thousand_foreign_addresses_by_form_cause_five_mails(
    database: Database, firm: Firm
) -> None:
    """R31: from one place; the conversations are there nevertheless."""
    peer = {"peer": "192.0.2.1"}

    said = [
        await _answered(
            database,
            firm,
            make_message(from_address=f"nguoi{n}@khac.example"),
            channel=ChannelKind.FORM,
            meta=peer,
        )
        for n in range(8)
    ]

    rows: list[Conversation] = await database.read(
        lambda session: everything(session, Conversation)
    )
    assert said == [*["sent"] * 5, *["ip"] * 3]
    assert len(rows) == 8
    assert all(row.promised_at is not None for row in rows)


async def test_the_cap_of_an_address_of_the_net_is_an_hour_and_for_strangers(
    database: Database, firm: Firm
) -> None:
    """Another place, the next hour, a known address and mail are free of it."""
    tight = replace(firm.house, caps=Caps(per_ip_an_hour=1))
    number = iter(range(100))

    async def ask(peer: str = "192.0.2.1", **values: Any) -> str:
        message = values.pop("message", None) or make_message(
            from_address=f"nguoi{next(number)}@khac.example"
        )
        values.setdefault("channel", ChannelKind.FORM)
        meta = {"peer": peer}
        return await _answered(database, firm, message, meta=meta, house=tight, **values)

    assert await ask() == "sent"
    assert await ask() == "ip"
    assert await ask(peer="192.0.2.2") == "sent"
    assert await ask(at=NOW + timedelta(hours=1)) == "sent"
    typed_before = make_message(from_address="nguoi0@khac.example")
    assert await ask(message=typed_before) == "ip"  # a form proves no address
    assert await ask(message=make_message(), channel=ChannelKind.EMAIL) == "sent"
    assert await ask(message=make_message()) == "sent"


async def test_tags_behind_a_plus_are_one_address_and_never_our_own(
    database: Database, firm: Firm
) -> None:
    """F21, R31: three a day for somebody, however many tags are made up."""
    said = [
        await _answered(database, firm, make_message(from_address=f"lan+{n}@khach.example"))
        for n in range(4)
    ]
    own = make_message(from_address=SUPPORT.replace("@", "+k1001.x@"))

    assert said == ["sent", "sent", "sent", "address"]
    assert await _answered(database, firm, own) == "no_address"


async def test_two_hundred_strangers_an_hour_is_all(database: Database, firm: Firm) -> None:
    """With a small number in place of 200."""
    assert Caps() == Caps(per_address_a_day=3, per_ip_an_hour=5, strangers_an_hour=200)
    tight = replace(firm.house, caps=Caps(strangers_an_hour=2))

    said = [
        await _answered(
            database,
            firm,
            make_message(from_address=f"nguoi{n}@khac.example"),
            channel=ChannelKind.FORM,
            meta={"peer": f"192.0.2.{n}"},
            house=tight,
        )
        for n in range(4)
    ]

    assert said == ["sent", "sent", "hour", "hour"]


async def test_a_company_sets_its_own_caps() -> None:
    assert Caps.of({}) == Caps()
    assert Caps.of({"caps": {"per_ip_an_hour": 7}}).per_ip_an_hour == 7


async def test_one_conversation_has_one(database: Database, firm: Firm) -> None:
    """R18: taking the same row in again, or a further message, sends no second one."""
    number = await database.write(arrive, firm)
    meta = {"conversation": number}
    for n in range(3):
        await database.write(
            arrive, firm, channel=ChannelKind.FORM, meta=meta, at=NOW + n * MINUTE
        )

    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    assert [row.kind for row in rows] == [OutboxKind.ACKNOWLEDGEMENT]


async def test_without_any_sender_address_it_is_said_and_nothing_breaks(
    database: Database, firm: Firm
) -> None:
    """F26: a company without mail still has conversations."""
    mute = replace(firm.house, mail_from="", own_addresses=())

    said = await _answered(database, firm, channel=ChannelKind.FORM, house=mute)

    assert said == "no_address"
