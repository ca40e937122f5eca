"""Writing first: the page that begins a conversation, by mail or by a messenger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect
from sqlmodel import Session

from inbox import waits
from inbox.auth import random_token
from inbox.clock import utcnow
from inbox.conversations import NoDelivery
from inbox.errors import Conflict, Invalid, NotFound, TooLarge
from inbox.house import load_house
from inbox.outgoing.letters import Extras, WrongAddress
from inbox.search.naming import Name, find_names
from inbox.search.query import Unclear, parse
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.accountpage import whose_account, whose_contact
from inbox.store.accounts import list_members
from inbox.store.calls import Unfinished, list_unfinished
from inbox.store.company import Door, list_doors
from inbox.store.people import Person
from inbox.store.setup import Type, list_types
from inbox.store.teams import active_team_names
from inbox.store.ways import Way, list_ways
from inbox.templating import N_
from inbox.views.extras import MAX_FORM_BYTES, asks_first, read_extras, read_files, said_why
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.present_ways import offered
from inbox.views.render import page, wants_partial, words
from inbox.views.settings_form import spoken_errors, texts_of
from inbox.views.site import HttpRequest, Site, number_of, person, read, site, write
from inbox.views.waiting import local_time
from inbox.writing import beginning
from inbox.writing.beginning import Beginning
from inbox.writing.drafts import MOST_TEXT, TOO_LONG
from models import ChannelKind

FOUND = 10  # people who are offered
ABOUT = ("subject", "request_type", "team", "owner", "follow_up")  # what every beginning says
WHOM = ("contact", "to", "name", "key")
FIELDS = (*WHOM, *ABOUT, "inbox", "body", "cc", "bcc", "files", "anyway")
CHOOSE_AGAIN = N_("The files were not kept: choose them again.")
WRITE = N_("Write something first.")


@dataclass(frozen=True, slots=True)
class Whom:
    """Who may be meant: somebody who was chosen, or those who were found."""

    contact_id: int = 0
    name: str = ""
    ways: Mapping[str, list[str]] = field(default_factory=dict)  # of the chosen, by kind
    messengers: list[Way] = field(default_factory=list)  # of the chosen
    found: list[tuple[int, str, str]] = field(default_factory=list)  # id, name, address
    is_unclear: bool = False  # the words are no question


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the form offers, as rows."""

    whom: Whom
    doors: list[Door]
    teams: Mapping[int, str]
    colleagues: list[tuple[int, str]]
    types: list[Type]
    follow_up: datetime
    unfinished: list[Unfinished]  # of whoever was chosen


def find_whom(session: Session, who: Person, query: Mapping[str, str], now: datetime) -> Whom:
    """Return whom an address names: ``contact``, the people of ``account``, or ``q``."""
    contact_id = number_of(query.get("contact", ""))
    if contact_id:
        contact = whose_contact(session, contact_id, who).contact
        if contact is None or contact.erased_at is not None:
            raise NotFound("There is no such customer, or you may not see them.")
        known = people.list_known(session, contact.id)
        ways = {kind: list(some) for kind, some in people.by_kind(known).items()}
        mails = ways.get("email", [])
        ways["email"] = list(dict.fromkeys([*mails[:1], *people.verified_of(known)]))
        first = next((some[0] for some in ways.values() if some), "")
        every = list_ways(session, contact.id, known)
        written = [one for one in every if one.reach is not None]
        return Whom(contact.id, contact.name or first, ways, written)
    account_id = number_of(query.get("account", ""))
    if account_id:
        account = whose_account(session, account_id, who).account
        members = list_members(session, account.id, FOUND * 5) if account else []
        return Whom(found=[(one.id, one.name, one.address) for one in members])
    try:
        asked = parse(query.get("q", "").replace("\0", " ")[:500], now.date())
        names: list[Name] = find_names(session, asked, who, FOUND)
    except Unclear:
        return Whom(is_unclear=True)
    return Whom(found=[(one.id, one.name, one.detail) for one in names if not one.is_account])


def load(session: Session, who: Person, query: Mapping[str, str], now: datetime) -> Loaded:
    """Load what the form offers."""
    colleagues = people.list_colleagues(session).values()
    there = [(one.id, one.name) for one in colleagues if one.is_active]
    whom = find_whom(session, who, query, now)
    return Loaded(
        whom,
        list_doors(session, ChannelKind.EMAIL),
        active_team_names(session),
        sorted(there, key=lambda one: (one[0] != who.id, one[1].casefold())),
        list_types(session),
        waits.usual_end(session, now),
        list_unfinished(session, whom.contact_id, who) if whom.contact_id else [],
    )


def own_team(loaded: Loaded, who: Person) -> int | None:
    """Return the team that a conversation of somebody's belongs to unless they say another."""
    mine = [number for number in loaded.teams if number in who.team_ids]
    return mine[0] if mine else next((one.team_id for one in loaded.doors), None)


@get("/inbox/new", opt={"access": "agent"})
async def show_new(request: HttpRequest) -> Response[Any]:
    """Show the form; ``contact``, ``account`` or ``q`` say to whom."""
    if wants_partial(request):
        return await people_part(request, "/inbox/new")
    return await _form(request, dict(request.query_params), {}, 200)


async def people_part(request: HttpRequest, path: str) -> Response[Any]:
    """Give the people who are found while somebody types."""
    query = dict(request.query_params)
    whom = await read(request, find_whom, person(request), query, utcnow())
    return await page(request, "inbox/_whom_found.html", whom=whom, path=path, query=query)


async def _form(
    request: HttpRequest,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    code: int,
    **said: Any,
) -> Response[Any]:
    who = person(request)
    loaded = await read(request, load, who, values, utcnow())
    shown = await common(request, loaded, values)
    mine = [one.id for one in loaded.doors if one.team_id in who.team_ids]
    first = mine[0] if mine else next((one.id for one in loaded.doors), 0)
    shown["values"].setdefault("inbox", str(first))
    return await page(
        request,
        "inbox/new.html",
        code=code,
        active="inbox",
        path="/inbox/new",
        doors=[(one.id, one.handle) for one in loaded.doors],
        errors=errors,
        **{**shown, "anyway": False, "collision": "", **said},
    )


async def common(
    request: HttpRequest, loaded: Loaded, values: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the forms of mail and telephone have in common, as shown."""
    who, speak = person(request), await speaker_for(request)
    usual = {
        "team": str(own_team(loaded, who) or ""),
        "owner": str(who.id),
        "request_type": "general",
        "follow_up": f"{speak.here(loaded.follow_up):%Y-%m-%dT%H:%M}",
        "key": random_token(),
    }
    # A link leaves out what is usual; from a form that was refused "none" comes back as none.
    sent = request.method == "POST"
    given = {name: text for name, text in values.items() if text or sent or name not in usual}
    return {
        "whom": loaded.whom,
        "messengers": offered(loaded.whom.messengers, speak),
        "unfinished": [(one.id, one.subject) for one in loaded.unfinished],
        "query": {name: values[name] for name in ("q", "account") if values.get(name)},
        "values": {**usual, **given},
        "teams": [(number, name) for number, name in loaded.teams.items()],
        "colleagues": [
            (number, speak.say("Me") if number == who.id else name)
            for number, name in loaded.colleagues
        ],
        "types": [(one.key, one.name(speak.language)) for one in loaded.types],
    }


def beginning_of(
    session: Session, who: Person, fields: Mapping[str, str], *, inbox_id: int, address: str
) -> Beginning:
    """Read what a form says of the conversation that it begins."""
    at = fields["follow_up"]
    return Beginning(
        inbox_id=inbox_id,
        address=address,
        contact_id=number_of(fields["contact"]) or None,
        name=fields["name"],
        subject=fields["subject"],
        request_type=fields["request_type"],
        team_id=number_of(fields["team"]) or None,
        owner_id=number_of(fields["owner"]) or None,
        follow_up_at=local_time(session, at, "follow_up", who) if at else None,
    )


def form_key(who: Person, fields: Mapping[str, str]) -> str:
    """Return what makes a doubled click one conversation; "" where the page gave none."""
    key = fields["key"][:64]
    return f"{who.id}:new:{key}" if key else ""


def _begin(
    session: Session, who: Person, where: Site, fields: Mapping[str, str], extras: Extras
) -> int:
    inbox_id = number_of(fields["inbox"]) or 0
    wanted = beginning_of(session, who, fields, inbox_id=inbox_id, address=fields["to"])
    house = load_house(session, where.settings, where.secret)
    if house is None:
        raise NotFound("This installation is not set up yet.")
    if not fields["body"].strip():
        raise Invalid(WRITE, {"body": WRITE})
    if len(fields["body"]) > MOST_TEXT:
        raise Invalid(TOO_LONG, {"body": TOO_LONG})
    return beginning.begin_in_writing(
        session,
        wanted,
        text=fields["body"],
        house=house,
        by=who,
        now=utcnow(),
        key=form_key(who, fields),
        extras=extras,
    )


@post(
    "/inbox/new",
    opt={"access": "agent", "fields": FIELDS},
    request_max_body_size=MAX_FORM_BYTES,
)
async def begin(request: HttpRequest) -> Response[Any]:
    """Send it; what was typed is never lost on the way."""
    fields = await texts_of(request, FIELDS)
    who, say = person(request), words(request)
    try:
        extras = await read_extras(request, 0, fields)
        number = await write(request, _begin, who, site(request), fields, extras)
    except NoDelivery as error:
        return await _again(request, fields, {}, 409, **asks_first(error, say))
    except WrongAddress as error:
        shown = {name: said_why(error, say) for name in error.fields}
        return await _again(request, fields, shown, 422)
    except (Invalid, Conflict, TooLarge) as error:
        return await _again(request, fields, spoken_errors(request, error), error.status)
    return await begun(request, number, N_("Sent."))


async def _again(
    request: HttpRequest, fields: dict[str, str], errors: dict[str, str], code: int, **said: Any
) -> Response[Any]:
    try:
        lost = bool(await read_files(request))
    except TooLarge:
        lost = True
    note = words(request)(CHOOSE_AGAIN) if lost else ""
    return await _form(request, fields, errors, code, lost=note, **said)


async def begun(request: HttpRequest, number: int, sentence: str) -> Response[Any]:
    """Lead to what was begun, if whoever began it may see it."""
    try:
        await read(request, rows.get_for_agent, number, person(request))
        target = f"/inbox/{number}"
    except NotFound:
        target = "/inbox"
    return flash(request, Redirect(target, status_code=303), sentence)
