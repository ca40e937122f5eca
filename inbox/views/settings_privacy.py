"""Personal data: how long it is kept, what is about to go, and what was asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.privacy import retention, tasks
from inbox.privacy.retention import Preview
from inbox.privacy.subjects import find_by_address
from inbox.store.company import list_doors
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from models import (
    Contact,
    Erasure,
    PersonExport,
    RetentionRule,
    RetentionRun,
    Status,
    TaskState,
)
from models.base import columns

ADDRESS = "/settings/privacy"
FIELDS = ("inbox_id", "status", "keep_days", "sure")
STATE_NAMES = {Status.RESOLVED: N_("Done"), Status.SPAM: N_("Spam")}
TASK_NAMES = {
    TaskState.WAITING: N_("waits for the worker"),
    TaskState.RUNNING: N_("under way"),
    TaskState.DONE: N_("done"),
    TaskState.FAILED: N_("failed"),
}
NOBODY = N_("Nobody with this address or number is known.")
DAYS = N_("Write a number of days.")
NEW_RULE = {"inbox_id": "", "status": Status.RESOLVED.value, "keep_days": "730"}
FEW = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """The page as rows."""

    rules: list[RetentionRule]
    runs: list[RetentionRun]
    inboxes: dict[int, str]
    erasures: list[Erasure]
    exports: list[PersonExport]
    names: dict[int, str]


def _load(session: Session) -> Rows:
    asked = tasks.list_lately(session, Erasure)
    made = tasks.list_lately(session, PersonExport)
    contacts = columns(Contact)
    whose = {one.contact_id for one in asked} | {one.contact_id for one in made}
    rows = session.execute(select(contacts.id, contacts.name).where(contacts.id.in_(whose)))
    return Rows(
        retention.list_rules(session),
        retention.list_runs(session, FEW),
        {door.id: door.name or door.handle for door in list_doors(session)},
        asked,
        made,
        {row.id: row.name for row in rows},
    )


async def _page(
    request: HttpRequest,
    values: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    preview: Preview | None = None,
    address: str = "",
    code: int = 200,
) -> Response[Any]:
    rows = await read(request, _load)
    speak = await speaker_for(request)
    say, inboxes = speak.say, rows.inboxes
    rule_text = {
        one.id: say(N_("%(state)s, %(inbox)s"))
        % {
            "state": say(STATE_NAMES[one.status]),
            "inbox": inboxes.get(one.inbox_id or 0, say(N_("every way in"))),
        }
        for one in rows.rules
    }
    return await page(
        request,
        "settings/privacy.html",
        code=code,
        active="settings",
        values=values,
        errors=errors or {},
        address=address,
        preview=preview,
        oldest_text=speak.date(preview.oldest_at) if preview and preview.oldest_at else "",
        states=[(key.value, say(name)) for key, name in STATE_NAMES.items()],
        inboxes=[("", say(N_("every way in"))), *inboxes.items()],
        rules=[(one.id, rule_text[one.id], one.keep_days) for one in rows.rules],
        runs=[_run(one, rule_text, speak) for one in rows.runs],
        asked=[_task(one, rows.names, speak, "erasure") for one in rows.erasures]
        + [_task(one, rows.names, speak, "export") for one in rows.exports],
    )


def _run(one: RetentionRun, rules: dict[int, str], speak: Any) -> dict[str, Any]:
    """Return what is about to go, or went."""
    return {
        "id": one.id,
        "rule": rules.get(one.rule_id, speak.say(N_("a rule that ended"))),
        "count": len(one.numbers),
        "numbers": one.numbers[:FEW],
        "acts_text": speak.clock(one.acts_at),
        "erased": one.erased,
        "is_open": one.finished_at is None,
        "may_stop": one.finished_at is None and one.done == 0,
        "is_stopped": one.finished_at is not None and one.done < len(one.numbers),
    }


def _task(
    one: Erasure | PersonExport, names: dict[int, str], speak: Any, what: str
) -> dict[str, Any]:
    kinds = {"erasure": N_("Erasure"), "export": N_("Export")}
    return {
        "what": speak.say(kinds[what]),
        "contact_id": one.contact_id,
        "name": names.get(one.contact_id, ""),
        "at_text": speak.clock(one.asked_at),
        "state": speak.say(TASK_NAMES[one.state]),
        "error": speak.say(one.error) if one.error else "",
    }


@get(ADDRESS, opt={"access": "admin"})
async def show_privacy(request: HttpRequest) -> Response[Any]:
    """Show the rules of retention, what is about to go, and what was asked for."""
    return await _page(request, NEW_RULE)


@post(f"{ADDRESS}/rules", opt={"access": "admin", "fields": FIELDS})
async def set_rule(request: HttpRequest) -> Response[Any]:
    """Show what a rule would take away now; once that was seen, enter it."""
    values = await texts_of(request, FIELDS)
    inbox_id, days = number_of(values["inbox_id"]), number_of(values["keep_days"])
    if days is None:
        return await _page(request, values, errors={"keep_days": DAYS}, code=422)
    rule = (inbox_id, values["status"], days)
    try:
        if values["sure"] == "1":
            by = person(request).id
            await write(request, retention.set_rule, *rule, by=by, now=utcnow())
            return done(request, ADDRESS, N_("The rule holds from now on."))
        preview = await read(request, _preview, *rule, utcnow())
    except Invalid as error:
        errors = spoken_errors(request, error)
        return await _page(request, values, errors=errors, code=error.status)
    return await _page(request, values, preview=preview)


def _preview(
    session: Session, inbox_id: int | None, status: str, days: int, now: datetime
) -> Preview:
    state = retention.check(session, inbox_id, status, days)
    return retention.preview(session, inbox_id, state, days, now)


@post(f"{ADDRESS}/rules/{{rule_id:int}}/removal", opt={"access": "admin", "fields": ()})
async def end_rule(request: HttpRequest, rule_id: FromPath[int]) -> Response[Any]:
    """End a rule, and what it was about to take away."""
    await write(request, retention.end_rule, rule_id, by=person(request).id, now=utcnow())
    return done(request, ADDRESS, N_("The rule ended."))


@post(f"{ADDRESS}/runs/{{run_id:int}}/stop", opt={"access": "admin", "fields": ()})
async def stop_run(request: HttpRequest, run_id: FromPath[int]) -> Response[Any]:
    """Keep what was about to go."""
    await write(request, retention.stop_run, run_id, by=person(request).id, now=utcnow())
    return done(request, ADDRESS, N_("Nothing of this is deleted."))


@post(f"{ADDRESS}/person", opt={"access": "admin", "fields": ("address",)})
async def find_person(request: HttpRequest) -> Response[Any]:
    """Lead to what is kept of the person with an address; it stands in no web address."""
    address = (await texts_of(request, ("address",)))["address"]
    found = await read(request, find_by_address, address)
    if found is None:
        errors = {"address": (await speaker_for(request)).say(NOBODY)}
        return await _page(request, NEW_RULE, errors=errors, address=address, code=422)
    return Redirect(f"/contacts/{found}/privacy", status_code=303)
