"""Settings: the kinds of request. Added, renamed, merged, switched off, without ghosts."""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid, NotFound
from inbox.learning import types as service
from inbox.learning.types import Draft
from inbox.store.learning import GENERAL, list_heirs
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.views.render import language, page
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from models import RequestType

TYPES = "/settings/types"
FIELDS = ("name_vi", "name_en", "team_id")


@dataclass(frozen=True, slots=True)
class Shown:
    """The pages as rows."""

    types: list[RequestType]
    heirs: dict[str, str]
    teams: Mapping[int, str]


def _load(session: Session) -> Shown:
    return Shown(service.list_all(session), list_heirs(session), active_team_names(session))


def _draft(fields: dict[str, str]) -> Draft:
    return Draft(fields["name_vi"], fields["name_en"], number_of(fields["team_id"]))


@get(TYPES, opt={"access": "supervisor"})
async def show_types(request: HttpRequest) -> AnyResponse:
    """List the types in use and those that were."""
    return await _list(request, dict.fromkeys(FIELDS, ""), {}, 200)


async def _list(
    request: HttpRequest, typed: dict[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    found, spoken = await read(request, _load), language(request)
    names = {one.key: _name(one, spoken) for one in found.types}
    return await page(
        request,
        "settings/types.html",
        code=code,
        active="settings",
        rows=[
            (
                one.key,
                names[one.key],
                found.teams.get(one.team_id or 0, ""),
                one.is_active,
                names.get(found.heirs.get(one.key, ""), ""),
            )
            for one in found.types
        ],
        teams=_teams(found),
        typed=typed,
        errors=errors,
    )


def _name(one: RequestType, spoken: str) -> str:
    return one.name_vi if spoken == "vi" else one.name_en


def _teams(found: Shown) -> list[tuple[str, str]]:
    return [("", "–"), *((str(key), name) for key, name in found.teams.items())]


@post(TYPES, opt={"access": "supervisor", "fields": FIELDS})
async def add_type(request: HttpRequest) -> AnyResponse:
    """Add a type."""
    fields = await texts_of(request, FIELDS)
    try:
        await write(
            request, service.add_type, _draft(fields), by=person(request).id, now=utcnow()
        )
    except Invalid as error:
        return await _list(request, fields, spoken_errors(request, error), error.status)
    said = N_("Added. It has the times of the last topic until you give it its own.")
    return done(request, TYPES, said)


@get(TYPES + "/{type_key:str}", opt={"access": "supervisor"})
async def show_type(request: HttpRequest, type_key: FromPath[str]) -> AnyResponse:
    """Show one type."""
    return await _one(request, type_key, None, {}, 200)


async def _one(
    request: HttpRequest,
    key: str,
    typed: dict[str, str] | None,
    errors: dict[str, str],
    code: int,
) -> AnyResponse:
    found, spoken = await read(request, _load), language(request)
    one = next((row for row in found.types if row.key == key), None)
    if one is None:
        raise NotFound("There is no such topic.")
    kept = {"name_vi": one.name_vi, "name_en": one.name_en, "team_id": str(one.team_id or "")}
    others = [
        (row.key, _name(row, spoken)) for row in found.types if row.is_active and row.key != key
    ]
    return await page(
        request,
        "settings/type.html",
        code=code,
        active="settings",
        key=key,
        name=_name(one, spoken),
        is_active=one.is_active,
        stays=key == GENERAL,
        typed=typed or kept,
        teams=_teams(found),
        others=others,
        errors=errors,
    )


@post(TYPES + "/{type_key:str}", opt={"access": "supervisor", "fields": FIELDS})
async def save_type(request: HttpRequest, type_key: FromPath[str]) -> AnyResponse:
    """Change a type's names or team."""
    fields = await texts_of(request, FIELDS)
    by = person(request).id
    try:
        await write(request, service.rename, type_key, _draft(fields), by=by, now=utcnow())
    except Invalid as error:
        return await _one(
            request, type_key, fields, spoken_errors(request, error), error.status
        )
    return done(request, TYPES, N_("Saved."))


@post(TYPES + "/{type_key:str}/merger", opt={"access": "supervisor", "fields": ("into",)})
async def merge_type(request: HttpRequest, type_key: FromPath[str]) -> AnyResponse:
    """Let another type have its messages, and what was learned of it."""
    into = (await texts_of(request, ("into",)))["into"]
    by = person(request).id
    try:
        await write(request, service.merge, type_key, into, by=by, now=utcnow())
    except Conflict as error:
        return await _one(request, type_key, None, spoken_errors(request, error), error.status)
    return done(request, TYPES, N_("Merged. Open requests follow within a minute."))


@post(TYPES + "/{type_key:str}/state", opt={"access": "supervisor", "fields": ("on",)})
async def switch_type(request: HttpRequest, type_key: FromPath[str]) -> AnyResponse:
    """Take a type out of use, or back."""
    on = bool((await texts_of(request, ("on",)))["on"])
    by = person(request).id
    try:
        await write(request, service.switch, type_key, on=on, by=by, now=utcnow())
    except Conflict as error:
        return await _one(request, type_key, None, spoken_errors(request, error), error.status)
    return done(request, TYPES, N_("Saved."))


HANDLERS = (
    show_types,
    add_type,
    show_type,
    save_type,
    merge_type,
    switch_type,
)
