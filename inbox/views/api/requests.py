"""Reading what a script sends, doing it at most once, and answering."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from litestar import Response
from msgspec import Struct
from sqlmodel import Session

from inbox.clock import is_near, utcnow
from inbox.errors import InboxError, Invalid
from inbox.failpoints import failpoint
from inbox.store import idempotency
from inbox.store.idempotency import Answer, Given
from inbox.views.api.shapes import encode
from inbox.views.render import problem
from inbox.views.site import HttpRequest, person, write

S = TypeVar("S", bound=Struct)

MAX_KEY = 255
# What the same request will be told again; others are worth another try with the same key.
FINAL = frozenset({404, 409, 422})


def check_query(request: HttpRequest, *known: str) -> None:
    """Refuse parameters that this address does not have, so that no misspelt one is ignored.

    Raises
    ------
    Invalid
        If there is one, or one comes twice.
    """
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            there = f"There are {', '.join(known)}." if known else "There are none here."
            raise Invalid(
                f"There is no parameter {name[:60]!r}. {there}", {name[:60]: "unknown"}
            )
        if name in seen:
            raise Invalid(f"The parameter {name} is there twice.", {name: "there twice"})
        seen.add(name)


async def read_body(request: HttpRequest, kind: type[S]) -> S:
    """Read the body as one of our shapes.

    Raises
    ------
    Invalid
        If it is no JSON, lacks a field, or has one that we do not know.
    """
    try:
        body = msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(f"The body is not what is asked for here: {error}.") from error
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if isinstance(value, str) and "\0" in value:
            raise Invalid(f"{name} has a zero character in it.", {name: "has a zero character"})
        if isinstance(value, datetime) and not is_near(value):
            raise Invalid(f"{name} is too far away.", {name: "is too far away"})
    return body


def given_key(request: HttpRequest, body: Struct) -> Given | None:
    """Return the Idempotency-Key with what it stands for; None if there is none.

    Raises
    ------
    Invalid
        If it is empty, too long, or not printable ASCII.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise Invalid(f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters.")
    mark = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    return Given(person(request).id, request.scope["path"], key, mark)


def once(session: Session, given: Given | None, work: Callable[[Session], Answer]) -> Answer:
    """Do the work, or give the answer it had; effect and answer are one unit of work.

    A refusal that would come again is kept like an answer; what was begun is taken back.
    """
    if given is None:
        return work(session)
    earlier = idempotency.begin(session, given, utcnow())
    if earlier is not None:
        return earlier
    announced = list(session.info.get("announce", []))
    try:
        with session.begin_nested():
            answer = work(session)
    except InboxError as error:
        if error.status not in FINAL:
            raise
        session.info["announce"] = announced
        answer = Answer(error.status, encode(problem(error)))
    return idempotency.finish(session, given, answer)


async def post_once(
    request: HttpRequest, body: Struct, work: Callable[[Session], Answer]
) -> Response[Any]:
    """Run ``once`` for a request, and answer."""
    answer = await write(request, once, given_key(request, body), work)
    failpoint("reply.committed")
    return respond(answer)


def respond(answer: Answer) -> Response[Any]:
    """Send an answer; one that was kept says so."""
    headers = {"cache-control": "no-store"}
    if answer.location:
        headers["location"] = answer.location
    if answer.replayed:
        headers["idempotent-replayed"] = "true"
    kind = "application/json" if answer.status < 400 else "application/problem+json"
    return Response(
        answer.body.encode(), status_code=answer.status, media_type=kind, headers=headers
    )


def shown(shape: Struct, status: int = 200, location: str = "") -> Answer:
    """Make an answer of a shape."""
    return Answer(status, encode(shape), location)
