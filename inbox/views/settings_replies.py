"""Settings: saved replies. Everybody keeps their own; who leads keeps what all use."""

from collections.abc import Mapping
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.channels.fields import pieces
from inbox.clock import utcnow
from inbox.errors import Forbidden, Invalid, NotFound
from inbox.store import people
from inbox.store.people import Person
from inbox.store.teams import active_team_names
from inbox.store.wordings import Line, list_prepared, usable_by
from inbox.templating import N_
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, write
from inbox.wording import replies
from inbox.wording.keeping import GONE, Draft, folded
from inbox.wording.values import VARIABLES
from models import SavedReply
from models.base import columns

ADDRESS = "/settings/replies"
FIELDS = ("name", "shortcut", "whose", "text_vi", "text_en")
found = columns(SavedReply)
SAMPLE = {
    "customer.name": N_("Lan"),
    "conversation.number": "1042",
    "due": N_("16:00 today"),
    "account.name": "Công ty Trúc An",
}


def whose_options(who: Person, teams: Mapping[int, str], say: Any) -> list[tuple[str, str]]:
    """Return whose something can be: one's own; for who leads also a team's and all's."""
    mine = [("me", say(N_("Only mine")))]
    if not who.sees_all:
        return mine
    return [
        ("company", say(N_("Everybody’s"))),
        *((str(n), t) for n, t in teams.items()),
        *mine,
    ]


def whose_of(line: Line) -> str:
    """Return whose it is, as the form says it."""
    return "me" if line.owner_id is not None else str(line.team_id or "company")


def may_change(line: Line, who: Person) -> bool:
    """Tell whether this person may change it."""
    return line.owner_id == who.id or (line.owner_id is None and who.sees_all)


def _load(session: Session, who: Person, typed: str) -> tuple[list[Line], Mapping[int, str]]:
    mine = usable_by(SavedReply, who)
    if who.sees_all:
        mine = (found.owner_id == who.id) | found.owner_id.is_(None)
    return list_prepared(session, SavedReply, mine, folded(typed)), people.team_names(session)


@get(ADDRESS, opt={"access": "agent"})
async def show_replies(request: HttpRequest) -> AnyResponse:
    """List what this person can use or change; ``words`` finds without accents."""
    who = person(request)
    typed = request.query_params.get("words", "")[:100]
    lines, teams = await read(request, _load, who, typed)
    return await page(
        request,
        "settings/replies.html",
        active="settings",
        lines=[
            (one, teams.get(one.team_id or 0, ""), one.owner_id is not None) for one in lines
        ],
        words=typed,
    )


def _one(session: Session, who: Person, reply_id: int) -> tuple[Line | None, Mapping[int, str]]:
    teams = active_team_names(session)
    if not reply_id:
        return None, teams
    shared = found.owner_id.is_(None)
    mine = (found.owner_id == who.id) | (shared if who.sees_all else usable_by(SavedReply, who))
    lines = list_prepared(session, SavedReply, (found.id == reply_id) & mine)
    if not lines:
        raise NotFound(GONE)
    return lines[0], teams


async def _page(
    request: HttpRequest,
    reply_id: int,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    who, say = person(request), words(request)
    line, teams = await read(request, _one, who, reply_id)
    values = typed or {
        "name": line.name if line else "",
        "shortcut": line.shortcut if line else "",
        "whose": whose_of(line) if line else "me",
        **{f"text_{code}": line.texts.get(code, "") if line else "" for code in ("vi", "en")},
    }
    sample = {name: say(text) for name, text in SAMPLE.items()}
    sample |= {"agent.name": who.name, "company.name": say(N_("Our company"))}
    shown = [(code, values[f"text_{code}"]) for code in ("vi", "en")]
    return await page(
        request,
        "settings/reply.html",
        code=422 if errors else 200,
        active="settings",
        reply_id=reply_id,
        values=values,
        errors=errors or {},
        options=whose_options(who, teams, say),
        can_change=line is None or may_change(line, who),
        variables=[(name, say(text)) for name, text in VARIABLES.items()],
        previews=[(code, list(pieces(text, sample))) for code, text in shown if text],
    )


@get(ADDRESS + "/{reply_id:int}", opt={"access": "agent"})
async def show_reply(request: HttpRequest, reply_id: FromPath[int]) -> AnyResponse:
    """Show one (0: a new one) to be changed, with its preview."""
    return await _page(request, reply_id)


async def _save(request: HttpRequest, reply_id: int | None) -> AnyResponse:
    given = await texts_of(request, FIELDS)
    said = Draft(
        given["name"],
        given["whose"],
        {code: given[f"text_{code}"] for code in ("vi", "en")},
        given["shortcut"],
    )
    try:
        row = await write(
            request, replies.save, reply_id, said, by=person(request), now=utcnow()
        )
    except (Invalid, Forbidden) as error:
        if isinstance(error, Forbidden) and reply_id:
            raise
        return await _page(request, reply_id or 0, given, spoken_errors(request, error))
    return done(request, f"{ADDRESS}/{row.id}", N_("Saved."))


@post(ADDRESS, opt={"access": "agent", "fields": FIELDS})
async def add_reply(request: HttpRequest) -> AnyResponse:
    """Add a saved reply."""
    return await _save(request, None)


@post(ADDRESS + "/{reply_id:int}", opt={"access": "agent", "fields": FIELDS})
async def change_reply(request: HttpRequest, reply_id: FromPath[int]) -> AnyResponse:
    """Change one."""
    return await _save(request, reply_id)


@post(ADDRESS + "/{reply_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_reply(request: HttpRequest, reply_id: FromPath[int]) -> AnyResponse:
    """Take one out."""
    await write(request, replies.remove, reply_id, by=person(request), now=utcnow())
    return done(request, ADDRESS, N_("Taken out."))


HANDLERS = (show_replies, show_reply, add_reply, change_reply, remove_reply)
