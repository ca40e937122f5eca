"""Shifts: offered to a colleague, accepted, declined or taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import swaps as service
from inbox.company.shift_words import PAGE
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.company.swaps import NO_COLLEAGUE, WRONG_TIME, Offer, back_of
from inbox.errors import Conflict, Invalid
from inbox.store import people
from inbox.store.duty import list_absences
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.absence_form import moment_of
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.settings_form import done, spoken_errors
from inbox.views.site import HttpRequest, number_of, person, read, reader_zone, write
from inbox.views.words import Speaker
from models import Absence, AwayKind, Swap

ACCESS = "agent"
SHIFT, BACK = ("starts_at", "ends_at"), ("back_starts_at", "back_ends_at")


class Form(Struct):
    """An offer as a browser sends it; the shift for it may be left out."""

    to_id: str = ""
    starts_at: str = ""
    ends_at: str = ""
    back_starts_at: str = ""
    back_ends_at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An offer, or an agreed shift, as shown."""

    id: int
    who: str  # who has the shift
    to: str  # who is to work it
    when: str
    back: str
    note: str
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page loads."""

    offers: list[Swap]
    agreed: list[Absence]
    colleagues: Mapping[int, Colleague]
    partners: set[int]


def _load(session: Session, me: int) -> Shown:
    now = utcnow()
    agreed = [
        one
        for one in list_absences(session, now)
        if one.kind is AwayKind.SWAP and me in (one.agent_id, one.backup_id)
    ]
    return Shown(
        list(service.list_offers(session, now, me)),
        agreed,
        people.list_colleagues(session),
        service.list_partners(session, me),
    )


def offer_line(one: Swap, colleagues: Mapping[int, Colleague], speak: Speaker, me: int) -> Line:
    """Return an offer as shown."""
    back = back_of(one)
    return Line(
        one.id,
        colleagues[one.from_id].name,
        colleagues[one.to_id].name,
        _span(one.starts_at, one.ends_at, speak),
        _span(*back, speak) if back is not None else "",
        one.note,
        one.from_id == me,
    )


def _span(starts: Any, ends: Any, speak: Speaker) -> str:
    return f"{speak.clock(starts)} – {speak.clock(ends)}"


def _agreed_line(
    one: Absence, colleagues: Mapping[int, Colleague], speak: Speaker, me: int
) -> Line:
    return Line(
        one.id,
        colleagues[one.agent_id].name,
        colleagues[one.backup_id or one.agent_id].name,
        _span(one.starts_at, one.ends_at, speak),
        "",
        one.note,
        one.agent_id == me,
    )


@get(PAGE, opt={"access": ACCESS})
async def show_shifts(request: HttpRequest) -> Response[Any]:
    """Show what is offered to and by somebody, and what was agreed."""
    return await _page(request, Form(), {}, 200)


async def _page(
    request: HttpRequest, form: Form, errors: dict[str, str], code: int
) -> Response[str]:
    speak, me = await speaker_for(request), person(request).id
    shown = await read(request, _load, me)
    offers = [offer_line(one, shown.colleagues, speak, me) for one in shown.offers]
    known = shown.colleagues
    partners = sorted((known[one] for one in shown.partners), key=lambda one: one.name)
    return await page(
        request,
        "absences/shifts.html",
        code=code,
        active="me",
        to_me=[one for one in offers if not one.is_mine],
        by_me=[one for one in offers if one.is_mine],
        agreed=[_agreed_line(one, known, speak, me) for one in shown.agreed],
        partners=[("", speak.say(N_("Choose…")))] + [(str(p.id), p.name) for p in partners],
        form=form,
        errors=errors,
    )


def _offer_of(form: Form, zone: ZoneInfo) -> Offer:
    to_id = number_of(form.to_id)
    asks_back = bool(form.back_starts_at or form.back_ends_at)
    wanted = SHIFT + BACK if asks_back else SHIFT
    missing = {name: FILL_IN for name in wanted if not getattr(form, name)}
    if to_id is None:
        missing["to_id"] = NO_COLLEAGUE
    if to_id is None or missing:
        raise Invalid(LOOK_AGAIN, missing)
    times = [moment_of(getattr(form, name), name, zone, WRONG_TIME) for name in wanted]
    back = (times[2], times[3]) if asks_back else None
    return Offer(to_id, (times[0], times[1]), back, form.note[:1000])


@post(PAGE, opt={"access": ACCESS, "fields": fields_of(Form)})
async def offer_shift(request: HttpRequest) -> Response[Any]:
    """Offer a shift to a colleague."""
    form = await read_as(request, Form)
    try:
        wanted = _offer_of(form, await reader_zone(request))
        await write(request, service.offer, wanted, by=person(request), now=utcnow())
    except (Invalid, Conflict) as error:
        return await _page(request, form, spoken_errors(request, error), error.status)
    return done(request, PAGE, N_("It is offered. Nothing changes before it is accepted."))


@post("/me/shifts/{swap_id:int}/acceptance", opt={"access": ACCESS, "fields": ()})
async def accept_shift(request: HttpRequest, swap_id: FromPath[int]) -> Response[Any]:
    """Accept an offer."""
    try:
        await write(request, service.accept, swap_id, by=person(request), now=utcnow())
    except Invalid as error:
        errors = {"": words(request)(error.message)}
        return await _page(request, Form(), errors, error.status)
    return done(request, PAGE, N_("You work this shift. Both of you are told."))


@post("/me/shifts/{swap_id:int}/refusal", opt={"access": ACCESS, "fields": ()})
async def decline_shift(request: HttpRequest, swap_id: FromPath[int]) -> Response[Any]:
    """Decline an offer."""
    await write(request, service.decline, swap_id, by=person(request), now=utcnow())
    return done(request, PAGE, N_("The offer is declined."))


@post("/me/shifts/{swap_id:int}/withdrawal", opt={"access": ACCESS, "fields": ()})
async def withdraw_shift(request: HttpRequest, swap_id: FromPath[int]) -> Response[Any]:
    """Take back an offer."""
    await write(request, service.withdraw, swap_id, by=person(request), now=utcnow())
    return done(request, PAGE, N_("The offer is taken back."))
