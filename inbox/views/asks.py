"""Asking another team, answering it, and passing a conversation on."""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox import asks, passing
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.house import load_house
from inbox.store import asks as rows
from inbox.store import conversations as talks
from inbox.store import people, teams
from inbox.store.counts import sees
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_asks import present_asks
from inbox.views.render import page, words
from inbox.views.settings_form import done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, Site, number_of, person, read, site, write
from inbox.views.waiting import local_time
from models import Conversation, Status

ASKING = ("team", "question", "due")
PASSING = ("team", "reason", "note")


def _house(session: Session, where: Site) -> House:
    house = load_house(session, where.settings, where.secret)
    if house is None:
        raise NotFound("This installation is not set up yet.")
    return house


def _load_lists(session: Session, who: Person) -> dict[str, Any]:
    return {
        "ours": rows.list_asked_of(session, who),
        "theirs": rows.list_asked_by(session, who),
        "colleagues": people.list_colleagues(session),
        "teams": people.team_names(session),
    }


@get("/asks", opt={"access": "agent"})
async def show_asks(request: HttpRequest) -> Response[Any]:
    """Show what other teams ask ours, and what we ask others, by due time."""
    who = person(request)
    speak = await speaker_for(request)
    found = await read(request, _load_lists, who)
    about = speak, who, found["colleagues"], found["teams"]
    return await page(
        request,
        "asks/list.html",
        active="inbox",
        ours=present_asks(found["ours"], *about, may_withdraw=False),
        theirs=present_asks(found["theirs"], *about, may_withdraw=True),
    )


def _load_form(session: Session, number: int, who: Person) -> dict[str, Any]:
    """Load what the forms of a conversation need; it has to be this person's to act on."""
    conversation = talks.get_for_agent(session, number, who)
    others = dict(teams.active_team_names(session))
    others.pop(conversation.team_id or 0, None)
    return {
        "number": number,
        "subject": conversation.subject,
        "teams": sorted(others.items(), key=lambda one: one[1].casefold()),
        "due": asks.default_due(session, conversation, utcnow()),
        "is_done": conversation.status in (Status.RESOLVED, Status.SPAM, Status.MERGED),
    }


async def _form(
    request: HttpRequest,
    template: str,
    number: int,
    values: dict[str, str],
    errors: dict[str, str] | None = None,
) -> Response[Any]:
    speak = await speaker_for(request)
    shown = await read(request, _load_form, number, person(request))
    due = f"{speak.here(shown.pop('due')):%Y-%m-%dT%H:%M}"
    return await page(
        request,
        template,
        code=422 if errors else 200,
        active="inbox",
        values={"due": due, **values},
        errors=errors or {},
        reasons=[(key, words(request)(text)) for key, text in passing.REASONS.items()],
        **shown,
    )


@get("/inbox/{number:int}/asks", opt={"access": "agent"})
async def show_asking(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show the form that asks another team."""
    return await _form(request, "asks/ask.html", number, {})


def _ask(
    session: Session, number: int, who: Person, where: Site, given: dict[str, str]
) -> None:
    conversation = talks.get_for_agent(session, number, who, to_change=True)
    due = local_time(session, given["due"], "due", who) if given["due"] else None
    team = number_of(given["team"]) or 0
    house = _house(session, where)
    now = utcnow()
    asks.ask(session, conversation, team, given["question"], house, by=who, now=now, due_at=due)


@post("/inbox/{number:int}/asks", opt={"access": "agent", "fields": ASKING})
async def ask(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Ask another team; owner and deadlines stay."""
    given = await texts_of(request, ASKING)
    try:
        await write(request, _ask, number, person(request), site(request), given)
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _form(request, "asks/ask.html", number, given, wrong)
    return done(request, f"/inbox/{number}", N_("Asked. You will hear of the answer."))


@get("/inbox/{number:int}/passing", opt={"access": "agent"})
async def show_passing(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show the form that gives a conversation to another team."""
    return await _form(request, "asks/passing.html", number, {})


def _pass(
    session: Session, number: int, who: Person, where: Site, given: dict[str, str]
) -> Conversation:
    conversation = talks.get_for_agent(session, number, who, to_change=True)
    team = number_of(given["team"]) or 0
    passing.pass_on(
        session,
        conversation,
        team,
        given["reason"] if given["reason"] in passing.REASONS else "",
        note=given["note"],
        by=who,
        now=utcnow(),
    )
    return conversation


@post("/inbox/{number:int}/passing", opt={"access": "agent", "fields": PASSING})
async def pass_on(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Give a conversation to another team, for a reason."""
    given = await texts_of(request, PASSING)
    who = person(request)
    try:
        await write(request, _pass, number, who, site(request), given)
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _form(request, "asks/passing.html", number, given, wrong)
    try:
        await read(request, talks.get_for_agent, number, who)
        back = f"/inbox/{number}"
    except NotFound:  # it is the other team's now
        back = "/inbox"
    return done(request, back, N_("Passed on."))


def _load_ask(session: Session, ask_id: int, who: Person) -> dict[str, Any]:
    found = rows.get_ask(session, ask_id, who)
    return {
        "rows": [found],
        "colleagues": people.list_colleagues(session),
        "teams": people.team_names(session),
        "may_withdraw": sees(session, who, talks.get(session, found.conversation_id)),
    }


async def _one(
    request: HttpRequest, ask_id: int, text: str = "", errors: dict[str, str] | None = None
) -> Response[Any]:
    who = person(request)
    speak = await speaker_for(request)
    found = await read(request, _load_ask, ask_id, who)
    may = found.pop("may_withdraw")
    (shown,) = present_asks(
        found["rows"], speak, who, found["colleagues"], found["teams"], may_withdraw=may
    )
    return await page(
        request,
        "asks/answer.html",
        code=422 if errors else 200,
        active="inbox",
        ask=shown,
        text=text,
        errors=errors or {},
    )


@get("/asks/{ask_id:int}", opt={"access": "agent"})
async def show_ask(request: HttpRequest, ask_id: FromPath[int]) -> Response[Any]:
    """Show one question, and the form that answers it."""
    return await _one(request, ask_id)


def _answer(session: Session, ask_id: int, who: Person, where: Site, text: str) -> None:
    asks.answer(session, ask_id, text, _house(session, where), by=who, now=utcnow())


@post("/asks/{ask_id:int}/answer", opt={"access": "agent", "fields": ("answer",)})
async def answer(request: HttpRequest, ask_id: FromPath[int]) -> Response[Any]:
    """Answer: an internal note, and whoever asked hears of it."""
    text = (await texts_of(request, ("answer",)))["answer"]
    try:
        await write(request, _answer, ask_id, person(request), site(request), text)
    except Invalid as error:
        return await _one(request, ask_id, text, spoken_errors(request, error))
    return done(request, "/asks", N_("Answered. Thank you."))


def _take(session: Session, ask_id: int, who: Person, now: datetime) -> None:
    asks.take(session, ask_id, by=who, now=now)


@post("/asks/{ask_id:int}/taking", opt={"access": "agent", "fields": ()})
async def take(request: HttpRequest, ask_id: FromPath[int]) -> Redirect:
    """Say that one will answer."""
    await write(request, _take, ask_id, person(request), utcnow())
    return done(request, f"/asks/{ask_id}", N_("It is yours."))


def _withdraw(session: Session, ask_id: int, who: Person, now: datetime) -> int:
    number = rows.get_ask(session, ask_id, who).conversation_id
    asks.withdraw(session, ask_id, by=who, now=now)
    return number


@post("/asks/{ask_id:int}/withdrawal", opt={"access": "agent", "fields": ()})
async def withdraw(request: HttpRequest, ask_id: FromPath[int]) -> Redirect:
    """Take a question back."""
    number = await write(request, _withdraw, ask_id, person(request), utcnow())
    return done(request, f"/inbox/{number}", N_("The question is withdrawn."))
