"""Accounts as pages, scripts and routing ask for them; who sees which is decided here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, union, update
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.counts import looker, seen_by
from inbox.store.people import Person
from models import (
    Account,
    AccountFigures,
    AccountStatus,
    Contact,
    ContactIdentity,
    Conversation,
)
from models.base import columns, core, one_of

accounts = columns(Account)
figures = columns(AccountFigures)
contacts = columns(Contact)
identities = columns(ContactIdentity)
conversations = columns(Conversation)

UNKNOWN = "There is no such account, or it belongs to somebody else."


def kept_by(agent_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition for the accounts that somebody owns or backs up."""
    # Two questions, each with its index; with OR every account would be looked at.
    owned = select(accounts.id).where(accounts.owner_id == agent_id)
    backed = select(accounts.id).where(accounts.backup_id == agent_id)
    return accounts.id.in_(union(owned, backed))


@dataclass(frozen=True, slots=True)
class Sought:
    """Which accounts a script asks for; ended ones too."""

    reference: str | None = None
    words: str = ""  # in the name, folded as that is
    status: AccountStatus | None = None


def list_after(
    session: Session, who: Person, sought: Sought, after: int, limit: int
) -> list[Account]:
    """Return accounts with a higher id, the lowest first: those that somebody looks after.

    Supervisors see all.
    """
    found = accounts.id > after
    if not who.sees_all:
        found &= kept_by(who.id)
    if sought.reference is not None:
        found &= accounts.reference == sought.reference
    if sought.status is not None:
        found &= accounts.status == sought.status
    if words := sought.words.strip():
        found &= accounts.folded.contains(words, autoescape=True)
    rows = session.execute(select(Account).where(found).order_by(accounts.id).limit(limit))
    return list(rows.scalars())


def list_contacts_after(
    session: Session, account_id: int, after: int, limit: int
) -> list[Contact]:
    """Return an account's contacts with a higher id; who became another is left out."""
    rows = session.execute(
        select(Contact)
        .where(
            contacts.account_id == account_id,
            contacts.joined_into_id.is_(None),
            contacts.id > after,
        )
        .order_by(contacts.id)
        .limit(limit)
    )
    return list(rows.scalars())


def count_of(session: Session, owner_id: int) -> int:
    """Return how many accounts somebody looks after."""
    query = select(func.count()).select_from(core(Account)).where(accounts.owner_id == owner_id)
    found: int = session.execute(query).scalar_one()
    return found


# ---- one account -----------------------------------------------------------------------


_ACCOUNT = (
    select(Account)
    .where(accounts.id == bindparam("account_id"))
    .execution_options(populate_existing=True)
)
_TO_CHANGE = _ACCOUNT.with_for_update()
_THEIRS = (
    select(conversations.id)
    .where(conversations.account_id == bindparam("account_id"), seen_by(sees_all=False))
    .limit(1)
)
_WITH_FIGURES = (
    select(Account, AccountFigures)
    .outerjoin(core(AccountFigures), figures.account_id == accounts.id)
    .where(accounts.id == bindparam("account_id"))
)


def get_account(session: Session, account_id: int, *, to_change: bool = False) -> Account:
    """Return an account.

    Raises
    ------
    NotFound
        If there is none.
    """
    query = _TO_CHANGE if to_change else _ACCOUNT
    found: Account | None = session.execute(query, {"account_id": account_id}).scalar()
    if found is None:
        raise NotFound(UNKNOWN)
    return found


def get_for_person(
    session: Session, account_id: int, who: Person, *, to_change: bool = False
) -> Account:
    """Return an account that this person may see, ``to_change`` one that they may change.

    Supervisors see all. Others see those that they own or back up, and those of which they
    may see a conversation; they change only the former.

    Raises
    ------
    NotFound
        If there is none, or it is somebody else's: nobody can tell which.
    """
    found = get_account(session, account_id, to_change=to_change)
    if not may_change(who, found) and (to_change or not _sees(session, found, who)):
        raise NotFound(UNKNOWN)
    return found


def get_page(
    session: Session, account_id: int, who: Person
) -> tuple[Account, AccountFigures | None]:
    """Return an account that this person may see, and what was counted of it last.

    Raises
    ------
    NotFound
        As of ``get_for_person``.
    """
    found, counted = find_with_figures(session, account_id)
    if found is None or not (may_change(who, found) or _sees(session, found, who)):
        raise NotFound(UNKNOWN)
    return found, counted


def _sees(session: Session, account: Account, who: Person) -> bool:
    given = {**looker(who), "account_id": account.id}
    return session.execute(_THEIRS, given).first() is not None


def may_change(who: Person, account: Account) -> bool:
    """Tell whether somebody may change an account: its owner, its backup, supervisors."""
    return who.sees_all or who.id in (account.owner_id, account.backup_id)


def find_with_figures(
    session: Session, account_id: int | None
) -> tuple[Account | None, AccountFigures | None]:
    """Return an account, if there is one, and what was counted of it last."""
    if account_id is None:
        return None, None
    row = session.execute(_WITH_FIGURES, {"account_id": account_id}).one_or_none()
    return (row[0], row[1]) if row is not None else (None, None)


def find_figures(session: Session, account_id: int) -> AccountFigures | None:
    """Return what was counted of an account last."""
    return session.get(AccountFigures, account_id)


def find_by_reference(session: Session, reference: str) -> int | None:
    """Return the account that other systems know by this key."""
    found = session.execute(select(accounts.id).where(accounts.reference == reference))
    return found.scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Member:
    """A contact of an account; ``address`` is the first by which they can be reached."""

    id: int
    name: str
    position: str
    address: str


_REACHED = (
    select(func.min(identities.value))
    .where(identities.contact_id == contacts.id, one_of(identities.kind, ["email", "phone"]))
    .correlate(Contact)
    .scalar_subquery()
)
_MEMBERS = (
    select(contacts.id, contacts.name, contacts.position, func.coalesce(_REACHED, ""))
    .where(contacts.account_id == bindparam("account_id"), contacts.joined_into_id.is_(None))
    .order_by(contacts.name, contacts.id)
    .limit(bindparam("most"))
)


def list_members(session: Session, account_id: int, limit: int = 200) -> list[Member]:
    """Return an account's contacts by name; who became another is left out."""
    found = session.execute(_MEMBERS, {"account_id": account_id, "most": limit})
    return [Member(*row) for row in found]


# ---- routing ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keepers:
    """Who looks after an account."""

    owner_id: int | None
    backup_id: int | None


_KEEPERS = select(accounts.id, accounts.owner_id, accounts.backup_id).where(
    accounts.id.in_(bindparam("ids", expanding=True))
)


def keepers_of(session: Session, account_ids: Iterable[int]) -> dict[int, Keepers]:
    """Return who looks after some accounts."""
    found = session.execute(_KEEPERS, {"ids": sorted(set(account_ids))})
    return {row[0]: Keepers(*row[1:]) for row in found}


# ---- figures that are to be counted again ----------------------------------------------

_SOME: ColumnElement[int] = bindparam("numbers", expanding=True)


def _marking(which: ColumnElement[bool]) -> Any:
    """Return the statement that has accounts counted; their rows are locked in one order."""
    ordered = select(figures.account_id).where(which).order_by(figures.account_id)
    return (
        update(core(AccountFigures))
        .where(figures.account_id.in_(ordered.with_for_update()))
        .values(stale_at=bindparam("now", type_=figures.stale_at.type))
    )


_MARK = _marking(figures.account_id.in_(_SOME))
_MARK_TOUCHED = _marking(
    figures.account_id.in_(
        select(conversations.account_id).where(
            conversations.id.in_(_SOME), conversations.account_id.is_not(None)
        )
    )
)


def mark_stale(session: Session, account_ids: Iterable[int | None], now: datetime) -> None:
    """Have accounts counted again soon."""
    ids = sorted({one for one in account_ids if one is not None})
    if ids:
        session.execute(_MARK, {"numbers": ids, "now": now})


def mark_touched(session: Session, numbers: Iterable[int], now: datetime) -> None:
    """Have the accounts of some conversations counted again soon, with one statement.

    The last thing that a unit of work does: whoever counts holds these rows for a moment.
    """
    session.execute(_MARK_TOUCHED, {"numbers": sorted(set(numbers)), "now": now})


def begin_figures(session: Session, account_ids: Sequence[int], now: datetime) -> None:
    """Make the rows of new accounts, to be counted soon; each account has one from then on."""
    plain: Mapping[str, Any] = {
        **{"need": 0, "place": "", "reasons": {}, "open_count": 0, "late_count": 0},
        **{"oldest_waiting_at": None, "last_contact_at": None, "next_milestone_at": None},
        **{"promises_kept": 0, "promises_missed": 0, "counted_at": None, "stale_at": now},
    }
    rows = [{"account_id": one, **plain} for one in account_ids]
    if rows:
        session.execute(core(AccountFigures).insert(), rows)
