"""One IMAP connection on the standard library's client; every call here blocks.

Commands are put together from numbers and checked words only, answers are bounded, and the
wire can be cut from another thread.
"""

import contextlib
import imaplib
import re
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

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise Invalid("The host is a name such as imap.congty.vn, and nothing else.")
        if not 0 < self.port < 65536:
            raise Invalid("The port is a number from 1 to 65535.")
        if not self.username or CONTROL.search(self.username):
            raise Invalid("The user name is empty or has control characters.")
        if not self.password or CONTROL.search(self.password):
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
        if "AUTH=PLAIN" in self.capabilities:
            self.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        elif "LOGINDISABLED" in self.capabilities:
            raise Unavailable("The server offers no way to sign in with a password.")
        elif _PLAIN_USER.fullmatch(user) and password.isascii():
            self.login(user, password)
        else:
            raise Unavailable(
                "The server has only LOGIN, which cannot say this name or password."
            )

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


def _numbers(uids: Sequence[int]) -> str:
    return ",".join(str(int(uid)) for uid in uids)
