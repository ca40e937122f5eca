"""Working hours: the week, the days off, and what open work makes of a change."""

import asyncio
from datetime import date, datetime
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import read_day, utcnow
from inbox.company import following, hours, open_work
from inbox.company.hours import COUNTRY_OF, Week
from inbox.company.installation import WEEKDAYS, list_zones
from inbox.company.staff import LOOK_AGAIN
from inbox.errors import Invalid
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.holidays import public_holidays
from inbox.sla.promise import spoken_moment
from inbox.store.setup import list_types
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_hours import day_forms, holiday_names, open_year, present_runs
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import Calendar

SAMPLE_TYPE = "complaint"
MOST_PAIRS = 6
MOST_ROWS = 100
DAY_FIELDS = ("first", "last", "hours")
WEEK_FIELDS = (
    *("do", "name", "time_zone"),
    *(f"{day}_open" for day in WEEKDAYS),
    *(
        f"{day}_{end}_{n}"
        for day in WEEKDAYS
        for n in range(MOST_PAIRS)
        for end in ("from", "to")
    ),
)


def _address(calendar_id: int) -> str:
    return f"/settings/hours/{calendar_id}"


@get("/settings/hours", opt={"access": "supervisor"})
async def show_default_hours(request: HttpRequest) -> Redirect:
    """Lead to the calendar that is used unless a policy names another."""
    first = (await read(request, hours.list_calendars))[0]
    return Redirect(_address(first.id), status_code=303)


@get("/settings/hours/{calendar_id:int}", opt={"access": "supervisor"})
async def show_hours(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Show one calendar."""
    calendar = await read(request, hours.get_calendar, calendar_id)
    return await _hours_page(request, calendar, _saved_week(calendar), {}, 200)


def _saved_week(calendar: Calendar) -> Week:
    spec = WorkingCalendar.from_spec(calendar.spec).to_spec()
    return Week(calendar.name, str(spec["timezone"]), spec["hours"])  # type: ignore[arg-type]


async def _hours_page(
    request: HttpRequest,
    calendar: Calendar,
    week: Week,
    errors: dict[str, str],
    code: int,
    *,
    is_draft: bool = False,
    day: dict[str, str] | None = None,
    new_name: str = "",
) -> AnyResponse:
    """Show a calendar with the week, a day or a new name as saved or as just typed."""
    now = utcnow()
    spoken = language(request)
    country = COUNTRY_OF.get(calendar.spec["timezone"])
    names = await asyncio.to_thread(holiday_names, country, now.year, spoken)
    typed = calendar.spec if errors else hours.spec_of(week, calendar.spec)
    sample = await read(request, _sample, typed, spoken)
    effects, beyond = await read(request, _effects, calendar.id, now)
    return await page(
        request,
        "settings/hours.html",
        code=code,
        active="settings",
        calendars=await read(request, hours.list_calendars),
        calendar=calendar,
        week=week,
        days=day_forms(
            week, words(request), more="more" in request.query_params, most=MOST_PAIRS
        ),
        weekly_hours=_weekly_hours(week) if not errors else "",
        runs=present_runs(calendar.spec, names, now.date(), words(request)),
        next_year=open_year(calendar.spec, now.year) if country else None,
        sample=sample,
        is_draft=is_draft,
        moved=len(effects.numbers),
        beyond=beyond,
        errors=errors,
        day=day or dict.fromkeys(DAY_FIELDS, ""),
        new_name=new_name,
        time_zones=list_zones(),
    )


def _effects(
    session: Session, calendar_id: int, now: datetime
) -> tuple[open_work.Effects, int]:
    """Return what would move, and how many are open where only the first were looked at."""
    effects = open_work.open_effects(session, calendar_id, now)
    changed = following.Changed(calendar_id=calendar_id)
    return effects, following.count_beyond(session, changed, is_whole=effects.is_whole)


def _weekly_hours(week: Week) -> str:
    """Return how long the company is open in a usual week: "44" or "44.5"."""
    days = WorkingCalendar.from_spec({"timezone": week.time_zone, "hours": dict(week.hours)})
    minutes = sum(closes - opens for day in days.hours for opens, closes in day)
    return f"{minutes / 60:g}"


def _sample(session: Session, spec: dict[str, Any], spoken: str) -> dict[str, str]:
    """Return an example of what the hours mean, as words."""
    now = utcnow()
    calendar = WorkingCalendar.from_spec(spec)
    types = {kind.key: kind for kind in list_types(session)}
    key = SAMPLE_TYPE if SAMPLE_TYPE in types else next(iter(types))
    arrival, due = open_work.sample_due(session, calendar, key, now)
    return {
        "type": types[key].name(spoken),
        "arrival": spoken_moment(arrival, calendar.timezone, now, spoken),
        "due": spoken_moment(due, calendar.timezone, now, spoken) if due else "",
    }


@post("/settings/hours", opt={"access": "supervisor", "fields": ("name", "copy_of")})
async def add_calendar(request: HttpRequest) -> AnyResponse:
    """Make another calendar, which begins as one there is."""
    fields = await texts_of(request, ("name", "copy_of"))
    model = await read(request, hours.get_calendar, number_of(fields["copy_of"]) or 0)
    try:
        made = await write(
            request,
            hours.add_calendar,
            fields["name"],
            model.id,
            by=person(request).id,
            now=utcnow(),
        )
    except Invalid as error:
        shown = {f"new_{name}": text for name, text in spoken_errors(request, error).items()}
        return await _hours_page(
            request, model, _saved_week(model), shown, 422, new_name=fields["name"]
        )
    return done(request, _address(made.id), N_("The calendar is there. Set its hours now."))


@post("/settings/hours/{calendar_id:int}", opt={"access": "supervisor", "fields": WEEK_FIELDS})
async def save_hours(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Save the week; or only say what it would mean, or copy Monday, and show it back."""
    fields = await texts_of(request, WEEK_FIELDS)
    week = read_week(fields)
    calendar = await read(request, hours.get_calendar, calendar_id)
    try:
        hours.check_week(week)
        if fields["do"] in ("preview", "copy"):
            return await _hours_page(request, calendar, week, {}, 200, is_draft=True)
        await write(
            request, hours.save_week, calendar_id, week, by=person(request).id, now=utcnow()
        )
    except Invalid as error:
        shown = spoken_errors(request, error)
        return await _hours_page(request, calendar, week, shown, error.status)
    return done(request, _address(calendar_id), N_("Saved. New messages follow these hours."))


def read_week(fields: dict[str, str]) -> Week:
    """Return what was typed; with ``do=copy`` every open day is as Monday."""
    spans: dict[str, hours.Spans] = {}
    for day in WEEKDAYS:
        pairs = [
            [fields[f"{day}_from_{n}"].strip(), fields[f"{day}_to_{n}"].strip()]
            for n in range(MOST_PAIRS)
        ]
        is_open = fields[f"{day}_open"] == "1"
        spans[day] = [pair for pair in pairs if any(pair)] if is_open else []
        if is_open and not spans[day]:
            spans[day] = [["", ""]]  # switched on and nothing typed: that is shown as wrong
    if fields["do"] == "copy":
        spans |= {day: spans["mon"] for day in WEEKDAYS if spans[day]}
    return Week(fields["name"], fields["time_zone"].strip(), spans)


def _date(text: str, field: str) -> date:
    try:
        return read_day(text)
    except ValueError as error:
        raise Invalid(LOOK_AGAIN, {field: hours.WRONG_DAY}) from error


@post(
    "/settings/hours/{calendar_id:int}/days",
    opt={"access": "supervisor", "fields": DAY_FIELDS},
)
async def add_days(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Close on some dates, or open in hours of their own."""
    fields = await texts_of(request, DAY_FIELDS)
    try:
        first = _date(fields["first"], "first")
        last = _date(fields["last"], "last") if fields["last"] else first
        spans = hours.read_spans(fields["hours"])
        await write(
            request,
            hours.add_days,
            calendar_id,
            first,
            last,
            spans,
            by=person(request).id,
            now=utcnow(),
        )
    except Invalid as error:
        calendar = await read(request, hours.get_calendar, calendar_id)
        shown = spoken_errors(request, error)
        shown = {f"day_{name}" if name else "": text for name, text in shown.items()}
        week = _saved_week(calendar)
        return await _hours_page(request, calendar, week, shown, 422, day=fields)
    return done(request, _address(calendar_id), N_("The day is in the calendar."))


@post(
    "/settings/hours/{calendar_id:int}/days/removal",
    opt={"access": "supervisor", "fields": ("first", "last")},
)
async def remove_days(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Make dates days like any other."""
    fields = await texts_of(request, ("first", "last"))
    first, last = _date(fields["first"], "first"), _date(fields["last"], "last")
    await write(
        request,
        hours.remove_days,
        calendar_id,
        first,
        last,
        by=person(request).id,
        now=utcnow(),
    )
    return done(request, _address(calendar_id), N_("It is a day like any other again."))


@post(
    "/settings/hours/{calendar_id:int}/holidays",
    opt={"access": "supervisor", "fields": ("year",)},
)
async def add_holidays(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Close on a year's public holidays."""
    fields = await texts_of(request, ("year",))
    calendar = await read(request, hours.get_calendar, calendar_id)
    country = COUNTRY_OF.get(calendar.spec["timezone"])
    year, now = number_of(fields["year"]) or 0, utcnow()
    if country is None or not now.year <= year <= now.year + 10:
        raise Invalid("There are no holidays to add for this year.")
    found = await asyncio.to_thread(public_holidays, country, [year])
    days = [day for day, _ in found]
    by = person(request).id
    await write(request, hours.add_holidays, calendar_id, days, by=by, now=now)
    sentence = N_("The holidays of %(year)s are in. Look at Tết once the dates are announced.")
    return done(request, _address(calendar_id), sentence, year=year)


@get("/settings/hours/{calendar_id:int}/open", opt={"access": "supervisor"})
async def show_open(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Show what the hours would do to the work that is open."""
    calendar = await read(request, hours.get_calendar, calendar_id)
    effects, beyond = await read(request, _effects, calendar_id, utcnow())
    speak = await speaker_for(request)
    shown = [
        (
            effect.number,
            effect.kind,
            speak.clock(effect.due_at),
            speak.clock(effect.new_due_at),
            effect.new_due_at < effect.due_at,
        )
        for effect in effects.found[:MOST_ROWS]
    ]
    return await page(
        request,
        "settings/hours_open.html",
        active="settings",
        calendar=calendar,
        under_way=await read(
            request, following.find_running, following.Changed(calendar_id=calendar_id)
        ),
        effects=shown,
        moved=len(effects.numbers),
        beyond=beyond,
        earlier=sum(effect.new_due_at < effect.due_at for effect in effects.found),
        later=sum(effect.new_due_at > effect.due_at for effect in effects.found),
    )


@post(
    "/settings/hours/{calendar_id:int}/open", opt={"access": "supervisor", "fields": ("apply",)}
)
async def apply_to_open(request: HttpRequest, calendar_id: FromPath[int]) -> AnyResponse:
    """Let open conversations follow the hours, a few in each transaction."""
    fields = await texts_of(request, ("apply",))
    if fields["apply"] != "1":
        return Redirect(f"{_address(calendar_id)}/open", status_code=303)
    changed = following.Changed(calendar_id=calendar_id)
    database, by = site(request).database, person(request).id
    total = await following.follow_now(database, changed, by=by)
    if total is None:
        sentence = N_("Open conversations begin to follow these hours. See how far it is here.")
        return done(request, f"{_address(calendar_id)}/open", sentence)
    sentence = N_("%(n)s open conversations follow these hours now.")
    return done(request, _address(calendar_id), sentence, n=total)


HANDLERS = (
    show_default_hours,
    show_hours,
    add_calendar,
    save_hours,
    add_days,
    remove_days,
    add_holidays,
    show_open,
    apply_to_open,
)
