"""Teams: made, renamed, filled with people, and closed with a team that takes over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company.absences import refuse_circle
from inbox.company.handover import BATCH
from inbox.company.moving import announce_moved, list_batch
from inbox.company.staff import note_change
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.routing import GivesBy
from inbox.store import hooks, staff, teams
from inbox.store.audit import add_entry
from inbox.store.changes import moved
from inbox.templating import N_
from models import (
    Agent,
    AuditAction,
    AuditThing,
    Conversation,
    Event,
    EventKind,
    Inbox,
    RequestType,
    Team,
)
from models.base import columns, core

agents = columns(Agent)
conversations = columns(Conversation)
inboxes = columns(Inbox)
types = columns(RequestType)
MOST_NAME = 80


@dataclass(frozen=True, slots=True)
class TeamChange:
    """A team as entered: its name, and its members with whether each leads and who backs them.

    ``backups`` holds the members whose backup is to be another one, or nobody. ``department``
    and ``gives_by`` (``routing.GivesBy``) stay as they are where they are None.
    """

    name: str
    leads: Mapping[int, bool]
    backups: Mapping[int, int | None]
    department: str | None = None
    gives_by: str | None = None


def create_team(session: Session, name: str, *, by: int | None, now: datetime) -> int:
    """Make a team and return its id.

    Raises
    ------
    Invalid
        If it has no name, or another team's.
    """
    team = Team(name=_name(session, name))
    try:
        with session.begin_nested():
            session.add(team)
    except IntegrityError as error:
        raise _taken() from error
    _note(session, team.id, AuditAction.CREATED, now, by=by, after={"name": team.name})
    return team.id


def _name(session: Session, name: str, own_id: int | None = None) -> str:
    called = " ".join(name.split())
    if not 1 <= len(called) <= MOST_NAME:
        raise Invalid("Give the team a name.", {"name": N_("Give the team a name.")})
    found = teams.find_team_named(session, called)
    if found is not None and found.id != own_id:
        raise _taken()
    return called


def _taken() -> Invalid:
    return Invalid(
        "There is a team of this name.", {"name": N_("There is a team of this name.")}
    )


def _note(
    session: Session,
    team_id: int,
    action: AuditAction,
    now: datetime,
    *,
    by: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    add_entry(session, AuditThing.TEAM, team_id, action, now, by=by, before=before, after=after)


def change_team(
    session: Session, team_id: int, change: TeamChange, *, by: int | None, now: datetime
) -> None:
    """Rename a team and change who is in it.

    Raises
    ------
    Invalid
        If the name is taken, or somebody is no colleague.
    """
    team = teams.get_team(session, team_id, to_change=True)
    before = _facts(session, team)
    called = _name(session, change.name, team.id)
    _check_people(session, team_id, change)
    team.name = called
    _set_ways(team, change)
    session.add(team)
    session.flush()
    teams.set_members(session, team_id, dict(change.leads))
    _set_backups(session, change.backups, by=by, now=now)
    after = _facts(session, team)
    if after != before:
        _note(session, team_id, AuditAction.CHANGED, now, by=by, before=before, after=after)


def _set_ways(team: Team, change: TeamChange) -> None:
    if change.gives_by is not None:
        if change.gives_by not in list(GivesBy):
            sentence = N_("Choose how work is given out.")
            raise Invalid(sentence, {"gives_by": sentence})
        team.gives_by = change.gives_by
    if change.department is not None:
        team.department = " ".join(change.department.split())[:MOST_NAME]


def _facts(session: Session, team: Team) -> dict[str, Any]:
    leads = teams.list_members(session, team.id)
    return {
        "name": team.name,
        "department": team.department,
        "gives_by": team.gives_by,
        "members": sorted(leads),
        "leads": sorted(one for one, lead in leads.items() if lead),
    }


def _check_people(session: Session, team_id: int, change: TeamChange) -> None:
    known = {row.id: row for row in staff.list_staff(session)}
    here = {number for number, row in known.items() if row.state != "left"}
    stay = teams.list_members(session, team_id).keys() & known.keys()
    active = {number for number, row in known.items() if row.is_active}
    named = {backup for backup in change.backups.values() if backup is not None}
    if (
        not change.leads.keys() <= here | stay
        or not change.backups.keys() <= change.leads.keys()
        or not named <= active
        or any(who == backup for who, backup in change.backups.items())
    ):
        raise Invalid("Choose somebody who works here.")


def _set_backups(
    session: Session, backups: Mapping[int, int | None], *, by: int | None, now: datetime
) -> None:
    changed: dict[int, int | None] = {}
    for who, backup in backups.items():
        agent = staff.get_agent(session, who, to_change=True)
        if agent.backup_id == backup:
            continue
        before, after = {"backup_id": agent.backup_id}, {"backup_id": backup}
        session.execute(update(Agent).where(agents.id == who).values(backup_id=backup))
        note_change(session, who, AuditAction.CHANGED, now, by=by, before=before, after=after)
        changed[who] = backup
    for who, backup in changed.items():
        refuse_circle(session, who, backup)


async def close(
    database: Database, team_id: int, heir_id: int, *, with_people: bool, by: int | None
) -> int:
    """Close a team; another gets its work, doors and request types. Return how many moved."""
    await database.write(
        close_team, team_id, heir_id, with_people=with_people, by=by, now=utcnow()
    )
    count = 0
    while some := await database.write(move_batch, team_id, heir_id, by=by, now=utcnow()):
        count += some
    return count


def close_team(
    session: Session,
    team_id: int,
    heir_id: int,
    *,
    with_people: bool,
    by: int | None,
    now: datetime,
) -> None:
    """Send everything new to another team; with ``with_people`` its members join that one.

    Raises
    ------
    Conflict
        If it is closed already.
    Invalid
        If the other one is no team that gets work.
    """
    team = teams.get_team(session, team_id, to_change=True)
    if not team.is_active:
        raise Conflict("This team is closed already.")
    if heir_id == team_id or heir_id not in teams.active_team_names(session):
        raise Invalid("Choose another team.", {"heir": N_("Choose another team.")})
    team.is_active = False
    session.add(team)
    session.flush()
    _send_on(session, team_id, heir_id, by=by, now=now)
    if with_people:
        theirs = dict.fromkeys(teams.list_members(session, team_id), False)
        joined = {**theirs, **teams.list_members(session, heir_id)}
        heir = teams.get_team(session, heir_id, to_change=True)
        before = _facts(session, heir)
        teams.set_members(session, heir_id, joined)
        _note(
            session,
            heir_id,
            AuditAction.CHANGED,
            now,
            by=by,
            before=before,
            after=_facts(session, heir),
        )
    _note(
        session,
        team_id,
        AuditAction.DEACTIVATED,
        now,
        by=by,
        after={"heir": heir_id, "with_people": with_people},
    )


def _send_on(
    session: Session, team_id: int, heir_id: int, *, by: int | None, now: datetime
) -> None:
    """Let inboxes and request types of a team send their work to another."""
    before, after = {"team_id": team_id}, {"team_id": heir_id}
    doors = session.execute(
        update(Inbox)
        .where(inboxes.team_id == team_id)
        .values(team_id=heir_id)
        .returning(inboxes.id)
    ).scalars()
    kinds = session.execute(
        update(RequestType)
        .where(types.team_id == team_id)
        .values(team_id=heir_id)
        .returning(types.key)
    ).scalars()
    things = [(AuditThing.INBOX, one) for one in doors.all()]
    things += [(AuditThing.REQUEST_TYPE, one) for one in kinds.all()]
    for thing, key in things:
        add_entry(
            session, thing, key, AuditAction.CHANGED, now, by=by, before=before, after=after
        )


def move_batch(
    session: Session,
    team_id: int,
    heir_id: int,
    *,
    by: int | None,
    now: datetime,
    limit: int = BATCH,
) -> int:
    """Move some of a closed team's unfinished work; owners stay. 0 if nothing is left."""
    if teams.get_team(session, team_id).is_active:
        raise Conflict("This team is open; its work stays.")
    name = teams.get_team(session, heir_id).name
    batch = list_batch(session, conversations.team_id == team_id, limit)
    if not batch:
        return 0
    session.execute(
        update(Conversation)
        .where(conversations.id.in_([row.id for row in batch]))
        .values(team_id=heir_id, version=conversations.version + 1)
    )
    happened = [
        {
            "conversation_id": row.id,
            "kind": EventKind.ASSIGNED,
            "at": now,
            "actor_id": by,
            "data": {
                "reason": "team_closed",
                "owner": row.owner_id,
                "team": name,
                **moved({"team": team_id}, {"team": heir_id}),
            },
        }
        for row in batch
    ]
    session.execute(insert(core(Event)), happened)
    hooks.hear(session, happened)
    announce_moved(session, [row.id for row in batch])
    return len(batch)


def reopen_team(session: Session, team_id: int, *, by: int | None, now: datetime) -> None:
    """Let a closed team be chosen again; what went to another team stays there.

    Raises
    ------
    Conflict
        If it is open.
    """
    team = teams.get_team(session, team_id, to_change=True)
    if team.is_active:
        raise Conflict("This team is open.")
    team.is_active = True
    session.add(team)
    _note(session, team_id, AuditAction.ACTIVATED, now, by=by)
