"""What goes on this moment, for those who lead: numbers that open their conversations."""

from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get
from sqlmodel import Session

from inbox import duty
from inbox.errors import NotFound
from inbox.rulebook import load_rulebook
from inbox.sla.pace import working_ago
from inbox.store import now as live
from inbox.store import people, setup
from inbox.store.conversations import Cursor
from inbox.views import present_now
from inbox.views.inbox import speaker_for
from inbox.views.listing import ListRows
from inbox.views.models import ScopeCounts
from inbox.views.present_list import present_list, read_cursor
from inbox.views.render import page, wants_partial
from inbox.views.site import HttpRequest, number_of, person, read
from models import Outlook

AN_HOUR = timedelta(hours=1)
SILENT_S = 4 * 3600  # working time in which nobody did anything
UNSURE_S = 2 * 3600  # working time that unsure sorting waited for somebody


def load_moments(session: Session, now: datetime, outlook: Outlook | None) -> live.Moments:
    """Return what is late and what is long now, by the company's hours."""
    book = load_rulebook(session)
    calendar = book.calendars[book.default_calendar_id]
    foreseen = tuple(
        number for number, due_at, _ in present_now.foreseen_of(outlook) if due_at > now
    )
    return live.Moments(
        now,
        now + AN_HOUR,
        working_ago(calendar, now, SILENT_S),
        working_ago(calendar, now, UNSURE_S),
        foreseen,
    )


def _load(session: Session, now: datetime) -> present_now.Loaded:
    outlook = live.find_outlook(session)
    moments = load_moments(session, now, outlook)
    shown = moments.foreseen[: 3 * present_now.SHOWN_LATE]
    return present_now.Loaded(
        live.load_standing(session, moments),
        people.team_names(session),
        live.list_people(session),
        duty.load_duty(session, now),
        live.away_until(session, now),
        outlook,
        live.subjects_of(session, shown),
    )


@get("/now", opt={"access": "supervisor"})
async def show_now(request: HttpRequest) -> Response[Any]:
    """Show what stands where, who is at work, and what will probably be late."""
    speak = await speaker_for(request)
    loaded = await read(request, _load, speak.now)
    template = "now/_now.html" if wants_partial(request) else "now/now.html"
    shown = present_now.present_now(loaded, speak)
    return await page(request, template, active="now", shown=shown)


def _load_list(
    session: Session,
    kind: str,
    team: int | None,
    owner: int | None,
    after: Cursor | None,
    now: datetime,
) -> ListRows:
    moments = load_moments(session, now, live.find_outlook(session))
    found = live.list_kind(session, kind, moments, team_id=team, owner_id=owner, after=after)
    return ListRows(
        found,
        ScopeCounts("", ""),
        setup.named_types(session),
        people.list_colleagues(session),
    )


@get("/now/list", opt={"access": "supervisor"})
async def show_now_list(request: HttpRequest) -> Response[Any]:
    """List the conversations behind a number of the live page."""
    kind = request.query_params.get("kind", "late")
    if kind not in live.KINDS:
        raise NotFound("There is no such list.")
    speak = await speaker_for(request)
    text = request.query_params.get("after") or None
    team = number_of(request.query_params.get("team", ""))
    owner = number_of(request.query_params.get("owner", ""))
    loaded = await read(request, _load_list, kind, team, owner, read_cursor(text), speak.now)
    shown = present_list(
        loaded.rows,
        speak,
        loaded.types,
        loaded.colleagues,
        me=person(request).id,
        scope="team",
        counts=loaded.counts,
        after=text,
    )
    return await page(
        request,
        "now/list.html",
        active="now",
        page=shown,
        title=speak.say(present_now.TITLES[kind]),
        here=present_now.address(kind, team, owner),
    )
