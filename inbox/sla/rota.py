"""Which days ahead nobody of a team is there for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who takes a team's work, and when not; without own hours the company's hold.

    ``more`` is when they work besides their hours, in somebody's place.
    """

    hours: WorkingCalendar | None
    away: Sequence[Pause]
    more: Sequence[Pause] = ()

    def is_there(self, companys: WorkingCalendar, start: datetime, end: datetime) -> bool:
        """Tell whether they work at all from one moment to another."""
        if any(first < end and start < last for first, last in self.more):
            return True
        return bool((self.hours or companys).working_seconds(start, end, self.away))


def uncovered(
    hours: WorkingCalendar, teams: Mapping[int, Sequence[Member]], first: date, days: int
) -> list[tuple[date, int]]:
    """Return the days, with the team, on which none of its members works a second.

    Days are local dates in the zone of ``hours``, the company's; those without working hours
    are nobody's trouble. A team without members is left out.
    """
    zone = ZoneInfo(hours.timezone)
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        start = datetime.combine(day, time.min, zone)
        end = datetime.combine(day + timedelta(days=1), time.min, zone)
        if not hours.working_seconds(start, end):
            continue
        found += [
            (day, team_id)
            for team_id, members in teams.items()
            if members and not any(one.is_there(hours, start, end) for one in members)
        ]
    return found
