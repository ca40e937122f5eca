"""My customers: accounts as their list and the matrix show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlmodel import Session

from inbox.store.accounts import kept_by
from models import Account, AccountFigures, AccountStatus, AccountValue
from models.base import columns, core

accounts = columns(Account)
figures = columns(AccountFigures)

PAGE_SIZE = 50
BANDS = range(4)  # how much care: none, some, much, most
OLDEST_FIRST = ("waiting", "contact", "milestone")  # None last

_FIGURES = (
    *("need", "place", "reasons", "open_count", "late_count", "oldest_waiting_at"),
    *("last_contact_at", "next_milestone_at", "promises_kept", "promises_missed"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One account of a list with what was counted of it last."""

    id: int
    name: str
    kind: str
    status: AccountStatus
    value: AccountValue
    tier: str
    owner_id: int | None
    backup_id: int | None
    since: date | None
    need: int
    place: str
    reasons: dict[str, Any]
    open_count: int
    late_count: int
    oldest_waiting_at: datetime | None
    last_contact_at: datetime | None
    next_milestone_at: datetime | None
    promises_kept: int
    promises_missed: int


_KEPT = kept_by(bindparam("owner_id"))
_ROWS = (
    select(
        *(accounts[name] for name in Listed.__dataclass_fields__ if name not in _FIGURES),
        *(figures[name] for name in _FIGURES),
    )
    .join(core(AccountFigures), figures.account_id == accounts.id)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
SORTS: dict[str, ColumnElement[Any]] = {
    "need": figures.need,
    "name": accounts.folded,
    "status": accounts.status,
    "value": accounts.value,
    "open": figures.open_count,
    "waiting": figures.oldest_waiting_at,
    "milestone": figures.next_milestone_at,
    "contact": figures.last_contact_at,
    "promises": figures.promises_missed,
}
_FALLING = ("need", "open", "promises")  # most first, unless asked otherwise


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts, in which order; ``owner_id`` None is anybody's.

    Ended ones are only listed where ``status`` asks for them.
    """

    owner_id: int | None = None
    status: AccountStatus | None = None
    words: str = ""  # in the name, folded as that is
    sort: str = "need"
    turned: bool = False  # the other way round
    page: int = 0


def list_accounts(session: Session, wanted: Wanted, limit: int = PAGE_SIZE) -> list[Listed]:
    """Return a page of accounts; one more than ``limit`` where there are more."""
    query = _listing(
        wanted.sort if wanted.sort in SORTS else "need",
        falls(wanted),
        is_kept=wanted.owner_id is not None,
        has_status=wanted.status is not None,
    )
    if words := wanted.words.strip():
        query = query.where(accounts.folded.contains(words, autoescape=True))
    given = {
        **{"owner_id": wanted.owner_id, "status": wanted.status},
        **{"most": limit + 1, "skipped": limit * wanted.page},
    }
    return [Listed(*row) for row in session.execute(query, given)]


def falls(wanted: Wanted) -> bool:
    """Tell whether the order asked for is from most to least."""
    return (wanted.sort in _FALLING) is not wanted.turned


def _ordered(
    key: ColumnElement[Any], sort: str, is_falling: bool
) -> tuple[ColumnElement[Any], ...]:
    # By need as its index has it; what was never counted, and has no time, comes last.
    number: ColumnElement[Any] = figures.account_id if sort == "need" else accounts.id
    order = [one.desc() if is_falling else one.asc() for one in (key, number)]
    return (key.is_(None), *order) if sort in OLDEST_FIRST else tuple(order)


@cache
def _listing(sort: str, is_falling: bool, *, is_kept: bool, has_status: bool) -> Select[Any]:
    query = _ROWS.where(_KEPT) if is_kept else _ROWS
    if has_status:
        query = query.where(accounts.status == bindparam("status"))
    else:
        query = query.where(accounts.status != AccountStatus.ENDED)
    return query.order_by(*_ordered(SORTS[sort], sort, is_falling))


# ---- the matrix ------------------------------------------------------------------------


@cache
def _counting(*, is_kept: bool) -> Select[Any]:
    query = select(figures.place, func.count()).where(figures.place != "")
    if is_kept:
        query = query.join(core(Account), accounts.id == figures.account_id).where(_KEPT)
    return query.group_by(figures.place)


def count_places(session: Session, owner_id: int | None = None) -> dict[str, int]:
    """Return how many accounts stand in each cell of the matrix, of one keeper or of all."""
    rows = session.execute(_counting(is_kept=owner_id is not None), {"owner_id": owner_id})
    return {place: count for place, count in rows}


def list_place(
    session: Session, place: str, owner_id: int | None = None, *, page: int = 0, limit: int = 50
) -> list[Listed]:
    """Return a cell's accounts, who needs most first; one more than ``limit`` if there are."""
    return _of_place(session, place, owner_id, limit + 1, limit * page)


def list_points(
    session: Session, places: Iterable[str], owner_id: int | None, limit: int
) -> dict[str, list[Listed]]:
    """Return the first few accounts of some cells."""
    return {place: _of_place(session, place, owner_id, limit) for place in places}


def _of_place(
    session: Session, place: str, owner_id: int | None, most: int, skipped: int = 0
) -> list[Listed]:
    given = {"place": place, "owner_id": owner_id, "most": most, "skipped": skipped}
    query = _placed(is_kept=owner_id is not None)
    return [Listed(*row) for row in session.execute(query, given)]


@cache
def _placed(*, is_kept: bool) -> Select[Any]:
    query = _ROWS.where(figures.place == bindparam("place"))
    if is_kept:
        query = query.where(_KEPT)
    return query.order_by(figures.need.desc(), figures.account_id.desc())
