"""Telephone's own part of a way in's page: how events are read, a preview, a test call."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import post
from litestar.params import FromPath
from sqlmodel import Session

from inbox import dialling
from inbox.channels import phone, webhook
from inbox.channels.numbers import e164
from inbox.channels.phone import FIELDS, Event, Unreadable
from inbox.clock import utcnow
from inbox.company import phones
from inbox.company.doors import secret_place
from inbox.errors import Conflict, Invalid, NotFound
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views import phone_hooks
from inbox.views.forms import wait_for_take_in
from inbox.views.inbox import speaker_for
from inbox.views.phone_hooks import Switchboard, channel_of
from inbox.views.present_phone import PATH_TEXT, WORD_TEXT, preview, sample_of
from inbox.views.render import words
from inbox.views.security import form_fields
from inbox.views.settings_form import AnyResponse, done, spoken_errors
from inbox.views.settings_inboxes import LIST, inbox_page
from inbox.views.site import HttpRequest, person, read, site, write
from models import Inbox

NOT_JSON = N_("This is no JSON object.")
NO_NUMBER = N_("This is no telephone number. Begin one of another country with +.")
NO_SECRET = N_("Make a secret first.")
FIELDS_OF = (
    *(f"path_{name}" for name in FIELDS),
    *(f"words_{kind}" for kind in WORD_TEXT),
    *("extensions", "request_type", "sample", "do"),
)


def _read_sample(typed: Mapping[str, str], region: str) -> Event:
    reading = phones.reading_from(typed)
    try:
        said = msgspec.json.decode(typed.get("sample", "").encode(), type=dict[str, Any])
        return phone.read_event(said, reading, region)
    except Unreadable as error:
        sentence = PATH_TEXT[error.field]
        raise Invalid(sentence, {"sample": sentence}) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(NOT_JSON, {"sample": NOT_JSON}) from error


@post(LIST + "/{inbox_id:int}/reading", opt={"access": "admin", "fields": FIELDS_OF})
async def change_reading(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Change how events are read, or only show what a sample would say (``do=preview``)."""
    typed = await form_fields(request)
    speak, now = await speaker_for(request), utcnow()
    changes: dict[str, Any] = {"typed": {name: typed.get(name, "") for name in FIELDS_OF}}
    try:
        if typed.get("do") == "preview":
            region = await read(request, dialling.region)
            changes["preview"] = preview(_read_sample(typed, region), speak)
            return await inbox_page(request, inbox_id, {}, {}, 200, phone_changes=changes)
        by = person(request).id
        await write(request, phones.save_reading, inbox_id, typed, by=by, now=now)
    except Invalid as error:
        changes["errors"] = spoken_errors(request, error)
        if "sample" in changes["errors"]:
            missing = speak.say("The sample does not say: %(what)s.")
            if error.message != NOT_JSON:
                changes["errors"]["sample"] = missing % {"what": changes["errors"]["sample"]}
        return await inbox_page(request, inbox_id, {}, {}, 422, phone_changes=changes)
    return done(request, f"{LIST}/{inbox_id}", N_("Saved."))


def _board(session: Session, inbox_id: int) -> tuple[Switchboard, str]:
    row = session.get(Inbox, inbox_id)
    if row is None:
        raise NotFound("There is no such inbox.")
    return phone_hooks.load(session, row.handle), row.handle


@post(LIST + "/{inbox_id:int}/test-call", opt={"access": "admin", "fields": ("number",)})
async def test_call(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Let a missed call come in from a number, signed and checked as the switchboard's are."""
    typed = (await form_fields(request)).get("number", "")
    where, now = site(request), utcnow()
    board, _ = await read(request, _board, inbox_id)
    number = e164(typed, board.region)
    try:
        if not number:
            raise Invalid(NO_NUMBER, {"number": NO_NUMBER})
        if not board.sealed:
            raise Conflict(NO_SECRET)
        reading = phone.reading_of(board.settings.get(phones.READING, {}))
        call = f"test-{int(now.timestamp() * 1000)}"
        body = sample_of(reading, number, call).encode()
        secret = Vault(where.secret).open(board.sealed, secret_place(board.id))
        stamp = int(now.timestamp())
        headers = {
            "webhook-id": call,
            "webhook-timestamp": str(stamp),
            "webhook-signature": webhook.signature(secret, call, stamp, body),
        }
        if not channel_of(where, board, now).verify(headers, body):
            raise Conflict("The signature is not right, or the event is older than 5 minutes.")
        arrival = phone_hooks.arrival_of(board, body, call, "test")
    except (Invalid, Conflict) as error:
        changes = {"test_errors": spoken_errors(request, error), "test_number": typed}
        code = error.status
        return await inbox_page(request, inbox_id, {}, {}, code, phone_changes=changes)
    raw_id = await write(request, phone_hooks.keep, arrival, now)
    taken = await wait_for_take_in(request, raw_id)
    if taken is None:
        return done(request, f"{LIST}/{inbox_id}", N_("The test call is on its way."))
    return done(request, f"/inbox/{taken}", words(request)(N_("The test call came in here.")))


HANDLERS = (change_reading, test_call)
