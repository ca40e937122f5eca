"""Logging a call: in a conversation, or with somebody from their page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.auth import random_token
from inbox.calling import keeping
from inbox.calling.keeping import OUTCOMES, Logged, read_length
from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid, NotFound
from inbox.house import load_house
from inbox.store import conversations as talks
from inbox.store import people
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views import beginning
from inbox.views.actions import act
from inbox.views.beginning import begun, people_part
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.present_calls import number_text
from inbox.views.render import page, wants_partial
from inbox.views.settings_form import spoken_errors, texts_of
from inbox.views.site import HttpRequest, Site, number_of, person, read, site, write
from inbox.views.waiting import local_time
from models import CallDirection, CallState, Conversation

CALL = ("number", "direction", "outcome", "minutes", "at", "note")
IN_CONVERSATION = (*CALL, "key")
WITH_SOMEBODY = (*CALL, *beginning.WHOM, *beginning.ABOUT, "about")
DONE = N_("The call is written down.")
OUTCOME_TEXT = {
    CallState.ANSWERED: N_("We spoke"),
    CallState.NO_ANSWER: N_("Nobody answered"),
    CallState.VOICEMAIL: N_("Only a machine"),
    CallState.WRONG_NUMBER: N_("Wrong number"),
}
DIRECTION_TEXT = {
    CallDirection.OUTBOUND: N_("We rang"),
    CallDirection.INBOUND: N_("They rang"),
}


def _logged(session: Session, who: Person, fields: Mapping[str, str]) -> Logged:
    """Read what a form says of a call."""
    known = {one.value: one for one in CallDirection}
    outcomes = {one.value: one for one in OUTCOMES}
    for field, choices in (("direction", known), ("outcome", outcomes)):
        if fields[field] not in choices:
            raise Invalid(keeping.ONE_OF, {field: keeping.ONE_OF})
    try:
        at = local_time(session, fields["at"], "at", who) if fields["at"] else None
    except Invalid as error:
        raise Invalid(keeping.WRONG_TIME, {"at": keeping.WRONG_TIME}) from error
    return Logged(
        fields["number"],
        known[fields["direction"]],
        outcomes[fields["outcome"]],
        read_length(fields["minutes"]),
        fields["note"],
        at,
    )


async def _choices(request: HttpRequest, values: Mapping[str, str]) -> dict[str, Any]:
    speak = await speaker_for(request)
    sent = request.method == "POST"  # what is empty there was emptied
    usual = {
        "direction": CallDirection.OUTBOUND.value,
        "outcome": CallState.ANSWERED.value,
        "at": f"{speak.here(speak.now):%Y-%m-%dT%H:%M}",
        "key": random_token(),
        **{name: "" for name in ("number", "minutes", "note")},
    }
    given = {name: text for name, text in values.items() if text or sent or name not in usual}
    return {
        "directions": [(key.value, speak.say(text)) for key, text in DIRECTION_TEXT.items()],
        "outcomes": [(key.value, speak.say(text)) for key, text in OUTCOME_TEXT.items()],
        "values": {**usual, **given},
    }


# ---- in a conversation ------------------------------------------------------------------


def _load(session: Session, number: int, who: Person) -> tuple[str, str, list[str]]:
    row = talks.get_for_agent(session, number, who)
    known = people.list_identities(session, row.contact_id)
    name = session.get_one(Conversation, number).subject
    return name, row.status.value, list(known.get("phone", ()))


@get("/inbox/{number:int}/call", opt={"access": "agent"})
async def show_call(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show the form; the customer's number is in it."""
    return await _form(request, number, {}, {}, 200)


async def _form(
    request: HttpRequest,
    number: int,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    code: int,
) -> Response[Any]:
    subject, _, numbers = await read(request, _load, number, person(request))
    speak = await speaker_for(request)
    typed = {"number": number_text(numbers[0], speak) if numbers else "", **values}
    return await page(
        request,
        "inbox/call.html",
        code=code,
        active="inbox",
        number=number,
        subject=subject,
        numbers=[number_text(one, speak) for one in numbers],
        errors=errors,
        **await _choices(request, typed),
    )


def _log(
    session: Session,
    conversation: Conversation,
    *,
    by: Person,
    now: datetime,
    fields: Mapping[str, str],
) -> None:
    key = fields["key"][:64]
    keeping.log_call(
        session,
        conversation,
        _logged(session, by, fields),
        by=by,
        now=now,
        key=f"{by.id}:call:{conversation.id}:{key}" if key else "",
    )


@post("/inbox/{number:int}/calls", opt={"access": "agent", "fields": IN_CONVERSATION})
async def log_call(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Write a call down; where we spoke, it is an answer."""
    fields = await texts_of(request, IN_CONVERSATION)
    try:
        await act(request, number, _log, fields=fields)
    except (Invalid, Conflict) as error:
        return await _form(request, number, fields, spoken_errors(request, error), error.status)
    return flash(request, Redirect(f"/inbox/{number}", status_code=303), DONE)


# ---- with somebody ----------------------------------------------------------------------


@get("/calls/new", opt={"access": "agent"})
async def show_new(request: HttpRequest) -> Response[Any]:
    """Show the form for a call with somebody; ``contact``, ``account`` or ``q`` say whom."""
    if wants_partial(request):
        return await people_part(request, "/calls/new")
    return await _new_form(request, dict(request.query_params), {}, 200)


async def _new_form(
    request: HttpRequest, values: Mapping[str, str], errors: Mapping[str, str], code: int
) -> Response[Any]:
    who, speak = person(request), await speaker_for(request)
    loaded = await read(request, beginning.load, who, values, utcnow())
    shown = await beginning.common(request, loaded, values)
    numbers = [number_text(one, speak) for one in loaded.whom.ways.get("phone", ())]
    first = {"number": numbers[0] if numbers else "", **shown["values"]}
    offered = shown["unfinished"]
    chosen = str(offered[0][0]) if offered else ""
    choices = await _choices(request, first)
    return await page(
        request,
        "inbox/call_new.html",
        code=code,
        active="inbox",
        path="/calls/new",
        numbers=numbers,
        errors=errors,
        **{
            **shown,
            **choices,
            "unfinished": [(str(number), f"#{number} {text}") for number, text in offered],
            "values": {"about": chosen, **choices["values"], **_about(values)},
        },
    )


def _about(values: Mapping[str, str]) -> dict[str, str]:
    """Return which conversation was chosen; "" is a new one, and is kept too."""
    return {"about": values["about"]} if "about" in values else {}


def _begin(session: Session, who: Person, where: Site, fields: Mapping[str, str]) -> int:
    call, now = _logged(session, who, fields), utcnow()
    about = number_of(fields["about"])
    key = beginning.form_key(who, fields)
    if about:
        row = talks.get_for_agent(session, about, who, to_change=True)
        keeping.log_call(session, row, call, by=who, now=now, key=key)
        return row.id
    house = load_house(session, where.settings, where.secret)
    if house is None:
        raise NotFound("This installation is not set up yet.")
    wanted = beginning.beginning_of(session, who, fields, inbox_id=0, address=fields["number"])
    return keeping.begin_with_call(session, wanted, call, house=house, by=who, now=now, key=key)


@post("/calls", opt={"access": "agent", "fields": WITH_SOMEBODY})
async def begin_with_call(request: HttpRequest) -> Response[Any]:
    """Write a call with somebody down: in what is open of theirs, or as a new request."""
    fields = await texts_of(request, WITH_SOMEBODY)
    who = person(request)
    try:
        number = await write(request, _begin, who, site(request), fields)
    except (Invalid, Conflict) as error:
        shown = spoken_errors(request, error)
        if "to" in shown:
            shown["number"] = shown.pop("to")
        return await _new_form(request, fields, shown, error.status)
    return await begun(request, number, DONE)


HANDLERS = (show_call, log_call, show_new, begin_with_call)
