"""Where a request's time went, and why a deadline was missed: read from what happened to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from inbox.sla.calendar import WorkingCalendar

JUST_LATE = 0.15  # of the target beyond it is "just"
CAME_LATE = 0.75  # of the target gone before the owner had it


class Stage(StrEnum):
    """With whom a request is; a wait hides the department, that the backup, that the owner."""

    NOBODY = "nobody"
    OWNER = "owner"
    BACKUP = "backup"
    DEPARTMENT = "department"
    CUSTOMER = "customer"


class Cause(StrEnum):
    """Why a deadline was missed; the first that holds, in this order."""

    NOBODY_ON_DUTY = "nobody_on_duty"  # no owner when it was due
    OWNER_ABSENT = "owner_absent"
    OTHER_DEPARTMENT = "other_department"  # a question to another team was open
    RETYPED = "retyped"  # a correction had moved the due time
    PASSED_ON_LATE = "passed_on_late"
    CAME_LATE = "came_late"  # its owner got it when little time was left
    JUST_LATE = "just_late"
    NOT_ANSWERED = "not_answered"  # by the end of its day, or much later


_SHOWS = {
    "department_asked": Cause.OTHER_DEPARTMENT,
    "corrected": Cause.RETYPED,
    "passed_on": Cause.PASSED_ON_LATE,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a conversation: its kind by name, and what it says."""

    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Miss:
    """A deadline that was missed. ``ended_at``: met or excused then, None if neither yet."""

    started_at: datetime
    due_at: datetime
    ended_at: datetime | None
    away: Sequence[tuple[int, datetime, datetime]] = ()  # who was absent from when to when


@dataclass(slots=True)
class _Place:
    """With whom it is, as far as the events have been read."""

    owner: int | None = None
    covered: bool = False
    asks: int = 0
    waits: bool = False

    @property
    def stage(self) -> Stage:
        if self.waits:
            return Stage.CUSTOMER
        if self.asks > 0:
            return Stage.DEPARTMENT
        if self.covered:
            return Stage.BACKUP
        return Stage.NOBODY if self.owner is None else Stage.OWNER

    def take(self, one: Happening) -> None:
        if one.kind in ("assigned", "passed_on", "covered"):
            self.owner = owner_after(one, self.owner)
        if one.kind == "covered" or "covered_for" in (one.data.get("to") or {}):
            self.covered = is_cover(one)
        elif one.kind == "department_asked":
            self.asks += 1
        elif one.kind == "department_answered":
            self.asks = max(self.asks - 1, 0)
        elif one.kind == "waited":
            self.waits = True
        elif one.kind in ("resumed", "asked", "reopened"):
            self.waits = False


def owner_after(one: Happening, before: int | None) -> int | None:
    """Return who owns it after an event that may say so."""
    to = one.data.get("to") or {}
    if "owner" in to:
        found: int | None = to["owner"]
        return found
    return one.data.get("owner", before) if one.kind == "assigned" else before


def is_cover(one: Happening) -> bool:
    """Tell whether a backup took over, or gave it back."""
    for said in (one.data.get("to") or {}, one.data):
        for name in ("covered_for", "covered_for_id"):
            if name in said:
                return said[name] is not None
    return not one.data.get("back", False)


def time_in_stages(
    events: Iterable[Happening], start: datetime, end: datetime, calendar: WorkingCalendar
) -> dict[Stage, int]:
    """Return the working seconds in each stage between ``start`` and ``end``.

    The events are in their order; their sum is the working time from start to end, rounded.
    """
    place, since = _Place(), start
    found = dict.fromkeys(Stage, 0.0)
    for one in events:
        at = min(max(one.at, since), end)
        if at > since:
            found[place.stage] += calendar.working_seconds(since, at)
            since = at
        place.take(one)
    found[place.stage] += calendar.working_seconds(since, end)
    return {stage: round(seconds) for stage, seconds in found.items()}


def cause_of(
    miss: Miss, events: Sequence[Happening], calendar: WorkingCalendar
) -> tuple[Cause, datetime]:
    """Return why a deadline was missed, and the moment that shows it."""
    place, owner_since, moved = _when_due(miss, events)
    if place.owner is None:
        return Cause.NOBODY_ON_DUTY, miss.due_at
    for who, begins, ends in miss.away:
        if who == place.owner and begins <= miss.due_at < ends:
            return Cause.OWNER_ABSENT, begins
    for cause in (Cause.OTHER_DEPARTMENT, Cause.RETYPED, Cause.PASSED_ON_LATE):
        if cause in moved:
            return cause, moved[cause]
    return _cause_of_time(miss, owner_since, calendar)


def _when_due(
    miss: Miss, events: Sequence[Happening]
) -> tuple[_Place, datetime, dict[Cause, datetime]]:
    """Return with whom it was when due, since when it had that owner, and what had moved it."""
    place, owner_since = _Place(), miss.started_at
    moved: dict[Cause, datetime] = {}
    half = miss.started_at + (miss.due_at - miss.started_at) / 2
    for one in events:
        if one.at > miss.due_at:
            break
        before = place.owner
        place.take(one)
        if place.owner != before:
            owner_since = one.at
        shown = _SHOWS.get(one.kind)
        begins = half if shown is Cause.PASSED_ON_LATE else miss.started_at
        if shown is not None and one.at > begins:
            moved[shown] = one.at
    if not place.asks:
        moved.pop(Cause.OTHER_DEPARTMENT, None)
    return place, owner_since, moved


def _cause_of_time(
    miss: Miss, owner_since: datetime, calendar: WorkingCalendar
) -> tuple[Cause, datetime]:
    length = max(calendar.working_seconds(miss.started_at, miss.due_at), 1.0)
    if calendar.working_seconds(miss.started_at, owner_since) > CAME_LATE * length:
        return Cause.CAME_LATE, owner_since
    if miss.ended_at is not None and miss.ended_at - miss.due_at < timedelta(days=1):
        over = calendar.working_seconds(miss.due_at, miss.ended_at)
        if over <= JUST_LATE * length:
            return Cause.JUST_LATE, miss.ended_at
    return Cause.NOT_ANSWERED, miss.ended_at or miss.due_at
