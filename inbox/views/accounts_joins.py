"""Who may be one person: proposed pairs, joined, kept apart, and parted again."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel import Session

from inbox.accounts import joining
from inbox.clock import utcnow
from inbox.errors import NotFound
from inbox.store import joins
from inbox.store.accountpage import whose_contact
from inbox.store.joins import JoinState, Why
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.formdata import Number, fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.security import safe_next
from inbox.views.settings_form import AnyResponse, done
from inbox.views.site import HttpRequest, number_of, person, read, write

WHY = {
    Why.CLAIMED.value: N_("In a chat or a form, one gave the other’s address or number."),
    Why.NAME.value: N_("They have the same name at the same customer."),
    Why.NUMBER.value: N_("They have the same number, written otherwise."),
    Why.VERIFIED.value: N_("The same address or number was verified of both."),
    Why.SAID.value: N_("A colleague said so."),
}
_ALL = "/accounts/joins"


@get(_ALL, opt={"access": "supervisor"})
async def show_joins(request: HttpRequest) -> Response[Any]:
    """List who may be one person, and who was joined lately."""
    proposed = await read(request, joins.list_pairs)
    joined = await read(request, joins.list_pairs, (JoinState.JOINED,), limit=20)
    speak = await speaker_for(request)
    return await page(
        request,
        "accounts/joins.html",
        active="accounts",
        proposed=proposed,
        joined=joined,
        why={key: speak.say(text) for key, text in WHY.items()},
        clock=speak.clock,
    )


class Decision(Struct, forbid_unknown_fields=True):
    """What is decided; ``keep`` is which of the two stays, the first unless it says other."""

    decision: str
    keep: str = ""
    next: str = _ALL


def _decide(session: Session, join_id: int, form: Decision, who: Person) -> str:
    row = joins.get_join(session, join_id)
    for number in (row.kept_id, row.joined_id):
        whose_contact(session, number, who)
    now = utcnow()
    if form.decision == "two":
        joining.refuse(session, join_id, by=who.id, now=now)
        return N_("They stay two.")
    if form.decision == "parting":
        joining.part(session, join_id, by=who.id, now=now)
        return N_("They are two again; each has what was theirs.")
    if form.decision != "one":
        raise NotFound("There is no such decision.")
    kept, joined = row.kept_id, row.joined_id
    if number_of(form.keep) == joined:
        kept, joined = joined, kept
    joining.join(session, kept, joined, by=who.id, now=now)
    return N_("They are one now.")


@post(
    _ALL + "/{join_id:int}",
    opt={"access": "agent", "fields": fields_of(Decision)},
)
async def decide(request: HttpRequest, join_id: FromPath[int]) -> AnyResponse:
    """Join two, say that they are two, or part them again."""
    form = await read_as(request, Decision)
    said = await write(request, _decide, join_id, form, person(request))
    return done(request, safe_next(form.next), said)


class OtherForm(Struct, forbid_unknown_fields=True):
    """Who else is the same person, by number."""

    other: Number


def _join(session: Session, contact_id: int, other: int, who: Person) -> None:
    for number in (contact_id, other):
        whose_contact(session, number, who)
    joining.join(session, contact_id, other, by=who.id, now=utcnow())


@post(
    "/contacts/{contact_id:int}/joins",
    opt={"access": "agent", "fields": fields_of(OtherForm)},
)
async def join(request: HttpRequest, contact_id: FromPath[int]) -> AnyResponse:
    """Say that somebody else is the same person."""
    form = await read_as(request, OtherForm)
    await write(request, _join, contact_id, form.other, person(request))
    return done(request, f"/contacts/{contact_id}", N_("They are one now."))
