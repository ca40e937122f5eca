"""What a list's address asks for (whose, which view, filters and page), and what is loaded."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session

from inbox.errors import NotFound
from inbox.listing import filters as finding
from inbox.listing.filters import NAMES, PLAIN, Asking, Filters, Found
from inbox.store import conversations as talks
from inbox.store import counts, people, setup
from inbox.store import views as rows
from inbox.store.conversations import Cursor, Listed
from inbox.store.counts import NavCounts
from inbox.store.people import Colleague, Person
from inbox.store.setup import Type
from inbox.store.views import View
from inbox.views.models import ScopeCounts
from inbox.views.models_views import ViewItem
from inbox.views.present_dates import NO_DATES, DateRows, dates_of_person
from inbox.views.present_list import read_cursor
from inbox.views.site import HttpRequest, number_of, person, read, site
from inbox.writing import drafts
from models import Status

SCOPES = ("mine", "team", "unassigned")
_OWNER = {"mine": "me", "unassigned": "none"}
COUNTS_KEPT_S = 10.0
MOST_KEPT = 1000
_WHOLE = "team"
EXCERPT_CHARS = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as its address asks for it; ``filters`` include those of the view and the scope.

    ``extra`` are the filters of the address alone. ``query`` leads to the list's first page.
    """

    scope: str = _WHOLE
    view: View | None = None
    filters: Filters = PLAIN
    extra: Filters = PLAIN
    after: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is one of the two lists that need no filter."""
        return self.view is None and self.extra == PLAIN and self.scope != "unassigned"

    @property
    def shown_scope(self) -> str:
        """Which of the menu's fixed lists it is; "view" is none of them."""
        return "view" if self.view is not None or self.extra != PLAIN else self.scope

    @property
    def query(self) -> str:
        """The address's part after the question mark, question mark included; "" for none."""
        asked: dict[str, str] = {}
        if self.view is not None:
            asked["view"] = str(self.view.id)
        elif self.scope != _WHOLE:
            asked["for"] = self.scope
        asked |= self.extra.asked()
        return "?" + urlencode(asked) if asked else ""


def params_of(text: str) -> dict[str, str]:
    """Read the part of an address after its question mark."""
    return dict(parse_qsl(text.lstrip("?")[:2000]))


async def asked_by(request: HttpRequest) -> Asked:
    """Return what this request's address asks for."""
    return await _asked(request, request.query_params)


async def parse(request: HttpRequest, back: str) -> Asked:
    """Return what another address's query asks for, as a form carries it."""
    return await _asked(request, params_of(back))


async def _asked(request: HttpRequest, params: Mapping[str, Any]) -> Asked:
    given = given_in(params)
    if "view" in given or not given:
        return await read(request, find_asked, person(request), given)
    return _asked_of(given)


def given_in(params: Mapping[str, Any]) -> dict[str, str]:
    """Return what an address says of a list."""
    return {
        name: str(params[name]) for name in (*NAMES, "for", "view", "after") if name in params
    }


def find_asked(session: Session, who: Person, given: Mapping[str, str]) -> Asked:
    """Return what an address asks for, with the view that it names, or that is chosen.

    Raises
    ------
    NotFound
        If it names a view that is not in this person's menu.
    """
    view_id = number_of(given.get("view", "")) if "view" in given else None
    view = _view(session, who, view_id) if view_id or not given else None
    return _asked_of(given, view)


def _asked_of(given: Mapping[str, str], view: View | None = None) -> Asked:
    scope = given.get("for", _WHOLE)
    scope = scope if scope in SCOPES else _WHOLE
    extra = finding.read(given)
    asked = (finding.read(view.filters).asked() if view is not None else {}) | extra.asked()
    if scope in _OWNER and view is None:
        asked["owner"] = _OWNER[scope]
    return Asked(scope, view, finding.read(asked), extra, given.get("after") or None)


def _view(session: Session, who: Person, view_id: int | None) -> View | None:
    chosen = view_id or rows.chosen(session, who)
    found = rows.find_view(session, chosen, who) if chosen else None
    if view_id and found is None:
        raise NotFound("There is no such view.")
    return found


@dataclass(frozen=True, slots=True)
class ListRows:
    """A page of the list as rows."""

    rows: list[Listed]
    counts: ScopeCounts
    types: Mapping[str, Type]
    colleagues: Mapping[int, Colleague]
    excerpt: str = ""
    dates: DateRows = NO_DATES  # of their own, until the end of the day
    next_page: Cursor | None = None  # where it says so
    is_partial: bool = False
    views: Sequence[View] = ()  # of the menu
    begun: frozenset[int] = frozenset()  # where whoever looks has a draft
    asked: Asked = Asked(_WHOLE)
    rail: NavCounts | None = None  # what the page around it shows


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be loaded of the list: for whom and when, what their address asks for."""

    asking: Asking
    asked: Asked | Mapping[str, str]
    day_ends: datetime
    status: Status = Status.OPEN
    with_excerpt: bool = False


def load_list(session: Session, wish: Wish) -> ListRows:
    """Load a page of the list in a fixed number of queries."""
    who, status, asked = wish.asking.who, wish.status, wish.asked
    if not isinstance(asked, Asked):
        asked = find_asked(session, who, asked)
    after = read_cursor(asked.after)
    looked = Found([], None)
    if asked.is_plain:
        mine = asked.scope == "mine"
        found = talks.list_conversations(session, who, mine=mine, status=status, after=after)
    else:
        looked = finding.find(session, wish.asking, asked.filters, after)
        found = looked.rows
    excerpt = ""
    if wish.with_excerpt and found:
        excerpt = talks.last_words(session, found[0].id)[:EXCERPT_CHARS]
    own = asked.scope == "mine" and after is None and status is Status.OPEN and asked.is_plain
    scopes, rail = counts.scopes_and_rail(session, who)
    return ListRows(
        found,
        ScopeCounts(*scopes),
        setup.named_types(session),
        people.list_colleagues(session),
        excerpt,
        dates_of_person(session, who, wish.day_ends) if own else NO_DATES,
        looked.after,
        looked.is_partial,
        rows.list_views(session, who),
        frozenset(drafts.numbers_of(session, who.id, [row.id for row in found])),
        asked,
        rail,
    )


async def asking_of(request: HttpRequest, now: Any) -> Asking:
    """Return who asks, as the queries want it."""
    company = await site(request).company()
    zone = ZoneInfo(company.time_zone if company is not None else "UTC")
    return Asking(person(request), now, zone)


async def views_of(request: HttpRequest, now: Any) -> list[tuple[View, str]]:
    """Return the views of a person's menu with how many each has."""
    return await counted(request, await read(request, rows.list_views, person(request)), now)


async def counted(
    request: HttpRequest, found: Sequence[View], now: Any
) -> list[tuple[View, str]]:
    """Return views with how many each has, counted every ten seconds."""
    if not found:
        return []
    who, kept = person(request), site(request).view_counts
    asks = tuple(tuple(sorted(one.filters.items())) for one in found)
    key = (who.id, who.sees_all, who.team_ids, asks)
    until, counts = kept.get(key, (0.0, []))
    if time.monotonic() > until:
        asking = await asking_of(request, now)
        asked = [finding.read(one.filters) for one in found]
        counts = await read(request, finding.count, asking, asked)
        if len(kept) > MOST_KEPT:
            kept.clear()
        kept[key] = time.monotonic() + COUNTS_KEPT_S, counts
    return list(zip(found, counts, strict=True))


def view_items(
    found: Sequence[tuple[View, str]], who: Person, asked: Asked, first: int | None = None
) -> list[ViewItem]:
    """Return views as the menu shows them."""
    now = asked.view.id if asked.view is not None else 0
    return [
        ViewItem(
            id=view.id,
            name=view.name,
            count=count,
            is_current=view.id == now,
            is_shared=view.is_shared,
            is_first=view.id == first,
            may_change=view.agent_id == who.id or who.sees_all,
        )
        for view, count in found
    ]


def back_path(back: str, did: int = 0) -> str:
    """Return the list's address for the query that a form carries; ``did``: what was done."""
    kept = {
        name: text for name, text in params_of(back).items() if name in (*NAMES, "for", "view")
    }
    if did:
        kept["did"] = str(did)
    return "/inbox" + ("?" + urlencode(kept) if kept else "")
