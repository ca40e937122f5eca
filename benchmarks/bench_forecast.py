"""How often the forecast of late answers is right, replayed over answers that were given.

Two histories: the sample company's, whose lateness was written by hand and follows no queue,
and a simulated company, where people work off what is due first at their own pace.
"""

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from benchmarks.company import sample_company
from benchmarks.measure import figure
from inbox.foresight import HORIZON, MEASURED
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.forecast import Owed, Worker, foresee
from inbox.sla.pace import Answer, paces, times_taken
from models import ClockKind, Conversation, SLAClock, TeamMember
from models.base import columns

clocks = columns(SLAClock)
talks = columns(Conversation)
members = columns(TeamMember)

HOURS = WorkingCalendar.from_spec(
    {
        "timezone": "Asia/Ho_Chi_Minh",
        "hours": {
            day: [["08:00", "12:00"], ["13:30", "17:30"]]
            for day in ("mon", "tue", "wed", "thu", "fri", "sat")
        },
    }
)
DAYS = 30  # simulated
TARGET_S = 2 * 3600


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was owed, and when it was given."""

    number: int
    started_at: datetime
    due_at: datetime
    met_at: datetime | None
    owner: int | None
    team: int | None


@dataclass(slots=True)
class Score:
    """How predictions and what happened agree."""

    right: int = 0
    false_alarms: int = 0
    unforeseen: int = 0
    moments: int = 0

    def show(self, name: str) -> None:
        """Print precision and recall."""
        foreseen, late = self.right + self.false_alarms, self.right + self.unforeseen
        figure(f"forecast_{name}_moments", self.moments, "moments")
        figure(f"forecast_{name}_foreseen", foreseen, "answers")
        figure(f"forecast_{name}_late", late, "answers")
        figure(f"forecast_{name}_precision", self.right / max(foreseen, 1), "share")
        figure(f"forecast_{name}_recall", self.right / max(late, 1), "share")


def replay(
    history: list[Given], teams_of: Mapping[int, frozenset[int]], moments: Iterable[datetime]
) -> Score:
    """Look ahead at each moment with what was known then, and compare with what came."""
    score = Score()
    hours = dict.fromkeys(teams_of, HOURS)
    for now in moments:
        known = [
            Answer(one.owner, one.started_at, one.met_at)
            for one in history
            if one.owner is not None and one.met_at and now - MEASURED <= one.met_at < now
        ]
        pace = paces(times_taken(known, hours), teams_of)
        owed = [
            one
            for one in history
            if one.started_at <= now < (one.met_at or now + HORIZON)
            and one.due_at <= now + HORIZON
        ]
        workers = [Worker(who, teams, HOURS, pace[who]) for who, teams in teams_of.items()]
        played = foresee(
            [Owed(one.number, one.due_at, one.owner, one.team) for one in owed], workers, now
        )
        foreseen = {one.number for one in played.answers if one.is_late and one.due_at > now}
        late = {
            one.number
            for one in owed
            if one.due_at > now and (one.met_at is None or one.met_at > one.due_at)
        }
        score.moments += 1
        score.right += len(foreseen & late)
        score.false_alarms += len(foreseen - late)
        score.unforeseen += len(late - foreseen)
    return score


def working_moments(begin: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    """Yield moments inside the hours."""
    while begin < end:
        if HOURS.is_open(begin):
            yield begin
        begin += step


def simulate() -> tuple[list[Given], dict[int, frozenset[int]]]:
    """Let three teams of three people work off what comes, some days more than they can."""
    rng = random.Random(98)
    pace = {who: rng.uniform(500, 1100) for who in range(9)}
    begin = datetime(2026, 8, 31, 1, 0, tzinfo=UTC)
    teams_of = {who: frozenset([who // 3]) for who in pace}
    history: list[Given] = []
    for who, median_s in pace.items():
        queue: list[tuple[datetime, datetime]] = []
        for day in range(DAYS):
            load = rng.choice([0.5, 0.7, 0.8, 0.9, 1.1])
            for _ in range(round(load * 8 * 3600 / (median_s * 1.13))):
                at = begin + timedelta(days=day, seconds=rng.randrange(34_000))
                if HOURS.is_open(at):
                    queue.append((at, HOURS.due_at(at, TARGET_S) or at))
        history += _worked_off(rng, who, median_s, sorted(queue), len(history))
    return history, teams_of


def _worked_off(
    rng: random.Random,
    who: int,
    median_s: float,
    coming: list[tuple[datetime, datetime]],
    first: int,
) -> list[Given]:
    """Answer one after the other: what is due first, sometimes whatever was seen last."""
    found: list[Given] = []
    waiting: list[tuple[datetime, datetime]] = []
    now = coming[0][0]
    while coming or waiting:
        if not waiting:
            now = max(now, coming[0][0])
        while coming and coming[0][0] <= now:
            waiting.append(coming.pop(0))
        waiting.sort(key=lambda one: one[1])
        asked_at, due_at = waiting.pop(-1 if rng.random() < 0.15 else 0)
        now = HOURS.due_at(now, median_s * rng.lognormvariate(0, 0.5)) or now
        found.append(Given(first + len(found), asked_at, due_at, now, who, who // 3))
    return found


def _load(session: Session) -> tuple[list[Given], dict[int, frozenset[int]]]:
    rows = session.execute(
        select(
            *(clocks.id, clocks.started_at, clocks.due_at, clocks.met_at),
            *(talks.owner_id, talks.team_id, clocks.met_by_id),
        )
        .join(Conversation, talks.id == clocks.conversation_id)
        .where(clocks.kind != ClockKind.RESOLUTION, clocks.cancelled_at.is_(None))
    )
    teams: dict[int, set[int]] = {}
    for row in session.execute(select(members.agent_id, members.team_id)):
        teams.setdefault(row.agent_id, set()).add(row.team_id)
    history = [
        Given(number, started, due, met, by or owner, team)
        for number, started, due, met, owner, team, by in rows
    ]
    return history, {who: frozenset(some) for who, some in teams.items()}


async def main() -> None:
    """Print how often the forecast was right."""
    async with sample_company() as (database, _):
        history, teams_of = await database.read(_load)
    begin = min(one.started_at for one in history)
    end = max(one.started_at for one in history)
    moments = working_moments(begin, end, timedelta(hours=1))
    replay(history, teams_of, moments).show("sample_company")
    history, teams_of = simulate()
    begin = min(one.started_at for one in history) + timedelta(days=7)
    end = max(one.started_at for one in history)
    moments = working_moments(begin, end, timedelta(hours=1))
    replay(history, teams_of, moments).show("simulated")


if __name__ == "__main__":
    asyncio.run(main())
