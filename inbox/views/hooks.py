"""POST /hooks/…: signed events of other systems, stored before they are answered with yes."""

import hashlib
from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels import webhook
from inbox.channels.adapters import WebhookChannel
from inbox.channels.smtp import SmtpSender
from inbox.channels.webform import pack
from inbox.clock import utcnow
from inbox.company.doors import secret_place
from inbox.errors import NotFound
from inbox.staging import Arrival, stage
from inbox.store.company import Door, find_door, find_settings
from inbox.vault import Vault
from inbox.views.api import shapes
from inbox.views.api.filing import checked
from inbox.views.api.requests import check_query, read_body, respond, shown
from inbox.views.forms import peer
from inbox.views.security import Unauthorised
from inbox.views.site import HttpRequest, read, site, write
from models import ChannelKind


def _load(session: Session, key: str) -> tuple[Door, str]:
    """Return an open webhook with its sealed secret.

    Raises
    ------
    NotFound
        If there is none under this key.
    """
    door = find_door(session, ChannelKind.WEBHOOK, key)
    if door is None:
        raise NotFound("There is no such webhook.")
    return door, str(find_settings(session, door.id).get("secret", ""))


@post("/hooks/generic/{key:str}", opt={"access": "link"})
async def receive_event(request: HttpRequest, key: FromPath[str]) -> Response[Any]:
    """Take in one event; the same id again is told the same and changes nothing."""
    where = site(request)
    door, sealed = await read(request, _load, key)
    secret = Vault(where.secret).open(sealed, secret_place(door.id)) if sealed else ""
    proof = webhook.Proof(secret, utcnow())
    channel = WebhookChannel(SmtpSender(where.settings.smtp_url), proof)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not channel.verify(headers, await request.body()):
        raise Unauthorised("The signature is not right, or the event is older than 5 minutes.")
    check_query(request)
    body = await read_body(request, shapes.NewConversation)
    event = hashlib.sha256(webhook.event_id(headers).encode()).hexdigest()
    arrival = Arrival(
        inbox_id=door.id,
        kind=ChannelKind.WEBHOOK,
        dedupe_key=f"webhook:{door.id}:{event}",
        body=pack(await checked(request, body)),
        meta={"peer": peer(request)},
        public_token=random_token(),
    )
    await write(request, _stage, arrival)
    return respond(shown(shapes.Stored()))


def _stage(session: Session, arrival: Arrival) -> None:
    stage(session, arrival, utcnow())
