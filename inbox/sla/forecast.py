"""Who will be late although their clock still looks fine: open work against measured pace.

The model: each person answers one conversation after another in the order of their due times
(earliest deadline first), each takes the person's usual working time for an answer, and work
that nobody owns is taken by whoever of its team is free first. It knows nothing of arrivals
to come, so it is a lower bound of what will be late.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause

NEVER = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Owed:
    """An answer that is owed. ``owner`` None: anybody of ``team`` may take it."""

    number: int
    due_at: datetime
    owner: int | None
    team: int | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A person at work; ``pace_s`` is their usual working time for one answer, in seconds.

    ``busy`` is when they are in meetings, and answer nothing.
    """

    id: int
    teams: frozenset[int]
    calendar: WorkingCalendar
    pace_s: float
    busy: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """When an answer will probably be given; None: nobody is there to give it."""

    number: int
    due_at: datetime
    worker: int | None
    answered_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether it will probably miss its due time."""
        return self.answered_at is None or self.answered_at > self.due_at


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foreseen, by due time, and when each person will have nothing left to do."""

    answers: tuple[Foreseen, ...]
    free_at: Mapping[int, datetime]

    def room_s(self, workers: Iterable[Worker], until: datetime) -> dict[int, float]:
        """Return the working seconds that each person has left before an instant."""
        return {
            worker.id: worker.calendar.working_seconds(
                self.free_at[worker.id], until, worker.busy
            )
            for worker in workers
        }


def foresee(owed: Iterable[Owed], workers: Sequence[Worker], now: datetime) -> Forecast:
    """Play the open work forward from ``now``, in the order of due times.

    A conversation whose owner is not among the workers is treated as its team's.
    """
    there = {worker.id: worker for worker in workers}
    by_team: dict[int, list[Worker]] = {}
    for worker in workers:
        for team in worker.teams:
            by_team.setdefault(team, []).append(worker)
    free_at = {worker.id: now for worker in workers}
    answers = []
    for work in sorted(owed, key=lambda one: (one.due_at, one.number)):
        able = [there[work.owner]] if work.owner in there else by_team.get(work.team or 0, [])
        best: tuple[datetime, int] | None = min(
            ((_finish(one, free_at[one.id]), one.id) for one in able), default=None
        )
        if best is None:
            answers.append(Foreseen(work.number, work.due_at, None, None))
            continue
        finish, chosen = best
        free_at[chosen] = finish
        answers.append(Foreseen(work.number, work.due_at, chosen, finish))
    return Forecast(tuple(answers), free_at)


def _finish(worker: Worker, start: datetime) -> datetime:
    """Return when one more answer is done; NEVER on a calendar that no longer opens."""
    if start >= NEVER:
        return NEVER
    done = worker.calendar.due_at(start, worker.pace_s, worker.busy)
    return NEVER if done is None else done
