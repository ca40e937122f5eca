"""What a message says besides its topic, as people see and undo it: spam, thanks, proposals."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.later import rereading, spam, thanks
from inbox.later.spam import Habit
from inbox.store import apart, people, setup
from inbox.store.conversations import Listed
from inbox.store.people import Colleague, Person
from inbox.store.products import list_names
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views import actions
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.present_list import present_row
from inbox.views.render import page, wants_partial
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.views.words import Speaker
from models import Role

APART = "/apart"
PRODUCTS = "/products"
SETTINGS = "/settings/spam"
DAYS = 14
MOST_BEFORE = 5000


@post("/inbox/{number:int}/thanks/undo", opt={"access": "agent", "fields": ("next",)})
async def undo_thanks(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say that the last message wants an answer; its clock runs from its arrival."""
    await actions.act(request, number, thanks.undo)
    sentence = N_("It waits for an answer now, counted from when it came.")
    return await actions.answered(request, number, sentence)


@post("/inbox/{number:int}/spam", opt={"access": "agent", "fields": ("next",)})
async def mark_spam(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Set it apart as spam."""
    await actions.act(request, number, spam.mark)
    return await _anew(request, number, N_("Set apart as spam."))


@post("/inbox/{number:int}/spam/undo", opt={"access": "agent", "fields": ("next",)})
async def restore(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Bring it back, with its clocks from its arrival."""
    await actions.act(request, number, spam.restore, "rulebook", "house")
    sentence = N_("It is back, with its time from when it came.")
    return await _anew(request, number, sentence)


async def _anew(request: HttpRequest, number: int, sentence: str) -> Response[Any]:
    """Answer with the whole page again: whether one can reply has changed."""
    if not wants_partial(request):
        return await actions.answered(request, number, sentence)
    headers = {"HX-Refresh": "true"}
    again = Response("", status_code=200, headers=headers, media_type="text/html")
    return flash(request, again, sentence)


@post("/inbox/{number:int}/proposal", opt={"access": "agent", "fields": ("next",)})
async def accept(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Take the topic that a later message reads as."""
    await actions.act(request, number, rereading.accept, "rulebook", "house")
    return await actions.answered(request, number, N_("The topic is changed."))


@post("/inbox/{number:int}/proposal/dismissal", opt={"access": "agent", "fields": ("next",)})
async def dismiss(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Leave the topic as it is."""
    await actions.act(request, number, rereading.dismiss, "rulebook")
    return await actions.answered(request, number, N_("The topic stays."))


class Shown(Struct):
    """The page as rows."""

    rows: list[Listed]
    types: Mapping[str, Type]
    colleagues: Mapping[int, Colleague]
    days: list[tuple[int, int]]


def _starts(speak: Speaker) -> list[datetime]:
    """Return when each of the last days began, and when today ends, in the company's zone."""
    here = speak.local(speak.now).replace(hour=0, minute=0, second=0, microsecond=0)
    return [here - timedelta(days=back) for back in range(DAYS - 1, -2, -1)]


def _load(
    session: Session, who: Person, kind: str, before: int, starts: list[datetime]
) -> Shown:
    find = apart.list_thanks if kind == "thanks" else apart.list_spam
    return Shown(
        find(session, who, before),
        setup.named_types(session),
        people.list_colleagues(session),
        apart.count_days(session, starts) if who.sees_all and kind == "spam" else [],
    )


@get(APART, opt={"access": "agent"})
async def show_apart(request: HttpRequest) -> AnyResponse:
    """Show what was set apart: likely spam, or (``kind=thanks``) what only thanked."""
    who, speak = person(request), await speaker_for(request)
    kind = "thanks" if request.query_params.get("kind") == "thanks" else "spam"
    before = number_of(request.query_params.get("before", ""), most=MOST_BEFORE) or 0
    starts = _starts(speak)
    found = await read(request, _load, who, kind, before, starts)
    rows = [
        present_row(row, speak, found.types, found.colleagues, me=who.id) for row in found.rows
    ]
    days = [
        (speak.date(start), count, back)
        for start, (count, back) in zip(starts, found.days, strict=False)
    ]
    return await page(
        request,
        "inbox/apart.html",
        active="waiting",
        kind=kind,
        rows=rows,
        days=days[::-1],
        more=before + len(rows) if len(rows) == apart.PAGE else 0,
        before=before,
        supervises=who.role is not Role.AGENT,
    )


def _load_product(
    session: Session, who: Person, group: str, before: int
) -> tuple[list[str], Shown]:
    rows = apart.list_product(session, who, group, before) if group else []
    shown = Shown(rows, setup.named_types(session), people.list_colleagues(session), [])
    return list_names(session), shown


@get(PRODUCTS, opt={"access": "agent"})
async def show_products(request: HttpRequest) -> AnyResponse:
    """List the open requests about one product group (``name``), nearest deadline first."""
    who, speak = person(request), await speaker_for(request)
    group = request.query_params.get("name", "").replace("\0", "")[:60]
    before = number_of(request.query_params.get("before", ""), most=MOST_BEFORE) or 0
    names, found = await read(request, _load_product, who, group, before)
    rows = [
        present_row(row, speak, found.types, found.colleagues, me=who.id) for row in found.rows
    ]
    return await page(
        request,
        "inbox/products.html",
        active="inbox",
        names=names,
        group=group,
        rows=rows,
        more=before + len(rows) if len(rows) == apart.PAGE else 0,
        before=before,
    )


@get(SETTINGS, opt={"access": "supervisor"})
async def show_habit(request: HttpRequest) -> AnyResponse:
    """Show what becomes of likely spam."""
    habit = await read(request, spam.load_habit)
    return await _habit_page(request, habit.is_on, str(round(100 * habit.least)), {}, 200)


async def _habit_page(
    request: HttpRequest, is_on: bool, least: str, errors: dict[str, str], code: int
) -> AnyResponse:
    return await page(
        request,
        "settings/spam.html",
        code=code,
        active="settings",
        is_on=is_on,
        least=least,
        errors=errors,
    )


@post(SETTINGS, opt={"access": "supervisor", "fields": ("is_on", "least")})
async def change_habit(request: HttpRequest) -> AnyResponse:
    """Say whether likely spam is set apart, and from which likelihood on."""
    fields = await texts_of(request, ("is_on", "least"))
    is_on, percent = bool(fields["is_on"]), number_of(fields["least"]) or 0
    habit = Habit(is_on, percent / 100)
    try:
        by = person(request).id
        await write(request, spam.change_habit, habit, by=by, now=utcnow())
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _habit_page(request, is_on, fields["least"], wrong, error.status)
    return done(request, SETTINGS, N_("Saved."))
