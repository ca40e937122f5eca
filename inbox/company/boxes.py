"""Mailboxes that are looked into: entered after a test, changed, removed."""

import asyncio
import imaplib
import socket
import ssl
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwire import Folder, ImapServer
from inbox.channels.imapwords import CONTROL
from inbox.channels.oauth import Grant, NoConsent, Token, fetch_token
from inbox.company.staff import LOOK_AGAIN
from inbox.errors import Conflict, Invalid, NotFound, Rejected, Unavailable
from inbox.fetching.tokens import access_place, client_place
from inbox.mailboxes import place_of
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Vault
from models import AuditAction, AuditThing, Mailbox

LEAST_EVERY_S, MOST_EVERY_S = 10, 3600
LEAST_ALARM_MIN, MOST_ALARM_MIN = 5, 1440
MOST_FOLDER = 255
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
NO_TOKEN = Advice(
    N_("The provider gives no access token."),
    N_("Look at the client’s id and secret; perhaps somebody has to agree anew."),
)
TOKEN_REFUSED = Advice(
    N_("The server does not accept the access token for this user name."),
    N_(
        "The user name is the mailbox’s whole address, and what was agreed to has to include "
        "reading mail by IMAP."
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


async def get_token(grant: Grant, own: Collection[str] = ()) -> Token:
    """Ask for an access token, as a test does.

    Raises
    ------
    TestFailed
        With what is wrong.
    """
    try:
        return await fetch_token(grant, own)
    except (NoConsent, Unavailable, Rejected) as error:
        advice = Advice(NO_TOKEN.wrong, NO_TOKEN.mend, error.message)
        raise TestFailed(advice) from error


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
        refused = TOKEN_REFUSED if server.token else NO_SIGN_IN
        return NO_FOLDER if stage == "folder" else refused
    return OTHER


@dataclass(frozen=True, slots=True)
class OAuth:
    """What a mailbox has besides its refresh token; ``token`` is the one of its test."""

    client_secret: str = field(repr=False)
    token: Token


def attach(
    session: Session,
    row: Mailbox,
    password: str,
    vault: Vault,
    *,
    by: int | None,
    now: datetime,
    oauth: OAuth | None = None,
) -> None:
    """Store a mailbox of an inbox, its secrets sealed.

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
    if oauth is not None and oauth.client_secret:
        row.client_secret = vault.seal(oauth.client_secret, client_place(row.id))
    _seal(row, password, oauth.token if oauth is not None else None, vault, now)
    session.flush()
    _note(session, row, AuditAction.CREATED, now, by, after=_facts(row))


def _seal(
    row: Mailbox, password: str, token: Token | None, vault: Vault, now: datetime
) -> None:
    """Seal a password; with a token it is a refresh token, "" if the client needs none."""
    if token is None:
        row.password = vault.seal(password, place_of(row.id))
        return
    refresh = token.refresh_token or password
    row.password = vault.seal(refresh, place_of(row.id)) if refresh else ""
    row.access_token = vault.seal(token.access_token, access_place(row.id))
    row.access_until = now + timedelta(seconds=token.good_for_s)


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
        _seal(row, password, None, vault, now)
    row.next_at = now
    session.add(row)
    if password is not None:
        _note(session, row, AuditAction.PASSWORD_SET, now, by)
    if before != _facts(row):
        _note(session, row, AuditAction.CHANGED, now, by, before, _facts(row))


def renew(
    session: Session, mailbox_id: int, token: Token, vault: Vault, *, by: int, now: datetime
) -> None:
    """Store the refresh token of a mailbox, with the token that it was tested by."""
    row = get_mailbox(session, mailbox_id)
    _seal(row, token.refresh_token, token, vault, now)
    row.next_at = now
    session.add(row)
    _note(session, row, AuditAction.PASSWORD_SET, now, by)


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a mailbox is looked into, when an alarm is raised, and where sent mail is."""

    every_s: int
    alarm_after_min: int
    sent_folder: str  # see models.Mailbox


def set_habits(
    session: Session, mailbox_id: int, habits: Habits, *, by: int, now: datetime
) -> None:
    """Say how a mailbox is read, and make it due now.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    row = get_mailbox(session, mailbox_id)
    wrong = {}
    if not LEAST_EVERY_S <= habits.every_s <= MOST_EVERY_S:
        wrong["every"] = N_("From 10 seconds to an hour.")
    if not LEAST_ALARM_MIN <= habits.alarm_after_min <= MOST_ALARM_MIN:
        wrong["alarm"] = N_("From 5 minutes to a day.")
    folder = habits.sent_folder.strip()
    if CONTROL.search(folder) or len(folder) > MOST_FOLDER:
        wrong["sent"] = N_("This is no name of a folder.")
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
    before = _facts(row)
    if folder != row.sent_folder:
        row.sent = {}
    row.every_s, row.alarm_after_min = habits.every_s, habits.alarm_after_min
    row.sent_folder = folder
    row.next_at = now
    session.add(row)
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
    names = (
        *("inbox_id", "host", "port", "username", "folder", "every_s", "is_active"),
        *("token_url", "client_id", "scope", "alarm_after_min", "sent_folder"),
    )
    return {
        "auth": row.auth.value,
        "tls": row.tls.value,
        **{name: getattr(row, name) for name in names},
    }


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
