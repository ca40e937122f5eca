"""Mailboxes that are looked into: entered after a test, changed, removed."""

import asyncio
import imaplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwire import Folder, ImapServer
from inbox.errors import Conflict, NotFound, Unavailable
from inbox.mailboxes import place_of
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Vault
from models import AuditAction, AuditThing, Mailbox

PORTS = {"tls": 993, "starttls": 143, "none": 143}
SILENCE_S, LIMIT_S = 10.0, 15.0  # of one answer, of a whole test
AT_ONCE = 4

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="imap-test")


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong with a connection and how to mend it: message keys, and what was said."""

    wrong: str
    mend: str
    said: str = ""


NO_HOST = Advice(
    N_("There is no server of this name."),
    N_(
        "Look at the spelling; your mail provider names its IMAP server, often imap.… or mail.…"
    ),
)
REFUSED = Advice(
    N_("Nothing answers on this port."),
    N_("Usual ports: 993 with TLS from the start, 143 with STARTTLS."),
)
SILENT = Advice(
    N_("The server did not answer in time."),
    N_("Look at host and port; a firewall between us may hold the connection up."),
)
SILENT_PLAIN = Advice(
    N_("The server did not answer in time."),
    N_("Perhaps this port wants TLS from the start: choose that, usually with port 993."),
)
CERTIFICATE = Advice(
    N_("The server's certificate is not to be trusted for this name."),
    N_("Enter the name that the certificate is for, or have it renewed by whoever runs it."),
)
NO_TLS = Advice(
    N_("The server does not speak TLS from the start on this port."),
    N_("Choose STARTTLS for this port, or use port 993."),
)
NO_SIGN_IN = Advice(
    N_("The server does not accept this user name and password."),
    N_(
        "Type both again. Gmail and Microsoft 365 want an app password, and IMAP switched on "
        "in the mailbox's own settings."
    ),
)
NO_FOLDER = Advice(
    N_("The sign-in works, but there is no such folder."),
    N_("The usual one is INBOX; write others as the server names them, such as INBOX/Support."),
)
OTHER = Advice(
    N_("The server cannot be used as entered."),
    N_("Look at every field; what the server said may help whoever runs it."),
)


class TestFailed(Unavailable):
    """A test that went wrong, with advice."""

    __test__ = False  # no test of pytest's

    def __init__(self, advice: Advice) -> None:
        super().__init__(f"{advice.wrong} {advice.mend}")
        self.advice = advice


async def look(server: ImapServer, folder: str) -> Folder:
    """Sign in and open the folder; nothing is fetched or marked. Ends within 15 seconds.

    Raises
    ------
    TestFailed
        With what is wrong.
    """
    stage = "connect"
    try:
        async with (
            asyncio.timeout(LIMIT_S),  # leaving cuts the wire, so that no thread is kept
            ImapMailbox(server, _threads, timeout_s=SILENCE_S, call_s=LIMIT_S) as mailbox,
        ):
            stage = "folder"
            return await mailbox.select(folder)
    except (Unavailable, TimeoutError) as error:
        raise TestFailed(advise(error, server, stage)) from error


def advise(error: Exception, server: ImapServer, stage: str) -> Advice:
    """Say what a failure means, out of what caused it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    found = _meaning(cause, server, stage)
    said = error.message if isinstance(error, Unavailable) else ""
    return Advice(found.wrong, found.mend, said)


def _meaning(cause: BaseException, server: ImapServer, stage: str) -> Advice:
    for kind, meaning in (
        (socket.gaierror, NO_HOST),
        (ConnectionRefusedError, REFUSED),
        (ssl.SSLCertVerificationError, CERTIFICATE),
        (ssl.SSLError, NO_TLS if server.tls == "tls" else OTHER),
        (TimeoutError, SILENT if server.tls == "tls" else SILENT_PLAIN),
    ):
        if isinstance(cause, kind):
            return meaning
    if isinstance(cause, imaplib.IMAP4.error) and not isinstance(cause, imaplib.IMAP4.abort):
        return NO_FOLDER if stage == "folder" else NO_SIGN_IN
    return OTHER


def attach(
    session: Session,
    row: Mailbox,
    password: str,
    vault: Vault,
    *,
    by: int | None,
    now: datetime,
) -> None:
    """Store a mailbox of an inbox, its password sealed.

    Raises
    ------
    Conflict
        If this folder of this user is there already.
    """
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("This folder of this user is fetched already.") from error
    row.password = vault.seal(password, place_of(row.id))
    session.flush()
    _note(session, row, AuditAction.CREATED, now, by, after=_facts(row))


def change(
    session: Session,
    mailbox_id: int,
    vault: Vault,
    *,
    is_active: bool | None = None,
    every_s: int | None = None,
    password: str | None = None,
    by: int | None,
    now: datetime,
) -> None:
    """Change what is given, and make the mailbox due now; raises ``NotFound``."""
    row = get_mailbox(session, mailbox_id)
    before = _facts(row)
    row.is_active = row.is_active if is_active is None else is_active
    row.every_s = every_s or row.every_s
    if password is not None:
        row.password = vault.seal(password, place_of(row.id))
    row.next_at = now
    session.add(row)
    if password is not None:
        _note(session, row, AuditAction.PASSWORD_SET, now, by)
    if before != _facts(row):
        _note(session, row, AuditAction.CHANGED, now, by, before, _facts(row))


def remove(session: Session, mailbox_id: int, *, by: int | None, now: datetime) -> int:
    """Look into it no more and forget its password; return its inbox.

    What was taken in stays, and what is in the mailbox stays there.
    """
    row = get_mailbox(session, mailbox_id)
    _note(session, row, AuditAction.REMOVED, now, by, before=_facts(row))
    session.delete(row)
    return row.inbox_id


def get_mailbox(session: Session, mailbox_id: int) -> Mailbox:
    """Return a mailbox; raises ``NotFound``."""
    found = session.get(Mailbox, mailbox_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such mailbox.")
    return found


def _facts(row: Mailbox) -> dict[str, Any]:
    names = ("inbox_id", "host", "port", "username", "folder", "every_s", "is_active")
    return {"tls": row.tls.value, **{name: getattr(row, name) for name in names}}


def _note(
    session: Session,
    row: Mailbox,
    action: AuditAction,
    now: datetime,
    by: int | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    add_entry(
        session, AuditThing.MAILBOX, row.id, action, now, by=by, before=before, after=after
    )
