"""/hooks/zalo, /hooks/messenger…: what providers tell, kept before they are told yes.

Believed only with the provider's own signature over the bytes as they came. What was told
before is told yes again and changes nothing.
"""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.channels.messengers.account import Account
from inbox.channels.messengers.providers import PROVIDERS
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import Forbidden, NotFound
from inbox.failpoints import failpoint
from inbox.messaging import links, receiving
from inbox.messaging.links import Stored
from inbox.messaging.receiving import Told
from inbox.staging import MAX_BACKLOG, NoRoom, count_waiting, demand_room
from inbox.vault import Sealed, Vault
from inbox.views.forms import peer
from inbox.views.security import Unauthorised
from inbox.views.site import HttpRequest, read, site, write
from models import ChannelKind

MAX_BODY_BYTES = 1024 * 1024
PATHS = [f"/hooks/{kind}/{{key:str}}" for kind in PROVIDERS]
BUSY = "We cannot take messages just now. Please try again in a few minutes."


def _kind(request: HttpRequest) -> ChannelKind:
    return ChannelKind(request.url.path.split("/")[2])


def _load(session: Session, kind: ChannelKind, key: str) -> tuple[Stored, bool]:
    """Return the account behind a key, and whether there is room for more of what it tells."""
    stored = links.find_by_key(session, kind, key)
    if stored is None:
        raise NotFound("There is no such webhook.")
    return stored, count_waiting(session, MAX_BACKLOG) < MAX_BACKLOG


async def _opened(request: HttpRequest, key: str) -> tuple[Stored, Account]:
    stored, has_room = await read(request, _load, _kind(request), key)
    if not has_room:
        raise NoRoom(BUSY)
    try:
        return stored, links.opened(stored, Vault(site(request).secret))
    except Sealed as error:  # the provider tries again; the account's page says what to do
        raise DatabaseGone(BUSY) from error


@get(PATHS, opt={"access": "link"})
async def prove_address(request: HttpRequest, key: FromPath[str]) -> Response[Any]:
    """Tell a provider that this address is ours, if it knows the word for that."""
    stored, account = await _opened(request, key)
    query = {str(name): str(value) for name, value in request.query_params.items()}
    answer = stored.provider.challenge(query, account)
    if answer is None:
        raise Forbidden("This is not for you.")
    return Response(answer, media_type="text/plain")


@post(PATHS, opt={"access": "link"}, request_max_body_size=MAX_BODY_BYTES)
async def receive_told(request: HttpRequest, key: FromPath[str]) -> Response[Any]:
    """Keep what a provider tells."""
    stored, account = await _opened(request, key)
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.body()
    if not stored.provider.is_genuine(headers, body, account):
        raise Unauthorised("The signature is not right.")
    now = utcnow()
    told = receiving.read(stored, account, body, peer(request), now)
    if told.stale:
        raise Unauthorised("This is too old, or of a time to come.")
    demand_room(site(request).settings.data_dir)
    await write(request, _keep, stored, told, now)
    failpoint("messenger.committed")
    return Response({"status": "stored"}, status_code=200)


def _keep(session: Session, stored: Stored, told: Told, now: datetime) -> None:
    receiving.keep(session, stored, told, now)
    failpoint("messenger.staged")


HANDLERS = (prove_address, receive_told)
