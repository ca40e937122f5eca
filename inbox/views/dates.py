"""Milestones and reminders: one's own list, planning, changing, being done with them."""

from datetime import UTC, datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.dates import milestones, reminders
from inbox.dates.milestones import WARN_DAYS, Said
from inbox.errors import Invalid
from inbox.store import accounts as accounts_
from inbox.store import conversations as talks
from inbox.store import people
from inbox.store.dates import Place
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.dates_form import Plan, default_due, load_form, said_of
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.present_dates import dates_of_person, present_dates
from inbox.views.render import page
from inbox.views.security import safe_next
from inbox.views.settings_form import spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.views.waiting import local_time
from models import Milestone, MilestoneState

PLANNING = ("title", "template", "due", "owner", "warn", "public")
REMINDING = ("text", "at", "who")
ENDING = ("how", "next")


@get("/dates", opt={"access": "agent"})
async def show_dates(request: HttpRequest) -> Response[Any]:
    """Show what somebody has to reach and wants to be reminded of, the first due first."""
    who = person(request)
    speak = await speaker_for(request)
    found = await read(request, dates_of_person, who)
    colleagues = await read(request, people.list_colleagues)
    return await page(
        request,
        "dates/list.html",
        active="waiting",
        dates=present_dates(found, speak, colleagues, who),
    )


def place_of(
    session: Session, who: Person, *, account_id: int | None = None, number: int | None = None
) -> Place:
    """Return the place of dates that this person may add; raises ``NotFound``."""
    if number is not None:
        return Place.of(talks.get_for_agent(session, number, who))
    return Place(accounts_.get_for_person(session, account_id or 0, who).id)


async def _form(
    request: HttpRequest,
    values: dict[str, str],
    errors: dict[str, str] | None = None,
    **where: int,
) -> Response[Any]:
    speak = await speaker_for(request)
    plan: Plan = await read(request, _load_plan, person(request), where)
    due = default_due(plan, speak)
    said = {"due": due, "at": due, "warn": str(WARN_DAYS), "owner": str(plan.owner_id or "")}
    said["public"] = ""
    return await page(
        request,
        "dates/plan.html",
        code=422 if errors else 200,
        active="inbox" if "number" in where else "accounts",
        plan=plan,
        values={**said, **values},
        errors=errors or {},
    )


def _load_plan(session: Session, who: Person, where: dict[str, int]) -> Plan:
    return load_form(session, who, place_of(session, who, **where))


@get("/accounts/{account_id:int}/dates", opt={"access": "agent"})
async def show_account_plan(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Show the forms that plan a milestone of an account, or a reminder."""
    return await _form(request, {}, account_id=account_id)


@get("/inbox/{number:int}/dates", opt={"access": "agent"})
async def show_plan(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show the forms that plan a milestone in a conversation, or a reminder."""
    return await _form(request, {}, number=number)


def _plan(session: Session, who: Person, where: dict[str, int], given: dict[str, str]) -> str:
    place, now = place_of(session, who, **where), utcnow()
    said = said_of(session, given, who, now)
    milestones.plan(session, place, said, by=who.id, now=now)
    return _path(place)


def _path(place: Place) -> str:
    if place.conversation_id is not None:
        return f"/inbox/{place.conversation_id}"
    return f"/accounts/{place.account_id}"


async def _planned(request: HttpRequest, **where: int) -> Response[Any]:
    given = await texts_of(request, PLANNING)
    try:
        path = await write(request, _plan, person(request), where, given)
    except Invalid as error:
        return await _form(request, given, spoken_errors(request, error), **where)
    return flash(request, Redirect(path, status_code=303), N_("Planned. It will be warned of."))


@post("/accounts/{account_id:int}/milestones", opt={"access": "agent", "fields": PLANNING})
async def plan_of_account(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Plan a milestone of an account."""
    return await _planned(request, account_id=account_id)


@post("/inbox/{number:int}/milestones", opt={"access": "agent", "fields": PLANNING})
async def plan_in_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Plan a milestone in a conversation."""
    return await _planned(request, number=number)


def _remind(session: Session, who: Person, where: dict[str, int], given: dict[str, str]) -> str:
    place = place_of(session, who, **where)
    at = local_time(session, given["at"], "at", who).astimezone(UTC)
    plan = load_form(session, who, place)
    agent_id = number_of(given["who"]) or who.id
    if agent_id not in {one for one, _ in plan.reminded}:
        raise Invalid(milestones.NO_OWNER, {"who": milestones.NO_OWNER})
    now, text = utcnow(), given["text"]
    reminders.add(session, place, agent_id=agent_id, due_at=at, text=text, by=who.id, now=now)
    return _path(place)


async def _reminded(request: HttpRequest, **where: int) -> Response[Any]:
    given = await texts_of(request, REMINDING)
    try:
        path = await write(request, _remind, person(request), where, given)
    except Invalid as error:
        return await _form(request, given, spoken_errors(request, error), **where)
    return flash(request, Redirect(path, status_code=303), N_("The reminder is set."))


@post("/accounts/{account_id:int}/reminders", opt={"access": "agent", "fields": REMINDING})
async def remind_of_account(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Have oneself or the owner reminded of an account."""
    return await _reminded(request, account_id=account_id)


@post("/inbox/{number:int}/reminders", opt={"access": "agent", "fields": REMINDING})
async def remind_of_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Have oneself or the owner reminded of a conversation."""
    return await _reminded(request, number=number)


def _end_reminder(session: Session, reminder_id: int, who: Person, how: str) -> None:
    reminders.end(session, reminder_id, how, by=who, now=utcnow())


@post("/reminders/{reminder_id:int}/end", opt={"access": "agent", "fields": ENDING})
async def end_reminder(request: HttpRequest, reminder_id: FromPath[int]) -> Response[Any]:
    """Be done with a reminder, or drop it."""
    given = await texts_of(request, ENDING)
    how = reminders.DROPPED if given["how"] == "dropped" else reminders.DONE
    await write(request, _end_reminder, reminder_id, person(request), how)
    back = Redirect(safe_next(given["next"] or "/dates"), status_code=303)
    return flash(request, back, N_("Done with it."))


def _end_milestone(session: Session, milestone_id: int, who: Person, how: str) -> bool:
    """Do it, and tell whether the next one was planned."""
    row, now = milestones.get_to_change(session, milestone_id, who), utcnow()
    if how == "planned":
        milestones.take_back(session, row, by=who.id, now=now)
        return False
    state = MilestoneState.DROPPED if how == "dropped" else MilestoneState.REACHED
    return milestones.end(session, row, state, by=who.id, now=now) is not None


@post("/milestones/{milestone_id:int}/state", opt={"access": "agent", "fields": ENDING})
async def end_milestone(request: HttpRequest, milestone_id: FromPath[int]) -> Response[Any]:
    """Say that it is reached or dropped; or that it was not, after all."""
    given = await texts_of(request, ENDING)
    again = await write(request, _end_milestone, milestone_id, person(request), given["how"])
    back = Redirect(safe_next(given["next"] or "/dates"), status_code=303)
    return flash(
        request, back, N_("Saved. The next one is planned.") if again else N_("Saved.")
    )


def _load_one(session: Session, milestone_id: int, who: Person) -> tuple[Milestone, Plan]:
    row = milestones.get_to_change(session, milestone_id, who)
    plan = load_form(session, who, Place(row.account_id, row.conversation_id), row.owner_id)
    return row, plan


async def _one(
    request: HttpRequest, milestone_id: int, given: dict[str, str], errors: dict[str, str]
) -> Response[Any]:
    speak = await speaker_for(request)
    row, plan = await read(request, _load_one, milestone_id, person(request))
    values = {
        "title": row.title,
        "due": local_text(row.due_at, speak),
        "owner": str(row.owner_id or ""),
        "warn": str(row.warn_days),
        "public": "1" if row.is_public else "",
        **given,
    }
    return await page(
        request,
        "dates/milestone.html",
        code=422 if errors else 200,
        active="inbox" if row.conversation_id is not None else "accounts",
        milestone_id=row.id,
        is_open=row.state is MilestoneState.PLANNED,
        plan=plan,
        values=values,
        errors=errors,
    )


def local_text(at: datetime, speak: Any) -> str:
    """Return a time as a form's field has it, in the reader's zone."""
    return f"{speak.here(at):%Y-%m-%dT%H:%M}"


@get("/milestones/{milestone_id:int}", opt={"access": "agent"})
async def show_milestone(request: HttpRequest, milestone_id: FromPath[int]) -> Response[Any]:
    """Show one milestone, to be changed."""
    return await _one(request, milestone_id, {}, {})


def _change(session: Session, milestone_id: int, who: Person, given: dict[str, str]) -> str:
    row, now = milestones.get_to_change(session, milestone_id, who), utcnow()
    said: Said = said_of(session, {**given, "template": ""}, who, now)
    milestones.change(session, row, said, by=who.id, now=now)
    return _path(Place(row.account_id, row.conversation_id))


@post("/milestones/{milestone_id:int}", opt={"access": "agent", "fields": PLANNING})
async def change_milestone(request: HttpRequest, milestone_id: FromPath[int]) -> Response[Any]:
    """Change a milestone; another time is warned of anew."""
    given = await texts_of(request, PLANNING)
    try:
        path = await write(request, _change, milestone_id, person(request), given)
    except Invalid as error:
        return await _one(request, milestone_id, given, spoken_errors(request, error))
    return flash(request, Redirect(path, status_code=303), N_("Saved."))
