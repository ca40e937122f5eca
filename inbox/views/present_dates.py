"""Milestones and reminders as pages show them: of an account, of a request, of a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from inbox.store.dates import (
    MilestoneRow,
    Place,
    ReminderRow,
    list_milestones_at,
    list_milestones_of,
    list_reminders_at,
    list_reminders_of,
)
from inbox.store.hanging import Hanging
from inbox.store.people import Colleague, Person
from inbox.templating import N_
from inbox.views.models import DateItem, Dates, Sla
from inbox.views.words import Speaker
from models import MilestoneState

STATES = {
    MilestoneState.REACHED: N_("reached %(time)s"),
    MilestoneState.DROPPED: N_("dropped %(time)s"),
}
IF_SILENT = N_("If no answer comes")
ANSWERED = N_("an answer has come")


@dataclass(frozen=True, slots=True)
class DateRows:
    """The dates of one place or person, as rows."""

    place: Place
    milestones: Sequence[MilestoneRow]
    reminders: Sequence[ReminderRow]


NO_DATES = DateRows(Place(), (), ())


def dates_of(
    session: Session, *, account_id: int | None = None, conversation_id: int | None = None
) -> DateRows:
    """Load the dates of an account or of one conversation, in two questions."""
    place = Place(account_id, conversation_id)
    return DateRows(
        place, list_milestones_at(session, place), list_reminders_at(session, place)
    )


def dates_of_conversation(session: Session, number: int, there: Hanging) -> DateRows:
    """Load the dates of a conversation, as far as it has any."""
    place = Place(None, number)
    return DateRows(
        place,
        list_milestones_at(session, place) if there.milestones else (),
        list_reminders_at(session, place) if there.reminders else (),
    )


def end_of_day(speak: Speaker) -> datetime:
    """Return when the company's day ends."""
    tomorrow = speak.local(speak.now) + timedelta(days=1)
    return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0)


def dates_of_person(session: Session, who: Person, until: datetime | None = None) -> DateRows:
    """Load what somebody has to reach, and wants to be reminded of."""
    return DateRows(
        Place(),
        list_milestones_of(session, who.id, until),
        list_reminders_of(session, who.id, until),
    )


def present_dates(
    found: DateRows, speak: Speaker, colleagues: Mapping[int, Colleague], who: Person
) -> Dates:
    """Return dates in the order in which they are due; what is over comes last."""
    inside = found.place != Place()
    items = [
        *(_milestone(one, speak, colleagues, who, inside) for one in found.milestones),
        *(_reminder(one, speak, colleagues, who, inside) for one in found.reminders),
    ]
    due = {("milestone", one.id): one.due_at for one in found.milestones}
    due |= {("reminder", one.id): one.due_at for one in found.reminders}
    items.sort(key=lambda one: (not one.is_open, due[one.kind, one.id]))
    number, account_id = found.place.conversation_id, found.place.account_id
    path = f"/inbox/{number}" if number is not None else f"/accounts/{account_id}"
    return Dates(path, f"{path}/dates", items) if inside else Dates("/dates", "", items)


def _milestone(
    row: MilestoneRow,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    who: Person,
    inside: bool,
) -> DateItem:
    is_open = row.state is MilestoneState.PLANNED
    state = ""
    if not is_open and row.ended_at is not None:
        state = speak.say(STATES[row.state]) % {"time": speak.clock(row.ended_at)}
    return DateItem(
        kind="milestone",
        id=row.id,
        title=row.title,
        due=_until(row.due_at, speak) if is_open else Sla("none", ""),
        state=state,
        who=_name(row.owner_id, colleagues, speak, who),
        about="" if inside else _about(row),
        href=_href(row),
        is_public=row.is_public,
        is_open=is_open,
        may_change=True,  # whoever sees it here; the service knows who may not
    )


def _reminder(
    row: ReminderRow,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    who: Person,
    inside: bool,
) -> DateItem:
    wrote = row.if_silent and row.wrote_at is not None and row.wrote_at > row.created_at
    title = row.text or speak.say(IF_SILENT if row.if_silent else N_("Reminder"))
    return DateItem(
        kind="reminder",
        id=row.id,
        title=title,
        due=_until(row.due_at, speak),
        state=speak.say(ANSWERED) if wrote else "",
        who=_name(row.agent_id, colleagues, speak, who),
        about="" if inside else _about(row),
        href=_href(row),
        is_public=False,
        is_open=True,
        may_change=who.id in (row.agent_id, row.made_by_id),
    )


def _until(at: datetime, speak: Speaker) -> Sla:
    """Say a date as deadlines are said, but by its day while it is far away."""
    if at - speak.now > timedelta(days=6):
        return Sla("ok", speak.date(at), at.isoformat())
    return speak.until(at)


def _about(row: MilestoneRow | ReminderRow) -> str:
    if row.conversation_id is None:
        return row.account or ""
    said = (row.contact or "", f"#{row.conversation_id} {row.subject or ''}".strip())
    return " · ".join(part for part in said if part)


def _href(row: MilestoneRow | ReminderRow) -> str:
    if row.conversation_id is not None:
        return f"/inbox/{row.conversation_id}"
    return f"/accounts/{row.account_id}"


def _name(
    agent_id: int | None, colleagues: Mapping[int, Colleague], speak: Speaker, who: Person
) -> str:
    if agent_id == who.id:
        return speak.say(N_("You"))
    found = colleagues.get(agent_id or 0)
    return found.name if found is not None else speak.say(N_("no owner"))
