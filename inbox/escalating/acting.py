"""One step at its moment: what it changes, whom it tells, and what is written of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlmodel import Session

from inbox import cover
from inbox.acknowledgement import House
from inbox.corrections import raise_urgency
from inbox.duty import Duty, list_team_on_duty, load_duty
from inbox.escalating.due import Due
from inbox.escalating.silence import Silence
from inbox.rulebook import Rulebook, load_rulebook
from inbox.sla.ladder import GROUP, PERSON, Action
from inbox.store import people
from inbox.store.people import Colleague
from models import Conversation


@dataclass
class Outcome:
    """What a step did: who is told as what, and what its event says besides."""

    told: dict[int, str] = field(default_factory=dict)
    heir: int | None = None  # who has it now, if it was handed over
    is_raised: bool = False
    data: dict[str, Any] = field(default_factory=dict)


class Scene:
    """The company at one moment, each part of it loaded when first asked for."""

    def __init__(self, session: Session, house: House, now: datetime) -> None:
        self.session = session
        self.house = house
        self.now = now
        self.colleagues: Mapping[int, Colleague] = people.list_colleagues(session)
        self._duty: Duty | None = None
        self._book: Rulebook | None = None
        self._leading: dict[int | None, list[int]] = {}
        self._on_duty: dict[int | None, list[int]] = {}

    @property
    def duty(self) -> Duty:
        """Who is at work and who backs whom."""
        if self._duty is None:
            self._duty = load_duty(self.session, self.now)
        return self._duty

    @property
    def book(self) -> Rulebook:
        """The company's rules."""
        if self._book is None:
            self._book = load_rulebook(self.session)
        return self._book

    def leading(self, team_id: int | None) -> list[int]:
        """Return who leads a team."""
        if team_id not in self._leading:
            self._leading[team_id] = people.list_supervisors(self.session, team_id)
        return self._leading[team_id]

    def on_duty(self, team_id: int | None) -> list[int]:
        """Return who of a team is at work."""
        if team_id not in self._on_duty:
            self._on_duty[team_id] = list_team_on_duty(self.session, team_id, self.now)
        return self._on_duty[team_id]

    def is_here(self, agent_id: int | None) -> bool:
        """Tell whether somebody works here; an owner or backup who has left is nobody."""
        found = self.colleagues.get(agent_id or 0)
        return found is not None and found.is_active

    def backup_of(self, owner_id: int) -> int | None:
        """Return the first of the owner's backups at work, else the one who is named."""
        named = self.colleagues[owner_id].backup_id
        return self.duty.backup_of(owner_id) or (named if self.is_here(named) else None)


def act(scene: Scene, due: Due, silence: Silence) -> Outcome:
    """Do what a claimed step says, and return whom it tells."""
    outcome = Outcome()
    for action in due.actions:
        if action == Action.HAND_OVER:
            _hand_over(scene, due, silence, outcome)
        elif action == Action.RAISE:
            _raise(scene, due, outcome)
    for action in due.actions:
        for agent_id, role in audience(scene, due, action, outcome):
            outcome.told.setdefault(agent_id, role)
    told = {one: role for one, role in outcome.told.items() if scene.is_here(one)}
    left_alone = {one for one in told if (due.clock_id, one) in silence.graced}
    left_alone |= set(outcome.data.get("grace", ()))
    outcome.told = {one: role for one, role in told.items() if one not in left_alone}
    if left_alone:
        outcome.data["grace"] = sorted(left_alone)
    elif not outcome.told:  # nobody at work: those who lead must hear of it
        outcome.told = dict.fromkeys(scene.leading(due.team_id), "supervisor")
    return outcome


def _hand_over(scene: Scene, due: Due, silence: Silence, outcome: Outcome) -> None:
    """Take it from a silent owner, unless they said that they have it."""
    owner_id = due.owner_id
    if owner_id is None:
        return
    if (due.clock_id, owner_id) in silence.graced:
        outcome.data["grace"] = [owner_id]
        return
    if due.clock_id not in silence.silent:
        outcome.data["kept"] = owner_id
        return
    heir = cover.pass_to_backup(scene.session, due.conversation_id, scene.now, why=cover.SILENT)
    outcome.heir = heir
    outcome.data |= {"handed_from": owner_id, "handed_to": heir}
    outcome.told[owner_id] = "owner"
    if heir is None:
        outcome.told |= dict.fromkeys(scene.leading(due.team_id), "supervisor")
    else:
        outcome.told[heir] = "backup"


def _raise(scene: Scene, due: Due, outcome: Outcome) -> None:
    found = scene.session.get_one(
        Conversation, due.conversation_id, populate_existing=True, with_for_update=True
    )
    new = raise_urgency(scene.session, found, scene.book, scene.house, scene.now)
    if new is not None:
        outcome.is_raised = True
        outcome.data["raised"] = new.value


class Concerned(Protocol):
    """Whose something is."""

    @property
    def owner_id(self) -> int | None:
        """Who has it."""

    @property
    def team_id(self) -> int | None:
        """Whose team it is with."""


def audience(
    scene: Scene, due: Concerned, action: str, outcome: Outcome
) -> Iterable[tuple[int, str]]:
    """Return whom an action tells, and as what. Without an owner that is the team on duty."""
    owner_id = due.owner_id if scene.is_here(due.owner_id) else None
    if action.startswith((PERSON, GROUP)):
        return _named(scene, action)
    if action == Action.SUPERVISOR:
        return [(one, "supervisor") for one in scene.leading(due.team_id)]
    if action == Action.OWNER and owner_id is not None:
        return [(owner_id, "owner")]
    if action == Action.BACKUP and "handed_to" in outcome.data:
        return []  # who has it now is told, or those who lead, for there is none
    if action == Action.BACKUP and owner_id is not None:
        backup_id = scene.backup_of(owner_id)
        if backup_id is not None:
            return [(backup_id, "backup")]
    if action in (Action.OWNER, Action.BACKUP, Action.TEAM):
        return [(one, "team") for one in scene.on_duty(due.team_id)]
    return []


def _named(scene: Scene, action: str) -> list[tuple[int, str]]:
    """Return whom a step names: one person, or everyone of a team at work."""
    what, _, number = action.partition(":")
    if f"{what}:" == PERSON:
        return [(int(number), "named")]
    return [(one, "group") for one in scene.on_duty(int(number))]
