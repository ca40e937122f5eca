"""How an inbox's mail leaves: by a server of its own, and with what under it."""

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.smtp import Server
from inbox.channels.smtp import look as look_at
from inbox.company.boxes import CERTIFICATE, SILENT, SILENT_PLAIN, Advice, TestFailed
from inbox.company.doors import get_inbox
from inbox.errors import Invalid, NotFound, Rejected, Unavailable
from inbox.outgoing.letters import MOST_SIGNATURE
from inbox.sending.servers import sender_place
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Vault
from models import (
    Agent,
    AuditAction,
    AuditThing,
    ChannelKind,
    MailboxTls,
    MailSender,
    SenderAuth,
)
from models.base import columns

senders = columns(MailSender)

PORTS = {"tls": 465, "starttls": 587, "none": 25}
LIMIT_S = 15.0
MOST_CHARS = 255
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]+\]?")
NO_HOST = Advice(
    N_("There is no server of this name."),
    N_("Look at the spelling; your mail provider names its SMTP server, often smtp.…"),
)
REFUSED = Advice(
    N_("Nothing answers on this port."),
    N_("Usual ports: 587 with STARTTLS, 465 with TLS from the start."),
)
NO_TLS = Advice(
    N_("The server does not speak TLS from the start on this port."),
    N_("Choose STARTTLS for this port, or use port 465."),
)
NO_STARTTLS = Advice(
    N_("The server offers no STARTTLS on this port."),
    N_("Choose TLS from the start with port 465, or ask whoever runs it."),
)
NO_SIGN_IN = Advice(
    N_("The server does not accept this user name and password."),
    N_(
        "Type both again. Gmail and Microsoft 365 want an app password, and sending by SMTP "
        "switched on for the mailbox."
    ),
)
NOT_AS = Advice(
    N_("The sign-in works, but the server lets nobody send as this address."),
    N_("Have the address allowed as a sender there, or sign in as the mailbox it belongs to."),
)
OTHER = Advice(
    N_("The server cannot be used as entered."),
    N_("Look at every field; what the server said may help whoever runs it."),
)


@dataclass(frozen=True, slots=True)
class Entered:
    """What is entered of a server; ``password`` empty keeps the one that is stored."""

    host: str
    port: int
    tls: str
    auth: str
    username: str = ""
    password: str = ""


async def look(server: Server, address: str) -> None:
    """Sign in and name the inbox as sender; nothing is sent. Ends within 15 seconds.

    Raises
    ------
    TestFailed
        With what is wrong.
    """
    try:
        async with asyncio.timeout(LIMIT_S):
            await look_at(server, address)
    except (Unavailable, Rejected, TimeoutError) as error:
        raise TestFailed(advise(error, server)) from error


def advise(error: Exception, server: Server) -> Advice:
    """Say what a failure means, out of what caused it."""
    said = error.said if isinstance(error, Unavailable | Rejected) else ""
    found = _by_answer(error, server) or _by_cause(error, server)
    return Advice(found.wrong, found.mend, said)


def _by_answer(error: Exception, server: Server) -> Advice | None:
    if isinstance(error, Rejected):
        return NOT_AS
    if isinstance(error, Unavailable):
        if "password." in error.message and error.code:
            return NO_SIGN_IN
        if "no encryption" in error.message:
            return NO_STARTTLS
    return None


def _by_cause(error: Exception, server: Server) -> Advice:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    for kind, meaning in (
        (socket.gaierror, NO_HOST),
        (ConnectionRefusedError, REFUSED),
        (ssl.SSLCertVerificationError, CERTIFICATE),
        (ssl.SSLError, NO_TLS if server.tls == "tls" else OTHER),
        (TimeoutError, SILENT if server.tls == "tls" else SILENT_PLAIN),
    ):
        if any(isinstance(one, kind) for one in causes):
            return meaning
    return OTHER


def check(entered: Entered) -> None:
    """Refuse what cannot be a server.

    Raises
    ------
    Invalid
        With what has to change.
    """
    if not _HOST.fullmatch(entered.host):
        raise Invalid(NO_HOST.wrong)
    if entered.tls not in PORTS or entered.auth not in set(SenderAuth):
        raise Invalid(N_("Choose how the connection is encrypted."))
    if not 0 < entered.port < 65536:
        raise Invalid(N_("A port is a number from 1 to 65535."))
    if max(map(len, (entered.host, entered.username, entered.password))) > MOST_CHARS:
        raise Invalid(N_("One of the answers is too long."))
    if entered.auth == SenderAuth.PASSWORD and not entered.username:
        raise Invalid(N_("Enter the user name."))


def find_sender(session: Session, inbox_id: int) -> MailSender | None:
    """Return an inbox's own server."""
    found: MailSender | None = session.execute(
        select(MailSender).where(senders.inbox_id == inbox_id)
    ).scalar_one_or_none()
    return found


def enter(
    session: Session, inbox_id: int, entered: Entered, vault: Vault, *, by: int, now: datetime
) -> None:
    """Store the server that an inbox's mail goes out by, its password sealed.

    Raises
    ------
    Invalid
        If it cannot be one, or wants a password that is not there.
    NotFound
        If the inbox has no address.
    """
    check(entered)
    if get_inbox(session, inbox_id, to_change=True).kind is not ChannelKind.EMAIL:
        raise NotFound("There is nothing here.")
    row = find_sender(session, inbox_id)
    before = _facts(row) if row is not None else {}
    if row is None:
        row = MailSender(
            inbox_id=inbox_id, host="", port=0, tls=MailboxTls.TLS, auth=SenderAuth.NONE,
            created_at=now,
        )  # fmt: skip
    auth = SenderAuth(entered.auth)
    if auth is not SenderAuth.PASSWORD:
        row.username = row.password = ""
    elif entered.password:
        row.password = vault.seal(entered.password, sender_place(inbox_id))
    elif not row.password or row.host != entered.host:
        raise Invalid(N_("Enter the password."))
    row.host, row.port = entered.host, entered.port
    row.tls, row.auth, row.is_active = MailboxTls(entered.tls), auth, True
    row.username = entered.username if auth is SenderAuth.PASSWORD else ""
    row.last_ok_at, row.failing_since, row.last_error = now, None, ""
    session.add(row)
    session.flush()
    after = _facts(row) | ({"password": "set"} if entered.password else {})
    done = AuditAction.CHANGED if before else AuditAction.CREATED
    add_entry(
        session, AuditThing.SENDER, inbox_id, done, now, by=by, before=before, after=after
    )


def _facts(row: MailSender) -> dict[str, Any]:
    names = ("host", "port", "username", "is_active")
    shown = {name: getattr(row, name) for name in names}
    return {"tls": row.tls.value, "auth": row.auth.value, **shown}


def remove(session: Session, inbox_id: int, *, by: int, now: datetime) -> None:
    """Let the mail go out by the installation's server again; the password is forgotten."""
    row = find_sender(session, inbox_id)
    if row is None:
        raise NotFound("There is nothing here.")
    add_entry(
        session,
        AuditThing.SENDER,
        inbox_id,
        AuditAction.REMOVED,
        now,
        by=by,
        before=_facts(row),
    )
    session.delete(row)


def set_signature(
    session: Session, inbox_id: int, text: str, *, by: int, now: datetime
) -> None:
    """Say what stands under answers of those who have no signature of their own.

    Raises
    ------
    Invalid
        If it is too long.
    """
    text = text.replace("\r\n", "\n").strip()
    if len(text) > MOST_SIGNATURE:
        raise Invalid(N_("This is too long."), {"signature": N_("This is too long.")})
    row = get_inbox(session, inbox_id, to_change=True)
    before = {"signature": row.settings.get("signature", "")}
    row.settings = {**row.settings, "signature": text}
    session.add(row)
    if before["signature"] != text:
        add_entry(
            session,
            AuditThing.INBOX,
            inbox_id,
            AuditAction.CHANGED,
            now,
            by=by,
            before=before,
            after={"signature": text},
        )


def set_own_signature(session: Session, agent_id: int, text: str, now: datetime) -> None:
    """Say what stands under one's own answers; empty: what the inbox has.

    Raises
    ------
    Invalid
        If it is too long.
    """
    text = text.replace("\r\n", "\n").strip()
    if len(text) > MOST_SIGNATURE:
        raise Invalid(N_("This is too long."), {"signature": N_("This is too long.")})
    row = session.get_one(Agent, agent_id)
    if row.signature == text:
        return
    before, row.signature = row.signature, text
    session.add(row)
    add_entry(
        session,
        AuditThing.PERSON,
        agent_id,
        AuditAction.CHANGED,
        now,
        by=agent_id,
        before={"signature": before},
        after={"signature": text},
    )
