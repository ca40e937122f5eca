"""A calendar as its page shows it: seven days with their times, and the days off in runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from inbox.company.hours import Spans, Week
from inbox.company.installation import WEEKDAYS
from inbox.sla.holidays import public_holidays
from inbox.templating import N_

NAMES = (
    *(N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday")),
    *(N_("Saturday"), N_("Sunday")),
)
YEARS = 4  # for which a holiday's name is looked up
KEPT = timedelta(days=31)  # days off that are longer ago are not shown


@dataclass(frozen=True, slots=True)
class DayForm:
    """A weekday's line of the form."""

    key: str
    label: str
    is_open: bool
    pairs: Spans


@dataclass(frozen=True, slots=True)
class Run:
    """Dates one after the other that are closed, or have the same hours of their own."""

    first: str
    last: str
    when: str
    name: str
    hours: str


def day_forms(week: Week, say: Callable[[str], str], *, more: bool, most: int) -> list[DayForm]:
    """Return the week's lines, each with as many pairs of times as the longest day has."""
    longest = max((len(spans) for spans in week.hours.values()), default=0)
    count = min(max(2, longest) + more, most)
    lines = []
    for key, label in zip(WEEKDAYS, NAMES, strict=True):
        spans = [list(pair) for pair in week.hours.get(key, [])]
        pairs = spans + [["", ""]] * (count - len(spans))
        lines.append(DayForm(key, say(label), bool(spans), pairs))
    return lines


@lru_cache(maxsize=16)
def holiday_names(country: str | None, year: int, language: str) -> Mapping[date, str]:
    """Return public holidays by date; takes 0.3 s the first time, so call it in a thread."""
    if country is None:
        return {}
    return dict(public_holidays(country, list(range(year - 1, year + YEARS)), language))


def open_year(spec: Mapping[str, Any], year: int) -> int | None:
    """Return the first year from this one on for which no holiday is entered."""
    entered = {int(day[:4]) for day in spec.get("holidays", ())}
    return next((one for one in range(year, year + YEARS + 1) if one not in entered), None)


def present_runs(
    spec: Mapping[str, Any],
    names: Mapping[date, str],
    today: date,
    say: Callable[[str], str],
) -> list[Run]:
    """Return the dates from a month ago on, those that follow each other as one."""
    days: dict[date, Spans | None] = {
        date.fromisoformat(day): None for day in spec.get("holidays", ())
    }
    special = spec.get("special_days", {})
    days |= {date.fromisoformat(day): spans for day, spans in special.items()}
    runs: list[list[date]] = []
    for day in sorted(days):
        before = runs[-1][-1] if runs else None
        if before == day - timedelta(days=1) and days[before] == days[day]:
            runs[-1].append(day)
        elif day >= today - KEPT:
            runs.append([day])
    return [_run(run, days[run[0]], names, say) for run in runs]


def _run(
    run: list[date], spans: Spans | None, names: Mapping[date, str], say: Callable[[str], str]
) -> Run:
    first, last = run[0], run[-1]
    when = f"{last:%d/%m/%Y}" if first == last else f"{first:%d/%m} – {last:%d/%m/%Y}"
    known = list(dict.fromkeys(names[day] for day in run if day in names))
    plain = [one for one in known if not any(sign.isdigit() for sign in one)]  # not "29 Tết"
    name = ", ".join(known) if len(known) < 3 else min(plain or known, key=len)
    if spans:
        name = say("Special day")
    hours = ", ".join(f"{opens}–{closes}" for opens, closes in spans or ())
    return Run(first.isoformat(), last.isoformat(), when, name or say("Day off"), hours)
