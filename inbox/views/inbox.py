"""The list and one conversation."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox import conversations as service
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import InboxError
from inbox.listing import deeds
from inbox.listing.deeds import Failed, Outcome
from inbox.store import conversations as rows
from inbox.store import looks
from inbox.store.conversations import Listed
from inbox.store.people import Person
from inbox.views import looking
from inbox.views.listing import (
    Asked,
    ListRows,
    Wish,
    asked_by,
    asking_of,
    counted,
    find_asked,
    given_in,
    load_list,
    view_items,
)
from inbox.views.models import ConversationPage, ListPage, Row
from inbox.views.opened import Opened, load_opened, load_pane, own_row, shown_conversation
from inbox.views.present_bulk import outcome_toast
from inbox.views.present_dates import (
    end_of_day,
    present_dates,
)
from inbox.views.present_list import (
    present_list,
    present_row,
)
from inbox.views.present_start import addresses, load_day, present_steps
from inbox.views.render import Toast, language, page, wants_partial, words
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import Speaker, speaker
from models import Deed, Role, Status

log = logging.getLogger(__name__)


async def speaker_for(request: HttpRequest) -> Speaker:
    """Return the words and times for whoever looks."""
    company = await site(request).company()
    zone = company.time_zone if company else "UTC"
    who: Person | None = request.scope.get("user")
    return speaker(language(request), zone, utcnow(), who.time_zone if who else "")


async def list_page(
    request: HttpRequest,
    asked: Asked | None = None,
    *,
    current: int = 0,
    with_excerpt: bool = False,
    status: Status = Status.OPEN,
) -> tuple[ListPage, Row | None]:
    """Return the list as shown, and what is next for the person."""
    speak = await speaker_for(request)
    wish = await _wish(request, speak, asked)
    wish = replace(wish, status=status, with_excerpt=with_excerpt)
    return await shown_list(request, await read(request, load_list, wish), speak, current)


async def _wish(request: HttpRequest, speak: Speaker, asked: Asked | None = None) -> Wish:
    asking = await asking_of(request, speak.now)
    return Wish(asking, asked or given_in(request.query_params), end_of_day(speak))


async def shown_list(
    request: HttpRequest, loaded: ListRows, speak: Speaker, current: int = 0
) -> tuple[ListPage, Row | None]:
    """Return a list that was loaded as shown, and what is next for the person."""
    who, asked = person(request), loaded.asked
    shown = present_list(
        loaded.rows,
        speak,
        loaded.types,
        loaded.colleagues,
        me=who.id,
        scope=asked.shown_scope,
        counts=loaded.counts,
        current=current,
        after=asked.after,
        next_page=loaded.next_page,
        is_partial=loaded.is_partial,
        begun=loaded.begun,
    )
    shown = replace(
        shown,
        query=asked.query,
        name=asked.view.name if asked.view is not None else "",
        state=asked.filters.state,
        is_filtered=bool(asked.extra.asked()),
        rail=loaded.rail,
        views=view_items(await counted(request, loaded.views, speak.now), who, asked),
    )
    dates = present_dates(loaded.dates, speak, loaded.colleagues, who)
    if dates.items:
        shown = replace(shown, dates=dates)
    first = next((row for row in loaded.rows if row.next_due_at is not None), None)
    up = None
    if first is not None and asked.after is None:
        up = present_row(
            first, speak, loaded.types, loaded.colleagues, me=who.id, excerpt=loaded.excerpt
        )
    return shown, up


@get("/", opt={"access": "agent"})
async def show_start() -> Redirect:
    """Lead to the list."""
    return Redirect("/inbox", status_code=303)


@get("/inbox", name="inbox", opt={"access": "agent"})
async def show_list(request: HttpRequest) -> Response[Any]:
    """Show the one list, nearest deadline first."""
    partial = wants_partial(request)
    only_next = partial and "next" in request.query_params
    shown, next_up = await list_page(request, with_excerpt=only_next or not partial)
    template = "inbox/_list_refresh.html" if partial else "inbox/list.html"
    if only_next:  # the card beside the list, where no conversation is open
        template = "inbox/_next_up.html"
    empty = not (shown.groups or shown.after or shown.is_filtered or shown.name)
    guide = await _guide(request) if empty else {}
    return await page(
        request,
        template,
        active="inbox",
        rail=shown.rail,
        page=shown,
        next_up=next_up,
        conversation=None,
        toasts=[] if partial else await _just_done(request),
        **guide,
    )


def _deed(session: Session, deed_id: int, who: Person) -> Deed:
    return deeds.get(session, deed_id, who, utcnow())


async def _just_done(request: HttpRequest) -> list[Toast]:
    """Say again what a click has just done, where the page was loaded anew for it."""
    deed_id = number_of(request.query_params.get("did", ""))
    if not deed_id:
        return []
    try:
        deed = await read(request, _deed, deed_id, person(request))
    except InboxError:  # too late, or taken back
        return []
    failed = [Failed(*one) for one in deed.said["failed"]]
    outcome = Outcome([one["n"] for one in deed.did], failed, deed.id)
    back = (await asked_by(request)).query.lstrip("?")
    return [outcome_toast(outcome, await speaker_for(request), deed.action, back)]


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


def _mark_read(session: Session, number: int, who: Person) -> None:
    service.mark_read(session, rows.get_for_agent(session, number, who), utcnow())


@get("/waiting", opt={"access": "agent"})
async def show_waiting(request: HttpRequest) -> Response[Any]:
    """Show what waits for somebody, or sleeps (``kind=snoozed``), and until when."""
    snoozed = request.query_params.get("kind") == "snoozed"
    status = Status.SNOOZED if snoozed else Status.WAITING
    scope = "mine" if request.query_params.get("for") == "mine" else "team"
    asked = Asked(scope, after=request.query_params.get("after") or None)
    shown, _ = await list_page(request, asked, status=status)
    return await page(
        request,
        "inbox/waiting.html",
        active="waiting",
        rail=shown.rail,
        page=shown,
        kind=status.value,
    )


@get("/inbox/{number:int}", name="conversation", opt={"access": "agent"})
async def show_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show one conversation; the whole page, the pane, or only what has changed."""
    who = person(request)
    speak = await speaker_for(request)
    if wants_partial(request) or request.query_params.get("part") == "thread":
        loaded = await read(request, _load_beside, number, who, given_in(request.query_params))
        response = await _part(request, loaded, speak)
    else:
        wish = await _wish(request, speak)
        loaded, around = await read(request, _load_whole, number, wish)
        response = await _whole(request, loaded, around, speak)
    if request.headers.get("hx-preloaded") == "true":
        return response
    contact_id = loaded.thread.conversation.contact_id
    look = looking.unseen(request, looks.CONVERSATION, contact_id, number)
    unread = loaded.may_act and _is_unread(loaded.listed)
    if look is not None or unread:
        # After the answer: reading must not wait for the writers' turn.
        response.background = BackgroundTask(_note_reading, request, number, look, unread)
    return response


async def _note_reading(
    request: HttpRequest, number: int, look: looks.Seen | None, unread: bool
) -> None:
    if look is not None:
        await looking.keep(request, look)
    if not unread:
        return
    try:
        await write(request, _mark_read, number, person(request))
    except DatabaseGone as error:
        log.warning("that #%d was read is not written down: %s", number, error)


def _load_beside(
    session: Session, number: int, who: Person, given: Mapping[str, str]
) -> Opened:
    """Load a conversation beside the list for which an address asks."""
    query = find_asked(session, who, given).query
    return replace(load_pane(session, number, who), beside=query)


def _load_whole(session: Session, number: int, wish: Wish) -> tuple[Opened, ListRows]:
    return load_opened(session, number, wish.asking.who), load_list(session, wish)


async def _part(request: HttpRequest, loaded: Opened, speak: Speaker) -> Response[Any]:
    if request.query_params.get("part") == "thread":
        return await changed(request, loaded)
    shown = shown_conversation(loaded, speak, person(request))
    return await _pane(request, loaded, shown, speak)


async def _whole(
    request: HttpRequest, loaded: Opened, around: ListRows, speak: Speaker
) -> Response[Any]:
    shown = shown_conversation(loaded, speak, person(request))
    listing, _ = await shown_list(request, around, speak, loaded.listed.id)
    return await page(
        request,
        "inbox/conversation.html",
        active="inbox",
        rail=listing.rail,
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
        rail=loaded.rail,
        conversation=shown,
        row=row,
        toast=toast,
        page_query=loaded.beside,
    )
    # A row preloaded on mouse-down is not fetched again on the click.
    response.headers["cache-control"] = "private, max-age=10"
    return response


async def changed(
    request: HttpRequest, loaded: Opened, toast: Toast | None = None
) -> Response[Any]:
    """Answer an action on the open conversation: out-of-band parts, never the composer."""
    speak = await speaker_for(request)
    who = person(request)
    return await page(
        request,
        "inbox/_changed.html",
        rail=loaded.rail,
        conversation=shown_conversation(loaded, speak, who),
        row=own_row(loaded, speak, who.id, current=True),
        toast=toast,
        page_query="",
    )


def _load_next(session: Session, who: Person, given: Mapping[str, str]) -> Opened | None:
    """Load what is due next of the person's own conversations, else of the team's."""
    for mine in (True, False):
        for row in rows.list_conversations(session, who, mine=mine):
            if row.next_due_at is not None:
                return _load_beside(session, row.id, who, given)
    return None


async def open_next(request: HttpRequest, toast: Toast) -> Response[Any]:
    """Answer Done: the next conversation, or that nothing is left."""
    who = person(request)
    loaded = await read(request, _load_next, who, given_in(request.query_params))
    if loaded is None:
        return await page(
            request, "inbox/_nothing_open.html", active="inbox", next_up=None, toast=toast
        )
    speak = await speaker_for(request)
    shown = shown_conversation(loaded, speak, who)
    response = await _pane(request, loaded, shown, speak, toast)
    response.headers["HX-Push-Url"] = f"/inbox/{loaded.listed.id}"
    response.headers["cache-control"] = "private, no-store"
    return response
