"""Settings: macros. Everybody keeps their own; who leads keeps what all use."""

from collections.abc import Mapping
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Forbidden, Invalid, NotFound
from inbox.store import people
from inbox.store.people import Person
from inbox.store.setup import named_types
from inbox.store.tags import list_tags
from inbox.store.teams import active_team_names
from inbox.store.wordings import Line, list_prepared, usable_by
from inbox.templating import N_
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.settings_replies import may_change, whose_of, whose_options
from inbox.views.site import HttpRequest, person, read, write
from inbox.views.words import URGENCY_NAMES
from inbox.wording import macros
from inbox.wording.keeping import GONE, Draft, folded
from inbox.wording.macros import DOES, ME, NOBODY
from inbox.wording.values import VARIABLES
from models import Macro
from models.base import columns

ADDRESS = "/settings/macros"
FIELDS = ("name", "whose", "text_vi", "text_en", *DOES)
found = columns(Macro)
Options = list[tuple[str, str]]
FIXED = {
    "owner": ((ME, N_("Whoever runs it")), (NOBODY, N_("Nobody"))),
    "urgency": tuple(URGENCY_NAMES.items()),
    "then": (
        ("done", N_("It is done")),
        ("wait", N_("It waits for the customer")),
        ("snooze", N_("It sleeps")),
    ),
    "until": (
        ("tomorrow", N_("Until the next working day")),
        ("days", N_("For three working days")),
        ("week", N_("For a working week")),
    ),
}


def _mine(who: Person) -> Any:
    shared = found.owner_id.is_(None) if who.sees_all else usable_by(Macro, who)
    return (found.owner_id == who.id) | shared


def _load(session: Session, who: Person, typed: str) -> tuple[list[Line], Mapping[int, str]]:
    lines = list_prepared(session, Macro, _mine(who), folded(typed))
    return lines, people.team_names(session)


@get(ADDRESS, opt={"access": "agent"})
async def show_kept_macros(request: HttpRequest) -> AnyResponse:
    """List what this person can run or change."""
    typed = request.query_params.get("words", "")[:100]
    lines, teams = await read(request, _load, person(request), typed)
    return await page(
        request,
        "settings/macros.html",
        active="settings",
        lines=[
            (one, teams.get(one.team_id or 0, ""), one.owner_id is not None) for one in lines
        ],
        words=typed,
    )


def _one(
    session: Session, who: Person, macro_id: int, spoken: str
) -> tuple[Line | None, Mapping[int, str], dict[str, Options]]:
    teams = active_team_names(session)
    colleagues = people.list_colleagues(session).values()
    types = [one for one in named_types(session).values() if one.is_active]
    options: dict[str, Options] = {
        "request_type": [(one.key, one.name(spoken)) for one in types],
        "tag": [(str(number), name) for number, name in list_tags(session)],
        "team": [(str(number), name) for number, name in teams.items()],
        "owner": [(str(one.id), one.name) for one in colleagues if one.is_active],
    }
    if not macro_id:
        return None, teams, options
    lines = list_prepared(session, Macro, (found.id == macro_id) & _mine(who))
    if not lines:
        raise NotFound(GONE)
    return lines[0], teams, options


def _choices(
    options: dict[str, Options], values: Mapping[str, str], say: Any
) -> dict[str, Options]:
    """Return what each field offers, that it stays as it is among it.

    What was chosen and is gone by now is offered still, so that nothing goes unseen.
    """
    fixed = {name: [(key, say(text)) for key, text in FIXED[name]] for name in FIXED}
    stays, found = [("", say(N_("as it is")))], {}
    for name in {*options, *fixed}:
        found[name] = stays + fixed.get(name, []) + options.get(name, [])
        if values[name] not in dict(found[name]):
            found[name].append((values[name], say(N_("(cannot be chosen any more)"))))
    return found


async def _page(
    request: HttpRequest,
    macro_id: int,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    who, say = person(request), words(request)
    line, teams, options = await read(request, _one, who, macro_id, language(request))
    values = typed or {
        "name": line.name if line else "",
        "whose": whose_of(line) if line else "me",
        **{f"text_{code}": line.texts.get(code, "") if line else "" for code in ("vi", "en")},
        **{name: str(line.does.get(name, "")) if line else "" for name in DOES},
    }
    return await page(
        request,
        "settings/macro.html",
        code=422 if errors else 200,
        active="settings",
        macro_id=macro_id,
        values=values,
        errors=errors or {},
        options=whose_options(who, teams, say),
        choices=_choices(options, values, say),
        can_change=line is None or may_change(line, who),
        variables=[(name, say(text)) for name, text in VARIABLES.items()],
    )


@get(ADDRESS + "/{macro_id:int}", opt={"access": "agent"})
async def show_kept_macro(request: HttpRequest, macro_id: FromPath[int]) -> AnyResponse:
    """Show one (0: a new one) to be changed."""
    return await _page(request, macro_id)


async def _save(request: HttpRequest, macro_id: int | None) -> AnyResponse:
    given = await texts_of(request, FIELDS)
    said = Draft(
        given["name"],
        given["whose"],
        {code: given[f"text_{code}"] for code in ("vi", "en")},
        does={name: given[name] for name in DOES},
    )
    try:
        row = await write(
            request, macros.save, macro_id, said, by=person(request), now=utcnow()
        )
    except (Invalid, Forbidden) as error:
        if isinstance(error, Forbidden) and macro_id:
            raise
        return await _page(request, macro_id or 0, given, spoken_errors(request, error))
    return done(request, f"{ADDRESS}/{row.id}", N_("Saved."))


@post(ADDRESS, opt={"access": "agent", "fields": FIELDS})
async def add_macro(request: HttpRequest) -> AnyResponse:
    """Add a macro."""
    return await _save(request, None)


@post(ADDRESS + "/{macro_id:int}", opt={"access": "agent", "fields": FIELDS})
async def change_macro(request: HttpRequest, macro_id: FromPath[int]) -> AnyResponse:
    """Change one."""
    return await _save(request, macro_id)


@post(ADDRESS + "/{macro_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_macro(request: HttpRequest, macro_id: FromPath[int]) -> AnyResponse:
    """Take one out; what it did stays."""
    await write(request, macros.remove, macro_id, by=person(request), now=utcnow())
    return done(request, ADDRESS, N_("Taken out."))


HANDLERS = (show_kept_macros, show_kept_macro, add_macro, change_macro, remove_macro)
