"""Send mail: one message at a time, and no doubt about what was and was not handed over.

The point before DATA is in the caller's hands: ``send`` awaits the fence there, and whatever
breaks after it is ``Unconfirmed`` unless the server said no in so many words.
"""

import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage, Receipt
from inbox.channels.compose import build
from inbox.channels.words import one_line
from inbox.errors import ChannelError, Rejected, Unavailable, Unconfirmed

TIMEOUT_S = 30.0
MAX_REASON_CHARS = 300
MAX_WAIT_S = 4 * 3600
_PERMANENT, _GOING = 500, 421
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"smtp": 25, "smtps": 465}
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_WAIT = re.compile(
    r"\b(?:in|after|for|within|wait)\s{1,3}(\d{1,5})\s{0,3}(s\b|sec|min|m\b|h\b|hour)", re.I
)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}

Fence = Callable[[], Awaitable[bool]]
Seal = Callable[[bytes, str], bytes]  # a mail and the domain it is from, to the signed mail


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to sign in to it.

    ``tls`` is ``tls`` (from the first byte), ``starttls`` (insisted on), ``none``, or ``auto``:
    STARTTLS where it is offered, insisted on before a password leaves this machine. With a
    ``token`` (XOAUTH2) there is no password.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    token: str = ""
    tls: str = "auto"

    def __repr__(self) -> str:
        return f"<Server {self.host}:{self.port} {self.tls}>"

    @property
    def is_local(self) -> bool:
        """Whether what we say to it never leaves this machine."""
        return self.host in _LOOPBACK


def read_url(url: str) -> Server | None:
    """Read an SMTP URL; None for ``console://``, which prints.

    Raises
    ------
    ValueError
        If it is none of ours.
    """
    parts = urlsplit(url)
    if parts.scheme == "console":
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an SMTP URL looks like smtp://user:password@host:587")
    return Server(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls="tls" if parts.scheme == "smtps" else "auto",
    )


class SmtpSender:
    """Sends through one server.

    ``smtp://`` uses STARTTLS when the server offers it and insists on it before a password
    leaves this machine; ``smtps://`` is TLS from the first byte; ``console://`` prints.
    """

    def __init__(self, url: str) -> None:
        """Read the URL; raises ``ValueError`` if it is none of ours."""
        self.server = read_url(url)

    def session(self) -> "SmtpSession":
        """Open one connection for any number of messages, one after the other."""
        return SmtpSession(self.server)


class SmtpSession:
    """One connection for any number of messages; use with ``async with``.

    When the server has hung up since the last message, as servers do, it is opened again; but
    not once it broke in the middle of one (``is_broken``): who knows how the next would end.
    """

    def __init__(
        self, server: Server | None, seal: Seal | None = None, *, plain_sender: bool = False
    ) -> None:
        """``plain_sender``: the envelope names the address in From, as providers want it."""
        self._server = server
        self._plain_sender = plain_sender
        self._seal = seal
        self._client: aiosmtplib.SMTP | None = None
        self._used = False  # since it was opened
        self.is_broken = False

    async def __aenter__(self) -> Self:
        if self._server is not None:
            self._client = await _connect(self._server)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say good-bye, if anybody is there."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            if client.is_connected:
                await client.quit(timeout=5)
        except (aiosmtplib.SMTPException, OSError):
            pass  # it hung up first; everything that matters has been answered
        finally:
            client.close()

    async def send(self, message: OutboundMessage, fence: Fence) -> Receipt | None:
        """Send one message; ``None`` if the fence said no, and then nothing was sent.

        Raises
        ------
        Rejected
            The server refused for good, or an address is none we would use.
        Unavailable
            Not now; nothing was sent.
        Unconfirmed
            The connection broke after the fence: it may have been sent.
        """
        sender = "" if message.automatic else message.envelope_from or message.from_address
        if sender and self._plain_sender:
            sender = message.from_address
        everybody = list(dict.fromkeys((message.to, *message.cc, *message.bcc)))
        if not all(map(is_strict, everybody)) or not (sender == "" or is_strict(sender)):
            raise Rejected("This is not an address we can send mail to.")
        data = build(message)
        if self._seal is not None:
            data = self._seal(data, message.from_address.rpartition("@")[2])
        if self._server is None:
            return await _print(data, fence)
        refused = await self._open_envelope(self._server, sender, everybody)
        client = self._client
        if client is None or not await fence():
            await self._reset()
            return None
        receipt = await self._data(client, data)
        return Receipt(receipt.reference, tuple(refused))

    async def _open_envelope(
        self, server: Server, sender: str, everybody: Sequence[str]
    ) -> list[tuple[str, str]]:
        """Say from whom and for whom; return whom of the copies the server would not have.

        A connection that has served before may have ended since: then another is opened, as
        nothing has been handed over yet.
        """
        if self.is_broken:
            raise Unavailable("The connection to the mail server broke.")
        if self._client is not None and self._used and self._client.is_connected:
            try:
                return await self._envelope(self._client, sender, everybody)
            except Unavailable as error:
                if error.code not in (0, _GOING) or error.of_recipient:
                    raise
        if self._client is None or not self._client.is_connected or self._used:
            await self.close()
            self._client, self._used = await _connect(server), False
        refused = await self._envelope(self._client, sender, everybody)
        self._used = True
        return refused

    async def _envelope(
        self, client: aiosmtplib.SMTP, sender: str, everybody: Sequence[str]
    ) -> list[tuple[str, str]]:
        refused: list[tuple[str, str]] = []
        asked = ""
        try:
            await client.mail(sender)
            for asked in everybody:
                try:
                    await client.rcpt(asked)
                except aiosmtplib.SMTPResponseException as error:
                    if asked == everybody[0] or error.code in (-1, _GOING):
                        raise
                    refused.append((asked, _said(error)))
        except aiosmtplib.SMTPResponseException as error:
            await self._reset()
            raise _refusal(error, of_recipient=bool(asked)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Unavailable("The mail server hung up.") from error
        return refused

    async def _data(self, client: aiosmtplib.SMTP, data: bytes) -> Receipt:
        try:
            response = await client.data(data)
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 0:
                self._break(client)
                raise Unconfirmed("The mail server's answer could not be read.") from error
            await self._reset()
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            self._break(client)
            raise Unconfirmed(
                "The connection broke while the mail was being handed over."
            ) from error
        return Receipt(one_line(response.message)[:MAX_REASON_CHARS])

    def _break(self, client: aiosmtplib.SMTP) -> None:
        self.is_broken = True
        client.close()

    async def _reset(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()  # the next message opens another


async def look(server: Server, address: str) -> None:
    """Sign in and name ``address`` as the sender; nothing is sent.

    Raises
    ------
    Unavailable
        If the server cannot be reached, or lets us in or the address not now.
    Rejected
        If it lets nobody send as ``address``.
    """
    session = SmtpSession(server)
    async with session:
        client = session._client
        if client is None:
            return
        try:
            await client.mail(address)
            await client.rset()
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable("The mail server hung up.") from error


async def _connect(server: Server) -> aiosmtplib.SMTP:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "tls",
        start_tls=False,
        timeout=TIMEOUT_S,
    )
    try:
        await client.connect()
        if server.tls != "tls":
            await _start_tls(client, server)
        if server.token:
            await client.auth_xoauth2(server.user, server.token)
        elif server.user:
            await client.login(server.user, server.password)
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        refused = Unavailable("The mail server refused our user name or password.")
        refused.code, refused.said = error.code, _said(error)
        raise refused from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        client.close()
        raise Unavailable(
            f"The mail server {server.host} did not answer as expected."
        ) from error
    except BaseException:
        client.close()
        raise
    return client


async def _start_tls(client: aiosmtplib.SMTP, server: Server) -> None:
    """Encrypt if offered; without a password at stake an unknown certificate will do."""
    await client.ehlo()
    secret = bool(server.user)
    offered = client.supports_extension("starttls")
    if server.tls == "none" or (server.tls == "auto" and server.is_local and not secret):
        if secret and not server.is_local:
            raise Unavailable("Without encryption no password is sent.")
    elif offered:
        sure = (secret or server.tls == "starttls") and not server.is_local
        await client.starttls(validate_certs=sure)
        await client.ehlo()
    elif server.tls == "starttls" or (secret and not server.is_local):
        raise Unavailable("The mail server offers no encryption, so no password was sent.")


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {one_line(error.message)}"[:MAX_REASON_CHARS]


def _refusal(
    error: aiosmtplib.SMTPResponseException, *, of_recipient: bool = False
) -> ChannelError:
    """Tell a permanent no from a temporary one; the server's words are shown as one line."""
    said = _said(error)
    made: ChannelError
    if error.code >= _PERMANENT:
        made = Rejected(f"The mail server refused: {said}")
    else:
        made = Unavailable(f"The mail server said: {said}")
    found = _ENHANCED.search(said)
    made.code, made.said, made.of_recipient = error.code, said, of_recipient
    made.enhanced = found[1] if found else ""
    made.wait_s = _asked_wait(said)
    return made


def _asked_wait(said: str) -> int:
    """Return how many seconds a server asked us to wait ("try again in 300 seconds"), or 0."""
    found = _WAIT.search(said)
    if found is None:
        return 0
    return min(int(found[1]) * _UNIT_S[found[2].lower()], MAX_WAIT_S)


async def _print(data: bytes, fence: Fence) -> Receipt | None:
    if not await fence():
        return None
    print(data.decode("utf-8", "replace"), flush=True)  # noqa: T201 - console:// is for that
    return Receipt("printed")
