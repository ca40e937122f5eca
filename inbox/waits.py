"""Waiting for somebody until a date: begun, ended, and what comes of it when nobody answers.

A wait always has a date. Which clocks stand still meanwhile is a setting of the company
(``waits`` in its settings), for a request that sleeps must not sleep by accident.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from inbox import conversations, record
from inbox.acknowledgement import House
from inbox.closing import NOT_WAITING
from inbox.errors import Conflict, Invalid
from inbox.queue import CLOCKS
from inbox.rulebook import load_rulebook, promise_of
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import TARGETED, Kind, Wait
from inbox.store.changes import changed, moved
from inbox.store.company import find_company
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened
from models import Conversation, EventKind, Message, Status

WORKING_DAYS = 3
LONGEST = timedelta(days=366)
IN_WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)
WRONG_UNTIL = N_("Choose a time from now on, within a year.")
_ALL = tuple(kind.value for kind in TARGETED)
_ONLY_SOLVED = (Kind.RESOLUTION.value,)


@dataclass(frozen=True, slots=True)
class Rules:
    """How the company waits. ``pauses``: whose clocks stand still, by reason."""

    days: int = WORKING_DAYS  # working days, of a wait and of the time after its follow-up
    closes: bool = False  # after the second time; else it is given back to its owner
    pauses: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            Wait.CUSTOMER.value: _ALL,
            # Whoever waits for an answer of ours does not care whom we wait for.
            Wait.THIRD_PARTY.value: _ONLY_SOLVED,
            Wait.SNOOZED.value: _ONLY_SOLVED,
        }
    )

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Rules":
        """Read them out of the company's settings."""
        plain = cls()
        said = settings.get("waits", {})
        pauses = {key: tuple(kinds) for key, kinds in said.get("pauses", {}).items()}
        return cls(
            said.get("days", plain.days),
            said.get("closes", plain.closes),
            plain.pauses | pauses,
        )


def load_rules(session: Session) -> Rules:
    """Return how the company waits."""
    company = find_company(session)
    return Rules.of(company.settings if company is not None else {})


def working_days_on(calendar: WorkingCalendar, now: datetime, days: int) -> datetime:
    """Return the same time of day so many working days on, or the next opening after it."""
    zone = ZoneInfo(calendar.timezone)
    local = now.astimezone(zone)
    found = local
    for _ in range(days):
        found = found + timedelta(days=1)
        midnight = found.replace(hour=0, minute=0, second=0, microsecond=0)
        opening = calendar.next_opening(midnight)
        if opening is None:
            break
        day = opening.astimezone(zone).date()
        found = found.replace(year=day.year, month=day.month, day=day.day)
    return calendar.next_opening(found) or now + timedelta(days=days)


def usual_end(session: Session, now: datetime) -> datetime:
    """Return until when one waits unless somebody says otherwise."""
    book = load_rulebook(session)
    calendar = book.calendars[book.default_calendar_id]
    return working_days_on(calendar, now, load_rules(session).days)


def wait(
    session: Session,
    conversation: Conversation,
    reason: Wait,
    until: datetime | None = None,
    *,
    by: Person | None,
    now: datetime,
    message: int | None = None,
) -> None:
    """Wait for somebody, or sleep, until a time (the usual one unless it is given).

    ``message`` is the answer that the same click sent: undoing that undoes the wait. A message
    of the customer's ends a wait for the customer and a snooze by itself.

    Raises
    ------
    Invalid
        If the time is past, or more than a year away.
    Conflict
        If the conversation is done.
    """
    if conversation.status not in IN_WORK:
        raise Conflict("It is done. Open it again first.")
    until = usual_end(session, now) if until is None else until
    if not now < until <= now + LONGEST:
        raise Invalid(WRONG_UNTIL, {"until": WRONG_UNTIL})
    status = Status.SNOOZED if reason is Wait.SNOOZED else Status.WAITING
    data = {
        "reason": reason.value,
        "until": until.isoformat(),
        "kinds": list(load_rules(session).pauses[reason.value]),
        **moved({"status": conversation.status.value}, {"status": status.value}),
        **({"message": message} if message is not None else {}),
    }
    actor = by.id if by is not None else None
    values = record.keep(
        session, conversation.id, Happened(EventKind.WAITED, now, data, actor), now=now
    )
    values |= {"status": status, "waiting_until": until, "wait_reason": reason.value}
    values |= {"followed_up_at": None, "order_at": values["next_due_at"] or until}
    changed(session, conversation.id, CLOCKS, **values)


def resume(
    session: Session,
    conversation: Conversation,
    *,
    by: Person | None,
    now: datetime,
    at: datetime | None = None,
) -> None:
    """End a wait; the clocks run on from now, or from when it was to end (``at``).

    Raises
    ------
    Conflict
        If it waits for nothing.
    """
    if not conversation.wait_reason or conversation.status not in IN_WORK:
        raise Conflict("It waits for nothing.")
    data = moved({"status": conversation.status.value}, {"status": Status.OPEN.value})
    actor = by.id if by is not None else None
    over = Happened(EventKind.RESUMED, at or now, data, actor)
    values = record.keep(session, conversation.id, over, now=now)
    if not record.has_live(session, conversation.id):  # somebody has to do something
        owed = Happened(EventKind.REOPENED, now, {"owed": True}, actor)
        promise = promise_of(session, load_rulebook(session), conversation)
        values = record.keep(session, conversation.id, owed, now=now, promise=promise, kinds=())
    values |= {"status": Status.OPEN, **NOT_WAITING}
    changed(session, conversation.id, CLOCKS, **values)


def reply_and_wait(
    session: Session,
    conversation: Conversation,
    *,
    text: str,
    house: House,
    by: Person,
    now: datetime,
    seen: int | None = None,
    key: str | None = None,
    **more: Any,
) -> Message:
    """Answer, and wait for the customer until the usual time, in one transaction.

    ``more`` is what goes with an answer (``conversations.reply``).
    """
    before = conversation.last_message_id
    said = conversations.reply(
        session, conversation, text, house, by=by, now=now, seen=seen, key=key, **more
    )
    if conversation.last_message_id != before:  # not the same click again
        wait(session, conversation, Wait.CUSTOMER, by=by, now=now, message=said.id)
    return said
