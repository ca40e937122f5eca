"""Rehearsals: the last days played again under a draft, and what they would have been."""

from collections.abc import Mapping
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import policies, rehearsals
from inbox.company.policies import TIMES
from inbox.company.rehearsals import USUAL_DAYS
from inbox.errors import Invalid
from inbox.store.people import team_names
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_policies import load_choices, read_time
from inbox.views.present_rehearsals import present_draft, present_figures
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write

REHEARSALS = "/settings/rehearsals"
MOST_RULES = 4
ROWS = range(MOST_RULES)
ROUTES = range(3)
FIELDS = (
    *("days", "from_calendar", "to_calendar"),
    *(f"rule_{n}" for n in ROWS),
    *(f"hours_{n}" for n in ROWS),
    *(f"{name}_{n}" for n in ROWS for name in TIMES),
    *(f"{name}_unit_{n}" for n in ROWS for name in TIMES),
    *(f"{name}_{n}" for n in ROUTES for name in ("route", "team")),
)


@get(REHEARSALS, opt={"access": "supervisor"})
async def show_rehearsals(request: HttpRequest) -> AnyResponse:
    """Show the form of a draft, and the rehearsals there were."""
    return await _form(request, {}, {}, 200)


async def _form(
    request: HttpRequest, typed: Mapping[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    say, spoken = words(request), language(request)
    listed = await read(request, policies.list_policies)
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/rehearsals.html",
        code=code,
        active="settings",
        choices=await read(request, load_choices, say, spoken),
        rules=[(str(one.rule.id), one.rule.name) for one in listed if one.rule.is_active],
        rows=ROWS,
        routes=ROUTES,
        teams=[(str(key), name) for key, name in (await read(request, team_names)).items()],
        typed={name: typed.get(name, "") for name in FIELDS} | {"days": _days(typed)},
        errors=errors,
        found=[
            (one.id, speak.clock(one.created_at), one.finished_at is not None, one.total)
            for one in await read(request, rehearsals.list_rehearsals)
        ],
    )


def _days(typed: Mapping[str, str]) -> str:
    return typed.get("days") or str(USUAL_DAYS)


@post(REHEARSALS, opt={"access": "supervisor", "fields": FIELDS})
async def begin_rehearsal(request: HttpRequest) -> AnyResponse:
    """Ask the worker to play the last days again; nothing is sent, nothing is changed."""
    fields = await texts_of(request, FIELDS)
    by = person(request).id
    try:
        made = await write(request, _begin, fields, by)
    except Invalid as error:
        return await _form(request, fields, spoken_errors(request, error), error.status)
    return done(request, f"{REHEARSALS}/{made}", N_("The rehearsal begins."))


def _begin(session: Session, fields: Mapping[str, str], by: int) -> int:
    draft = _read_draft(fields)
    return rehearsals.begin(session, draft, by=by, now=utcnow()).id


def _read_draft(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed; a time or hours left empty stay as the rule has them."""
    rules: dict[str, dict[str, Any]] = {}
    for n in ROWS:
        if not fields[f"rule_{n}"]:
            continue
        values: dict[str, Any] = {
            name: seconds
            for name in TIMES
            if (seconds := read_time(fields[f"{name}_{n}"], fields[f"{name}_unit_{n}"] or "h"))
            is not None
        }
        if fields[f"hours_{n}"]:
            values["calendar_id"] = number_of(fields[f"hours_{n}"]) or 0
        if values:
            rules[str(number_of(fields[f"rule_{n}"]) or 0)] = values
    swap: dict[str, int] = {}
    if fields["from_calendar"] and fields["to_calendar"]:
        swap[str(number_of(fields["from_calendar"]) or 0)] = (
            number_of(fields["to_calendar"]) or 0
        )
    routes = {
        fields[f"route_{n}"]: number_of(fields[f"team_{n}"]) or 0
        for n in ROUTES
        if fields[f"route_{n}"] and fields[f"team_{n}"]
    }
    days = number_of(fields["days"] or "0")
    return {"days": days, "rules": rules, "calendars": swap, "routes": routes}


@get("/settings/rehearsals/{rehearsal_id:int}", opt={"access": "supervisor"})
async def show_rehearsal(request: HttpRequest, rehearsal_id: FromPath[int]) -> AnyResponse:
    """Show how far a rehearsal is, and what it found."""
    say, spoken = words(request), language(request)
    found = await read(request, rehearsals.get_rehearsal, rehearsal_id)
    choices = await read(request, load_choices, say, spoken)
    rules = {
        str(one.rule.id): one.rule.name for one in await read(request, policies.list_policies)
    }
    speak = await speaker_for(request)
    teams = await read(request, team_names)
    figures = found.result if found.finished_at is not None and not found.error else None
    return await page(
        request,
        "settings/rehearsal.html",
        active="settings",
        found=found,
        made_at=speak.clock(found.created_at),
        error=say(found.error) if found.error else "",
        draft=present_draft(found.draft, rules, choices, teams, say),
        figures=present_figures(figures, choices, teams, speak) if figures else None,
    )
