"""REST, as far as it goes: list, one, file one, correct the request type. Bearer tokens."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post, put
from litestar.params import FromPath
from sqlalchemy import select
from sqlmodel import Session

from inbox import corrections
from inbox.auth import random_token
from inbox.channels.webform import Posted, pack
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.house import load_house
from inbox.rulebook import load_rulebook
from inbox.staging import Arrival, Staged, stage
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.company import list_doors
from inbox.store.conversations import Cursor
from inbox.store.people import Person
from inbox.views.forms import check_form, peer, wait_for_take_in
from inbox.views.inbox import read_cursor
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import (
    ChannelKind,
    Contact,
    ContactIdentity,
    Conversation,
    Event,
    Message,
    SLAState,
    Status,
)
from models.base import columns

conversations = columns(Conversation)
identities = columns(ContactIdentity)
contacts = columns(Contact)

MOST = 200


def _iso(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def _state(row: Conversation, now: datetime) -> str:
    if row.next_due_at is not None and row.next_due_at <= now:
        return SLAState.BREACHED.value
    return row.sla_state.value


def present(
    row: Conversation,
    contact: Contact,
    address: str,
    teams: dict[int, str],
    colleagues: dict[int, people.Colleague],
    now: datetime,
) -> dict[str, Any]:
    """Return a conversation as JSON has it."""
    owner = colleagues.get(row.owner_id or 0)
    return {
        "number": row.id,
        "subject": row.subject,
        "channel": row.channel.value,
        "status": row.status.value,
        "language": row.language,
        "contact": {"name": contact.name, "address": address, "tier": contact.tier},
        "request_type": row.request_type,
        "request_type_confidence": round(row.request_type_confidence, 4),
        "urgency": row.urgency.value,
        "urgency_confidence": round(row.urgency_confidence, 4),
        "triage": row.triage.value,
        "product_group": None,
        "asked_again": row.asked_again,
        "team": teams.get(row.team_id or 0),
        "owner": owner.email if owner else None,
        "first_response_due_at": _iso(row.first_response_due_at),
        "next_response_due_at": _iso(row.next_response_due_at),
        "resolution_due_at": _iso(row.resolution_due_at),
        "next_due_at": _iso(row.next_due_at),
        "promised_at": _iso(row.promised_at),
        "waiting_until": None,
        "sla_state": _state(row, now),
        "created_at": _iso(row.created_at),
        "first_responded_at": _iso(row.first_responded_at),
        "resolved_at": _iso(row.resolved_at),
    }


def _many(session: Session, found: list[Conversation]) -> list[dict[str, Any]]:
    """Present conversations in a fixed number of queries."""
    ids = {row.contact_id for row in found}
    who = {
        row.id: row
        for row in session.execute(select(Contact).where(contacts.id.in_(ids))).scalars()
    }
    address: dict[int, str] = {}
    for one in session.execute(
        select(identities.contact_id, identities.value)
        .where(identities.contact_id.in_(ids), identities.kind.in_(["email", "phone"]))
        .order_by(identities.kind, identities.id)
    ):
        address.setdefault(one.contact_id, one.value)
    teams = people.team_names(session)
    colleagues = people.list_colleagues(session)
    now = utcnow()
    return [
        present(
            row,
            who[row.contact_id],
            address.get(row.contact_id, ""),
            teams,
            colleagues,
            now,
        )
        for row in found
    ]


def _list(
    session: Session, who: Person, status: Status | None, after: Cursor | None, limit: int
) -> dict[str, Any]:
    listed = rows.list_conversations(session, who, status=status, after=after, limit=limit)
    order = {row.id: n for n, row in enumerate(listed)}
    found = list(
        session.execute(select(Conversation).where(conversations.id.in_(list(order)))).scalars()
    )
    found.sort(key=lambda row: order[row.id])
    last = listed[-1] if len(listed) == limit else None
    cursor = Cursor(last.order_at, last.urgency_rank, last.id).text() if last else None
    return {"items": _many(session, found), "next": cursor}


@get("/api/v1/conversations", opt={"access": "token"})
async def list_conversations(request: HttpRequest) -> dict[str, Any]:
    """List conversations in the agents' order, a page at a time."""
    query = request.query_params
    status = query.get("status")
    limit = number_of(query.get("limit", "50")) or 0
    if status is not None and status not in list(Status):
        raise Invalid(f"status is one of {', '.join(Status)}.")
    if not 1 <= limit <= MOST:
        raise Invalid(f"limit is a number from 1 to {MOST}.")
    return await read(
        request,
        _list,
        person(request),
        Status(status) if status else None,
        read_cursor(query.get("after")),
        limit,
    )


def _one(session: Session, number: int, who: Person) -> dict[str, Any]:
    return _whole(session, rows.get_for_agent(session, number, who))


def _done(session: Session, number: int) -> dict[str, Any]:
    """Return what this person has just filed or moved, even where it went to another team."""
    return _whole(session, rows.get(session, number))


def _whole(session: Session, row: Conversation) -> dict[str, Any]:
    thread = rows.load_thread(session, row)
    shown = _many(session, [row])[0]
    colleagues = people.list_colleagues(session)
    shown["messages"] = [_message(one, thread, colleagues) for one in thread.messages]
    shown["events"] = [_event(one, colleagues) for one in thread.events]
    return shown


def _message(
    one: Message, thread: rows.Thread, colleagues: dict[int, people.Colleague]
) -> dict[str, Any]:
    author = colleagues.get(one.author_id or 0)
    state, error = thread.deliveries.get(one.id, (None, ""))
    return {
        "id": one.id,
        "direction": one.direction.value,
        "channel": one.channel.value,
        "author": author.email if author else one.sender_address or None,
        "text": one.text,
        "visible_text": one.visible_text,
        "automatic": one.is_machine,
        "at": _iso(one.created_at),
        "delivery": state,
        "delivery_error": error or None,
        "attachments": [
            {"id": blob, "filename": name, "size": size}
            for blob, name, size in thread.files.get(one.id, [])
        ],
    }


def _event(one: Event, colleagues: dict[int, people.Colleague]) -> dict[str, Any]:
    actor = colleagues.get(one.actor_id or 0)
    return {
        "kind": one.kind.value,
        "at": _iso(one.at),
        "actor": actor.email if actor else None,
        "data": one.data,
    }


@get("/api/v1/conversations/{number:int}", opt={"access": "token"})
async def get_conversation(request: HttpRequest, number: FromPath[int]) -> dict[str, Any]:
    """Give one conversation with its messages and events."""
    return await read(request, _one, number, person(request))


class NewConversation(msgspec.Struct, forbid_unknown_fields=True):
    """What files a conversation."""

    email: str
    text: str
    name: str = ""
    phone: str = ""
    subject: str = ""
    request_type: str = ""


class NewType(msgspec.Struct, forbid_unknown_fields=True):
    """A correction."""

    request_type: str


async def _body(request: HttpRequest, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise Invalid(f"The body is not what is asked for here: {error}.") from error


@post("/api/v1/conversations", opt={"access": "token"})
async def file_conversation(request: HttpRequest) -> Response[Any]:
    """File a conversation; 201 when it was taken in, 202 when it is stored and waits."""
    body: NewConversation = await _body(request, NewConversation)
    values: dict[str, Any] = {
        "name": body.name,
        "email": body.email,
        "phone": body.phone,
        "subject": body.subject,
        "body": body.text,
        "request_type": body.request_type,
    }
    types = await read(request, _types)
    wrong = check_form(values, types)
    if wrong:
        raise Invalid(" ".join(f"{name}: {text}" for name, text in wrong.items()))
    key = request.headers.get("idempotency-key") or random_token()
    staged = await write(
        request, _stage, Posted(**values), f"{person(request).id}:{key[:200]}", peer(request)
    )
    number = await wait_for_take_in(request, staged.id)
    base = site(request).settings.base_url.rstrip("/")
    if number is None:
        return Response(
            {"status": "stored"},
            status_code=202,
            headers={"location": f"{base}/s/{staged.public_token}"},
        )
    shown = await read(request, _done, number)
    headers = {"location": f"{base}/api/v1/conversations/{number}"}
    return Response(shown, status_code=201, headers=headers)


def _types(session: Session) -> dict[str, Any]:
    return dict(load_rulebook(session).types)


def _stage(session: Session, posted: Posted, key: str, peer_address: str) -> Staged:
    door = next(iter(list_doors(session, ChannelKind.API)), None)
    if door is None:
        raise NotFound("The API has no inbox. Add one under Settings.")
    arrival = Arrival(
        inbox_id=door.id,
        kind=ChannelKind.API,
        dedupe_key=f"api:{key}",
        body=pack(posted),
        meta={"peer": peer_address},
        public_token=random_token(),
    )
    return stage(session, arrival, utcnow())


@put("/api/v1/conversations/{number:int}/request-type", opt={"access": "token"})
async def put_request_type(request: HttpRequest, number: FromPath[int]) -> dict[str, Any]:
    """Correct the request type; policy, team, owner and due times follow."""
    body: NewType = await _body(request, NewType)
    where = site(request)
    await write(
        request,
        _correct,
        number,
        person(request),
        body.request_type,
        where.settings,
        where.secret,
    )
    return await read(request, _done, number)


def _correct(
    session: Session, number: int, who: Person, request_type: str, settings: Any, secret: bytes
) -> None:
    house = load_house(session, settings, secret)
    if house is None:
        raise NotFound("This installation is not set up yet.")
    corrections.correct(
        session,
        rows.get_for_agent(session, number, who),
        load_rulebook(session),
        house,
        request_type=request_type,
        by=who,
        now=utcnow(),
    )
