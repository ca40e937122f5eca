"""What a day holds, for a person and for a team, loaded for many people at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.sla.promise import spoken_moment
from inbox.store.conversations import SHOWN_NAME
from inbox.store.dates import list_dated
from inbox.store.duty import list_running
from inbox.store.people import list_colleagues, team_names
from models import Contact, Conversation, Status, TeamMember
from models.base import columns, core

conversations = columns(Conversation)
contacts = columns(Contact)
members = columns(TeamMember)

MOST_LINES = 50  # of one kind; the rest is counted
KINDS = ("late", "due", "waiting", "reminders")
_RESTING = {Status.WAITING: "waiting", Status.SNOOZED: "reminders"}


@dataclass(slots=True)
class TeamDay:
    """A team's day in numbers: ``due`` and ``late`` by owner."""

    due: dict[int, int] = field(default_factory=dict)
    late: dict[int, int] = field(default_factory=dict)
    unowned: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What the days of several people hold."""

    lines: Mapping[int, Mapping[str, list[Any]]]  # by person, then of KINDS
    teams: Mapping[int, TeamDay]
    members: Mapping[int, list[int]]  # by team, who is in it
    mine: Mapping[int, list[int]]  # by person, the teams
    led: Mapping[int, list[int]]  # by person, the teams that they lead
    away: Mapping[int, datetime]  # until when
    names: Mapping[int, str]
    team_names: Mapping[int, str]


def load_work(session: Session, ends: Mapping[int, datetime], now: datetime) -> Work:
    """Load what the days of these people hold; ``ends`` is each one's end of the day."""
    mine: dict[int, list[int]] = {}
    led: dict[int, list[int]] = {}
    of_team: dict[int, list[int]] = {}
    if not ends:
        return Work({}, {}, {}, {}, {}, {}, {}, {})
    for row in session.execute(select(members.team_id, members.agent_id, members.leads)):
        of_team.setdefault(row.team_id, []).append(row.agent_id)
        mine.setdefault(row.agent_id, []).append(row.team_id)
        if row.leads:
            led.setdefault(row.agent_id, []).append(row.team_id)
    wanted = {team for one in ends for team in mine.get(one, ())}
    colleagues = list_colleagues(session)
    return Work(
        lines=_load_lines(session, ends, now),
        teams=_load_teams(session, wanted, max(ends.values()), now),
        members=of_team,
        mine=mine,
        led=led,
        away={one: absence.ends_at for one, absence in list_running(session, now).items()},
        names={one: person.name for one, person in colleagues.items() if person.is_active},
        team_names=team_names(session),
    )


def _load_lines(
    session: Session, ends: Mapping[int, datetime], now: datetime
) -> dict[int, dict[str, list[Any]]]:
    rows = session.execute(
        select(
            *(conversations[name] for name in ("id", "owner_id", "status", "subject")),
            *(conversations[name] for name in ("next_due_at", "waiting_until")),
            SHOWN_NAME.label("contact_name"),
        )
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(
            conversations.owner_id.in_(sorted(ends)),
            conversations.status.in_([Status.OPEN, *_RESTING]),
            conversations.order_at < max(ends.values()),
        )
        .order_by(conversations.order_at, conversations.id)
    )
    found: dict[int, dict[str, list[Any]]] = {one: {} for one in ends}
    for row in rows:
        kind = _kind(row, ends[row.owner_id], now)
        if kind:
            found[row.owner_id].setdefault(kind, []).append(row)
    for dated in list_dated(session, ends):
        found[dated.agent_id].setdefault("reminders", []).append(dated)
    return found


def _kind(row: Any, end: datetime, now: datetime) -> str:
    """Return where a conversation stands in the mail; "" if it is not of this day."""
    if row.next_due_at is not None and row.next_due_at < end:
        return "late" if row.next_due_at < now else "due"
    resting = row.waiting_until is not None and row.waiting_until < end
    return _RESTING.get(row.status, "") if resting else ""


def _load_teams(
    session: Session, team_ids: set[int], end: datetime, now: datetime
) -> dict[int, TeamDay]:
    late = func.sum(case((conversations.next_due_at < now, 1), else_=0))
    due = func.sum(
        case(
            ((conversations.next_due_at >= now) & (conversations.next_due_at < end), 1), else_=0
        )
    )
    rows = session.execute(
        select(
            conversations.team_id,
            conversations.owner_id,
            late.label("late"),
            due.label("due"),
            func.count().label("open"),
        )
        .where(conversations.team_id.in_(sorted(team_ids)), conversations.status == Status.OPEN)
        .group_by(conversations.team_id, conversations.owner_id)
    )
    found = {team: TeamDay() for team in team_ids}
    for row in rows:
        day = found[row.team_id]
        if row.owner_id is None:
            day.unowned = row.open
        day.late[row.owner_id or 0] = row.late
        day.due[row.owner_id or 0] = row.due
    return found


def facts_of(
    work: Work, agent_id: int, house: House, language: str, now: datetime
) -> dict[str, Any]:
    """Return what one person's mail says."""
    mine = work.lines[agent_id]
    shown = {
        kind: [_line(row, house, language, now) for row in mine.get(kind, ())[:MOST_LINES]]
        for kind in KINDS
    }
    return {
        "name": work.names.get(agent_id, ""),
        "counts": {kind: len(mine.get(kind, ())) for kind in KINDS},
        **shown,
        "unowned": sum(work.teams[team].unowned for team in work.mine.get(agent_id, ())),
        "teams": [
            _team(work, team, house, language, now) for team in work.led.get(agent_id, ())
        ],
        "link": f"{house.base_url}/inbox?for=mine",
        "settings": f"{house.base_url}/me/alerts",
    }


def _line(row: Any, house: House, language: str, now: datetime) -> dict[str, Any]:
    at = row.next_due_at or row.waiting_until
    return {
        "number": row.id,
        "time_text": spoken_moment(at, house.time_zone, now, language),
        "subject": row.subject,
        "contact_name": row.contact_name,
    }


def _team(work: Work, team: int, house: House, language: str, now: datetime) -> dict[str, Any]:
    day = work.teams[team]
    busy = {*day.late, *day.due} | set(work.members.get(team, ()))
    people = [
        {"name": work.names[one], "late": day.late.get(one, 0), "due": day.due.get(one, 0)}
        for one in sorted(
            busy, key=lambda one: (-day.late.get(one, 0), work.names.get(one, ""))
        )
        if one in work.names
    ]
    away = [
        {
            "name": work.names[one],
            "until": spoken_moment(work.away[one], house.time_zone, now, language),
        }
        for one in work.members.get(team, ())
        if one in work.away and one in work.names
    ]
    return {
        "name": work.team_names.get(team, ""),
        "late": sum(day.late.values()),
        "due": sum(day.due.values()),
        "unowned": day.unowned,
        "people": people,
        "away": away,
    }
