"""Settings: people. Who works here, who is invited, and what an administrator changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox import accountmail
from inbox.accountmail import INVITATION, RESET
from inbox.clock import utcnow
from inbox.company import invitations
from inbox.company import staff as service
from inbox.company.hours import list_calendars
from inbox.errors import Conflict, Invalid
from inbox.routing import LANGUAGES
from inbox.store import staff
from inbox.store.setup import Type, list_types
from inbox.store.staff import Member, StaffRow
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.views.account import mail_house, sends_mail
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Agent, Role

PEOPLE = "/settings/people"
ADMIN = "admin"


class Invite(Struct):
    """The form of an invitation."""

    name: str = ""
    email: str = ""
    role: str = ""
    language: str = ""
    teams: tuple[str, ...] = ()


class Change(Struct):
    """The form of a person; ``backup_id`` is empty for nobody."""

    name: str = ""
    role: str = ""
    language: str = ""
    open_cap: str = ""
    backup_id: str = ""
    teams: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    weight: str = "1"
    skills: tuple[str, ...] = ()
    products: str = ""
    calendar_id: str = ""


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """A link that is shown once."""

    kind: str  # invite, reset
    name: str
    url: str
    is_mailed: bool


def ids_of(texts: tuple[str, ...]) -> frozenset[int]:
    """Read ids out of a form; what is no number is refused.

    Raises
    ------
    Invalid
        If one is no number.
    """
    numbers = [number_of(text) for text in texts]
    if None in numbers:
        raise Invalid("This form has fields that we do not know. Load the page again.")
    return frozenset(number for number in numbers if number is not None)


def role_of(text: str) -> Role:
    """Read a role out of a form.

    Raises
    ------
    Invalid
        If there is none like it.
    """
    if text not in list(Role):
        raise Invalid("Choose a role.", {"role": N_("Choose a role.")})
    return Role(text)


@get(PEOPLE, opt={"access": ADMIN})
async def show_people(request: HttpRequest) -> Response[Any]:
    """List everybody, and offer to invite somebody."""
    return await people_page(request)


async def people_page(
    request: HttpRequest,
    values: Invite | None = None,
    errors: dict[str, str] | None = None,
    link: OneTimeLink | None = None,
    code: int = 200,
) -> Response[str]:
    """Show the list; with ``link``, a link that is shown this once."""
    say = words(request)
    rows, teams = await read(request, _people)
    company = await site(request).company()
    default = Invite(language=company.language if company else "vi", role=Role.AGENT.value)
    speak = await speaker_for(request)
    response = await page(
        request,
        "settings/people.html",
        code=code,
        active="settings",
        rows=rows,
        teams=teams,
        values=values or default,
        errors={field: say(text) for field, text in (errors or {}).items()},
        link=link,
        sends_mail=sends_mail(site(request)),
        clock=speak.clock,
    )
    if link is not None:
        response.headers["cache-control"] = "no-store"
    return response


def _people(session: Session) -> tuple[list[StaffRow], Mapping[int, str]]:
    return staff.list_staff(session), active_team_names(session)


@post(PEOPLE, opt={"access": ADMIN, "fields": fields_of(Invite)})
async def invite(request: HttpRequest) -> Response[Any]:
    """Invite somebody; the link is shown once, and mailed where mail can be sent."""
    form = await read_as(request, Invite)
    try:
        guest = invitations.Guest(
            form.name[:120],
            form.email[:254],
            role_of(form.role),
            form.language,
            ids_of(form.teams),
        )
        _, token = await write(request, _invite, guest, request)
    except (Invalid, Conflict) as error:
        fields = error.fields if isinstance(error, Invalid) else {}
        return await people_page(
            request, form, fields or {"email": error.message}, code=error.status
        )
    return await people_page(request, link=_link(request, INVITATION, guest.name, token))


def _invite(
    session: Session, guest: invitations.Guest, request: HttpRequest
) -> tuple[int, str]:
    house = mail_house(session, site(request))
    return invitations.invite(session, guest, house, by=person(request).id, now=utcnow())


def _link(request: HttpRequest, purpose: str, name: str, token: str) -> OneTimeLink:
    where = site(request)
    url = accountmail.link_to(where.settings.base_url, purpose, token)
    return OneTimeLink(purpose, name, url, sends_mail(where))


@post("/settings/people/{agent_id:int}/invitation", opt={"access": ADMIN, "fields": ()})
async def invite_again(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Make a fresh link for somebody invited; the earlier one no longer works."""
    name, token = await write(request, _again, agent_id, request, INVITATION)
    return await people_page(request, link=_link(request, INVITATION, name, token))


@post("/settings/people/{agent_id:int}/reset-link", opt={"access": ADMIN, "fields": ()})
async def send_reset(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Make a link by which somebody chooses a new password."""
    name, token = await write(request, _again, agent_id, request, RESET)
    return await people_page(request, link=_link(request, RESET, name, token))


def _again(
    session: Session, agent_id: int, request: HttpRequest, purpose: str
) -> tuple[str, str]:
    make = invitations.invite_again if purpose == INVITATION else invitations.send_reset
    house = mail_house(session, site(request))
    token = make(session, agent_id, house, by=person(request).id, now=utcnow())
    return staff.get_agent(session, agent_id).name, token


@post(
    "/settings/people/{agent_id:int}/invitation/withdrawal",
    opt={"access": ADMIN, "fields": ()},
)
async def withdraw(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Take an invitation back."""
    by = person(request).id
    await write(request, invitations.withdraw, agent_id, by=by, now=utcnow())
    done = Redirect(PEOPLE, status_code=303)
    return flash(request, done, N_("The invitation is taken back."))


def _products(text: str) -> list[str]:
    return [one for part in text.split(",") if (one := " ".join(part.split()))]


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything on one person's page."""

    agent: Agent
    teams: tuple[Member, ...]
    all_teams: Mapping[int, str]
    colleagues: list[StaffRow]
    types: list[Type]
    calendars: list[tuple[int, str]]


def _shown(session: Session, agent_id: int) -> Shown:
    mine = staff.list_memberships(session).get(agent_id, ())
    every = {**{one.team_id: one.name for one in mine}, **active_team_names(session)}
    others = [row for row in staff.list_staff(session) if row.is_active and row.id != agent_id]
    agent = staff.get_agent(session, agent_id)
    calendars = [(one.id, one.name) for one in list_calendars(session)]
    return Shown(agent, mine, every, others, list_types(session), calendars)


@get("/settings/people/{agent_id:int}", opt={"access": ADMIN})
async def show_person(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Show one person's form."""
    return await _person_page(request, agent_id, None, {}, 200)


async def _person_page(
    request: HttpRequest,
    agent_id: int,
    typed: Change | None,
    errors: dict[str, str],
    code: int,
) -> Response[str]:
    shown = await read(request, _shown, agent_id)
    agent, say = shown.agent, words(request)
    known = {*LANGUAGES, *(one.key for one in shown.types)}
    values = typed or Change(
        name=agent.name,
        role=agent.role.value,
        language=agent.language,
        open_cap=str(agent.open_cap),
        backup_id=str(agent.backup_id or ""),
        teams=tuple(str(one.team_id) for one in shown.teams),
        leads=tuple(str(one.team_id) for one in shown.teams if one.leads),
        weight=str(agent.weight),
        skills=tuple(one for one in agent.skills if one in known),
        products=", ".join(one for one in agent.skills if one not in known),
        calendar_id=str(agent.calendar_id or ""),
    )
    return await page(
        request,
        "settings/person.html",
        code=code,
        active="settings",
        shown=shown,
        values=values,
        errors={field: say(text) for field, text in errors.items()},
        sends_mail=sends_mail(site(request)),
    )


@post("/settings/people/{agent_id:int}", opt={"access": ADMIN, "fields": fields_of(Change)})
async def change_person(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Save a person; another role signs them out everywhere."""
    form = await read_as(request, Change)
    try:
        change = service.PersonChange(
            name=form.name[:120],
            role=role_of(form.role),
            language=form.language,
            open_cap=number_of(form.open_cap) or 0,
            backup_id=number_of(form.backup_id) if form.backup_id else None,
            team_ids=ids_of(form.teams),
            lead_ids=ids_of(form.leads),
            weight=number_of(form.weight) or 0,
            skills=(*form.skills, *_products(form.products)),
            calendar_id=number_of(form.calendar_id) if form.calendar_id else None,
        )
        by = person(request).id
        await write(request, service.change_person, agent_id, change, by=by, now=utcnow())
    except (Invalid, Conflict) as error:
        fields = error.fields if isinstance(error, Invalid) else {}
        return await _person_page(
            request, agent_id, form, fields or {"": error.message}, error.status
        )
    done = Redirect(PEOPLE, status_code=303)
    return flash(request, done, N_("%(name)s is saved."), name=change.name.strip())


HANDLERS = (
    show_people,
    invite,
    show_person,
    change_person,
    invite_again,
    withdraw,
    send_reset,
)
