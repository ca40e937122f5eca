"""One account's page: how it stands, its time line over every channel, notes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.store import keeping, looks, people, setup
from inbox.store.accountline import ONLY, Line, Place, load_line
from inbox.store.accountpage import (
    State,
    Whose,
    list_known_as,
    list_open,
    list_own,
    load_state,
    whose_account,
)
from inbox.store.accounts import Member, list_members, may_change
from inbox.store.conversations import Listed
from inbox.store.counts import NavCounts, navigation
from inbox.store.files import FileRow, list_files
from inbox.store.joins import JoinState, Pair, list_pairs
from inbox.store.people import Colleague, Person
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views import looking
from inbox.views import present_account as show
from inbox.views import present_line as lines
from inbox.views.accounts_joins import WHY
from inbox.views.inbox import speaker_for
from inbox.views.present_accounts import reasons_of
from inbox.views.present_dates import NO_DATES, DateRows, dates_of, present_dates
from inbox.views.present_list import present_row
from inbox.views.render import page, wants_partial
from inbox.views.security import form_fields
from inbox.views.settings_form import done, spoken_errors
from inbox.views.site import HttpRequest, person, read, write
from inbox.views.words import Speaker
from models import AccountFigures, ContactIdentity

FEW_FILES = 5
MOST_MEMBERS = 50
LONGEST_NOTE = 10_000  # characters
SHOWN_PAIRS = (JoinState.PROPOSED, JoinState.JOINED)

Which = Callable[[Session, int, Person], Whose]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page as rows; without ``state`` only its time line is asked for."""

    whose: Whose
    line: Line
    state: State
    colleagues: Mapping[int, Colleague]
    is_open: list[Listed]
    types: Mapping[str, Type]
    files: list[FileRow]
    figures: AccountFigures | None
    members: list[Member]
    known_as: list[ContactIdentity]
    pairs: list[Pair]  # with whom they may be one
    offered: list[tuple[int, str]]  # where they may belong
    may_change: bool
    dates: DateRows  # of the account
    rail: NavCounts


def load(
    session: Session,
    which: Which,
    number: int,
    who: Person,
    only: str,
    after: Place | None,
    now: datetime,
) -> Loaded:
    """Load a page in a fixed number of queries, however much was written."""
    whose = which(session, number, who)
    account, contact = whose.account, whose.contact
    members: list[Member] = []
    known_as: list[ContactIdentity] = []
    pairs: list[Pair] = []
    offered: list[tuple[int, str]] = []
    if contact is not None:
        known_as = list(list_known_as(session, whose))
        pairs = list_pairs(session, SHOWN_PAIRS, contact_id=contact.id)
        offered = list_own(session, who)
    elif account is not None:
        members = list_members(session, account.id, MOST_MEMBERS)
    return Loaded(
        whose=whose,
        line=load_line(session, whose, who, only=only, after=after),
        state=load_state(session, whose, who, now),
        colleagues=people.list_colleagues(session),
        is_open=list_open(session, whose, who),
        types=setup.named_types(session),
        files=list_files(session, whose, who, FEW_FILES + 1),
        figures=whose.figures,
        members=members,
        known_as=known_as,
        pairs=pairs,
        offered=offered,
        may_change=account is not None and may_change(who, account),
        dates=dates_of(session, account_id=account.id) if account is not None else NO_DATES,
        rail=navigation(session, who),
    )


async def show_page(
    request: HttpRequest,
    which: Which,
    number: int,
    *,
    note: str = "",
    newcomer: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    code: int = 200,
) -> Response[Any]:
    """Show an account's or a person's page; for htmx only its time line.

    ``newcomer`` is somebody who was just typed, and ``errors`` what is wrong with that.
    """
    who = person(request)
    only = request.query_params.get("only", "")
    if only not in ONLY:
        raise NotFound("There is nothing here.")
    text = request.query_params.get("after", "")
    after = Place.read(text) if text else None
    loaded = await read(request, load, which, number, who, only, after, utcnow())
    if loaded.whose.contact_id not in (None, number):  # they were found to be somebody else
        return Redirect(loaded.whose.path, status_code=303)
    if loaded.whose.contact_id is not None:
        await looking.note(request, looks.CONTACT, loaded.whose.contact_id)
    speak = await speaker_for(request)
    partial = wants_partial(request)
    template = "accounts/_timeline.html" if partial else "accounts/page.html"
    return await page(
        request,
        template,
        code=code,
        active="accounts",
        path=loaded.whose.path,
        is_first=after is None,
        note=note,
        newcomer=newcomer,
        errors=errors or {},
        rail=loaded.rail,
        **shown(loaded, speak, who, only),
    )


def shown(loaded: Loaded, speak: Speaker, who: Person, only: str) -> dict[str, Any]:
    """Return everything on the page, in words."""
    whose, colleagues = loaded.whose, loaded.colleagues
    account, contact = whose.account, whose.contact
    next_text, is_missed = show.next_milestone(loaded.dates, speak)
    line = lines.present_line(
        loaded.line,
        speak,
        colleagues,
        me=who.id,
        role=who.role,
        is_account=contact is None,
    )
    files = lines.present_files(
        loaded.files[:FEW_FILES], speak, colleagues, me=who.id, role=who.role
    )
    return {
        "account": (
            show.present_card(account, speak, colleagues, who.id)
            if account is not None
            else None
        ),
        "contact": show.present_person(contact, loaded.known_as, speak) if contact else None,
        "title": show.title_of(whose, loaded.known_as, speak),
        "facts": show.present_facts(account, speak) if account is not None else [],
        "sentence": show.state_sentence(
            loaded.state,
            speak,
            last_contact=show.last_contact(loaded.state, loaded.line, loaded.figures),
            next_text=next_text,
            figures=loaded.figures if contact is None else None,
        ),
        "late": loaded.state.late_count > 0 or is_missed,
        "rows": [
            present_row(row, speak, loaded.types, colleagues, me=who.id)
            for row in loaded.is_open
        ],
        "more_open": max(loaded.state.open_count - len(loaded.is_open), 0),
        "line": line,
        "filters": lines.present_filters(loaded.state, only, whose.path, speak),
        "only": only,
        "next_place": loaded.line.next.text() if loaded.line.next else "",
        "files": files,
        "more_files": len(loaded.files) > FEW_FILES,
        "members": loaded.members,
        "pairs": loaded.pairs,
        "why": {key: speak.say(text) for key, text in WHY.items()},
        "offered": loaded.offered,
        "care": reasons_of(loaded.figures.reasons, speak) if loaded.figures else "",
        "may_change": loaded.may_change,
        "dates": (
            present_dates(loaded.dates, speak, colleagues, who)
            if account is not None and contact is None
            else None
        ),
    }


@get("/accounts/{account_id:int}", opt={"access": "agent"})
async def show_account(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Show everything of an account in one place."""
    return await show_page(request, whose_account, account_id)


@post("/accounts/{account_id:int}/notes", opt={"access": "agent", "fields": ("text",)})
async def add_note(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Keep a note on an account."""
    return await keep_note(request, whose_account, account_id)


async def keep_note(request: HttpRequest, which: Which, number: int) -> Response[Any]:
    """Keep what was typed; what is wrong is said beside it, and nothing typed is lost."""
    text = (await form_fields(request)).get("text", "").strip()
    try:
        whose = await write(request, _keep_note, which, number, person(request), text)
    except Invalid as error:
        errors = spoken_errors(request, error)
        return await show_page(
            request, which, number, note=text, errors=errors, code=error.status
        )
    return done(request, whose.path + "#line", N_("Note kept."))


def _keep_note(session: Session, which: Which, number: int, who: Person, text: str) -> Whose:
    whose = which(session, number, who)
    if not text or len(text) > LONGEST_NOTE:
        sentence = N_("Please write something first.")
        if text:
            sentence = N_("This is too long.")
        raise Invalid(sentence, {"text": sentence})
    keeping.add_note(session, whose, text, by=who.id, now=utcnow())
    return whose


@post("/accounts/notes/{note_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_note(request: HttpRequest, note_id: FromPath[int]) -> Response[Any]:
    """Take a note away."""
    whose = await write(request, keeping.remove_note, note_id, person(request), utcnow())
    return done(request, whose.path + "#line", N_("The note is taken away."))
