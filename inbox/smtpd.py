"""The mail receiver: a mail is a committed row before its sender is told 250.

Our own trouble is always a 4xx with a fixed text, so that the sender keeps the mail and tries
again; what went wrong is in our log, never in an answer.
"""

import asyncio
import contextlib
import logging
import signal
import ssl
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from inbox.addressing import inbox_named
from inbox.channels.maildata import NeverEnds, NoRoom, TooBig, read_data
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.errors import Invalid
from inbox.failpoints import failpoint
from inbox.processes import leave_within
from inbox.queue import Announcer, connect
from inbox.settings import Settings
from inbox.staging import (
    MAX_BACKLOG,
    MAX_MAIL_BYTES,
    Arrival,
    Together,
    count_waiting,
    has_room,
    stage,
)
from inbox.store.company import list_doors
from models import ChannelKind, SinkMail

log = logging.getLogger(__name__)

MAX_RECIPIENTS = 50
MAX_HOPS = 50
MAX_CONNECTIONS, MAX_PER_PEER = 100, 10
MAX_HELD_BYTES = 256 * 1024 * 1024  # of mail that is just arriving, over all connections
BIG_MAIL_BYTES = 1024 * 1024  # storing takes several times as much memory for a moment
MAX_BIG_AT_ONCE = 3
IDLE_S = 60
STOP_S = 4.0
LOOK_EVERY_S = 2.0  # how old what we know of inboxes, backlog and disk may be

TRY_LATER = "451 4.3.0 Not now, please try again later"
FULL = "452 4.3.1 Too much to do here, please try again later"
TOO_BIG = "552 5.3.4 This mail is too big"


@dataclass(slots=True)
class Known:
    """What the receiver knows of the installation, looked up at most every two seconds."""

    addresses: dict[str, int]  # inbox address -> inbox id
    overloaded: bool
    until: float


class Receiver:
    """aiosmtpd's handler: decides on recipients and stores mail."""

    def __init__(self, database: Database, data_dir: Any) -> None:
        self._database = database
        self._data_dir = data_dir
        self._known = Known({}, False, 0.0)
        self._big = asyncio.Semaphore(MAX_BIG_AT_ONCE)
        self._together = Together(self._commit)

    async def _commit(self, arrivals: list[Arrival]) -> None:
        await self._database.write(_stage_all, arrivals)

    async def _look(self) -> Known:
        if time.monotonic() > self._known.until:
            doors = await self._database.read(list_doors, ChannelKind.EMAIL)
            waiting = await self._database.read(count_waiting, MAX_BACKLOG)
            self._known = Known(
                {door.handle: door.id for door in doors},
                waiting >= MAX_BACKLOG or not has_room(self._data_dir),
                time.monotonic() + LOOK_EVERY_S,
            )
        return self._known

    async def handle_EHLO(  # noqa: N802 -- aiosmtpd's name
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Offer no sign-in: there is none, also over TLS."""
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept any sender whose address is text."""
        if not address.isprintable():
            return "553 5.1.7 That is not an address"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Accept a recipient who is one of our inboxes, with or without a reply tag."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients, send the rest apart"
        known = await self._look()
        if known.overloaded:
            return FULL
        if not address.isprintable() or inbox_named(address, known.addresses) is None:
            return "550 5.1.1 There is no such inbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the mail, one row an inbox, and only then say yes."""
        content = envelope.content
        if not isinstance(content, bytes):
            return TRY_LATER
        head = content[: 256 * 1024].split(b"\r\n\r\n", 1)[0].lower()
        if head.count(b"\nreceived:") + head.startswith(b"received:") > MAX_HOPS:
            return "554 5.4.6 This mail goes round in circles"
        known = await self._look()
        wanted: dict[int, list[str]] = {}
        for address in envelope.rcpt_tos:
            handle = inbox_named(address, known.addresses)
            if handle is None:
                return TRY_LATER  # closed since RCPT
            wanted.setdefault(known.addresses[handle], []).append(address)
        envelope_facts = {"from": envelope.mail_from or "", "peer": address_of(session)}
        is_big = len(content) > BIG_MAIL_BYTES
        async with self._big if is_big else contextlib.nullcontext():
            arrivals = []
            for inbox_id, addresses in wanted.items():
                if is_big:
                    key = await asyncio.to_thread(dedupe_key, inbox_id, content)
                else:
                    key = dedupe_key(inbox_id, content)
                meta = {**envelope_facts, "rcpt": addresses}
                arrivals.append(Arrival(inbox_id, ChannelKind.EMAIL, key, content, meta))
            await (self._commit if is_big else self._together.keep)(arrivals)
            failpoint("smtp.committed")
        return "250 2.0.0 OK, kept"

    async def handle_exception(self, error: Exception) -> str:
        """Answer our own trouble: never the exception's words."""
        if isinstance(error, DatabaseGone):
            log.warning("mail refused for now: %s", error.__cause__ or error)
        else:
            log.error("mail refused for now", exc_info=error)
        return TRY_LATER


def address_of(session: Session) -> str:
    """Return the peer's address; "local" for a local socket."""
    peer: Any = session.peer
    return str(peer[0]) if isinstance(peer, tuple) else "local"


def _stage_all(session: Any, arrivals: list[Arrival]) -> None:
    now = utcnow()
    for arrival in arrivals:
        stage(session, arrival, now)
    failpoint("smtp.staged")


class Sink:
    """The sample company's outside world: takes every mail and keeps it for /demo/mail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail."""
        await self._database.write(_keep, envelope)
        return "250 2.0.0 OK, in the sink"


def _keep(session: Any, envelope: Envelope) -> None:
    content = envelope.content
    session.add(
        SinkMail(
            to_address=", ".join(envelope.rcpt_tos),
            from_address=envelope.mail_from or "",
            body=content if isinstance(content, bytes) else b"",
            at=utcnow(),
        )
    )


class Certificate:
    """The certificate that STARTTLS shows; a renewed one is shown to the next who comes."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Load it; raises ``Invalid`` if that cannot be done."""
        self._files = (certificate, key)
        self._stamp: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None
        if self.context() is None:
            raise Invalid(f"The certificate {certificate} cannot be used with the key {key}.")

    def context(self) -> ssl.SSLContext | None:
        """Return what TLS needs; of files that are bad just now, what was good before."""
        try:
            stamp = tuple(one.stat().st_mtime_ns for one in self._files)
            if stamp != self._stamp:
                made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                made.load_cert_chain(*self._files)
                self._context, self._stamp = made, stamp
        except (OSError, ValueError) as error:  # TLS's errors are OSErrors
            log.error("the mail receiver's certificate cannot be read: %s", error)
        return self._context


class Server(SMTP):
    """aiosmtpd's protocol with caps on connections, counted over all of them."""

    line_length_limit = 64 * 1024
    open_by_peer: ClassVar[Counter[str]] = Counter()
    held_bytes: ClassVar[int] = 0

    _peer: str | None = None

    def connection_made(self, transport: Any) -> None:
        """Count the connection, or refuse it with 421; TLS begins on one that is counted."""
        if self._peer is not None:
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        name = str(peer[0]) if peer else "local"
        counts = Server.open_by_peer
        if counts.total() >= MAX_CONNECTIONS or counts[name] >= MAX_PER_PEER:
            transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
            transport.close()
            return
        counts[name] += 1
        self._peer = name
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place back."""
        if self._peer is None:
            return
        counts = Server.open_by_peer
        counts[self._peer] -= 1
        if counts[self._peer] <= 0:
            del counts[self._peer]
        self._peer = None
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 -- aiosmtpd's name
        """Take a mail in bounded memory; aiosmtpd's own keeps an object for each line."""
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Say first who it is for")
        elif arg:
            await self.push("501 5.5.4 DATA stands alone")
        else:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            status = await self._take(self.envelope)
            self.envelope = self._create_envelope()
            await self.push(status)

    async def _take(self, envelope: Envelope) -> str:
        held = 0

        def may_keep(more: int) -> bool:
            nonlocal held
            self._reset_timeout()  # a slow line is not an idle one
            held += more
            Server.held_bytes += more
            return Server.held_bytes <= MAX_HELD_BYTES

        try:
            content = await read_data(self._reader, self.data_size_limit or 0, may_keep)
            envelope.content = envelope.original_content = content
            return str(await self._call_handler_hook("DATA"))
        except TooBig:
            return TOO_BIG
        except NoRoom:
            return FULL
        except NeverEnds:
            if self.transport is not None:
                self.transport.close()
            return TOO_BIG
        finally:
            Server.held_bytes -= held


def make_server(handler: Any, hostname: str, certificate: Certificate | None = None) -> Server:
    """Make the protocol for one connection."""
    return Server(
        handler,
        tls_context=certificate.context() if certificate is not None else None,
        auth_exclude_mechanism=("LOGIN", "PLAIN"),  # nobody signs in here
        data_size_limit=MAX_MAIL_BYTES,
        enable_SMTPUTF8=True,
        hostname=hostname,
        ident="Kip",
        timeout=IDLE_S,
        command_call_limit={"*": 50, "MAIL": 1000, "RCPT": 5000, "DATA": 1000},
    )


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate of the settings, if there is one; raises ``Invalid``."""
    if settings.smtp_tls_cert is None:
        return None
    return Certificate(settings.smtp_tls_cert, settings.smtp_tls_key or settings.smtp_tls_cert)


async def run_smtp(settings: Settings, host: str, port: int, sink_port: int | None) -> None:
    """Receive mail until told to stop; ``sink_port`` is the sample company's outside."""
    redis = connect(settings.redis_url) if settings.redis_url else None
    database = Database(settings.database, Announcer(redis))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    receiver = Receiver(database, settings.data_dir)
    tls = certificate_of(settings)
    servers = [await loop.create_server(lambda: make_server(receiver, "kip", tls), host, port)]
    if sink_port is not None:
        sink = Sink(database)
        servers.append(
            await loop.create_server(lambda: make_server(sink, "sink"), "127.0.0.1", sink_port)
        )
    log.info("receiving mail on %s:%d", host, port)
    await stop.wait()
    leave_within(STOP_S)
    for server in servers:
        server.close()
    for _ in range(20):  # let mails that are being handed over finish, for a second
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.05)
    await database.close()
    if redis is not None:
        await redis.aclose()
