"""The review page: one guess after another, by keys, each answer without a page load."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, NotFound
from inbox.house import load_house
from inbox.learning import queues, reviewing
from inbox.learning.queues import QUEUES, UNSURE
from inbox.learning.reviewing import Answer, Outcome
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.store import conversations as rows
from inbox.store.conversations import Listed
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views import review_strip
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.models import Row
from inbox.views.opened import Opened, glanced, shown_conversation
from inbox.views.present_list import present_opinions, present_row
from inbox.views.present_review import (
    Item,
    matrix,
    offered,
    present_outcome,
    sure_of,
    words_of,
)
from inbox.views.present_terms import mark_terms
from inbox.views.render import page, wants_partial, words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import Speaker, paragraphs

MOST_SKIPPED = 50
SHOWN_NEXT = 5
SHOWN_CHARS = 4000  # of the message
FIELDS = ("request_type", "other", "urgency", "version", "queue", "skipped", "skip")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The page as rows."""

    counts: dict[str, int]
    numbers: list[int]
    rest: list[Listed]
    opened: Opened | None
    outcome: Outcome | None
    holder: str
    undoable: int | None
    done: int
    each_s: float


def _load(
    session: Session, who: Person, queue: str, at: int | None, skipped: tuple[int, ...]
) -> Loaded:
    now = utcnow()
    found = queues.list_queue(session, queue, who, now, skipped)
    if at is not None:
        with contextlib.suppress(NotFound):  # a made-up place is the beginning
            chosen = rows.get_for_agent(session, at, who).id
            found = [chosen, *(number for number in found if number != chosen)]
    lately = queues.lately(session, who, now)
    done, each_s = queues.pace(lately)
    listed = rows.list_by_number(session, found[: SHOWN_NEXT + 1])
    loaded = outcome = None
    if found:
        row = rows.get_for_agent(session, found[0], who)
        book = load_rulebook(session)
        loaded = replace(glanced(session, row, listed[0]), teams=book.teams)
        if row.request_type in book.types:
            outcome = reviewing.outcome(session, row, book, row.request_type, row.urgency)
    return Loaded(
        counts=queues.counts(session, who, now),
        numbers=found,
        rest=listed[1:],
        opened=loaded,
        outcome=outcome,
        holder=queues.holder(session, found[0], who, now) if found else "",
        undoable=reviewing.undoable(lately, now),
        done=done,
        each_s=each_s,
    )


def _item(loaded: Loaded, speak: Speaker, who: Person) -> Item | None:
    """Return what is to be decided, as shown."""
    one = loaded.opened
    if one is None:
        return None
    row, said = one.thread.conversation, one.thread.prediction
    candidates = [(key, share) for key, share in said.candidates] if said is not None else []
    choices, others = offered(one.types, candidates, row.request_type, speak.language)
    outcome = []
    if loaded.outcome is not None:
        due = row.next_due_at
        outcome = present_outcome(loaded.outcome, one.teams, speak, due)
    return Item(
        page=shown_conversation(one, speak, who),
        version=row.version,
        text=mark_terms(
            paragraphs(words_of(one.thread.messages, said)[:SHOWN_CHARS]),
            [(term, weight) for term, weight in said.why] if said is not None else [],
        ),
        choices=choices,
        others=others,
        chosen=row.request_type,
        matrix=matrix(row.urgency),
        sureness=sure_of(said, row.request_type_confidence),
        arrived=speak.clock(row.created_at),
        outcome=outcome,
        holder=loaded.holder,
        opinions=present_opinions(one.opinions, one.types, speak.language),
    )


def _rest(loaded: Loaded, speak: Speaker, who: Person) -> list[Row]:
    """Return what comes next, as shown."""
    one = loaded.opened
    if one is None:
        return []
    return [
        present_row(row, speak, one.types, one.colleagues, me=who.id) for row in loaded.rest
    ]


def _asked(request: HttpRequest, fields: dict[str, str] | None = None) -> tuple[str, Any]:
    """Return the queue and what was skipped in it."""
    given = fields if fields is not None else dict(request.query_params)
    queue = given.get("queue") or given.get("q") or UNSURE
    numbers = [number_of(part) for part in given.get("skipped", "").split(",")]
    skipped = tuple(number for number in numbers if number is not None)[-MOST_SKIPPED:]
    return queue if queue in QUEUES else UNSURE, skipped


@get("/review", opt={"access": "supervisor"})
async def show_review(request: HttpRequest) -> Response[Any]:
    """Show one guess after the other for a person to confirm or correct."""
    queue, skipped = _asked(request)
    at = number_of(request.query_params.get("at", ""))
    return await _shown(request, queue, skipped, at)


async def _shown(
    request: HttpRequest,
    queue: str,
    skipped: tuple[int, ...],
    at: int | None = None,
    *,
    line: str = "",
    problem: str = "",
) -> Response[Any]:
    who = person(request)
    loaded = await read(request, _load, who, queue, at, skipped)
    speak = await speaker_for(request)
    item = _item(loaded, speak, who)
    whole = not wants_partial(request)
    left = loaded.counts[queue]
    response = await page(
        request,
        "review/page.html" if whole else "review/_answer.html",
        active="review",
        item=item,
        queue=queue,
        counts=loaded.counts,
        skipped=",".join(map(str, skipped)),
        rest=_rest(loaded, speak, who),
        undoable=loaded.undoable,
        done=loaded.done,
        total=loaded.done + left,
        minutes=round(left * loaded.each_s / 60),
        line=line,
        problem=problem,
        strip=await review_strip.load_strip(request) if whole else None,
    )
    if item is not None and not item.holder:
        # After the answer: reading must not wait for the writers' turn.
        response.background = BackgroundTask(_note_looking, request, item.page.number)
    return response


async def _note_looking(request: HttpRequest, number: int) -> None:
    await write(request, queues.take, number, person(request), utcnow())


def _decide(
    session: Session,
    number: int,
    who: Person,
    answer: Answer,
    settings: Settings,
    secret: bytes,
) -> None:
    house = load_house(session, settings, secret)
    if house is None:
        raise Conflict("There is no company yet.")
    row = reviewing.get_reviewable(session, number, who)
    book = load_rulebook(session)
    reviewing.decide(session, row, book, house, answer=answer, by=who, now=utcnow())


@post("/review/{number:int}", opt={"access": "supervisor", "fields": FIELDS})
async def answer(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Take the answer and show the next one; or skip this one."""
    fields = await form_fields(request)
    queue, skipped = _asked(request, fields)
    if fields.get("skip"):
        return await _next(request, queue, (*skipped, number)[-MOST_SKIPPED:])
    kind = fields.get("request_type", "")
    said = Answer(
        number_of(fields.get("version", "")) or 0,
        fields.get("other", "") if kind == "other" else kind,
        fields.get("urgency", ""),
    )
    where = site(request)
    try:
        await write(
            request, _decide, number, person(request), said, where.settings, where.secret
        )
    except Conflict as error:
        return await _next(request, queue, skipped, problem=error.message)
    return await _next(request, queue, skipped, line=N_("#%(n)s is checked."), number=number)


async def _next(
    request: HttpRequest,
    queue: str,
    skipped: tuple[int, ...],
    *,
    line: str = "",
    problem: str = "",
    number: int = 0,
) -> Response[Any]:
    say = words(request)
    if wants_partial(request):
        said = say(line) % {"n": number} if line else ""
        shown = say(problem) if problem else ""
        return await _shown(request, queue, skipped, line=said, problem=shown)
    query = {"q": queue} | ({"skipped": ",".join(map(str, skipped))} if skipped else {})
    back = Redirect(f"/review?{urlencode(query)}", status_code=303)
    if not line and not problem:
        return back
    return flash(request, back, line or problem, **({"n": number} if line else {}))


def _take_back(session: Session, who: Person, settings: Settings, secret: bytes) -> int:
    house = load_house(session, settings, secret)
    if house is None:
        raise Conflict("There is no company yet.")
    return reviewing.undo(session, load_rulebook(session), house, by=who, now=utcnow())


@post("/review/undo", opt={"access": "supervisor", "fields": ("queue", "skipped")})
async def take_back(request: HttpRequest) -> Response[Any]:
    """Take the last answer back, and show its conversation again."""
    fields = await form_fields(request)
    queue, skipped = _asked(request, fields)
    where = site(request)
    try:
        number = await write(request, _take_back, person(request), where.settings, where.secret)
    except Conflict as error:
        return await _next(request, queue, skipped, problem=error.message)
    if wants_partial(request):
        said = words(request)(N_("#%(n)s is open to be checked again.")) % {"n": number}
        return await _shown(request, queue, skipped, number, line=said)
    return Redirect(f"/review?q={queue}&at={number}", status_code=303)


def _ask_outcome(
    session: Session, number: int, who: Person, kind: str, urgency: str
) -> tuple[Outcome, datetime | None, Mapping[int, str]]:
    row = rows.get_for_agent(session, number, who)
    book = load_rulebook(session)
    kind = kind if kind in book.types else row.request_type
    urgency = urgency if urgency in ("urgent", "high", "normal", "low") else row.urgency
    found = reviewing.outcome(session, row, book, kind, urgency)
    return found, row.next_due_at, book.teams


@get("/review/{number:int}/outcome", opt={"access": "supervisor"})
async def show_outcome(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show what would follow from what is chosen."""
    asked = request.query_params
    kind = asked.get("request_type", "")
    kind = asked.get("other", "") if kind == "other" else kind
    urgency = asked.get("urgency", "")
    asked_by = person(request)
    found, due, teams = await read(request, _ask_outcome, number, asked_by, kind, urgency)
    speak = await speaker_for(request)
    lines = present_outcome(found, teams, speak, due)
    return await page(request, "review/_outcome.html", outcome=lines)
