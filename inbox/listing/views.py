"""Saved views: kept, changed and shared; and with which one a person's list begins."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlmodel import Session

from inbox.db import insert_into
from inbox.errors import Conflict, Forbidden, Invalid, NotFound
from inbox.listing.filters import Filters
from inbox.store import views as rows
from inbox.store.audit import add_entry
from inbox.store.people import Person
from inbox.templating import N_
from models import AuditAction, AuditThing, SavedView, ViewChoice
from models.base import columns

views = columns(SavedView)
choices = columns(ViewChoice)

LONGEST = 60
MOST_EACH = 20
WRONG_NAME = N_("One to 60 letters.")
NOT_YOURS = N_("Only who made a view, or a supervisor where it is shared, changes it.")
NO_SUCH = N_("There is no such view.")


def save(
    session: Session, name: str, filters: Filters, *, shared: bool, by: Person, now: datetime
) -> int:
    """Keep a view and return its id; the same name again changes one's own.

    Raises
    ------
    Invalid
        If the name is empty or too long.
    Forbidden
        If it is to be shared by who supervises nothing.
    Conflict
        If the person has too many.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST:
        raise Invalid(WRONG_NAME, {"name": WRONG_NAME})
    if shared and not by.sees_all:
        raise Forbidden(N_("Supervisors share views."))
    mine = select(func.count()).where(views.agent_id == by.id)
    same = session.execute(
        select(SavedView).where(views.agent_id == by.id, views.name == name)
    ).scalar_one_or_none()
    if same is None and session.execute(mine).scalar_one() >= MOST_EACH:
        raise Conflict(N_("There are too many already. Take one out first."))
    view = same or SavedView(name=name, agent_id=by.id, created_at=now, changed_at=now)
    before = {"is_shared": view.is_shared, "filters": dict(view.filters)} if same else {}
    view.is_shared, view.filters, view.changed_at = shared, filters.asked(), now
    session.add(view)
    session.flush()
    if shared or before.get("is_shared"):
        action = AuditAction.CHANGED if same else AuditAction.CREATED
        after = {"name": name, "is_shared": shared, "filters": dict(view.filters)}
        kind = AuditThing.VIEW
        add_entry(session, kind, view.id, action, now, by=by.id, before=before, after=after)
    return view.id


def remove(session: Session, view_id: int, *, by: Person, now: datetime) -> None:
    """Take a view out of the menus that it is in.

    Raises
    ------
    NotFound
        If there is no such view in this person's menu.
    Forbidden
        If it is another's and this person supervises nothing.
    """
    if rows.find_view(session, view_id, by) is None:
        raise NotFound(NO_SUCH)
    view = session.get_one(SavedView, view_id, with_for_update=True)
    if view.agent_id != by.id and not by.sees_all:
        raise Forbidden(NOT_YOURS)
    session.execute(delete(ViewChoice).where(choices.view_id == view_id))
    if view.is_shared:
        before = {"name": view.name, "filters": dict(view.filters)}
        what, action = AuditThing.VIEW, AuditAction.REMOVED
        add_entry(session, what, view_id, action, now, by=by.id, before=before)
    session.delete(view)


def begin_with(session: Session, view_id: int | None, *, by: Person) -> None:
    """Let a person's list begin with a view, or (None) with the team's.

    Raises
    ------
    NotFound
        If there is no such view in this person's menu.
    """
    if view_id is not None and rows.find_view(session, view_id, by) is None:
        raise NotFound(NO_SUCH)
    session.execute(delete(ViewChoice).where(choices.agent_id == by.id))
    if view_id is not None:
        row = {"agent_id": by.id, "view_id": view_id}
        session.execute(insert_into(session, ViewChoice).on_conflict_do_nothing(), row)
