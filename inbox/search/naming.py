"""Find contacts and accounts by name, address or key; only whom a person may see."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlmodel import Session

from inbox.search.asking import asked_of
from inbox.search.finding import as_typed
from inbox.search.query import Query
from inbox.store import search as rows
from inbox.store.accounts import kept_by
from inbox.store.counts import may_open, visible_to
from inbox.store.people import Person
from models import Account, Contact, ContactIdentity, Conversation, Role
from models.base import columns

accounts = columns(Account)
contacts = columns(Contact)
conversations = columns(Conversation)
identities = columns(ContactIdentity)

LOOKED_AT = 60  # names that fit; of them those whom the person may see


@dataclass(frozen=True, slots=True)
class Name:
    """A contact or an account."""

    id: int
    name: str
    detail: str  # an address, or the account's key
    is_account: bool

    @property
    def path(self) -> str:
        """Its page."""
        return f"/{'accounts' if self.is_account else 'contacts'}/{self.id}"


def find_names(session: Session, query: Query, who: Person, most: int) -> list[Name]:
    """Return the newest contacts, then accounts, at most ``most`` each, whose names fit."""
    typed = as_typed(query)
    asked = asked_of(typed.plain)
    if asked is None:
        return []
    places = rows.list_names(session, asked, LOOKED_AT)
    people = [one // 2 for one in places if not one % 2]
    firms = [one // 2 for one in places if one % 2]
    found = _contacts(session, people, who, most) if people else []
    return found + (_accounts(session, firms, who, most) if firms else [])


def _may_see_account(who: Person) -> ColumnElement[bool]:
    if who.sees_all:
        return true()
    theirs = exists().where(conversations.account_id == accounts.id, visible_to(who))
    return or_(kept_by(who.id), theirs.correlate(Account))


def _may_see_contact(who: Person) -> ColumnElement[bool]:
    """Return the condition of a person's page (``store.accountpage.whose_contact``)."""
    if who.role is Role.ADMIN:
        return true()
    free = contacts.restricted_at.is_(None)
    if who.sees_all:
        return free
    own = conversations.contact_id == contacts.id
    opened = exists().where(own, may_open(who)).correlate(Contact)
    kept = contacts.account_id.in_(select(accounts.id).where(_may_see_account(who)))
    alone = and_(
        contacts.account_id.is_(None),
        ~exists(select(conversations.id).where(own)).correlate(Contact),
    )
    return and_(free, or_(opened, kept, alone))


def _contacts(session: Session, ids: list[int], who: Person, most: int) -> list[Name]:
    reached = (
        select(func.min(identities.value))
        .where(identities.contact_id == contacts.id, identities.kind.in_(["email", "phone"]))
        .correlate(Contact)
        .scalar_subquery()
    )
    query = (
        select(contacts.id, contacts.name, reached)
        .where(contacts.id.in_(ids), _may_see_contact(who))
        .order_by(contacts.id.desc())
        .limit(most)
    )
    return [
        Name(row[0], row[1] or row[2] or "", row[2] or "" if row[1] else "", False)
        for row in session.execute(query)
    ]


def _accounts(session: Session, ids: list[int], who: Person, most: int) -> list[Name]:
    query = (
        select(accounts.id, accounts.name, accounts.reference)
        .where(accounts.id.in_(ids), _may_see_account(who))
        .order_by(accounts.id.desc())
        .limit(most)
    )
    return [Name(row[0], row[1], row[2] or "", True) for row in session.execute(query)]
