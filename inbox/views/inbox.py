"""The list and one conversation."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox import conversations as service
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.duty import list_team_on_duty
from inbox.learning.queues import Opinion, opinions
from inbox.store import conversations as rows
from inbox.store import counts, owners, people, setup
from inbox.store.asks import AskRow, list_about
from inbox.store.conversations import Cursor, Listed, Thread
from inbox.store.duty import list_running
from inbox.store.owners import Assignable
from inbox.store.people import Colleague, Person
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.timeline import Calendars, happened_of, load_calendars
from inbox.views import cover_lines
from inbox.views.models import ConversationPage, ListPage, Row, ScopeCounts
from inbox.views.present import present_choices, present_conversation
from inbox.views.present_asks import present_asks
from inbox.views.present_list import (
    present_list,
    present_opinions,
    present_row,
    read_cursor,
)
from inbox.views.present_start import addresses, load_day, present_steps
from inbox.views.render import Toast, language, page, wants_partial, words
from inbox.views.site import HttpRequest, person, read, site, write
from inbox.views.words import Speaker, speaker
from models import Absence, Conversation, Role, Status

log = logging.getLogger(__name__)

ENOUGH_CONFIRMED = 200
EXCERPT_CHARS = 400
ONLY_NOTES = N_("Your team was asked something about this request: read it, and keep notes.")


@dataclass(frozen=True, slots=True)
class ListRows:
    """A page of the list as rows."""

    rows: list[Listed]
    counts: ScopeCounts
    types: dict[str, Type]
    colleagues: dict[int, Colleague]
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation's page as rows."""

    thread: Thread
    listed: Listed
    types: dict[str, Type]
    colleagues: dict[int, Colleague]
    teams: dict[int, str]
    identities: Mapping[str, Any]
    confirmed: int
    assignable: list[Assignable]
    calendars: Calendars  # that its events name
    asks: list[AskRow]
    may_act: bool
    opinions: list[Opinion]  # of the type, where people do not agree
    away: Mapping[int, Absence]  # those of owner and first owner who are absent


async def speaker_for(request: HttpRequest) -> Speaker:
    """Return the words and times for whoever looks."""
    company = await site(request).company()
    zone = company.time_zone if company else "UTC"
    return speaker(language(request), zone, utcnow())


def load_list(
    session: Session,
    who: Person,
    scope: str,
    after: Cursor | None,
    *,
    with_excerpt: bool,
    status: Status = Status.OPEN,
) -> ListRows:
    """Load a page of the list in a fixed number of queries."""
    mine = scope == "mine"
    found = rows.list_conversations(session, who, mine=mine, status=status, after=after)
    excerpt = ""
    if with_excerpt and found:
        excerpt = rows.last_words(session, found[0].id)[:EXCERPT_CHARS]
    return ListRows(
        found,
        ScopeCounts(*counts.scopes(session, who)),
        setup.named_types(session),
        people.list_colleagues(session),
        excerpt,
    )


async def list_page(
    request: HttpRequest,
    scope: str,
    *,
    current: int = 0,
    with_excerpt: bool = False,
    status: Status = Status.OPEN,
) -> tuple[ListPage, Row | None]:
    """Return the list as shown, and what is next for the person."""
    who = person(request)
    text = request.query_params.get("after") or None
    after = read_cursor(text)
    loaded = await read(
        request, load_list, who, scope, after, with_excerpt=with_excerpt, status=status
    )
    speak = await speaker_for(request)
    shown = present_list(
        loaded.rows,
        speak,
        loaded.types,
        loaded.colleagues,
        me=who.id,
        scope=scope,
        counts=loaded.counts,
        current=current,
        after=text,
    )
    first = next((row for row in loaded.rows if row.next_due_at is not None), None)
    up = None
    if first is not None and after is None:
        up = present_row(
            first, speak, loaded.types, loaded.colleagues, me=who.id, excerpt=loaded.excerpt
        )
    return shown, up


def scope_of(request: HttpRequest) -> str:
    """Return whose conversations are listed; the team's unless asked otherwise."""
    return "mine" if request.query_params.get("for") == "mine" else "team"


@get("/", opt={"access": "agent"})
async def show_start() -> Redirect:
    """Lead to the list."""
    return Redirect("/inbox", status_code=303)


@get("/inbox", name="inbox", opt={"access": "agent"})
async def show_list(request: HttpRequest) -> Response[Any]:
    """Show the one list, nearest deadline first."""
    partial = wants_partial(request)
    only_next = partial and "next" in request.query_params
    shown, next_up = await list_page(
        request, scope_of(request), with_excerpt=only_next or not partial
    )
    template = "inbox/_list_refresh.html" if partial else "inbox/list.html"
    if only_next:  # the card beside the list, where no conversation is open
        template = "inbox/_next_up.html"
    guide = {} if shown.groups or shown.after else await _guide(request)
    return await page(
        request,
        template,
        active="inbox",
        page=shown,
        next_up=next_up,
        conversation=None,
        **guide,
    )


async def _guide(request: HttpRequest) -> dict[str, Any]:
    """Return what an empty list says besides: where people write, and the first day's steps."""
    where, who = site(request), person(request)
    found = await read(request, addresses, where.settings.base_url)
    steps = None
    if who.role is not Role.AGENT:
        day = await read(request, load_day, where.settings)
        steps = present_steps(day, words(request)) if day.is_shown else None
    administers = who.role is Role.ADMIN
    return {"addresses": found, "first_day": steps, "administers": administers}


def load_opened(session: Session, number: int, who: Person) -> Opened:
    """Load a conversation's page.

    Raises
    ------
    NotFound
        If it is not this person's to see.
    """
    conversation = rows.get_for_agent(session, number, who, or_asked=True)
    return opened(session, conversation, who)


def opened(session: Session, conversation: Conversation, who: Person) -> Opened:
    """Load everything on the page of a conversation that was loaded for this person."""
    thread = rows.load_thread(session, conversation, who)
    return Opened(
        thread=thread,
        listed=rows.get_listed(session, conversation.id),
        types=setup.named_types(session),
        colleagues=people.list_colleagues(session),
        teams=people.team_names(session),
        identities=people.list_identities(session, conversation.contact_id),
        confirmed=setup.count_confirmed(session, ENOUGH_CONFIRMED),
        assignable=_assignable(session, conversation),
        calendars=load_calendars(session, happened_of(thread.events)),
        asks=list_about(session, conversation.id),
        may_act=counts.sees(who, conversation),
        opinions=opinions(session, conversation.id),
        away=list_running(
            session,
            utcnow(),
            [conversation.owner_id or 0, conversation.covered_for_id or 0],
        ),
    )


def _assignable(session: Session, conversation: Conversation) -> list[Assignable]:
    """Return whom it can be given to; on duty is who is at work now."""
    there = set(list_team_on_duty(session, None, utcnow()))
    found = owners.list_assignable(session, conversation.team_id, conversation.owner_id)
    now_there = [replace(one, on_duty=one.id in there) for one in found]
    return sorted(now_there, key=lambda one: not one.on_duty)


def shown_conversation(loaded: Opened, speak: Speaker, who: Person) -> ConversationPage:
    """Return the conversation as shown; whose team was only asked may read and note."""
    me = who.id
    shown = present_conversation(
        loaded.thread,
        speak,
        loaded.types,
        loaded.colleagues,
        loaded.teams,
        loaded.identities,
        me=me,
        confirmed=loaded.confirmed,
        calendars=loaded.calendars,
    )
    shown.choices = present_choices(loaded.assignable, speak, owner_id=shown.owner_id, me=me)
    shown.asks = present_asks(
        loaded.asks,
        speak,
        who,
        loaded.colleagues,
        loaded.teams,
        may_withdraw=loaded.may_act,
    )
    row = loaded.thread.conversation
    shown.opinions = present_opinions(loaded.opinions, loaded.types, speak.language)
    shown.cover_text = cover_lines.header(row, loaded.away, speak, loaded.colleagues)
    if not loaded.may_act:
        shown.may_act, shown.can_reply = False, False
        shown.cannot_reply_reason = speak.say(ONLY_NOTES)
    return shown


def _mark_read(session: Session, number: int, who: Person) -> None:
    service.mark_read(session, rows.get_for_agent(session, number, who), utcnow())


@get("/waiting", opt={"access": "agent"})
async def show_waiting(request: HttpRequest) -> Response[Any]:
    """Show what waits for somebody, or sleeps (``kind=snoozed``), and until when."""
    snoozed = request.query_params.get("kind") == "snoozed"
    status = Status.SNOOZED if snoozed else Status.WAITING
    shown, _ = await list_page(request, scope_of(request), status=status)
    return await page(
        request,
        "inbox/waiting.html",
        active="waiting",
        page=shown,
        kind=status.value,
    )


@get("/inbox/{number:int}", name="conversation", opt={"access": "agent"})
async def show_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show one conversation; the whole page, the pane, or only what has changed."""
    who = person(request)
    loaded = await read(request, load_opened, number, who)
    response = await _shown(request, loaded)
    looks = request.headers.get("hx-preloaded") != "true" and loaded.may_act
    if looks and _is_unread(loaded.listed):
        # After the answer: reading must not wait for the writers' turn.
        response.background = BackgroundTask(_note_reading, request, number)
    return response


async def _note_reading(request: HttpRequest, number: int) -> None:
    try:
        await write(request, _mark_read, number, person(request))
    except DatabaseGone as error:
        log.warning("that #%d was read is not written down: %s", number, error)


async def _shown(request: HttpRequest, loaded: Opened) -> Response[Any]:
    who, number = person(request), loaded.listed.id
    if request.query_params.get("part") == "thread":
        return await changed(request, loaded)
    speak = await speaker_for(request)
    shown = shown_conversation(loaded, speak, who)
    if wants_partial(request):
        return await _pane(request, loaded, shown, speak)
    listing, _ = await list_page(request, scope_of(request), current=number)
    return await page(
        request,
        "inbox/conversation.html",
        active="inbox",
        page=listing,
        conversation=shown,
    )


def _is_unread(row: Listed) -> bool:
    if row.last_inbound_at is None:
        return False
    return row.read_at is None or row.read_at < row.last_inbound_at


async def _pane(
    request: HttpRequest,
    loaded: Opened,
    shown: ConversationPage,
    speak: Speaker,
    toast: Toast | None = None,
) -> Response[Any]:
    row = own_row(loaded, speak, person(request).id, current=True)
    response = await page(
        request,
        "inbox/_opened.html",
        active="inbox",
        conversation=shown,
        row=row,
        toast=toast,
        page_query="?for=mine" if scope_of(request) == "mine" else "",
    )
    # A row preloaded on mouse-down is not fetched again on the click.
    response.headers["cache-control"] = "private, max-age=10"
    return response


def own_row(loaded: Opened, speak: Speaker, me: int, *, current: bool) -> Row:
    """Return the conversation's row of the list, as read."""
    row = present_row(loaded.listed, speak, loaded.types, loaded.colleagues, me=me)
    return replace(row, current=current, unread=False)


async def changed(
    request: HttpRequest, loaded: Opened, toast: Toast | None = None
) -> Response[Any]:
    """Answer an action on the open conversation: out-of-band parts, never the composer."""
    speak = await speaker_for(request)
    who = person(request)
    return await page(
        request,
        "inbox/_changed.html",
        conversation=shown_conversation(loaded, speak, who),
        row=own_row(loaded, speak, who.id, current=True),
        toast=toast,
        page_query="",
    )


async def open_next(request: HttpRequest, toast: Toast) -> Response[Any]:
    """Answer Done: the next conversation, or that nothing is left."""
    who = person(request)
    first = None
    for scope in ("mine", "team"):
        found = await read(request, load_list, who, scope, None, with_excerpt=False)
        first = first or next((row for row in found.rows if row.next_due_at is not None), None)
    if first is None:
        return await page(
            request, "inbox/_nothing_open.html", active="inbox", next_up=None, toast=toast
        )
    loaded = await read(request, load_opened, first.id, who)
    speak = await speaker_for(request)
    shown = shown_conversation(loaded, speak, who)
    response = await _pane(request, loaded, shown, speak, toast)
    response.headers["HX-Push-Url"] = f"/inbox/{first.id}"
    response.headers["cache-control"] = "private, no-store"
    return response
