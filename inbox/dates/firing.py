"""Milestones that come near or have passed: told by their ladder, each step once.

As ``inbox.escalation`` does for requests, with the same audiences. A step that hands over
gives the milestone to the account's backup, else to the owner's, unless its owner said "I
have it" to an earlier one.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, or_, select, true, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.dates import reminders
from inbox.db import Database
from inbox.escalating.acting import Outcome, Scene, audience
from inbox.escalating.due import LATE_AFTER
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.settings import Settings
from inbox.sla.ladder import LOUD, Action, is_before_due
from inbox.sla.promise import spoken_moment
from inbox.store.accounts import mark_stale
from inbox.store.audit import add_entry
from inbox.store.company import find_company
from inbox.telling import Alert, Telling, moment, tell_all
from inbox.templating import N_, translator
from models import (
    Account,
    AuditAction,
    AuditThing,
    Conversation,
    Milestone,
    MilestoneState,
    MilestoneStep,
    Notice,
    TeamMember,
)
from models.base import columns, core

milestones = columns(Milestone)
steps = columns(MilestoneStep)
accounts = columns(Account)
conversations = columns(Conversation)
notices = columns(Notice)
members = columns(TeamMember)

log = logging.getLogger(__name__)

BATCH = 200
SAID = {
    "near": N_("“%(title)s” has to be reached before %(time)s."),
    "late": N_("“%(title)s” should have been reached before %(time)s."),
    "yours": N_("“%(title)s” is yours now; it has to be reached before %(time)s."),
}

_WAITS = (
    steps.fired_at.is_(None),
    milestones.state == MilestoneState.PLANNED.value,
    milestones.generation == steps.generation,
)
_NEXT = select(steps.at).where(steps.fired_at.is_(None)).order_by(steps.at).limit(1)
_DUE = (
    select(
        *(steps.id, steps.milestone_id, steps.generation, steps.step, steps.audience, steps.at),
        *(milestones.title, milestones.due_at, milestones.account_id),
        *(milestones.conversation_id, milestones.owner_id),
        accounts.name.label("account"),
        accounts.owner_id.label("keeper_id"),
        accounts.backup_id.label("stand_in_id"),
        conversations.owner_id.label("handler_id"),
        conversations.team_id.label("request_team_id"),
    )
    .join(core(Milestone), milestones.id == steps.milestone_id)
    .outerjoin(core(Account), accounts.id == milestones.account_id)
    .outerjoin(core(Conversation), conversations.id == milestones.conversation_id)
    .where(*_WAITS, steps.at <= bindparam("now"))
    .order_by(steps.at, steps.id)
    .limit(BATCH)
    .with_for_update(of=core(Milestone), skip_locked=True)
)


class Dates:
    """The worker's sweep: reminders whose time has come, and steps of milestones."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Tell what is due; True if there may be more.

        Looks first, so that a second without anything due costs no writer's turn.
        """
        now = utcnow()
        if not await self._database.read(is_due, now):
            return False
        done = await self._database.write(self._fire)
        failpoint("dates.committed")
        return done > 0

    def _fire(self, session: Session) -> int:
        house = load_house(session, self._settings, self._secret)
        if house is None:
            return 0
        now = utcnow()
        return reminders.fire_due(session, now) + fire_due(session, Scene(session, house, now))


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether a reminder or a step is due."""
    found = session.execute(_NEXT).scalar_one_or_none(), reminders.next_moment(session)
    return any(at is not None and at <= now for at in found)


class Stand(NamedTuple):
    """Whose a milestone is at its moment, as the ladder's audiences ask."""

    owner_id: int | None
    team_id: int | None


def fire_due(session: Session, scene: Scene) -> int:
    """Fire steps whose moment has come, each once; return how many."""
    now = scene.now
    session.flush()
    _forget_old(session, now)
    due = list(session.execute(_DUE, {"now": now}))
    if not due:
        return 0
    late = case((steps.at < now - LATE_AFTER, true()), else_=steps.is_late)
    claimed = session.execute(
        update(core(MilestoneStep))
        .where(steps.id.in_([row.id for row in due]), steps.fired_at.is_(None))
        .values(fired_at=now, is_late=late)
        .returning(steps.id)
    )
    ours = set(claimed.scalars())
    due = [row for row in due if row.id in ours]
    failpoint("milestones.claimed")
    teams = _teams_of(session, {row.owner_id or row.keeper_id for row in due})
    taken = _taken(session, due)
    moved: dict[int, int] = {}  # by this turn
    for row in due:
        owner_id = moved.get(row.milestone_id, row.owner_id)
        owner_id = next(
            (one for one in (owner_id, row.keeper_id, row.handler_id) if scene.is_here(one)),
            None,
        )
        stand = Stand(owner_id, row.request_team_id or teams.get(owner_id or 0))
        outcome = _act(scene, row, stand, (row.milestone_id, owner_id) in taken)
        if outcome.heir is not None:
            _give(session, row, outcome.heir, now)
            moved[row.milestone_id] = outcome.heir
        tell_all(session, _tellings(scene, row, outcome), now)
        failpoint("milestones.fired")
    mark_stale(session, [row.account_id for row in due], now)
    log.info("%d steps of milestones fired", len(due))
    return len(due)


def _forget_old(session: Session, now: datetime) -> None:
    """Let nothing wait that no milestone has any more: one that was erased, or moved on."""
    live = select(milestones.id).where(
        milestones.id == steps.milestone_id,
        milestones.state == MilestoneState.PLANNED.value,
        milestones.generation == steps.generation,
    )
    session.execute(
        update(core(MilestoneStep))
        .where(steps.fired_at.is_(None), steps.at <= now, ~live.exists())
        .values(fired_at=now)
    )


def _teams_of(session: Session, people: set[int | None]) -> dict[int, int]:
    """Return a team of each, so that who leads it can be told."""
    rows = session.execute(
        select(members.agent_id, members.team_id)
        .where(members.agent_id.in_([one for one in people if one is not None]))
        .order_by(members.team_id.desc())
    )
    return {row.agent_id: row.team_id for row in rows}


def _taken(session: Session, due: Sequence[Any]) -> set[tuple[int, int]]:
    """Return who said "I have it" to an earlier step of which milestone."""
    asked = {row.milestone_id: row.generation for row in due if Action.HAND_OVER in _does(row)}
    if not asked:
        return set()
    of_one = [notices.step.startswith(f"milestone:{one}:") for one in asked]
    rows = session.execute(
        select(notices.step, notices.agent_id).where(
            notices.clock_id.is_(None), or_(*of_one), notices.taken_at.is_not(None)
        )
    )
    return {(int(row.step.split(":")[1]), row.agent_id) for row in rows}


def _does(row: Any) -> list[str]:
    return [word for word in row.audience.split(",") if word != LOUD]


def _act(scene: Scene, row: Any, stand: Stand, has_it: bool) -> Outcome:
    """Return whom a step tells as what, and who has the milestone from now on."""
    outcome = Outcome()
    does = _does(row)
    owner_id = stand.owner_id
    backup = row.stand_in_id if row.stand_in_id != owner_id else None
    if not scene.is_here(backup):
        backup = scene.backup_of(owner_id) if owner_id is not None else None
    if Action.HAND_OVER in does and owner_id is not None and not has_it and backup is not None:
        outcome.heir = backup
        outcome.told |= {owner_id: "owner", backup: "backup"}
    for action in does:
        if action == Action.BACKUP and backup is not None:
            outcome.told.setdefault(backup, "backup")
        elif action != Action.HAND_OVER:
            for agent_id, role in audience(scene, stand, action, outcome):
                outcome.told.setdefault(agent_id, role)
    outcome.told = {one: role for one, role in outcome.told.items() if scene.is_here(one)}
    if not outcome.told:  # nobody at work: those who lead must hear of it
        outcome.told = dict.fromkeys(scene.leading(stand.team_id), "supervisor")
    return outcome


def _give(session: Session, row: Any, heir: int, now: datetime) -> None:
    session.execute(
        update(core(Milestone)).where(milestones.id == row.milestone_id).values(owner_id=heir)
    )
    before, after = {"owner_id": row.owner_id}, {"owner_id": heir}
    add_entry(
        *(session, AuditThing.MILESTONE, row.milestone_id, AuditAction.CHANGED, now),
        by=None,
        before=before,
        after=after,
    )


def _tellings(scene: Scene, row: Any, outcome: Outcome) -> list[Telling]:
    company = find_company(scene.session)
    zone = company.time_zone if company is not None else "UTC"
    how = "near" if is_before_due(row.step) and row.at < row.due_at else "late"
    found = []
    for agent_id, role in outcome.told.items():
        language = scene.colleagues[agent_id].language
        said = {
            "title": row.title,
            "time": spoken_moment(row.due_at, zone, scene.now, language),
        }
        words = SAID["yours" if agent_id == outcome.heir else how]
        sentence = translator(language).gettext(words) % said
        about = row.account if row.conversation_id is None else ""
        found.append(
            Telling(
                {agent_id: role},
                row.conversation_id,
                moment(row.due_at),
                f"milestone:{row.milestone_id}:{row.generation}:{row.step}",
                Alert.MILESTONE,
                f"{about}: {sentence}" if about else sentence,
                {"link": f"/accounts/{row.account_id}"} if row.account_id else {},
                LOUD in row.audience.split(","),
            )
        )
    return found
