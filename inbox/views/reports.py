"""The report on promises: its page, the list behind each number, and both as CSV."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get
from litestar.response import Redirect, Stream
from sqlmodel import Session

from inbox.clock import read_day
from inbox.reporting import report, words
from inbox.reporting.closing import open_facts
from inbox.spreadsheet import BOM, as_csv
from inbox.store import reports
from inbox.store.reports import Listed, Sums, Wanted
from inbox.views import present_facts, present_reports
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.site import HttpRequest, number_of, read
from inbox.views.words import Speaker
from models import Counted, Outcome, ReportFact

A_PAGE = 50
A_CHUNK = 500  # lines of CSV read at a time
PERIODS = (7, 14, 90)
FIRST = ("first_response_met", "first_response_missed")  # what the charts show
LONGEST = timedelta(days=3660)
EARLIEST = date(2000, 1, 1)
NARROWS = ("type", "agent", "team", "channel", "tier", "slot", "cause")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what it does not understand narrows nothing."""

    wanted: Wanted
    by: str
    ahead: date | None = None  # a day that was asked for and is still to come

    def link(
        self, what: str, *, begin: date | None = None, end: date | None = None, **more: Any
    ) -> str:
        """Return the address of the list behind a number."""
        query = {
            "what": what,
            "from": (begin or self.wanted.first).isoformat(),
            "to": (end or self.wanted.last).isoformat(),
            "team": self.wanted.team_id,
            "channel": self.wanted.channel,
            **more,
        }
        return (
            f"/reports/sla/list?{urlencode({k: v for k, v in query.items() if v is not None})}"
        )

    def address(self, path: str = "/reports/sla") -> str:
        """Return the address of this report, or of its file."""
        query = {"from": self.wanted.first, "to": self.wanted.last, "by": self.by}
        query |= {"team": self.wanted.team_id, "channel": self.wanted.channel}
        return f"{path}?{urlencode({k: v for k, v in query.items() if v is not None})}"


def _day(text: str) -> date | None:
    try:
        return read_day(text)
    except ValueError:
        return None


def _asked(request: HttpRequest, speak: Speaker) -> Asked:
    given = {name: value[:60] for name, value in request.query_params.items()}
    today = speak.local(speak.now).date()
    length = number_of(given.get("p", "")) or 14
    end = _day(given.get("to", "")) or today
    begin = _day(given.get("from", "")) or max(min(end, today), EARLIEST) - timedelta(
        days=min(length, 3660) - 1
    )
    begin, end = min(begin, end), max(begin, end)  # the days between two, whichever came first
    last = min(max(end, EARLIEST), today)
    first = min(max(begin, last - LONGEST), last)
    channel = given.get("channel")
    by = given.get("by", "")
    return Asked(
        Wanted(
            first,
            last,
            number_of(given.get("team", "")) or None,
            channel if channel in words.CHANNELS else None,
        ),
        by if by in words.BY else "team",
        end if end > today else None,
    )


@dataclass(slots=True)
class Loaded:
    """Everything of one period."""

    by_day: dict[date, Sums]
    before: Sums
    lines: list[report.Line]
    types: list[report.Line]
    teams: list[report.Line]
    by_hour: dict[str, Sums]
    by_cause: dict[str, Sums]
    after: list[reports.After]
    late_now: int
    recent: list[ReportFact]
    about: present_facts.About
    names: report.Names


def _load(session: Session, asked: Asked, speak: Speaker) -> Loaded:
    wanted = asked.wanted
    fresh = open_facts(session, speak.now)
    cells = reports.fold(fresh)
    names = report.load_names(session, speak.say, speak.language)
    sums = partial(reports.sum_by, session, wanted, open_cells=cells)
    length = wanted.last - wanted.first + timedelta(days=1)
    earlier = replace(wanted, first=wanted.first - length, last=wanted.last - length)
    before = Sums()
    for one in reports.sum_by(session, earlier, "channel", cells).values():
        before.add(one)
    late = Listed(wanted.first, wanted.last, "first_response", "missed")
    late = replace(late, team_id=wanted.team_id, channel=wanted.channel)
    recent = _part(session, late, fresh, 0, 5)
    lines = {
        by: report.load_lines(session, wanted, by, cells, names, with_times=by == asked.by)
        for by in {asked.by, "team", "type"}
    }
    return Loaded(
        by_day=sums("day", measures=FIRST),
        before=before,
        lines=lines[asked.by],
        types=lines["type"],
        teams=lines["team"],
        by_hour=sums("hour", measures=FIRST),
        by_cause=sums("cause", measures=FIRST),
        after=reports.list_after(session, wanted, fresh),
        late_now=reports.late_now(session, wanted, speak.now),
        recent=recent,
        about=present_facts.load_about(session, recent, names),
        names=names,
    )


def _part(
    session: Session, listed: Listed, fresh: list[ReportFact], skip: int, count: int
) -> list[ReportFact]:
    """Return a page of a list: of days that are not closed first, then the others."""
    today = sorted((one for one in fresh if listed.takes(one)), key=lambda one: one.at)[::-1]
    found = today[skip : skip + count]
    if len(found) < count:
        missing = count - len(found)
        found += reports.list_facts(
            session, listed, skip=max(skip - len(today), 0), limit=missing
        )
    return found


@get("/reports", opt={"access": "supervisor"})
async def show_reports(request: HttpRequest) -> Redirect:
    """Lead to the report."""
    return Redirect("/reports/sla", status_code=303)


@get("/reports/sla", opt={"access": "supervisor"})
async def show_sla(request: HttpRequest) -> Response[Any]:
    """Show how promises were kept in a period."""
    speak = await speaker_for(request)
    asked = _asked(request, speak)
    loaded = await read(request, _load, asked, speak)
    total = report.total_of(loaded.lines, speak.say(words.TOTAL))
    link = asked.link
    days = (asked.wanted.last - asked.wanted.first).days + 1
    rows = [
        present_reports.table_row(line, asked.by, speak, link)
        for line in (*loaded.lines, total)
    ]
    return await page(
        request,
        "reports/sla.html",
        active="reports",
        asked=asked,
        days=days,
        periods=PERIODS,
        kpis=present_reports.kpis(total.sums, loaded.before, loaded.late_now, speak, link),
        bars=present_reports.bars(
            loaded.by_day, asked.wanted.first, asked.wanted.last, speak, link
        ),
        headline=present_reports.headline(loaded.by_hour, speak),
        flows=present_reports.flows(loaded.teams, speak),
        type_flows=present_reports.flows(loaded.types, speak),
        stages=[
            (present_reports.PART_CLASS[key], speak.say(text))
            for key, text in words.STAGES.items()
        ],
        heat=present_reports.heat(loaded.by_hour, speak, link),
        rows=rows,
        by_names=[(key, speak.say(text)) for key, text in words.BY.items()],
        columns=_columns(speak),
        causes=present_reports.causes(loaded.by_cause, speak, link),
        recent=[present_facts.present_fact(one, loaded.about, speak) for one in loaded.recent],
        late_count=total.sums.counts["first_response_missed"],
        late_link=link("first_response", outcome="missed"),
        after=_after(loaded.after, loaded.names, speak, asked),
        teams=sorted(loaded.names.teams.items(), key=lambda one: one[1]),
        channels=[(key, speak.say(text)) for key, text in words.CHANNELS.items()],
    )


def _columns(speak: Speaker) -> dict[str, list[str]]:
    return {
        "shares": [speak.say(text) for text in words.PROMISES.values()],
        "times": [speak.say(text) for pair in words.TIMES.values() for text in pair],
        "happened": [speak.say(text) for text in words.HAPPENED.values()],
    }


def _after(
    found: list[reports.After], names: report.Names, speak: Speaker, asked: Asked
) -> list[dict[str, Any]]:
    """Return what became of kept and missed promises; those no longer owed are neither."""
    said = {Outcome.MET: words.KEPT, Outcome.MISSED: words.BROKEN}
    return [
        {
            "type": names.of("type", one.request_type)[1],
            "outcome": speak.say(said[one.outcome]),
            "count": one.count,
            "few": one.count < reports.FEW,
            "came_back": words.percent(one.came_back / one.count, speak.language),
            "reopened": words.percent(one.reopened / one.count, speak.language),
            "href": asked.link("promise", outcome=one.outcome.value, type=one.request_type),
        }
        for one in found
        if one.outcome in said
    ]


def _listed(request: HttpRequest, asked: Asked) -> Listed:
    """Read a list's address; an unknown kind lists late first replies."""
    given = {name: value[:60] for name, value in request.query_params.items()}
    what = given.get("what", "")
    outcome = given.get("outcome", "")
    return Listed(
        asked.wanted.first,
        asked.wanted.last,
        what if what in list(Counted) else "first_response",
        outcome if outcome in words.LISTED_OUTCOMES else None,
        number_of(given.get("team", "")),
        asked.wanted.channel,
        given.get("type") or None,
        number_of(given.get("agent", "")),
        given.get("tier") or None,
        number_of(given.get("slot", "")),
        given.get("cause") if given.get("cause") in words.CAUSES else None,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, and how long the list is."""

    found: list[ReportFact]
    count: int
    about: present_facts.About


def _load_page(session: Session, listed: Listed, skip: int, speak: Speaker) -> Page:
    fresh = open_facts(session, speak.now)
    names = report.load_names(session, speak.say, speak.language)
    found = _part(session, listed, fresh, skip, A_PAGE)
    count = reports.count_facts(session, listed) + sum(listed.takes(one) for one in fresh)
    return Page(found, count, present_facts.load_about(session, found, names))


def _title(listed: Listed, speak: Speaker) -> str:
    what = {**words.LISTED, **words.HAPPENED}[listed.what]
    text = speak.say(what)
    if not listed.outcome:
        return text
    return f"{text}: {speak.say(words.LISTED_OUTCOMES[listed.outcome])}"


@get("/reports/sla/list", opt={"access": "supervisor"})
async def show_list(request: HttpRequest) -> Response[Any]:
    """List what a number of the report is made of."""
    speak = await speaker_for(request)
    asked = _asked(request, speak)
    listed = _listed(request, asked)
    skip = number_of(request.query_params.get("skip", "")) or 0
    loaded = await read(request, _load_page, listed, skip, speak)
    query = {k: v for k, v in request.query_params.items() if k not in ("skip", "lang")}
    further = {**query, "skip": skip + A_PAGE}
    return await page(
        request,
        "reports/list.html",
        active="reports",
        title=_title(listed, speak),
        asked=asked,
        count=loaded.count,
        few=loaded.count < reports.FEW,
        items=[present_facts.present_fact(one, loaded.about, speak) for one in loaded.found],
        is_late=listed.outcome == "missed",
        back=asked.address(),
        csv=f"/reports/sla/list.csv?{urlencode(query)}",
        older=(
            f"/reports/sla/list?{urlencode(further)}" if skip + A_PAGE < loaded.count else ""
        ),
    )


def _file(lines: AsyncIterator[str], name: str) -> Stream:
    return Stream(
        lines,
        media_type="text/csv",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
        },
    )


@get("/reports/sla/list.csv", opt={"access": "supervisor"})
async def download_list(request: HttpRequest) -> Stream:
    """Give a whole list, every line of it."""
    speak = await speaker_for(request)
    listed = _listed(request, _asked(request, speak))
    return _file(_list_lines(request, listed, speak), "list.csv")


async def _list_lines(
    request: HttpRequest, listed: Listed, speak: Speaker
) -> AsyncIterator[str]:
    yield BOM + as_csv([[speak.say(text) for text in present_facts.HEAD]])
    fresh = [one for one in await read(request, open_facts, speak.now) if listed.takes(one)]
    yield await _as_lines(request, fresh, speak)
    before: int | None = None
    while True:
        found = await read(request, reports.list_facts, listed, before=before, limit=A_CHUNK)
        if not found:
            return
        yield await _as_lines(request, found, speak)
        before = found[-1].id


async def _as_lines(request: HttpRequest, found: list[ReportFact], speak: Speaker) -> str:
    names = await read(request, report.load_names, speak.say, speak.language)
    about = await read(request, present_facts.load_about, found, names)
    return as_csv(
        present_facts.csv_cells(present_facts.present_fact(one, about, speak)) for one in found
    )


@get("/reports/sla.csv", opt={"access": "supervisor"})
async def download_sla(request: HttpRequest) -> Stream:
    """Give every figure of the page, also those of its charts."""
    speak = await speaker_for(request)
    return _file(_figure_lines(request, _asked(request, speak), speak), "sla.csv")


def _figures(session: Session, asked: Asked, speak: Speaker) -> list[list[str]]:
    cells = reports.fold(open_facts(session, speak.now))
    names = report.load_names(session, speak.say, speak.language)
    found = [
        report.csv_cells(speak.say(title), line, speak.say, speak.language)
        for by, title in words.BY.items()
        for line in report.load_lines(session, asked.wanted, by, cells, names)
    ]
    for by, title in words.CHARTS.items():
        sums = reports.sum_by(session, asked.wanted, by, cells, with_times=True)
        for key in sorted(sums, key=lambda one: (len(str(one)), str(one))):
            line = report.Line(str(key), _chart_name(by, key, speak), sums[key], 0)
            found.append(report.csv_cells(speak.say(title), line, speak.say, speak.language))
    return found


def _chart_name(by: str, key: Any, speak: Speaker) -> str:
    if by == "day":
        return str(key)
    if by == "cause":
        return speak.say(words.CAUSES[key])
    day, hour = divmod(int(key), 24)
    return f"{present_reports.SHORT[speak.language][day]} {hour:02}:00"


async def _figure_lines(
    request: HttpRequest, asked: Asked, speak: Speaker
) -> AsyncIterator[str]:
    yield BOM + as_csv([report.csv_heading(speak.say)])
    yield as_csv(await read(request, _figures, asked, speak))
