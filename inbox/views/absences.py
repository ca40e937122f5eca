"""Absences: one's own, and for supervisors everybody's with the weeks ahead."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from inbox.clock import utcnow
from inbox.company import absences as service
from inbox.company import covering
from inbox.errors import Invalid
from inbox.templating import N_
from inbox.views.absence_form import (
    Form,
    Refused,
    empty_form,
    empty_hours_form,
    lines_of,
    load_all,
    load_shown,
    plan_of,
    weeks_of,
)
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.settings_form import spoken_errors
from inbox.views.shifts import offer_line
from inbox.views.site import HttpRequest, number_of, person, read, reader_zone, site, write
from inbox.views.words import Speaker

ALL, OWN = "/settings/absences", "/me/absences"
ENTERED = N_("The absence is entered.")
ENTERED_HOURS = N_("It is entered. Both of you are told.")
AGENT, SUPERVISOR = "agent", "supervisor"


class From(Struct):
    """Where a click came from: ``all`` or ``own``."""

    back: str = ""


class Change(Form):
    """The form of an absence that is there already."""

    back: str = ""


def _back(text: str) -> str:
    return ALL if text == "all" else OWN


@get(ALL, opt={"access": SUPERVISOR})
async def show_absences(request: HttpRequest) -> Response[Any]:
    """Show who is away or will be, and offer to enter an absence for anybody."""
    return await _page_of_all(request, None, {}, 200)


async def _page_of_all(
    request: HttpRequest,
    typed: Form | None,
    errors: dict[str, str],
    code: int,
    refused: Refused | None = None,
) -> Response[str]:
    speak = await speaker_for(request)
    shown = await read(request, load_all, speak.now)
    active = sorted(
        (one for one in shown.colleagues.values() if one.is_active), key=lambda one: one.name
    )
    away = {one.agent_id for one in shown.absences if one.starts_at <= speak.now}
    return await page(
        request,
        "settings/absences.html",
        code=code,
        active="settings",
        lines=lines_of(shown, speak, refused),
        weeks=weeks_of(speak),
        offers=[offer_line(one, shown.colleagues, speak, 0) for one in shown.offers],
        gaps=[(speak.date(day), team) for day, team in shown.gaps],
        people=active,
        covered=[
            (one.id, one.name, shown.covered[one.id])
            for one in active
            if shown.covered.get(one.id) and one.id not in away
        ],
        **_forms(typed, errors, None, speak),
    )


def _forms(
    typed: Form | None, errors: dict[str, str], who: int | None, speak: Speaker
) -> dict[str, Any]:
    """Return both forms of a page, the one that was sent as it was typed, with its mistakes."""
    over = typed is not None and typed.is_taken_over
    return {
        "form": typed if typed and not over else empty_form(who, speak),
        "hours_form": typed if typed and over else empty_hours_form(who, speak),
        "errors": {} if over else errors,
        "hours_errors": errors if over else {},
    }


@get(OWN, opt={"access": AGENT})
async def show_own(request: HttpRequest) -> Response[Any]:
    """Show one's own absences and what colleagues cover."""
    return await _page_of_own(request, None, {}, 200)


async def _page_of_own(
    request: HttpRequest,
    typed: Form | None,
    errors: dict[str, str],
    code: int,
    refused: Refused | None = None,
) -> Response[str]:
    speak, me = await speaker_for(request), person(request).id
    shown = await read(request, load_shown, speak.now, me)
    others = [one for one in shown.colleagues.values() if one.is_active and one.id != me]
    own = shown.colleagues[me]
    backup = shown.colleagues.get(own.backup_id or 0)
    return await page(
        request,
        "absences/own.html",
        code=code,
        lines=lines_of(shown, speak, refused),
        people=sorted(others, key=lambda one: one.name),
        backup=backup.name if backup is not None else "",
        covered=shown.covered.get(me, 0),
        is_away=any(one.starts_at <= speak.now for one in shown.absences),
        **_forms(typed, errors, me, speak),
    )


@post(ALL, opt={"access": SUPERVISOR, "fields": fields_of(Form)})
async def enter(request: HttpRequest) -> Response[Any]:
    """Enter an absence of anybody."""
    form = await read_as(request, Form)
    try:
        plan = plan_of(form, await reader_zone(request))
        who = number_of(form.agent_id)
        if who is None:
            sentence = N_("Choose somebody who works here.")
            raise Invalid(sentence, {"agent_id": sentence})
        await write(request, service.enter, who, plan, by=person(request), now=utcnow())
    except Invalid as error:
        return await _page_of_all(request, form, spoken_errors(request, error), 422)
    said = ENTERED_HOURS if form.is_taken_over else ENTERED
    return flash(request, Redirect(ALL, status_code=303), said)


@post(OWN, opt={"access": AGENT, "fields": fields_of(Form)})
async def enter_own(request: HttpRequest) -> Response[Any]:
    """Enter an absence of one's own."""
    form = await read_as(request, Form)
    by = person(request)
    try:
        plan = plan_of(form, await reader_zone(request))
        await write(request, service.enter, by.id, plan, by=by, now=utcnow())
    except Invalid as error:
        return await _page_of_own(request, form, spoken_errors(request, error), 422)
    said = ENTERED_HOURS if form.is_taken_over else ENTERED
    return flash(request, Redirect(OWN, status_code=303), said)


@post("/absences/{absence_id:int}", opt={"access": AGENT, "fields": fields_of(Change)})
async def change(request: HttpRequest, absence_id: FromPath[int]) -> Response[Any]:
    """Extend, shorten or otherwise change an absence."""
    form = await read_as(request, Change)
    by = person(request)
    done = Redirect(_back(form.back), status_code=303)
    try:
        plan = plan_of(form, await reader_zone(request))
        await write(request, service.change, absence_id, plan, by=by, now=utcnow())
    except Invalid as error:
        return await _refused(request, absence_id, form, error)
    return flash(request, done, N_("The absence is changed."))


async def _refused(
    request: HttpRequest, absence_id: int, form: Change, error: Invalid
) -> Response[str]:
    """Say what is wrong above the list, and in the line that was meant, open and as typed."""
    errors = {"": words(request)(error.message)}
    refused = Refused(absence_id, form, spoken_errors(request, error))
    if form.back == "all" and person(request).sees_all:
        return await _page_of_all(request, None, errors, error.status, refused)
    return await _page_of_own(request, None, errors, error.status, refused)


@post("/absences/{absence_id:int}/end", opt={"access": AGENT, "fields": fields_of(From)})
async def end(request: HttpRequest, absence_id: FromPath[int]) -> Response[Any]:
    """End an absence now, or take back one that has not begun."""
    form = await read_as(request, From)
    by = person(request)
    began = await write(request, service.end, absence_id, by=by, now=utcnow())
    sentence = N_("The absence is over.") if began else N_("The absence is taken back.")
    return flash(request, Redirect(_back(form.back), status_code=303), sentence)


@post("/me/covered", opt={"access": AGENT, "fields": ()})
async def take_back(request: HttpRequest) -> Response[Any]:
    """Take back everything unfinished that colleagues cover."""
    me = person(request).id
    count = await covering.take_back(site(request).database, me, by=me)
    done = Redirect(OWN, status_code=303)
    return flash(request, done, N_("%(count)s requests are yours again."), count=count)


@post("/settings/absences/{agent_id:int}/return", opt={"access": SUPERVISOR, "fields": ()})
async def give_back(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Give somebody back what colleagues cover for them."""
    by = person(request).id
    count = await covering.take_back(site(request).database, agent_id, by=by)
    done = Redirect(ALL, status_code=303)
    return flash(request, done, N_("%(count)s requests went back."), count=count)
