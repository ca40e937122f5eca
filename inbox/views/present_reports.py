"""The report as its page shows it: sentences, bars, parts of a line, cells of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from inbox.reporting import words
from inbox.reporting.report import Line
from inbox.store.reports import FEW, IN_TIME_OR_LATE, Sums
from inbox.templating import N_
from inbox.views.words import Speaker

GOALS = {"first_response": 0.95, "resolution": 0.90}
TALLEST = 150  # of a bar, in pixels
PART_CLASS = {
    "nobody_s": "f-b",
    "owner_s": "f-a",
    "backup_s": "f-e",
    "department_s": "f-c",
    "customer_s": "f-d",
}
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
}
SHORT = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"),
}
LATE_MOST = N_("%(day)s is when first replies are late most often")
BY_DAY = N_("First replies by day")
Link = Callable[..., str]  # of a list; keywords narrow it


@dataclass(frozen=True, slots=True)
class Kpi:
    """One big number; ``way`` is up, down or ""."""

    name: str
    big: str
    note: str
    way: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of days: how tall, and how much of it is late (a percentage as SVG has it)."""

    label: tuple[str, str]
    percent: str
    is_bad: bool
    height: int
    late: str
    said: str
    href: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a request's time goes: parts of a line that is 100 wide."""

    name: str
    hours: str
    slowest: str
    parts: list[tuple[str, str, str]]  # x, width, class
    said: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that opens its list."""

    text: str
    href: str = ""


def kpis(now: Sums, before: Sums, late: int, speak: Speaker, link: Link) -> list[Kpi]:
    """Return the numbers at the top."""
    found = [
        _share("first_response", now, before, speak, link),
        _share("resolution", now, before, speak, link),
        _share("promise", now, before, speak, link),
    ]
    note = speak.say(N_("half are faster, 9 in 10 within %(time)s")) % {
        "time": words.typical(now, "answered_in", 0.9, speak.say)
    }
    n = now.answered_in.total()
    found.append(
        Kpi(
            speak.say(N_("Typical first reply")),
            words.typical(now, "answered_in", 0.5, speak.say),
            f"{note} ({_of(n, speak)})" if n else speak.say(N_("no reply in this period")),
            href=link("answered") if n else "",
        )
    )
    late_note = speak.say(N_("Open the list"))
    found.append(Kpi(speak.say(N_("Late right now")), str(late), late_note, href="/inbox"))
    return found


def _of(n: int, speak: Speaker) -> str:
    few = f", {speak.say(words.FEW_TEXT)}" if n < FEW else ""
    return f"n\u00a0=\u00a0{n}{few}"  # in one piece, however narrow the tile


def _share(what: str, now: Sums, before: Sums, speak: Speaker, link: Link) -> Kpi:
    share, was = now.share(what), before.share(what)
    notes, way = [], ""
    if share is not None and was is not None:
        points = round((share - was) * 100, 1)
        way = "up" if points > 0 else "down" if points < 0 else ""
        said = N_("%(n)s points up") if points > 0 else N_("%(n)s points down")
        text = speak.say(said) if way else speak.say(N_("as before"))
        notes.append(text % {"n": words.number(abs(points), speak.language)} if way else text)
    if what in GOALS:
        notes.append(speak.say(N_("goal %(n)s%%")) % {"n": round(GOALS[what] * 100)})
    notes.append(_of(now.decided(what), speak))
    return Kpi(
        speak.say(words.PROMISES[what]),
        words.percent(share, speak.language),
        ", ".join(notes),
        way,
        _behind_share(what, now, link),
    )


def _behind_share(what: str, sums: Sums, link: Link, **narrow: Any) -> str:
    """Return the address of what a share is of; "" of a dash, behind which is nothing."""
    return link(what, outcome=IN_TIME_OR_LATE, **narrow) if sums.decided(what) else ""


def bars(
    by_day: Mapping[date, Sums], first: date, last: date, speak: Speaker, link: Link
) -> list[Bar]:
    """Return a bar for each day, week or month with first replies, so that all are readable."""
    stretches: dict[date, tuple[date, Sums]] = {}
    for day in sorted(by_day):
        begin = _begin(day, first, last)
        _, sums = stretches.setdefault(begin, (day, Sums()))
        sums.add(by_day[day])
        stretches[begin] = (day, sums)
    some = {k: v for k, v in stretches.items() if v[1].decided("first_response")}
    most = max((sums.decided("first_response") for _, sums in some.values()), default=1)
    return [
        _bar(max(begin, first), min(_end(begin, first, last), last), sums, most, speak, link)
        for begin, (_, sums) in some.items()
    ]


def _step(first: date, last: date) -> str:
    length = (last - first).days + 1
    return "day" if length <= 31 else "week" if length <= 200 else "month"


def _begin(day: date, first: date, last: date) -> date:
    step = _step(first, last)
    if step == "day":
        return day
    return day - timedelta(days=day.weekday()) if step == "week" else day.replace(day=1)


def _end(begin: date, first: date, last: date) -> date:
    step = _step(first, last)
    if step == "day":
        return begin
    if step == "week":
        return begin + timedelta(days=6)
    return (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _bar(begin: date, end: date, sums: Sums, most: int, speak: Speaker, link: Link) -> Bar:
    met, late = (sums.counts[name] for name in ("first_response_met", "first_response_missed"))
    share = met / (met + late)
    weekday = SHORT[speak.language][begin.weekday()]
    short = f"{begin.day:02}/{begin.month:02}"
    when = f"{weekday} {short}" if begin == end else f"{short} – {end.day:02}/{end.month:02}"
    said = speak.say(N_("%(when)s: %(met)s in time, %(late)s late, %(share)s"))
    values = {"when": when, "met": met, "late": late}
    text = words.percent(share, speak.language)
    return Bar(
        (weekday if begin == end else "", short),
        f"{int(share * 100 + 1e-9)}%",
        share < 0.9,
        max(round(TALLEST * (met + late) / most), 4),
        f"{100 * late / (met + late):.1f}%",
        said % {**values, "share": text},
        link("first_response", outcome=IN_TIME_OR_LATE, begin=begin, end=end),
    )


def headline(by_hour: Mapping[str, Sums], speak: Speaker) -> str:
    """Name the weekday on which replies are late most often, if enough were."""
    late, decided = [0] * 7, [0] * 7
    for slot, sums in by_hour.items():
        late[int(slot) // 24] += sums.counts["first_response_missed"]
        decided[int(slot) // 24] += sums.decided("first_response")
    shares = [late[d] / decided[d] if decided[d] >= FEW else 0.0 for d in range(7)]
    worst = max(range(7), key=lambda d: shares[d])
    overall = sum(late) / max(sum(decided), 1)
    if late[worst] < 3 or shares[worst] < 1.25 * overall:
        return speak.say(BY_DAY)
    return speak.say(LATE_MOST) % {"day": WEEKDAYS[speak.language][worst]}


def flows(lines: list[Line], speak: Speaker) -> list[Flow]:
    """Return where a solved request's working time goes, the longest first."""
    solved = [line for line in lines if line.sums.counts["solved"] and _spent(line)]
    longest = max((_spent(line) / line.sums.counts["solved"] for line in solved), default=1)
    solved.sort(key=lambda line: -_spent(line) / line.sums.counts["solved"])
    return [_flow(line, longest, speak) for line in solved]


def _spent(line: Line) -> int:
    return sum(line.sums.counts[stage] for stage in words.STAGES)


def _hours(seconds: float, speak: Speaker) -> str:
    return speak.say("%(n)s h") % {"n": words.number(seconds / 3600, speak.language)}


def _flow(line: Line, longest: float, speak: Speaker) -> Flow:
    n = line.sums.counts["solved"]
    each = {stage: line.sums.counts[stage] / n for stage in words.STAGES}
    parts, x = [], 0.0
    for stage, seconds in each.items():
        width = 100 * seconds / longest
        if width:
            parts.append((f"{x:.2f}", f"{width:.2f}", PART_CLASS[stage]))
        x += width
    slowest = max(each, key=lambda stage: each[stage])
    mostly = speak.say(N_("mostly %(stage)s")) % {"stage": speak.say(words.STAGES[slowest])}
    said = ", ".join(
        f"{speak.say(words.STAGES[stage])} {_hours(seconds, speak)}"
        for stage, seconds in each.items()
    )
    total = _hours(sum(each.values()), speak)
    return Flow(line.name, f"{total}, {_of(n, speak)}", mostly, parts, said)


def heat(by_hour: Mapping[str, Sums], speak: Speaker, link: Link) -> dict[str, Any]:
    """Return late first replies by weekday and hour of the deadline, with how dark each is."""
    late = {int(slot): sums.counts["first_response_missed"] for slot, sums in by_hour.items()}
    due = [int(k) for k, sums in by_hour.items() if sums.decided("first_response")]
    hours = [slot % 24 for slot in due]
    columns = list(range(min(hours), max(hours) + 1)) if hours else []
    most = max(late.values(), default=0)
    rows = []
    for day in sorted({slot // 24 for slot in due}):
        found = [(day * 24 + hour, late.get(day * 24 + hour, 0)) for hour in columns]
        rows.append(
            (
                SHORT[speak.language][day],
                [
                    (
                        n,
                        -(-4 * n // most) if n else 0,
                        link("first_response", outcome="missed", slot=slot) if n else "",
                    )
                    for slot, n in found
                ],
            )
        )
    return {"hours": columns, "rows": rows}


def table_row(line: Line, by: str, speak: Speaker, link: Link) -> dict[str, Any]:
    """Return a line of the table; each number opens its list."""
    counts, narrow = line.sums.counts, {by: line.key} if line.key else {}
    share = line.sums.share("first_response")
    shares = {
        what: Figure(
            words.share_with_n(line.sums, what, speak.say, speak.language),
            _behind_share(what, line.sums, link, **narrow),
        )
        for what in words.PROMISES
    }
    happened = {
        name: Figure(str(counts[name]), link(name, **narrow) if counts[name] else "")
        for name in words.HAPPENED
    }
    excused = sum(counts[f"{what}_excused"] for what in words.PROMISES)
    return {
        "name": line.name,
        "first_percent": None if share is None else int(share * 100),
        "is_bad": share is not None and share < 0.9,
        "shares": shares,
        "happened": happened,
        "excused": excused,
        "open_now": line.open_now,
        "times": [
            words.typical(line.sums, name, share_, speak.say)
            for name in words.TIMES
            for share_ in (0.5, 0.9)
        ],
    }


def causes(
    by_cause: Mapping[str, Sums], speak: Speaker, link: Link
) -> list[tuple[str, int, str]]:
    """Return why first replies were late: the cause, how often, and its list."""
    found = [
        (key, sums.counts["first_response_missed"])
        for key, sums in by_cause.items()
        if sums.counts["first_response_missed"]
    ]
    return [
        (
            speak.say(words.CAUSES[key]),
            n,
            link("first_response", outcome="missed", cause=key),
        )
        for key, n in sorted(found, key=lambda one: -one[1])
    ]
