"""The form of an absence: read in the company's time, and shown again with what was typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlmodel import Session

from inbox.clock import read_time
from inbox.company.absences import WRONG_TIME, Plan
from inbox.company.covering import count_covered
from inbox.company.swaps import list_offers
from inbox.duty import list_uncovered
from inbox.errors import Invalid
from inbox.rulebook import load_rulebook
from inbox.store import people
from inbox.store.duty import list_absences
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.site import number_of
from inbox.views.words import Speaker
from models import Absence, AwayKind, Swap

DAYS = 28  # of the timeline
MINUTES = "%Y-%m-%dT%H:%M"


class Form(Struct):
    """An absence as a browser sends it; ``backup_id`` is empty for the person's own backup."""

    agent_id: str = ""
    starts_at: str = ""
    ends_at: str = ""
    backup_id: str = ""
    gives_back: str = ""
    note: str = ""
    kind: str = ""  # taken_over: a colleague has it for some hours

    @property
    def is_taken_over(self) -> bool:
        """Whether somebody takes over from who is there."""
        return self.kind == AwayKind.TAKEN_OVER


def plan_of(form: Form, zone: ZoneInfo) -> Plan:
    """Read what was entered; times without a zone are the company's.

    Raises
    ------
    Invalid
        If a time is none.
    """
    return Plan(
        starts_at=moment_of(form.starts_at, "starts_at", zone),
        ends_at=moment_of(form.ends_at, "ends_at", zone),
        backup_id=number_of(form.backup_id) if form.backup_id else None,
        gives_back=form.gives_back == "1",
        note=form.note[:1000],
        kind=AwayKind.TAKEN_OVER if form.is_taken_over else AwayKind.ABSENCE,
    )


def moment_of(text: str, name: str, zone: ZoneInfo, wrong: str = WRONG_TIME) -> datetime:
    """Read a time of a form; without a zone it is in this one.

    Raises
    ------
    Invalid
        If it is none, which ``wrong`` says.
    """
    try:
        found = read_time(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=zone)
    except ValueError as error:
        raise Invalid(wrong, {name: wrong}) from error


def form_of(absence: Absence, speak: Speaker) -> Form:
    """Return an absence as its form has it."""
    return Form(
        agent_id=str(absence.agent_id),
        starts_at=speak.here(absence.starts_at).strftime(MINUTES),
        ends_at=speak.here(absence.ends_at).strftime(MINUTES),
        backup_id=str(absence.backup_id or ""),
        gives_back="1" if absence.gives_back else "",
        note=absence.note,
    )


def empty_form(agent_id: int | None, speak: Speaker) -> Form:
    """Return a form to be filled in: from the next full hour, to the same time tomorrow."""
    hour = speak.here(speak.now).replace(minute=0, second=0) + timedelta(hours=1)
    tomorrow = hour + timedelta(days=1)
    starts, ends = hour.strftime(MINUTES), tomorrow.strftime(MINUTES)
    return Form(str(agent_id or ""), starts, ends, gives_back="1")


def empty_hours_form(agent_id: int | None, speak: Speaker) -> Form:
    """Return a form to let somebody take over: from now, for three hours."""
    now = speak.here(speak.now)
    starts, ends = now.strftime(MINUTES), (now + timedelta(hours=3)).strftime(MINUTES)
    return Form(str(agent_id or ""), starts, ends, gives_back="1", kind=AwayKind.TAKEN_OVER)


KINDS = {AwayKind.TAKEN_OVER: N_("Taken over"), AwayKind.SWAP: N_("Shift swapped")}


@dataclass(frozen=True, slots=True)
class Line:
    """One absence of a list."""

    id: int
    agent_id: int
    name: str
    when: str
    state: str
    backup: str
    note: str
    form: Form
    is_running: bool
    is_absence: bool
    bar: tuple[int, int, int]  # days before it, of it, and after it, on the timeline
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A change of one absence that cannot be: what was typed, and what is wrong with it."""

    absence_id: int
    form: Form
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pages of absences load."""

    absences: list[Absence]
    colleagues: Mapping[int, Colleague]
    covered: dict[int, int]  # how much others cover, by person
    gaps: list[tuple[datetime, str]] = field(default_factory=list)  # day and team
    offers: Sequence[Swap] = ()  # of shifts, not answered yet


def load_shown(session: Session, now: datetime, agent_id: int | None = None) -> Shown:
    """Load what is running or planned, of one person or of all."""
    found = list(list_absences(session, now, agent_id))
    colleagues = people.list_colleagues(session)
    return Shown(found, colleagues, count_covered(session))


def load_all(session: Session, now: datetime) -> Shown:
    """Load what is running or planned of all, and the days on which a team has nobody."""
    shown = load_shown(session, now)
    book = load_rulebook(session)
    hours = book.calendars[book.default_calendar_id]
    zone = ZoneInfo(hours.timezone)
    found = list_uncovered(session, hours, shown.absences, now.astimezone(zone).date(), DAYS)
    noon = time(12)
    gaps = [(datetime.combine(day, noon, zone), book.teams[team]) for day, team in found]
    return replace(shown, gaps=gaps, offers=list_offers(session, now))


def lines_of(shown: Shown, speak: Speaker, refused: Refused | None = None) -> list[Line]:
    """Return the list's lines, the refused one as it was typed."""
    lines = [_line(one, shown.colleagues, speak) for one in shown.absences]
    if refused is None:
        return lines
    return [
        replace(one, form=refused.form, errors=refused.errors)
        if one.id == refused.absence_id
        else one
        for one in lines
    ]


def _line(one: Absence, colleagues: Mapping[int, Colleague], speak: Speaker) -> Line:
    person = colleagues[one.agent_id]
    backup = colleagues.get(one.backup_id or person.backup_id or 0)
    running = one.starts_at <= speak.now
    state = N_("Away now") if running else N_("Planned")
    return Line(
        id=one.id,
        agent_id=one.agent_id,
        name=person.name,
        when=f"{speak.clock(one.starts_at)} – {speak.clock(one.ends_at)}",
        state=speak.say(KINDS.get(one.kind, state)),
        backup=backup.name if backup is not None else "",
        note=one.note,
        form=form_of(one, speak),
        is_running=running,
        is_absence=one.kind is AwayKind.ABSENCE,
        bar=_bar(one, speak),
    )


def _bar(one: Absence, speak: Speaker) -> tuple[int, int, int]:
    today = speak.local(speak.now).date()
    first = min(max((speak.local(one.starts_at).date() - today).days, 0), DAYS)
    last_moment = one.ends_at - timedelta(microseconds=1)
    last = min((speak.local(last_moment).date() - today).days, DAYS - 1)
    length = max(last - first + 1, 0)
    return first, length, DAYS - first - length


def weeks_of(speak: Speaker) -> list[str]:
    """Return the dates at which the timeline's weeks begin, as shown."""
    today = speak.local(speak.now)
    starts = (today + timedelta(days=days) for days in range(0, DAYS, 7))
    return [f"{one.day:02}/{one.month:02}" for one in starts]
