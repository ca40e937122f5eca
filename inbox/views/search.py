"""Search over everything, and what the command palette shows of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.search.finding import PAGE_SIZE, Found, as_typed, find
from inbox.search.highlight import Marker, Pieces
from inbox.search.naming import Name, find_names
from inbox.search.query import Query, Unclear, parse
from inbox.store import search as index
from inbox.store.counts import NavCounts, navigation
from inbox.store.people import Person
from inbox.store.search import HIGHEST, SHIFT, HitRow, Written
from inbox.store.searchmarks import list_counting
from inbox.views.inbox import speaker_for
from inbox.views.models import Owner
from inbox.views.present import STATUS_TEXT
from inbox.views.render import build, initial, page, wants_partial
from inbox.views.site import HttpRequest, number_of, person, read
from inbox.views.words import Speaker
from models import Direction, MarkKind, Status

NAMES = 5  # contacts, and accounts
IN_PALETTE = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that was found, as shown; the words asked for are marked."""

    number: int
    subject: Pieces
    who: Pieces
    excerpt: Pieces
    is_note: bool
    file: str
    status: str  # in words; "" while it is open
    late: bool
    owner: Owner | None
    when: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page as rows."""

    found: Found
    rows: list[HitRow]
    written: dict[int, Written]  # where the words stand, else what was written last
    files: dict[int, str]  # whose names hold the words, where nothing else does
    names: list[Name]
    read_in: int | None  # per cent of what was there before the index; None: all
    rail: NavCounts


def load(
    session: Session,
    query: Query,
    who: Person,
    zone: ZoneInfo,
    now: datetime,
    below: int | None,
) -> Loaded:
    """Load a page of hits in a fixed number of queries; names beside the first only."""
    found = find(session, query, who, zone=zone, now=now, below=below, limit=PAGE_SIZE)
    numbers, marker = found.numbers, marker_of(query)
    written, without = _written(index.list_written(session, numbers) if numbers else [], marker)
    without += [one for one in numbers if one not in written]
    files: dict[int, str] = {}
    if without and query.words:
        for number, name in index.list_filed(session, without):
            if marker.finds(name):
                files.setdefault(number, name)
    return Loaded(
        found,
        index.list_hits(session, numbers) if numbers else [],
        written,
        files,
        find_names(session, query, who, NAMES) if below is None else [],
        _read_in(session) if below is None else None,
        navigation(session, who),
    )


def _written(some: Sequence[Written], marker: Marker) -> tuple[dict[int, Written], list[int]]:
    """Return what is shown of each conversation, and those in which no message fits."""
    shown: dict[int, Written] = {}
    last: dict[int, Written] = {}
    for one in some:
        if one.number not in shown:
            if marker.finds(one.text):
                shown[one.number] = one
            elif one.direction is not Direction.NOTE:
                last.setdefault(one.number, one)
    without = [number for number in last if number not in shown]
    return {**last, **shown}, without


def _read_in(session: Session) -> int | None:
    """Return how much of the older conversations is in the index, per cent; None: all."""
    for one in list_counting(session):
        if one.kind is MarkKind.ALL_CONVERSATIONS and one.begun_at_id:
            return min(99, 100 - 100 * one.thing_id // one.begun_at_id)
    return None


def present(loaded: Loaded, marker: Marker, speak: Speaker, me: int) -> list[Hit]:
    """Return the hits as shown."""
    places = dict(zip(loaded.found.numbers, loaded.found.places, strict=True))
    return [_hit(row, places[row.id], loaded, marker, speak, me) for row in loaded.rows]


def _hit(
    row: HitRow, place: int, loaded: Loaded, marker: Marker, speak: Speaker, me: int
) -> Hit:
    shown = loaded.written.get(row.id)
    is_open = row.status == Status.OPEN
    owner = None
    if row.owner_name is not None:
        owner = Owner(initial(row.owner_name), row.owner_name, row.owner_id == me)
    return Hit(
        number=row.id,
        subject=marker.mark(row.subject),
        who=marker.mark(row.contact_name or speak.say("Unknown")),
        excerpt=marker.excerpt(shown.text) if shown else (),
        is_note=shown is not None and shown.direction is Direction.NOTE,
        file=loaded.files.get(row.id, ""),
        status="" if is_open else speak.say(STATUS_TEXT[Status(row.status)]),
        late=is_open and row.next_due_at is not None and row.next_due_at <= speak.now,
        owner=owner,
        when=speak.clock(datetime.fromtimestamp(place >> SHIFT, UTC)),
    )


def marker_of(query: Query) -> Marker:
    """Return what marks a query's words."""
    goes_on = [term.ways[0][-1] for term in query.terms if term.prefix and not term.negated]
    return Marker(query.words, goes_on[-1] if goes_on else "")


def _asked(request: HttpRequest, speak: Speaker) -> tuple[str, Query, str]:
    """Return what was typed, what it asks for, and what is wrong with it in words."""
    text = request.query_params.get("q", "").replace("\0", " ").strip()
    try:
        return text, parse(text, speak.here(speak.now).date()), ""
    except Unclear as error:
        return text, Query(), speak.say(error.sentence) % error.values


@get("/search", opt={"access": "agent"})
async def show_search(request: HttpRequest) -> Response[Any]:
    """Show what a query finds: people and accounts, then conversations, the latest first."""
    who, speak = person(request), await speaker_for(request)
    text, query, wrong = _asked(request, speak)
    below = number_of(request.query_params.get("after", ""), HIGHEST)
    hits: list[Hit] = []
    names: list[tuple[Name, Pieces]] = []
    following, stopped, read_in, rail = None, False, None, None
    if not query.is_empty:
        zone, now, marker = speak.reader_zone, utcnow(), marker_of(query)
        try:
            loaded = await read(request, load, query, who, zone, now, below)
        except Unclear as error:
            wrong = speak.say(error.sentence) % error.values
        else:
            hits = present(loaded, marker, speak, who.id)
            names = [(one, marker.mark(one.name)) for one in loaded.names]
            following, stopped = loaded.found.next_place, loaded.found.stopped
            read_in, rail = loaded.read_in, loaded.rail
    asked = not (query.is_empty or wrong)
    return await page(
        request,
        "search/_found.html" if wants_partial(request) else "search/page.html",
        code=422 if wrong else 200,
        active="inbox",
        rail=rail,
        text=text[:1000],
        asked=asked,
        wrong=wrong,
        hits=hits,
        names=names,
        next_page=f"/search?{urlencode({'q': text, 'after': following})}" if following else "",
        stopped=stopped,
        is_first=below is None,
        read_in=read_in,
        with_help=not (hits or names),
    )


def _load_palette(
    session: Session, query: Query, who: Person, zone: ZoneInfo, now: datetime
) -> tuple[list[HitRow], list[Name]]:
    found = find(session, query, who, zone=zone, now=now, limit=IN_PALETTE)
    rows = index.list_hits(session, found.numbers) if found.places else []
    return rows, find_names(session, query, who, NAMES)


@get("/palette", opt={"access": "agent"})
async def show_palette(request: HttpRequest) -> Response[Any]:
    """Give the first few of everything that fits what somebody is typing."""
    who, speak = person(request), await speaker_for(request)
    text, query, wrong = _asked(request, speak)
    query = as_typed(query)
    rows: list[HitRow] = []
    names: list[Name] = []
    if not query.is_empty:
        try:
            rows, names = await read(
                request, _load_palette, query, who, speak.reader_zone, utcnow()
            )
        except Unclear as error:
            wrong = speak.say(error.sentence) % error.values
    marker = marker_of(query)
    return build(
        request,
        "search/_palette_results.html",
        text=text[:1000],
        wrong=wrong,
        names=[(one, marker.mark(one.name)) for one in names],
        conversations=[
            (one, marker.mark(one.subject), marker.mark(one.contact_name)) for one in rows
        ],
    )
