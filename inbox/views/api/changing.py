"""POST and PUT on a conversation: what an agent can do on its page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Response, post, put
from litestar.params import FromPath
from sqlalchemy import select
from sqlmodel import Session

from inbox import closing, corrections, passing, ruling, waits
from inbox import conversations as service
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.dates import answering
from inbox.errors import Invalid, NotFound
from inbox.house import load_house
from inbox.outgoing.letters import Extras, read_copies
from inbox.rulebook import load_rulebook
from inbox.sla.history import Wait
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.idempotency import Answer
from inbox.store.pages import load_thread
from inbox.store.people import Person
from inbox.views.api import shapes
from inbox.views.api.present import present_conversation, present_message
from inbox.views.api.requests import check_query, post_once, read_body, respond, shown
from inbox.views.site import HttpRequest, Site, person, site, write
from models import Conversation, Correction, Message, Status
from models.base import columns

said = columns(Correction)

Change = Callable[[Session, Conversation, Person, datetime], None]


def _house(session: Session, where: Site) -> House:
    house = load_house(session, where.settings, where.secret)
    if house is None:
        raise NotFound("This installation is not set up yet.")
    return house


@post("/api/v1/conversations/{number:int}/replies", opt={"access": "token"})
async def post_reply(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Send an answer to the customer; the reply clocks are met."""
    check_query(request)
    body = await read_body(request, shapes.NewReply)
    who, where = person(request), site(request)
    extras = Extras(
        *read_copies(", ".join(body.cc), ", ".join(body.bcc)),
        anyway=body.anyway,
        word=body.word,
        remind_at=body.remind_at,
    )

    def work(session: Session) -> Answer:
        row = rows.get_for_agent(session, number, who, to_change=True)
        house = _house(session, where)
        message = answering.answer(
            session,
            row,
            text=body.text,
            house=house,
            by=who,
            now=utcnow(),
            seen=body.seen,
            extras=extras,
        )
        return _written(session, row, message)

    return await post_once(request, body, work)


@post("/api/v1/conversations/{number:int}/notes", opt={"access": "token"})
async def post_note(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Keep a note for colleagues."""
    check_query(request)
    body = await read_body(request, shapes.NewNote)
    who = person(request)

    def work(session: Session) -> Answer:
        row = rows.get_for_agent(session, number, who, to_change=True, or_asked=True)
        return _written(
            session, row, service.note(session, row, body.text, by=who, now=utcnow())
        )

    return await post_once(request, body, work)


def _written(session: Session, row: Conversation, message: Message) -> Answer:
    session.flush()
    thread = load_thread(session, row)
    return shown(present_message(message, thread, people.list_colleagues(session)), 201)


async def _put(request: HttpRequest, number: int, change: Change) -> Response[Any]:
    """Change a conversation and show it as it is then, also where it left one's sight."""
    who = person(request)

    def work(session: Session) -> shapes.Conversation:
        row = rows.get_for_agent(session, number, who, to_change=True)
        change(session, row, who, utcnow())
        session.flush()
        session.expire_all()
        return present_conversation(session, rows.get(session, number))

    return respond(shown(await write(request, work)))


def _is_said(session: Session, row: Conversation, field: str, wanted: str) -> bool:
    """Tell whether a person said so already; a PUT sent twice teaches the model once."""
    last = session.execute(
        select(said.new)
        .where(said.conversation_id == row.id, said.field == field)
        .order_by(said.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return last == wanted


@put("/api/v1/conversations/{number:int}/request-type", opt={"access": "token"})
async def put_request_type(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Correct or confirm the request type; policy, team, owner and due times follow."""
    check_query(request)
    wanted = (await read_body(request, shapes.NewRequestType)).request_type
    where = site(request)

    def change(session: Session, row: Conversation, who: Person, now: datetime) -> None:
        if row.request_type == wanted and _is_said(session, row, "request_type", wanted):
            return
        book, house = load_rulebook(session), _house(session, where)
        corrections.correct(session, row, book, house, request_type=wanted, by=who, now=now)

    return await _put(request, number, change)


@put("/api/v1/conversations/{number:int}/urgency", opt={"access": "token"})
async def put_urgency(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Correct or confirm the urgency; due times follow."""
    check_query(request)
    wanted = (await read_body(request, shapes.NewUrgency)).urgency
    where = site(request)

    def change(session: Session, row: Conversation, who: Person, now: datetime) -> None:
        if row.urgency == wanted and _is_said(session, row, "urgency", wanted):
            return
        book, house = load_rulebook(session), _house(session, where)
        corrections.correct(session, row, book, house, urgency=wanted, by=who, now=now)

    return await _put(request, number, change)


@put("/api/v1/conversations/{number:int}/tier", opt={"access": "token"})
async def put_tier(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say how much the customer counts; all their open conversations follow."""
    check_query(request)
    wanted = (await read_body(request, shapes.NewTier)).tier
    who = person(request)

    def work(session: Session) -> shapes.Conversation:
        # The customer is locked before their conversations, whichever of them is named.
        row = rows.get_for_agent(session, number, who)
        ruling.set_tier(session, row.contact_id, wanted, by=who.id, now=utcnow())
        session.flush()
        session.expire_all()
        return present_conversation(session, rows.get(session, number))

    return respond(shown(await write(request, work)))


@put("/api/v1/conversations/{number:int}/product-group", opt={"access": "token"})
async def put_product_group(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say what product or service it is about; due times follow."""
    check_query(request)
    wanted = (await read_body(request, shapes.NewProductGroup)).product_group

    def change(session: Session, row: Conversation, who: Person, now: datetime) -> None:
        ruling.set_product_group(session, row, wanted or "", by=who.id, now=now)

    return await _put(request, number, change)


@put("/api/v1/conversations/{number:int}/owner", opt={"access": "token"})
async def put_owner(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Give it to a colleague, or back to the team."""
    check_query(request)
    body = await read_body(request, shapes.NewOwner)
    wanted = body.owner

    def change(session: Session, row: Conversation, who: Person, now: datetime) -> None:
        owner_id = None
        if wanted is not None:
            found = people.find_agent_by_email(session, wanted)
            if found is None:
                raise Invalid(
                    f"Nobody who works here has the address {wanted[:254]!r}.",
                    {"owner": "nobody has this address"},
                )
            owner_id = found.id
        service.assign(
            session,
            row,
            owner_id,
            by=who,
            now=now,
            reason=body.reason or passing.UNSTATED,
            note=body.note,
        )

    return await _put(request, number, change)


def _whom(reason: str) -> Wait:
    """Return for whom it waits."""
    if reason not in ("", Wait.CUSTOMER, Wait.THIRD_PARTY):
        raise Invalid(
            "One waits for customer or third_party.", {"reason": "customer or third_party"}
        )
    return Wait(reason or Wait.CUSTOMER)


@put("/api/v1/conversations/{number:int}/status", opt={"access": "token"})
async def put_status(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Mark it as done, open it again, or let it wait until a time; the clocks follow."""
    check_query(request)
    body = await read_body(request, shapes.NewStatus)
    wanted, reason, seen = body.status, body.reason, body.seen
    if wanted not in shapes.SETTABLE:
        known = " or ".join(shapes.SETTABLE)
        raise Invalid(f"A status can be set to {known} only.", {"status": f"{known} only"})

    def change(session: Session, row: Conversation, who: Person, now: datetime) -> None:
        if wanted in (Status.WAITING, Status.SNOOZED):
            for_whom = Wait.SNOOZED if wanted == Status.SNOOZED else _whom(reason)
            if row.status == wanted and (body.until or row.waiting_until) == row.waiting_until:
                return
            waits.wait(session, row, for_whom, body.until, by=who, now=now)
            return
        if row.status == wanted:
            return
        if wanted == Status.OPEN and row.status in (Status.WAITING, Status.SNOOZED):
            waits.resume(session, row, by=who, now=now)
        elif wanted == Status.RESOLVED:
            closing.resolve(session, row, by=who, now=now, reason=reason, seen=seen)
        else:
            closing.reopen(session, row, load_rulebook(session), by=who, now=now)

    return await _put(request, number, change)
