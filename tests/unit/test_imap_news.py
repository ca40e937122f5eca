"""Waiting for news (IDLE), signing in by a token, and the folder of sent mail."""

import asyncio
import base64
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwords import decode_folder, encode_folder, read_sent_folder
from inbox.errors import Invalid, Rejected, Unavailable
from tests.unit.test_imap_mailbox import Far, running, server

TOKEN = "canary-token-9"
CAN = "IMAP4rev1 AUTH=PLAIN IDLE"


class Teller(Far):
    """Waits as asked, says something after a moment, and takes DONE; then it says so too."""

    def __init__(self, *news: str, after_s: float = 0.05, late: str = "") -> None:
        super().__init__(capabilities=CAN)
        self.news, self.after_s, self.late = list(news), after_s, late

    def _answer(
        self, wire: socket.socket, readline: Callable[[], bytes], tag: str, command: str
    ) -> bool:
        if command != "IDLE":
            return super()._answer(wire, readline, tag, command)
        wire.sendall(b"+ idling\r\n")
        if self.news:
            time.sleep(self.after_s)
            wire.sendall(self.news.pop(0).encode())
        self.said.append(readline().decode().strip())
        wire.sendall(f"{self.late}{tag} OK done\r\n".encode())
        return True


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


async def wait(far: Far, pool: ThreadPoolExecutor, seconds: float = 5, times: int = 1) -> bool:
    """Wait ``times`` after the folder was opened, which is news by itself."""
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            await box.select("INBOX")
            assert await box.wait_for_news(seconds)  # what came before we waited
            return [await box.wait_for_news(seconds) for _ in range(times)][-1]


async def test_mail_is_news_at_once(pool: ThreadPoolExecutor) -> None:
    far = Teller("* 3 EXISTS\r\n")
    began = time.monotonic()

    assert await wait(far, pool)

    assert time.monotonic() - began < 3
    assert "DONE" in far.said
    assert [one.partition(" ")[2] for one in far.said].count("NOOP") == 2


async def test_other_lines_are_no_news(pool: ThreadPoolExecutor) -> None:
    """Servers show that they live; and people mark and delete mail."""
    lines = "* OK Still here\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 1 EXPUNGE\r\n"
    assert not await wait(Teller(lines), pool)


async def test_news_between_the_lines_is_heard(pool: ThreadPoolExecutor) -> None:
    """What is said while we take our leave of one wait, or between two, counts too."""
    assert await wait(Teller("* OK Still here\r\n", late="* 9 EXISTS\r\n"), pool)
    far = Teller()
    far.answers["NOOP"] = "* 4 EXISTS\r\n"
    assert await wait(far, pool, seconds=0.05, times=2)


async def test_a_wait_without_news_ends_in_time(pool: ThreadPoolExecutor) -> None:
    """RFC 2177: before the 29 minutes after which a server may hang up."""
    assert not await wait(Teller(), pool, seconds=0.1)


@pytest.mark.parametrize("answers", [{"IDLE": "TAG BAD what?\r\n"}, {}])
async def test_who_cannot_wait_is_asked_now_and_then(
    pool: ThreadPoolExecutor, answers: dict[str, str]
) -> None:
    """The fallback: nothing is lost but the hurry."""
    far = Far({"NOOP": "", **answers})
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            with pytest.raises(Rejected, match="IDLE"):
                await box.wait_for_news(1)
            assert (await box.select("INBOX")).uidvalidity == 77  # the line goes on


async def test_whoever_stops_waiting_keeps_no_thread(pool: ThreadPoolExecutor) -> None:
    far = Teller()
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            await box.select("INBOX")
            await box.wait_for_news(1)
            waiting = asyncio.create_task(box.wait_for_news(60))
            while not any(one.endswith(" IDLE") for one in far.said):
                await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    began = time.monotonic()
    pool.shutdown(wait=True)
    assert time.monotonic() - began < 5


async def test_a_server_that_hangs_up_is_told(pool: ThreadPoolExecutor) -> None:
    far = Far({"NOOP": "", "IDLE": "hang up"}, capabilities=CAN)
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            with pytest.raises(Unavailable):
                await box.wait_for_news(5)


async def test_a_token_signs_in(pool: ThreadPoolExecutor) -> None:
    far = Far(capabilities="IMAP4rev1 AUTH=XOAUTH2 AUTH=PLAIN")
    with running(far) as port:
        async with ImapMailbox(server(port, password="", token=TOKEN), pool):
            pass

    assert far.said[1].endswith("AUTHENTICATE XOAUTH2")
    said = base64.b64decode(far.said[2]).decode()
    assert said == f"user=hotro@congty.example\x01auth=Bearer {TOKEN}\x01\x01"


class Refuser(Far):
    """Says why in a line that has to be answered by an empty one."""

    def _answer(
        self, wire: socket.socket, readline: Callable[[], bytes], tag: str, command: str
    ) -> bool:
        if not command.startswith("AUTHENTICATE"):
            return super()._answer(wire, readline, tag, command)
        wire.sendall(b"+ \r\n")
        echo = readline().strip()
        wire.sendall(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        self.said.append(readline().decode())
        wire.sendall(f"{tag} NO {echo.decode()} {TOKEN}\r\n".encode())
        return True


async def test_a_refused_token_is_told_and_in_no_message(pool: ThreadPoolExecutor) -> None:
    far = Refuser(capabilities="IMAP4rev1 AUTH=XOAUTH2")
    with running(far) as port, pytest.raises(Unavailable) as raised:
        async with ImapMailbox(server(port, password="", token=TOKEN), pool):
            pass

    assert far.said[-1] == "\r\n"
    assert TOKEN not in raised.value.message
    echo = f"user=hotro@congty.example\x01auth=Bearer {TOKEN}\x01\x01"
    assert base64.b64encode(echo.encode()).decode() not in raised.value.message
    assert TOKEN not in repr(server(143, token=TOKEN))


async def test_a_server_without_xoauth2_gets_no_token(pool: ThreadPoolExecutor) -> None:
    far = Far()
    with running(far) as port, pytest.raises(Unavailable, match="XOAUTH2"):
        async with ImapMailbox(server(port, password="", token=TOKEN), pool):
            pass
    assert not any(TOKEN in one for one in far.said)
    with pytest.raises(Invalid):
        server(143, token="a\r\nb")


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([b'(\\HasNoChildren \\Sent) "/" "Sent"'], "Sent"),
        ([b'(\\Drafts) "/" D', b'(\\SENT) "." INBOX.Sent'], "INBOX.Sent"),
        ([b'(\\Sent) "/" "&AQAA4w- g&Hu0-i"'], decode_folder("&AQAA4w- g&Hu0-i")),
        ([(b'(\\Sent) "/" {9}', b'Sent "it"'), b")"], 'Sent "it"'),
        ([b'(\\Sent) NIL "a\\"b"'], 'a"b'),
        ([b'(\\Sentry) "/" "Sent"', b"(\\Sent", None, b""], None),
    ],
)
def test_the_folder_of_sent_mail_is_found(lines: list[object], name: str | None) -> None:
    assert read_sent_folder(lines) == name


@pytest.mark.parametrize("name", ["Đã gửi", "A & B", "送信済み", "plain", "&", "Thư-&-"])
def test_folder_names_go_both_ways(name: str) -> None:
    assert decode_folder(encode_folder(name)) == name


def test_damaged_names_stay() -> None:
    assert decode_folder("a&b") == "a&b"


async def test_the_marked_folder_is_asked_for(pool: ThreadPoolExecutor) -> None:
    listed = '* LIST (\\Sent) "/" "Sent Items"\r\n'
    for capabilities in ("IMAP4rev1 AUTH=PLAIN SPECIAL-USE", "IMAP4rev1 AUTH=PLAIN"):
        far = Far({"LIST": listed}, capabilities=capabilities)
        with running(far) as port:
            async with ImapMailbox(server(port), pool) as box:
                assert await box.find_sent() == "Sent Items"
