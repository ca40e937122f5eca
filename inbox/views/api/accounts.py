"""Accounts for scripts: listed, read, entered and changed, as the token's person may."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from litestar import Response, get, post, put
from litestar.params import FromPath
from msgspec import UNSET
from sqlmodel import Session

from inbox.accounts import keeping
from inbox.accounts.keeping import Draft
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.store import accounts as rows
from inbox.store import people
from inbox.store.idempotency import Answer
from inbox.store.people import Colleague, Person
from inbox.triage.text import fold
from inbox.views.api import account_shapes as shapes
from inbox.views.api.described import BASE
from inbox.views.api.requests import check_query, post_once, read_body, respond, shown
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Account, AccountStatus

ADDRESS = f"{BASE}/accounts"
ONE = ADDRESS + "/{account_id:int}"
MOST = 200
NOBODY = "nobody has this address"
_NAMES = {"owner_id": "owner", "backup_id": "backup", "due": "due_at", "warn": "warn_days"}


def limit_of(request: HttpRequest) -> int:
    """Return how many are asked for at most; raises ``Invalid``."""
    limit = number_of(request.query_params.get("limit", "50")) or 0
    if not 1 <= limit <= MOST:
        raise Invalid(f"limit is a number from 1 to {MOST}.", {"limit": f"1 to {MOST}"})
    return limit


def place_of(request: HttpRequest) -> int:
    """Return after which id the page begins; raises ``NotFound`` if it is none of ours."""
    text = request.query_params.get("after")
    if not text:
        return 0
    found = number_of(text)
    if found is None:
        raise NotFound("This page of the list is not known. Start at its top.")
    return found


def colleague_id(session: Session, address: str | None, field: str) -> int | None:
    """Return whose address it is; raises ``Invalid`` if nobody here has it."""
    if address is None:
        return None
    found = people.find_agent_by_email(session, address)
    if found is None:
        raise Invalid(
            f"Nobody who works here has the address {address[:254]!r}.", {field: NOBODY}
        )
    return found.id


def email_of(colleagues: Mapping[int, Colleague], person_id: int | None) -> str | None:
    """Return somebody's address."""
    found = colleagues.get(person_id or 0)
    return found.email if found is not None else None


def present(row: Account, colleagues: Mapping[int, Colleague]) -> shapes.Account:
    """Return an account as the API gives it."""
    return shapes.Account(
        id=row.id,
        name=row.name,
        kind=row.kind,
        reference=row.reference,
        owner=email_of(colleagues, row.owner_id),
        backup=email_of(colleagues, row.backup_id),
        status=row.status,
        value=row.value,
        tier=row.tier,
        product_groups=list(row.product_groups),
        language=row.language,
        since=row.since,
        fields={name: str(text) for name, text in row.fields.items()},
        version=row.version,
        created_at=row.created_at.replace(microsecond=0),
        changed_at=row.changed_at.replace(microsecond=0),
    )


def _show(session: Session, account_id: int, status: int = 200, location: str = "") -> Answer:
    session.flush()
    row = rows.get_account(session, account_id)
    return shown(present(row, people.list_colleagues(session)), status, location)


def _list(
    session: Session, who: Person, wanted: rows.Sought, after: int, limit: int
) -> shapes.AccountList:
    found = rows.list_after(session, who, wanted, after, limit + 1)
    colleagues = people.list_colleagues(session)
    items = [present(row, colleagues) for row in found[:limit]]
    return shapes.AccountList(items, str(items[-1].id) if len(found) > limit else None)


@get(ADDRESS, opt={"access": "token"})
async def list_accounts(request: HttpRequest) -> Response[Any]:
    """List the accounts that the token's person looks after; a supervisor's: all."""
    check_query(request, "limit", "after", "reference", "q", "status")
    query = request.query_params
    status = query.get("status")
    if status is not None and status not in list(AccountStatus):
        known = ", ".join(AccountStatus)
        raise Invalid(f"status is one of {known}.", {"status": "unknown"})
    wanted = rows.Sought(
        reference=query.get("reference"),
        words=fold(query.get("q", "")),
        status=AccountStatus(status) if status else None,
    )
    after, limit = place_of(request), limit_of(request)
    return respond(shown(await read(request, _list, person(request), wanted, after, limit)))


def _one(session: Session, account_id: int, who: Person) -> shapes.Account:
    row = rows.get_for_person(session, account_id, who)
    return present(row, people.list_colleagues(session))


@get(ONE, opt={"access": "token"})
async def get_account(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Give one account."""
    check_query(request)
    return respond(shown(await read(request, _one, account_id, person(request))))


def _demand_plain(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise Invalid("A text has a zero character in it.")


@contextmanager
def named() -> Iterator[None]:
    """Let what is wrong be said of the fields as the API names them."""
    try:
        yield
    except Invalid as error:
        fields = {_NAMES.get(name, name): text for name, text in error.fields.items()}
        raise Invalid(error.message, fields) from error


@post(ADDRESS, opt={"access": "token"})
async def post_account(request: HttpRequest) -> Response[Any]:
    """Enter an account; a reference that is taken is refused."""
    check_query(request)
    body = await read_body(request, shapes.NewAccount)
    _demand_plain(*body.product_groups, *body.fields, *body.fields.values())
    who, base = person(request), site(request).settings.base_url.rstrip("/")

    def work(session: Session) -> Answer:
        draft = Draft(
            name=body.name,
            kind=body.kind,
            reference=body.reference,
            owner_id=colleague_id(session, body.owner, "owner"),
            backup_id=colleague_id(session, body.backup, "backup"),
            status=body.status,
            value=body.value,
            tier=body.tier,
            product_groups=tuple(body.product_groups),
            language=body.language,
            since=body.since,
            fields=body.fields,
        )
        with named():
            made = keeping.create_account(session, draft, by=who.id, now=utcnow())
        return _show(session, made, 201, f"{base}{ADDRESS}/{made}")

    return await post_once(request, body, work)


def _changed(session: Session, row: Account, body: shapes.AccountChange) -> Draft:
    """Return the account as it is to be."""
    values = {
        "name": row.name,
        "kind": row.kind.value,
        "reference": row.reference or "",
        "owner_id": row.owner_id,
        "backup_id": row.backup_id,
        "status": row.status.value,
        "value": row.value.value,
        "tier": row.tier,
        "product_groups": tuple(row.product_groups),
        "language": row.language,
        "since": row.since,
        "fields": dict(row.fields),
    }
    for field in ("owner", "backup"):
        address = getattr(body, field)
        if address is not UNSET:
            values[f"{field}_id"] = colleague_id(session, address, field)
    given = {name: getattr(body, name) for name in values if hasattr(body, name)}
    values |= {name: value for name, value in given.items() if value is not UNSET}
    return Draft(**values)  # type: ignore[arg-type]


@put(ONE, opt={"access": "token"})
async def put_account(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Change an account: what is given; its owner, its backup and supervisors may."""
    check_query(request)
    body = await read_body(request, shapes.AccountChange)
    groups, own = body.product_groups or (), body.fields or {}
    _demand_plain(*groups, *own, *own.values())
    who = person(request)

    def work(session: Session) -> Answer:
        row = rows.get_for_person(session, account_id, who, to_change=True)
        draft, seen = _changed(session, row, body), body.version
        with named():
            by, now = who.id, utcnow()
            keeping.change_account(session, account_id, draft, version=seen, by=by, now=now)
        return _show(session, account_id)

    return respond(await write(request, work))


HANDLERS = (list_accounts, get_account, post_account, put_account)
