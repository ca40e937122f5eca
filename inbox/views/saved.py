"""Saved replies beside an answer: offered with real values, and put into what is written."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.compose import WRITTEN
from inbox.views.extras import MAX_FORM_BYTES, put_by
from inbox.views.flash import flash
from inbox.views.render import page, wants_partial
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.wording import replies
from inbox.wording.replies import Offer
from inbox.writing import drafts
from inbox.writing.drafts import NOTE, REPLY, Written

SHOWN = 20  # beside the composer; the page has all that are found


def _offers(
    session: Session, number: int, who: Person, words: str, *, whole: bool
) -> list[Offer]:
    conversation = rows.get_for_agent(session, number, who)
    return replies.offer(session, conversation, who, words, utcnow(), whole=whole)


@get("/inbox/{number:int}/saved", opt={"access": "agent"})
async def show_saved(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Offer saved replies for a conversation: a list for htmx, else a page of its own."""
    typed = request.query_params.get("words", "")[:100]
    partial = wants_partial(request)
    kind = request.query_params.get("kind", REPLY)
    found = await read(request, _offers, number, person(request), typed, whole=not partial)
    return await page(
        request,
        "inbox/_saved_list.html" if partial else "inbox/saved.html",
        active="inbox",
        number=number,
        offers=found[:SHOWN] if partial else found,
        more=len(found) - SHOWN if partial else 0,
        words=typed,
        kind=kind if kind in drafts.KINDS else REPLY,
    )


def _use(session: Session, number: int, reply_id: int, who: Person) -> str:
    conversation = rows.get_for_agent(session, number, who)
    return replies.use(session, conversation, reply_id, who, utcnow())


@post(
    "/inbox/{number:int}/saved/{reply_id:int}",
    opt={"access": "agent", "fields": ("words",)},
)
async def use_saved(
    request: HttpRequest, number: FromPath[int], reply_id: FromPath[int]
) -> Response[Any]:
    """Return a saved reply's text as it goes into the answer, and count that it is used."""
    text = await write(request, _use, number, reply_id, person(request))
    return Response(text, status_code=200, media_type="text/plain")


def _into_draft(session: Session, number: int, reply_id: int, who: Person, kind: str) -> None:
    """Put a saved reply below what is written already."""
    now = utcnow()
    text = _use(session, number, reply_id, who)
    row = drafts.load(session, who.id, number).get(kind)
    if row is None:
        drafts.save(session, who.id, number, Written(kind, text), now)
        return
    before = row.text.rstrip()
    written = Written(
        kind,
        f"{before}\n\n{text}" if before else text,
        row.cc,
        row.bcc,
        tuple(row.files),
        row.seen,
        row.page,
        row.version,
    )
    drafts.save(session, who.id, number, written, now)


def _keep(session: Session, number: int, who: Person, written: Written) -> None:
    rows.get_for_agent(session, number, who)
    row = drafts.load(session, who.id, number).get(written.kind)
    if not written.is_empty and (row is None or row.text.strip() != written.text.strip()):
        drafts.save(session, who.id, number, written, utcnow())


@post(
    "/inbox/{number:int}/saved",
    opt={"access": "agent", "fields": (*WRITTEN, "use", "words")},
    request_max_body_size=MAX_FORM_BYTES,
)
async def insert_saved(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Without a script: keep what is written as a draft, show the list, put one into it."""
    fields = await form_fields(request)
    who = person(request)
    kind = NOTE if fields.get("kind") == NOTE else REPLY
    chosen = number_of(fields.get("use", ""))
    if chosen:
        await write(request, _into_draft, number, chosen, who, kind)
        back = Redirect(f"/inbox/{number}", status_code=303)
        return flash(request, back, N_("It is in your answer now."))
    if "body" in fields:
        kept = await put_by(request, number)
        written = Written(
            kind,
            fields["body"],
            fields.get("cc", ""),
            fields.get("bcc", ""),
            tuple(token for token, _, _ in kept),
            number_of(fields.get("seen", "")) or 0,
            version=number_of(fields.get("version", "")) or 0,
        )
        await write(request, _keep, number, who, written)
    return Redirect(f"/inbox/{number}/saved?kind={kind}", status_code=303)


HANDLERS = (show_saved, use_saved, insert_saved)
