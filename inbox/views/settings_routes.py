"""Settings: routes, which send work to a team before its request type does."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import routes as service
from inbox.errors import Conflict, Invalid
from inbox.store.company import list_doors
from inbox.store.routes import Rule, list_rules
from inbox.store.setup import list_types
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.views.formdata import fields_of, read_as
from inbox.views.present import LANGUAGE_NAMES
from inbox.views.render import language, page, words
from inbox.views.settings_form import done, spoken_errors
from inbox.views.site import HttpRequest, number_of, person, read, write

ROUTES = "/settings/routes"
ACCESS = "supervisor"


class Form(Struct):
    """A route as a browser sends it; what is empty is not asked for."""

    name: str = ""
    request_type: str = ""
    product_group: str = ""
    language: str = ""
    inbox_id: str = ""
    department: str = ""
    team_id: str = ""


class Shown(Struct):
    """What the page loads."""

    rules: list[Rule]
    teams: Mapping[int, str]
    types: list[tuple[str, str]]
    doors: list[tuple[int, str]]
    departments: list[str]


def _load(session: Session, spoken: str) -> Shown:
    return Shown(
        list_rules(session),
        active_team_names(session),
        [(one.key, one.name(spoken)) for one in list_types(session)],
        [(one.id, one.name or one.handle) for one in list_doors(session)],
        service.team_departments(session),
    )


@get(ROUTES, opt={"access": ACCESS})
async def show_routes(request: HttpRequest) -> Response[Any]:
    """List the routes in their order, and offer to add one."""
    return await _page(request, Form(), {}, 200)


async def _page(
    request: HttpRequest, form: Form, errors: dict[str, str], code: int
) -> Response[str]:
    shown = await read(request, _load, language(request))
    types, doors = dict(shown.types), dict(shown.doors)
    lines = [
        (
            rule.name,
            [
                part
                for part in (
                    types.get(rule.request_type or "", rule.request_type),
                    rule.product_group,
                    LANGUAGE_NAMES.get(rule.language or ""),
                    doors.get(rule.inbox_id or 0),
                    rule.department,
                )
                if part
            ],
            shown.teams.get(rule.team_id, ""),
        )
        for rule in shown.rules
    ]
    return await page(
        request,
        "settings/routes.html",
        code=code,
        active="settings",
        lines=lines,
        shown=shown,
        languages=list(LANGUAGE_NAMES.items()),
        departments=[("", words(request)("any"))] + [(one, one) for one in shown.departments],
        form=form,
        errors=errors,
    )


@post(ROUTES, opt={"access": ACCESS, "fields": fields_of(Form)})
async def add_route(request: HttpRequest) -> Response[Any]:
    """Add a route."""
    form = await read_as(request, Form)
    rule = Rule(
        number_of(form.team_id) or 0,
        " ".join(form.name.split())[:200],
        form.request_type or None,
        " ".join(form.product_group.split())[:200] or None,
        form.language or None,
        number_of(form.inbox_id) or 0 if form.inbox_id else None,
        form.department or None,
    )
    try:
        await write(request, service.add, rule, by=person(request).id, now=utcnow())
    except (Invalid, Conflict) as error:
        return await _page(request, form, spoken_errors(request, error), error.status)
    return done(request, ROUTES, N_("The route is added."))


@post("/settings/routes/{position:int}/removal", opt={"access": ACCESS, "fields": ()})
async def remove_route(request: HttpRequest, position: FromPath[int]) -> Response[Any]:
    """Take a route out."""
    by = person(request).id
    await write(request, service.remove, position, by=by, now=utcnow())
    return done(request, ROUTES, N_("The route is taken out."))


@post("/settings/routes/{position:int}/up", opt={"access": ACCESS, "fields": ()})
async def move_route(request: HttpRequest, position: FromPath[int]) -> Response[Any]:
    """Let a route be asked before the one above it."""
    by = person(request).id
    await write(request, service.move_up, position, by=by, now=utcnow())
    return done(request, ROUTES, N_("The order is changed."))
