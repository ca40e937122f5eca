"""After the key was replaced: what the old one sealed is sealed with the new one.

Each secret is changed where it still is what was read, so that one that somebody enters
meanwhile stays. What cannot be opened by any key is counted and left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, SQLModel

from inbox.alerting.bot import PLACE as BOT_PLACE
from inbox.alerting.bot import SETTING as BOT_SETTING
from inbox.alerting.browsers import place_of as browser_place
from inbox.calendars.own import place_of as calendar_place
from inbox.chatting.identity import identity_place
from inbox.company.doors import secret_place
from inbox.fetching.tokens import access_place, client_place
from inbox.hooks import managing as hooks
from inbox.mailboxes import place_of
from inbox.messaging.links import access_place as messenger_access_place
from inbox.messaging.links import secrets_place as messenger_place
from inbox.sending.servers import key_place, sender_place
from inbox.vault import Sealed, Vault
from models import (
    Company,
    DkimKey,
    Inbox,
    Mailbox,
    MailSender,
    Messenger,
    OwnCalendar,
    PushBrowser,
    Webhook,
)
from models.base import columns

Row = Any


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets were sealed anew, and how many no key opens."""

    count: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """A column of sealed texts, and what each row's is sealed for."""

    table: type[SQLModel]
    column: str
    place: Callable[[Row], str]
    key: str = "id"  # the column that a row is known by


@dataclass(frozen=True, slots=True)
class Setting:
    """A sealed text inside a JSON column ``settings``: by which steps it is reached."""

    table: type[SQLModel]
    steps: tuple[str, ...]
    place: Callable[[Row], str]


SPOTS: tuple[Spot, ...] = (
    Spot(MailSender, "password", lambda row: sender_place(row.inbox_id)),
    Spot(DkimKey, "private_key", lambda row: key_place(row.domain, row.selector)),
    Spot(Mailbox, "password", lambda row: place_of(row.id)),
    Spot(Mailbox, "client_secret", lambda row: client_place(row.id)),
    Spot(Mailbox, "access_token", lambda row: access_place(row.id)),
    Spot(Messenger, "secrets", lambda row: messenger_place(row.inbox_id)),
    Spot(Messenger, "access_token", lambda row: messenger_access_place(row.inbox_id)),
    Spot(PushBrowser, "sealed", lambda row: browser_place(row.mark)),
    Spot(OwnCalendar, "sealed", lambda row: calendar_place(row.agent_id), "agent_id"),
    Spot(Webhook, "secret", lambda row: hooks.place_of(row.id)),
    Spot(Webhook, "old_secret", lambda row: hooks.old_place_of(row.id)),
)
SETTINGS: tuple[Setting, ...] = (
    Setting(Company, (BOT_SETTING, "token"), lambda _: BOT_PLACE),
    Setting(Inbox, ("secret",), lambda row: secret_place(row.id)),
    Setting(Inbox, ("identity",), lambda row: identity_place(row.id)),
)


def reseal(session: Session, vault: Vault) -> Resealed:
    """Seal with the newest key whatever another one has sealed."""
    done = [*_columns(session, vault), *_settings(session, vault)]
    return Resealed(done.count(True), done.count(False))


def _columns(session: Session, vault: Vault) -> Iterator[bool]:
    for spot in SPOTS:
        column = columns(spot.table)[spot.column]
        key = columns(spot.table)[spot.key]
        for row in session.execute(select(spot.table).where(column != "")).scalars().all():
            sealed = getattr(row, spot.column)
            if vault.is_newest(sealed):
                continue
            fresh = _anew(vault, sealed, spot.place(row))
            if fresh is not None:
                session.execute(
                    update(spot.table)
                    .where(key == getattr(row, spot.key), column == sealed)
                    .values({spot.column: fresh})
                    .execution_options(synchronize_session=False)
                )
            yield fresh is not None


def _settings(session: Session, vault: Vault) -> Iterator[bool]:
    for setting in SETTINGS:
        for row in session.execute(select(setting.table).with_for_update()).scalars().all():
            *way, last = setting.steps
            found = row.settings
            for step in way:
                found = found.get(step) or {}
            sealed = found.get(last, "")
            if not sealed or vault.is_newest(sealed):
                continue
            fresh = _anew(vault, sealed, setting.place(row))
            if fresh is not None:
                row.settings = _put(row.settings, setting.steps, fresh)
                session.add(row)
            yield fresh is not None


def _put(settings: dict[str, Any], steps: tuple[str, ...], text: str) -> dict[str, Any]:
    first, *rest = steps
    inside = _put(settings[first], tuple(rest), text) if rest else text
    return {**settings, first: inside}


def _anew(vault: Vault, sealed: str, place: str) -> str | None:
    try:
        return vault.seal(vault.open(sealed, place), place)
    except Sealed:
        return None
