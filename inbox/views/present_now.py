"""The live page as shown: numbers with their lists, people and their load, the forecast."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from inbox.duty import Duty
from inbox.slowness import STAGE_NAMES
from inbox.store.now import EARLY, STANDING, Person, Standing
from inbox.templating import N_
from inbox.views.render import initial
from inbox.views.words import Speaker
from models import Outlook

TITLES = {
    "open": N_("Open"),
    "unowned": N_("No owner"),
    "late": N_("Late"),
    "hour": N_("Due within the hour"),
    "foreseen": N_("Will probably be late"),
    "again": N_("Asked again"),
    "reopened": N_("Opened again"),
    "passed_on": N_("Passed on twice or more"),
    "unsure": N_("Unsure sorting, not looked at"),
    "silent": N_("Waits, and nobody did anything"),
}
SHOWN_LATE = 8
SHOWN_ROOM = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the address of the conversations behind it; ``href`` "" where it is 0."""

    key: str
    title: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class TeamLine:
    """A team's numbers in the order of a table's columns."""

    name: str
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class PersonLine:
    """Somebody and their load; ``room`` is the time left in the next hours."""

    name: str
    initial: str
    open: Figure
    cap: int
    hour: Figure
    late: Figure
    room: str
    backup: str
    until: str


@dataclass(frozen=True, slots=True)
class ForeseenLine:
    """A conversation that will probably be late."""

    number: int
    subject: str
    due: str
    expected: str


@dataclass(frozen=True, slots=True)
class NowPage:
    """Everything on the page."""

    tiles: list[Figure]
    standing: list[TeamLine]
    early: list[TeamLine]
    columns: list[str]
    early_columns: list[str]
    on_duty: list[PersonLine]
    away: list[PersonLine]
    foreseen: list[ForeseenLine]
    foreseen_all: Figure
    room: list[PersonLine]
    slow: list[str]
    looked_at: str  # when the forecast was made, "" if it never was


def address(kind: str, team: int | None = None, owner: int | None = None) -> str:
    """Return the address of the list behind a number; team 0 is those without one."""
    query = {"kind": kind, "team": team, "owner": owner}
    return f"/now/list?{urlencode({k: v for k, v in query.items() if v is not None})}"


def figure(
    kind: str,
    counted: Mapping[str, int],
    speak: Speaker,
    *,
    team: int | None = None,
    owner: int | None = None,
) -> Figure:
    """Return one number as shown."""
    count = counted.get(kind, 0)
    href = address(kind, team, owner) if count else ""
    return Figure(kind, speak.say(TITLES[kind]), count, href)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the page is made of."""

    standing: Standing
    teams: Mapping[int, str]
    people: Sequence[Person]
    duty: Duty
    until: Mapping[int, datetime]
    outlook: Outlook | None
    subjects: Mapping[int, str]


def foreseen_of(outlook: Outlook | None) -> list[tuple[int, datetime, datetime | None]]:
    """Return what will probably be late: number, when due, when it will be answered."""
    found = outlook.data.get("late", []) if outlook is not None else []
    return [(number, _moment(due), _moment(at) if at else None) for number, due, at in found]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def present_now(loaded: Loaded, speak: Speaker) -> NowPage:
    """Return the page as shown."""
    by_team = loaded.standing.by_team
    total: Counter[str] = Counter()
    for counted in by_team.values():
        total.update(counted)
    on_duty, away = _people(loaded, speak)
    first = (*STANDING, "foreseen")
    return NowPage(
        tiles=[figure(kind, total, speak) for kind in first],
        standing=_lines(loaded, total, first, speak),
        early=_lines(loaded, total, EARLY, speak),
        columns=[speak.say(TITLES[kind]) for kind in first],
        early_columns=[speak.say(TITLES[kind]) for kind in EARLY],
        on_duty=on_duty,
        away=away,
        foreseen=_foreseen(loaded, speak),
        foreseen_all=figure("foreseen", total, speak),
        room=_with_room(loaded, on_duty),
        slow=_slow(loaded, speak),
        looked_at=speak.clock(loaded.outlook.made_at) if loaded.outlook else "",
    )


def _lines(
    loaded: Loaded, total: Counter[str], kinds: Sequence[str], speak: Speaker
) -> list[TeamLine]:
    """Return a line for each team that has anything open, by name, and the sum last."""
    shown = sorted(
        loaded.standing.by_team.items(),
        key=lambda one: (one[0] is None, loaded.teams.get(one[0] or 0, "").casefold()),
    )
    found = [
        TeamLine(
            loaded.teams.get(team or 0, "") or speak.say(N_("No team")),
            [figure(kind, counted, speak, team=team or 0) for kind in kinds],
        )
        for team, counted in shown
    ]
    if len(found) > 1:
        sums = [figure(kind, total, speak) for kind in kinds]
        found.append(TeamLine(speak.say(N_("All teams")), sums))
    return found


def _people(loaded: Loaded, speak: Speaker) -> tuple[list[PersonLine], list[PersonLine]]:
    """Return who is at work and who is not: members of teams, and whoever owns something."""
    on_duty: list[PersonLine] = []
    away: list[PersonLine] = []
    names = {one.id: one.name for one in loaded.people}
    for one in loaded.people:
        counted = loaded.standing.by_owner.get(one.id, Counter())
        if not (one.in_team or counted):
            continue
        shift = loaded.duty.people.get(one.id)
        backup = loaded.duty.backup_of(one.id)
        until = loaded.until.get(one.id)
        at_work = shift is not None and shift.at_work
        line = PersonLine(
            name=one.name,
            initial=initial(one.name),
            open=figure("open", counted, speak, owner=one.id),
            cap=one.cap,
            hour=figure("hour", counted, speak, owner=one.id),
            late=figure("late", counted, speak, owner=one.id),
            room=_room(loaded, one.id, speak) if at_work else "",
            backup=names.get(backup or 0, ""),
            until=speak.clock(until) if until is not None else "",
        )
        (on_duty if at_work else away).append(line)
    return on_duty, away


def _room(loaded: Loaded, agent_id: int, speak: Speaker) -> str:
    """Say how much working time somebody has left; "" for less than a minute."""
    room = loaded.outlook.data.get("room", {}) if loaded.outlook is not None else {}
    seconds = room.get(str(agent_id), 0)
    return speak.span(seconds) if seconds >= 60 else ""


def _with_room(loaded: Loaded, on_duty: Sequence[PersonLine]) -> list[PersonLine]:
    """Return who has most room, of those at work and below their cap."""
    room = loaded.outlook.data.get("room", {}) if loaded.outlook is not None else {}
    seconds = {one.name: room.get(str(one.id), 0) for one in loaded.people}
    free = [one for one in on_duty if one.room and one.open.count < one.cap]
    return sorted(free, key=lambda one: -seconds[one.name])[:SHOWN_ROOM]


def _foreseen(loaded: Loaded, speak: Speaker) -> list[ForeseenLine]:
    found = []
    for number, due_at, answered_at in foreseen_of(loaded.outlook):
        if number not in loaded.subjects or due_at <= speak.now:
            continue
        expected = speak.say(N_("nobody there"))
        if answered_at is not None and (answered_at - speak.now).days < 60:
            expected = speak.clock(answered_at)
        subject = loaded.subjects[number] or speak.say(N_("(no subject)"))
        found.append(ForeseenLine(number, subject, speak.clock(due_at), expected))
    return found[:SHOWN_LATE]


def _slow(loaded: Loaded, speak: Speaker) -> list[str]:
    """Say which stages take more than twice their usual time today."""
    rows: list[list[Any]] = loaded.outlook.data.get("slow", []) if loaded.outlook else []
    text = N_("%(stage)s, %(team)s: %(today)s today, usually %(usual)s (of %(n)s requests)")
    return [
        speak.say(text)
        % {
            "stage": speak.say(STAGE_NAMES[stage]),
            "team": loaded.teams.get(team or 0, "") or speak.say(N_("No team")),
            "today": speak.span(today_s),
            "usual": speak.span(usual_s),
            "n": n,
        }
        for team, stage, today_s, usual_s, n in rows
    ]
