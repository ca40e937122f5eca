"""The mail ledger: what came, what became of it, and the rules by which some is ignored."""

from typing import Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import FromPath
from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.fetching import looks, tally
from inbox.later import ignoring
from inbox.queue import INTAKE
from inbox.store import ledger
from inbox.store import raw as raws
from inbox.store.ledger import Wanted
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_ledger import (
    FIELD_NAMES,
    MEANINGS,
    STATES,
    day_bounds,
    present_counted,
    present_days,
    present_row,
    present_rule,
)
from inbox.views.render import page
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from models import (
    ChannelKind,
    Inbox,
    LedgerEntry,
    LedgerState,
    Mailbox,
    RawMessage,
)
from models.base import columns, core

MAIL = "/settings/mail"
RULES = MAIL + "/rules"
ACCESS = "supervisor"
FILTERS = ("state", "inbox", "q")
RULE_FIELDS = ("field", "pattern", "reason", "inbox")
SHOWN_RAW_BYTES = 64 * 1024
READABLE = (LedgerState.QUARANTINED, LedgerState.IGNORED)  # of others the conversation is

inboxes = columns(Inbox)
mailboxes = columns(Mailbox)


def _names(session: Session) -> dict[int, str]:
    found = session.execute(
        select(inboxes.id, inboxes.handle).where(inboxes.kind == ChannelKind.EMAIL)
    )
    return {row.id: row.handle for row in found}


def _load(session: Session, wanted: Wanted, bounds: list[Any]) -> dict[str, Any]:
    boxes = session.execute(
        select(Mailbox, inboxes.handle)
        .join(core(Inbox), inboxes.id == mailboxes.inbox_id)
        .where(mailboxes.is_active.is_(True))
        .order_by(mailboxes.id)
    )
    return {
        "entries": ledger.list_entries(session, wanted),
        "names": _names(session),
        "days": ledger.count_days(session, bounds),
        "boxes": [(box, handle) for box, handle in boxes],
    }


def _asked(request: HttpRequest) -> dict[str, str]:
    return {name: request.query_params.get(name, "")[:80] for name in FILTERS}


def _wanted(asked: dict[str, str], before: str) -> Wanted:
    """Read the filters; what is no filter narrows nothing."""
    states = {state.value: state for state in LedgerState}
    return Wanted(
        state=states.get(asked["state"]),
        inbox_id=number_of(asked["inbox"]),
        words=asked["q"].strip(),
        before=number_of(before),
    )


@get(MAIL, opt={"access": ACCESS})
async def show_ledger(request: HttpRequest) -> AnyResponse:
    """List what came, the newest first, with counts by day and by mailbox."""
    speak = await speaker_for(request)
    asked = _asked(request)
    before = request.query_params.get("before", "")[:12]
    bounds = day_bounds(speak, utcnow(), ledger.DAYS)
    loaded = await read(request, _load, _wanted(asked, before), bounds)
    shown = loaded["entries"][: ledger.PAGE]
    kept = {name: value for name, value in asked.items() if value}
    older = ""
    if len(loaded["entries"]) > ledger.PAGE:
        older = f"{MAIL}?{urlencode({**kept, 'before': shown[-1].id})}"
    return await page(
        request,
        "settings/mail.html",
        active="settings",
        items=[present_row(one, speak, loaded["names"]) for one in shown],
        asked=asked,
        states=[(state.value, speak.say(text)) for state, text in STATES.items()],
        inboxes=list(loaded["names"].items()),
        days=present_days(loaded["days"], bounds, speak),
        boxes=[present_counted(box, handle, speak) for box, handle in loaded["boxes"]],
        older=older,
        newest=f"{MAIL}?{urlencode(kept)}" if before else "",
    )


def _one(session: Session, entry_id: int) -> tuple[LedgerEntry, RawMessage | None]:
    entry = ledger.find_entry(session, entry_id)
    if entry is None:
        raise NotFound("There is no such line.")
    raw = session.get(RawMessage, entry.raw_id) if entry.raw_id is not None else None
    return entry, raw


@get(MAIL + "/{entry_id:int}", opt={"access": ACCESS})
async def show_entry(request: HttpRequest, entry_id: FromPath[int]) -> AnyResponse:
    """Show one line, and what was ignored or held as it came."""
    entry, raw = await read(request, _one, entry_id)
    speak = await speaker_for(request)
    names = await read(request, _names)
    text = ""
    if raw is not None and entry.state in READABLE:
        text = raw.body[:SHOWN_RAW_BYTES].decode("utf-8", "replace")
    return await page(
        request,
        "settings/mail_entry.html",
        active="settings",
        item=present_row(entry, speak, names),
        meaning=speak.say(MEANINGS[entry.state]),
        number=raw.conversation_id if raw is not None else None,
        has_raw=raw is not None,
        raw_text=text,
        truncated=raw is not None and len(raw.body) > SHOWN_RAW_BYTES,
        in_mailbox=entry.mailbox_id is not None and raw is None,
    )


def _take(session: Session, entry_id: int, by: int) -> None:
    entry, _ = _one(session, entry_id)
    if entry.raw_id is None or not ignoring.take(session, entry.raw_id, by=by, now=utcnow()):
        raise Conflict("It is not ignored any more.")


@post(MAIL + "/{entry_id:int}/taking", opt={"access": ACCESS, "fields": ()})
async def take_entry(request: HttpRequest, entry_id: FromPath[int]) -> AnyResponse:
    """Take in what was ignored."""
    await write(request, _take, entry_id, person(request).id)
    return done(request, f"{MAIL}/{entry_id}", N_("It is taken in now."))


def _retry(session: Session, entry_id: int, by: int) -> None:
    entry, raw = _one(session, entry_id)
    now = utcnow()
    if raw is not None:
        again = raws.try_again(session, raw.id, now, by=by)
        after_commit(session, INTAKE)
    else:
        box, uid = entry.mailbox_id, entry.uid
        again = box is not None and uid is not None
        again = again and looks.try_left(session, box or 0, uid or 0, now)
    if not again:
        raise Conflict("It is not in quarantine any more.")


@post(MAIL + "/{entry_id:int}/retry", opt={"access": ACCESS, "fields": ()})
async def retry_entry(request: HttpRequest, entry_id: FromPath[int]) -> AnyResponse:
    """Read, or fetch, what is in quarantine again."""
    await write(request, _retry, entry_id, person(request).id)
    return done(request, f"{MAIL}/{entry_id}", N_("It is being read again."))


@post(MAIL + "/mailboxes/{mailbox_id:int}/count", opt={"access": ACCESS, "fields": ()})
async def count_mailbox(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Count a mailbox at the next look, which is now."""
    await write(request, tally.ask, mailbox_id, utcnow())
    return done(request, MAIL, N_("It is counted at the next look, within seconds."))


@get(RULES, opt={"access": ACCESS})
async def show_rules(request: HttpRequest) -> AnyResponse:
    """List the rules; a sender or subject may be filled in already."""
    typed = dict.fromkeys(RULE_FIELDS, "")
    for name in FIELD_NAMES:
        if name.value in request.query_params:
            text = request.query_params[name.value][: ignoring.MOST_CHARS]
            typed = {**typed, "field": name.value, "pattern": text}
    return await _rules_page(request, typed, {}, 200)


def _rules(session: Session) -> tuple[Any, dict[int, str]]:
    return ignoring.list_rules(session), _names(session)


async def _rules_page(
    request: HttpRequest, typed: dict[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    found, names = await read(request, _rules)
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/mail_rules.html",
        code=code,
        active="settings",
        rules=[present_rule(one, speak, names) for one in found],
        fields=[(key.value, speak.say(text)) for key, text in FIELD_NAMES.items()],
        inboxes=[("", speak.say("Every inbox")), *names.items()],
        typed=typed,
        errors=errors,
    )


@post(RULES, opt={"access": ACCESS, "fields": RULE_FIELDS})
async def add_rule(request: HttpRequest) -> AnyResponse:
    """Enter a rule."""
    fields = await texts_of(request, RULE_FIELDS)
    inbox_id = number_of(fields["inbox"]) or 0 if fields["inbox"] else None
    try:
        await write(
            request,
            ignoring.add_rule,
            fields["field"],
            fields["pattern"],
            fields["reason"],
            inbox_id,
            by=person(request).id,
            now=utcnow(),
        )
    except (Invalid, Conflict) as error:
        return await _rules_page(request, fields, spoken_errors(request, error), error.status)
    return done(request, RULES, N_("It holds for mail that comes from now on."))


@post(RULES + "/{rule_id:int}/removal", opt={"access": ACCESS, "fields": ()})
async def remove_rule(request: HttpRequest, rule_id: FromPath[int]) -> AnyResponse:
    """End a rule."""
    by = person(request).id
    await write(request, ignoring.remove_rule, rule_id, by=by, now=utcnow())
    return done(
        request, RULES, N_("The rule has ended. What it kept away stays in the ledger.")
    )
