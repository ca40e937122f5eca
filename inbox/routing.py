"""Who answers for it: a rule's or the type's team, and in it whose turn it is.

Work from an account goes to who looks after it first, then to the backup, whatever their team.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from inbox.duty import load_duty
from inbox.rulebook import Rulebook
from inbox.store import accounts
from inbox.store import candidates as rows
from inbox.store.accounts import Keepers
from inbox.store.candidates import Candidate
from inbox.store.routes import Rule, list_departments, list_rules
from models import Conversation

LANGUAGES = frozenset(("vi", "en"))
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class GivesBy(StrEnum):
    """How a team's work is given out among those at work who are below their cap."""

    LEAST_OPEN = "least_open"  # whoever has least open
    ROUND_ROBIN = "round_robin"  # one after the other
    WEIGHT = "weight"  # whoever has least open for their weight


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be given, as far as rules and skills ask."""

    request_type: str
    language: str = ""
    product_group: str | None = None
    inbox_id: int | None = None
    account_id: int | None = None


def work_of(conversation: Conversation, request_type: str) -> Work:
    """Return a conversation as rules and skills see it once it is of this type."""
    return Work(
        request_type,
        conversation.language,
        conversation.product_group,
        conversation.inbox_id,
        conversation.account_id,
    )


@dataclass(frozen=True, slots=True)
class Route:
    """A team and perhaps an owner, and why."""

    team_id: int | None
    owner_id: int | None
    # Of GivesBy, or account_owner, account_backup, kept, backup, nobody_on_duty, all_full.
    reason: str
    data: dict[str, Any]

    @property
    def place(self) -> dict[str, Any]:
        """Who answers for it then, as an event says it."""
        return {"team": self.team_id, "owner": self.owner_id}


@dataclass(frozen=True, slots=True)
class Place:
    """The team that answers, before anybody of it is chosen; and what its event says."""

    team_id: int | None
    data: dict[str, Any]


@dataclass
class Desk:
    """The people of a team at work, and how work is given out among them.

    What ``take`` gives is counted at once, so that one desk serves many conversations; desks
    that share ``taken`` know what the others gave to somebody who is in several teams.
    """

    team_id: int
    gives_by: str
    people: list[Candidate]
    keys: frozenset[str]  # of request types: what a skill may be besides languages
    turns: dict[int, datetime] = field(default_factory=dict)  # to be remembered
    taken: Counter[int] = field(default_factory=Counter)  # by person, not in the rows yet

    def take(self, work: Work, now: datetime, besides: int | None = None) -> Candidate | None:
        """Return who gets it, and count it; None if everybody who could is at the cap.

        ``besides``: somebody who does not get it. Who has skills gets only what they ask for;
        where nobody at work has them, everybody may get it.
        """
        able = [one for one in self.people if one.id != besides]
        skilled = [one for one in able if is_skilled(one.skills, work, self.keys)]
        free = [one for one in skilled or able if self._count(one) < one.cap]
        if not free:
            return None
        chosen = min(free, key=self._order)
        if self.gives_by == GivesBy.ROUND_ROBIN:
            last = max(self._turn(one) for one in self.people)
            self.turns[chosen.id] = max(now, last + timedelta(microseconds=1))
        self.taken[chosen.id] += 1
        return chosen

    def _count(self, one: Candidate) -> int:
        return one.open_count + self.taken[one.id]

    def _turn(self, one: Candidate) -> datetime:
        return self.turns.get(one.id) or one.last_given_at or _LONG_AGO

    def _order(self, one: Candidate) -> tuple[Any, ...]:
        if self.gives_by == GivesBy.ROUND_ROBIN:
            return (self._turn(one), one.id)
        if self.gives_by == GivesBy.WEIGHT:
            return ((self._count(one) + 1) / one.weight, one.id)
        return (self._count(one), one.id)

    def remember(self, session: Session) -> None:
        """Write down whose turn it was."""
        rows.take_turns(session, self.team_id, self.turns)
        self.turns.clear()


class Desks:
    """Gives out several conversations in one unit of work, whatever their teams.

    Caps and turns hold over all of them; the caller writes the owners once all are given,
    and no owner before. Nobody else gives out work from the first ``route`` on until the
    unit of work ends.
    """

    def __init__(self, session: Session, rulebook: Rulebook, now: datetime) -> None:
        self._session = session
        self._rulebook = rulebook
        self._now = now
        self._taken: Counter[int] = Counter()
        self._desks: dict[int, Desk] = {}
        self._keepers: dict[int, Keepers] = {}
        self._people: dict[int, Candidate | None] = {}  # who may look after an account

    def route(self, place: Place, work: Work, owner_id: int | None = None) -> Route:
        """Choose who gets it; an owner who belongs to the team or the account keeps it."""
        team_id, data = place.team_id, place.data
        keepers = self.keepers_of(work.account_id)
        if keepers is not None:
            data = {**data, "account": work.account_id}
        desk = self.desk(team_id) if team_id is not None else None
        if self._stays(owner_id, desk, keepers):
            return Route(team_id, owner_id, "kept", {**data, "owner": owner_id})
        keeping = self.take_keeper(keepers)
        if keeping is not None:
            reason, said = keeping
            return Route(team_id, said["owner"], reason, {**data, **said})
        if team_id is None or desk is None:
            return Route(None, None, "nobody_on_duty", data)
        if not desk.people:
            return self._stand_in(team_id, data)
        chosen = desk.take(work, self._now)
        if chosen is None:
            return Route(team_id, None, "all_full", data)
        return Route(team_id, chosen.id, desk.gives_by, {**data, "owner": chosen.id})

    @staticmethod
    def _stays(owner_id: int | None, desk: Desk | None, keepers: Keepers | None) -> bool:
        if owner_id is None:
            return False
        if keepers is not None and owner_id in (keepers.owner_id, keepers.backup_id):
            return True
        return desk is not None and any(one.id == owner_id for one in desk.people)

    def keepers_of(self, account_id: int | None) -> Keepers | None:
        """Return who looks after an account, looked up once."""
        if account_id is None:
            return None
        self.know([account_id])
        return self._keepers.get(account_id)

    def know(self, account_ids: Iterable[int | None]) -> None:
        """Look up several accounts' people together."""
        new = {one for one in account_ids if one is not None} - self._keepers.keys()
        if new:
            self._keepers.update(accounts.keepers_of(self._session, new))

    def take_keeper(
        self, keepers: Keepers | None, besides: int | None = None
    ) -> tuple[str, dict[str, Any]] | None:
        """Choose the account's owner, else its backup, and count it; None if neither can.

        They are to be at work and below the cap. An absent owner's own backup stands in where
        the account has none. Returns the reason and what the event says.
        """
        if keepers is None:
            return None
        session, now = self._session, self._now
        backup_id = keepers.backup_id
        rows.lock(session)
        ids = [one for one in (keepers.owner_id, backup_id) if one not in (None, besides)]
        taken = self._first_free(ids)
        if taken is None and backup_id is None and keepers.owner_id is not None:
            backup_id = load_duty(session, now).backup_of(keepers.owner_id)
            taken = self._first_free([backup_id] if backup_id not in (None, besides) else [])
        if taken is None:
            return None
        self._taken[taken] += 1
        if taken == keepers.owner_id:
            return "account_owner", {"owner": taken}
        return "account_backup", {"owner": taken, "first": keepers.owner_id}

    def _first_free(self, ids: Sequence[int | None]) -> int | None:
        """Return the first of these who is at work and below the cap."""
        wanted = [one for one in ids if one is not None]
        new = [one for one in wanted if one not in self._people]
        if new:
            open_ids = _open_ids(self._rulebook, self._now)
            found = rows.list_some(self._session, new, self._now, open_ids)
            self._people |= dict.fromkeys(new) | {one.id: one for one in found}
        for number in wanted:
            one = self._people[number]
            if one is not None and one.open_count + self._taken[one.id] < one.cap:
                return number
        return None

    def remember(self) -> None:
        """Write down whose turn it was."""
        for desk in self._desks.values():
            desk.remember(self._session)

    def desk(self, team_id: int) -> Desk:
        """Return a team's people at work, loaded once."""
        if team_id not in self._desks:
            desk = open_desk(self._session, self._rulebook, team_id, self._now)
            desk.taken = self._taken
            self._desks[team_id] = desk
        return self._desks[team_id]

    def _stand_in(self, team_id: int, data: dict[str, Any]) -> Route:
        """Give it to the backup of somebody of the team who is absent, if one has room."""
        session, now = self._session, self._now
        away = rows.list_away(session, team_id, now)
        duty = load_duty(session, now) if away else None
        backups = {duty.backup_of(one): one for one in reversed(away)} if duty else {}
        ids: Sequence[int] = [one for one in backups if one is not None]
        found = rows.list_some(session, ids, now, _open_ids(self._rulebook, now)) if ids else []
        counted = [(one.open_count + self._taken[one.id], one) for one in found]
        free = sorted((count, one.id) for count, one in counted if count < one.cap)
        if not free:
            return Route(team_id, None, "nobody_on_duty", data)
        _, chosen = free[0]
        self._taken[chosen] += 1
        said = {**data, "owner": chosen, "first": backups[chosen]}
        return Route(team_id, chosen, "backup", said)


def is_skilled(skills: Iterable[str], work: Work, types: frozenset[str]) -> bool:
    """Tell whether somebody's skills fit: languages, request types, product groups.

    Skills of one kind are a choice; who names none of a kind takes every one of it.
    """
    mine = frozenset(skills)
    spoken, kinds = mine & LANGUAGES, mine & types
    products = mine - LANGUAGES - types
    return (
        (not spoken or not work.language or work.language in spoken)
        and (not kinds or work.request_type in kinds)
        and (not products or work.product_group in products)
    )


def open_desk(session: Session, rulebook: Rulebook, team_id: int, now: datetime) -> Desk:
    """Return a team's people at work; nobody else gives them anything until this unit ends."""
    people = rows.list_of_team(session, team_id, now, _open_ids(rulebook, now))
    gives_by = rows.gives_by(session, team_id)
    return Desk(team_id, gives_by, people, frozenset(rulebook.types))


def _open_ids(rulebook: Rulebook, now: datetime) -> list[int]:
    return [number for number, one in rulebook.calendars.items() if one.is_open(now)]


def choose(
    session: Session,
    rulebook: Rulebook,
    work: Work,
    *,
    fallback_team_id: int | None,
    now: datetime,
    owner_id: int | None = None,
) -> Route:
    """Choose team and owner; an owner who belongs to the team keeps the conversation."""
    place = find_place(session, rulebook, work, fallback_team_id)
    desks = Desks(session, rulebook, now)
    route = desks.route(place, work, owner_id)
    desks.remember()
    return route


def find_place(
    session: Session, rulebook: Rulebook, work: Work, fallback_team_id: int | None
) -> Place:
    """Return the team that rules, the type or else the way in name."""
    kind = rulebook.types[work.request_type]
    rules = list_rules(session)
    department = _department(session, rules, work)
    matching = (one for one in rules if _matches(one, work, rulebook, department))
    rule = next(matching, None)
    ruled = rule.team_id if rule is not None else None
    wished = (ruled, kind.team_id, fallback_team_id, *rulebook.teams)
    team_id = next((one for one in wished if one in rulebook.teams), None)
    data: dict[str, Any] = {
        "team": rulebook.teams.get(team_id or 0, ""),
        "type_vi": kind.name_vi,
        "type_en": kind.name_en,
    }
    if rule is not None:
        data["rule"] = rule.name
    return Place(team_id, data)


def owned_by(conversation: Conversation, route: Route) -> dict[str, Any]:
    """Return the columns of a conversation that go where a route says."""
    values: dict[str, Any] = {"team_id": route.team_id, "owner_id": route.owner_id}
    if route.owner_id != conversation.owner_id:
        values["covered_for_id"] = None
    return values


def _department(session: Session, rules: Iterable[Rule], work: Work) -> str:
    """Return the department to which it came, if a rule asks; "" is none."""
    if all(one.department is None for one in rules):
        return ""
    return list_departments(session).get(work.inbox_id or 0, "").casefold()


def _matches(rule: Rule, work: Work, rulebook: Rulebook, department: str) -> bool:
    return rule.team_id in rulebook.teams and all(
        wanted is None or wanted == found
        for wanted, found in (
            (rule.request_type, work.request_type),
            (rule.product_group, work.product_group),
            (rule.language, work.language),
            (rule.inbox_id, work.inbox_id),
            (rule.department and rule.department.casefold(), department),
        )
    )
