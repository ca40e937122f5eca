"""Connecting an account: what is entered, kept encrypted, and tried out at the provider."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels.messengers.provider import Ask, Provider, Whoami
from inbox.channels.messengers.providers import PROVIDERS
from inbox.clock import utcnow
from inbox.db import Database, insert_into
from inbox.errors import ChannelError, Invalid, NotFound
from inbox.messaging import links, renewing
from inbox.settings import Settings
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Sealed, Vault
from models import MESSENGERS, AuditAction, AuditThing, Inbox, Messenger
from models.base import columns

accounts = columns(Messenger)

MOST_CHARS = 2000
FILL_IN = N_("Please fill this in.")
TOO_LONG = N_("This is too long.")
CHOOSE = N_("Please choose one of these.")
NOT_SAYABLE = N_("Copy it again: there are spaces or other signs in it that do not belong.")
LOOK_AGAIN = N_("Please look at the marked answers.")


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of trying an account: whose it is, or why not; ``said`` is the provider's."""

    name: str = ""
    error: str = ""
    said: str = ""


def provider_of(session: Session, inbox_id: int) -> tuple[Inbox, Provider]:
    """Return an inbox of a messenger with its provider; raises ``NotFound``."""
    row = session.get(Inbox, inbox_id)
    if row is None or row.kind not in MESSENGERS:
        raise NotFound("There is no such inbox.")
    return row, PROVIDERS[row.kind.value]


def find_row(session: Session, inbox_id: int) -> Messenger | None:
    """Return the account of an inbox, if something was entered."""
    return session.execute(
        select(Messenger).where(accounts.inbox_id == inbox_id)
    ).scalar_one_or_none()


def begin(session: Session, inbox_id: int, vault: Vault, now: datetime) -> None:
    """Make an inbox's account, with the word by which its provider will know us."""
    word = links.seal_secrets(inbox_id, {links.WEBHOOK: secrets.token_urlsafe(24)}, vault)
    session.execute(
        insert_into(session, Messenger)
        .values(
            inbox_id=inbox_id,
            account="",
            account_name="",
            facts={},
            secrets=word,
            access_token="",
            last_error="",
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["inbox_id"])
    )


def save(
    session: Session,
    inbox_id: int,
    given: Mapping[str, str],
    vault: Vault,
    *,
    by: int,
    now: datetime,
) -> None:
    """Keep what was entered; a secret that is left empty stays as it is.

    With another secret the access of before is forgotten: it is asked for anew.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Sealed
        If the secrets of before cannot be opened.
    """
    _, provider = provider_of(session, inbox_id)
    begin(session, inbox_id, vault, now)
    row = session.get_one(
        Messenger, _id_of(session, inbox_id), populate_existing=True, with_for_update=True
    )
    stored = links.find(session, inbox_id)
    assert stored is not None  # noqa: S101 - made above
    kept = links.secrets_of(stored, vault)
    facts, fresh = _read(provider.asks, given, kept)
    before = {"facts": dict(row.facts)}
    row.facts = facts
    if fresh:
        row.secrets = links.seal_secrets(inbox_id, {**kept, **fresh}, vault)
        row.access_token, row.access_until, row.renewing_until = "", None, None
    session.add(row)
    after: dict[str, Any] = {"facts": facts}
    if fresh:
        after["secrets"] = sorted(fresh)  # which of them, never what
    if after != before:
        what = (session, AuditThing.INBOX, inbox_id, AuditAction.CHANGED, now)
        add_entry(*what, by=by, before=before, after=after)


def _id_of(session: Session, inbox_id: int) -> int:
    found = find_row(session, inbox_id)
    return found.id if found is not None else 0


def _read(
    asks: tuple[Ask, ...], given: Mapping[str, str], kept: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return facts, and secrets that were typed; raises ``Invalid``."""
    facts: dict[str, Any] = {}
    fresh: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for ask in asks:
        text = given.get(ask.name, "").strip()
        if why := _trouble(ask, text, is_kept=ask.is_secret and ask.name in kept):
            wrong[ask.name] = why
        elif not ask.is_secret:
            facts[ask.name] = text
        elif text:
            fresh[ask.name] = text
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
    return facts, fresh


def _trouble(ask: Ask, text: str, *, is_kept: bool) -> str:
    """Say what is wrong with what was entered, or ""."""
    if ask.choices:
        return "" if text in [value for value, _ in ask.choices] else CHOOSE
    if not text:
        return FILL_IN if ask.is_needed and not is_kept else ""
    if len(text) > MOST_CHARS:
        return TOO_LONG
    return "" if _is_sayable(text) else NOT_SAYABLE


def _is_sayable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


async def test(
    database: Database, settings: Settings, vault: Vault, inbox_id: int, webhook: str
) -> Probe:
    """Ask the provider whose access it is, have it call us, and write down how that went."""
    stored = await database.read(links.find, inbox_id)
    if stored is None:
        return Probe(error=FILL_IN)
    try:
        stored, account = await renewing.fresh(database, stored, vault, settings)
        async with links.wire_to(stored, account, settings) as wire:
            found = await stored.provider.who_am_i(wire)
            await stored.provider.connect(wire, webhook)
    except (ChannelError, Sealed) as error:
        said = getattr(error, "said", "")
        await database.write(links.note_trouble, inbox_id, said or error.message, utcnow())
        return Probe(error=error.message, said=said)
    await database.write(_keep, inbox_id, found, renews=stored.provider.renews, now=utcnow())
    return Probe(name=found.name or found.id)


def _keep(
    session: Session, inbox_id: int, found: Whoami, *, renews: bool, now: datetime
) -> None:
    """Write down whose account it is; until when its access is good, if the provider says."""
    values: dict[str, Any] = {
        "account": found.id,
        "account_name": found.name,
        "connected_at": now,
        "last_error": "",
    }
    if not renews:
        values["access_until"] = found.until
    session.execute(update(Messenger).where(accounts.inbox_id == inbox_id).values(**values))
    links.note_trouble(session, inbox_id, "", now)
