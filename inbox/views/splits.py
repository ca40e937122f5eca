"""From a message on it is another matter: split, and made one again."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.later import splitting
from inbox.rulebook import load_rulebook
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.merges import merge_two
from inbox.views.render import page
from inbox.views.settings_form import done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Conversation, Message

SPLIT = ("message", "subject")
EXCERPT = 160


def _splittable(
    session: Session, number: int, who: Person
) -> tuple[Conversation, list[Message]]:
    conversation = rows.get_for_agent(session, number, who)
    return conversation, splitting.splittable(session, conversation)


async def _split_form(
    request: HttpRequest, number: int, typed: dict[str, str], errors: dict[str, str], code: int
) -> Response[Any]:
    found, said = await read(request, _splittable, number, person(request))
    speak = await speaker_for(request)
    return await page(
        request,
        "inbox/split.html",
        code=code,
        active="inbox",
        number=number,
        subject=found.subject,
        messages=[
            (one.id, speak.clock(one.created_at), one.visible_text.strip()[:EXCERPT])
            for one in said
        ],
        typed=typed,
        errors=errors,
    )


@get("/inbox/{number:int}/split", opt={"access": "agent"})
async def show_split(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show from which message on it may be another matter."""
    asked = request.query_params.get("message", "")
    return await _split_form(request, number, {"message": asked, "subject": ""}, {}, 200)


def _split(session: Session, number: int, who: Person, message_id: int, subject: str) -> int:
    conversation = rows.get_for_agent(session, number, who, to_change=True)
    return splitting.split(
        session,
        conversation,
        load_rulebook(session),
        message_id=message_id,
        subject=subject,
        by=who,
        now=utcnow(),
    )


@post("/inbox/{number:int}/split", opt={"access": "agent", "fields": SPLIT})
async def split(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Let it go on alone from a message on."""
    typed = await texts_of(request, SPLIT)
    message_id = number_of(typed["message"]) or 0
    subject = typed["subject"].replace("\0", "")
    try:
        new = await write(request, _split, number, person(request), message_id, subject)
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _split_form(request, number, typed, wrong, error.status)
    sentence = N_("Split: from this message on it is a request of its own.")
    return done(request, f"/inbox/{new}", sentence)


def _source(session: Session, number: int, who: Person) -> int:
    conversation = rows.get_for_agent(session, number, who)
    return splitting.find_source(session, conversation, who).id


@post("/inbox/{number:int}/split/undo", opt={"access": "agent", "fields": ()})
async def unsplit(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Make one of the two again."""
    where, who = site(request), person(request)
    source = await read(request, _source, number, who)
    whole = await write(request, merge_two, number, source, who, where.settings, where.secret)
    return done(request, f"/inbox/{whole}", N_("It is one request again."))


HANDLERS = (show_split, split, unsplit)
