"""My customers: each account with how it stands, and the matrix of value and need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from msgspec import Struct
from sqlmodel import Session

from inbox.accounts import keeping
from inbox.accounts.keeping import HandedOver
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.store import accountlist as rows
from inbox.store import people
from inbox.store.accountlist import BANDS, PAGE_SIZE, Listed, Wanted
from inbox.store.accounts import get_for_person
from inbox.store.counts import NavCounts, navigation
from inbox.store.people import Colleague, Person
from inbox.templating import N_
from inbox.triage.text import fold
from inbox.views import present_accounts as show
from inbox.views.formdata import Number, fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.present_account import STATUS_TEXT
from inbox.views.render import page
from inbox.views.security import safe_next
from inbox.views.settings_form import AnyResponse, done
from inbox.views.site import HttpRequest, number_of, person, read, write
from models import AccountStatus, AccountValue

POINTS = 3  # accounts that a cell names
CELL_SIZE = 50
EVERYBODY = "all"
NOTHING_CHOSEN = N_("Choose at least one customer.")
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page of accounts, and everybody's names."""

    rows: list[Listed]
    colleagues: Mapping[int, Colleague]
    rail: NavCounts


def owner_of(request: HttpRequest, who: Person) -> tuple[int | None, str]:
    """Return whose accounts are asked for, None for everybody's; and how the address says it.

    Who does not supervise sees the own ones, whatever the address says.
    """
    asked = request.query_params.get("owner", "")
    if not who.sees_all:
        return who.id, ""
    if asked == EVERYBODY:
        return None, EVERYBODY
    number = number_of(asked)
    return (number, asked) if number is not None else (who.id, "")


def _wanted(request: HttpRequest, owner_id: int | None) -> Wanted:
    query = request.query_params
    status = query.get("status", "")
    sort = query.get("sort", "need")
    return Wanted(
        owner_id,
        AccountStatus(status) if status in list(AccountStatus) else None,
        fold(query.get("words", "")[:100]),
        sort if sort in rows.SORTS else "need",
        query.get("turned", "") == "1",
        number_of(query.get("page", ""), MOST_PAGES) or 0,
    )


def _load(session: Session, wanted: Wanted, who: Person) -> Loaded:
    found = rows.list_accounts(session, wanted)
    return Loaded(found, people.list_colleagues(session), navigation(session, who))


@get("/accounts", opt={"access": "agent"})
async def show_accounts(request: HttpRequest) -> Response[Any]:
    """List the accounts that somebody looks after, or whose they ask for."""
    who = person(request)
    owner_id, owner = owner_of(request, who)
    wanted = _wanted(request, owner_id)
    words = request.query_params.get("words", "")[:100] if wanted.words else ""
    loaded = await read(request, _load, wanted, who)
    speak = await speaker_for(request)
    query = {
        **({"owner": owner} if owner else {}),
        **({"status": wanted.status.value} if wanted.status else {}),
        **({"words": words} if words else {}),
        **({"sort": wanted.sort} if wanted.sort != "need" else {}),
        **({"turned": "1"} if wanted.turned else {}),
    }
    here = f"/accounts?{urlencode(query)}"
    shown = loaded.rows[:PAGE_SIZE]
    return await page(
        request,
        "accounts/list.html",
        active="accounts",
        rail=loaded.rail,
        lines=[show.present_line(one, speak, loaded.colleagues, who.id) for one in shown],
        headings=show.headings(query, wanted.sort, rows.falls(wanted), speak),
        wanted=wanted,
        words=words,
        owner=owner,
        statuses=[(one.value, speak.say(STATUS_TEXT[one])) for one in AccountStatus],
        here=here,
        hidden=[(name, text) for name, text in query.items() if name in ("sort", "turned")],
        next_page=wanted.page + 1 if len(loaded.rows) > PAGE_SIZE else 0,
        colleagues=sorted(
            ((one.id, one.name) for one in loaded.colleagues.values() if one.is_active),
            key=lambda one: one[1].casefold(),
        ),
    )


class HandOverForm(Struct, forbid_unknown_fields=True):
    """Which accounts go to whom; ``next`` is the list that it was done in."""

    to: Number
    accounts: tuple[Number, ...] = ()
    next: str = "/accounts"


def _hand_over(
    session: Session, ids: Sequence[int], to_id: int, who: Person
) -> tuple[HandedOver, str]:
    for number in ids:
        get_for_person(session, number, who, to_change=True)
    now = utcnow()
    handed = keeping.hand_over(session, ids, to_id, by=who.id, now=now)
    return handed, people.list_colleagues(session)[to_id].name


@post("/accounts/hand-over", opt={"access": "agent", "fields": fields_of(HandOverForm)})
async def hand_over(request: HttpRequest) -> AnyResponse:
    """Give accounts whole to a colleague, with what is open of them."""
    form = await read_as(request, HandOverForm)
    if not form.accounts:
        raise Invalid(NOTHING_CHOSEN)
    ids = sorted(set(form.accounts))
    handed, name = await write(request, _hand_over, ids, form.to, person(request))
    sentence = N_("%(n)s customers and %(work)s open requests are with %(name)s now.")
    n, work = handed.accounts, handed.conversations
    return done(request, safe_next(form.next), sentence, n=n, work=work, name=name)


# ---- the matrix ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matrix:
    """How many stand in each cell, the first of each, and everybody's names."""

    counts: dict[str, int]
    points: dict[str, list[Listed]]
    colleagues: Mapping[int, Colleague]


def load_matrix(session: Session, owner_id: int | None) -> Matrix:
    """Return the matrix of one keeper's accounts, or of all."""
    counts = rows.count_places(session, owner_id)
    places = [place for place, count in counts.items() if count and not place.endswith("0")]
    points = rows.list_points(session, places, owner_id, POINTS)
    return Matrix(counts, points, people.list_colleagues(session))


def _load_place(
    session: Session, place: str, owner_id: int | None, number: int, who: Person
) -> Loaded:
    found = rows.list_place(session, place, owner_id, page=number, limit=CELL_SIZE)
    return Loaded(found, people.list_colleagues(session), navigation(session, who))


@get("/accounts/matrix", opt={"access": "agent"})
async def show_matrix(request: HttpRequest) -> Response[Any]:
    """Show who must be cared for first: value against need; a cell opens its accounts."""
    who = person(request)
    owner_id, owner = owner_of(request, who)
    speak = await speaker_for(request)
    place = request.query_params.get("place", "")
    if place:
        return await _show_place(request, place, owner_id, owner)
    loaded = await read(request, load_matrix, owner_id)
    return await page(
        request,
        "accounts/matrix.html",
        active="accounts",
        rows=show.present_matrix(
            loaded.counts, loaded.points, owner, speak, loaded.colleagues, who.id
        ),
        bands=[speak.say(name) for name in reversed(show.BAND_NAMES)],
        owner=owner,
    )


async def _show_place(
    request: HttpRequest, place: str, owner_id: int | None, owner: str
) -> Response[Any]:
    known = {f"{value.value}{band}" for value in AccountValue for band in BANDS}
    if place not in known:
        raise NotFound("There is no such list.")
    number = number_of(request.query_params.get("page", ""), MOST_PAGES) or 0
    who = person(request)
    loaded = await read(request, _load_place, place, owner_id, number, who)
    speak = await speaker_for(request)
    shown = loaded.rows[:CELL_SIZE]
    more = len(loaded.rows) > CELL_SIZE
    return await page(
        request,
        "accounts/place.html",
        active="accounts",
        rail=loaded.rail,
        lines=[show.present_line(one, speak, loaded.colleagues, who.id) for one in shown],
        value=place[0],
        band=speak.say(show.BAND_NAMES[int(place[1])]),
        back=f"/accounts/matrix?{urlencode({'owner': owner})}" if owner else "/accounts/matrix",
        next_page=show.place_address(place, owner, number + 1) if more else "",
    )
