"""Ways in: addresses, forms and chat keys, opened, changed, closed and opened again.

A closed one takes nothing new, and what came before or while it closed is lost nowhere: what
each kind does with it is said in ``CLOSED`` in ``inbox.views.settings_inboxes``.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.channels.addresses import is_strict, normalise
from inbox.channels.webhook import make_secret
from inbox.chatting.greeting import ASKS
from inbox.chatting.identity import identity_place
from inbox.company import phones
from inbox.company.installation import MOST_NAME, readable_key
from inbox.company.sites import read_sites
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.queue import INTAKE
from inbox.store import ledger
from inbox.store.audit import add_entry
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.vault import Vault
from models import (
    MESSENGERS,
    AuditAction,
    AuditThing,
    ChannelKind,
    Inbox,
    Mailbox,
    RawMessage,
    RawState,
)
from models.base import columns

inboxes = columns(Inbox)
mailboxes = columns(Mailbox)
raws = columns(RawMessage)

OPENED_HERE = (
    *(ChannelKind.EMAIL, ChannelKind.FORM, ChannelKind.CHAT, ChannelKind.WEBHOOK),
    ChannelKind.PHONE,
    *sorted(MESSENGERS),
)
SIGNED = (ChannelKind.WEBHOOK, ChannelKind.PHONE)  # their events are signed by a secret
KEYED = (ChannelKind.CHAT, *SIGNED, *sorted(MESSENGERS))  # their handle is a key that we make
_SERVER = re.compile(r"[a-z0-9._-]{1,253}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Entered:
    """What is entered of an inbox; the last four as its kind has them."""

    name: str
    handle: str = ""
    team_id: int | None = None
    title: str = ""
    language: str = ""
    sites: str = ""  # one origin a line
    authserv_id: str = ""  # the server whose word on a mail's sender is believed
    ask: str = ""  # a chat's: whether name and address are asked for; "" is offered
    ask_closed: str = ""  # the same while nobody is there; "" is as always


def get_inbox(session: Session, inbox_id: int, *, to_change: bool = False) -> Inbox:
    """Return an inbox, locked ``to_change`` against another's; raises ``NotFound``."""
    lock = {"key_share": True} if to_change else None
    found = session.get(Inbox, inbox_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("There is no such inbox.")
    return found


def open_inbox(
    session: Session, kind: ChannelKind, entered: Entered, *, by: int, now: datetime
) -> Inbox:
    """Open another way in.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Conflict
        If there is one of this kind under this handle, open or closed.
    """
    if kind not in OPENED_HERE:
        raise NotFound("There is nothing here.")
    wrong = _wrong(session, kind, entered)
    handle = _handle(kind, entered.handle)
    if not handle:
        wrong["handle"] = WRONG_HANDLE[kind]
    settings = _settings(kind, entered, wrong)
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
    made = Inbox(
        kind=kind,
        handle=handle,
        name=entered.name.strip(),
        team_id=entered.team_id,
        settings=settings,
        created_at=now,
    )
    session.add(made)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("There is one already, perhaps closed: open that one again.") from error
    _note(session, made, AuditAction.CREATED, now, by, after=_facts(made))
    if kind is ChannelKind.PHONE:
        phones.add_call_back(session, made, by=by, now=now)
    return made


WRONG_HANDLE = {
    ChannelKind.EMAIL: N_("This is not an e-mail address, such as ten@congty.vn."),
    ChannelKind.FORM: N_("Use 1 to 40 letters a–z, digits and hyphens."),
    ChannelKind.CHAT: "",
    ChannelKind.WEBHOOK: "",
    ChannelKind.PHONE: "",
    **dict.fromkeys(MESSENGERS, ""),
}


def _handle(kind: ChannelKind, text: str) -> str:
    if kind in KEYED:
        return readable_key()
    if kind is ChannelKind.EMAIL:
        address = normalise(text.strip())
        return address if is_strict(address) and "." in address.partition("@")[2] else ""
    slug = text.strip().lower()
    return slug if _SLUG.fullmatch(slug) else ""


def _wrong(session: Session, kind: ChannelKind, entered: Entered) -> dict[str, str]:
    wrong = {}
    if not entered.name.strip():
        wrong["name"] = FILL_IN
    for field in ("name", "title"):
        if len(getattr(entered, field)) > MOST_NAME:
            wrong[field] = N_("This is too long.")
    if entered.team_id is not None and entered.team_id not in active_team_names(session):
        wrong["team"] = N_("Please choose one of these.")
    if entered.language not in ("", "vi", "en"):
        wrong["language"] = N_("Choose Vietnamese or English.")
    return wrong


def _settings(kind: ChannelKind, entered: Entered, wrong: dict[str, str]) -> dict[str, Any]:
    """Return what the kind keeps of what was entered; adds to ``wrong`` what cannot be."""
    if kind is ChannelKind.FORM:
        return {"title": entered.title.strip(), "language": entered.language}
    if kind is ChannelKind.CHAT:
        try:
            sites = read_sites(entered.sites)
        except Invalid as error:
            wrong["sites"], sites = error.message, []
        for name in ("ask", "ask_closed"):
            if getattr(entered, name) not in ("", *ASKS):
                wrong[name] = N_("Please choose one of these.")
        return {"sites": sites, "ask": entered.ask, "ask_closed": entered.ask_closed}
    if kind is ChannelKind.EMAIL:
        name = entered.authserv_id.strip().lower()
        if name and not _SERVER.fullmatch(name):
            wrong["authserv_id"] = N_("This is no server’s name, such as mx.congty.vn.")
        return {"authserv_id": name}
    return {}


def change_inbox(
    session: Session, inbox_id: int, entered: Entered, *, by: int, now: datetime
) -> None:
    """Change name, team and what the kind has; the handle stays, others know it.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    row = get_inbox(session, inbox_id, to_change=True)
    wrong = _wrong(session, row.kind, entered)
    settings = {**row.settings, **_settings(row.kind, entered, wrong)}
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
    before = _facts(row)
    row.name, row.team_id, row.settings = entered.name.strip(), entered.team_id, settings
    session.add(row)
    if before != _facts(row):
        _note(session, row, AuditAction.CHANGED, now, by, before, _facts(row))


def renew_key(session: Session, inbox_id: int, *, by: int, now: datetime) -> None:
    """Give a chat another key; pages with the old one show no widget any more."""
    row = get_inbox(session, inbox_id, to_change=True)
    if row.kind is not ChannelKind.CHAT:
        raise NotFound("There is nothing here.")
    row.handle = readable_key()
    session.add(row)
    _note(session, row, AuditAction.CHANGED, now, by, after={"key": "renewed"})


def secret_place(inbox_id: int) -> str:
    """Return the place that a webhook's secret is sealed for."""
    return f"inboxes:{inbox_id}:secret"


def renew_secret(
    session: Session, inbox_id: int, vault: Vault, *, by: int, now: datetime
) -> str:
    """Give a webhook or chat another secret and return it, to be shown once.

    The old one ends now. A webhook's signs its events, a chat's whom its sites vouch for.
    """
    row = get_inbox(session, inbox_id, to_change=True)
    if row.kind in SIGNED:
        secret = make_secret(secrets.token_bytes(32))
        kept = {"secret": vault.seal(secret, secret_place(inbox_id))}
    elif row.kind is ChannelKind.CHAT:
        secret = secrets.token_urlsafe(32)
        kept = {"identity": vault.seal(secret, identity_place(inbox_id))}
    else:
        raise NotFound("There is nothing here.")
    row.settings = {**row.settings, **kept}
    session.add(row)
    _note(session, row, AuditAction.CHANGED, now, by, after={"secret": "renewed"})
    return secret


def close_inbox(session: Session, inbox_id: int, *, by: int, now: datetime) -> None:
    """Take nothing new by this way.

    Raises
    ------
    Conflict
        If it is the only address that our own mail can come from.
    """
    row = get_inbox(session, inbox_id, to_change=True)
    if not row.is_active:
        return
    if row.kind is ChannelKind.EMAIL:
        others = session.execute(
            select(inboxes.id).where(
                inboxes.kind == ChannelKind.EMAIL,
                inboxes.is_active.is_(True),
                inboxes.id != inbox_id,
            )
        ).first()
        if others is None:
            raise Conflict("Answers are sent from this address. Open another one first.")
    _switch(session, row, False, by, now)


def open_again(session: Session, inbox_id: int, *, by: int, now: datetime) -> int:
    """Take in by this way again, also what was held because it was closed; count those."""
    row = get_inbox(session, inbox_id, to_change=True)
    if row.is_active:
        return 0
    _switch(session, row, True, by, now)
    held = session.execute(
        update(RawMessage)
        .where(raws.state == RawState.QUARANTINED, raws.inbox_id == inbox_id)
        .values(state=RawState.PENDING, attempts=0, failures=0, leased_until=now)
    )
    ledger.wait_again(session, inbox_id)
    session.execute(update(Mailbox).where(mailboxes.inbox_id == inbox_id).values(next_at=now))
    after_commit(session, INTAKE)
    return int(held.rowcount)  # type: ignore[attr-defined]


def _switch(session: Session, row: Inbox, is_active: bool, by: int, now: datetime) -> None:
    row.is_active = is_active
    session.add(row)
    session.flush()
    _note(
        session,
        row,
        AuditAction.ACTIVATED if is_active else AuditAction.DEACTIVATED,
        now,
        by,
        {"is_active": not is_active},
        {"is_active": is_active},
    )


def _facts(row: Inbox) -> dict[str, Any]:
    """Return what the audit trail keeps; a sealed secret is not in it."""
    known = {name: row.settings[name] for name in SHOWN if name in row.settings}
    facts = {"kind": row.kind.value, "name": row.name, "team_id": row.team_id, **known}
    return facts if row.kind in KEYED else {**facts, "handle": row.handle}


SHOWN = ("title", "language", "sites", "authserv_id", "ask", "ask_closed")


def _note(
    session: Session,
    row: Inbox,
    action: AuditAction,
    now: datetime,
    by: int,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    add_entry(session, AuditThing.INBOX, row.id, action, now, by=by, before=before, after=after)
