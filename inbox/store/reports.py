"""Questions of the report: sums of closed days, the facts behind a number, what stands open.

A report is closed days, which are read as sums, and what is not closed yet, which comes as
facts (``open_facts``, from ``inbox.reporting``) and is summed here by the same rule.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Text, cast, func, select
from sqlmodel import Session

from inbox.store.months import stretches
from models import (
    Contact,
    Conversation,
    Counted,
    Outcome,
    ReportClosing,
    ReportDay,
    ReportFact,
    Status,
)
from models.base import columns, core
from models.report import DECIDED, MEASURES, STAGES

facts = columns(ReportFact)
days = columns(ReportDay)
closings = columns(ReportClosing)
talks = columns(Conversation)
contacts = columns(Contact)

FEW = 20  # a share of fewer says so
EXACT_MINUTES = 240  # beyond, how long something took is kept to a quarter of an hour
OPEN = (Status.OPEN, Status.WAITING, Status.SNOOZED)
# what a report is grouped by -> dimension of the stored sums, and their column
BY = {
    "type": ("request_type", days.value),
    "agent": ("agent", days.value),
    "team": ("all", days.team_id),
    "channel": ("all", days.channel),
    "tier": ("tier", days.value),
    "day": ("all", days.day),
    "hour": ("slot", days.value),
    "cause": ("cause", days.value),
}
NOW_BY = {
    "type": talks.request_type,
    "agent": talks.owner_id,
    "team": talks.team_id,
    "channel": talks.channel,
    "tier": contacts.tier,
}
OF_OPEN = {"type": 2, "agent": 2, "tier": 2, "hour": 2, "cause": 2, "team": 3, "channel": 4}
Cell = tuple[date, str, str, int | None, str]
IN_TIME_OR_LATE = "decided"  # what a share is of: an outcome that a list may ask for
OF_A_SHARE = (Outcome.MET, Outcome.MISSED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Local dates from ``first`` to ``last``, of one team or channel or of all."""

    first: date
    last: date
    team_id: int | None = None
    channel: str | None = None


@dataclass(slots=True)
class Sums:
    """What was counted, and how many took how many working minutes."""

    counts: Counter[str] = field(default_factory=Counter)
    answered_in: Counter[int] = field(default_factory=Counter)
    solved_in: Counter[int] = field(default_factory=Counter)

    def decided(self, what: str) -> int:
        """Return how many of a kind were in time or late."""
        return self.counts[f"{what}_met"] + self.counts[f"{what}_missed"]

    def share(self, what: str) -> float | None:
        """Return in time ÷ decided, 0 to 1; None if nothing was decided."""
        decided = self.decided(what)
        return self.counts[f"{what}_met"] / decided if decided else None

    def take(self, fact: ReportFact) -> None:
        """Count one more."""
        outcome = f"_{fact.outcome.value}" if fact.what.value in DECIDED else ""
        self.counts[fact.what.value + outcome] += 1
        for stage in STAGES:
            self.counts[stage] += getattr(fact, stage) or 0
        if fact.worked_s is not None:
            took = self.solved_in if fact.what is Counted.SOLVED else self.answered_in
            took[minutes(fact.worked_s)] += 1

    def add(self, other: "Sums") -> None:
        """Count what another one counted too."""
        self.counts += other.counts
        self.answered_in += other.answered_in
        self.solved_in += other.solved_in


def minutes(worked_s: int) -> int:
    """Return working time as it is kept: whole minutes, in quarters of an hour when long."""
    whole = worked_s // 60
    return whole if whole < EXACT_MINUTES else whole - whole % 15


def percentile(took: Counter[int], share: float) -> int | None:
    """Return the minutes within which this share of all was done (nearest rank)."""
    wanted = math.ceil(share * took.total())
    for minute in sorted(took):
        wanted -= took[minute]
        if wanted <= 0:
            return minute
    return None


def fold(some: Iterable[ReportFact]) -> dict[Cell, Sums]:
    """Sum facts as ``ReportDay`` keeps them."""
    found: dict[Cell, Sums] = defaultdict(Sums)
    for fact in some:
        for dimension, value in _dimensions(fact):
            found[(fact.day, dimension, value, fact.team_id, fact.channel)].take(fact)
    return found


def _dimensions(fact: ReportFact) -> list[tuple[str, str]]:
    found = [
        ("all", ""),
        ("request_type", fact.request_type),
        ("agent", str(fact.agent_id or "")),
        ("tier", fact.tier),
    ]
    if fact.slot is not None:
        found.append(("slot", str(fact.slot)))
    if fact.cause:
        found.append(("cause", fact.cause))
    return found


def as_row(cell: Cell, sums: Sums) -> dict[str, Any]:
    """Return a cell's sums as a row of ``ReportDay``."""
    names = ("day", "dimension", "value", "team_id", "channel")
    return {
        **dict(zip(names, cell, strict=True)),
        **{name: sums.counts[name] for name in MEASURES},
        "answered_in": {str(key): n for key, n in sums.answered_in.items()},
        "solved_in": {str(key): n for key, n in sums.solved_in.items()},
    }


def sum_by(
    session: Session,
    wanted: Wanted,
    by: str,
    open_cells: dict[Cell, Sums],
    *,
    with_times: bool = False,
    measures: Sequence[str] = MEASURES,
) -> dict[Any, Sums]:
    """Return the sums of a period by a key of ``BY``; ``with_times`` with how long it took.

    ``measures`` are those that closed days are asked for; fewer cost less.

    Keys are as stored (a team's id or None, a date, else text; an agent's id as text).
    """
    dimension, key = BY[by]
    found: dict[Any, Sums] = defaultdict(Sums)
    period = (dimension, wanted.first, wanted.last)
    for stretch in [period] if by == "day" else stretches(session, *period):
        where = _of_period(wanted, *stretch)
        query = select(key, *(func.sum(days[name]) for name in measures))
        for row in session.execute(query.where(*where).group_by(key)):
            counts = zip(measures, row[1:], strict=True)
            found[row[0]].counts.update({name: int(n) for name, n in counts if n})
        if with_times:
            query = select(key, cast(days.answered_in, Text), cast(days.solved_in, Text))
            for value, answered, solved in session.execute(query.where(*where)):
                add_times(found[value].answered_in, answered)
                add_times(found[value].solved_in, solved)
    for cell, sums in open_cells.items():
        if cell[1] == dimension and _is_wanted(cell, wanted):
            found[cell[0] if by == "day" else cell[OF_OPEN[by]]].add(sums)
    return dict(found)


# A year by person is tens of thousands of these: three times as fast as through JSON columns.
_read_times = msgspec.json.Decoder(dict[int, int]).decode


def add_times(to: Counter[int], stored: str) -> None:
    """Count what a cell says took how long, as its JSON text has it."""
    for minute, n in _read_times(stored).items():
        to[minute] += n


def _of_period(
    wanted: Wanted, dimension: str, first: date, last: date
) -> list[ColumnElement[bool]]:
    found = [days.dimension == dimension, days.day.between(first, last)]
    if wanted.team_id is not None:
        found.append(days.team_id == wanted.team_id)
    if wanted.channel is not None:
        found.append(days.channel == wanted.channel)
    return found


def _is_wanted(cell: Cell, wanted: Wanted) -> bool:
    return (
        wanted.first <= cell[0] <= wanted.last
        and wanted.team_id in (None, cell[3])
        and wanted.channel in (None, cell[4])
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """The facts behind one number. None narrows nothing; id 0 is "nobody" or "no team".

    The outcome ``IN_TIME_OR_LATE`` is two: what ``Sums.decided`` counts.
    """

    first: date
    last: date
    what: str
    outcome: str | None = None
    team_id: int | None = None
    channel: str | None = None
    request_type: str | None = None
    agent_id: int | None = None
    tier: str | None = None
    slot: int | None = None
    cause: str | None = None
    came_back: bool | None = None
    reopened: bool | None = None

    @property
    def is_of_a_share(self) -> bool:
        """Whether it is what a share is of: in time or late, nothing that is excused."""
        return self.outcome == IN_TIME_OR_LATE

    def narrowed(self) -> dict[str, Any]:
        """Return the columns that have to be equal."""
        names = [one.name for one in fields(self) if one.name not in ("first", "last")]
        chosen = {name: getattr(self, name) for name in names}
        if self.is_of_a_share:
            del chosen["outcome"]
        return {name: value for name, value in chosen.items() if value is not None}

    def takes(self, fact: ReportFact) -> bool:
        """Tell whether a fact is on the list."""
        if not self.first <= fact.day <= self.last:
            return False
        if self.is_of_a_share and fact.outcome not in OF_A_SHARE:
            return False
        return all(
            (getattr(fact, name) or None) == (value or None)
            for name, value in self.narrowed().items()
        )


def list_facts(
    session: Session, listed: Listed, *, before: int | None = None, skip: int = 0, limit: int
) -> list[ReportFact]:
    """Return closed days' facts of a list, the newest first: below an id, or after some."""
    query = _listed(select(ReportFact), listed)
    if before is not None:
        query = query.where(facts.id < before)
    query = query.order_by(facts.id.desc()).offset(skip).limit(limit)
    return list(session.execute(query).scalars())


def count_facts(session: Session, listed: Listed) -> int:
    """Return how many closed days' facts are on a list."""
    return int(session.execute(_listed(select(func.count(facts.id)), listed)).scalar_one())


def _listed(query: Select[Any], listed: Listed) -> Select[Any]:
    query = query.where(facts.day.between(listed.first, listed.last))
    if listed.is_of_a_share:
        query = query.where(facts.outcome.in_(OF_A_SHARE))
    for name, value in listed.narrowed().items():
        if name in ("team_id", "agent_id") and value == 0:
            query = query.where(facts[name].is_(None))
        else:
            query = query.where(facts[name] == value)
    return query


@dataclass(frozen=True, slots=True)
class After:
    """What became of a type's promises of one outcome: who came back, what was reopened."""

    request_type: str
    outcome: Outcome
    count: int
    came_back: int
    reopened: int


def list_after(
    session: Session, wanted: Wanted, open_facts: Sequence[ReportFact]
) -> list[After]:
    """Return what became of the promises that were kept and missed, by type."""
    keys = (facts.request_type, facts.outcome, facts.came_back, facts.reopened)
    query = select(*keys, func.count()).where(
        facts.what == Counted.PROMISE, facts.day.between(wanted.first, wanted.last)
    )
    if wanted.team_id is not None:
        query = query.where(facts.team_id == wanted.team_id)
    if wanted.channel is not None:
        query = query.where(facts.channel == wanted.channel)
    rows = [tuple(row) for row in session.execute(query.group_by(*keys))]
    rows += [
        (one.request_type, one.outcome, False, False, 1)
        for one in open_facts
        if one.what is Counted.PROMISE
        and _is_wanted((one.day, "", "", one.team_id, one.channel), wanted)
    ]
    found: dict[tuple[str, Outcome], list[int]] = defaultdict(lambda: [0, 0, 0])
    for request_type, outcome, came_back, reopened, n in rows:
        totals = found[(request_type, outcome)]
        for place, part in enumerate((n, n * came_back, n * reopened)):
            totals[place] += part
    return [After(*key, *totals) for key, totals in sorted(found.items())]


def open_now(session: Session, wanted: Wanted, by: str) -> dict[Any, int]:
    """Return how many conversations stand open this moment, by a key of ``NOW_BY``."""
    key = NOW_BY[by]
    query = select(key, func.count(talks.id)).where(talks.status.in_(OPEN), *_place(wanted))
    if by == "tier":
        query = query.join(core(Contact), contacts.id == talks.contact_id)
    found = session.execute(query.group_by(key))
    return {getattr(value, "value", value): n for value, n in found}


def late_now(session: Session, wanted: Wanted, now: datetime) -> int:
    """Return how many open conversations owe an answer that is late this moment."""
    query = select(func.count(talks.id)).where(
        talks.status == Status.OPEN, talks.order_at < now, *_place(wanted)
    )
    return int(session.execute(query).scalar_one())


def _place(wanted: Wanted) -> list[ColumnElement[bool]]:
    found = []
    if wanted.team_id is not None:
        found.append(talks.team_id == wanted.team_id)
    if wanted.channel is not None:
        found.append(talks.channel == wanted.channel)
    return found


def last_closings(session: Session) -> list[ReportClosing]:
    """Return the last two days whose figures are final, the newest first."""
    query = select(ReportClosing).order_by(closings.day.desc()).limit(2)
    return list(session.execute(query).scalars())


def first_day_at(session: Session) -> datetime | None:
    """Return when the first conversation came in; None if there is none."""
    found: datetime | None = session.execute(select(func.min(talks.created_at))).scalar_one()
    return found
