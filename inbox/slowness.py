"""Which stage of which team takes more than twice as long today as in the last four weeks."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session

from inbox.reporting.closing import open_facts
from inbox.sla.pace import Slow, find_slow
from inbox.store import people
from inbox.store.company import find_company
from inbox.store.running import clocks_for
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import N_, translator
from models import Counted, ReportFact
from models.base import columns
from models.report import STAGES

facts = columns(ReportFact)

WEEKS = timedelta(weeks=4)
SAID = N_(
    "%(stage)s (%(team)s): half of today's requests took more than %(today)s min of working "
    "time there, usually %(usual)s."
)
STAGE_NAMES = {
    "nobody_s": N_("Without an owner"),
    "owner_s": N_("With the owner"),
    "backup_s": N_("With the backup"),
    "department_s": N_("With another team"),
    "customer_s": N_("Waiting"),
}
WATCHED = tuple(one for one in STAGES if one != "customer_s")  # a customer's time is not ours
Key = tuple[int | None, str]  # team and stage


@dataclass(frozen=True, slots=True)
class Norm:
    """What is usual: the median working seconds of the requests that passed a stage."""

    median_s: float
    count: int


@dataclass(frozen=True, slots=True)
class SlowStage:
    """A stage of a team that is slow today; ``number`` is what stood there longest."""

    team_id: int | None
    stage: str
    slow: Slow
    number: int


def today_of(session: Session, now: datetime) -> date:
    """Return the company's date."""
    company = find_company(session)
    zone = ZoneInfo(company.time_zone) if company is not None else UTC
    return now.astimezone(zone).date()


def load_norms(session: Session, today: date) -> dict[Key, Norm]:
    """Return what is usual by team and stage: of what was solved in the four weeks before."""
    query = select(facts.team_id, *(facts[one] for one in WATCHED)).where(
        facts.what == Counted.SOLVED, facts.day >= today - WEEKS, facts.day < today
    )
    times: dict[Key, list[int]] = defaultdict(list)
    for team_id, *spent in session.execute(query):
        for stage, seconds in zip(WATCHED, spent, strict=True):
            if seconds:
                times[(team_id, stage)].append(seconds)
    return {key: Norm(statistics.median(some), len(some)) for key, some in times.items()}


def find_slow_stages(
    session: Session, norms: Mapping[Key, Norm], now: datetime
) -> list[SlowStage]:
    """Return what is slow today, by requests that were solved today and passed the stage."""
    today = today_of(session, now)
    solved = [
        one
        for one in open_facts(session, now)
        if one.what is Counted.SOLVED and one.day == today
    ]
    return slow_of(solved, norms)


def slow_of(solved: Iterable[ReportFact], norms: Mapping[Key, Norm]) -> list[SlowStage]:
    """Compare solved requests with what is usual."""
    spent: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for one in solved:
        for stage in WATCHED:
            seconds = getattr(one, stage)
            if seconds:
                spent[(one.team_id, stage)].append((seconds, one.conversation_id))
    found = []
    for key, some in spent.items():
        norm = norms.get(key)
        if norm is None:
            continue
        slow = find_slow([seconds for seconds, _ in some], norm.median_s, norm.count)
        if slow is not None:
            found.append(SlowStage(*key, slow, max(some)[1]))
    return sorted(found, key=lambda one: (one.team_id or 0, one.stage))


def tell_slow(session: Session, stages: Sequence[SlowStage], now: datetime) -> None:
    """Tell who leads a team, once a day for a stage."""
    day = today_of(session, now)
    fresh = [one for one in stages if _is_news(session, one, day, now)]
    clocks = clocks_for(session, [one.number for one in fresh])
    names, who = people.team_names(session), people.list_colleagues(session)
    tellings = []
    for one in fresh:
        if one.number not in clocks:
            continue
        for leader in people.list_supervisors(session, one.team_id):
            say = translator(who[leader].language).gettext
            said = {
                "stage": say(STAGE_NAMES[one.stage]),
                "team": names.get(one.team_id or 0, ""),
                "today": round(one.slow.today_s / 60),
                "usual": round(one.slow.usual_s / 60),
            }
            tellings.append(
                Telling(
                    {leader: "supervisor"},
                    one.number,
                    clocks[one.number],
                    f"stage:{one.stage}:{day}",
                    Alert.STAGE,
                    say(SAID) % said,
                    {"stage": one.stage},
                )
            )
    tell_all(session, tellings, now)


def _is_news(session: Session, one: SlowStage, day: date, now: datetime) -> bool:
    key = f"slow:{day}:{one.team_id or 0}:{one.stage}"
    return people.take_turn(session, key, 1, expires_at=now + timedelta(days=2), now=now)


def as_data(stages: Iterable[SlowStage]) -> list[list[Any]]:
    """Return slow stages as ``Outlook`` keeps them: team, stage, today, usual, of how many."""
    return [
        [one.team_id, one.stage, one.slow.today_s, one.slow.usual_s, one.slow.count]
        for one in stages
    ]
