"""Saved views as menus and pages look them up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.kept import kept
from inbox.store.people import Person
from models import Account, AccountStatus, SavedView, ViewChoice
from models.base import columns

views = columns(SavedView)
choices = columns(ViewChoice)
accounts = columns(Account)

MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class View:
    """A saved view."""

    id: int
    name: str
    agent_id: int
    is_shared: bool
    filters: Mapping[str, str]


_ALL = select(views.id, views.name, views.agent_id, views.is_shared, views.filters).order_by(
    views.name, views.id
)
_CHOICES = select(choices.agent_id, choices.view_id)


@kept
def _everybodys(session: Session) -> Sequence[View]:
    return tuple(
        View(row.id, row.name, row.agent_id, row.is_shared, MappingProxyType(row.filters))
        for row in session.execute(_ALL)
    )


@kept
def _chosen(session: Session) -> Mapping[int, int]:
    return MappingProxyType({row.agent_id: row.view_id for row in session.execute(_CHOICES)})


def _theirs(session: Session, who: Person) -> list[View]:
    return [one for one in _everybodys(session) if one.is_shared or one.agent_id == who.id]


def list_views(session: Session, who: Person) -> list[View]:
    """Return a person's own views and the shared ones, by name."""
    return _theirs(session, who)[:MOST_SHOWN]


def find_view(session: Session, view_id: int, who: Person) -> View | None:
    """Return a view that is in this person's menu."""
    return next((one for one in _theirs(session, who) if one.id == view_id), None)


def chosen(session: Session, who: Person) -> int | None:
    """Return the view that a person's list begins with."""
    return _chosen(session).get(who.id)


def account_called(session: Session, folded: str) -> int | None:
    """Return the one account whose name compares like this; None if none or several do."""
    query = select(accounts.id).where(accounts.folded == folded).limit(2)
    found = session.execute(query).scalars().all()
    return found[0] if len(found) == 1 else None


def list_few_accounts(session: Session, limit: int = 300) -> list[tuple[int, str]]:
    """Return accounts to choose from, the first by name; more are asked for by number."""
    query = (
        select(accounts.id, accounts.name)
        .where(accounts.status != AccountStatus.ENDED)
        .order_by(accounts.folded, accounts.id)
        .limit(limit)
    )
    return [(row.id, row.name) for row in session.execute(query)]
