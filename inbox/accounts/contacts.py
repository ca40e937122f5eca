"""Contacts of accounts, their addresses, and who may be the same person.

Nobody becomes another by what somebody typed: they are joined where the same address or
number was verified of both, or where a person of ours says so; all else is proposed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session

from inbox import dialling
from inbox.accounts.joining import dates_follow, get_contact, join, part, refuse
from inbox.channels.addresses import is_strict
from inbox.channels.numbers import e164
from inbox.db import after_commit, insert_into
from inbox.errors import Conflict, Invalid
from inbox.ruling import set_tier
from inbox.store import accounts as rows
from inbox.store import joins, people
from inbox.store.audit import add_entry
from inbox.store.joins import JoinState, Why
from inbox.templating import N_
from models import (
    Account,
    AuditAction,
    AuditThing,
    Contact,
    ContactIdentity,
    Conversation,
)
from models.base import columns

identities = columns(ContactIdentity)
conversations = columns(Conversation)

__all__ = [
    "NewContact",
    "add_contact",
    "checked_way",
    "get_contact",
    "join",
    "part",
    "propose_joins",
    "put_contact_into_account",
    "refuse",
    "vouch",
]

LONGEST_NAME = 200
LONGEST_POSITION = 100
LEAST_DIGITS, LONGEST_NUMBER = 7, 30
DIGITS_OF_NUMBER = 9  # the last ones: "0901 234 567" is "+84 901 234 567"
NO_ADDRESS = N_("This is no e-mail address.")
NO_NUMBER = N_("This is no phone number.")
EMPTY = N_("Please fill this in.")


# ---- contacts of an account ------------------------------------------------------------


def put_contact_into_account(
    session: Session,
    contact_id: int,
    account_id: int | None,
    *,
    position: str | None = None,
    by: int | None,
    now: datetime,
) -> bool:
    """Say at which account somebody is, None: at none; False if that changes nothing.

    All their conversations are the account's from now on. A tier that the account has is
    theirs; who is of the same name there is proposed to be the same person.

    Raises
    ------
    NotFound
        If there is no such contact or account.
    """
    contact = get_contact(session, contact_id, to_change=True)
    account = rows.get_account(session, account_id) if account_id is not None else None
    before = {"account_id": contact.account_id, "position": contact.position}
    contact.account_id = account_id
    if position is not None:
        contact.position = " ".join(position.split())[:LONGEST_POSITION]
    after = {"account_id": contact.account_id, "position": contact.position}
    if before == after:
        return False
    session.add(contact)
    session.flush()
    thing, changed = AuditThing.CONTACT, AuditAction.CHANGED
    add_entry(session, thing, contact_id, changed, now, by=by, before=before, after=after)
    if before["account_id"] != account_id:
        _move_work(session, conversations.contact_id == contact_id, account_id)
        rows.mark_stale(session, (contact.account_id, _number(before["account_id"])), now)
        _follow_account(session, contact, account, by, now)
    return True


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _move_work(session: Session, whose: ColumnElement[bool], account_id: int | None) -> None:
    session.execute(
        update(Conversation)
        .where(whose)
        .values(account_id=account_id, version=conversations.version + 1)
    )
    dates_follow(session, whose, account_id)
    after_commit(session, "list")


def _follow_account(
    session: Session, contact: Contact, account: Account | None, by: int | None, now: datetime
) -> None:
    if account is None:
        return
    if account.tier and account.tier != contact.tier:
        set_tier(session, contact.id, account.tier, by=by, now=now)
    for other in joins.list_namesakes(session, contact.id):
        joins.propose(session, other, contact.id, Why.NAME, now)


@dataclass(frozen=True, slots=True)
class NewContact:
    """Somebody as a person of ours enters them; one of ``email`` and ``phone`` at least."""

    name: str
    email: str = ""
    phone: str = ""
    position: str = ""
    language: str = ""


def add_contact(
    session: Session, account_id: int | None, new: NewContact, *, by: int | None, now: datetime
) -> int:
    """Enter somebody at an account, or find them by their address; return the contact.

    Who enters them vouches for the address and the number. Where those are two contacts'
    already, they are joined if both were verified before, else proposed.

    Raises
    ------
    Invalid
        If there is neither address nor number, or one of them is none.
    """
    ways = [
        (kind, checked_way(kind, value, dialling.region(session)))
        for kind, value in (("email", new.email), ("phone", new.phone))
        if value.strip()
    ]
    if not ways:
        raise Invalid(EMPTY, {"email": EMPTY})
    kind, value = ways[0]
    contact = people.find_contact(session, kind, value)
    if contact is None:
        name, language = " ".join(new.name.split())[:LONGEST_NAME], new.language
        contact = people.create_contact(
            session, kind, value, name=name, language=language, now=now
        )
        thing, made = AuditThing.CONTACT, AuditAction.CREATED
        said = {"account_id": account_id, "ways": [kind for kind, _ in ways]}
        add_entry(session, thing, contact.id, made, now, by=by, after=said)
    elif not contact.name and new.name.strip():
        contact.name = " ".join(new.name.split())[:LONGEST_NAME]
        session.add(contact)
    session.flush()
    for kind, value in ways:
        vouch(session, contact.id, kind, value, by=by, now=now)
    contact = _current(session, contact)
    position = new.position or None
    if account_id is not None:
        put_contact_into_account(
            session, contact.id, account_id, position=position, by=by, now=now
        )
    return contact.id


def _current(session: Session, contact: Contact) -> Contact:
    """Return who a contact is now: they may have just been joined."""
    found = get_contact(session, contact.id)
    return found if found.joined_into_id is None else get_contact(session, found.joined_into_id)


def checked_way(kind: str, typed: str, region: str = "") -> str:
    """Return an ``email`` or ``phone`` as it is kept: a number in E.164.

    ``region`` is the country of numbers that do not say theirs (``dialling.region``).

    Raises
    ------
    Invalid
        If it is none.
    """
    if kind == "email":
        value = typed.strip().lower()
        if not is_strict(value):
            raise Invalid(NO_ADDRESS, {"email": NO_ADDRESS})
        return value
    value = e164(typed, region)
    if not value and not region:  # as it was typed: nobody says of which country it is
        value = "".join(typed.split())
    digits = sum(one.isdigit() for one in value)
    if kind != "phone" or digits < LEAST_DIGITS or len(value) > LONGEST_NUMBER:
        raise Invalid(NO_NUMBER, {"phone": NO_NUMBER})
    return value


def vouch(
    session: Session, contact_id: int, kind: str, value: str, *, by: int | None, now: datetime
) -> JoinState | None:
    """Say that an ``email`` or ``phone`` is truly a contact's.

    Returns None if it was nobody else's. Where somebody else has it: joined if it was
    verified of them too, else the two are proposed to be one.
    """
    session.execute(
        insert_into(session, ContactIdentity)
        .values(contact_id=contact_id, kind=kind, value=value, created_at=now)
        .on_conflict_do_nothing(index_elements=["kind", "value"])
    )
    row = session.execute(
        select(identities.contact_id, identities.verified_at).where(
            identities.kind == kind, identities.value == value
        )
    ).one()
    if row.contact_id == contact_id:
        people.verify(session, kind, value, now)
        return None
    if row.verified_at is not None:
        try:
            join(session, row.contact_id, contact_id, why=Why.VERIFIED, by=by, now=now)
        except Conflict:  # one of them may not be touched
            return None
        return JoinState.JOINED
    joins.propose(session, row.contact_id, contact_id, Why.CLAIMED, now)
    return JoinState.PROPOSED


def propose_joins(session: Session, contact_id: int, now: datetime) -> list[int]:
    """Propose who may be the same person; return the joins that are new.

    The same name at the same account, or the same number written otherwise.
    """
    found = [
        joins.propose(session, other, contact_id, Why.NAME, now)
        for other in joins.list_namesakes(session, contact_id)
    ]
    phones = people.list_identities(session, contact_id).get("phone", ())
    for number in phones:
        digits = "".join(one for one in number if one.isdigit())[-DIGITS_OF_NUMBER:]
        if len(digits) < DIGITS_OF_NUMBER:
            continue
        others = session.execute(
            select(identities.contact_id)
            .where(
                identities.kind == "phone",
                identities.value.endswith(digits),
                identities.contact_id != contact_id,
            )
            .limit(5)
        ).scalars()
        found += [joins.propose(session, one, contact_id, Why.NUMBER, now) for one in others]
    return [one for one in found if one is not None]
