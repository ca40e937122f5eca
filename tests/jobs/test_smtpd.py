"""The mail receiver, spoken to over a socket: 250 only for what is committed."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, TypeVar

import pytest
from aiosmtpd.smtp import Envelope
from sqlmodel import Session

from inbox import smtpd, staging
from inbox.addressing import make_reply_address
from inbox.channels.mime import parse
from inbox.db import Database, DatabaseGone
from inbox.smtpd import Receiver, Server, Sink, make_server
from inbox.staging import MAX_MAIL_BYTES
from models import ChannelKind, Inbox, RawMessage, SinkMail
from tests.factories import CUSTOMER, NOW, SECRET, SUPPORT, Firm, everything, make_mail

T = TypeVar("T")

SECRET_WORDS = "could not connect to host db.internal, password s3cr3t"


@dataclass
class Post:
    """A running receiver and what is in its database."""

    port: int
    database: Database

    async def talk(self, work: Callable[[smtplib.SMTP], T]) -> T:
        """Talk to the server from a thread, as another program would."""

        def run() -> T:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                client.ehlo()
                return work(client)

        return await asyncio.to_thread(run)

    async def send(self, mail: bytes, *to: str, sender: str = CUSTOMER) -> int:
        """Send a mail; return the code of the refusal, or 250."""

        def work(client: smtplib.SMTP) -> int:
            try:
                client.sendmail(sender, to or (SUPPORT,), mail)
            except smtplib.SMTPRecipientsRefused as error:
                return max(code for code, _ in error.recipients.values())
            except smtplib.SMTPResponseException as error:
                return error.smtp_code
            return 250

        return await self.talk(work)

    async def stored(self) -> list[RawMessage]:
        """Return what was stored."""
        return await self.database.read(lambda session: everything(session, RawMessage))


@pytest.fixture
async def post(database: Database, firm: Firm, tmp_path: Path) -> AsyncIterator[Post]:
    """Start a receiver on a free port."""
    receiver = Receiver(database, tmp_path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make_server(receiver, "kip"), "127.0.0.1", 0)
    yield Post(server.sockets[0].getsockname()[1], database)
    server.close()
    for _ in range(200):
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.01)
    await server.wait_closed()


async def test_yes_is_said_of_a_committed_row(post: Post, firm: Firm) -> None:
    """R1: as it came, with the envelope, under our own time."""
    mail = make_mail("Máy kêu to.")

    code = await post.send(mail)

    (row,) = await post.stored()
    assert code == 250
    assert row.body == mail
    assert (row.inbox_id, row.kind) == (firm.mail, ChannelKind.EMAIL)
    assert row.meta == {"from": CUSTOMER, "rcpt": [SUPPORT], "peer": "127.0.0.1"}
    assert row.received_at > NOW


async def test_the_same_mail_sent_again_is_taken_and_kept_once(post: Post) -> None:
    """R2: the sender never saw our 250."""
    mail = make_mail()

    codes = [await post.send(mail) for _ in range(3)]

    assert codes == [250, 250, 250]
    assert len(await post.stored()) == 1


async def test_without_a_database_the_sender_keeps_the_mail(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R1, R9, R40: a fixed text that says nothing of us, and the next try succeeds."""

    async def gone(*_: Any, **__: Any) -> NoReturn:
        raise DatabaseGone(SECRET_WORDS)

    mail = make_mail()

    def work(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail(CUSTOMER)
        client.rcpt(SUPPORT)
        return client.data(mail)

    with monkeypatch.context() as broken:
        broken.setattr(post.database, "write", gone)
        answer = await post.talk(work)
    stored = await post.stored()

    assert answer == (451, b"4.3.0 Not now, please try again later")
    assert stored == []
    assert await post.send(mail) == 250


async def test_an_unforeseen_error_says_nothing_either(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """R40: what went wrong is in our log, not in the answer."""

    async def broken(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(SECRET_WORDS)

    monkeypatch.setattr(post.database, "read", broken)

    def work(client: smtplib.SMTP) -> tuple[int, bytes]:
        client.mail(CUSTOMER)
        return client.rcpt(SUPPORT)

    assert await post.talk(work) == (451, b"4.3.0 Not now, please try again later")
    assert SECRET_WORDS in caplog.text


async def test_an_unknown_address_is_refused_at_once(post: Post) -> None:
    """R33: so we never have to send a bounce."""
    for address in ("ai-do@congty.example", "hotro@noikhac.example", f"x{SUPPORT}"):
        assert await post.send(make_mail(), address) == 550

    assert await post.stored() == []


async def test_a_reply_tag_and_capitals_find_the_inbox(post: Post, firm: Firm) -> None:
    """F9: whether the tag is ours is decided at take-in; mail is never lost over it."""
    tagged = make_reply_address(SECRET, 1001, SUPPORT)

    for address in (tagged, tagged.upper(), "Hotro+bat-ky@congty.example"):
        assert await post.send(make_mail(), address) == 250

    assert [row.meta["rcpt"][0] for row in await post.stored()][:2] == [tagged, tagged.upper()]


async def test_an_inbox_with_a_plus_sign_is_found(post: Post) -> None:
    """F9: with our tag behind it, and without."""
    shop = "shop+hanoi@congty.example"

    def add(session: Session) -> int:
        made = Inbox(kind=ChannelKind.EMAIL, handle=shop, name="Hà Nội", created_at=NOW)
        session.add(made)
        session.flush()
        return made.id

    inbox_id = await post.database.write(add)

    codes = [
        await post.send(make_mail(), shop),
        await post.send(make_mail(), make_reply_address(SECRET, 1042, shop)),
        await post.send(make_mail(), "shop+hue@congty.example"),
    ]

    assert codes == [250, 250, 550]
    assert [row.inbox_id for row in await post.stored()] == [inbox_id, inbox_id]


async def test_three_big_mails_at_most_are_stored_at_once(
    database: Database, firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes several times its size for a moment; small ones do not wait for them."""
    monkeypatch.setattr(smtpd, "BIG_MAIL_BYTES", 1000)
    receiver, real = Receiver(database, tmp_path), database.write
    now, most, let_go = 0, 0, asyncio.Event()

    async def write(work: Any, arrivals: Any) -> Any:
        nonlocal now, most
        if len(arrivals[0].body) > smtpd.BIG_MAIL_BYTES:
            now += 1
            most = max(most, now)
            await let_go.wait()
            now -= 1
        return await real(work, arrivals)

    async def hand_over(mail: bytes) -> str:
        envelope = Envelope()
        envelope.content, envelope.rcpt_tos = mail, [SUPPORT]
        talk: Any = SimpleNamespace(peer=("192.0.2.1", 25))
        none: Any = None
        return await receiver.handle_DATA(none, talk, envelope)

    monkeypatch.setattr(database, "write", write)
    big = [asyncio.create_task(hand_over(make_mail("a " * 1000))) for _ in range(5)]
    small = await hand_over(make_mail())
    while now < 3:
        await asyncio.sleep(0)
    let_go.set()

    kept = "250 2.0.0 OK, kept"
    assert [small, *await asyncio.gather(*big)] == [kept] * 6
    assert most == 3


async def test_a_mail_to_two_inboxes_is_two_rows(post: Post, firm: Firm) -> None:
    other = "donhang@congty.example"
    door = Inbox(kind=ChannelKind.EMAIL, handle=other, name=other, created_at=NOW)
    await post.database.write(lambda session: session.add(door))

    await post.send(make_mail(), SUPPORT, other, make_reply_address(SECRET, 1001, SUPPORT))

    rows = await post.stored()
    assert sorted(len(row.meta["rcpt"]) for row in rows) == [1, 2]
    assert len({row.inbox_id for row in rows}) == 2


async def test_the_fifty_first_recipient_comes_again_apart(post: Post) -> None:
    """R32."""

    def work(client: smtplib.SMTP) -> list[int]:
        client.mail(CUSTOMER)
        return [client.rcpt(f"hotro+{n}@congty.example")[0] for n in range(51)]

    assert await post.talk(work) == [*[250] * 50, 452]


async def test_the_eleventh_connection_from_one_address_waits(post: Post) -> None:
    """R32: and the place is free again when one hangs up."""

    def work() -> tuple[int, int]:
        clients = [smtplib.SMTP("127.0.0.1", post.port, timeout=10) for _ in range(10)]
        try:
            with smtplib.SMTP("127.0.0.1", post.port, timeout=10):
                refused = 0
        except smtplib.SMTPConnectError as error:
            refused = error.smtp_code
        for client in clients:
            client.quit()
        return refused, len(clients)

    assert await asyncio.to_thread(work) == (421, 10)
    for _ in range(200):
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.01)
    assert await post.send(make_mail()) == 250


async def test_the_hundred_and_first_connection_waits(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R32, with three in place of a hundred."""
    assert smtpd.MAX_CONNECTIONS == 100
    monkeypatch.setattr(smtpd, "MAX_CONNECTIONS", 3)
    for number in range(3):
        Server.open_by_peer[f"192.0.2.{number}"] += 1

    try:
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            await post.talk(lambda client: client.noop())
    finally:
        Server.open_by_peer.clear()


async def test_too_big_is_refused_as_said_and_as_sent(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For good, so that the sender learns of it."""
    assert MAX_MAIL_BYTES == 35 * 1024 * 1024
    monkeypatch.setattr(smtpd, "MAX_MAIL_BYTES", 10_000)
    mail = make_mail("dài " * 5_000)

    def unsaid(client: smtplib.SMTP) -> int:
        client.mail(CUSTOMER)
        client.rcpt(SUPPORT)
        return client.data(mail)[0]

    assert await post.send(mail) == 552
    assert await post.talk(unsaid) == 552
    assert await post.stored() == []
    assert await post.send(make_mail()) == 250


@pytest.mark.parametrize(
    ("where", "what", "value"),
    [(smtpd, "MAX_BACKLOG", 0), (staging, "MIN_FREE_BYTES", 1 << 62)],
)
async def test_with_too_much_to_do_or_no_room_mail_waits_outside(
    post: Post, monkeypatch: pytest.MonkeyPatch, where: Any, what: str, value: int
) -> None:
    """R10."""
    monkeypatch.setattr(where, what, value)

    assert await post.send(make_mail()) == 452
    assert await post.stored() == []


async def test_mail_that_goes_round_in_circles_is_ended(post: Post) -> None:
    trace = b"Received: from a by b; Mon, 02 Mar 2026 09:29:00 +0700\r\n"

    assert await post.send(trace * 51 + make_mail()) == 554
    assert await post.send(trace * 50 + make_mail()) == 250
    assert len(await post.stored()) == 1


async def test_a_null_sender_is_welcome(post: Post) -> None:
    """F19: bounces are seen."""
    assert await post.send(make_mail(), sender="") == 250

    (row,) = await post.stored()
    assert parse(row.body, row.meta["from"]).is_automatic


async def test_the_sink_keeps_everything(database: Database) -> None:
    loop = asyncio.get_running_loop()
    sink = Sink(database)
    server = await loop.create_server(lambda: make_server(sink, "sink"), "127.0.0.1", 0)
    post = Post(server.sockets[0].getsockname()[1], database)

    code = await post.send(make_mail(), "ai@noikhac.example", "do@noikhac.example")
    server.close()

    (kept,) = await database.read(lambda session: everything(session, SinkMail))
    assert code == 250
    assert (kept.from_address, kept.to_address) == (
        CUSTOMER,
        "ai@noikhac.example, do@noikhac.example",
    )
