"""Many conversations at once: one request does it to all, one takes it back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox import closing, corrections
from inbox import conversations as service
from inbox.clock import read_time, utcnow
from inbox.closing import ReasonNeeded
from inbox.errors import Conflict, Invalid
from inbox.house import load_house
from inbox.later import spam
from inbox.listing import deeds, undoing
from inbox.listing.deeds import Outcome, Work
from inbox.marking import tags as tagging
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.sla.history import Wait
from inbox.store import owners, setup, tags
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import list_page, speaker_for
from inbox.views.listing import back_path, parse
from inbox.views.present_bulk import outcome_toast, undone_line
from inbox.views.render import page, wants_partial, words
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.waiting import FOR, put_to_wait
from inbox.views.words import URGENCY_NAMES
from models import Conversation


class BulkForm(Struct, forbid_unknown_fields=True):
    """What to do (``do``: "action:value") to which conversations.

    ``at`` is when they were shown, ``back`` the list's address after its question mark.
    """

    n: tuple[str, ...] = ()
    do: str = ""
    until: str = ""
    tag: str = ""
    at: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a work needs besides the conversation."""

    session: Session
    value: str
    form: BulkForm
    by: Person
    now: datetime
    settings: Settings
    secret: bytes
    more: dict[str, Any] = field(default_factory=dict)

    def book(self) -> dict[str, Any]:
        """Return rules and house, read once."""
        if not self.more:
            house = load_house(self.session, self.settings, self.secret)
            self.more.update(rulebook=load_rulebook(self.session), house=house)
        return self.more


def _done(what: Doing) -> Work:
    def work(session: Session, row: Conversation) -> None:
        closing.resolve(session, row, by=what.by, now=what.now, reason=what.value)

    return work


def _take(what: Doing) -> Work:
    return lambda session, row: service.claim(session, row, by=what.by, now=what.now)


def _assign(what: Doing) -> Work:
    owner = number_of(what.value)
    if owner is None:
        raise Invalid(N_("Choose somebody."))
    return lambda session, row: service.assign(
        session, row, owner or None, by=what.by, now=what.now
    )


def _wait(what: Doing) -> Work:
    reason = FOR.get(what.value)
    if reason is None:
        raise Invalid(N_("Say whom it waits for."))
    return _until(what, reason, what.form.until)


def _snooze(what: Doing) -> Work:
    return _until(what, Wait.SNOOZED, what.value or what.form.until)


def _until(what: Doing, reason: Wait, until: str) -> Work:
    return lambda session, row: put_to_wait(
        session, row, by=what.by, now=what.now, reason=reason, until=until
    )


def _correct(name: str) -> Callable[[Doing], Work]:
    def make(what: Doing) -> Work:
        said: dict[str, Any] = {name: what.value}

        def work(session: Session, row: Conversation) -> None:
            corrections.correct(session, row, **what.book(), **said, by=what.by, now=what.now)

        return work

    return make


def _tag(what: Doing) -> Work:
    put = tagging.take_off if what.form.do.startswith("untag") else tagging.put_on
    tag_id = number_of(what.value)
    if tag_id is None:
        tag_id = tagging.named(what.session, what.form.tag, by=what.by, now=what.now)

    def work(session: Session, row: Conversation) -> dict[str, Any]:
        changed = put(session, row, tag_id, by=what.by, now=what.now)
        return {"tags": [tag_id] if changed else []}

    return work


def _spam(what: Doing) -> Work:
    return lambda session, row: spam.mark(session, row, by=what.by, now=what.now)


WORKS: dict[str, Callable[[Doing], Work]] = {
    "done": _done,
    "take": _take,
    "assign": _assign,
    "wait": _wait,
    "snooze": _snooze,
    "type": _correct("request_type"),
    "urgency": _correct("urgency"),
    "tag": _tag,
    "untag": _tag,
    "spam": _spam,
}


def _do(
    session: Session, form: BulkForm, who: Person, settings: Settings, secret: bytes
) -> Outcome:
    action, _, value = form.do.partition(":")
    if action not in WORKS:
        raise Invalid(N_("Choose what shall happen to them."))
    now = utcnow()
    doing = Doing(session, value, form, who, now, settings, secret)
    return deeds.do(
        session,
        [number_of(one) or 0 for one in form.n],
        action,
        WORKS[action](doing),
        by=who,
        now=now,
        shown_at=_moment(form.at),
        reasons=(ReasonNeeded,),
    )


def _moment(text: str) -> datetime | None:
    try:
        found = read_time(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


@post("/inbox/bulk", opt={"access": "agent", "fields": fields_of(BulkForm)})
async def do_all(request: HttpRequest) -> Response[Any]:
    """Do one thing to all that were chosen; without a thing to do, ask which."""
    form = await read_as(request, BulkForm)
    numbers = deeds.check_numbers([number_of(one) or 0 for one in form.n])
    if not form.do:
        return await _ask(request, form, numbers)
    where = site(request)
    outcome = await write(request, _do, form, person(request), where.settings, where.secret)
    action = form.do.partition(":")[0]
    toast = outcome_toast(outcome, await speaker_for(request), action, form.back)
    if not wants_partial(request):
        back = Redirect(back_path(form.back, did=outcome.deed_id), status_code=303)
        return back if outcome.deed_id else flash(request, back, "%(text)s", text=toast.text)
    asked = await parse(request, form.back)
    shown, _ = await list_page(request, asked)
    return await page(
        request,
        "inbox/_list_refresh.html",
        active="inbox",
        rail=shown.rail,
        page=shown,
        toast=toast,
    )


def _choices(session: Session) -> dict[str, Any]:
    return {
        "people": owners.list_assignable(session, None, None),
        "types": setup.named_types(session),
        "tags": tags.list_tags(session),
    }


async def _ask(request: HttpRequest, form: BulkForm, numbers: list[int]) -> Response[Any]:
    """Show everything that can be done: a menu for htmx, else a page."""
    found = await read(request, _choices)
    speak = await speaker_for(request)
    say = words(request)
    partial = wants_partial(request)
    response = await page(
        request,
        "inbox/_bulk_choices.html" if partial else "inbox/bulk.html",
        active="inbox",
        numbers=numbers,
        form=form,
        people=found["people"],
        types=[(key, one.name(speak.language)) for key, one in found["types"].items()],
        tags=found["tags"],
        urgencies=[(key, say(name)) for key, name in URGENCY_NAMES.items()],
        reasons=[(key, say(text)) for key, text in closing.REASONS.items()],
        supervises=person(request).sees_all,
    )
    if partial:
        response.headers["HX-Retarget"] = "#bulk-menu"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _undo(
    session: Session, deed_id: int, who: Person, settings: Settings, secret: bytes
) -> Outcome:
    house = load_house(session, settings, secret)
    if house is None:
        raise Conflict("There is no company yet.")
    book = load_rulebook(session)
    return undoing.undo(session, deed_id, book, house, by=who, now=utcnow())


@post("/inbox/undo/{deed_id:int}", opt={"access": "agent", "fields": ()})
async def undo(request: HttpRequest, deed_id: FromPath[int]) -> Response[Any]:
    """Take back what one click did, within a minute."""
    where = site(request)
    outcome = await write(
        request, _undo, deed_id, person(request), where.settings, where.secret
    )
    sentence, values = undone_line(outcome)
    target = back_path(request.query_params.get("back", ""))
    if "back" not in request.query_params and len(outcome.done) == 1:
        target = f"/inbox/{outcome.done[0]}"
    return flash(request, Redirect(target, status_code=303), sentence, **values)


HANDLERS = (do_all, undo)
