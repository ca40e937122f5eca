"""Accounts as stored, opened for use: which provider, by which access."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels.messengers.account import Account
from inbox.channels.messengers.provider import Provider
from inbox.channels.messengers.providers import PROVIDERS
from inbox.channels.messengers.wire import Wire
from inbox.channels.outward import origin_of
from inbox.settings import Settings
from inbox.vault import Vault
from models import ChannelKind, Inbox, Messenger
from models.base import columns, core

accounts = columns(Messenger)
inboxes = columns(Inbox)

WEBHOOK = "webhook"  # the secret of our making, among the others
MOST_ERROR = 300


def secrets_place(inbox_id: int) -> str:
    """Return what an account's secrets are sealed for."""
    return f"messengers:{inbox_id}"


def access_place(inbox_id: int) -> str:
    """Return what an account's access token is sealed for."""
    return f"messengers:{inbox_id}:access"


@dataclass(frozen=True, slots=True)
class Stored:
    """An account's row, with the inbox it is of; the secrets are sealed."""

    inbox_id: int
    kind: ChannelKind
    account: str
    facts: dict[str, Any]
    secrets: str
    access_token: str
    access_until: datetime | None

    @property
    def provider(self) -> Provider:
        """Who is behind it."""
        return PROVIDERS[self.kind.value]


_STORED = select(
    accounts.inbox_id,
    inboxes.kind,
    accounts.account,
    accounts.facts,
    accounts.secrets,
    accounts.access_token,
    accounts.access_until,
).join(core(Inbox), inboxes.id == accounts.inbox_id)


def find(session: Session, inbox_id: int) -> Stored | None:
    """Return the account of an inbox, open or closed."""
    row = session.execute(_STORED.where(accounts.inbox_id == inbox_id)).one_or_none()
    return None if row is None else Stored(*row)


def find_by_key(session: Session, kind: ChannelKind, key: str) -> Stored | None:
    """Return the account behind an open inbox's key."""
    row = session.execute(
        _STORED.where(inboxes.kind == kind, inboxes.handle == key, inboxes.is_active.is_(True))
    ).one_or_none()
    return None if row is None else Stored(*row)


def secrets_of(stored: Stored, vault: Vault) -> dict[str, str]:
    """Open what was entered; raises ``Sealed``."""
    if not stored.secrets:
        return {}
    found: dict[str, str] = json.loads(
        vault.open(stored.secrets, secrets_place(stored.inbox_id))
    )
    return found


def seal_secrets(inbox_id: int, secrets: dict[str, str], vault: Vault) -> str:
    """Seal what was entered."""
    return vault.seal(json.dumps(secrets, sort_keys=True), secrets_place(inbox_id))


def opened(stored: Stored, vault: Vault) -> Account:
    """Open an account for use; raises ``Sealed`` if a secret cannot be opened."""
    secrets = secrets_of(stored, vault)
    token = stored.access_token
    return Account(
        id=stored.account,
        facts={name: str(value) for name, value in stored.facts.items()},
        secrets={name: text for name, text in secrets.items() if name != WEBHOOK},
        token=vault.open(token, access_place(stored.inbox_id)) if token else "",
        webhook=secrets.get(WEBHOOK, ""),
    )


def wire_to(stored: Stored, account: Account, settings: Settings) -> Wire:
    """Return the way to an account's provider; use it with ``async with``."""
    bases = {name: str(getattr(settings, name)) for name in stored.provider.base_settings}
    return Wire(account, bases, {origin_of(url) for url in bases.values()})


def with_token(account: Account, token: str) -> Account:
    """Return an account with another access token."""
    return replace(account, token=token)


def note_trouble(session: Session, inbox_id: int, problem: str, now: datetime) -> None:
    """Write down that the account could not be used, or with "" that it could."""
    if problem:
        since = accounts.failing_since
        session.execute(
            update(Messenger)
            .where(accounts.inbox_id == inbox_id, since.is_(None))
            .values(failing_since=now)
        )
        session.execute(
            update(Messenger)
            .where(accounts.inbox_id == inbox_id)
            .values(last_error=problem[:MOST_ERROR])
        )
        return
    session.execute(
        update(Messenger)
        .where(accounts.inbox_id == inbox_id, accounts.failing_since.is_not(None))
        .values(failing_since=None)
    )
