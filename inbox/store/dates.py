"""Milestones and reminders as pages list them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
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


def list_milestones_of(
    session: Session, agent_id: int, until: datetime | None = None
) -> list[MilestoneRow]:
    """Return what somebody has to reach, the first due first."""
    return _milestones(session, and_(milestones.owner_id == agent_id, PLANNED), until)


def list_reminders_of(
    session: Session, agent_id: int, until: datetime | None = None
) -> list[ReminderRow]:
    """Return what somebody wants to be reminded of, or was and has not finished."""
    query = _REMINDERS.where(reminders.agent_id == agent_id, OPEN)
    if until is not None:
        query = query.where(reminders.due_at < until)
    query = query.order_by(reminders.due_at, reminders.id).limit(MOST)
    return [ReminderRow(*row) for row in session.execute(query)]


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
    planned = _milestones(session, and_(_at_milestones(place), PLANNED), None)
    over = (
        _MILESTONES.where(_at_milestones(place), ~PLANNED)
        .order_by(milestones.ended_at.desc(), milestones.id.desc())
        .limit(ENDED_SHOWN)
    )
    return planned + [MilestoneRow(*row) for row in session.execute(over)]


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
    here = (
        reminders.conversation_id == place.conversation_id
        if place.conversation_id is not None
        else reminders.account_id == place.account_id
    )
    query = _REMINDERS.where(here, OPEN).order_by(reminders.due_at, reminders.id).limit(MOST)
    return [ReminderRow(*row) for row in session.execute(query)]


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


def _at_milestones(place: Place) -> ColumnElement[bool]:
    if place.conversation_id is not None:
        return milestones.conversation_id == place.conversation_id
    return milestones.account_id == place.account_id


def _milestones(
    session: Session, which: ColumnElement[bool], until: datetime | None
) -> list[MilestoneRow]:
    query = _MILESTONES.where(which)
    if until is not None:
        query = query.where(milestones.due_at < until)
    query = query.order_by(milestones.due_at, milestones.id).limit(MOST)
    return [MilestoneRow(*row) for row in session.execute(query)]


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
