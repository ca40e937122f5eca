"""The page that forwards a message, or all of a conversation, to somebody outside."""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.errors import Conflict, Invalid
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.actions import act
from inbox.views.extras import said_why
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read
from inbox.writing import forwarding as service
from inbox.writing.forwarding import Forward
from models import Conversation

ALL = N_("All that was said")
MOST_SHORT = 60  # characters of a message in the menu
FIELDS = ("to", "body", "message", "with_files")


def _short(text: str) -> str:
    words_ = " ".join(text.split())
    return words_ if len(words_) <= MOST_SHORT else words_[: MOST_SHORT - 1] + "…"


def _forward(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    house: House,
    wanted: Forward,
) -> None:
    service.forward(session, conversation, wanted=wanted, house=house, by=by, now=now)


@get("/inbox/{number:int}/forward", opt={"access": "agent"})
async def show_forward(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show the form; ``?message=`` forwards only that one."""
    message = request.query_params.get("message", "")
    return await _form(request, number, {"message": message, "with_files": "1"}, {}, 200)


async def _form(
    request: HttpRequest,
    number: int,
    values: dict[str, str],
    errors: dict[str, str],
    code: int,
) -> Response[Any]:
    def load(session: Session) -> tuple[str, list[tuple[int, datetime, str]]]:
        row = rows.get_for_agent(session, number, person(request))
        said = service.list_forwardable(session, row)
        return row.subject, [(one.id, one.created_at, one.visible_text) for one in said]

    subject, said = await read(request, load)
    speak = await speaker_for(request)
    choices = [("", speak.say(ALL))]
    choices += [(str(one), f"{speak.clock(at)}: {_short(text)}") for one, at, text in said]
    return await page(
        request,
        "inbox/forward.html",
        code=code,
        active="inbox",
        number=number,
        subject=subject,
        choices=choices,
        values=values,
        errors=errors,
    )


@post("/inbox/{number:int}/forward", opt={"access": "agent", "fields": FIELDS})
async def forward(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Send it on."""
    fields = await form_fields(request)
    wanted = Forward(
        fields.get("to", ""),
        fields.get("body", ""),
        number_of(fields.get("message", "")),
        fields.get("with_files") == "1",
    )
    try:
        await act(request, number, _forward, "house", wanted=wanted)
    except (Invalid, Conflict) as error:
        values = {name: fields.get(name, "") for name in FIELDS}
        said = {"to": said_why(error, words(request))}
        return await _form(request, number, values, said, error.status)
    done = Redirect(f"/inbox/{number}", status_code=303)
    return flash(request, done, N_("It is forwarded."))
