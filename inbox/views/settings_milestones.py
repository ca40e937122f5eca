"""Settings: milestones that come again, and for how long a customer may hear nothing."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.accounts import silence
from inbox.accounts.silence import USUAL, WRONG_DAYS
from inbox.clock import utcnow
from inbox.dates import templates
from inbox.dates.milestones import WARN_DAYS
from inbox.dates.milestones import WRONG_DAYS as WRONG_WARNING
from inbox.dates.templates import WRONG_LENGTH, WRONG_MONTHS, Template
from inbox.errors import Invalid
from inbox.store import people
from inbox.store.dates import list_templates
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, write
from models import AccountKind

ADDRESS = "/settings/milestones"
FIELDS = ("title", "days", "every_months", "warn_days", "account_kind", "public", "active")
SILENCE = tuple(f"silence_{value.value}" for value in USUAL)
KIND_NAMES = (
    ("", N_("every customer")),
    (AccountKind.COMPANY.value, N_("companies")),
    (AccountKind.PERSON.value, N_("persons")),
)
NEW = {
    **dict.fromkeys(FIELDS, ""),
    **{"days": "30", "every_months": "0", "warn_days": str(WARN_DAYS), "active": "1"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """A template with its fields as a form has them."""

    id: int
    values: dict[str, str]


def _load(session: Session) -> tuple[list[Line], dict[str, str]]:
    lines = [
        Line(
            one.id,
            {
                "title": one.title,
                "days": str(one.days),
                "every_months": str(one.every_months),
                "warn_days": str(one.warn_days),
                "account_kind": one.account_kind.value if one.account_kind else "",
                "public": "1" if one.is_public else "",
                "active": "1" if one.is_active else "",
            },
        )
        for one in list_templates(session)
    ]
    days = silence.load_days(session)
    return lines, {f"silence_{value.value}": str(n) for value, n in days.items()}


async def _page(
    request: HttpRequest,
    which: int | None = None,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    """Show the page; what was typed into the form of ``which`` stands there again."""
    lines, days = await read(request, _load)
    say = words(request)
    return await page(
        request,
        "settings/milestones.html",
        code=422 if errors else 200,
        active="settings",
        lines=lines,
        which=which,
        typed=typed or {},
        new=NEW,
        days=days,
        kinds=[(key, say(text)) for key, text in KIND_NAMES],
        errors=errors or {},
    )


@get(ADDRESS, opt={"access": "supervisor"})
async def show_milestones(request: HttpRequest) -> AnyResponse:
    """Show the milestones that come again, and the days of silence."""
    return await _page(request)


def _number(text: str, sentence: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise Invalid(sentence, {field: sentence})
    return int(text)


def _read(given: dict[str, str]) -> Template:
    kind = given["account_kind"]
    known = kind in list(AccountKind)
    return Template(
        title=given["title"],
        days=_number(given["days"].strip(), WRONG_LENGTH, "days"),
        every_months=_number(
            given["every_months"].strip() or "0", WRONG_MONTHS, "every_months"
        ),
        warn_days=_number(given["warn_days"].strip(), WRONG_WARNING, "warn_days"),
        account_kind=AccountKind(kind) if known else None,
        is_public=given["public"] == "1",
        is_active=given["active"] == "1",
    )


async def _saved(request: HttpRequest, template_id: int | None) -> AnyResponse:
    given = await texts_of(request, FIELDS)
    try:
        said = _read(given)
        by = person(request).id
        await write(request, templates.save, template_id, said, by=by, now=utcnow())
    except Invalid as error:
        return await _page(request, template_id or 0, given, spoken_errors(request, error))
    return done(request, ADDRESS, N_("Saved."))


@post(ADDRESS, opt={"access": "supervisor", "fields": FIELDS})
async def add_milestone(request: HttpRequest) -> AnyResponse:
    """Add a milestone that can be planned for customers."""
    return await _saved(request, None)


@post(ADDRESS + "/{template_id:int}", opt={"access": "supervisor", "fields": FIELDS})
async def change_milestone(request: HttpRequest, template_id: FromPath[int]) -> AnyResponse:
    """Change one, or switch it off; what is planned stays as it is."""
    return await _saved(request, template_id)


@post(ADDRESS + "/usual", opt={"access": "supervisor", "fields": ()})
async def add_usual(request: HttpRequest) -> AnyResponse:
    """Add what most companies begin with."""
    by, spoken = person(request).id, language(request)
    await write(request, templates.add_usual, spoken, by=by, now=utcnow())
    return done(request, ADDRESS, N_("Added."))


@post(ADDRESS + "/silence", opt={"access": "supervisor", "fields": SILENCE})
async def save_silence(request: HttpRequest) -> AnyResponse:
    """Say for how many days a customer may hear nothing, by value."""
    given = await texts_of(request, SILENCE)
    try:
        days = {
            value: _number(
                given[f"silence_{value.value}"].strip(), WRONG_DAYS, f"silence_{value.value}"
            )
            for value in USUAL
        }
        await write(request, silence.save_days, days, by=person(request).id, now=utcnow())
    except Invalid as error:
        return await _page(request, None, given, spoken_errors(request, error))
    return done(request, ADDRESS, N_("Saved. The customers are counted anew."))


@get("/accounts/silent", opt={"access": "agent"})
async def show_silent(request: HttpRequest) -> Response[Any]:
    """Show the customers of whom nobody has heard for too long, by value."""
    speak = await speaker_for(request)
    found = await read(request, silence.list_silent, person(request), speak.now)
    days = await read(request, silence.load_days)
    who = await read(request, people.list_colleagues)
    lines = [
        {
            "id": one.id,
            "name": one.name,
            "value": one.value.value,
            "owner": owner.name if (owner := who.get(one.owner_id or 0)) else "",
            "since": "" if one.never else speak.date(one.since),
            "days": (speak.now - one.since).days,
        }
        for one in found
    ]
    return await page(
        request,
        "dates/silent.html",
        active="accounts",
        lines=lines,
        days=[(value.value, n) for value, n in days.items()],
    )
