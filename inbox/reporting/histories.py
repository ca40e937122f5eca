"""What happened to the conversations that a day counts: loaded at once, read one by one."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.stages import Happening, Miss, Stage, cause_of, time_in_stages
from models import Absence, Calendar, ClockKind, Event, EventKind, SLAClock
from models.base import columns

events = columns(Event)
clocks = columns(SLAClock)
calendars = columns(Calendar)
absences = columns(Absence)

AT_ONCE = 500
TELLING = (
    *(EventKind.ASSIGNED, EventKind.PASSED_ON, EventKind.COVERED, EventKind.CORRECTED),
    *(EventKind.DEPARTMENT_ASKED, EventKind.DEPARTMENT_ANSWERED, EventKind.WAITED),
    *(EventKind.RESUMED, EventKind.ASKED, EventKind.REOPENED),
)


class Histories:
    """Events and resolution clocks by conversation, calendars and absences."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._events: dict[int, list[Happening]] = defaultdict(list)
        self._started: dict[int, Any] = {}
        self._calendars = {
            row.id: WorkingCalendar.from_spec(row.spec)
            for row in session.execute(select(calendars.id, calendars.spec))
        }
        self.away = [
            (row.agent_id, row.starts_at, row.ends_at)
            for row in session.execute(
                select(absences.agent_id, absences.starts_at, absences.ends_at)
            )
        ]

    def load(self, numbers: set[int]) -> None:
        """Read what happened to these conversations."""
        wanted = sorted(numbers)
        for begin in range(0, len(wanted), AT_ONCE):
            some = wanted[begin : begin + AT_ONCE]
            for row in self._session.execute(
                select(events.conversation_id, events.kind, events.at, events.data)
                .where(events.conversation_id.in_(some), events.kind.in_(TELLING))
                .order_by(events.id)
            ):
                one = Happening(row.kind.value, row.at, row.data)
                self._events[row.conversation_id].append(one)
            for row in self._session.execute(
                select(clocks.conversation_id, clocks.started_at, clocks.calendar_id)
                .where(clocks.conversation_id.in_(some), clocks.kind == ClockKind.RESOLUTION)
                .order_by(clocks.id.desc())
            ):
                self._started[row.conversation_id] = (row.started_at, row.calendar_id)

    def calendar(self, calendar_id: int) -> WorkingCalendar:
        """Return one of the company's calendars."""
        return self._calendars[calendar_id]

    def cause(self, miss: Miss, number: int, calendar_id: int) -> tuple[str, datetime]:
        """Return why a conversation's deadline was missed, and the moment that shows it."""
        cause, at = cause_of(miss, self._events[number], self._calendars[calendar_id])
        return cause.value, at

    def solved(self, number: int, at: datetime) -> dict[str, Any]:
        """Return how long a solved conversation took, and where the time went."""
        started_at, calendar_id = self._started.get(number, (None, None))
        if started_at is None:
            return {}
        calendar = self._calendars[calendar_id]
        stages = time_in_stages(self._events[number], started_at, at, calendar)
        waited = stages[Stage.CUSTOMER]
        values: dict[str, Any] = {f"{stage.value}_s": s for stage, s in stages.items()}
        return {
            **values,
            "started_at": started_at,
            "worked_s": sum(stages.values()) - waited,  # the clock stood still meanwhile
        }
