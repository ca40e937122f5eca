"""Milestones and reminders as pages list them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, union_all
from sqlmodel import Session

from inbox.store.conversations import SHOWN_NAME
from models import (
    Account,
    Contact,
    Conversation,
    Milestone,
    MilestoneState,
    MilestoneTemplate,
    Reminder,
)
from models.base import columns, core

milestones = columns(Milestone)
reminders = columns(Reminder)
accounts = columns(Account)
contacts = columns(Contact)
conversations = columns(Conversation)
templates = columns(MilestoneTemplate)

MOST = 200  # of one list
ENDED_SHOWN = 5  # milestones of a place that are over


@dataclass(frozen=True, slots=True)
class Place:
    """What a date is about: an account, a conversation, or a conversation of an account."""

    account_id: int | None = None
    conversation_id: int | None = None

    @staticmethod
    def of(conversation: Conversation) -> "Place":
        """Return the place of a conversation's dates."""
        return Place(conversation.account_id, conversation.id)

    def given(self) -> dict[str, int | None]:
        """Return the place as parameters of a statement."""
        return {"account_id": self.account_id, "conversation_id": self.conversation_id}


@dataclass(frozen=True, slots=True)
class MilestoneRow:
    """A milestone with what it is about."""

    id: int
    account_id: int | None
    conversation_id: int | None
    title: str
    owner_id: int | None
    due_at: datetime
    state: MilestoneState
    is_public: bool
    ended_at: datetime | None
    account: str | None
    subject: str | None
    contact: str | None


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A reminder with what it is about; ``wrote_at`` is when the customer wrote last."""

    id: int
    agent_id: int
    made_by_id: int | None
    account_id: int | None
    conversation_id: int | None
    text: str
    due_at: datetime
    if_silent: bool
    created_at: datetime
    fired_at: datetime | None
    account: str | None
    subject: str | None
    contact: str | None
    wrote_at: datetime | None


_ABOUT = (accounts.name.label("account"), conversations.subject, SHOWN_NAME.label("contact"))
_OF_MILESTONES = (
    *("id", "account_id", "conversation_id", "title", "owner_id", "due_at", "state"),
    *("is_public", "ended_at"),
)
_OF_REMINDERS = (
    *("id", "agent_id", "made_by_id", "account_id", "conversation_id", "text", "due_at"),
    *("if_silent", "created_at", "fired_at"),
)
_MILESTONES = (
    select(*(milestones[name] for name in _OF_MILESTONES), *_ABOUT)
    .outerjoin(core(Account), accounts.id == milestones.account_id)
    .outerjoin(core(Conversation), conversations.id == milestones.conversation_id)
    .outerjoin(core(Contact), contacts.id == conversations.contact_id)
)
_REMINDERS = (
    select(
        *(reminders[name] for name in _OF_REMINDERS),
        *_ABOUT,
        conversations.last_inbound_at.label("wrote_at"),
    )
    .outerjoin(core(Account), accounts.id == reminders.account_id)
    .outerjoin(core(Conversation), conversations.id == reminders.conversation_id)
    .outerjoin(core(Contact), contacts.id == conversations.contact_id)
)
PLANNED = milestones.state == MilestoneState.PLANNED.value
OPEN = reminders.ended_at.is_(None)


def _first_due(query: Select[Any], of: Any) -> Select[Any]:
    return query.order_by(of.due_at, of.id).limit(MOST)


_AGENT: ColumnElement[int] = bindparam("agent_id")
_MILESTONES_OF = _first_due(
    _MILESTONES.where(milestones.owner_id == _AGENT, PLANNED), milestones
)
_REMINDERS_OF = _first_due(_REMINDERS.where(reminders.agent_id == _AGENT, OPEN), reminders)


def list_milestones_of(
    session: Session, agent_id: int, until: datetime | None = None
) -> list[MilestoneRow]:
    """Return what somebody has to reach, the first due first."""
    query = _MILESTONES_OF
    if until is not None:
        query = query.where(milestones.due_at < until)
    return [MilestoneRow(*row) for row in session.execute(query, {"agent_id": agent_id})]


def list_reminders_of(
    session: Session, agent_id: int, until: datetime | None = None
) -> list[ReminderRow]:
    """Return what somebody wants to be reminded of, or was and has not finished."""
    query = _REMINDERS_OF
    if until is not None:
        query = query.where(reminders.due_at < until)
    return [ReminderRow(*row) for row in session.execute(query, {"agent_id": agent_id})]


@dataclass(frozen=True, slots=True)
class Dated:
    """A date of somebody's day, as the mail of the day lists its requests."""

    agent_id: int
    id: int | None  # of the conversation, where it is about one
    subject: str
    contact_name: str
    next_due_at: datetime
    waiting_until: None = None


def list_dated(session: Session, ends: Mapping[int, datetime]) -> list[Dated]:
    """Return what several people have to reach, or are reminded of, until each one's end."""
    if not ends:
        return []
    people, last = sorted(ends), max(ends.values())
    mine = and_(milestones.owner_id.in_(people), PLANNED, milestones.due_at < last)
    theirs = and_(reminders.agent_id.in_(people), OPEN, reminders.due_at < last)
    found = [
        Dated(row.owner_id, row.conversation_id, row.title, row.account or "", row.due_at)
        for row in session.execute(_MILESTONES.where(mine))
    ]
    found += [
        Dated(
            row.agent_id,
            row.conversation_id,
            row.text or row.subject or "",
            row.account or row.contact or "",
            row.due_at,
        )
        for row in session.execute(_REMINDERS.where(theirs))
    ]
    found = [one for one in found if one.next_due_at < ends[one.agent_id]]
    return sorted(found, key=lambda one: one.next_due_at)


def list_milestones_at(session: Session, place: Place) -> list[MilestoneRow]:
    """Return a place's milestones: what is planned first, then the last that are over."""
    rows = session.execute(_milestones_at(place.conversation_id is not None), place.given())
    found = [MilestoneRow(*row) for row in rows]
    planned = [one for one in found if one.state is MilestoneState.PLANNED]
    over = [one for one in found if one.state is not MilestoneState.PLANNED]
    planned.sort(key=lambda one: (one.due_at, one.id))
    over.sort(key=lambda one: (one.ended_at or one.due_at, one.id), reverse=True)
    return planned + over


@cache
def _milestones_at(of_conversation: bool) -> Any:
    here = _MILESTONES.where(_at(milestones, of_conversation))
    over = (
        here.where(~PLANNED)
        .order_by(milestones.ended_at.desc(), milestones.id.desc())
        .limit(ENDED_SHOWN)
    )
    both = _first_due(here.where(PLANNED), milestones), over
    return union_all(*(select(part.subquery()) for part in both))


def list_milestones_whole(session: Session, account_id: int) -> list[Milestone]:
    """Return an account's milestones with all that is said of them, in the same order."""
    over = milestones.state != MilestoneState.PLANNED.value
    query = (
        select(Milestone)
        .where(milestones.account_id == account_id)
        .order_by(over, milestones.due_at, milestones.id)
        .limit(MOST)
    )
    return list(session.execute(query).scalars())


def list_reminders_at(session: Session, place: Place) -> list[ReminderRow]:
    """Return what anybody wants to be reminded of at a place."""
    rows = session.execute(_reminders_at(place.conversation_id is not None), place.given())
    return [ReminderRow(*row) for row in rows]


@cache
def _reminders_at(of_conversation: bool) -> Select[Any]:
    return _first_due(_REMINDERS.where(_at(reminders, of_conversation), OPEN), reminders)


def _at(table: Any, of_conversation: bool) -> ColumnElement[bool]:
    """Return the condition for the dates of a place, with parameters named as its fields."""
    name = "conversation_id" if of_conversation else "account_id"
    found: ColumnElement[bool] = table[name] == bindparam(name)
    return found


def list_public(session: Session, conversation: Conversation) -> list[MilestoneRow]:
    """Return what a customer's page shows: of the request, and of their account as a whole."""
    mine: ColumnElement[bool] = milestones.conversation_id == conversation.id
    if conversation.account_id is not None:
        whole = and_(
            milestones.account_id == conversation.account_id,
            milestones.conversation_id.is_(None),
        )
        mine = or_(mine, whole)
    shown = (MilestoneState.PLANNED.value, MilestoneState.REACHED.value)
    query = (
        _MILESTONES.where(mine, milestones.is_public.is_(True), milestones.state.in_(shown))
        .order_by(milestones.due_at.desc(), milestones.id.desc())
        .limit(20)
    )
    return [MilestoneRow(*row) for row in session.execute(query)][::-1]


def account_names(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Return what some accounts are called."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = session.execute(select(accounts.id, accounts.name).where(accounts.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def list_templates(
    session: Session, *, only_active: bool = False
) -> Sequence[MilestoneTemplate]:
    """Return the milestones that come again, by title."""
    query = select(MilestoneTemplate).order_by(templates.title, templates.id)
    if only_active:
        query = query.where(templates.is_active.is_(True))
    return session.execute(query).scalars().all()
