"""The customer's page of one conversation: where it stands, and a place to add to it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import select
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels.webform import Posted, pack
from inbox.clock import utcnow
from inbox.errors import NotFound
from inbox.rulebook import Rulebook, load_rulebook
from inbox.satisfaction.answering import close_by_customer
from inbox.sla.promise import hours_text, promised_at, spoken_moment
from inbox.staging import Arrival, Staged, stage
from inbox.store import conversations as rows
from inbox.store import merges
from inbox.store.dates import MilestoneRow, list_public
from inbox.store.pages import Thread, load_thread
from inbox.store.people import team_names
from inbox.templating import N_
from inbox.views.forms import (
    TooOld,
    check_page_token,
    page_token,
    peer,
    posted_fields,
    wait_for_take_in,
)
from inbox.views.models import Entry
from inbox.views.present import present_message
from inbox.views.render import language, page
from inbox.views.site import HttpRequest, read, site, write
from inbox.views.words import speaker
from models import (
    ChannelKind,
    Conversation,
    Direction,
    Message,
    MilestoneState,
    RawMessage,
    Status,
)
from models.base import columns

raws = columns(RawMessage)

NO_PAGE = "There is no such page. Check the address in our mail."
KNOWN_MORE = frozenset({"token", "key", "body", "website", "solved"})


@dataclass(frozen=True, slots=True)
class CustomerView:
    """A conversation as its customer sees it."""

    number: int
    created_text: str
    received_at_text: str
    team: str
    promise_text: str
    late: bool
    new_promise_text: str
    answered_at_text: str | None
    waiting: bool
    solved: bool
    is_new: bool
    is_added: bool
    messages: list[Entry]
    milestones: list[tuple[str, str, bool]]  # title, when, whether it is reached
    form_token: str
    key: str
    can_close: bool = False


def _load_status(
    session: Session, token: str
) -> tuple[Thread | None, Mapping[int, str], Rulebook, datetime | None]:
    conversation = rows.find_by_public_token(session, token)
    book = load_rulebook(session)
    if conversation is None:
        waiting = session.execute(
            select(raws.received_at).where(raws.public_token == token)
        ).scalar_one_or_none()
        if waiting is None:
            raise NotFound(NO_PAGE)
        return None, {}, book, waiting
    thread = load_thread(session, whole_of(session, conversation), only_contact=True)
    return thread, team_names(session), book, None


def whole_of(session: Session, conversation: Conversation) -> Conversation:
    """Return what it was merged into, unless that is somebody else's page too."""
    whole = merges.find_whole(session, conversation)
    return whole if whole.contact_id == conversation.contact_id else conversation


@get("/s/{token:str}", opt={"access": "link"})
async def show_status(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Show a customer where the request stands, in words and with the promised time."""
    return await _status_page(request, token, {}, {}, 200)


async def _status_page(
    request: HttpRequest,
    token: str,
    values: dict[str, str],
    errors: dict[str, str],
    code: int,
) -> Response[Any]:
    thread, teams, book, waiting = await read(request, _load_status, token)
    company = await site(request).company()
    if company is None:
        raise NotFound("There is nothing here.")
    spoken = language(request, company.language)
    if thread is not None and "lang" not in request.query_params:
        spoken = thread.conversation.language
    calendar = book.calendars[book.default_calendar_id]
    zone = calendar.timezone
    speak = speaker(spoken, zone, utcnow())
    common: dict[str, Any] = {
        "company": company.name,
        "hours_text": hours_text(calendar, spoken),
        "spoken": spoken,
    }
    if thread is None:
        response = await page(
            request,
            "public/received.html",
            received_at_text=speak.clock(waiting or speak.now),
            **common,
        )
        response.headers["refresh"] = "2"
        return private(response)
    public = await read(request, list_public, thread.conversation)
    shown = _status(request, thread, public, teams, speak, token)
    say = speak.say
    response = await page(
        request,
        "public/status.html",
        code=code,
        status=shown,
        token=token,
        values=values,
        errors={name: say(text) for name, text in errors.items()},
        **common,
    )
    return private(response)


def private(response: Response[Any]) -> Response[Any]:
    """Keep a private page out of caches, indexes and referrers."""
    response.headers["cache-control"] = "private, no-store"
    response.headers["x-robots-tag"] = "noindex"
    response.headers["referrer-policy"] = "no-referrer"
    return response


def _expected(row: Conversation, speak: Any) -> str:
    """Return the time that was told when the promise had passed, while it lies ahead."""
    at = row.expected_at
    if at is None or at < speak.now or row.first_responded_at is not None:
        return ""
    return spoken_moment(at, speak.zone.key, speak.now, speak.language)


def _has_left(message: Message, thread: Thread, now: datetime) -> bool:
    """Tell whether a message is no answer that can still be undone, or was taken back."""
    mail = thread.deliveries.get(message.id)
    if mail is None or mail.state not in ("queued", "cancelled"):
        return True
    return mail.state == "queued" and mail.leased_until <= now


def _status(
    request: HttpRequest,
    thread: Thread,
    public: list[MilestoneRow],
    teams: Mapping[int, str],
    speak: Any,
    token: str,
) -> CustomerView:
    row: Conversation = thread.conversation
    now = speak.now
    heard = [one for one in thread.messages if _has_left(one, thread, now)]
    answers = [one for one in heard if one.direction == Direction.OUTBOUND]
    owed = row.next_due_at is not None
    answered = speak.clock(answers[-1].created_at) if answers and not owed else None
    promise = row.promised_at
    if owed and row.first_responded_at is not None and row.next_due_at is not None:
        promise = promised_at(row.next_due_at)
    said = spoken_moment(promise, speak.zone.key, now, speak.language) if promise else ""
    return CustomerView(
        number=row.id,
        created_text=speak.date(row.created_at),
        received_at_text=speak.clock(row.created_at),
        team=teams.get(row.team_id or 0, ""),
        promise_text=said,
        late=bool(owed and promise is not None and promise < now),
        new_promise_text=_expected(row, speak),
        answered_at_text=answered,
        waiting=row.status == Status.WAITING,
        solved=row.status == Status.RESOLVED,
        is_new=request.query_params.get("new") == "1",
        is_added=request.query_params.get("added") == "1",
        messages=[
            present_message(one, thread, speak, {})
            for one in heard
            if one.direction in (Direction.INBOUND, Direction.OUTBOUND)
            and not one.is_machine
            and (one.text or one.channel is not ChannelKind.PHONE)  # who rang knows it
        ],
        milestones=[
            (one.title, speak.date(one.due_at), one.state is MilestoneState.REACHED)
            for one in public
        ],
        form_token=page_token(request, f"status:{token}"),
        key=random_token(),
        can_close=row.status in (Status.OPEN, Status.WAITING, Status.SNOOZED),
    )


@post("/s/{token:str}/messages", opt={"access": "link"})
async def post_more(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Add to a request from its customer's page."""
    fields, _ = await posted_fields(request, KNOWN_MORE)
    text = fields.get("body", "")
    if not text.strip() and not fields.get("solved"):
        errors = {"body": N_("Please write something first.")}
        return await _status_page(request, token, {}, errors, 422)
    try:
        check_page_token(request, f"status:{token}", fields.get("token", ""))
    except TooOld as error:
        again = {"body": error.message}
        return await _status_page(request, token, {"body": text}, again, error.status)
    if not text.strip():
        await write(request, _close, token)
        return Redirect(f"/s/{token}", status_code=303)
    if fields.get("website"):
        return Redirect(f"/s/{token}", status_code=303)
    staged = await write(request, _stage_more, token, fields, peer(request))
    await wait_for_take_in(request, staged.id)
    return Redirect(f"/s/{token}?added=1#msgs", status_code=303)


def _close(session: Session, token: str) -> None:
    conversation = rows.find_by_public_token(session, token)
    if conversation is None:
        raise NotFound(NO_PAGE)
    close_by_customer(session, whole_of(session, conversation), utcnow())


def _stage_more(session: Session, token: str, fields: dict[str, str], peer: str) -> Staged:
    conversation = rows.find_by_public_token(session, token)
    if conversation is None:
        raise NotFound(NO_PAGE)
    used = hashlib.sha256(fields.get("token", "").encode()).hexdigest()
    arrival = Arrival(
        inbox_id=conversation.inbox_id,
        kind=ChannelKind.FORM,
        # What was sent twice is one message; the same page sent with other words is two.
        dedupe_key=f"more:{used}:{hashlib.sha256(fields['body'].encode()).hexdigest()}",
        body=pack(Posted(body=fields["body"])),
        meta={"peer": peer, "conversation": conversation.id},
    )
    return stage(session, arrival, utcnow())
