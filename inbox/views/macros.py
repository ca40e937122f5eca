"""Macros: offered for a conversation, shown in sentences, run and taken back."""

from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox import record
from inbox.channels.fields import Piece, fill, pieces
from inbox.clock import utcnow
from inbox.conversations import NewerMessage, NoDelivery
from inbox.errors import Invalid
from inbox.house import load_house
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.people import Person
from inbox.store.setup import named_types
from inbox.store.tags import list_tags
from inbox.store.wordings import Line
from inbox.templating import N_
from inbox.views.extras import asks_first, said_why
from inbox.views.flash import flash
from inbox.views.render import page, wants_partial, words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import URGENCY_NAMES
from inbox.wording import doing, macros
from inbox.wording.doing import Doing
from inbox.wording.macros import ME, NOBODY
from inbox.wording.values import choose, spoken_by, values_for
from inbox.writing.drafts import MOST_TEXT, TOO_LONG
from models import Conversation

ANSWER = N_("The answer below is sent to %(name)s.")
TYPE = N_("The topic becomes “%(name)s”.")
NO_TYPE = N_("The topic “%(name)s” cannot be chosen any more: the macro has to be changed.")
URGENCY = N_("The priority becomes “%(name)s”.")
TAG = N_("It gets the tag “%(name)s”.")
TEAM = N_("It goes to the team %(name)s.")
OWNER = N_("It is given to %(name)s.")
MINE = N_("It becomes yours.")
NOBODYS = N_("It has no owner any more.")
WAIT = N_("Then it waits for the customer, as long as usual.")
DONE = N_("Then it is done.")
NO_ANSWER = N_("Then it is done, and noted: no answer needed.")
SNOOZE = {
    "tomorrow": N_("Then it sleeps until the next working day."),
    "days": N_("Then it sleeps for three working days."),
    "week": N_("Then it sleeps for a working week."),
}
FIELDS = ("macro", "body", "seen", "key")


def sentences(
    session: Session, conversation: Conversation, macro: Line, say: Any, language: str
) -> list[str]:
    """Return what a macro will do to a conversation, in the reader's words."""
    does, found = macro.does, []
    if key := does.get("request_type"):
        kind = named_types(session).get(key)
        there = TYPE if kind is not None and kind.is_active else NO_TYPE
        found.append(say(there) % {"name": kind.name(language) if kind is not None else key})
    if urgency := does.get("urgency"):
        found.append(say(URGENCY) % {"name": say(URGENCY_NAMES[urgency])})
    tags = {str(number): name for number, name in list_tags(session)}
    if tag := tags.get(does.get("tag", "")):
        found.append(say(TAG) % {"name": tag})
    if team := people.team_names(session).get(int(does.get("team", 0))):
        found.append(say(TEAM) % {"name": team})
    found += _owner(session, does.get("owner", ""), say)
    has_text = bool(choose(macro.texts, spoken_by(conversation)))
    if has_text:
        contact = rows.get_listed(session, conversation.id).contact_name
        found.append(say(ANSWER) % {"name": contact})
    owes = not has_text and record.owes_answer(session, conversation.id)
    after = {
        "done": NO_ANSWER if owes else DONE,
        "wait": WAIT,
        "snooze": SNOOZE.get(does.get("until", ""), ""),
    }
    if sentence := after.get(does.get("then", "")):
        found.append(say(sentence))
    return found


def _owner(session: Session, owner: str, say: Any) -> list[str]:
    if owner in (ME, NOBODY):
        return [say(MINE if owner == ME else NOBODYS)]
    colleague = people.list_colleagues(session).get(int(owner or 0))
    return [say(OWNER) % {"name": colleague.name}] if colleague is not None else []


def _usable(session: Session, number: int, who: Person, typed: str) -> list[Line]:
    rows.get_for_agent(session, number, who)
    return macros.list_usable(session, who, typed)


@get("/inbox/{number:int}/macros", opt={"access": "agent"})
async def show_macros(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """List what can be run on a conversation: a part for htmx, else a page."""
    typed = request.query_params.get("words", "")[:100]
    found = await read(request, _usable, number, person(request), typed)
    partial = wants_partial(request)
    return await page(
        request,
        "inbox/_macros_list.html" if partial else "inbox/macros.html",
        active="inbox",
        number=number,
        macros=[(one.id, one.name) for one in found],
        words=typed,
    )


def _preview(
    session: Session, number: int, macro_id: int, who: Person, say: Any, language: str
) -> tuple[Line, list[str], str, list[Piece], int]:
    conversation = rows.get_for_agent(session, number, who)
    macro = macros.get_usable(session, macro_id, who)
    text = choose(macro.texts, spoken_by(conversation))
    values = values_for(session, conversation, who, utcnow())
    said = sentences(session, conversation, macro, say, language)
    filled = list(pieces(text, values))
    return macro, said, fill(text, values), filled, conversation.last_message_id or 0


async def _show(
    request: HttpRequest, number: int, macro_id: int, code: int = 200, **more: Any
) -> Response[Any]:
    say, who = words(request), person(request)
    found = await read(request, _preview, number, macro_id, who, say, who.language)
    macro, said, text, filled, seen = found
    values = {"body": text, "seen": seen, "error": "", "collision": "", **more}
    return await page(
        request,
        "inbox/macro.html",
        code=code,
        active="inbox",
        number=number,
        macro=macro,
        sentences=said,
        filled=filled,
        has_text=bool(text),
        undo_s=int(doing.UNDO_FOR.total_seconds()),
        **values,
    )


@get("/inbox/{number:int}/macros/{macro_id:int}", opt={"access": "agent"})
async def show_macro(
    request: HttpRequest, number: FromPath[int], macro_id: FromPath[int]
) -> Response[Any]:
    """Say in sentences what a macro will do, before anything is done."""
    return await _show(request, number, macro_id)


def _run(
    session: Session,
    number: int,
    macro_id: int,
    who: Person,
    text: str,
    settings: Settings,
    secret: bytes,
    now: datetime,
    **more: Any,
) -> int:
    conversation = rows.get_for_agent(session, number, who, to_change=True)
    macro = macros.get_usable(session, macro_id, who)
    house = load_house(session, settings, secret)
    if house is None:
        raise Invalid("There is no company yet.")
    if not macro.texts:
        text = ""
    elif not text.strip():
        raise Invalid("Write something first.", {"body": "Write something first."})
    how = Doing(who, now, load_rulebook(session), house, **more)
    return doing.run(session, conversation, macro, text, how).id


@post(
    "/inbox/{number:int}/macros/{macro_id:int}",
    opt={"access": "agent", "fields": ("body", "seen", "key")},
)
async def run_macro(
    request: HttpRequest, number: FromPath[int], macro_id: FromPath[int]
) -> Response[Any]:
    """Do all of it at once; a page offers for a minute to take it back."""
    fields = await form_fields(request)
    where, who, say = site(request), person(request), words(request)
    text, seen = fields.get("body", ""), number_of(fields.get("seen", ""))
    key = f"{who.id}:{number}:{fields['key'][:64]}" if fields.get("key") else None
    place = (number, macro_id, who, text, where.settings, where.secret, utcnow())
    try:
        if len(text) > MOST_TEXT:
            raise Invalid(TOO_LONG)
        run_id = await write(request, _run, *place, seen=seen, key=key)
    except (NewerMessage, NoDelivery) as error:
        said = asks_first(error, say)
        return await _show(
            request, number, macro_id, 409, body=text, collision=said["collision"]
        )
    except Invalid as error:
        return await _show(
            request, number, macro_id, 422, body=text, error=said_why(error, say)
        )
    return Redirect(f"/macros/runs/{run_id}", status_code=303)


def _ran(session: Session, run_id: int, who: Person, now: datetime) -> tuple[int, bool]:
    found = doing.find_run(session, run_id, who)
    return found.conversation_id, found.undone_at is None and found.at >= now - doing.UNDO_FOR


@get("/macros/runs/{run_id:int}", opt={"access": "agent"})
async def show_run(request: HttpRequest, run_id: FromPath[int]) -> Response[Any]:
    """Say that it is done, and offer to take it back."""
    number, may_undo = await read(request, _ran, run_id, person(request), utcnow())
    return await page(
        request,
        "inbox/macro_done.html",
        active="inbox",
        number=number,
        run_id=run_id,
        may_undo=may_undo,
    )


def _undo(
    session: Session, run_id: int, who: Person, settings: Settings, secret: bytes
) -> tuple[int, bool]:
    house = load_house(session, settings, secret)
    if house is None:
        raise Invalid("There is no company yet.")
    rulebook = load_rulebook(session)
    return doing.undo(session, run_id, rulebook, house, by=who, now=utcnow())


@post("/macros/runs/{run_id:int}/undo", opt={"access": "agent", "fields": ()})
async def undo_run(request: HttpRequest, run_id: FromPath[int]) -> Response[Any]:
    """Take back everything that has not left."""
    where = site(request)
    number, has_left = await write(
        request, _undo, run_id, person(request), where.settings, where.secret
    )
    sentence = N_("Taken back.")
    if has_left:
        sentence = N_("Taken back, but the answer had left already.")
    return flash(request, Redirect(f"/inbox/{number}", status_code=303), sentence)


HANDLERS = (show_macros, show_macro, run_macro, show_run, undo_run)
