"""Send mail: one person, one message, and no doubt about what was and was not handed over.

The point before DATA is in the caller's hands: ``send`` awaits the fence there, and whatever
breaks after it is ``Unconfirmed`` unless the server said no in so many words.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage, Receipt
from inbox.channels.compose import build
from inbox.channels.words import one_line
from inbox.errors import Rejected, Unavailable, Unconfirmed

TIMEOUT_S = 30.0
MAX_REASON_CHARS = 300
_PERMANENT = 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"smtp": 25, "smtps": 465}

Fence = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    user: str
    password: str
    implicit_tls: bool


class SmtpSender:
    """Sends through one server.

    ``smtp://`` uses STARTTLS when the server offers it and insists on it before a password
    leaves this machine; ``smtps://`` is TLS from the first byte; ``console://`` prints.
    """

    def __init__(self, url: str) -> None:
        """Read the URL; raises ``ValueError`` if it is none of ours."""
        parts = urlsplit(url)
        self._server: _Server | None = None
        if parts.scheme == "console":
            return
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("an SMTP URL looks like smtp://user:password@host:587")
        self._server = _Server(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            implicit_tls=parts.scheme == "smtps",
        )

    def session(self) -> "SmtpSession":
        """Open one connection for any number of messages, one after the other."""
        return SmtpSession(self._server)


class SmtpSession:
    """One connection; use with ``async with``."""

    def __init__(self, server: _Server | None) -> None:
        self._server = server
        self._client: aiosmtplib.SMTP | None = None

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
        if self._client is None:
            return
        try:
            if self._client.is_connected:
                await self._client.quit(timeout=5)
        except (aiosmtplib.SMTPException, OSError):
            pass  # it hung up first; everything that matters has been answered
        finally:
            self._client.close()

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
        if not is_strict(message.to) or not (sender == "" or is_strict(sender)):
            raise Rejected("This is not an address we can send mail to.")
        data = build(message)
        if self._client is None:
            return await _print(data, fence)
        await self._envelope(self._client, sender, message.to)
        if not await fence():
            await self._reset(self._client)
            return None
        return await self._data(self._client, data)

    async def _envelope(self, client: aiosmtplib.SMTP, sender: str, recipient: str) -> None:
        try:
            await client.mail(sender)
            await client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            await self._reset(client)
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable("The mail server hung up.") from error

    async def _data(self, client: aiosmtplib.SMTP, data: bytes) -> Receipt:
        try:
            response = await client.data(data)
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 0:
                raise Unconfirmed("The mail server's answer could not be read.") from error
            await self._reset(client)
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unconfirmed(
                "The connection broke while the mail was being handed over."
            ) from error
        return Receipt(one_line(response.message)[:MAX_REASON_CHARS])

    async def _reset(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()  # the next message then finds no connection and is Unavailable


async def _connect(server: _Server) -> aiosmtplib.SMTP:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.implicit_tls,
        start_tls=False,
        timeout=TIMEOUT_S,
    )
    try:
        await client.connect()
        if not server.implicit_tls:
            await _start_tls(client, server)
        if server.user:
            await client.login(server.user, server.password)
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise Unavailable("The mail server refused our user name or password.") from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        client.close()
        raise Unavailable(
            f"The mail server {server.host} did not answer as expected."
        ) from error
    except Unavailable:
        client.close()
        raise
    return client


async def _start_tls(client: aiosmtplib.SMTP, server: _Server) -> None:
    """Encrypt if offered; without a password at stake an unknown certificate will do."""
    await client.ehlo()
    local = server.host in _LOOPBACK
    if client.supports_extension("starttls") and not (local and not server.user):
        await client.starttls(validate_certs=bool(server.user) and not local)
        await client.ehlo()
    elif server.user and not local:
        raise Unavailable("The mail server offers no encryption, so no password was sent.")


def _refusal(error: aiosmtplib.SMTPResponseException) -> Rejected | Unavailable:
    """Tell a permanent no from a temporary one; the server's words are shown as one line."""
    reason = f"{error.code} {one_line(error.message)}"[:MAX_REASON_CHARS]
    if error.code >= _PERMANENT:
        return Rejected(f"The mail server refused: {reason}")
    return Unavailable(f"The mail server said: {reason}")


async def _print(data: bytes, fence: Fence) -> Receipt | None:
    if not await fence():
        return None
    print(data.decode("utf-8", "replace"), flush=True)  # noqa: T201 - console:// is for that
    return Receipt("printed")
