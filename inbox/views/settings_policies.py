"""Deadlines: the rules in the order in which they are asked, one rule, and open work."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import following, policies, policy_work
from inbox.company.following import Changed
from inbox.company.policies import TIMES, UNCOVERED, Draft, Uncovered
from inbox.errors import Conflict, Invalid
from inbox.rulebook import About, load_rulebook
from inbox.store.setup import list_types
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_policies import (
    Choices,
    Example,
    load_choices,
    present_example,
    present_rules,
    read_arrival,
    read_time,
    time_fields,
)
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Urgency

POLICIES = "/settings/policies"
SAMPLE_TYPE = "complaint"
MOST_ROWS = 100
FIELDS = (
    *("do", "name", "request_type", "urgency", "tier", "channel", "product_group", "inbox_id"),
    *("calendar_id", "ladder_id", "resumes", "at"),
    *(f"{name}_{part}" for name in TIMES for part in ("n", "unit")),
)
ASKED = ("request_type", "urgency", "tier", "channel", "product_group", "inbox_id", "at")


def _address(policy_id: int) -> str:
    return f"{POLICIES}/{policy_id}"


@get(POLICIES, opt={"access": "supervisor"})
async def show_policies(request: HttpRequest) -> AnyResponse:
    """Show the rules in their order, and which of them answers for a case."""
    say, spoken = words(request), language(request)
    choices = await read(request, load_choices, say, spoken)
    given = {name: request.query_params.get(name, "") for name in ASKED}
    at = await _arrival(request, given["at"])
    example, error = await read(request, _answering, given, at, choices, say, spoken)
    return await page(
        request,
        "settings/policies.html",
        active="settings",
        rules=present_rules(await read(request, policies.list_policies), choices, say),
        choices=choices,
        given=given,
        at=at.strftime("%Y-%m-%dT%H:%M"),
        example=example,
        error=error,
    )


async def _arrival(request: HttpRequest, text: str) -> datetime:
    company = await site(request).company()
    return read_arrival(text, company.time_zone if company else "UTC", utcnow())


def _answering(
    session: Session,
    given: Mapping[str, str],
    at: datetime,
    choices: Choices,
    say: Any,
    spoken: str,
) -> tuple[Example | None, str]:
    """Return what a case would get by the rules as they are."""
    book = load_rulebook(session)
    kind = given["request_type"] if given["request_type"] in book.types else _sample(session)
    urgency = given["urgency"] if given["urgency"] in list(Urgency) else "normal"
    about = About(
        given["tier"].strip(),
        given["channel"],
        given["product_group"].strip() or None,
        number_of(given["inbox_id"]),
    )
    try:
        promise, dues = policies.example(book, (kind,), urgency, about, at)
    except Invalid as error:
        return None, error.message
    return present_example(promise, dues, at, choices, say, spoken), ""


def _sample(session: Session) -> str:
    keys = [kind.key for kind in list_types(session)]
    return SAMPLE_TYPE if SAMPLE_TYPE in keys else keys[0]


@get("/settings/policies/new", opt={"access": "supervisor"})
async def show_new_policy(request: HttpRequest) -> AnyResponse:
    """Show the form of a new rule."""
    return await _form(request, None, Draft(""), {}, {}, 200)


@get("/settings/policies/{policy_id:int}", opt={"access": "supervisor"})
async def show_policy(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Show one rule."""
    rule = await read(request, policies.get_policy, policy_id)
    return await _form(request, policy_id, policies.draft_of(rule), {}, {}, 200)


async def _form(
    request: HttpRequest,
    policy_id: int | None,
    draft: Draft,
    typed: Mapping[str, str],
    errors: dict[str, str],
    code: int,
) -> AnyResponse:
    """Show a rule as saved or as just typed, with an example of what it means."""
    say, spoken = words(request), language(request)
    choices = await read(request, load_choices, say, spoken)
    at = await _arrival(request, typed.get("at", ""))
    example, listed, moved, beyond = None, None, 0, 0
    if not errors and (policy_id is not None or typed):
        example = await read(request, _example, draft, policy_id, at, choices, say, spoken)
    if policy_id is not None:
        rules = present_rules(await read(request, policies.list_policies), choices, say)
        listed = next((one for one in rules if one.id == policy_id), None)
        if not typed:
            effects, beyond = await read(request, _effects, policy_id)
            moved = len(effects.numbers)
    return await page(
        request,
        "settings/policy.html",
        code=code,
        active="settings",
        policy_id=policy_id,
        draft=draft,
        listed=listed,
        choices=choices,
        times=time_fields(draft, typed, say),
        at=at.strftime("%Y-%m-%dT%H:%M"),
        example=example,
        errors=errors,
        is_draft=bool(typed) and not errors,
        moved=moved,
        beyond=beyond,
    )


def _effects(session: Session, policy_id: int) -> tuple[policy_work.Effects, int]:
    """Return what would change, and how many are open where only the first were looked at."""
    effects = policy_work.open_effects(session, policy_id)
    changed = Changed(policy_id=policy_id)
    return effects, following.count_beyond(session, changed, is_whole=effects.is_whole)


def _example(
    session: Session,
    draft: Draft,
    policy_id: int | None,
    at: datetime,
    choices: Choices,
    say: Any,
    spoken: str,
) -> Example | None:
    """Return what a request that meets all the rule's conditions would get with it."""
    book = policies.with_draft(session, draft, policy_id)
    about = About(*(draft.tier or "", draft.channel or "", draft.product_group, draft.inbox_id))
    kinds = (draft.request_type or _sample(session),)
    try:
        promise, dues = policies.example(book, kinds, draft.urgency or "normal", about, at)
    except Invalid:  # nothing gives this type a time yet; saving says so
        return None
    return present_example(promise, dues, at, choices, say, spoken)


def _read_draft(fields: Mapping[str, str]) -> Draft:
    """Return the rule that was typed; the empty choice asks nothing."""
    values: dict[str, Any] = {
        name: fields[name].strip() or None
        for name in ("request_type", "urgency", "tier", "channel", "product_group")
    }
    for name in ("inbox_id", "calendar_id", "ladder_id"):
        values[name] = (number_of(fields[name]) or 0) if fields[name] else None
    for name in TIMES:
        values[name] = read_time(fields[f"{name}_n"], fields[f"{name}_unit"] or "h")
    return Draft(fields["name"], **values, resumes=fields["resumes"] != "0")


@post(POLICIES, opt={"access": "supervisor", "fields": FIELDS})
async def create_policy(request: HttpRequest) -> AnyResponse:
    """Add a rule, or only say what it would mean."""
    fields = await texts_of(request, FIELDS)
    draft = _read_draft(fields)
    try:
        if fields["do"] == "preview":
            await read(request, policies.check, draft)
            return await _form(request, None, draft, fields, {}, 200)
        by = person(request).id
        made = await write(request, policies.add_policy, draft, by=by, now=utcnow())
    except (Invalid, Conflict) as error:
        return await _refused(request, None, draft, fields, error)
    sentence = N_("The rule is there. New conversations follow it.")
    return done(request, _address(made.id), sentence)


@post("/settings/policies/{policy_id:int}", opt={"access": "supervisor", "fields": FIELDS})
async def save_policy(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Save a rule, or only say what it would mean."""
    fields = await texts_of(request, FIELDS)
    draft = _read_draft(fields)
    await read(request, policies.get_policy, policy_id)
    try:
        if fields["do"] == "preview":
            await read(request, policies.check, draft, policy_id)
            return await _form(request, policy_id, draft, fields, {}, 200)
        by = person(request).id
        await write(request, policies.save_policy, policy_id, draft, by=by, now=utcnow())
    except (Invalid, Conflict) as error:
        return await _refused(request, policy_id, draft, fields, error)
    return done(request, _address(policy_id), N_("Saved. New conversations follow it."))


async def _refused(
    request: HttpRequest,
    policy_id: int | None,
    draft: Draft,
    fields: Mapping[str, str],
    error: Invalid | Conflict,
) -> AnyResponse:
    errors = spoken_errors(request, error)
    if isinstance(error, Uncovered):
        errors = {"": await _uncovered(request, error)}
    return await _form(request, policy_id, draft, fields, errors, error.status)


async def _uncovered(request: HttpRequest, error: Uncovered) -> str:
    kinds = await read(request, list_types)
    name = next(
        (one.name(language(request)) for one in kinds if one.key == error.request_type), ""
    )
    said: str = words(request)(UNCOVERED) % {"type": name}
    return said


@post(
    "/settings/policies/{policy_id:int}/activity",
    opt={"access": "supervisor", "fields": ("active",)},
)
async def switch_policy(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Switch a rule on or off for new conversations."""
    fields = await texts_of(request, ("active",))
    active, by = fields["active"] == "1", person(request).id
    try:
        await write(request, policies.set_active, policy_id, active, by=by, now=utcnow())
    except Uncovered as error:
        rule = await read(request, policies.get_policy, policy_id)
        shown = {"": await _uncovered(request, error)}
        return await _form(request, policy_id, policies.draft_of(rule), {}, shown, error.status)
    sentence = N_("It is asked again.") if active else N_("It is not asked any more.")
    return done(request, _address(policy_id), sentence)


@post("/settings/policies/{policy_id:int}/removal", opt={"access": "supervisor", "fields": ()})
async def remove_policy(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Take a rule out for good that nothing runs by."""
    by = person(request).id
    await write(request, policies.remove_policy, policy_id, by=by, now=utcnow())
    return done(request, POLICIES, N_("The rule is gone."))


@get("/settings/policies/{policy_id:int}/open", opt={"access": "supervisor"})
async def show_open(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Show what the rules would do to the work that is open, by this rule's doing."""
    rule = await read(request, policies.get_policy, policy_id)
    effects, beyond = await read(request, _effects, policy_id)
    speak, now = await speaker_for(request), utcnow()
    timed = [
        (one.due_at, one.new_due_at)
        for one in effects.found
        if one.due_at is not None and one.new_due_at is not None
    ]
    return await page(
        request,
        "settings/policy_open.html",
        active="settings",
        rule=rule,
        under_way=await read(request, following.find_running, Changed(policy_id=policy_id)),
        effects=[
            (
                one.number,
                one.kind,
                speak.clock(one.due_at) if one.due_at else "",
                speak.clock(one.new_due_at) if one.new_due_at else "",
                one.ends,
                one.policy,
            )
            for one in effects.found[:MOST_ROWS]
        ],
        moved=len(effects.numbers),
        beyond=beyond,
        earlier=sum(new < old for old, new in timed),
        later=sum(new > old for old, new in timed),
        late=sum(new <= now < old for old, new in timed),
    )


@post(
    "/settings/policies/{policy_id:int}/open",
    opt={"access": "supervisor", "fields": ("apply",)},
)
async def apply_to_open(request: HttpRequest, policy_id: FromPath[int]) -> AnyResponse:
    """Let open conversations follow the rules, where that was ticked."""
    fields = await texts_of(request, ("apply",))
    await read(request, policies.get_policy, policy_id)
    if fields["apply"] != "1":
        return Redirect(f"{_address(policy_id)}/open", status_code=303)
    changed = Changed(policy_id=policy_id)
    database, by = site(request).database, person(request).id
    total = await following.follow_now(database, changed, by=by)
    if total is None:
        sentence = N_("Open conversations begin to follow the rules. See how far it is here.")
        return done(request, f"{_address(policy_id)}/open", sentence)
    sentence = N_("%(n)s open conversations follow the rules now.")
    return done(request, _address(policy_id), sentence, n=total)
