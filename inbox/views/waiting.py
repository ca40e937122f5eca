"""Waiting, sleeping, and going on: what a person does to time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox import waits
from inbox.clock import read_time
from inbox.conversations import NewerMessage, check_seen
from inbox.errors import Invalid
from inbox.rulebook import load_rulebook
from inbox.sla.history import Wait
from inbox.store.company import find_company
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views import actions, stale
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of
from models import Conversation

SOON = {"tomorrow": 1, "days": 3, "week": 5}  # working days
FOR = {"customer": Wait.CUSTOMER, "third_party": Wait.THIRD_PARTY}


def _until(session: Session, text: str, who: Person, now: datetime) -> datetime | None:
    """Read a preset, or a time of their day; None is the usual one."""
    if not text:
        return None
    if text in SOON:
        book = load_rulebook(session)
        calendar = book.calendars[book.default_calendar_id]
        return waits.working_days_on(calendar, now, SOON[text])
    return local_time(session, text, "until", who)


def local_time(session: Session, text: str, field: str, who: Person) -> datetime:
    """Read a time of somebody's day, as a form's ``field`` has it.

    Raises
    ------
    Invalid
        If it is none.
    """
    company = find_company(session)
    zone = ZoneInfo(who.time_zone or (company.time_zone if company is not None else "UTC"))
    try:
        found = read_time(text)
    except ValueError as error:
        raise Invalid(waits.WRONG_UNTIL, {field: waits.WRONG_UNTIL}) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def put_to_wait(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    reason: Wait,
    until: str,
    seen: int | None = None,
) -> None:
    """Let it wait or sleep until a preset or a time, as a form has it; "" is the usual one.

    ``seen`` is the last message that was read, None asks for no check.
    """
    check_seen(session, conversation, seen, now)
    end = _until(session, until, by, now)
    if end is None and reason is Wait.SNOOZED:
        raise Invalid(waits.WRONG_UNTIL, {"until": waits.WRONG_UNTIL})
    waits.wait(session, conversation, reason, end, by=by, now=now)


async def _put(request: HttpRequest, number: int, reason: Wait, until: str) -> None:
    seen = number_of((await form_fields(request)).get("seen", ""))
    said = {"reason": reason, "until": until, "seen": seen}
    try:
        await actions.act(request, number, put_to_wait, **said)
    except NewerMessage as error:
        raise stale.wrote(request, error) from error


@post(
    "/inbox/{number:int}/wait",
    opt={"access": "agent", "fields": ("reason", "until", "seen", "next")},
)
async def wait(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Wait for the customer, or for somebody else, until a time."""
    fields = await form_fields(request)
    reason = FOR.get(fields.get("reason", "customer"))
    if reason is None:
        raise Invalid("Say whom it waits for.")
    await _put(request, number, reason, fields.get("until", ""))
    return await actions.answered(request, number, N_("It waits now."))


@post(
    "/inbox/{number:int}/snooze",
    opt={"access": "agent", "fields": ("until", "at", "seen", "next")},
)
async def snooze(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Let it sleep until a time; what the customer writes wakes it."""
    fields = await form_fields(request)
    until = fields.get("until", "") or fields.get("at", "")
    await _put(request, number, Wait.SNOOZED, until)
    return await actions.answered(request, number, N_("It sleeps until then."))


@post("/inbox/{number:int}/wait/undo", opt={"access": "agent", "fields": ("next",)})
async def resume(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Stop waiting, and go on with it."""
    await actions.act(request, number, waits.resume)
    return await actions.answered(request, number, N_("It goes on."))
