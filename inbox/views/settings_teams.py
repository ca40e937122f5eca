"""Settings: teams, who is in them, and closing one."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import teams as service
from inbox.errors import Conflict, Invalid
from inbox.routing import GivesBy
from inbox.store import staff
from inbox.store import teams as rows
from inbox.store.staff import StaffRow, WorkCount
from inbox.store.teams import Depending
from inbox.templating import N_
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.render import page, words
from inbox.views.settings_people import ADMIN, ids_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Team

TEAMS = "/settings/teams"
WAYS = [
    (GivesBy.LEAST_OPEN.value, N_("to whoever has least open")),
    (GivesBy.ROUND_ROBIN.value, N_("by turns")),
    (GivesBy.WEIGHT.value, N_("by weight: who weighs twice as much has twice as much")),
]


class NewTeam(Struct):
    """The form of a new team."""

    name: str = ""


class TeamForm(Struct):
    """The form of a team; each of ``backups`` is "member:backup", backup empty for nobody."""

    name: str = ""
    members: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    department: str = ""
    gives_by: str = ""


class Closing(Struct):
    """The form that closes a team."""

    heir: str = ""
    with_people: str = ""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody on a team's page."""

    id: int
    name: str
    email: str
    open_cap: int
    weight: int
    skills: list[str]


@dataclass(frozen=True, slots=True)
class TeamPage:
    """Everything on one team's page; ``saved`` is its form as it stands."""

    team: Team
    saved: TeamForm
    people: list[MemberRow]
    active: list[StaffRow]
    work: list[WorkCount]
    depending: Depending
    others: dict[int, str]

    @property
    def total(self) -> int:
        """How many unfinished conversations the team has."""
        return sum(one.total for one in self.work)


def _team_page(session: Session, team_id: int) -> TeamPage:
    team = rows.get_team(session, team_id)
    leads = rows.list_members(session, team_id)
    everybody = staff.list_staff(session)
    known = staff.load_agents(session)
    listed = [one for one in everybody if one.state != "left" or one.id in leads]
    return TeamPage(
        team=team,
        saved=TeamForm(
            name=team.name,
            members=tuple(str(one) for one in leads),
            leads=tuple(str(one) for one, is_lead in leads.items() if is_lead),
            backups=tuple(f"{one.id}:{known[one.id].backup_id or ''}" for one in listed),
            department=team.department,
            gives_by=team.gives_by,
        ),
        people=[
            MemberRow(
                one.id,
                one.name,
                one.email,
                known[one.id].open_cap,
                known[one.id].weight,
                known[one.id].skills,
            )
            for one in listed
        ],
        active=[one for one in everybody if one.is_active],
        work=staff.count_work(session, team_id=team_id),
        depending=rows.list_depending(session, team_id),
        others={
            key: name for key, name in rows.active_team_names(session).items() if key != team_id
        },
    )


@get(TEAMS, opt={"access": ADMIN})
async def show_teams(request: HttpRequest) -> Response[Any]:
    """List the teams, and offer to make one."""
    return await _list_page(request, "", "", 200)


async def _list_page(request: HttpRequest, name: str, error: str, code: int) -> Response[str]:
    return await page(
        request,
        "settings/teams.html",
        code=code,
        active="settings",
        rows=await read(request, rows.list_teams),
        name=name,
        error=words(request)(error) if error else "",
    )


@post(TEAMS, opt={"access": ADMIN, "fields": fields_of(NewTeam)})
async def create_team(request: HttpRequest) -> Response[Any]:
    """Make a team; its page is next, to put people into it."""
    form = await read_as(request, NewTeam)
    by = person(request).id
    try:
        made = await write(request, service.create_team, form.name, by=by, now=utcnow())
    except Invalid as error:
        return await _list_page(request, form.name, error.message, 422)
    return Redirect(f"{TEAMS}/{made}", status_code=303)


@get("/settings/teams/{team_id:int}", opt={"access": ADMIN})
async def show_team(request: HttpRequest, team_id: FromPath[int]) -> Response[Any]:
    """Show one team's form."""
    return await _one_page(request, team_id, None, "", 200)


async def _one_page(
    request: HttpRequest, team_id: int, typed: TeamForm | None, error: str, code: int
) -> Response[str]:
    shown = await read(request, _team_page, team_id)
    return await page(
        request,
        "settings/team.html",
        code=code,
        active="settings",
        shown=shown,
        values=typed or shown.saved,
        ways=[(key, words(request)(text)) for key, text in WAYS],
        error=words(request)(error) if error else "",
    )


@post("/settings/teams/{team_id:int}", opt={"access": ADMIN, "fields": fields_of(TeamForm)})
async def change_team(request: HttpRequest, team_id: FromPath[int]) -> Response[Any]:
    """Save a team's name and people."""
    form = await read_as(request, TeamForm)
    by = person(request).id
    try:
        change = _change(form)
        await write(request, service.change_team, team_id, change, by=by, now=utcnow())
    except Invalid as error:
        return await _one_page(request, team_id, form, error.message, 422)
    done = Redirect(TEAMS, status_code=303)
    return flash(request, done, N_("%(name)s is saved."), name=change.name.strip())


def _change(form: TeamForm) -> service.TeamChange:
    members, leads = ids_of(form.members), ids_of(form.leads)
    backups: dict[int, int | None] = {}
    for pair in form.backups:
        who, _, backup = pair.partition(":")
        (number,) = ids_of((who,))
        backups[number] = next(iter(ids_of((backup,))), None) if backup else None
    return service.TeamChange(
        form.name[:200],
        {number: number in leads for number in sorted(members)},
        {who: backup for who, backup in backups.items() if who in members},
        form.department[:200] if form.gives_by else None,
        form.gives_by or None,
    )


@post(
    "/settings/teams/{team_id:int}/closure",
    opt={"access": ADMIN, "fields": fields_of(Closing)},
)
async def close_team(request: HttpRequest, team_id: FromPath[int]) -> Response[Any]:
    """Close a team; another gets its work, doors and request types."""
    form = await read_as(request, Closing)
    try:
        count = await service.close(
            site(request).database,
            team_id,
            number_of(form.heir) or 0,
            with_people=form.with_people == "1",
            by=person(request).id,
        )
    except (Invalid, Conflict) as error:
        return await _one_page(request, team_id, None, error.message, error.status)
    done = Redirect(TEAMS, status_code=303)
    return flash(
        request, done, N_("The team is closed. %(count)s requests moved."), count=count
    )


@post("/settings/teams/{team_id:int}/reopening", opt={"access": ADMIN, "fields": ()})
async def reopen_team(request: HttpRequest, team_id: FromPath[int]) -> Response[Any]:
    """Let a closed team get work again."""
    by = person(request).id
    await write(request, service.reopen_team, team_id, by=by, now=utcnow())
    return flash(request, Redirect(TEAMS, status_code=303), N_("The team is open again."))
