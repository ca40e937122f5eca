"""Accounts with their contacts given out as rows that ``kip import csv`` reads again."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlmodel import Session

from inbox.sheets.fields import OWN
from inbox.store.audit import add_entry
from models import Account, Agent, AuditAction, AuditThing, Contact, ContactIdentity
from models.base import columns, core

accounts = columns(Account)
agents = columns(Agent)
contacts = columns(Contact)
identities = columns(ContactIdentity)

PLAIN = (
    *("account", "reference", "kind", "owner", "backup", "status", "value", "tier"),
    *("product groups", "account language", "since"),
)
PERSON = ("contact", "email", "phone", "position", "language")
HEADINGS = (*PLAIN, *PERSON)

Place = tuple[int, int]  # how far: the account (0 first, then those of none), the contact


def own_fields(session: Session, limit: int = 30) -> list[str]:
    """Return the names of the company's own fields, those of the newest accounts."""
    query = select(accounts.fields).order_by(accounts.id.desc()).limit(2000)
    names: dict[str, None] = {}
    for (fields,) in session.execute(query):
        names |= dict.fromkeys(fields)
    return list(names)[:limit]


def list_lines(
    session: Session, after: Place | None, *, own: tuple[str, ...] = (), limit: int = 500
) -> tuple[list[list[str]], Place | None]:
    """Return the next rows and the place to go on from; None: that was all.

    First every account with those of its contacts who have an address or a number, then the
    contacts of no account. ``own`` are the company's fields, in the order of their columns.
    """
    account_id, contact_id = after or (0, 0)
    lines: list[list[str]] = []
    if account_id != NO_ACCOUNT:
        found = session.execute(_of_accounts(account_id, contact_id, limit)).all()
        lines = [_line(row, own) for row in found]
        if len(found) == limit:
            return lines, (found[-1].id, found[-1].contact_id or 0)
        return lines, (NO_ACCOUNT, 0)
    alone = session.execute(_of_none(contact_id, limit)).all()
    lines = [["" for _ in (*PLAIN, *own)] + _person(row) for row in alone]
    more = len(alone) == limit
    return lines, (NO_ACCOUNT, alone[-1].contact_id) if more else None


NO_ACCOUNT = 2**31 - 1
_IS_REACHED = (
    select(identities.id)
    .where(identities.contact_id == contacts.id, identities.kind.in_(["email", "phone"]))
    .correlate(Contact)
    .exists()
)


def _first(kind: str) -> Any:
    query = select(func.min(identities.value)).where(
        identities.contact_id == contacts.id, identities.kind == kind
    )
    return query.correlate(Contact).scalar_subquery().label(kind)


_PERSON = (
    *(contacts.id.label("contact_id"), contacts.name.label("contact_name")),
    *(_first("email"), _first("phone"), contacts.position),
    contacts.language.label("contact_language"),
)


def _mail_of(column: Any, name: str) -> Any:
    query = select(agents.email).where(agents.id == column)
    return query.correlate(Account).scalar_subquery().label(name)


def _of_accounts(account_id: int, contact_id: int, limit: int) -> Any:
    theirs = and_(
        contacts.account_id == accounts.id, contacts.joined_into_id.is_(None), _IS_REACHED
    )
    further = and_(accounts.id == account_id, contacts.id > contact_id)
    return (
        select(
            *(accounts.id, accounts.name, accounts.reference, accounts.kind, accounts.status),
            *(accounts.value, accounts.tier, accounts.product_groups, accounts.language),
            *(accounts.since, accounts.fields),
            *(_mail_of(accounts.owner_id, "owner"), _mail_of(accounts.backup_id, "backup")),
            *_PERSON,
        )
        .select_from(core(Account))
        .join(core(Contact), theirs, isouter=True)
        .where(or_(accounts.id > account_id, further))
        .order_by(accounts.id, contacts.id)
        .limit(limit)
    )


def _of_none(contact_id: int, limit: int) -> Any:
    return (
        select(*_PERSON)
        .where(
            contacts.account_id.is_(None),
            contacts.joined_into_id.is_(None),
            contacts.id > contact_id,
            _IS_REACHED,
        )
        .order_by(contacts.id)
        .limit(limit)
    )


def _line(row: Any, own: tuple[str, ...]) -> list[str]:
    plain = (
        *(row.name, row.reference or "", row.kind.value, row.owner or "", row.backup or ""),
        *(row.status.value, row.value.value, row.tier, ";".join(row.product_groups)),
        *(row.language, row.since.isoformat() if row.since else ""),
    )
    person = _person(row) if row.contact_id is not None else [""] * len(PERSON)
    return [*plain, *(str(row.fields.get(name, "")) for name in own), *person]


def _person(row: Any) -> list[str]:
    cells = (row.contact_name, row.email, row.phone, row.position, row.contact_language)
    return [cell or "" for cell in cells]


def headings(own: tuple[str, ...]) -> list[str]:
    """Return the first line of the file."""
    return [*PLAIN, *(f"{OWN}{name}" for name in own), *PERSON]


def note(session: Session, *, by: int, now: datetime) -> None:
    """Write down that somebody takes every account and contact with them."""
    add_entry(session, AuditThing.IMPORT, "accounts.csv", AuditAction.EXPORTED, now, by=by)
