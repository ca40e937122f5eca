"""One IMAP connection on the standard library's client; every call here blocks.

Commands are put together from numbers and checked words only, answers are bounded, and the
wire can be cut from another thread.
"""

import contextlib
import imaplib
import re
import select
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from inbox.channels.imapwords import (
    CONTROL,
    Found,
    encode_folder,
    imap_date,
    quote,
    read_body,
    read_found,
    read_numbers,
    read_sent_folder,
)
from inbox.errors import Invalid, TooLarge, Unavailable

MAX_LITERAL_BYTES = 36 * 1024 * 1024  # the sizes that servers tell are not always exact
MAX_ANSWER_BYTES = MAX_LITERAL_BYTES + 2 * 1024 * 1024  # to one command, lines and all

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_PLAIN_USER = re.compile(r"[A-Za-z0-9@._+=-]+")  # what LOGIN takes without quoting
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where a mailbox is and who we are there; raises ``Invalid`` on what cannot be said."""

    host: str
    port: int
    tls: Literal["tls", "starttls", "none"]
    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)  # of OAuth2: instead of a password

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise Invalid("The host is a name such as imap.congty.vn, and nothing else.")
        if not 0 < self.port < 65536:
            raise Invalid("The port is a number from 1 to 65535.")
        if not self.username or CONTROL.search(self.username):
            raise Invalid("The user name is empty or has control characters.")
        if CONTROL.search(self.token):
            raise Invalid("The access token has control characters.")
        if not self.token and (not self.password or CONTROL.search(self.password)):
            raise Invalid("The password is empty or has control characters.")
        if self.tls == "none" and self.host not in LOOPBACK:
            raise Invalid("Without encryption only a server on this machine is used.")


@dataclass(frozen=True, slots=True)
class Folder:
    """What the server says of a folder; ``uidnext`` is above every UID in it."""

    uidvalidity: int
    uidnext: int
    exists: int


class Wire:
    """A second hold on a connection's socket, to cut it whatever its thread waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._is_cut = False

    def hold(self, made: socket.socket) -> None:
        """Take hold; raises ``OSError`` if it was cut meanwhile."""
        with self._lock:
            if self._is_cut:
                raise OSError("stopped while connecting")
            self._held = made.dup()

    def cut(self) -> None:
        """Cut it; doing so again changes nothing."""
        with self._lock:
            self._is_cut = True
            held, self._held = self._held, None
            if held is not None:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)
                held.close()


class Client(imaplib.IMAP4):
    """The library's client with bounded answers, TLS of our making, and a wire to cut."""

    def __init__(self, server: ImapServer, wire: Wire, timeout_s: float) -> None:
        self._server = server
        self._wire = wire
        self._answer_bytes = 0
        self._tls = ssl.create_default_context()  # verifies; SSL_CERT_FILE names another CA
        super().__init__(server.host, server.port, timeout_s)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        made = socket.create_connection((self._server.host, self._server.port), timeout)
        try:
            self._wire.hold(made)
            if self._server.tls == "tls":
                made = self._tls.wrap_socket(made, server_hostname=self._server.host)
        except BaseException:
            made.close()
            raise
        return made

    def read(self, size: int) -> bytes:
        """Read a literal, if it is not larger than we take."""
        if size > MAX_LITERAL_BYTES:
            raise TooLarge(f"The server sends {size} bytes at once, and we take 36 MiB.")
        self._count(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line."""
        line = super().readline()
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self._answer_bytes += size
        if self._answer_bytes > MAX_ANSWER_BYTES:
            raise self.abort("the answer has no end")

    def enter(self) -> None:
        """Encrypt if that is still to do, and sign in."""
        if self._server.tls == "starttls":
            if "STARTTLS" not in self.capabilities:
                raise Unavailable("The server offers no STARTTLS, so no password was sent.")
            self.starttls(self._tls)
        user, password = self._server.username, self._server.password
        if self._server.token:
            self._enter_by_token(user, self._server.token)
        elif "AUTH=PLAIN" in self.capabilities:
            self.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        elif "LOGINDISABLED" in self.capabilities:
            raise Unavailable("The server offers no way to sign in with a password.")
        elif _PLAIN_USER.fullmatch(user) and password.isascii():
            self.login(user, password)
        else:
            raise Unavailable(
                "The server has only LOGIN, which cannot say this name or password."
            )

    def _enter_by_token(self, user: str, token: str) -> None:
        if "AUTH=XOAUTH2" not in self.capabilities:
            raise Unavailable("The server offers no sign-in with OAuth2 (XOAUTH2).")
        said = iter([f"user={user}\x01auth=Bearer {token}\x01\x01".encode()])
        # A server that says no first says why, and waits for an empty line.
        self.authenticate("XOAUTH2", lambda _: next(said, b""))

    def select_folder(self, name: str) -> Folder:
        """Open a folder to read and to mark in."""
        self._answer_bytes = 0
        kind, data = self.select(quote(encode_folder(name)))
        self._check(kind, data)
        numbers = {
            key: int(value[0])
            for key in ("UIDVALIDITY", "UIDNEXT")
            if (value := self.response(key)[1]) and value[0] and value[0].isdigit()
        }
        if "UIDVALIDITY" not in numbers:
            raise Unavailable("The server gives its mail no lasting numbers (UIDVALIDITY).")
        exists = int(data[0]) if data and data[0] else 0
        if "UIDNEXT" not in numbers:  # old servers; "*" is the last mail
            last = read_numbers(self._uid("SEARCH", "UID", "*")) if exists else []
            numbers["UIDNEXT"] = max(last, default=0) + 1
        return Folder(numbers["UIDVALIDITY"], numbers["UIDNEXT"], exists)

    def find_sent(self) -> str | None:
        """Return the folder that the server says sent mail is in, in its own spelling."""
        self._answer_bytes = 0
        if "SPECIAL-USE" in self._asked_capabilities():
            kind, data = self._simple_command("LIST", "(SPECIAL-USE)", '""', '"*"')
            kind, data = self._untagged_response(kind, data, "LIST")
        else:  # many say it anyway
            kind, data = self.list()
        self._check(kind, data)
        return read_sent_folder(data)

    def _asked_capabilities(self) -> tuple[str, ...]:
        """Return what the server can do; many say more once somebody is signed in."""
        _, data = self.capability()
        words = b" ".join(one for one in data if isinstance(one, bytes))
        return tuple(words.decode("ascii", "replace").upper().split())

    def wait_for_news(self, seconds: float) -> bool:
        """Wait until the server says something (IDLE, RFC 2177); True if mail came.

        ``seconds`` at most; below 29 minutes, after which servers hang up.
        """
        self._answer_bytes = 0
        if "IDLE" not in self.capabilities and "IDLE" not in self._asked_capabilities():
            raise self.error("It cannot tell of new mail by itself (IDLE).")
        self.noop()
        if self.response("EXISTS")[1] != [None]:  # since the last wait, or since SELECT
            return True
        tag = self._new_tag()
        self.send(tag + b" IDLE\r\n")
        try:
            line, is_early = self._hear_until((b"+", tag))
            if line.startswith(tag):
                raise self.error("It does not wait with us (IDLE).")
            waiting = getattr(self.sock, "pending", int)()  # read by TLS, not yet by us
            if not is_early and not waiting:
                select.select([self.sock], [], [], seconds)
            self.send(b"DONE\r\n")
            _, is_late = self._hear_until((tag,))
        finally:
            self.tagged_commands.pop(tag, None)
        return is_early or is_late

    def _hear_until(self, starts: tuple[bytes, ...]) -> tuple[bytes, bool]:
        """Read up to a line that starts so; return it, and whether mail came before."""
        has_news = False
        while not (line := self.readline()).startswith(starts):
            if not line:
                raise self.abort("it hung up")
            has_news = has_news or _is_news(line)
        return line, has_news

    def search_uids(self, first: int, last: int, since: date | None) -> list[int]:
        """Return the UIDs of a range, in order."""
        words = ["UID", f"{int(first)}:{int(last)}"]
        if since is not None:
            words += ["SINCE", imap_date(since)]
        found = read_numbers(self._uid("SEARCH", *words))
        return [uid for uid in found if first <= uid <= last]

    def describe(self, uids: Sequence[int]) -> dict[int, Found]:
        """Return what the server knows of those that are still there."""
        lines = self._uid("FETCH", _numbers(uids), "(UID FLAGS INTERNALDATE RFC822.SIZE)")
        return {uid: found for uid, found in read_found(lines).items() if uid in set(uids)}

    def fetch_body(self, uid: int) -> bytes | None:
        """Return a mail and leave it unread; None if it is gone."""
        return read_body(self._uid("FETCH", _numbers([uid]), "(UID BODY.PEEK[])"), uid)

    def fetch_head(self, uid: int) -> bytes | None:
        """Return a mail's head and leave it unread; None if it is gone."""
        return read_body(self._uid("FETCH", _numbers([uid]), "(UID BODY.PEEK[HEADER])"), uid)

    def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark mails as read."""
        self._uid("STORE", _numbers(uids), "+FLAGS.SILENT", r"(\Seen)")

    def _uid(self, command: str, *words: str) -> list[Any]:
        self._answer_bytes = 0
        kind, data = self.uid(command, *words)
        self._check(kind, data)
        return list(data)

    def _check(self, kind: str, data: Sequence[Any]) -> None:
        if kind != "OK":
            words = data[-1] if data else b""
            said = words.decode("utf-8", "replace") if isinstance(words, bytes) else ""
            raise self.error(said or "no reason given")

    def hang_up(self) -> None:
        """Close what is left of the connection."""
        with contextlib.suppress(OSError, ValueError):
            self.shutdown()


def connect(server: ImapServer, wire: Wire, timeout_s: float) -> Client:
    """Connect and sign in."""
    client = Client(server, wire, timeout_s)
    try:
        client.enter()
    except BaseException:
        client.hang_up()
        raise
    return client


def _is_news(line: bytes) -> bool:
    return line.startswith(b"*") and line.rstrip().upper().endswith(b" EXISTS")


def _numbers(uids: Sequence[int]) -> str:
    return ",".join(str(int(uid)) for uid in uids)
