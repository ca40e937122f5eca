"""Retrainings as rows: asked for by whom or what, worked by one worker, and what came of it."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlmodel import Session

from inbox.db import insert_into
from inbox.learning.costs import costs_of
from inbox.learning.habits import habits_of
from inbox.learning.versions import Made, add_version, keep_figures, promote
from inbox.store import people
from inbox.store.company import find_company
from inbox.store.learning import (
    count_new_words,
    find_last,
    find_unfinished,
    list_heirs,
)
from inbox.store.setup import LiveModel, find_live_model, list_types
from inbox.templating import N_
from inbox.triage.prediction import DEFAULT_COSTS, UrgencyCosts
from models import TrainingState, TriageTraining
from models.base import columns

trainings = columns(TriageTraining)

LEASE = timedelta(seconds=30)
MOST_TRIES = 3
COOL_DOWN = timedelta(hours=1)
NIGHT_HOUR = 2  # in the company's zone
MIN_NEW = 10  # confirmed since the last training, for the night's
NOTHING = N_("Nothing is confirmed yet: there is nothing to learn from.")
GAVE_UP = N_("It ended three times without a result. Ask again, or look at the worker's log.")
FAILED = N_("The training failed. Look at the worker's log; the model in use stays.")


@dataclass(frozen=True, slots=True)
class Job:
    """A training in one worker's hands: its lease, and what it has to know."""

    id: int
    lease: str
    asked_by_id: int | None
    types: tuple[str, ...]
    heirs: dict[str, str]
    live: LiveModel | None
    costs: UrgencyCosts = DEFAULT_COSTS


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training: a model, and whether the gate lets it through."""

    made: Made
    accepted: bool
    result: dict[str, Any]
    champion: tuple[dict[str, Any], list[Any]]  # figures and outcomes of the live model


def ask(
    session: Session, reason: str, now: datetime, *, by: int | None = None
) -> TriageTraining:
    """Ask for a training; the one that waits or runs already is the answer, if there is one."""
    found = find_unfinished(session)
    if found is not None:
        return found
    values = TriageTraining(reason=reason, asked_by_id=by, created_at=now).model_dump(
        exclude={"id"}
    )
    session.execute(
        insert_into(session, TriageTraining).values(**values).on_conflict_do_nothing()
    )
    found = find_unfinished(session)
    assert found is not None  # ours, or that of whoever was faster  # noqa: S101
    return found


def waits(session: Session, now: datetime) -> bool:
    """Tell whether a training can be taken, without taking the writers' turn."""
    found = find_unfinished(session)
    return found is not None and _is_free(found, now)


def _is_free(row: TriageTraining, now: datetime) -> bool:
    return row.leased_until is None or row.leased_until <= now


def claim(session: Session, now: datetime) -> Job | None:
    """Take the training that nobody works on; None if there is none.

    One that was taken three times and never ended is given up, and says so.
    """
    row = find_unfinished(session)
    if row is None or not _is_free(row, now):
        return None
    if row.tries >= MOST_TRIES:
        _end(session, row.id, row.lease, now, TrainingState.FAILED, error=GAVE_UP)
        return None
    lease = secrets.token_hex(8)
    done = session.execute(
        update(TriageTraining)
        .where(
            trainings.id == row.id,
            trainings.finished_at.is_(None),
            trainings.lease == row.lease,
        )
        .values(
            state=TrainingState.RUNNING,
            lease=lease,
            leased_until=now + LEASE,
            tries=trainings.tries + 1,
            step="reading",
            done=0,
        )
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return None
    return Job(
        row.id,
        lease,
        row.asked_by_id,
        tuple(kind.key for kind in list_types(session)),
        list_heirs(session),
        find_live_model(session),
        costs_of(find_company(session)),
    )


def renew(session: Session, job: Job, step: str, done: int, now: datetime) -> bool:
    """Say how far it is and keep it; False if somebody else has it now."""
    renewed = session.execute(
        update(TriageTraining)
        .where(trainings.id == job.id, trainings.lease == job.lease)
        .values(step=step, done=max(0, min(done, 100)), leased_until=now + LEASE)
    )
    return bool(renewed.rowcount == 1)  # type: ignore[attr-defined]


def give_back(session: Session, job: Job, now: datetime) -> None:
    """Let another worker go on at once: this one is told to stop."""
    session.execute(
        update(TriageTraining)
        .where(trainings.id == job.id, trainings.lease == job.lease)
        .values(leased_until=now, tries=trainings.tries - 1, step="")
    )


def fail(session: Session, job: Job, error: str, now: datetime) -> None:
    """End it with a sentence; the model in use stays."""
    _end(session, job.id, job.lease, now, TrainingState.FAILED, error=error)


def finish(session: Session, job: Job, trained: Trained, now: datetime) -> int | None:
    """Keep the model, and use it if it passed; None if somebody else has the training."""
    if not _end(
        session, job.id, job.lease, now, TrainingState.DONE, done=100, result=trained.result
    ):
        return None
    version_id = add_version(session, trained.made, now)
    session.execute(
        update(TriageTraining).where(trainings.id == job.id).values(version_id=version_id)
    )
    if job.live is not None:
        keep_figures(session, job.live.id, *trained.champion)
    # It was compared with what answered then: if somebody chose another since, they decide.
    chosen = find_live_model(session)
    as_then = (chosen and chosen.id) == (job.live and job.live.id)
    if trained.accepted and as_then:
        promote(session, version_id, by=job.asked_by_id, now=now)
    return version_id


def _end(
    session: Session,
    training_id: int,
    lease: str,
    now: datetime,
    state: TrainingState,
    **values: Any,
) -> bool:
    ended = session.execute(
        update(TriageTraining)
        .where(
            trainings.id == training_id,
            trainings.lease == lease,
            trainings.finished_at.is_(None),
        )
        .values(state=state, finished_at=now, slot=None, step="", **values)
    )
    return bool(ended.rowcount == 1)  # type: ignore[attr-defined]


# ---- by itself ------------------------------------------------------------------------


def is_time(session: Session, now: datetime) -> str:
    """Return why a training should begin by itself now, or ""."""
    company = find_company(session)
    if company is None or find_unfinished(session) is not None:
        return ""
    habits, last = habits_of(company), find_last(session)
    since = last.created_at if last is not None else None
    said, changed = count_new_words(session, since, 1000)
    rested = since is None or now - since >= COOL_DOWN
    if habits.after and changed >= habits.after and rested:
        return "corrections"
    local = now.astimezone(ZoneInfo(company.time_zone))
    if habits.nightly and local.hour == NIGHT_HOUR and said >= MIN_NEW and rested:
        return "night"
    return ""


def begin_by_itself(session: Session, now: datetime) -> bool:
    """Ask for a training if it is time; at night once, however many workers look."""
    reason = is_time(session, now)
    if not reason:
        return False
    if reason == "night" and not take_night(session, now):
        return False
    ask(session, reason, now)
    return True


def take_night(session: Session, now: datetime) -> bool:
    """Take this night's training for oneself; False if it was taken."""
    company = find_company(session)
    zone = ZoneInfo(company.time_zone if company is not None else "UTC")
    night, end = now.astimezone(zone).date().isoformat(), now + timedelta(days=2)
    return people.take_turn(session, f"training:{night}", 1, expires_at=end, now=now)
