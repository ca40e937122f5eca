"""The live page's questions: how much stands where, and which conversations a number means.

Each number and its list are made of the same conditions, so that they agree.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, text
from sqlmodel import Session

from inbox.store.conversations import LIST_COLUMNS, LIST_SIZE, Cursor, Listed, beyond
from models import (
    Absence,
    Agent,
    Contact,
    Conversation,
    Event,
    Outlook,
    Status,
    TeamMember,
)
from models.base import columns, core
from models.conversation import SIGNS

absences = columns(Absence)
agents = columns(Agent)
conversations = columns(Conversation)
contacts = columns(Contact)
events = columns(Event)
members = columns(TeamMember)
outlooks = columns(Outlook)

UNSURE = 0.60  # below, the sorting is a question

_IS_OPEN = conversations.status == Status.OPEN
# Said as the indexes say them, or SQLite does not see that they fit.
_HAS_SIGNS = text(SIGNS)
_IN_REVIEW = text("triage = 'needs_review' AND status = 'open'")


@dataclass(frozen=True, slots=True)
class Moments:
    """What is late and what is long, at one moment."""

    now: datetime
    within: datetime  # due until then is "within the hour"
    silent_since: datetime  # nobody has done anything since
    unsure_since: datetime  # in review since before
    foreseen: tuple[int, ...] = ()  # numbers that will probably be late


def _silent(at: Moments) -> list[ColumnElement[bool]]:
    acted = select(events.conversation_id).where(
        events.at > at.silent_since, events.actor_id.is_not(None)
    )
    return [
        _IS_OPEN,
        conversations.next_due_at.is_not(None),
        conversations.last_inbound_at <= at.silent_since,
        conversations.id.not_in(acted),
    ]


KINDS: dict[str, Callable[[Moments], list[Any]]] = {
    "open": lambda _: [_IS_OPEN],
    "unowned": lambda _: [_IS_OPEN, conversations.owner_id.is_(None)],
    "late": lambda at: [_IS_OPEN, conversations.order_at <= at.now],
    "hour": lambda at: [_IS_OPEN, _within(at)],
    "foreseen": lambda at: [
        _IS_OPEN,
        conversations.next_due_at > at.now,
        conversations.id.in_(at.foreseen),
    ],
    "again": lambda _: [_HAS_SIGNS, conversations.asked_again > 0],
    "reopened": lambda _: [_HAS_SIGNS, conversations.reopened > 0],
    "passed_on": lambda _: [_HAS_SIGNS, conversations.passed_on > 1],
    "unsure": lambda at: [
        _IN_REVIEW,
        conversations.request_type_confidence < UNSURE,
        conversations.created_at <= at.unsure_since,
    ],
    "silent": _silent,
}
"""What a number of the page means, as conditions on conversations."""

STANDING = ("open", "unowned", "late", "hour")
EARLY = ("again", "reopened", "passed_on", "unsure", "silent")


def _within(at: Moments) -> ColumnElement[bool]:
    return and_(conversations.order_at > at.now, conversations.order_at <= at.within)


@dataclass(slots=True)
class Standing:
    """What is open: how much of each of ``STANDING`` and ``EARLY``, by team and by owner."""

    by_team: dict[int | None, Counter[str]] = field(default_factory=dict)
    by_owner: dict[int, Counter[str]] = field(default_factory=dict)

    def of_team(self, team_id: int | None) -> Counter[str]:
        """Return a team's numbers, to be added to."""
        return self.by_team.setdefault(team_id, Counter())


def load_standing(session: Session, at: Moments) -> Standing:
    """Count everything in a handful of queries, however many teams there are."""
    found = Standing()
    late = func.sum(case((conversations.order_at <= at.now, 1), else_=0))
    hour = func.sum(case((_within(at), 1), else_=0))
    # As expressions, so that SQLite reads the list's index, which has it all, and no rows.
    place = (conversations.team_id + 0, conversations.owner_id + 0)
    query = select(*place, func.count(), late, hour).where(_IS_OPEN).group_by(*place)
    for team_id, owner_id, n_open, n_late, n_hour in session.execute(query):
        counted = Counter(open=n_open, late=n_late, hour=n_hour)
        if owner_id is None:
            found.of_team(team_id)["unowned"] += n_open
        else:
            found.by_owner.setdefault(owner_id, Counter()).update(counted)
        found.of_team(team_id).update(counted)
    _add_signs(session, found)
    for kind in ("unsure", "silent", *(["foreseen"] if at.foreseen else [])):
        team = conversations.team_id
        query = select(team, func.count()).where(*KINDS[kind](at)).group_by(team)
        for team_id, n in session.execute(query):
            found.of_team(team_id)[kind] += n
    return found


def _add_signs(session: Session, found: Standing) -> None:
    """Count by one pass over the few that have a sign."""
    signs = {
        "again": conversations.asked_again > 0,
        "reopened": conversations.reopened > 0,
        "passed_on": conversations.passed_on > 1,
    }
    sums = [func.sum(case((one, 1), else_=0)) for one in signs.values()]
    team = conversations.team_id
    for row in session.execute(select(team, *sums).where(_HAS_SIGNS).group_by(team)):
        found.of_team(row[0]).update(dict(zip(signs, row[1:], strict=True)))


def list_kind(
    session: Session,
    kind: str,
    at: Moments,
    *,
    team_id: int | None = None,
    owner_id: int | None = None,
    after: Cursor | None = None,
    limit: int = LIST_SIZE,
) -> list[Listed]:
    """Return the conversations that a number means, nearest deadline first.

    ``team_id`` None is every team, 0 is those without one; ``owner_id`` None is everybody.
    """
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(*KINDS[kind](at))
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(limit)
    )
    if team_id is not None:
        team = conversations.team_id
        query = query.where(team == team_id if team_id else team.is_(None))
    if owner_id is not None:
        query = query.where(conversations.owner_id == owner_id)
    place: dict[str, Any] = {}
    if after is not None:
        query = query.where(beyond())
        place = {"at": after.order_at, "rank": after.urgency_rank, "id": after.id}
    return [Listed(*row) for row in session.execute(query, place)]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here, as the page shows them."""

    id: int
    name: str
    cap: int
    in_team: bool


def list_people(session: Session) -> list[Person]:
    """Return who works here, by name."""
    in_team = select(members.agent_id).where(members.agent_id == agents.id).exists()
    query = (
        select(agents.id, agents.name, agents.open_cap, in_team)
        .where(agents.is_active.is_(True))
        .order_by(agents.name, agents.id)
    )
    return [Person(*row) for row in session.execute(query)]


def away_until(session: Session, now: datetime) -> dict[int, datetime]:
    """Return when running absences end, by person."""
    query = select(absences.agent_id, func.max(absences.ends_at)).where(
        absences.over_at.is_(None), absences.starts_at <= now, absences.ends_at > now
    )
    rows = session.execute(query.group_by(absences.agent_id))
    return {agent_id: ends_at for agent_id, ends_at in rows}


def subjects_of(session: Session, numbers: Sequence[int]) -> dict[int, str]:
    """Return the subjects of conversations, by number."""
    query = select(conversations.id, conversations.subject)
    rows = session.execute(query.where(conversations.id.in_(list(numbers))))
    return {row.id: row.subject for row in rows}


def find_outlook(session: Session) -> Outlook | None:
    """Return what is foreseen, as the worker found it last."""
    return session.execute(select(Outlook).order_by(outlooks.id).limit(1)).scalars().first()
