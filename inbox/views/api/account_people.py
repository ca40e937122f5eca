"""An account's people and milestones for scripts."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from litestar import Response, get, post, put
from litestar.params import FromPath
from msgspec import UNSET
from sqlalchemy import select
from sqlmodel import Session

from inbox import dialling
from inbox.accounts import contacts
from inbox.accounts.contacts import NewContact
from inbox.clock import utcnow
from inbox.dates import milestones
from inbox.dates.milestones import Said
from inbox.errors import Invalid
from inbox.store import accounts as rows
from inbox.store import people
from inbox.store.accountpage import whose_contact
from inbox.store.dates import Place, list_milestones_whole
from inbox.store.idempotency import Answer
from inbox.store.people import Colleague, Person
from inbox.views.api import account_shapes as shapes
from inbox.views.api.accounts import (
    ONE,
    colleague_id,
    email_of,
    limit_of,
    named,
    place_of,
)
from inbox.views.api.described import BASE
from inbox.views.api.requests import check_query, post_once, read_body, respond, shown
from inbox.views.site import HttpRequest, person, read, site, write
from models import Contact, ContactIdentity, Milestone, MilestoneState
from models.base import columns

identities = columns(ContactIdentity)

CONTACTS = f"{BASE}/contacts"
MILESTONES = f"{BASE}/milestones"
LANGUAGES = ("", "vi", "en")


def _present(session: Session, found: Sequence[Contact]) -> list[shapes.Person]:
    ways: dict[tuple[int, str], list[str]] = {}
    for one in session.execute(
        select(identities.contact_id, identities.kind, identities.value)
        .where(
            identities.contact_id.in_([row.id for row in found]),
            identities.kind.in_(["email", "phone"]),
        )
        .order_by(identities.id)
    ):
        ways.setdefault((one.contact_id, one.kind), []).append(one.value)
    return [
        shapes.Person(
            id=row.id,
            name=row.name,
            emails=ways.get((row.id, "email"), []),
            phones=ways.get((row.id, "phone"), []),
            position=row.position,
            language=row.language,
            tier=row.tier,
            account=row.account_id,
        )
        for row in found
    ]


def _show(session: Session, contact_id: int, who: Person, **how: Any) -> Answer:
    session.flush()
    session.expire_all()
    contact = whose_contact(session, contact_id, who).contact
    (said,) = _present(session, [contact] if contact is not None else [])
    return shown(said, **how)


def _list(
    session: Session, account_id: int, who: Person, after: int, limit: int
) -> shapes.PersonList:
    rows.get_for_person(session, account_id, who)
    found = rows.list_contacts_after(session, account_id, after, limit + 1)
    items = _present(session, found[:limit])
    return shapes.PersonList(items, str(items[-1].id) if len(found) > limit else None)


@get(ONE + "/contacts", opt={"access": "token"})
async def list_contacts(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """List an account's people, page by page."""
    check_query(request, "limit", "after")
    place = place_of(request), limit_of(request)
    return respond(shown(await read(request, _list, account_id, person(request), *place)))


@post(ONE + "/contacts", opt={"access": "token"})
async def post_contact(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Enter somebody at an account, known already by their address or new."""
    check_query(request)
    body = await read_body(request, shapes.NewPerson)
    if body.language not in LANGUAGES:
        raise Invalid("language is vi, en or empty.", {"language": "vi, en or empty"})
    who, base = person(request), site(request).settings.base_url.rstrip("/")
    new = NewContact(body.name, body.email, body.phone, body.position, body.language)

    def work(session: Session) -> Answer:
        rows.get_for_person(session, account_id, who, to_change=True)
        how: dict[str, Any] = {"by": who.id, "now": utcnow()}
        made = contacts.add_contact(session, account_id, new, **how)
        return _show(session, made, who, status=201, location=f"{base}{CONTACTS}/{made}")

    return await post_once(request, body, work)


@get(CONTACTS + "/{contact_id:int}", opt={"access": "token"})
async def get_contact(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Give one contact; who was found to be another is given as that one."""
    check_query(request)
    return respond(await read(request, _show, contact_id, person(request)))


@put(CONTACTS + "/{contact_id:int}", opt={"access": "token"})
async def put_contact(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Say at which account somebody is, and by what else they are known."""
    check_query(request)
    body = await read_body(request, shapes.PersonChange)
    who = person(request)

    def work(session: Session) -> Answer:
        contact = whose_contact(session, contact_id, who).contact
        number = contact.id if contact is not None else contact_id
        _place(session, number, body, who)
        for kind, typed in (("email", body.email), ("phone", body.phone)):
            if typed.strip():
                value = contacts.checked_way(kind, typed, dialling.region(session))
                how: dict[str, Any] = {"by": who.id, "now": utcnow()}
                contacts.vouch(session, number, kind, value, **how)
        return _show(session, number, who)

    return respond(await write(request, work))


def _place(session: Session, number: int, body: shapes.PersonChange, who: Person) -> None:
    """Move them, as who may change both accounts may; with neither only a position is said."""
    stands = contacts.get_contact(session, number, to_change=True).account_id
    account = stands if body.account is UNSET else body.account
    touched = {stands, account} if account != stands or body.position is not UNSET else set()
    for one in sorted({one for one in touched if one is not None}):
        rows.get_for_person(session, one, who, to_change=True)
    position = None if body.position is UNSET else body.position
    contacts.put_contact_into_account(
        session, number, account, position=position, by=who.id, now=utcnow()
    )


# ---- milestones ------------------------------------------------------------------------


def _milestone(row: Milestone, colleagues: Mapping[int, Colleague]) -> shapes.Milestone:
    return shapes.Milestone(
        id=row.id,
        account=row.account_id,
        conversation=row.conversation_id,
        title=row.title,
        owner=email_of(colleagues, row.owner_id),
        due_at=row.due_at.astimezone(UTC),
        warn_days=row.warn_days,
        public=row.is_public,
        state=row.state,
        ended_at=row.ended_at,
    )


def _milestones(session: Session, account_id: int, who: Person) -> shapes.MilestoneList:
    rows.get_for_person(session, account_id, who)
    colleagues = people.list_colleagues(session)
    found = list_milestones_whole(session, account_id)
    return shapes.MilestoneList([_milestone(row, colleagues) for row in found])


@get(ONE + "/milestones", opt={"access": "token"})
async def list_milestones(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """List an account's milestones."""
    check_query(request)
    return respond(shown(await read(request, _milestones, account_id, person(request))))


@post(ONE + "/milestones", opt={"access": "token"})
async def post_milestone(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Plan a milestone of an account; it is warned of."""
    check_query(request)
    body = await read_body(request, shapes.NewMilestone)
    who = person(request)

    def work(session: Session) -> Answer:
        rows.get_for_person(session, account_id, who, to_change=True)
        owner = colleague_id(session, body.owner, "owner")
        said = Said(body.title, body.due_at, owner, body.warn_days, body.public)
        place = Place(account_id, None)
        with named():
            row = milestones.plan(session, place, said, by=who.id, now=utcnow())
        return shown(_milestone(row, people.list_colleagues(session)), 201)

    return await post_once(request, body, work)


@put(MILESTONES + "/{milestone_id:int}", opt={"access": "token"})
async def put_milestone(request: HttpRequest, milestone_id: FromPath[int]) -> Response[Any]:
    """Change a milestone, or say that it is reached, dropped, or planned after all."""
    check_query(request)
    body = await read_body(request, shapes.MilestoneChange)
    who = person(request)

    def work(session: Session) -> Answer:
        row, now = milestones.get_to_change(session, milestone_id, who), utcnow()
        state = row.state if body.state is UNSET else body.state
        if row.state is not MilestoneState.PLANNED and state is MilestoneState.PLANNED:
            milestones.take_back(session, row, by=who.id, now=now)
        said = _said(session, row, body)
        if said != _said(session, row, shapes.MilestoneChange()):
            with named():
                milestones.change(session, row, said, by=who.id, now=now)
        if state is not row.state:
            milestones.end(session, row, state, by=who.id, now=now)
        return shown(_milestone(row, people.list_colleagues(session)))

    return respond(await write(request, work))


def _said(session: Session, row: Milestone, body: shapes.MilestoneChange) -> Said:
    owner = row.owner_id
    if body.owner is not UNSET:
        owner = colleague_id(session, body.owner, "owner")
    return Said(
        title=row.title if body.title is UNSET else body.title,
        due_at=row.due_at if body.due_at is UNSET else body.due_at,
        owner_id=owner,
        warn_days=row.warn_days if body.warn_days is UNSET else body.warn_days,
        is_public=row.is_public if body.public is UNSET else body.public,
    )


HANDLERS = (
    list_contacts,
    post_contact,
    get_contact,
    put_contact,
    list_milestones,
    post_milestone,
    put_milestone,
)
