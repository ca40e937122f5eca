"""Settings: somebody leaves, and who gets what they own; and somebody comes back."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox.accounts import leaving
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.company import staff as service
from inbox.company.handover import Heir, Plan
from inbox.errors import Conflict, Invalid, NotFound
from inbox.house import load_house
from inbox.store import staff
from inbox.store.accounts import count_of
from inbox.store.staff import StaffRow, WorkCount
from inbox.templating import N_
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.render import page, words
from inbox.views.settings_people import ADMIN, PEOPLE
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Agent

MOST_NOTE = 2000


class Leaving(Struct):
    """The form of a departure."""

    heir: str = ""
    colleague_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Departure:
    """What the page shows before somebody leaves."""

    agent: Agent
    work: list[WorkCount]
    backup: str  # "" if there is none who works here
    backed: list[tuple[int, str]]
    leads: list[str]
    colleagues: list[StaffRow]
    account_count: int

    @property
    def total(self) -> int:
        """How many conversations change hands."""
        return sum(one.total for one in self.work)


def _departure(session: Session, agent_id: int) -> Departure:
    agent = staff.get_agent(session, agent_id)
    if not agent.password_hash:
        raise NotFound("There is nobody here under this address.")
    rows = staff.list_staff(session)
    others = [row for row in rows if row.is_active and row.id != agent_id]
    own = next(row for row in rows if row.id == agent_id)
    return Departure(
        agent=agent,
        work=staff.count_work(session, owner_id=agent_id),
        backup=next((row.name for row in others if row.id == agent.backup_id), ""),
        backed=staff.list_backed_by(session, agent_id),
        leads=[one.name for one in own.teams if one.leads],
        colleagues=others,
        account_count=count_of(session, agent_id),
    )


@get("/settings/people/{agent_id:int}/departure", opt={"access": ADMIN})
async def show_departure(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Show what somebody owns and ask who gets it."""
    return await _departure_page(request, agent_id, Leaving(), "", 200)


async def _departure_page(
    request: HttpRequest, agent_id: int, values: Leaving, error: str, code: int
) -> Response[str]:
    shown = await read(request, _departure, agent_id)
    heir = values.heir or (Heir.BACKUP if shown.backup else Heir.SHARE).value
    return await page(
        request,
        "settings/departure.html",
        code=code,
        active="settings",
        shown=shown,
        values=values,
        heir=heir,
        error=error,
    )


@post(
    "/settings/people/{agent_id:int}/departure",
    opt={"access": ADMIN, "fields": fields_of(Leaving)},
)
async def leave(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Deactivate somebody and hand over their work; of who left before, only the latter."""
    form = await read_as(request, Leaving)
    database, by = site(request).database, person(request).id
    agent, house = await read(request, _who, agent_id, request)
    work = leaving.leave if agent.is_active else leaving.hand_over
    try:
        plan = _plan(form)
        handed = await work(database, agent_id, plan, house, by=by)
    except (Invalid, Conflict) as error:
        said = words(request)(error.message)
        return await _departure_page(request, agent_id, form, said, error.status)
    done = Redirect(PEOPLE, status_code=303)
    return flash(
        request,
        done,
        N_("%(name)s has left. %(count)s requests were handed over."),
        name=agent.name,
        count=handed.counts.total(),
    )


def _plan(form: Leaving) -> Plan:
    if form.heir not in list(Heir):
        raise Invalid("Choose who gets the work.")
    return Plan(
        Heir(form.heir),
        number_of(form.colleague_id) if form.colleague_id else None,
        form.note[:MOST_NOTE],
    )


def _who(session: Session, agent_id: int, request: HttpRequest) -> tuple[Agent, House]:
    agent = _departure(session, agent_id).agent
    where = site(request)
    house = load_house(session, where.settings, where.secret)
    if house is None:
        raise NotFound("There is nothing here.")
    return agent, house


@post("/settings/people/{agent_id:int}/return", opt={"access": ADMIN, "fields": ()})
async def come_back(request: HttpRequest, agent_id: FromPath[int]) -> Response[Any]:
    """Let somebody who left sign in again."""
    by = person(request).id
    await write(request, service.activate, agent_id, by=by, now=utcnow())
    done = Redirect(f"{PEOPLE}/{agent_id}", status_code=303)
    return flash(request, done, N_("Welcome back: they can sign in again."))
