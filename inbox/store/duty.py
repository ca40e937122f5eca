"""Who is at work, as a condition; and who is absent when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlmodel import Session

from inbox.store.kept import kept
from models import Absence, Agent, AwayKind, Calendar, Team, TeamMember
from models.base import columns, core

agents = columns(Agent)
absences = columns(Absence)
calendars = columns(Calendar)
members = columns(TeamMember)
teams = columns(Team)

_SPECS = select(calendars.id, calendars.spec).where(
    calendars.id.in_(select(agents.calendar_id).where(agents.calendar_id.is_not(None)))
)


def holds(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition that an absence holds at a moment."""
    return and_(absences.over_at.is_(None), absences.starts_at <= at, absences.ends_at > at)


def is_away(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition on ``agents`` that they are absent at a moment."""
    found = select(absences.id).where(absences.agent_id == agents.id, holds(at))
    return found.correlate(Agent).exists()


def _replaced(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition that somebody works in another's place at a moment."""
    return and_(holds(at), absences.kind != AwayKind.ABSENCE)


def stands_in(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition on ``agents`` that they work in somebody's place at a moment."""
    found = select(absences.id).where(absences.backup_id == agents.id, _replaced(at))
    return found.correlate(Agent).exists()


def at_work(
    now: datetime | ColumnElement[datetime], open_ids: Iterable[int] | ColumnElement[int]
) -> ColumnElement[bool]:
    """Return the condition on ``agents`` that they are at work.

    That is switched on, inside their own hours where they have some, or in somebody's place
    whatever those say, and not absent.
    ``open_ids`` are the calendars that are open now (``inbox.duty.open_calendars``).
    """
    some = open_ids if isinstance(open_ids, ColumnElement) else list(open_ids)
    return and_(
        agents.is_active.is_(True),
        agents.on_duty.is_(True),
        or_(agents.calendar_id.is_(None), agents.calendar_id.in_(some), stands_in(now)),
        ~is_away(now),
    )


AT_WORK = at_work(
    bindparam("now", type_=absences.starts_at.type),
    bindparam("open_ids", expanding=True, type_=agents.calendar_id.type),
)
"""The same with ``now`` and ``open_ids`` left open, for statements that are written once."""


def list_own_hours(session: Session) -> list[tuple[int, dict[str, Any]]]:
    """Return id and content of the calendars that are somebody's own hours."""
    return [(row.id, row.spec) for row in session.execute(_SPECS)]


_RUNNING = (
    select(Absence)
    .where(holds(bindparam("now", type_=absences.starts_at.type)))
    .order_by(absences.id)
)
_SOME_RUNNING = _RUNNING.where(absences.agent_id.in_(bindparam("agent_ids", expanding=True)))


def list_running(
    session: Session, now: datetime, agent_ids: Iterable[int] | None = None
) -> dict[int, Absence]:
    """Return who is absent now, by person."""
    if agent_ids is None:
        found = session.execute(_RUNNING, {"now": now})
    else:
        found = session.execute(_SOME_RUNNING, {"now": now, "agent_ids": list(agent_ids)})
    return {one.agent_id: one for one in found.scalars()}


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody's absence, as far as it matters who is there."""

    agent_id: int
    kind: AwayKind
    starts_at: datetime
    ends_at: datetime
    backup_id: int | None


_OPEN = (
    select(*(absences[name] for name in Away.__dataclass_fields__))
    .where(absences.over_at.is_(None))
    .order_by(absences.id)
)


@kept
def _list_open(session: Session) -> Sequence[Away]:
    return tuple(Away(*row) for row in session.execute(_OPEN))


def list_away(session: Session, now: datetime) -> list[Away]:
    """Return the absences that hold now."""
    return [one for one in _list_open(session) if one.starts_at <= now < one.ends_at]


@dataclass(frozen=True, slots=True)
class Standing:
    """What says whether somebody is at work, besides absences and the clock."""

    id: int
    backup_id: int | None
    is_active: bool
    on_duty: bool
    calendar_id: int | None


_STANDING = select(*(agents[name] for name in Standing.__dataclass_fields__))


@kept
def list_standing(session: Session) -> Sequence[Standing]:
    """Return everybody as far as their work goes."""
    return tuple(Standing(*row) for row in session.execute(_STANDING))


def list_replaced(session: Session, now: datetime) -> set[int]:
    """Return in whose place a colleague works now."""
    return set(session.execute(select(absences.agent_id).where(_replaced(now))).scalars())


def list_standing_in(session: Session, now: datetime) -> set[int]:
    """Return who works in somebody's place now."""
    query = select(absences.backup_id).where(_replaced(now), absences.backup_id.is_not(None))
    return set(session.execute(query).scalars())


def list_absences(
    session: Session, now: datetime, agent_id: int | None = None
) -> Sequence[Absence]:
    """Return what is running or planned, soonest first, of one person or of all."""
    query = select(Absence).where(absences.over_at.is_(None), absences.ends_at > now)
    if agent_id is not None:
        query = query.where(absences.agent_id == agent_id)
    return session.execute(query.order_by(absences.starts_at, absences.id)).scalars().all()


def list_takers(session: Session) -> Sequence[Any]:
    """Return who takes work of which open team: team_id, agent_id, calendar_id; no leaders."""
    query = (
        select(members.team_id, members.agent_id, agents.calendar_id)
        .join(core(Agent), agents.id == members.agent_id)
        .join(core(Team), teams.id == members.team_id)
        .where(members.leads.is_(False), agents.is_active.is_(True), teams.is_active.is_(True))
        .order_by(members.team_id, members.agent_id)
    )
    return session.execute(query).all()
