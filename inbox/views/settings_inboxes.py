"""The ways in: addresses, forms, chat keys, webhooks, their mailboxes and how each does."""

from dataclasses import asdict
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import doors
from inbox.company.doors import Entered
from inbox.errors import Conflict, Invalid, NotFound
from inbox.marking import questions
from inbox.store import doors as rows
from inbox.store.calls import told_of
from inbox.store.ownfields import list_asked, list_fields
from inbox.store.setup import named_types
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views import present_messenger
from inbox.views.inbox import speaker_for
from inbox.views.present_doors import IDENTITY_EXAMPLES, present_box, present_door
from inbox.views.present_phone import present_phone
from inbox.views.render import page
from inbox.views.security import form_fields
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import Speaker
from models import MESSENGERS, ChannelKind, Inbox

LIST = "/settings/inboxes"
FIELDS = (
    *("name", "handle", "team", "title", "language"),
    *("sites", "authserv_id", "ask", "ask_closed"),
)


def _address(inbox_id: int) -> str:
    return f"{LIST}/{inbox_id}"


@get(LIST, opt={"access": "admin"})
async def show_inboxes(request: HttpRequest) -> AnyResponse:
    """List all ways in, closed ones too, and how each does."""
    found = await read(request, rows.list_inboxes)
    speak = await speaker_for(request)
    base = site(request).settings.base_url
    shown = [present_door(row, speak, base) for row in found]
    return await page(request, "settings/inboxes.html", active="settings", inboxes=shown)


def _kind(text: str) -> ChannelKind:
    if text not in [kind.value for kind in doors.OPENED_HERE]:
        raise NotFound("There is nothing here.")
    return ChannelKind(text)


@get(LIST + "/new/{kind:str}", opt={"access": "admin"})
async def show_new_inbox(request: HttpRequest, kind: FromPath[str]) -> AnyResponse:
    """Show the form for another way in."""
    return await _new_page(request, _kind(kind), dict.fromkeys(FIELDS, ""), {}, 200)


async def _new_page(
    request: HttpRequest,
    kind: ChannelKind,
    values: dict[str, str],
    errors: dict[str, str],
    code: int,
) -> AnyResponse:
    return await page(
        request,
        "settings/inbox_new.html",
        code=code,
        active="settings",
        kind=kind.value,
        values=values,
        errors=errors,
        teams=await read(request, active_team_names),
        base_url=site(request).settings.base_url.rstrip("/"),
    )


def _entered(fields: dict[str, str]) -> Entered:
    team_id = number_of(fields["team"]) if fields["team"] else None
    values = {name: fields[name] for name in FIELDS if name != "team"}
    unknown = bool(fields["team"]) and team_id is None
    return Entered(**values, team_id=0 if unknown else team_id)


@post(LIST + "/new/{kind:str}", opt={"access": "admin", "fields": FIELDS})
async def open_inbox(request: HttpRequest, kind: FromPath[str]) -> AnyResponse:
    """Open another way in."""
    chosen, fields = _kind(kind), await texts_of(request, FIELDS)
    try:
        made = await write(
            request,
            doors.open_inbox,
            chosen,
            _entered(fields),
            by=person(request).id,
            now=utcnow(),
        )
    except (Invalid, Conflict) as error:
        shown = spoken_errors(request, error)
        return await _new_page(request, chosen, fields, shown, error.status)
    return done(request, _address(made.id), N_("It is open."))


def _load(session: Session, inbox_id: int) -> dict[str, Any]:
    row = doors.get_inbox(session, inbox_id)
    listed = next(one for one in rows.list_inboxes(session) if one.id == inbox_id)
    return {
        "row": row,
        "listed": listed,
        "open_count": rows.count_open(session, inbox_id),
        "teams": active_team_names(session),
        "own_fields": list_fields(session),
        "asked": {one.field.id: one for one in list_asked(session, inbox_id)},
        "types": named_types(session),
        "told": told_of(session, inbox_id, utcnow()) if row.kind is ChannelKind.PHONE else None,
    }


@get(LIST + "/{inbox_id:int}", opt={"access": "admin"})
async def show_inbox(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Show one way in."""
    return await inbox_page(request, inbox_id, {}, {}, 200)


async def inbox_page(
    request: HttpRequest,
    inbox_id: int,
    values: dict[str, str],
    errors: dict[str, str],
    code: int,
    **more: Any,
) -> AnyResponse:
    """Show one way in, with what was just typed; ``more`` is about a mailbox to be added."""
    loaded = await read(request, _load, inbox_id)
    speak = await speaker_for(request)
    where = site(request).settings
    return await page(
        request,
        "settings/inbox.html",
        code=code,
        active="settings",
        door=present_door(loaded["listed"], speak, where.base_url),
        boxes=[present_box(box, speak) for box in loaded["listed"].mailboxes],
        values=values or _values(loaded["row"]),
        errors=errors,
        teams=loaded["teams"],
        open_count=loaded["open_count"],
        own_fields=loaded["own_fields"],
        asked=loaded["asked"],
        topics=[(key, one.name(speak.language)) for key, one in loaded["types"].items()],
        vouches=bool(loaded["row"].settings.get("identity")),
        examples=IDENTITY_EXAMPLES,
        **await _account(request, loaded["row"], speak, more.pop("messenger_changes", {})),
        phone=_phone(loaded, speak, where.base_url, more.pop("phone_changes", {})),
        **{
            **{"box_values": {}, "box_errors": {}, "probe": None, "secret": ""},
            **{"habit_errors": {}, "habits_of": 0, "habits": {}},
            **more,
        },
    )


async def _account(
    request: HttpRequest, row: Inbox, speak: Speaker, changes: dict[str, Any]
) -> dict[str, Any]:
    """Return what the page shows of a messenger's account, with what was just typed."""
    if row.kind not in MESSENGERS:
        return {"account": None, "account_errors": {}}
    where = site(request)
    vault, base = Vault(where.secret), where.settings.base_url.rstrip("/")
    loaded = await read(request, present_messenger.load, row.id, vault)
    shown = present_messenger.present(loaded, row, speak, base, changes.get("typed", {}))
    return {"account": shown, "account_errors": changes.get("errors", {})}


def _phone(
    loaded: dict[str, Any], speak: Speaker, base: str, changes: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what the page shows of telephone, with what was just typed."""
    if loaded["told"] is None:
        return None
    shown = present_phone(loaded["row"], loaded["told"], speak, base.rstrip("/"))
    return {**shown, **changes}


def _values(row: Inbox) -> dict[str, str]:
    entered = Entered(
        name=row.name,
        title=row.settings.get("title", ""),
        language=row.settings.get("language", ""),
        sites="\n".join(row.settings.get("sites", [])),
        authserv_id=row.settings.get("authserv_id", ""),
        ask=row.settings.get("ask", ""),
        ask_closed=row.settings.get("ask_closed", ""),
    )
    return {**asdict(entered), "team": str(row.team_id or "")}


@post(LIST + "/{inbox_id:int}", opt={"access": "admin", "fields": FIELDS})
async def change_inbox(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Change name, team and what the kind has."""
    fields = await texts_of(request, FIELDS)
    by = person(request).id
    try:
        await write(
            request, doors.change_inbox, inbox_id, _entered(fields), by=by, now=utcnow()
        )
    except Invalid as error:
        shown = spoken_errors(request, error)
        return await inbox_page(request, inbox_id, fields, shown, 422)
    return done(request, _address(inbox_id), N_("Saved."))


@post(LIST + "/{inbox_id:int}/closing", opt={"access": "admin", "fields": ()})
async def close_inbox(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Take nothing new by this way."""
    by = person(request).id
    await write(request, doors.close_inbox, inbox_id, by=by, now=utcnow())
    return done(request, _address(inbox_id), N_("It is closed. What is there stays."))


@post(LIST + "/{inbox_id:int}/opening", opt={"access": "admin", "fields": ()})
async def open_again(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Take in by this way again."""
    by = person(request).id
    held = await write(request, doors.open_again, inbox_id, by=by, now=utcnow())
    sentence = N_("It is open again. %(n)s messages that were held are taken in now.")
    return done(request, _address(inbox_id), sentence, n=held)


@post(LIST + "/{inbox_id:int}/key", opt={"access": "admin", "fields": ()})
async def renew_key(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Give a chat another key."""
    by = person(request).id
    await write(request, doors.renew_key, inbox_id, by=by, now=utcnow())
    return done(request, _address(inbox_id), N_("The chat has a new key: paste it again."))


@post(LIST + "/{inbox_id:int}/secret", opt={"access": "admin", "fields": ()})
async def renew_secret(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Give a webhook or chat another secret and show it, this once."""
    by, vault = person(request).id, Vault(site(request).secret)
    secret = await write(request, doors.renew_secret, inbox_id, vault, by=by, now=utcnow())
    return await inbox_page(request, inbox_id, {}, {}, 200, secret=secret)


@post(LIST + "/{inbox_id:int}/questions", opt={"access": "admin"})
async def save_questions(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Say which own fields a form asks for, of which topic."""
    given = await form_fields(request)
    wanted: dict[int, tuple[str, bool]] = {}
    for name, text in given.items():
        what, _, number = name.partition("_")
        field_id = number_of(number)
        if name == "_csrf_token":
            continue
        if what not in ("for", "must") or field_id is None:
            raise Invalid("This form has fields that we do not know. Load the page again.")
        if what == "for" and text:
            wanted[field_id] = (text, f"must_{number}" in given)
    by = person(request)
    await write(request, questions.save_questions, inbox_id, wanted, by=by, now=utcnow())
    return done(request, _address(inbox_id), N_("Saved."))


HANDLERS = (
    show_inboxes,
    show_new_inbox,
    open_inbox,
    show_inbox,
    change_inbox,
    close_inbox,
    open_again,
    renew_key,
    renew_secret,
    save_questions,
)
