"""The people of the company: what an administrator changes about them, and they themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.alerting.browsers import forget_all
from inbox.company.absences import refuse_circle
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid
from inbox.queue import account_name
from inbox.store import links, sessions, staff
from inbox.store import teams as team_rows
from inbox.store.audit import add_entry
from inbox.templating import LANGUAGES, N_
from models import Agent, AuditAction, AuditThing, Calendar, Role

FILL_IN = N_("Please fill this in.")
LOOK_AGAIN = N_("Please look at the marked answers.")
LAST_ADMIN = N_("This is the last active administrator. Make somebody else one first.")
MOST_OPEN = 100_000
MOST_WEIGHT = 100
MOST_SKILL = 80


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What an administrator may change about a person; ``lead_ids`` are among ``team_ids``."""

    name: str
    role: Role
    language: str
    open_cap: int
    backup_id: int | None
    team_ids: frozenset[int]
    lead_ids: frozenset[int]
    weight: int = 1
    skills: tuple[str, ...] = ()  # languages, request types, product groups
    calendar_id: int | None = None  # own hours


def facts_of(session: Session, agent: Agent) -> dict[str, Any]:
    """Return what the audit trail says of a person."""
    mine = staff.list_memberships(session).get(agent.id, ())
    return {
        "name": agent.name,
        "email": agent.email,
        "role": agent.role.value,
        "language": agent.language,
        "open_cap": agent.open_cap,
        "backup_id": agent.backup_id,
        "weight": agent.weight,
        "skills": sorted(agent.skills),
        "calendar_id": agent.calendar_id,
        "teams": [one.name for one in mine],
        "leads": [one.name for one in mine if one.leads],
    }


def note_change(
    session: Session,
    agent_id: int,
    action: AuditAction,
    now: datetime,
    *,
    by: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write a person's change into the audit trail."""
    add_entry(
        session, AuditThing.PERSON, agent_id, action, now, by=by, before=before, after=after
    )


def change_person(
    session: Session, agent_id: int, change: PersonChange, *, by: int | None, now: datetime
) -> None:
    """Change a person; another role ends their sessions.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Conflict
        If the last active administrator would be none any more.
    """
    admins = staff.lock_admins(session)
    agent = staff.get_agent(session, agent_id, to_change=True)
    _check(session, agent, change)
    if change.role is not Role.ADMIN and admins == [agent.id]:
        raise Conflict("This is the last active administrator. Make somebody else one first.")
    before = facts_of(session, agent)
    other_role = agent.role is not change.role
    agent.name, agent.role, agent.language = change.name.strip(), change.role, change.language
    agent.open_cap, agent.backup_id = change.open_cap, change.backup_id
    agent.weight, agent.calendar_id = change.weight, change.calendar_id
    agent.skills = sorted(set(change.skills))
    session.add(agent)
    session.flush()
    team_rows.set_teams_of(
        session, agent.id, {team: team in change.lead_ids for team in sorted(change.team_ids)}
    )
    if other_role:
        end_sessions(session, agent)
    after = facts_of(session, agent)
    if after != before:
        note_change(
            session, agent.id, AuditAction.CHANGED, now, by=by, before=before, after=after
        )


def _check(session: Session, agent: Agent, change: PersonChange) -> None:
    wrong = _wrong_numbers(change)
    if not change.name.strip():
        wrong["name"] = FILL_IN
    if change.language not in LANGUAGES:
        wrong["language"] = N_("Choose Vietnamese or English.")
    if change.backup_id != agent.backup_id:
        refuse_circle(session, agent.id, change.backup_id)
    if change.calendar_id is not None and session.get(Calendar, change.calendar_id) is None:
        wrong["calendar_id"] = N_("There are no such working hours.")
    if change.backup_id is not None and not _may_back(session, agent, change.backup_id):
        wrong["backup_id"] = N_("The backup is a colleague who works here.")
    mine = {one.team_id for one in staff.list_memberships(session).get(agent.id, ())}
    check_teams(session, change.team_ids - mine)
    if not change.lead_ids <= change.team_ids:
        wrong["teams"] = N_("Who leads a team is in it.")
    if wrong:
        raise Invalid("Please look at the marked answers.", wrong)


def _wrong_numbers(change: PersonChange) -> dict[str, str]:
    wrong = {}
    if not 1 <= change.open_cap <= MOST_OPEN:
        wrong["open_cap"] = N_("This is a number from 1.")
    if not 1 <= change.weight <= MOST_WEIGHT:
        wrong["weight"] = N_("This is a number from 1 to 100.")
    if any(len(one) > MOST_SKILL for one in change.skills):
        wrong["products"] = N_("A product group’s name is too long.")
    return wrong


def _may_back(session: Session, agent: Agent, backup_id: int) -> bool:
    if backup_id == agent.id:
        return False
    backup = session.get(Agent, backup_id)
    return backup is not None and backup.is_active


def check_teams(session: Session, team_ids: frozenset[int]) -> None:
    """Make sure that somebody may be put into these teams.

    Raises
    ------
    Invalid
        If one is closed or there is none.
    """
    if not team_ids <= team_rows.active_team_names(session).keys():
        raise Invalid("There is no such team.", {"teams": N_("There is no such team.")})


def set_password(
    session: Session, agent: Agent, password_hash: str, *, by: int | None, now: datetime
) -> None:
    """Give a person another password: every session and link of theirs ends."""
    agent.password_hash = password_hash
    session.add(agent)
    end_sessions(session, agent)
    links.void_links_of(session, agent.id, now)
    note_change(session, agent.id, AuditAction.PASSWORD_SET, now, by=by)


def change_own_password(
    session: Session,
    agent_id: int,
    old_hash: str,
    new_hash: str,
    *,
    session_id: str,
    now: datetime,
) -> None:
    """Change one's password and sign this browser, and no other, in again as ``session_id``.

    Raises
    ------
    Conflict
        If it was changed since ``old_hash`` was checked.
    """
    agent = staff.get_agent(session, agent_id, to_change=True)
    if agent.password_hash != old_hash or not agent.is_active:
        raise Conflict("Your password was changed elsewhere a moment ago. Sign in again.")
    set_password(session, agent, new_hash, by=agent_id, now=now)
    session.flush()
    sessions.open_session(session, session_id, agent_id, epoch=agent.epoch, now=now)


def end_sessions(session: Session, agent: Agent) -> None:
    """Sign a person out everywhere, also of browsers that show alerts; streams hear at once."""
    agent.epoch += 1
    session.add(agent)
    sessions.close_all_sessions(session, agent.id)
    forget_all(session, agent.id)
    after_commit(session, account_name(agent.id))


def activate(session: Session, agent_id: int, *, by: int | None, now: datetime) -> None:
    """Let somebody back in who had left; they sign in with their old password.

    Raises
    ------
    Conflict
        If they never left.
    """
    agent = staff.get_agent(session, agent_id, to_change=True)
    if agent.deactivated_at is None:
        raise Conflict("Nothing to do: they did not leave.")
    agent.is_active, agent.deactivated_at = True, None
    session.add(agent)
    note_change(session, agent_id, AuditAction.ACTIVATED, now, by=by)
