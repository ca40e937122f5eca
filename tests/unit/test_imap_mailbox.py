"""The connection to a mail server, against one that says what a test wants it to."""

import asyncio
import base64
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwire import ImapServer
from inbox.errors import Invalid, Rejected, TooLarge, Unavailable

PASSWORD = 'mật "khẩu\\'
SIZE_OVER = 37 * 1024 * 1024


class Far:
    """A mail server in a thread: each command's first words choose an answer."""

    def __init__(self, answers: dict[str, str] | None = None, **how: str) -> None:
        self.said: list[str] = []
        self.capabilities = how.get("capabilities", "IMAP4rev1 AUTH=PLAIN")
        self.greeting = how.get("greeting", "* OK ready\r\n")
        self.answers = {
            "AUTHENTICATE": "+ \r\n",
            "LOGIN": "",
            "LOGOUT": "* BYE\r\n",
            "SELECT": "* 2 EXISTS\r\n* OK [UIDVALIDITY 77] x\r\n* OK [UIDNEXT 9] x\r\n",
            **(answers or {}),
        }

    def talk(self, wire: socket.socket) -> None:
        with wire, wire.makefile("rb") as lines:
            wire.sendall(self.greeting.encode())
            for line in lines:
                self.said.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                tag, _, command = self.said[-1].partition(" ")
                if not self._answer(wire, lines.readline, tag, command):
                    return

    def _answer(
        self, wire: socket.socket, readline: Callable[[], bytes], tag: str, command: str
    ) -> bool:
        answer = f"* CAPABILITY {self.capabilities}\r\n" if command == "CAPABILITY" else ""
        for key, text in self.answers.items():
            if command.startswith(key):
                answer = text
        if answer == "hang up":
            return False
        if answer == "silence":
            time.sleep(1.2)
            return False
        if answer == "dribble":
            with_patience(wire)
            return False
        wire.sendall(answer.encode())
        if answer.startswith("+"):
            self.said.append(readline().decode().rstrip("\r\n"))
        if not answer.startswith(tag) and "TAG " not in answer:
            wire.sendall(f"{tag} OK done\r\n".encode())
        return True


def with_patience(wire: socket.socket) -> None:
    """Send a byte now and then, so that no silence is ever long."""
    for _ in range(200):
        try:
            wire.sendall(b"*")
        except OSError:
            return
        time.sleep(0.02)


@contextmanager
def running(far: Far) -> Iterator[int]:
    """Serve one connection; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            try:
                far.talk(door.accept()[0])
            except OSError:
                return  # the client hung up in the middle, which is what some tests are about

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def server(at: int, **values: object) -> ImapServer:
    plain = {
        "host": "127.0.0.1",
        "port": at,
        "tls": "none",
        "username": "hotro@congty.example",
        "password": PASSWORD,
    }
    return ImapServer(**{**plain, **values})  # type: ignore[arg-type]


async def fetch(opened: ImapMailbox) -> bytes | None:
    """Fetch the third mail."""
    async with opened as box:
        await box.select("INBOX")
        return await box.fetch(3)


@pytest.mark.parametrize(
    "values",
    [
        {"host": "imap.congty.example\r\nx"},
        {"host": "-x"},
        {"host": ""},
        {"port": 0},
        {"username": "a\r\nA9 DELETE INBOX"},
        {"password": "a\nb"},
        {"password": ""},
        {"host": "imap.congty.example"},  # without TLS, and not this machine
    ],
)
def test_what_cannot_be_said_or_would_be_overheard_is_refused(
    values: dict[str, object],
) -> None:
    """S10."""
    with pytest.raises(Invalid):
        server(143, **values)


def test_the_password_is_not_shown() -> None:
    assert PASSWORD not in repr(server(143))


async def test_a_name_and_password_of_any_letters_sign_in(pool: ThreadPoolExecutor) -> None:
    far = Far()
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            folder = await box.select("Hộp thư")

    assert (folder.uidvalidity, folder.uidnext, folder.exists) == (77, 9, 2)
    said = base64.b64decode(far.said[2]).decode()
    assert said == f"\0hotro@congty.example\0{PASSWORD}"
    assert far.said[3].endswith('SELECT "H&Htk-p th&AbA-"')


async def test_without_plain_a_password_is_quoted(pool: ThreadPoolExecutor) -> None:
    far = Far(capabilities="IMAP4rev1")
    with running(far) as port:
        async with ImapMailbox(server(port, password='a "b\\'), pool):
            pass

    assert far.said[1].endswith('LOGIN hotro@congty.example "a \\"b\\\\"')


@pytest.mark.parametrize(
    ("capabilities", "user"),
    [("IMAP4rev1 LOGINDISABLED", "hotro"), ("IMAP4rev1", "hỗ trợ"), ("IMAP4rev1", "a (b")],
)
async def test_no_password_leaves_where_it_cannot_be_said(
    pool: ThreadPoolExecutor, capabilities: str, user: str
) -> None:
    far = Far(capabilities=capabilities)
    with running(far) as port, pytest.raises(Unavailable):
        async with ImapMailbox(server(port, username=user), pool):
            pass

    assert len(far.said) == 1  # CAPABILITY


async def test_no_starttls_no_password(pool: ThreadPoolExecutor) -> None:
    far = Far()
    with running(far) as port, pytest.raises(Unavailable, match="no password was sent"):
        async with ImapMailbox(server(port, tls="starttls"), pool):
            pass

    assert len(far.said) == 1


async def test_a_refusal_that_echoes_the_password_is_not_repeated(
    pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    """The password is in no log and no sentence."""
    caplog.set_level(logging.DEBUG)
    packed = base64.b64encode(f"\0hotro@congty.example\0{PASSWORD}".encode()).decode()
    no = f"+ \r\nTAG NO {PASSWORD} {packed} is wrong\r\n"
    far = Far({"AUTHENTICATE": no})
    far._answer = _with_tag(far)  # type: ignore[method-assign]
    with running(far) as port, pytest.raises(Unavailable) as refusal:
        async with ImapMailbox(server(port), pool):
            pass

    assert "is wrong" in refusal.value.message
    assert PASSWORD not in refusal.value.message + caplog.text
    assert packed not in refusal.value.message + caplog.text


def _with_tag(far: Far) -> Callable[..., bool]:
    """Answer with the client's own tag where a text says TAG, line by line."""
    plain = Far._answer

    def answer(
        wire: socket.socket, readline: Callable[[], bytes], tag: str, command: str
    ) -> bool:
        for key, text in far.answers.items():
            if command.startswith(key) and "TAG " in text:
                for line in text.replace("TAG ", f"{tag} ").splitlines(keepends=True):
                    wire.sendall(line.encode())
                    if line.startswith("+"):
                        readline()
                return True
        return plain(far, wire, readline, tag, command)

    return answer


async def test_a_no_to_one_mail_leaves_the_connection(pool: ThreadPoolExecutor) -> None:
    """F7's first half: one bad mail holds up no other."""
    far = Far(
        {
            "UID FETCH 3 ": "TAG NO [SERVERBUG] broken\r\n",
            "UID FETCH 4 ": "* 2 FETCH (UID 4 BODY[] {3}\r\nabc)\r\n",
        }
    )
    far._answer = _with_tag(far)  # type: ignore[method-assign]
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            await box.select("INBOX")
            with pytest.raises(Rejected, match="broken"):
                await box.fetch(3)
            assert await box.fetch(4) == b"abc"
            await box.mark_seen([4])

    fetched = [line for line in far.said if "FETCH" in line]
    assert all(line.endswith("(UID BODY.PEEK[])") for line in fetched)
    assert far.said[-2].endswith(r"UID STORE 4 +FLAGS.SILENT (\Seen)")


async def test_a_literal_over_the_limit_is_not_read(pool: ThreadPoolExecutor) -> None:
    """A server that lies about a size costs no memory."""
    far = Far({"UID FETCH": f"* 1 FETCH (UID 3 BODY[] {{{SIZE_OVER}}}\r\n"})
    with running(far) as port, pytest.raises(TooLarge):
        await fetch(ImapMailbox(server(port), pool))


async def test_a_server_without_uidnext_is_asked_for_its_last_mail(
    pool: ThreadPoolExecutor,
) -> None:
    far = Far(
        {
            "SELECT": "* 2 EXISTS\r\n* OK [UIDVALIDITY 77] x\r\n",
            "UID SEARCH UID *": "* SEARCH 41\r\n",
        }
    )
    with running(far) as port:
        async with ImapMailbox(server(port), pool) as box:
            assert (await box.select("INBOX")).uidnext == 42


@pytest.mark.parametrize("how", ["hang up", "silence", "dribble"])
@pytest.mark.parametrize("where", ["CAPABILITY", "AUTHENTICATE", "SELECT", "UID FETCH"])
async def test_a_bad_line_ends_soon_and_is_unavailable(
    pool: ThreadPoolExecutor, how: str, where: str
) -> None:
    """A slow peer holds no thread: the wire is cut from outside."""
    far = Far({where: how})
    began = time.monotonic()
    with running(far) as port:
        with pytest.raises(Unavailable):
            await fetch(ImapMailbox(server(port), pool, timeout_s=0.5, call_s=0.7))
        assert time.monotonic() - began < 2


async def test_who_stops_waiting_frees_the_thread(pool: ThreadPoolExecutor) -> None:
    far = Far({"UID FETCH": "dribble"})
    with running(far) as port:
        task = asyncio.create_task(fetch(ImapMailbox(server(port), pool)))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 0) for _ in "ab"))


async def test_nobody_there_is_unavailable(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        async with ImapMailbox(server(1), pool):
            pass


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    pool: ThreadPoolExecutor,
) -> None:
    """TLS is verified; a server that speaks no TLS gets no password either."""
    far = Far()
    with running(far) as port, pytest.raises(Unavailable):
        async with ImapMailbox(server(port, tls="tls"), pool, timeout_s=2):
            pass

    assert not any("AUTHENTICATE" in line for line in far.said)
