"""Ladders: who is told and what is done as a promise runs out."""

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import ladders as service
from inbox.company import open_work
from inbox.company.ladders import Entered
from inbox.errors import Conflict, Invalid
from inbox.rulebook import load_rulebook
from inbox.sla.ladder import GROUP, PERSON
from inbox.sla.rungs import MOST_ACTIONS, MOST_STEPS
from inbox.store import people
from inbox.store.setup import list_types
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.ladder_form import FIELDS, LadderForm, change, form_of, read_form, steps_of
from inbox.views.present_ladder import ACTIONS, TELL_GROUP, TELL_ONE, Names, step_text
from inbox.views.present_ladder_example import Example, example_lines
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.views.words import Speaker

LADDERS = "/settings/ladders"
SAMPLE_TYPE = "complaint"


def _address(ladder_id: int) -> str:
    return f"{LADDERS}/{ladder_id}"


@get(LADDERS, opt={"access": "supervisor"})
async def show_ladders(request: HttpRequest) -> AnyResponse:
    """List the ladders with what each does, and offer to make one."""
    return await _list_page(request, "", 0, {}, 200)


async def _list_page(
    request: HttpRequest, name: str, copy_of: int, errors: dict[str, str], code: int
) -> AnyResponse:
    speak = await speaker_for(request)
    names = await read(request, _names)
    found = await read(request, service.list_ladders)
    return await page(
        request,
        "settings/ladders.html",
        code=code,
        active="settings",
        ladders=[(one, [step_text(step, names, speak) for step in one.steps]) for one in found],
        name=name,
        copy_of=copy_of,
        errors=errors,
    )


@post(LADDERS, opt={"access": "supervisor", "fields": ("name", "copy_of")})
async def add_ladder(request: HttpRequest) -> AnyResponse:
    """Make another ladder, which begins as one there is."""
    fields = await texts_of(request, ("name", "copy_of"))
    model = await read(request, service.get_ladder, number_of(fields["copy_of"]) or 0)
    entered = Entered(fields["name"], service.steps_of(model))
    by = person(request).id
    try:
        made = await write(request, service.save, None, entered, by=by, now=utcnow())
    except Invalid as error:
        errors = spoken_errors(request, error)
        return await _list_page(request, fields["name"], model.id, errors, 422)
    return done(request, _address(made), N_("The ladder is there. Set its steps now."))


@get("/settings/ladders/{ladder_id:int}", opt={"access": "supervisor"})
async def show_ladder(request: HttpRequest, ladder_id: FromPath[int]) -> AnyResponse:
    """Show one ladder; 0 is the one out of the box."""
    ladder = await read(request, service.get_ladder, ladder_id)
    name = ladder.name or words(request)(N_("Usual"))
    form = form_of(name, service.steps_of(ladder))
    return await _one_page(request, ladder_id, form, {}, 200)


@post("/settings/ladders/{ladder_id:int}", opt={"access": "supervisor", "fields": FIELDS})
async def save_ladder(request: HttpRequest, ladder_id: FromPath[int]) -> AnyResponse:
    """Save a ladder; or only add, take out or move a step, or preview, and show it back."""
    fields = await texts_of(request, FIELDS)
    form = read_form(fields)
    await read(request, service.get_ladder, ladder_id)
    if fields["do"] not in ("save", "preview"):
        return await _one_page(request, ladder_id, change(form, fields["do"]), {}, 200, True)
    entered = Entered(form.name, steps_of(form))
    try:
        if fields["do"] == "preview":
            await read(request, service.check, entered)
            return await _one_page(request, ladder_id, form, {}, 200, True)
        by = person(request).id
        saved = await write(request, service.save, ladder_id, entered, by=by, now=utcnow())
    except Invalid as error:
        errors = spoken_errors(request, error)
        return await _one_page(request, ladder_id, form, errors, error.status, True)
    if fields["apply"] == "1":
        await _apply(request, saved)
    return done(request, _address(saved), N_("Saved. New deadlines follow these steps."))


async def _apply(request: HttpRequest, ladder_id: int) -> None:
    """Let open conversations follow: some at once, many in the background."""
    by = person(request).id
    total = await write(request, service.begin, ladder_id, by=by, now=utcnow())
    if total <= service.AT_ONCE:
        while await write(request, service.go_on, utcnow()):
            pass


async def _one_page(
    request: HttpRequest,
    ladder_id: int,
    form: LadderForm,
    errors: dict[str, str],
    code: int,
    is_draft: bool = False,
) -> AnyResponse:
    speak = await speaker_for(request)
    names = await read(request, _names)
    example = None
    if not errors:
        example = await read(request, _example, form, speak, names)
    ladder = await read(request, service.get_ladder, ladder_id)
    return await page(
        request,
        "settings/ladder.html",
        code=code,
        active="settings",
        ladder=ladder,
        form=form,
        choices=_choices(names, speak),
        places=range(MOST_ACTIONS),
        may_add=len(form.rows) < MOST_STEPS,
        open_count=await read(request, service.count_open, ladder_id) if ladder_id else 0,
        example=example,
        is_draft=is_draft,
        errors=errors,
    )


def _names(session: Session) -> Names:
    return Names(people.list_colleagues(session), active_team_names(session))


def _choices(names: Names, speak: Speaker) -> list[tuple[str, str]]:
    """Return what a step can do, as options of a select."""
    known = [(str(action), speak.say(text)) for action, text in ACTIONS.items()]
    here = sorted(
        (one for one in names.colleagues.values() if one.is_active), key=lambda one: one.name
    )
    tell_one, tell_group = speak.say(TELL_ONE), speak.say(TELL_GROUP)
    groups = [
        (f"{GROUP}{number}", tell_group % {"name": name})
        for number, name in names.teams.items()
    ]
    persons = [(f"{PERSON}{one.id}", tell_one % {"name": one.name}) for one in here]
    return known + groups + persons


def _example(
    session: Session, form: LadderForm, speak: Speaker, names: Names
) -> Example | None:
    """Return what the steps mean for a request that arrives next Friday at 16:00."""
    try:
        entered = Entered(form.name, steps_of(form))
        service.check(session, entered)
    except Invalid:
        return None
    book = load_rulebook(session)
    types = {kind.key: kind for kind in list_types(session)}
    key = SAMPLE_TYPE if SAMPLE_TYPE in types else next(iter(types))
    promise = book.promise((key,), "normal")
    arrival, _ = open_work.sample_due(session, promise.calendar, key, speak.now)
    name = types[key].name(speak.language)
    return example_lines(entered.steps, promise, arrival, name, speak, names)


@post("/settings/ladders/{ladder_id:int}/usual", opt={"access": "supervisor", "fields": ()})
async def make_usual(request: HttpRequest, ladder_id: FromPath[int]) -> AnyResponse:
    """Let policies that name no ladder have this one."""
    by = person(request).id
    await write(request, service.make_usual, ladder_id, by=by, now=utcnow())
    return done(request, LADDERS, N_("This is the usual ladder now."))


@post("/settings/ladders/{ladder_id:int}/removal", opt={"access": "supervisor", "fields": ()})
async def remove_ladder(request: HttpRequest, ladder_id: FromPath[int]) -> AnyResponse:
    """Delete a ladder that nothing uses."""
    by = person(request).id
    try:
        await write(request, service.remove, ladder_id, by=by, now=utcnow())
    except Conflict as error:
        return await _list_page(request, "", 0, spoken_errors(request, error), error.status)
    return done(request, LADDERS, N_("The ladder is gone."))


HANDLERS = (
    show_ladders,
    add_ladder,
    show_ladder,
    save_ladder,
    make_usual,
    remove_ladder,
)
