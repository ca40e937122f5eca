"""By which server a mail goes out, and what signs it: looked up once a batch, by its sender."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels import dkim
from inbox.channels.dkim import Signer
from inbox.channels.oauth import NoConsent
from inbox.channels.smtp import Server
from inbox.db import Database
from inbox.errors import ChannelError, Unavailable
from inbox.fetching.tokens import server_for
from inbox.vault import Sealed, Vault
from models import DkimKey, Inbox, Mailbox, MailSender, SenderAuth
from models.base import columns, core

log = logging.getLogger(__name__)

senders = columns(MailSender)
keys = columns(DkimKey)
inboxes = columns(Inbox)
mailboxes = columns(Mailbox)


def sender_place(inbox_id: int) -> str:
    """Return what the password of an inbox's server is sealed for."""
    return f"mail_senders:{inbox_id}"


def key_place(domain: str, selector: str) -> str:
    """Return what a signing key is sealed for."""
    return f"dkim_keys:{selector}.{domain}"


@dataclass(frozen=True, slots=True)
class Own:
    """An inbox's own server as stored, and the mailbox whose sign-in it may use."""

    sender: MailSender
    mailbox: Mailbox | None


@dataclass(frozen=True, slots=True)
class Ways:
    """What of the installation matters to a batch: own servers by address, keys by domain."""

    own: Mapping[str, Own]
    keys: Mapping[str, DkimKey]


def load_ways(session: Session, addresses: Iterable[str]) -> Ways:
    """Load what mail from these addresses needs."""
    wanted = sorted(set(addresses))
    rows = session.execute(
        select(inboxes.handle, MailSender)
        .join(core(MailSender), senders.inbox_id == inboxes.id)
        .where(inboxes.handle.in_(wanted), senders.is_active.is_(True))
    ).all()
    boxes = find_mailboxes(session, [row.inbox_id for _, row in rows])
    domains = {address.rpartition("@")[2] for address in wanted}
    signing = session.execute(
        select(DkimKey)
        .where(keys.domain.in_(sorted(domains)), keys.signs.is_(True))
        .order_by(keys.id)
    ).scalars()
    return Ways(
        {handle: Own(row, boxes.get(row.inbox_id)) for handle, row in rows},
        {key.domain: key for key in signing},
    )


def find_mailboxes(session: Session, inbox_ids: Iterable[int]) -> dict[int, Mailbox]:
    """Return the mailbox of each inbox whose sign-in its own server may use: the oldest."""
    ids = list(inbox_ids)
    if not ids:
        return {}
    rows = session.execute(
        select(Mailbox).where(mailboxes.inbox_id.in_(ids)).order_by(mailboxes.id.desc())
    ).scalars()
    return {row.inbox_id: row for row in rows}


async def server_of(
    own: Own,
    database: Database,
    vault: Vault,
    token_services: Collection[str] = (),
    *,
    password: str = "",
    anew: bool = False,
) -> Server:
    """Return a stored server with its sign-in; ``password`` is one that was just typed.

    ``anew`` asks for another token, where the last one was refused before its time.

    Raises
    ------
    Unavailable
        If there is nothing to sign in with just now.
    """
    row, box = own.sender, own.mailbox
    made = Server(row.host, row.port, tls=row.tls.value)
    if row.auth is SenderAuth.NONE:
        return made
    try:
        if row.auth is SenderAuth.PASSWORD:
            secret = password or vault.open(row.password, sender_place(row.inbox_id))
            return replace(made, user=row.username, password=secret)
        if box is None:
            raise Unavailable("It signs in as the inbox's mailbox, and there is none.")
        as_box = await server_for(database, box, vault, token_services, anew=anew)
    except (ChannelError, NoConsent, Sealed) as error:
        raise Unavailable(error.message) from error
    return replace(made, user=as_box.username, password=as_box.password, token=as_box.token)


class Signers:
    """Signs mail by the keys of a batch; a key is opened once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._keys: Mapping[str, DkimKey] = {}
        self._open: dict[str, Signer | None] = {}

    def use(self, found: Mapping[str, DkimKey]) -> None:
        """Sign by these keys from now on, by domain."""
        same = {name: key.private_key for name, key in found.items()}
        if same != {name: key.private_key for name, key in self._keys.items()}:
            self._open = {}
        self._keys = found

    def seal(self, mail: bytes, domain: str) -> bytes:
        """Return a mail signed for the domain it is from, if there is a key for that."""
        if domain not in self._keys:
            return mail
        if domain not in self._open:
            self._open[domain] = self._opened(self._keys[domain])
        signer = self._open[domain]
        return mail if signer is None else dkim.sign(mail, signer)

    def _opened(self, key: DkimKey) -> Signer | None:
        """Open a key; where that cannot be done mail leaves unsigned rather than not at all."""
        place = key_place(key.domain, key.selector)
        try:
            private = self._vault.open(key.private_key, place)
        except Sealed as error:
            log.error("mail from %s is not signed: %s", key.domain, error.message)
            return None
        return Signer(key.domain, key.selector, private)


def note_state(session: Session, inbox_id: int, problem: str, now: datetime) -> None:
    """Write down how an inbox's own server did, where that is news."""
    row = session.execute(
        select(senders.failing_since, senders.last_error, senders.last_ok_at).where(
            senders.inbox_id == inbox_id
        )
    ).one_or_none()
    if row is None:
        return
    if problem:
        values = {"failing_since": row.failing_since or now, "last_error": problem[:500]}
    elif (
        row.failing_since is None
        and row.last_ok_at is not None
        and (now - row.last_ok_at).total_seconds() < 300
    ):
        return  # known already
    else:
        values = {"failing_since": None, "last_error": "", "last_ok_at": now}
    session.execute(update(MailSender).where(senders.inbox_id == inbox_id).values(**values))
