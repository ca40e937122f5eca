"""The audit trail's page: who changed what and when, narrowed down, and as CSV."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.response import Stream
from sqlmodel import Session

from inbox.clock import read_day, read_time
from inbox.spreadsheet import BOM, as_csv
from inbox.store import people, seals, setup, trail
from inbox.store.trail import NOBODY, Change, Place, Wanted
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_audit import THINGS, Line, Names, moment, present_change
from inbox.views.render import page
from inbox.views.site import HttpRequest, number_of, read
from inbox.views.words import Speaker

A_PAGE = 50
A_CHUNK = 500  # lines of CSV read at a time
HEAD = (N_("When"), N_("Who"), N_("What"), N_("Which"), N_("Done"), N_("From"), N_("To"))
FILTERS = ("person", "thing", "from", "to")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a menu."""

    value: str
    text: str


def _names(session: Session) -> Names:
    return Names(
        people.list_colleagues(session),
        people.team_names(session),
        setup.named_types(session),
    )


def _load(
    session: Session, wanted: Wanted, after: Place | None, limit: int
) -> tuple[list[Change], Names]:
    return trail.list_trail(session, wanted, after=after, limit=limit), _names(session)


def _day(text: str) -> date | None:
    try:
        return read_day(text)
    except ValueError:
        return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _wanted(asked: dict[str, str], zone: ZoneInfo) -> Wanted:
    """Read the filters; what is no filter narrows nothing."""
    first, last = _day(asked["from"]), _day(asked["to"])
    ends = last is not None and last < date.max
    return Wanted(
        person=number_of(asked["person"]),
        thing=asked["thing"] if asked["thing"] in THINGS else None,
        since=_midnight(first, zone) if first else None,
        until=_midnight(last + timedelta(days=1), zone) if last and ends else None,
    )


def _asked(request: HttpRequest) -> dict[str, str]:
    return {name: request.query_params.get(name, "")[:40] for name in FILTERS}


def _place(text: str) -> Place | None:
    """Read where a page begins; None, the beginning, if that is nothing of ours."""
    at, _, rest = text.partition("~")
    source, _, row = rest.partition("~")
    number = number_of(row)
    try:
        moment_ = read_time(at)
    except ValueError:
        return None
    if number is None or source not in ("event", "entry") or moment_.tzinfo is None:
        return None
    return Place(moment_, source, min(number, 2**31 - 1))


def _address(path: str, asked: dict[str, str], after: Place | None = None) -> str:
    query = {name: value for name, value in asked.items() if value}
    if after is not None:
        query["after"] = f"{after.at.isoformat()}~{after.source}~{after.id}"
    return f"{path}?{urlencode(query)}" if query else path


@get("/settings/audit", opt={"access": "admin"})
async def show_audit(request: HttpRequest) -> Response[Any]:
    """List changes, the newest first."""
    speak = await speaker_for(request)
    asked = _asked(request)
    after = _place(request.query_params.get("after", "")[:80])
    found, names = await read(request, _load, _wanted(asked, speak.zone), after, A_PAGE + 1)
    shown = found[:A_PAGE]
    newest = await read(request, seals.find_newest)
    older = shown[-1].place if len(found) > A_PAGE else None
    return await page(
        request,
        "settings/audit.html",
        active="settings",
        items=[present_change(one, speak, names) for one in shown],
        asked=asked,
        people=_people(names, speak),
        things=[Choice(key, speak.say(text)) for key, text in THINGS.items()],
        older=_address("/settings/audit", asked, older) if older else "",
        newest=_address("/settings/audit", asked) if after else "",
        csv=_address("/settings/audit.csv", asked),
        sealed=(newest[0], moment(speak, newest[1])) if newest else None,
    )


def _people(names: Names, speak: Speaker) -> list[Choice]:
    everyone = sorted(names.colleagues.values(), key=lambda one: one.name)
    nobody = Choice(str(NOBODY), speak.say("Kịp, or a command"))
    return [*(Choice(str(one.id), one.name) for one in everyone), nobody]


@get("/settings/audit.csv", opt={"access": "admin"})
async def download_audit(request: HttpRequest) -> Stream:
    """Give the whole list, narrowed the same way."""
    speak = await speaker_for(request)
    wanted = _wanted(_asked(request), speak.zone)
    return Stream(
        _lines(request, wanted, speak),
        media_type="text/csv",
        headers={
            "content-disposition": 'attachment; filename="audit.csv"',
            "cache-control": "private, no-store",
        },
    )


async def _lines(request: HttpRequest, wanted: Wanted, speak: Speaker) -> AsyncIterator[str]:
    yield BOM + as_csv([[speak.say(word) for word in HEAD]])
    after: Place | None = None
    while True:
        found, names = await read(request, _load, wanted, after, A_CHUNK)
        if not found:
            return
        yield as_csv(_cells(present_change(one, speak, names), speak) for one in found)
        after = found[-1].place


def _cells(line: Line, speak: Speaker) -> list[str]:
    at = speak.local(datetime.fromisoformat(line.at_iso)).isoformat(timespec="seconds")
    old = "; ".join(f"{one.field}: {one.old}" for one in line.moves)
    new = "; ".join(f"{one.field}: {one.new}" for one in line.moves)
    return [at, line.who, line.thing, line.thing_id, line.what, old, new]
