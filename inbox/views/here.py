"""Who else is before a conversation: said every ten seconds, shown to colleagues."""

from typing import Any

from litestar import Response, get, post
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.people import Person
from inbox.templating import translator
from inbox.views import room
from inbox.views.models import Present
from inbox.views.render import build, initial, language, short_name
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, site

STATES = {"looks": room.LOOKS, "writes": room.WRITES, "left": room.LEFT}


@post("/here", opt={"access": "agent", "fields": ("number", "tab", "state")}, status_code=204)
async def say(request: HttpRequest) -> None:
    """Say that this tab has a conversation before it: ``looks``, ``writes`` or ``left``."""
    fields, where, who = await form_fields(request), site(request), person(request)
    number, tab = number_of(fields.get("number", "")), fields.get("tab", "")
    state = STATES.get(fields.get("state", ""))
    if number is None or state is None or not room.TAB.fullmatch(tab):
        raise Invalid("This address or form could not be read.")
    if state != room.LEFT and not where.room.is_let_in(number, who.id):
        await read(request, rows.get_for_agent, number, who, or_asked=True)
        where.room.let_in(number, who.id)
    name = room.seat_name(number, who.id, tab, state)
    where.room.hear(name)
    await where.database.announce([name])


def _names(
    session: Session, who: Person, numbers: list[int]
) -> tuple[set[int], dict[int, str]]:
    seen = rows.seen_among(session, numbers, who)
    if not seen:
        return seen, {}
    colleagues = people.list_colleagues(session)
    return seen, {number: one.name for number, one in colleagues.items()}


@get("/here", opt={"access": "agent"})
async def show(request: HttpRequest) -> Response[Any]:
    """Show who else is where, of what this person may see."""
    who = person(request)
    others = site(request).room.others(who.id)
    seen: set[int] = set()
    names: dict[int, str] = {}
    if others:
        seen, names = await read(request, _names, who, sorted(others))
    spoken = language(request)
    present = [
        present_those(number, there, names, spoken)
        for number, there in sorted(others.items())
        if number in seen
    ]
    response = build(request, "inbox/_here.html", present=present)
    response.headers["cache-control"] = "private, no-store"
    return response


def present_those(
    number: int, there: dict[int, bool], names: dict[int, str], spoken: str
) -> Present:
    """Say who is before a conversation: those who write before those who look."""
    if there.get(room.VISITOR):
        text = translator(spoken).gettext("The visitor is writing…")
        return Present(number, text, "…", True)
    ngettext = translator(spoken).ngettext
    called = {one: short_name(names[one]) for one in there if one in names}
    writing = sorted(called[one] for one, writes in there.items() if writes and one in called)
    looking = sorted(called[one] for one, w in there.items() if not w and one in called)
    first, more = (writing or looking or ["?"])[0], len(writing or looking) - 1
    if writing:
        text = ngettext("%(who)s is replying", "%(who)s are replying", more + 1)
    else:
        text = ngettext("%(who)s is looking", "%(who)s are looking", more + 1)
    who = f"{first} +{more}" if more > 0 else first
    return Present(number, text % {"who": who}, initial(first), bool(writing))


HANDLERS = (say, show)
