"""Signing in to mailboxes: with their password, or with a token that is renewed in time."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels.imapwire import ImapServer
from inbox.channels.oauth import Grant, Token, fetch_token
from inbox.clock import utcnow
from inbox.db import Database
from inbox.mailboxes import Job, place_of, server_of
from inbox.vault import Sealed, Vault
from models import Mailbox, MailboxAuth
from models.base import columns

mailboxes = columns(Mailbox)

SPARE = timedelta(minutes=5)  # a token is renewed so long before it ends


def client_place(mailbox_id: int) -> str:
    """Return what the client's secret of a mailbox is sealed for."""
    return f"mailboxes:{mailbox_id}:client"


def access_place(mailbox_id: int) -> str:
    """Return what the access token of a mailbox is sealed for."""
    return f"mailboxes:{mailbox_id}:access"


def grant_of(box: Job | Mailbox, vault: Vault) -> Grant:
    """Open what a token is asked for with; raises ``Sealed`` if it cannot be."""
    secret = box.client_secret and vault.open(box.client_secret, client_place(box.id))
    refresh = box.password and vault.open(box.password, place_of(box.id))
    return Grant(box.token_url, box.client_id, secret, refresh, box.scope)


async def server_for(
    database: Database,
    box: Job | Mailbox,
    vault: Vault,
    own: Collection[str] = (),
    *,
    anew: bool = False,
) -> ImapServer:
    """Return how to sign in to a mailbox; a token that ends soon is renewed and stored.

    ``anew`` renews it in any case.

    Raises
    ------
    Sealed
        If a secret cannot be opened.
    NoConsent, Unavailable, Rejected
        If the provider gives no token.
    """
    if box.auth is not MailboxAuth.OAUTH2:
        return server_of(box, vault)
    now = utcnow()
    if not anew and box.access_token and box.access_until and box.access_until > now + SPARE:
        try:
            return server_of(box, vault, vault.open(box.access_token, access_place(box.id)))
        except Sealed:
            pass  # a token can be had again
    token = await fetch_token(grant_of(box, vault), own)
    await database.write(keep_token, box.id, box.password, token, vault, now)
    return server_of(box, vault, token.access_token)


def keep_token(
    session: Session,
    mailbox_id: int,
    asked_with: str,
    token: Token,
    vault: Vault,
    now: datetime,
) -> None:
    """Store a token, and the refresh token that replaces the one it was asked with.

    Where the mailbox got another one meanwhile, by hand, that one stays.
    """
    row = session.execute(
        select(mailboxes.password).where(mailboxes.id == mailbox_id).with_for_update()
    ).one_or_none()
    if row is None or row.password != asked_with:
        return
    values = {
        "access_token": vault.seal(token.access_token, access_place(mailbox_id)),
        "access_until": now + timedelta(seconds=token.good_for_s),
    }
    if token.refresh_token:
        values["password"] = vault.seal(token.refresh_token, place_of(mailbox_id))
    session.execute(update(Mailbox).where(mailboxes.id == mailbox_id).values(**values))
