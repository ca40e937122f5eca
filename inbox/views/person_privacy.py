"""What one person may ask for: their data, its erasure, its restriction; and who looked."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Stream
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.privacy import erasing, erasures, exports, restricting, tasks
from inbox.privacy.subjects import Subject, find_subject, get_contact
from inbox.store import looks, people
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views import looking
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import done, texts_of
from inbox.views.settings_privacy import TASK_NAMES
from inbox.views.site import HttpRequest, person, read, site, write
from inbox.views.words import Speaker
from models import Contact, Erasure, LegalHold, Look, PersonExport, TaskState

LOOKED = {
    looks.CONVERSATION: N_("a conversation"),
    looks.CONTACT: N_("the person’s page"),
    looks.FILE: N_("a file"),
    looks.EXPORT: N_("an export"),
}
PLACES = {
    "messages": N_("Messages"),
    "conversations": N_("Conversations"),
    "attachments": N_("Files of messages"),
    "account_files": N_("Files on the person’s page"),
    "account_notes": N_("Notes on the person’s page"),
    "raw_messages": N_("Mails as they came"),
    "outbox": N_("Mails that were sent"),
    "contact_identities": N_("Addresses and numbers"),
    "events": N_("Lines of the history"),
    "audit_entries": N_("Lines of the audit trail"),
    "mail_ledger": N_("Lines of the mail ledger"),
}
OTHERS = N_("Other places")


@dataclass(frozen=True, slots=True)
class Rows:
    """The page as rows."""

    contact: Contact
    subject: Subject
    erasure: Erasure | None
    export: PersonExport | None
    holds: list[LegalHold]
    looks: list[Look]
    colleagues: Mapping[int, Colleague]
    counts: dict[str, int] | None  # of a dry run


def _load(session: Session, contact_id: int, count: bool) -> Rows:
    contact = get_contact(session, contact_id)
    subject = find_subject(session, contact.id)
    return Rows(
        contact,
        subject,
        tasks.find_last(session, Erasure, contact.id),
        tasks.find_last(session, PersonExport, contact.id),
        restricting.list_holds(session, subject.contacts),
        looks.list_of(session, subject.contacts),
        people.list_colleagues(session),
        erasing.look(session, contact.id).counts(session) if count else None,
    )


async def _page(
    request: HttpRequest,
    contact_id: int,
    *,
    count: bool = False,
    errors: dict[str, str] | None = None,
    code: int = 200,
) -> Response[Any]:
    rows = await read(request, _load, contact_id, count)
    if rows.contact.id != contact_id:  # they were found to be somebody else
        return Redirect(f"/contacts/{rows.contact.id}/privacy", status_code=303)
    speak = await speaker_for(request)
    names = {one.id: one.name for one in rows.colleagues.values()}
    contact = rows.contact
    return await page(
        request,
        "contacts/privacy.html",
        code=code,
        active="accounts",
        errors=errors or {},
        contact_id=contact.id,
        title=contact.name or next(iter(rows.subject.addresses), f"#{contact.id}"),
        addresses=rows.subject.addresses,
        n_conversations=len(rows.subject.numbers),
        n_messages=len(rows.subject.messages),
        restricted_text=speak.clock(contact.restricted_at) if contact.restricted_at else "",
        erased_text=speak.clock(contact.erased_at) if contact.erased_at else "",
        erasure=_erasure(rows.erasure, speak),
        export=_export(rows.export, speak),
        holds=[(one.id, one.reason, names.get(one.made_by_id or 0, "")) for one in rows.holds],
        looks=[
            (names.get(one.agent_id, ""), speak.say(LOOKED[one.what]), speak.clock(one.at))
            for one in rows.looks
        ],
        counts=None if rows.counts is None else _counts(rows.counts, speak),
    )


def _counts(counts: dict[str, int], speak: Speaker) -> list[tuple[str, int]]:
    """Return how much is where, in words; the small places together."""
    named = [(speak.say(PLACES[key]), counts[key]) for key in PLACES if key in counts]
    others = sum(count for key, count in counts.items() if key not in PLACES)
    return [*named, *([(speak.say(OTHERS), others)] if others else [])]


def _erasure(one: Erasure | None, speak: Speaker) -> dict[str, Any] | None:
    if one is None:
        return None
    checked = one.checked
    return {
        "state": speak.say(TASK_NAMES[one.state]),
        "is_done": one.state is TaskState.DONE,
        "is_open": one.state in tasks.OPEN,
        "error": speak.say(one.error) if one.error else "",
        "at_text": speak.clock(one.finished_at or one.asked_at),
        "rows": sum(one.counts.values()),
        "looked_for": checked.get("looked_for", 0),
        "left": sum(checked.get(key, 0) for key in ("database", "files", "models")),
        "named": sorted(checked.get("rows", {}).items()),
    }


def _export(one: PersonExport | None, speak: Speaker) -> dict[str, Any] | None:
    if one is None:
        return None
    now = utcnow()
    there = one.state is TaskState.DONE and one.expires_at is not None and one.expires_at > now
    return {
        "id": one.id,
        "state": speak.say(TASK_NAMES[one.state]),
        "is_open": one.state in tasks.OPEN,
        "is_there": there,
        "error": speak.say(one.error) if one.error else "",
        "until_text": speak.clock(one.expires_at) if one.expires_at else "",
        "size_text": speak.size(one.size_bytes),
        "messages": one.counts.get("messages", 0),
        "files": one.counts.get("files", 0),
    }


def _address(contact_id: int) -> str:
    return f"/contacts/{contact_id}/privacy"


@get("/contacts/{contact_id:int}/privacy", opt={"access": "admin"})
async def show_person_privacy(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Show what is kept of a person in figures, who looked, and what may be done."""
    return await _page(request, contact_id)


@post("/contacts/{contact_id:int}/export", opt={"access": "admin", "fields": ()})
async def ask_export(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Have everything of a person made into a file."""
    await write(request, exports.ask, contact_id, by=person(request).id, now=utcnow())
    return done(request, _address(contact_id), N_("The export is being made."))


@get("/exports/{export_id:int}", opt={"access": "admin"})
async def fetch_export(request: HttpRequest, export_id: FromPath[int]) -> Stream:
    """Give a person's export; that it was taken is written down."""
    found = await write(request, exports.fetch, export_id, by=person(request).id, now=utcnow())
    await looking.note(request, looks.EXPORT, found.contact_id)
    name = f"kip-person-{found.contact_id}.zip"
    return Stream(
        _parts(request, found.id),
        media_type="application/zip",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(found.size_bytes),
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "private, no-store",
        },
    )


async def _parts(request: HttpRequest, export_id: int) -> AsyncIterator[bytes]:
    database, position = site(request).database, 0
    while (part := await database.read(exports.part, export_id, position)) is not None:
        yield part
        position += 1


@post(
    "/contacts/{contact_id:int}/erasure", opt={"access": "admin", "fields": ("sure", "reason")}
)
async def ask_erasure(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Count what would go; once that was seen, have it taken away."""
    values = await texts_of(request, ("sure", "reason"))
    if values["sure"] != "1":
        return await _page(request, contact_id, count=True)
    by, reason = person(request).id, values["reason"]
    await write(request, erasures.ask, contact_id, reason, by=by, now=utcnow())
    return done(request, _address(contact_id), N_("The worker erases this person now."))


@post(
    "/contacts/{contact_id:int}/restriction", opt={"access": "admin", "fields": ("restrict",)}
)
async def set_restriction(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Restrict what is done with a person's data, or lift that."""
    on = (await texts_of(request, ("restrict",)))["restrict"] == "1"
    by, now = person(request).id, utcnow()
    await write(request, restricting.restrict, contact_id, on=on, by=by, now=now)
    sentence = N_("The data is restricted.") if on else N_("The restriction is lifted.")
    return done(request, _address(contact_id), sentence)


@post("/contacts/{contact_id:int}/holds", opt={"access": "admin", "fields": ("reason",)})
async def add_hold(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Keep a person's data for a reason."""
    reason = (await texts_of(request, ("reason",)))["reason"]
    by = person(request).id
    await write(request, restricting.hold, contact_id, reason, by=by, now=utcnow())
    return done(request, _address(contact_id), N_("The data is kept until this is lifted."))


@post("/holds/{hold_id:int}/removal", opt={"access": "admin", "fields": ()})
async def lift_hold(request: HttpRequest, hold_id: FromPath[int]) -> Response[Any]:
    """End a reason to keep a person's data."""
    by = person(request).id
    contact_id = await write(request, restricting.lift, hold_id, by=by, now=utcnow())
    return done(request, _address(contact_id), N_("This reason is lifted."))
