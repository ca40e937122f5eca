"""Calendars: one's feed of what is due, and one's own calendar, which says when one is busy."""

import hashlib
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox.calendars import feed, own
from inbox.channels.icswrite import write_calendar
from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.store.busy import list_busy
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import done, spoken_errors
from inbox.views.site import HttpRequest, person, read, site, write
from models import CalendarFeed, OwnCalendar

ADDRESS = "/me/calendar"
SUFFIX = ".ics"


class Address(Struct):
    """Where one keeps one's calendar."""

    address: str = ""


def _load(
    session: Session, agent_id: int
) -> tuple[CalendarFeed | None, OwnCalendar | None, int]:
    now = utcnow()
    meetings = list_busy(session, now, now + own.AHEAD, [agent_id]).get(agent_id, [])
    return (
        session.get(CalendarFeed, agent_id),
        own.find_own(session, agent_id),
        len(meetings),
    )


@get(ADDRESS, opt={"access": "agent"})
async def show_calendars(request: HttpRequest) -> Response[Any]:
    """Show one's feed and one's own calendar."""
    return await _page(request)


async def _page(
    request: HttpRequest,
    secret: str = "",
    errors: dict[str, str] | None = None,
    code: int = 200,
) -> Response[Any]:
    found, mine, meetings = await read(request, _load, person(request).id)
    speak = await speaker_for(request)

    def moment(at: Any) -> str:
        return f"{speak.date(at)} {speak.clock(at)}" if at is not None else ""

    base = site(request).settings.base_url.rstrip("/")
    response = await page(
        request,
        "me_calendar.html",
        code=code,
        active="me",
        address=f"{base}/calendar/{secret}{SUFFIX}" if secret else "",
        made_at=moment(found.made_at) if found is not None else "",
        read_at=moment(found.read_at) if found is not None else "",
        mine=mine,
        fetched_at=moment(mine.fetched_at) if mine is not None else "",
        failing_since=moment(mine.failing_since) if mine is not None else "",
        problem=speak.say(mine.error) if mine is not None and mine.error else "",
        meetings=meetings,
        errors=errors or {},
    )
    if secret:
        response.headers["cache-control"] = "no-store"
    return response


@post(f"{ADDRESS}/feed", opt={"access": "agent", "fields": ()})
async def make_feed(request: HttpRequest) -> Response[Any]:
    """Give oneself a feed, or another address for it, and show that this once."""
    secret = await write(request, feed.make, person(request).id, now=utcnow())
    return await _page(request, secret)


@post(f"{ADDRESS}/feed/removal", opt={"access": "agent", "fields": ()})
async def remove_feed(request: HttpRequest) -> Redirect:
    """Let nobody read one's feed any longer."""
    await write(request, feed.remove, person(request).id, now=utcnow())
    return done(request, ADDRESS, N_("Nobody reads your calendar here any longer."))


@post(f"{ADDRESS}/own", opt={"access": "agent", "fields": fields_of(Address)})
async def enter_own(request: HttpRequest) -> Response[Any]:
    """Say where one keeps one's calendar."""
    typed = (await read_as(request, Address)).address
    where = site(request)
    vault = Vault(where.secret)
    me = person(request).id
    try:
        await write(request, own.enter, me, typed, vault, where.settings, utcnow())
    except Invalid as error:
        return await _page(request, errors=spoken_errors(request, error), code=422)
    return done(request, ADDRESS, N_("The calendar is read within a minute."))


@post(f"{ADDRESS}/own/removal", opt={"access": "agent", "fields": ()})
async def remove_own(request: HttpRequest) -> Redirect:
    """Have one's calendar read no more."""
    await write(request, own.remove, person(request).id, utcnow())
    return done(request, ADDRESS, N_("Your calendar is not read any longer."))


@get("/calendar/{token:str}", opt={"access": "link"})
async def read_feed(request: HttpRequest, token: FromPath[str]) -> Response[bytes]:
    """Give a calendar program what is due; whoever has the address has it."""
    now = utcnow()
    secret = token.removesuffix(SUFFIX)
    reader = await read(request, feed.find_reader, secret, now)
    if reader.is_stale:
        await write(request, feed.note_read, reader.agent_id, now)
    base = site(request).settings.base_url.rstrip("/")
    items = await read(request, feed.list_items, reader, base)
    body = write_calendar(f"Kịp · {reader.name}", items).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "x-robots-tag": "noindex"}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="text/calendar", headers=headers)
