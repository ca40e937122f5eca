"""Somebody leaves: they are signed out at once, and their open work gets new owners.

The work moves in small batches, each a unit of work of its own, so that taking in and
answering go on beside it. What a stopped process left behind stays with the person who left,
is shown to administrators, and is handed over by the same function.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from heapq import heapify
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.company import absences
from inbox.company import staff as service
from inbox.company.moving import announce_moved, list_batch
from inbox.company.tokens import revoke_tokens_of
from inbox.company.told import tell_owners
from inbox.db import Database
from inbox.duty import list_candidates
from inbox.errors import Conflict, Invalid
from inbox.store import hooks, links, staff
from inbox.store.changes import moved
from inbox.store.teams import active_team_names
from inbox.templating import N_
from models import Agent, AuditAction, Conversation, Event, EventKind, TeamMember
from models.base import columns, core

agents = columns(Agent)
members = columns(TeamMember)
conversations = columns(Conversation)

BATCH = 250  # about 30 ms of the writers' turn


class Heir(StrEnum):
    """Who gets the work of somebody who leaves."""

    BACKUP = "backup"
    COLLEAGUE = "colleague"
    SHARE = "share"  # each team's people on duty, least open first, under their caps
    TEAM = "team"  # nobody yet: it waits for the team


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the work goes; ``note`` is for the new owners and may be empty."""

    heir: Heir
    colleague_id: int | None = None
    note: str = ""


@dataclass(slots=True)
class Handed:
    """What went where: owner's id (None: nobody) and how many, and each one's most pressing."""

    counts: Counter[int | None] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)

    def add(self, owners: Mapping[int, int | None]) -> None:
        """Count a batch, the most pressing conversation first."""
        self.counts.update(owners.values())
        for number, owner in owners.items():
            if owner is not None:
                self.first.setdefault(owner, number)


async def hand_over(
    database: Database, agent_id: int, plan: Plan, house: House, *, by: int | None
) -> Handed:
    """Hand over whatever somebody who left still owns, batch by batch, and tell the heirs."""
    handed = Handed()
    while batch := await database.write(hand_over_batch, agent_id, plan, by=by, now=utcnow()):
        handed.add(batch)
    await database.write(tell_owners, agent_id, handed.counts, handed.first, house, utcnow())
    await database.write(_note_handed, agent_id, handed, plan, by=by, now=utcnow())
    return handed


def deactivate(
    session: Session, agent_id: int, plan: Plan, *, by: int | None, now: datetime
) -> None:
    """Sign somebody out for good: no session, token, link, lead or backup of theirs is left.

    Raises
    ------
    Invalid
        If the plan names nobody who can take the work.
    Conflict
        If they left already or are the last active administrator.
    """
    admins = staff.lock_admins(session)
    agent = staff.get_agent(session, agent_id, to_change=True)
    if not agent.is_active:
        raise Conflict("They have left already, or never joined.")
    if admins == [agent.id]:
        raise Conflict("This is the last active administrator. Make somebody else one first.")
    find_heir(session, agent, plan)
    before = service.facts_of(session, agent)
    agent.is_active, agent.deactivated_at, agent.on_duty = False, now, False
    service.end_sessions(session, agent)
    links.void_links_of(session, agent.id, now)
    revoke_tokens_of(session, agent.id, by=by, now=now)
    session.flush()
    session.execute(update(TeamMember).where(members.agent_id == agent.id).values(leads=False))
    after = {**service.facts_of(session, agent), "heir": plan.heir.value}
    service.note_change(
        session, agent.id, AuditAction.DEACTIVATED, now, by=by, before=before, after=after
    )
    _clear_backups(session, agent.id, by=by, now=now)
    absences.forget(session, agent.id, now)


def _clear_backups(session: Session, agent_id: int, *, by: int | None, now: datetime) -> None:
    for number, _ in staff.list_backed_by(session, agent_id):
        session.execute(update(Agent).where(agents.id == number).values(backup_id=None))
        service.note_change(
            session,
            number,
            AuditAction.CHANGED,
            now,
            by=by,
            before={"backup_id": agent_id},
            after={"backup_id": None},
        )


def find_heir(session: Session, agent: Agent, plan: Plan) -> int | None:
    """Return the one person who gets everything; None if it is shared out or left to teams.

    Raises
    ------
    Invalid
        If the plan names nobody who can take it.
    """
    if plan.heir in (Heir.SHARE, Heir.TEAM):
        return None
    heir_id = agent.backup_id if plan.heir is Heir.BACKUP else plan.colleague_id
    heir = session.get(Agent, heir_id) if heir_id is not None else None
    if heir is None or not heir.is_active or heir.id == agent.id:
        raise Invalid(
            "Choose somebody who works here.", {"heir": N_("Choose somebody who works here.")}
        )
    return heir.id


def hand_over_batch(
    session: Session,
    agent_id: int,
    plan: Plan,
    *,
    by: int | None,
    now: datetime,
    limit: int = BATCH,
) -> dict[int, int | None]:
    """Give the most pressing of somebody's conversations to others; empty if none is left.

    Returns each conversation's new owner. Only of somebody who left: nothing new comes to
    them while it runs.

    Raises
    ------
    Conflict
        If they work here.
    """
    agent = staff.get_agent(session, agent_id)
    if agent.is_active:
        raise Conflict("They work here; their work is not handed over.")
    batch = list_batch(session, conversations.owner_id == agent_id, limit)
    if not batch:
        return {}
    heir = find_heir(session, agent, plan)
    if plan.heir is Heir.SHARE:
        owners = _share(session, [(row.id, row.team_id) for row in batch], now)
    else:
        owners = {row.id: heir for row in batch}
    _give(session, owners)
    _record(session, owners, agent_id, plan.note.strip(), by=by, now=now)
    announce_moved(session, owners, {one for one in owners.values() if one is not None})
    return owners


def _share(
    session: Session, batch: Iterable[tuple[int, int | None]], now: datetime
) -> dict[int, int | None]:
    """Share out over the people on duty of each team: least open first, none over the cap."""
    active = active_team_names(session)
    queues: dict[int, list[tuple[int, int, int]]] = {}
    owners: dict[int, int | None] = {}
    for number, team_id in batch:
        if team_id is None or team_id not in active:
            owners[number] = None
            continue
        if team_id not in queues:
            queues[team_id] = [
                (one.open_count, one.id, one.cap)
                for one in list_candidates(session, team_id, now)
                if one.open_count < one.cap
            ]
            heapify(queues[team_id])
        owners[number] = _next_owner(queues, team_id)
    return owners


def _next_owner(queues: dict[int, list[tuple[int, int, int]]], team_id: int) -> int | None:
    """Take whoever of a team has least; they have one more then, in their other teams too."""
    queue = queues[team_id]
    if not queue:
        return None
    _, chosen, _ = queue[0]
    for other, some in queues.items():
        grown = [(n + 1, who, cap) if who == chosen else (n, who, cap) for n, who, cap in some]
        queues[other] = [one for one in grown if one[0] < one[2]]
        heapify(queues[other])
    return chosen


def _give(session: Session, owners: Mapping[int, int | None]) -> None:
    by_owner: dict[int | None, list[int]] = {}
    for number, owner in owners.items():
        by_owner.setdefault(owner, []).append(number)
    for owner, numbers in by_owner.items():
        session.execute(
            update(Conversation)
            .where(conversations.id.in_(numbers))
            .values(owner_id=owner, version=conversations.version + 1)
        )


def _record(
    session: Session,
    owners: Mapping[int, int | None],
    before: int,
    note: str,
    *,
    by: int | None,
    now: datetime,
) -> None:
    """Write down the new owner and, as a note for them, why it is theirs."""
    rows: list[dict[str, Any]] = []
    for number, owner in owners.items():
        assigned = {
            "reason": "handed_over" if owner is not None else "left_to_team",
            "owner": owner,
            "before": before,
            **moved({"owner": before}, {"owner": owner}),
        }
        said = {"reason": "left", "before": before, "text": note}
        rows += [
            {
                "conversation_id": number,
                "kind": kind,
                "at": now,
                "actor_id": by,
                "data": data,
            }
            for kind, data in ((EventKind.ASSIGNED, assigned), (EventKind.NOTED, said))
        ]
    session.execute(insert(core(Event)), rows)
    hooks.hear(session, rows)


def _note_handed(
    session: Session,
    agent_id: int,
    handed: Handed,
    plan: Plan,
    *,
    by: int | None,
    now: datetime,
) -> None:
    if not handed.counts:
        return
    to = {str(owner or "nobody"): count for owner, count in handed.counts.items()}
    after = {"heir": plan.heir.value, "to": to}
    service.note_change(session, agent_id, AuditAction.HANDED_OVER, now, by=by, after=after)
