"""When somebody works, as far as telling them goes: their hours, and their absences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session

from inbox.sla.calendar import WorkingCalendar
from models import Agent, Calendar
from models.base import columns

agents = columns(Agent)
calendars = columns(Calendar)

_SPECS = select(calendars.id, calendars.spec, calendars.is_default).where(
    or_(
        calendars.is_default.is_(True),
        calendars.id.in_(select(agents.calendar_id).where(agents.calendar_id.is_not(None))),
    )
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Everybody's working hours: their own, else the company's."""

    by_id: Mapping[int, WorkingCalendar]
    companys: WorkingCalendar | None

    def of(self, calendar_id: int | None) -> WorkingCalendar | None:
        """Return the hours of somebody; None: none are known, and any time is theirs."""
        return self.by_id.get(calendar_id or 0, self.companys)

    def is_open(self, calendar_id: int | None, at: datetime) -> bool:
        """Tell whether somebody with this calendar works at a moment."""
        calendar = self.of(calendar_id)
        return calendar is None or calendar.is_open(at)


def load_hours(session: Session) -> Hours:
    """Load the hours of everybody, in one query."""
    by_id, companys = {}, None
    for row in session.execute(_SPECS):
        by_id[row.id] = WorkingCalendar.from_spec(row.spec)
        if row.is_default:
            companys = by_id[row.id]
    return Hours(by_id, companys)
