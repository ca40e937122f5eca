"""What the page's script asks while somebody writes: keep the draft, put files by, names."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid, TooLarge
from inbox.outgoing import staged
from inbox.outgoing.letters import File
from inbox.outgoing.staged import Kept
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.compose import WRITTEN
from inbox.views.extras import MAX_FORM_BYTES, put_by, read_files, said_why
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.present_writing import OTHER
from inbox.views.render import words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.writing import drafts, mentions
from inbox.writing.drafts import Written
from models import Draft

KEPT = N_("Draft kept.")


def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _save(session: Session, number: int, who: Person, written: Written) -> Draft | None:
    rows.get_for_agent(session, number, who, or_asked=True)
    if drafts.was_sent(session, f"{who.id}:{number}:{written.page}"):
        return None  # this save came later than the click on Send
    row = drafts.save(session, who.id, number, written, utcnow())
    session.flush()
    return row


@post(
    "/inbox/{number:int}/drafts",
    opt={"access": "agent", "fields": (*WRITTEN, "settled")},
    request_max_body_size=MAX_FORM_BYTES,
)
async def save_draft(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Keep what is written so far; to a script as JSON, else back to the conversation."""
    fields = await form_fields(request)
    kept = await put_by(request, number)
    written = Written(
        kind=fields.get("kind", drafts.REPLY),
        text=fields.get("body", "").replace("\r\n", "\n"),
        cc=fields.get("cc", ""),
        bcc=fields.get("bcc", ""),
        files=tuple(token for token, _, _ in kept),
        seen=number_of(fields.get("seen", "")) or 0,
        page=fields.get("key", "")[:64],
        version=number_of(fields.get("version", "")) or 0,
        to=fields.get("to", ""),
        settled=fields.get("settled") == "1",
    )
    row = await write(request, _save, number, person(request), written)
    if not _is_script(request):
        return flash(request, Redirect(f"/inbox/{number}", status_code=303), KEPT)
    speak = await speaker_for(request)
    other = row.other_text if row is not None else ""
    at = row.other_at if row is not None else None
    return Response(
        {
            "version": row.version if row is not None else 0,
            "other": other,
            "about": speak.say(OTHER) % {"time": speak.clock(at)} if at is not None else "",
        },
        media_type="application/json",
    )


@post(
    "/inbox/{number:int}/files",
    opt={"access": "agent", "fields": ("files",)},
    request_max_body_size=MAX_FORM_BYTES,
)
async def put_files_by(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Put files by that were dropped or pasted: token, name and size of each."""
    who = person(request)
    await read(request, rows.get_for_agent, number, who)
    try:
        fresh = await read_files(request)
    except (Invalid, TooLarge) as error:
        return _json({"error": said_why(error, words(request))}, 422)
    kept = await write(request, _put_by, who.id, number, fresh)
    size = (await speaker_for(request)).size
    found = [(one.token, one.file.filename, size(len(one.file.data))) for one in kept]
    return _json({"files": found}, 201)


def _put_by(session: Session, agent_id: int, number: int, fresh: list[File]) -> list[Kept]:
    return staged.put_by(session, agent_id, number, fresh, utcnow())


@get("/inbox/{number:int}/people", opt={"access": "agent"})
async def list_people(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Return the names of colleagues who may see the request, for a note's @."""
    who = person(request)

    def load(session: Session) -> list[str]:
        row = rows.get_for_agent(session, number, who, or_asked=True)
        return [one.name for one in mentions.offered(session, row, who)]

    return _json({"people": await read(request, load)}, 200)


def _json(found: dict[str, Any], status: int) -> Response[Any]:
    return Response(
        found,
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "private, no-store"},
    )
