"""Settings: the classifier. What it learned, how good it is, and which model answers."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid
from inbox.learning import trainings, versions, watching
from inbox.learning.costs import COST_LABELS, FIELDS, costs_of, read_costs, save_costs
from inbox.learning.habits import Habits, save_habits
from inbox.learning.queues import list_disputed
from inbox.learning.watching import Shadow, Watch
from inbox.reporting.words import number
from inbox.store import learning as store
from inbox.store.company import find_company
from inbox.store.conversations import Listed, list_by_number
from inbox.store.learning import Version
from inbox.store.people import list_colleagues
from inbox.store.setup import count_confirmed, find_live_model, named_types
from inbox.templating import N_
from inbox.triage.prediction import UrgencyCosts
from inbox.triage.semantic import is_installed
from inbox.views.inbox import speaker_for
from inbox.views.present_list import type_name
from inbox.views.present_models import (
    STEPS,
    VersionRow,
    agreement_points,
    by_pair,
    percent,
    present_figures,
    present_products,
    present_version,
    verdict_text,
    version_name,
)
from inbox.views.render import language, page, words
from inbox.views.review_strip import ALARM_TEXT, state_text
from inbox.views.review_strip import percent as whole_percent
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.views.words import Speaker
from models import TriageTraining

TRIAGE = "/settings/triage"
MOST_MESSAGES = 200
HABITS = ("after", "nightly", "agreement_below", "semantic")
EMPTY = N_("Write a number from 0 to 1000.")
MISSING = N_(
    "The package is not installed here: pip install kip-inbox[semantic], then start Kịp again."
)
WRONG_SHARE = N_("Write a number from 1 to 99.")


@dataclass(frozen=True, slots=True)
class Overview:
    """The page as rows."""

    versions: list[Version]
    running: TriageTraining | None
    last: TriageTraining | None
    former: Version | None
    watched: Watch
    samples: tuple[int, int]
    confirmed: int
    live_id: int | None
    is_starter: bool
    people: dict[int, str]
    names: dict[str, str]
    disputed: list[Listed]
    costs: UrgencyCosts


def _load(session: Session, spoken: str) -> Overview:
    live, types = find_live_model(session), named_types(session)
    return Overview(
        store.list_versions(session),
        store.find_unfinished(session),
        store.find_last(session),
        versions.find_former(session),
        watching.watch(session, utcnow()),
        store.count_samples(session),
        count_confirmed(session),
        live.id if live is not None else None,
        bool(live and live.is_starter),
        {key: one.name for key, one in list_colleagues(session).items()},
        {key: type_name(types, key, spoken) for key in types},
        list_by_number(session, list_disputed(session, utcnow())),
        costs_of(find_company(session)),
    )


@get(TRIAGE, opt={"access": "supervisor"})
async def show_triage(request: HttpRequest) -> AnyResponse:
    """Show what sorts, how well, and what can be done about it."""
    return await _overview(request, {}, 200)


async def _overview(
    request: HttpRequest,
    errors: dict[str, str],
    code: int,
    typed: dict[str, str] | None = None,
    habits: dict[str, str] | None = None,
) -> AnyResponse:
    """Show the page; ``typed`` are the costs and ``habits`` the habits as just typed."""
    say = words(request)
    found = await read(request, _load, language(request))
    speak = await speaker_for(request)
    listed = [
        present_version(one, speak, found.people, found.names, passed=versions.has_passed(one))
        for one in found.versions
    ]
    state = state_text(found.live_id is not None, found.is_starter, found.confirmed)
    watched = found.watched
    return await page(
        request,
        "settings/triage.html",
        code=code,
        active="settings",
        errors=errors,
        state=say(state) % {"n": found.confirmed} if state else "",
        listed=listed,
        answering=found.live_id,
        former=version_name(found.former, say) if found.former is not None else "",
        running=found.running,
        step=say(STEPS.get(found.running.step, N_("Waiting for a worker")))
        if found.running is not None
        else "",
        last=_last(found, speak),
        samples=found.samples,
        habits=habits or _habit_fields(watched.habits),
        semantic_missing=watched.habits.semantic and not is_installed(),
        shares=_shares(watched, say),
        points=agreement_points(watched.weeks, speak),
        confused=[
            (found.names.get(old, old), found.names.get(new, new), n)
            for old, new, n in watched.confused
        ],
        alarms=[say(ALARM_TEXT[one]) for one in watched.alarms],
        drift=_drift(watched, speak),
        disputed=found.disputed,
        costs=_cost_fields(found.costs, typed, say),
    )


def _habit_fields(habits: Habits) -> dict[str, str]:
    """Return the habits as their form has them."""
    return {
        "after": str(habits.after),
        "nightly": "1" if habits.nightly else "",
        "agreement_below": f"{habits.agreement_below * 100:.0f}",
        "semantic": "1" if habits.semantic else "",
    }


def _cost_fields(
    costs: UrgencyCosts, typed: dict[str, str] | None, say: Any
) -> list[tuple[str, str, str]]:
    """Return the form's fields: name, label and what stands in it."""
    kept = [f"{value:g}" for value in (*costs.too_low, *costs.too_high)]
    shown = kept if typed is None else [typed[name] for name in FIELDS]
    return [
        (name, say(label), value)
        for name, label, value in zip(FIELDS, COST_LABELS, shown, strict=True)
    ]


def _last(found: Overview, speak: Speaker) -> tuple[str, str]:
    """Return when the last training ended, and its verdict in a sentence."""
    last = found.last
    if last is None or last.finished_at is None:
        return "", ""
    if last.error:
        return speak.clock(last.finished_at), speak.say(last.error)
    verdict = verdict_text(last.result.get("gate", {}), found.names, speak)
    return speak.clock(last.finished_at), verdict


def _shares(watched: Watch, say: Any) -> list[tuple[str, str]]:
    decided, kept = watched.last_7
    total, auto = watched.auto
    checked, right = watched.auto_checked
    return [
        (say("Right on first try, 7 days"), whole_percent(kept, decided)),
        (say("Sorted without a person, 30 days"), whole_percent(auto, total)),
        (say("Of these, right where somebody looked"), whole_percent(right, checked)),
        (say("Looked at"), str(checked)),
    ]


def _drift(watched: Watch, speak: Speaker) -> list[tuple[str, str, str]]:
    figures = watched.drift.figures
    if figures["unknown"] is None:
        return []
    return [
        (
            speak.say("Words that the model does not know"),
            percent(figures["unknown_before"], speak),
            percent(figures["unknown"], speak),
        ),
        (
            speak.say("How sure it is, mean"),
            percent(figures["confidence_before"], speak),
            percent(figures["confidence"], speak),
        ),
        (speak.say("Shift of topics (PSI)"), "–", number(figures["psi"], speak.language, 3)),
    ]


@post(f"{TRIAGE}/trainings", opt={"access": "supervisor", "fields": ()})
async def ask_for_training(request: HttpRequest) -> AnyResponse:
    """Ask the worker to train; what runs already is what was asked for."""
    await write(request, trainings.ask, "button", utcnow(), by=person(request).id)
    return done(request, f"{TRIAGE}#training", N_("The training begins."))


@post(f"{TRIAGE}/habits", opt={"access": "supervisor", "fields": HABITS})
async def change_habits(request: HttpRequest) -> AnyResponse:
    """Say when it trains by itself, and from when it warns."""
    fields = await texts_of(request, HABITS)
    after, share = number_of(fields["after"]), number_of(fields["agreement_below"])
    errors = {}
    if after is None or after > 1000:
        errors["after"] = words(request)(EMPTY)
    if share is None or not 1 <= share <= 99:
        errors["agreement_below"] = words(request)(WRONG_SHARE)
    if errors:
        return await _overview(request, errors, 422, habits=fields)
    semantic = bool(fields["semantic"])
    if semantic and not is_installed():
        missing = {"semantic": words(request)(MISSING)}
        return await _overview(request, missing, 422, habits=fields)
    habits = Habits(after or 0, bool(fields["nightly"]), (share or 0) / 100, semantic)
    await write(request, save_habits, habits, by=person(request).id, now=utcnow())
    return done(request, TRIAGE, N_("Saved."))


@post(f"{TRIAGE}/costs", opt={"access": "supervisor", "fields": FIELDS})
async def change_costs(request: HttpRequest) -> AnyResponse:
    """Say what a wrong urgency costs; the next message is rated by it."""
    typed = await texts_of(request, FIELDS)
    try:
        costs = read_costs(typed)
    except Invalid as error:
        errors = spoken_errors(request, error)
        return await _overview(request, errors, error.status, typed)
    await write(request, save_costs, costs, by=person(request).id, now=utcnow())
    return done(request, f"{TRIAGE}#costs", N_("Saved."))


@post(f"{TRIAGE}/rollback", opt={"access": "supervisor", "fields": ()})
async def roll_back(request: HttpRequest) -> AnyResponse:
    """Let the former model answer again."""
    try:
        number = await write(request, versions.roll_back, by=person(request).id, now=utcnow())
    except Conflict as error:
        return await _overview(request, spoken_errors(request, error), error.status)
    return done(request, TRIAGE, N_("Model %(n)s answers again."), n=number)


# ---- one model ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OneVersion:
    """A model's page as rows."""

    version: Version
    outcomes: list[Any]
    people: dict[int, str]
    names: dict[str, str]
    shadow: Shadow | None


def _load_one(session: Session, version_id: int, spoken: str) -> OneVersion:
    found, types = versions.get_version(session, version_id), named_types(session)
    watched = watching.shadow_report(session, version_id)
    return OneVersion(
        found,
        store.outcomes_of(session, version_id),
        {key: one.name for key, one in list_colleagues(session).items()},
        {key: type_name(types, key, spoken) for key in types},
        watched if watched.messages or found.is_shadow else None,
    )


@get(TRIAGE + "/versions/{version_id:int}", opt={"access": "supervisor"})
async def show_version(request: HttpRequest, version_id: FromPath[int]) -> AnyResponse:
    """Show how good one model is, and let it be put in use."""
    return await _version(request, version_id, {}, "", 200)


async def _version(
    request: HttpRequest, version_id: int, errors: dict[str, str], reason: str, code: int
) -> AnyResponse:
    found = await read(request, _load_one, version_id, language(request))
    speak = await speaker_for(request)
    row: VersionRow = present_version(
        found.version,
        speak,
        found.people,
        found.names,
        passed=versions.has_passed(found.version),
    )
    figures = present_figures(found.version.metrics, found.outcomes, found.names, speak)
    return await page(
        request,
        "settings/triage_version.html",
        code=code,
        active="settings",
        row=row,
        figures=figures,
        products=present_products(found.version.metrics, speak),
        shadow=found.shadow,
        names=found.names,
        clock=speak.clock,
        errors=errors,
        reason=reason,
        candidates=[
            (speak.say(STEPS[one["kind"]]), verdict_text(one["gate"], found.names, speak))
            for one in found.version.metrics.get("candidates", [])
        ],
    )


@get(TRIAGE + "/versions/{version_id:int}/messages", opt={"access": "supervisor"})
async def show_messages(request: HttpRequest, version_id: FromPath[int]) -> Response[Any]:
    """List the messages of one field of the confusion table."""
    true = request.query_params.get("true", "")
    said = request.query_params.get("said", "")
    found = await read(request, _load_one, version_id, language(request))
    pairs = dict(by_pair(found.outcomes).get((true, said), [])[:MOST_MESSAGES])
    listed = await read(request, list_by_number, list(pairs))
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/triage_messages.html",
        active="settings",
        version_id=version_id,
        actual=found.names.get(true, true),
        said=found.names.get(said, said),
        listed=[
            (one, percent(pairs[one.id], speak), speak.clock(one.created_at)) for one in listed
        ],
    )


@post(
    TRIAGE + "/versions/{version_id:int}/promotion",
    opt={"access": "supervisor", "fields": ("reason",)},
)
async def promote(request: HttpRequest, version_id: FromPath[int]) -> AnyResponse:
    """Let a model answer from now on; one that did not pass needs a reason."""
    reason = (await texts_of(request, ("reason",)))["reason"]
    by = person(request).id
    try:
        await write(request, versions.promote, version_id, by=by, now=utcnow(), reason=reason)
    except (Invalid, Conflict) as error:
        errors = spoken_errors(request, error)
        return await _version(request, version_id, errors, reason, error.status)
    return done(request, TRIAGE, N_("Model %(n)s answers from now on."), n=version_id)


@post(
    TRIAGE + "/versions/{version_id:int}/shadow",
    opt={"access": "supervisor", "fields": ("on",)},
)
async def set_shadow(request: HttpRequest, version_id: FromPath[int]) -> AnyResponse:
    """Let a model watch beside the live one, or no longer."""
    on = bool((await texts_of(request, ("on",)))["on"])
    by = person(request).id
    await write(request, versions.set_shadow, version_id, on=on, by=by, now=utcnow())
    said = N_("It watches from now on; nobody hears what it says.") if on else N_("Saved.")
    return done(request, f"{TRIAGE}/versions/{version_id}", said)


HANDLERS = (
    show_triage,
    ask_for_training,
    change_habits,
    change_costs,
    roll_back,
    show_version,
    show_messages,
    promote,
    set_shadow,
)
