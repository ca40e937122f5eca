"""Two requests become one, and apart again; and an answer that helped before is used again."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid, NotFound
from inbox.house import load_house
from inbox.later import merging
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.store.similar import last_answers
from inbox.templating import N_
from inbox.views.actions import composer
from inbox.views.flash import flash
from inbox.views.opened import load_opened
from inbox.views.render import wants_partial
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, site, write

MOST_DRAFT = 20_000


def merge_two(
    session: Session, number: int, other: int, who: Person, settings: Settings, secret: bytes
) -> int:
    """Merge two that this person may see; return the number of the one that goes on."""
    seen = [rows.get_for_agent(session, one, who) for one in (number, other)]
    chosen = merging.pair(session, *seen)
    part, whole = (
        rows.get_for_agent(session, one, who, to_change=True)
        for one in (chosen.part, chosen.whole)
    )
    for row in (part, whole):
        session.refresh(row)
    book, house = load_rulebook(session), load_house(session, settings, secret)
    if house is None:
        raise Conflict("There is no company yet.")
    merging.merge(session, part, whole, book, house, by=who, now=utcnow())
    return whole.id


async def _other(request: HttpRequest) -> int:
    typed = (await form_fields(request)).get("other", "").strip().removeprefix("#")
    other = number_of(typed)
    if other is None:
        raise Invalid(merging.ITSELF, {"other": merging.ITSELF})
    return other


@post("/inbox/{number:int}/merge", opt={"access": "agent", "fields": ("other",)})
async def merge(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Make one of this request and the one that is named by its number."""
    other = await _other(request)
    where, who = site(request), person(request)
    work = number, other, who, where.settings, where.secret
    whole = await write(request, merge_two, *work)
    return _go(request, whole, N_("Merged: it goes on here."))


def take_out(session: Session, number: int, who: Person) -> None:
    """Let a part be on its own again; both have to be seen."""
    part = rows.get_for_agent(session, number, who, to_change=True, or_merged=True)
    if part.merged_into_id is not None:
        rows.get_for_agent(session, part.merged_into_id, who)
    merging.unmerge(session, part, by=who, now=utcnow())


@post("/inbox/{number:int}/merge/undo", opt={"access": "agent", "fields": ()})
async def unmerge(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Let it be on its own again."""
    await write(request, take_out, number, person(request))
    return _go(request, number, N_("It is on its own again."))


def _keep_apart(session: Session, number: int, other: int, who: Person) -> None:
    seen = [rows.get_for_agent(session, one, who) for one in (number, other)]
    ordered = [one.id for one in merging.in_order(session, *seen)]
    one, two = (rows.get_for_agent(session, it, who, to_change=True) for it in ordered)
    merging.keep_apart(session, one, two, by=who, now=utcnow())


@post("/inbox/{number:int}/merge/dismissal", opt={"access": "agent", "fields": ("other",)})
async def keep_apart(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say that the other one is another matter: it is not proposed again."""
    await write(request, _keep_apart, number, await _other(request), person(request))
    return _go(request, number, N_("They are two matters: this is not proposed again."))


def _go(request: HttpRequest, number: int, sentence: str) -> Response[Any]:
    """Lead to a conversation; everything on the page has changed."""
    target = f"/inbox/{number}"
    if not wants_partial(request):
        return flash(request, Redirect(target, status_code=303), sentence)
    headers = {"HX-Redirect": target}
    answer = Response("", status_code=200, headers=headers, media_type="text/html")
    return flash(request, answer, sentence)


def _answer(session: Session, number: int, other: int, who: Person) -> str:
    rows.get_for_agent(session, number, who)
    rows.get_for_agent(session, other, who)
    found = last_answers(session, [other]).get(other)
    if found is None:
        raise NotFound("There is no answer in that request.")
    return found


@post("/inbox/{number:int}/draft", opt={"access": "agent", "fields": ("answer_of", "body")})
async def use_answer(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Put the answer of a similar request into the reply, behind what is written there."""
    fields = await form_fields(request)
    other = number_of(fields.get("answer_of", ""))
    if other is None:
        raise NotFound("There is no such request.")
    who = person(request)
    text = await read(request, _answer, number, other, who)
    written = fields.get("body", "").strip()
    draft = f"{written}\n\n{text}" if written else text
    loaded = await read(request, load_opened, number, who)
    return await composer(request, loaded, 200, None, draft=draft[:MOST_DRAFT])
