"""By which server, how fast: an inbox's own, kept open, slow domains left alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from sqlmodel import Session

from inbox.channels import dkim, smtp
from inbox.channels.base import OutboundMessage
from inbox.channels.smtp import Server, SmtpSender, SmtpSession
from inbox.company import senders, signing
from inbox.company.boxes import TestFailed
from inbox.company.senders import Entered
from inbox.db import Database
from inbox.errors import Rejected
from inbox.loops import BATCH, Send
from inbox.sending import paces
from inbox.settings import Settings
from inbox.vault import Vault
from models import DeliveryState, DomainPace, MailSender, Outbox
from tests.conftest import Clock
from tests.factories import SECRET, SUPPORT, Firm, arrive, everything, make_message
from tests.unit.test_letters import verified

pytestmark = pytest.mark.one_database
PASSWORD = "mật khẩu của riêng hộp thư"


class Far:
    """A mail server that remembers; slow to some domains."""

    def __init__(self, slow: str = "") -> None:
        self.slow = slow
        self.mails: list[tuple[str, str, bytes]] = []
        self.asked: list[str] = []
        self.connections = 0
        self.talk: SMTP | None = None

    def connected(self) -> "SMTP":
        self.connections += 1
        self.talk = SMTP(self, authenticator=self.check, auth_require_tls=False)
        return self.talk

    def hang_up(self) -> None:
        assert self.talk is not None
        assert self.talk.transport is not None
        self.talk.transport.close()

    def check(self, *given: Any) -> AuthResult:
        login = given[-1]
        good = (login.login, login.password) == (b"kip", PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd looks for
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        self.asked.append(address)
        if address.startswith("gone@"):
            return "550 5.1.1 no such user"
        if self.slow and address.endswith(self.slow):
            return "450 4.2.1 too fast"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        for address in envelope.rcpt_tos:
            self.mails.append((envelope.mail_from or "", address, content))
        return "250 2.0.0 queued as ABC"


@asynccontextmanager
async def listening(far: Far) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(far.connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def sending(database: Database, port: int) -> Send:
    settings = Settings.model_construct(smtp_url=f"smtp://127.0.0.1:{port}")
    return Send(database, settings, SECRET)


async def acknowledge(database: Database, firm: Firm, *people: str) -> None:
    for person in people:
        await database.write(arrive, firm, make_message(from_address=person))


async def states(database: Database) -> Counter[str]:
    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    return Counter(row.state.value for row in rows)


async def fence() -> bool:
    return True


def letter(to: str = "an@khach.example", **values: Any) -> OutboundMessage:
    return OutboundMessage("1.x@congty.example", SUPPORT, to, "Re: x", "Dạ còn ạ.", **values)


async def test_copies_share_one_mail_and_one_that_is_refused_holds_up_nobody() -> None:
    """R43, R44: hidden copies are on the envelope only; the one who asked decides."""
    far = Far()
    copies: dict[str, Any] = {
        "cc": ("b@khach.example", "gone@khach.example"),
        "bcc": ("kin@khach.example",),
    }
    async with listening(far) as port, SmtpSender(f"smtp://127.0.0.1:{port}").session() as wire:
        receipt = await wire.send(letter(**copies), fence)
        with pytest.raises(Rejected) as refused:
            await wire.send(letter("gone@khach.example", cc=("b@khach.example",)), fence)

    assert receipt is not None
    assert receipt.refused == (("gone@khach.example", "550 5.1.1 no such user"),)
    arrived = [to for _, to, _ in far.mails]
    assert arrived == ["an@khach.example", "b@khach.example", "kin@khach.example"]
    assert all(b"kin@khach.example" not in mail for _, _, mail in far.mails)
    assert (refused.value.enhanced, refused.value.of_recipient) == ("5.1.1", True)


async def test_a_server_that_hung_up_in_between_is_called_again() -> None:
    """R18: nothing had been handed over; the mail goes out once."""
    far = Far()
    async with listening(far) as port, SmtpSender(f"smtp://127.0.0.1:{port}").session() as wire:
        await wire.send(letter(), fence)
        far.hang_up()
        await wire.send(letter("b@khach.example"), fence)

    assert [to for _, to, _ in far.mails] == ["an@khach.example", "b@khach.example"]
    assert far.connections == 2


async def test_where_we_sign_in_the_sender_is_the_address_itself() -> None:
    """Providers let an account send as itself only, without our tag behind a plus sign."""
    far = Far()
    async with listening(far) as port:
        server = Server("127.0.0.1", port, "kip", PASSWORD, tls="none")
        async with SmtpSession(server, plain_sender=True) as wire:
            await wire.send(letter(envelope_from="hotro+k1.x@congty.example"), fence)

    assert [sender for sender, _, _ in far.mails] == [SUPPORT]


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("450 4.2.0 greylisted, try again in 300 seconds", 300),
        ("451 please retry after 5 minutes", 300),
        ("421 come back in 1 hour", 3600),
        ("450 in 99999 hours", 4 * 3600),
        ("451 4.7.1 later", 0),
    ],
)
def test_a_server_may_name_a_time(said: str, wait_s: int) -> None:
    assert smtp._asked_wait(said) == wait_s


async def test_one_connection_serves_batch_after_batch(
    database: Database, firm: Firm, clock: Clock
) -> None:
    count = BATCH + 5
    await acknowledge(database, firm, *(f"n{n}@khach.example" for n in range(count)))
    far = Far()
    async with listening(far) as port:
        send = sending(database, port)
        while await send.once():
            pass

    assert await states(database) == {"sent": count}
    assert (len(far.mails), far.connections) == (count, 1)


async def test_a_slow_domain_holds_up_nobody_and_is_left_alone(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F26: it is asked once, then after a pause that doubles; others get their mail."""
    slow = [f"n{n}@slow.example" for n in range(4)]
    await acknowledge(database, firm, *slow, "a@khach.example", "b@other.example")
    far = Far(slow="@slow.example")
    async with listening(far) as port:
        send = sending(database, port)
        await send.once()
        first = Counter(address.partition("@")[2] for address in far.asked)
        clock.forward(seconds=14)
        await send.once()
        early = len(far.asked)
        clock.forward(seconds=60)
        await send.once()
        second = len(far.asked)
        far.slow = ""
        for _ in range(20):
            clock.forward(minutes=1)
            await send.once()

    assert first == {"slow.example": 1, "khach.example": 1, "other.example": 1}
    assert (early, second) == (3, 4)
    assert await states(database) == {"sent": 6}


async def test_what_one_worker_hears_of_a_domain_all_know(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R19: a pause is a row; two who hear "not now" at once make it no longer twice."""
    await acknowledge(database, firm, *(f"n{n}@slow.example" for n in range(3)))
    far = Far(slow="@slow.example")
    async with listening(far) as port:
        workers = [sending(database, port) for _ in range(2)]
        for _ in range(3):
            for one in workers:
                await one.once()
        assert len(far.asked) == 1
        clock.forward(seconds=16)
        for one in workers:
            await one.once()
        assert len(far.asked) == 2
        far.slow = ""
        clock.forward(minutes=5)
        await workers[1].once()
        await workers[0].once()

    assert await states(database) == {"sent": 3}
    assert await database.read(everything, DomainPace) == []
    for _ in range(2):
        until = await database.write(paces.slow_down, "x.example", 0, clock.now)
        assert until == clock.now + timedelta(seconds=15)
    clock.forward(seconds=15)
    assert await database.write(paces.slow_down, "x.example", 0, clock.now) == (
        clock.now + timedelta(seconds=30)
    )
    clock.forward(seconds=30)
    asked = await database.write(paces.slow_down, "x.example", 900, clock.now)
    assert asked == clock.now + timedelta(seconds=900)


async def test_an_inbox_sends_by_its_own_server_signed(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R59: with a password that lies nowhere in the open; others verify the signature."""
    vault = Vault(SECRET)
    domain = SUPPORT.partition("@")[2]
    private, public = dkim.make_key()
    own, usual = Far(), Far()
    async with listening(own) as port, listening(usual) as other_port:
        entered = Entered("127.0.0.1", port, "none", "password", "kip", PASSWORD)

        def enter(session: Session) -> None:
            senders.enter(session, firm.mail, entered, vault, by=firm.admin.id, now=clock.now)
            row = signing.add_key(session, domain, (private, public), vault, clock.now, by=None)
            signing.note_record(session, row.id, "", clock.now, by=None)

        await database.write(enter)
        await acknowledge(database, firm, "a@khach.example")
        await sending(database, other_port).once()

    assert await states(database) == {"sent": 1}
    ((sender, to, mail),) = own.mails
    assert (sender in ("", "<>"), to, usual.mails) == (True, "a@khach.example", [])
    assert verified(mail, domain, dkim.record_text(public))
    (row,) = await database.read(lambda s: everything(s, MailSender))
    assert PASSWORD not in row.password
    assert row.last_ok_at is not None


async def test_an_own_server_that_is_down_is_written_down(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F26: the mail waits; nothing goes out by another server instead."""
    usual = Far()
    async with listening(usual) as port:
        entered = Entered("127.0.0.1", 1, "none", "none")

        def enter(session: Session) -> None:
            vault = Vault(SECRET)
            senders.enter(session, firm.mail, entered, vault, by=firm.admin.id, now=clock.now)

        await database.write(enter)
        await acknowledge(database, firm, "a@khach.example")
        await sending(database, port).once()

    (mail,) = await database.read(lambda s: everything(s, Outbox))
    (row,) = await database.read(lambda s: everything(s, MailSender))
    assert (mail.state, usual.mails) == (DeliveryState.QUEUED, [])
    assert row.failing_since == clock.now
    assert "127.0.0.1" in row.last_error


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, ""),
        ({"password": "another"}, "user name and password"),
        ({"port": 1}, "Nothing answers"),
        ({"host": "no.such.host.invalid"}, "no server of this name"),
        ({"tls": "starttls"}, "STARTTLS"),
    ],
)
async def test_the_test_says_what_is_wrong(change: dict[str, Any], wrong: str) -> None:
    far = Far()
    async with listening(far) as port:
        values = {"host": "127.0.0.1", "port": port, "user": "kip", "password": PASSWORD}
        server = Server(**{**values, "tls": "none", **change})
        if not wrong:
            await senders.look(server, SUPPORT)
            return
        with pytest.raises(TestFailed) as failed:
            await senders.look(server, SUPPORT)
    assert wrong in failed.value.advice.wrong
    assert failed.value.advice.mend
    assert far.mails == []
