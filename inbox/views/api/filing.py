"""POST /api/v1/conversations: stored first, then taken in by the worker, like a form's."""

import hashlib
from typing import Any

from litestar import Response, post
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels.webform import Posted, pack
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound, TooLarge
from inbox.failpoints import failpoint
from inbox.rulebook import load_rulebook
from inbox.staging import Arrival, Staged, demand_room, stage
from inbox.store import conversations as rows
from inbox.store import idempotency
from inbox.store.company import list_doors
from inbox.store.idempotency import Answer, Given
from inbox.views.api import shapes
from inbox.views.api.present import present_conversation
from inbox.views.api.requests import check_query, given_key, read_body, respond, shown
from inbox.views.forms import MAX_TEXT_BYTES, check_form, peer, wait_for_take_in
from inbox.views.site import HttpRequest, person, read, site, write
from models import ChannelKind


@post("/api/v1/conversations", opt={"access": "token"})
async def file_conversation(request: HttpRequest) -> Response[Any]:
    """File a conversation; 201 when it was taken in, 202 when it is stored and waits."""
    check_query(request)
    body = await read_body(request, shapes.NewConversation)
    demand_room(site(request).settings.data_dir)
    given = given_key(request, body)
    posted = await checked(request, body)
    meta: dict[str, Any] = {"peer": peer(request), "product_group": body.product_group.strip()}
    if tier := body.tier.strip():
        meta |= {"tier": tier, "tier_by": person(request).id}
    begun = await write(request, _begin, given, posted, meta)
    failpoint("api.committed")
    if isinstance(begun, Answer):
        return respond(begun)
    number = await wait_for_take_in(request, begun.id)
    base = site(request).settings.base_url.rstrip("/")
    if number is None:
        # Not kept with the key: the same again tells the number once there is one.
        return respond(shown(shapes.Stored(), 202, f"{base}/s/{begun.public_token}"))
    where = f"{base}/api/v1/conversations/{number}"
    answer = await write(request, _finish, given, number, where)
    failpoint("api.finished")
    return respond(answer)


async def checked(request: HttpRequest, body: shapes.NewConversation) -> Posted:
    """Check a body as a form is checked.

    Raises
    ------
    Invalid
        With a sentence for each field that is wrong.
    TooLarge
        If the text is longer than 1 MB.
    """
    if len(body.text.encode()) > MAX_TEXT_BYTES:
        raise TooLarge("The text is longer than 1 MB. Put it into a file, or send less.")
    values: dict[str, Any] = {
        "name": body.name,
        "email": body.email,
        "phone": body.phone,
        "subject": body.subject,
        "body": body.text,
        "request_type": body.request_type,
    }
    wrong = check_form(values, await read(request, _types))
    if wrong:
        fields = {"text" if name == "body" else name: text for name, text in wrong.items()}
        sentence = " ".join(f"{name}: {text}" for name, text in fields.items())
        raise Invalid(sentence, fields)
    return Posted(**values)


def _types(session: Session) -> dict[str, Any]:
    return dict(load_rulebook(session).types)


def _begin(
    session: Session, given: Given | None, posted: Posted, meta: dict[str, Any]
) -> Answer | Staged:
    """Store what was posted, or return what the same was told before."""
    if given is not None:
        earlier = idempotency.begin(session, given, utcnow())
        if earlier is not None:
            return earlier
    door = next(iter(list_doors(session, ChannelKind.API)), None)
    if door is None:
        raise NotFound("The API has no inbox. Add one under Settings.")
    arrival = Arrival(
        inbox_id=door.id,
        kind=ChannelKind.API,
        dedupe_key=f"api:{_dedupe_key(given)}",
        body=pack(posted),
        meta=meta,
        public_token=random_token(),
    )
    staged = stage(session, arrival, utcnow())
    failpoint("api.staged")
    return staged


def _dedupe_key(given: Given | None) -> str:
    """Name what was posted by key and body: the key alone may come again after its days."""
    if given is None:
        return random_token()
    key = hashlib.sha256(given.key.encode()).hexdigest()
    return f"{given.agent_id}:{key}:{given.fingerprint}"


def _finish(session: Session, given: Given | None, number: int, location: str) -> Answer:
    """Show what was filed, even where it went to another team, and keep that with the key."""
    whole = present_conversation(session, rows.get(session, number))
    answer = shown(whole, 201, location)
    return answer if given is None else idempotency.finish(session, given, answer)
