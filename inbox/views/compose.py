"""Writing: an answer that is sent now or later, a note; and taking an answer back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import read_time, utcnow
from inbox.conversations import NewerMessage, NoDelivery
from inbox.errors import Conflict, Invalid, TooLarge
from inbox.outgoing.messengers import Closed
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.actions import act, composer
from inbox.views.extras import (
    MAX_FORM_BYTES,
    asks_first,
    put_by,
    read_extras,
    refuse_with_note,
    said_why,
)
from inbox.views.flash import flash
from inbox.views.inbox import open_next, speaker_for
from inbox.views.opened import Opened, load_acted, load_pane
from inbox.views.render import Toast, wants_partial, words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, reader_zone
from inbox.writing import mentions, planned, sending, undoing
from inbox.writing.drafts import MOST_TEXT, TOO_LONG
from models import Conversation

WRITTEN = (
    *("body", "kind", "key", "seen", "then", "cc", "bcc", "files", "anyway"),
    *("word", "remind", "kept", "to", "quotes", "send_at", "version"),
)
LATER = ("later", "tomorrow")  # ways to send: at the time that the form names, next morning
MORNING = 8  # o'clock, where the person is
SAID = {
    "note": N_("Note kept."),
    "": N_("Sent."),
    "wait": N_("Sent. It waits for the customer now."),
    "done": N_("Sent, and done."),
    "later": N_("It is sent then. Until then you can change it."),
}


@post(
    "/inbox/{number:int}/messages",
    opt={"access": "agent", "fields": WRITTEN},
    request_max_body_size=MAX_FORM_BYTES,
)
async def write_message(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Send a reply or keep a note; the writer's text is never lost on the way."""
    fields = await form_fields(request)
    say = words(request)
    is_note = fields.get("kind") == "note"
    try:
        if len(fields.get("body", "")) > MOST_TEXT:
            raise Invalid(TOO_LONG)
        if is_note:
            await _keep_note(request, number, fields)
        elif _is_later(fields):
            await _plan(request, number, fields)
        else:
            await _send(request, number, fields)
    except (NewerMessage, NoDelivery) as error:
        return await _again(request, number, fields, 409, **asks_first(error, say))
    except Closed as error:
        return await _again(request, number, fields, 409, error=say(error.message))
    except (Invalid, TooLarge) as error:
        return await _again(request, number, fields, 422, error=said_why(error, say))
    then = "later" if _is_later(fields) else fields.get("then", "")
    return await _written(request, number, "note" if is_note else then)


def _is_later(fields: Mapping[str, str]) -> bool:
    """Tell whether it leaves later: a time that is named holds, whatever was pressed."""
    return fields.get("then") in LATER or bool(fields.get("send_at"))


def _key(request: HttpRequest, number: int, fields: Mapping[str, str]) -> str | None:
    """Return what makes a doubled click one message."""
    key = fields.get("key", "")[:64]
    return f"{person(request).id}:{number}:{key}" if key else None


async def _keep_note(request: HttpRequest, number: int, fields: Mapping[str, str]) -> None:
    refuse_with_note(await read_extras(request, number, dict(fields)))
    text, key = fields.get("body", ""), _key(request, number, fields)
    await act(request, number, mentions.note, "asked", text=text, key=key)


async def _send(request: HttpRequest, number: int, fields: Mapping[str, str]) -> None:
    extras = await read_extras(request, number, dict(fields))
    await act(
        request,
        number,
        sending.send,
        "house",
        then=fields.get("then", ""),
        text=fields.get("body", ""),
        key=_key(request, number, fields),
        seen=number_of(fields.get("seen", "")),
        extras=extras,
    )


async def _plan(request: HttpRequest, number: int, fields: Mapping[str, str]) -> None:
    extras = await read_extras(request, number, dict(fields))
    at = await send_time(request, fields)
    kept = await put_by(request, number)
    await act(
        request,
        number,
        planned.plan,
        "house",
        text=fields.get("body", ""),
        send_at=at,
        then=fields.get("then", ""),
        files=tuple(token for token, _, _ in kept),
        seen=number_of(fields.get("seen", "")),
        extras=extras,
    )


async def send_time(request: HttpRequest, fields: Mapping[str, str]) -> datetime:
    """Read when something is to leave, where the person is.

    Raises
    ------
    Invalid
        If it is no time.
    """
    zone = await reader_zone(request)
    if fields.get("then") == "tomorrow":
        morning = utcnow().astimezone(zone) + timedelta(days=1)
        return morning.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    try:
        found = read_time(fields.get("send_at", ""))
    except ValueError as error:
        raise Invalid(planned.WRONG_TIME, {"send_at": planned.WRONG_TIME}) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


async def _written(request: HttpRequest, number: int, then: str) -> Response[Any]:
    """Say what became of it; where the work on it is over, open what is next."""
    done = SAID[then]
    if not wants_partial(request):
        after = "/inbox" if then == "done" else f"/inbox/{number}"
        return flash(request, Redirect(after, status_code=303), done)
    held, loaded = await read(request, _load_written, number, person(request), then)
    sent = _was_sent(then)
    undo = f"/inbox/{number}/messages/{held}/undo" if held else None
    toast = Toast(words(request)(done), "sent" if sent else "done", undo)
    if loaded is not None:
        return await composer(request, loaded, 201, toast)
    response = await open_next(request, toast)
    response.headers["HX-Retarget"] = "#conversation"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


def _was_sent(then: str) -> bool:
    return then not in ("note", "later")


def _load_written(
    session: Session, number: int, who: Person, then: str
) -> tuple[int, Opened | None]:
    """Load the answer that can be undone, or 0, and the page that its writer stays on."""
    held = undoing.find_held(session, number, who.id, utcnow()) if _was_sent(then) else 0
    stays = then not in ("wait", "done")
    return held, load_acted(session, number, who) if stays else None


async def _again(
    request: HttpRequest, number: int, fields: dict[str, str], status: int, **said: Any
) -> Response[Any]:
    """Show the composer again with the text in it; its files are put by."""
    loaded = await read(request, load_pane, number, person(request))
    size = (await speaker_for(request)).size
    kept = await put_by(request, number)
    changes = {
        "draft": fields.get("body", ""),
        "kind": "note" if fields.get("kind") == "note" else "reply",
        **{name: fields.get(name, "") for name in ("cc", "bcc", "word", "remind", "to")},
        "send_at": fields.get("send_at", ""),
        "quotes": fields.get("quotes", "1") != "0",
        "kept": [(token, name, size(count)) for token, name, count in kept],
        **said,
    }
    return await composer(request, loaded, status, None, **changes)


def _undo(
    session: Session, conversation: Conversation, *, by: Person, now: datetime, message_id: int
) -> None:
    undoing.undo(session, conversation, message_id, by=by, now=now)


@post(
    "/inbox/{number:int}/messages/{message_id:int}/undo",
    opt={"access": "agent", "fields": ("next",)},
)
async def undo_message(
    request: HttpRequest, number: FromPath[int], message_id: FromPath[int]
) -> Response[Any]:
    """Take an answer back before it leaves: its text is in the composer again."""
    sentence = N_("Taken back: it is a draft again, and nothing was sent.")
    try:
        await act(request, number, _undo, message_id=message_id)
    except Conflict as error:
        sentence = error.message
    return _go(request, number, sentence)


def _go(request: HttpRequest, number: int, sentence: str) -> Response[Any]:
    target = f"/inbox/{number}"
    if not wants_partial(request):
        return flash(request, Redirect(target, status_code=303), sentence)
    headers = {"HX-Redirect": target}
    return flash(
        request,
        Response("", status_code=200, headers=headers, media_type="text/html"),
        sentence,
    )


def _planned(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    house: Any,
    planned_id: int,
    what: str,
    send_at: datetime | None,
) -> None:
    if what == "now":
        planned.send_now(session, conversation, planned_id, by=by, now=now, house=house)
    elif send_at is not None:
        planned.move(session, conversation, planned_id, send_at, by=by, now=now)
    else:
        planned.take_back(session, conversation, planned_id, by=by, now=now)


@post(
    "/inbox/{number:int}/planned/{planned_id:int}",
    opt={"access": "agent", "fields": ("what", "send_at")},
)
async def change_planned(
    request: HttpRequest, number: FromPath[int], planned_id: FromPath[int]
) -> Response[Any]:
    """Send one's planned answer now (``what=now``), at another time, or make it a draft."""
    fields = await form_fields(request)
    what = fields.get("what", "")
    at = await send_time(request, fields) if what == "move" else None
    await act(request, number, _planned, "house", planned_id=planned_id, what=what, send_at=at)
    said = {"now": SAID[""], "move": SAID["later"]}
    return _go(request, number, said.get(what, N_("It is a draft again.")))
