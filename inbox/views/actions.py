"""What an agent does to a conversation: each click is a resource."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox import closing, corrections, passing, ruling
from inbox import conversations as service
from inbox.clock import utcnow
from inbox.closing import ReasonNeeded
from inbox.conversations import NewerMessage
from inbox.errors import Conflict, Invalid, NotFound
from inbox.house import load_house
from inbox.listing import deeds
from inbox.rulebook import load_rulebook
from inbox.ruling import STANDARD
from inbox.settings import Settings
from inbox.store import conversations as rows
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views import stale
from inbox.views.flash import flash
from inbox.views.inbox import changed, list_page, open_next, speaker_for
from inbox.views.opened import Opened, load_acted, own_row, shown_conversation
from inbox.views.render import Toast, page, wants_partial, words
from inbox.views.security import form_fields, safe_next
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Agent, Contact, Conversation

NOT_DONE = N_("Not done: %(who)s wrote %(time)s ago.")

T = TypeVar("T")


def _change(
    session: Session,
    number: int,
    who: Person,
    work: Callable[..., T],
    *,
    needs: tuple[str, ...] = (),
    settings: Settings | None = None,
    secret: bytes = b"",
    **values: Any,
) -> T:
    """Load the conversation for this person, and do one thing."""
    conversation = rows.get_for_agent(
        session, number, who, to_change=True, or_asked="asked" in needs
    )
    if "rulebook" in needs:
        values["rulebook"] = load_rulebook(session)
    if "house" in needs and settings is not None:
        values["house"] = load_house(session, settings, secret)
    return work(session, conversation, by=who, now=utcnow(), **values)


async def act(
    request: HttpRequest, number: int, work: Callable[..., T], *needs: str, **values: Any
) -> T:
    """Run one service on one conversation; its page is loaded after it, where it is shown."""
    where = site(request)
    return await write(
        request,
        _change,
        number,
        person(request),
        work,
        needs=needs,
        settings=where.settings,
        secret=where.secret,
        **values,
    )


async def answered(
    request: HttpRequest,
    number: int,
    sentence: str,
    kind: str = "done",
    **values: str,
) -> Response[Any]:
    """Answer an action: parts and a toast for htmx, else back to where it came from."""
    if wants_partial(request):
        loaded = await read(request, load_acted, number, person(request))
        toast = Toast(words(request)(sentence) % values, kind)
        return await changed(request, loaded, toast)
    fields = await form_fields(request)
    target = fields.get("next", "")
    if not target:
        try:
            await read(request, rows.get_for_agent, number, person(request))
            target = f"/inbox/{number}"
        except NotFound:  # it was just given to another team
            target = "/inbox"
    back = Redirect(safe_next(target), status_code=303)
    return flash(request, back, sentence, **values)


async def composer(
    request: HttpRequest, loaded: Opened, status: int, toast: Toast | None, **changes: Any
) -> Response[Any]:
    """Show where one writes, with what was written; the whole page without htmx."""
    speak = await speaker_for(request)
    me = person(request).id
    shown = shown_conversation(loaded, speak, person(request))
    for name, value in changes.items():
        setattr(shown, name, value)
    if wants_partial(request):
        return await page(
            request,
            "inbox/_replied.html",
            code=status,
            rail=loaded.rail,
            conversation=shown,
            row=own_row(loaded, speak, me, current=True),
            toast=toast,
            page_query="",
        )
    listing, _ = await list_page(request, current=shown.number)
    return await page(
        request,
        "inbox/conversation.html",
        code=status,
        active="inbox",
        rail=listing.rail,
        page=listing,
        conversation=shown,
    )


def _claim(
    session: Session, conversation: Conversation, *, by: Person, now: datetime, seen: int | None
) -> None:
    """Take it from whom the page showed (0: nobody), not from who took it since."""
    if seen is not None and conversation.owner_id not in (seen or None, by.id):
        raise Conflict("A colleague has just taken it.")
    service.claim(session, conversation, by=by, now=now)


@post("/inbox/{number:int}/claim", opt={"access": "agent", "fields": ("owner", "next")})
async def claim(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Take it myself."""
    seen = number_of((await form_fields(request)).get("owner", ""))
    await act(request, number, _claim, seen=seen)
    return await answered(request, number, N_("It is yours."))


def _assign(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    owner: int | None,
    seen: int | None,
    **said: str,
) -> str:
    """Give it away from whom the page showed; return the new owner's name."""
    if seen is not None and conversation.owner_id not in (seen or None, owner):
        raise Conflict("Its owner has just changed.")
    if said["reason"] not in passing.REASONS:
        said["reason"] = ""
    service.assign(session, conversation, owner, by=by, now=now, **said)
    return session.get_one(Agent, owner).name if owner else ""


@post(
    "/inbox/{number:int}/owner",
    opt={"access": "agent", "fields": ("owner", "seen", "next", "reason", "note")},
)
async def assign(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Give it to a colleague (their id; another team's needs a reason), or to nobody (0)."""
    fields = await form_fields(request)
    owner = number_of(fields.get("owner", ""))
    if owner is None:
        raise Invalid("Choose somebody.")
    seen = number_of(fields.get("seen", ""))
    said = {"reason": fields.get("reason", ""), "note": fields.get("note", "")}
    name = await act(request, number, _assign, owner=owner or None, seen=seen, **said)
    if not owner:
        return await answered(request, number, N_("It has no owner now."))
    return await answered(request, number, N_("It is with %(name)s now."), name=name)


def _resolve(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    kept: list[int],
    **said: Any,
) -> None:
    """Mark it done so that it can be taken back as if it had not been."""
    kept.append(
        deeds.do_one(
            session,
            conversation,
            "done",
            lambda session, row: closing.resolve(session, row, by=by, now=now, **said),
            by=by,
            now=now,
        )
    )


@post("/inbox/{number:int}/resolution", opt={"access": "agent", "fields": ("reason", "seen")})
async def resolve(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Mark it done and open what is next; an answer still owed needs a reason."""
    fields = await form_fields(request)
    reason, seen = fields.get("reason", ""), number_of(fields.get("seen", ""))
    kept: list[int] = []  # what takes it back
    try:
        await act(request, number, _resolve, kept=kept, reason=reason, seen=seen)
    except NewerMessage as error:
        raise Conflict(stale.who_wrote(NOT_DONE, error, words(request))) from error
    except ReasonNeeded:
        if wants_partial(request):
            raise
        reasons = [(key, words(request)(text)) for key, text in closing.REASONS.items()]
        return await page(
            request,
            "inbox/reason.html",
            code=422,
            active="inbox",
            number=number,
            reasons=reasons,
            seen=seen or "",
        )
    done = N_("#%(n)s is done.")
    if not wants_partial(request):
        return flash(request, Redirect("/inbox", status_code=303), done, n=number)
    toast = Toast(words(request)(done) % {"n": number}, undo_url=f"/inbox/undo/{kept[-1]}")
    return await open_next(request, toast)


@post("/inbox/{number:int}/resolution/undo", opt={"access": "agent", "fields": ("next",)})
async def reopen(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Open it again."""
    await act(request, number, closing.reopen, "rulebook")
    return await answered(request, number, N_("It is open again."))


def _correct(
    session: Session,
    conversation: Conversation,
    *,
    was: str | None,
    field: str,
    new: str,
    **more: Any,
) -> None:
    """Correct what the page showed, not what a colleague has said since."""
    stale.check(str(getattr(conversation, field)), was, new)
    typed, urgent = (new, None) if field == "request_type" else (None, new)
    corrections.correct(session, conversation, request_type=typed, urgency=urgent, **more)


async def _corrected(request: HttpRequest, number: int, field: str) -> None:
    fields = await form_fields(request)
    said = {"was": fields.get("was"), "field": field, "new": fields.get(field, "")}
    try:
        await act(request, number, _correct, "rulebook", "house", **said)
    except stale.Changed as error:
        raise await stale.said(request, error) from error


@post(
    "/inbox/{number:int}/request-type",
    opt={"access": "agent", "fields": ("request_type", "was", "next")},
)
async def correct_type(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say what it is really about; policy, team, owner and deadlines follow."""
    await _corrected(request, number, "request_type")
    sentence = N_("Moved. AI will learn from this.")
    return await answered(request, number, sentence, "learned")


@post(
    "/inbox/{number:int}/urgency", opt={"access": "agent", "fields": ("urgency", "was", "next")}
)
async def correct_urgency(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say how urgent it really is."""
    await _corrected(request, number, "urgency")
    sentence = N_("Changed. AI will learn from this.")
    return await answered(request, number, sentence, "learned")


def _class(
    session: Session, number: int, who: Person, field: str, value: str, was: str | None
) -> None:
    """Say tier or product group."""
    now = utcnow()
    if field == "tier":  # the customer is locked before their conversations
        row = rows.get_for_agent(session, number, who)
        tier = session.get_one(Contact, row.contact_id).tier
        stale.check("" if tier == STANDARD else tier, was, value.strip())
        ruling.set_tier(session, row.contact_id, value, by=who.id, now=now)
    else:
        row = rows.get_for_agent(session, number, who, to_change=True)
        stale.check(row.product_group or "", was, value.strip())
        ruling.set_product_group(session, row, value, by=who.id, now=now)


async def _classed(request: HttpRequest, number: int, field: str) -> None:
    fields = await form_fields(request)
    value, was = fields.get("value", ""), fields.get("was")
    try:
        await write(request, _class, number, person(request), field, value, was)
    except stale.Changed as error:
        raise await stale.said(request, error) from error


@post("/inbox/{number:int}/tier", opt={"access": "agent", "fields": ("value", "was", "next")})
async def set_tier(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say how much the customer counts; the deadlines of all their open requests follow."""
    await _classed(request, number, "tier")
    return await answered(request, number, N_("Saved. The deadlines follow."))


@post(
    "/inbox/{number:int}/product-group",
    opt={"access": "agent", "fields": ("value", "was", "next")},
)
async def set_product_group(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say what product or service it is about."""
    await _classed(request, number, "product_group")
    return await answered(request, number, N_("Saved. The deadlines follow."))


@post("/inbox/{number:int}/agreement", opt={"access": "agent", "fields": ("next",)})
async def agree(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Say that the sorting is right."""
    await act(request, number, corrections.agree)
    sentence = N_("Thank you. AI will learn from this.")
    return await answered(request, number, sentence, "learned")
