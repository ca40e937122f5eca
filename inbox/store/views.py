"""Saved views as menus and pages look them up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlmodel import Session

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


_COLUMNS = tuple(views[name] for name in View.__dataclass_fields__)
_MINE = or_(views.agent_id == bindparam("me"), views.is_shared)
_ALL = select(*_COLUMNS).where(_MINE).order_by(views.name, views.id).limit(MOST_SHOWN)
_ONE = select(*_COLUMNS).where(_MINE, views.id == bindparam("view"))
_CHOICE = select(choices.view_id).where(choices.agent_id == bindparam("me"))


def list_views(session: Session, who: Person) -> list[View]:
    """Return a person's own views and the shared ones, by name."""
    return [View(*row) for row in session.execute(_ALL, {"me": who.id})]


def find_view(session: Session, view_id: int, who: Person) -> View | None:
    """Return a view that is in this person's menu."""
    row: Any = session.execute(_ONE, {"me": who.id, "view": view_id}).one_or_none()
    return View(*row) if row is not None else None


def chosen(session: Session, who: Person) -> int | None:
    """Return the view that a person's list begins with."""
    return session.execute(_CHOICE, {"me": who.id}).scalar_one_or_none()


def list_few_accounts(session: Session, limit: int = 300) -> list[tuple[int, str]]:
    """Return accounts to choose from, the first by name; more are asked for by number."""
    query = (
        select(accounts.id, accounts.name)
        .where(accounts.status != AccountStatus.ENDED)
        .order_by(accounts.folded, accounts.id)
        .limit(limit)
    )
    return [(row.id, row.name) for row in session.execute(query)]
