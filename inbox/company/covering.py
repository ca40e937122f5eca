"""Absences carried out: work goes to the backup when one begins, and back when it ends.

Each step is a batch in a transaction of its own, under a lock on the absence's row, so that
any number of workers may look at once and one that dies leaves nothing half done. What falls
due inside an absence later on is handed over as it does.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from inbox import cover
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.company.cover_words import Said, say_all
from inbox.db import Database
from inbox.duty import Duty, load_duty
from inbox.errors import Conflict
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.settings import Settings
from inbox.store.duty import holds
from inbox.store.people import list_supervisors
from inbox.store.staff import WORK, get_agent
from models import Absence, Agent, AwayKind, Conversation
from models.base import columns, core

absences = columns(Absence)
agents = columns(Agent)
conversations = columns(Conversation)

log = logging.getLogger(__name__)

BATCH = 100
MOST_BACK = 1000  # goes back in one transaction

_BEGINS = (absences.begun_at.is_(None), absences.over_at.is_(None))
_DUE_INSIDE = or_(
    conversations.next_due_at < absences.ends_at,
    conversations.resolution_due_at < absences.ends_at,
    conversations.waiting_until < absences.ends_at,
)
"""What cannot wait until the owner is here again; what is late already cannot either."""


class Cover:
    """Begins and ends absences, and hands over what falls due inside one."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Do one batch; True if there may be more."""
        if not await self._database.read(is_due, utcnow()):
            return False
        more = await self._database.write(self._go_on)
        failpoint("cover.committed")
        return more

    def _go_on(self, session: Session) -> bool:
        house = load_house(session, self._settings, self._secret)
        return house is not None and go_on(session, house, utcnow())


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether there is something to do, without taking the writers' turn."""
    edge = select(absences.id).where(or_(and_(*_begins(now)), and_(*_ends(now)))).limit(1)
    if session.execute(edge).first() is not None:
        return True
    # So, and not by a join, a database begins with the few who are away, not with all work.
    owned = select(conversations.id).where(
        conversations.owner_id == absences.agent_id, _DUE_INSIDE, conversations.status.in_(WORK)
    )
    found = select(absences.id).where(*_runs(now), owned.exists()).limit(1)
    return session.execute(found).first() is not None


def _runs(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (holds(now), absences.begun_at.is_not(None))


def _begins(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (*_BEGINS, absences.starts_at <= now)


def _ends(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (absences.over_at.is_(None), absences.ends_at <= now)


def go_on(session: Session, house: House, now: datetime) -> bool:
    """Do a batch of the first absence with something to do; True if it did anything."""
    for due, step in ((_ends(now), _end), (_begins(now), _begin)):
        absence = session.execute(
            select(Absence)
            .where(*due)
            .order_by(absences.starts_at, absences.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if absence is not None:
            step(session, absence, house, now)
            return True
    return _hand_over_later(session, house, now) > 0


# ---- the beginning ------------------------------------------------------------------


def _begin(session: Session, absence: Absence, house: House, now: datetime) -> None:
    """Hand over a batch of what cannot wait; with the last one it has begun, and is told."""
    duty = load_duty(session, now)
    batch = _list_due_inside(session, absence, BATCH)
    _hand_over(session, absence, batch, duty, now)
    if len(batch) < BATCH and _mark(session, absence, begun_at=now):
        said = _say_begun(session, absence, duty)
        say_all(session, said, now)
        log.info("absence %d has begun", absence.id)


def _mark(session: Session, absence: Absence, **values: Any) -> bool:
    """Set what is not set yet; False if another worker was faster."""
    unset = [absences[name].is_(None) for name in values]
    done = session.execute(
        update(Absence).where(absences.id == absence.id, *unset).values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _list_due_inside(session: Session, absence: Absence, limit: int) -> Sequence[Any]:
    return session.execute(
        select(*cover.LOOKED_AT)
        .join(core(Absence), absences.agent_id == conversations.owner_id)
        .where(absences.id == absence.id, _DUE_INSIDE, conversations.status.in_(WORK))
        .order_by(conversations.order_at, conversations.id)
        .limit(limit)
        .with_for_update(of=Conversation)
    ).all()


def _hand_over(
    session: Session, absence: Absence, rows: Sequence[Any], duty: Duty, now: datetime
) -> int | None:
    heir = duty.backup_of(absence.agent_id, planned=True)
    until = absence.ends_at.isoformat()
    note = {
        "reason": cover.ABSENT,
        "before": absence.agent_id,
        "until": until,
        "text": absence.note,
        **_kind(absence),
    }
    move = cover.move
    move(session, rows, heir, now, why=cover.ABSENT, note=note, until=until)
    return heir


def _kind(absence: Absence) -> dict[str, Any]:
    """Return what is kept of why it is covered, where nobody is absent."""
    return {} if absence.kind is AwayKind.ABSENCE else {"kind": absence.kind.value}


def _say_begun(session: Session, absence: Absence, duty: Duty) -> list[Said]:
    """Say how much went to whom: to them, to whoever is away, and where nobody is left."""
    away = absence.agent_id
    said = []
    heir = duty.backup_of(away, planned=True)
    for owner, team, numbers in _covered(session, away):
        facts = {"count": len(numbers), "before": away, "owner": owner}
        if owner is None:
            leads = list_supervisors(session, team)
            said += [Said("alone", absence.id, one, numbers[0], facts) for one in leads]
        elif owner == heir:
            said.append(Said("covered", absence.id, owner, numbers[0], facts))
            what = "relieved" if _kind(absence) else "away"
            said.append(Said(what, absence.id, away, numbers[0], facts))
    return _together(said)


def _covered(session: Session, agent_id: int) -> list[tuple[int | None, int | None, list[int]]]:
    """Return what is covered for somebody: owner, team where there is none, and numbers."""
    rows = session.execute(
        select(conversations.id, conversations.team_id, conversations.owner_id)
        .where(conversations.covered_for_id == agent_id, conversations.status.in_(WORK))
        .order_by(conversations.order_at, conversations.id)
    )
    found: dict[tuple[int | None, int | None], list[int]] = {}
    for row in rows:
        team = row.team_id if row.owner_id is None else None
        found.setdefault((row.owner_id, team), []).append(row.id)
    return [(owner, team, numbers) for (owner, team), numbers in found.items()]


def _together(said: Iterable[Said]) -> list[Said]:
    """Return what one person is told several times in one, with the numbers added up."""
    found: dict[tuple[str, int], Said] = {}
    for one in said:
        key = (one.what, one.to)
        found[key] = found[key].plus(one) if key in found else one
    return list(found.values())


# ---- meanwhile ----------------------------------------------------------------------


def _hand_over_later(session: Session, house: House, now: datetime) -> int:
    """Hand over what fell due inside absences that have begun; return how many."""
    rows = session.execute(
        select(*cover.LOOKED_AT, absences.id.label("absence_id"))
        .join(core(Absence), absences.agent_id == conversations.owner_id)
        .where(*_runs(now), _DUE_INSIDE, conversations.status.in_(WORK))
        .order_by(conversations.order_at, conversations.id)
        .limit(BATCH)
        .with_for_update(of=Conversation, skip_locked=True)
    ).all()
    duty = load_duty(session, now)
    said: list[Said] = []
    for absence_id in sorted({row.absence_id for row in rows}):
        absence = session.get_one(Absence, absence_id)
        theirs = [row for row in rows if row.absence_id == absence_id]
        heir = _hand_over(session, absence, theirs, duty, now)
        for row in theirs:
            facts = {"count": 1, "before": absence.agent_id, "owner": heir}
            to = [heir] if heir is not None else list_supervisors(session, row.team_id)
            what = "covered" if heir is not None else "alone"
            said += [Said(what, absence_id, one, row.id, facts) for one in to]
    say_all(session, said, now)
    return len(rows)


# ---- the end ------------------------------------------------------------------------


def _end(session: Session, absence: Absence, house: House, now: datetime) -> None:
    """Give back what is unfinished, if it says so; with the last of it the absence is over."""
    owner = session.get_one(Agent, absence.agent_id)
    again = select(absences.id).where(absences.agent_id == owner.id, holds(now)).limit(1)
    is_here = owner.is_active and session.execute(again).first() is None
    if absence.gives_back and is_here:
        batch = list_covered(session, owner.id, MOST_BACK)
        cover.move(session, batch, owner.id, now, why=cover.BACK, **_kind(absence))
        say_all(session, _say_back(absence, batch), now)
        if len(batch) == MOST_BACK:
            return
    if not _mark(session, absence, over_at=now):
        return
    if absence.begun_at is None:  # it began and ended while nobody looked
        _mark(session, absence, begun_at=now)
    _forget_finished(session, owner.id)
    if is_here and not absence.gives_back:
        say_all(session, _say_kept(session, absence), now)
    log.info("absence %d is over", absence.id)


def list_covered(session: Session, agent_id: int, limit: int) -> Sequence[Any]:
    """Return unfinished work that others cover for somebody, locked to be changed."""
    return session.execute(
        select(*cover.LOOKED_AT)
        .where(conversations.covered_for_id == agent_id, conversations.status.in_(WORK))
        .order_by(conversations.order_at, conversations.id)
        .limit(limit)
        .with_for_update()
    ).all()


def count_covered(session: Session) -> dict[int, int]:
    """Count everybody's unfinished work that others cover, by person."""
    whose = conversations.covered_for_id
    rows = session.execute(
        select(whose, func.count())
        .where(whose.is_not(None), conversations.status.in_(WORK))
        .group_by(whose)
    )
    return {who: count for who, count in rows}


def _say_back(absence: Absence, batch: Sequence[Any]) -> list[Said]:
    away = absence.agent_id
    said = []
    if batch:
        facts = {"count": len(batch), "before": None, "owner": away}
        said.append(Said("back", absence.id, away, batch[0].id, facts))
    for giver in sorted({row.owner_id for row in batch if row.owner_id not in (None, away)}):
        theirs = [row.id for row in batch if row.owner_id == giver]
        facts = {"count": len(theirs), "before": away, "owner": giver}
        what = "handed_back" if _kind(absence) else "returned"
        said.append(Said(what, absence.id, giver, theirs[0], facts))
    return said


def _say_kept(session: Session, absence: Absence) -> list[Said]:
    away = absence.agent_id
    said = [
        Said("kept", absence.id, away, numbers[0], {"count": len(numbers), "owner": owner})
        for owner, _, numbers in _covered(session, away)
    ]
    return _together(said)


def _forget_finished(session: Session, agent_id: int) -> None:
    """Leave what a backup has finished with them, also if it is opened again."""
    session.execute(
        update(Conversation)
        .where(
            conversations.covered_for_id == agent_id,
            conversations.status.not_in(WORK),
        )
        .values(covered_for_id=None)
    )


async def take_back(database: Database, agent_id: int, *, by: int) -> int:
    """Give somebody what others cover for them, in batches; return how many.

    What a backup has finished stays with them.

    Raises
    ------
    Conflict
        If they are absent, or no longer work here.
    """
    count = 0
    while some := await database.write(take_back_batch, agent_id, by=by, now=utcnow()):
        count += some
    return count


def take_back_batch(session: Session, agent_id: int, *, by: int, now: datetime) -> int:
    """Give somebody some of what others cover for them; 0 if nothing is left.

    Raises
    ------
    Conflict
        If they are absent, or no longer work here.
    """
    again = select(absences.id).where(absences.agent_id == agent_id, holds(now)).limit(1)
    if session.execute(again).first() is not None:
        raise Conflict("They are away. End the absence first.")
    if not get_agent(session, agent_id).is_active:
        raise Conflict("They no longer work here.")
    batch = list_covered(session, agent_id, BATCH)
    cover.move(session, batch, agent_id, now, why=cover.TAKEN_BACK, by=by)
    return len(batch)
