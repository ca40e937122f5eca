"""What will probably be late, who has room, and what is slow today: found once a minute.

One worker at a time looks, whoever comes first; the result is one row (``Outlook``) that
pages read. What is newly foreseen is told to owner and leader, once for each due time.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import slowness
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.house import load_house
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.forecast import Foreseen, Owed, Worker, foresee
from inbox.sla.pace import Answer, paces, times_taken
from inbox.sla.promise import spoken_moment
from inbox.slowness import Key, Norm, SlowStage
from inbox.store import busy, people
from inbox.store import now as live
from inbox.store.duty import is_away
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import N_, translator
from models import Agent, ClockKind, Conversation, Outlook, SLAClock, Status, TeamMember
from models.base import columns, core

agents = columns(Agent)
clocks = columns(SLAClock)
conversations = columns(Conversation)
members = columns(TeamMember)

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
HORIZON = timedelta(hours=8)
NEAR = timedelta(hours=4)
MEETINGS = timedelta(days=2)  # that are counted
MEASURED = timedelta(days=28)  # of answers, for the paces
MEASURE_EVERY = timedelta(minutes=30)
SLOW_EVERY = timedelta(minutes=10)
MOST_OWED = 5000  # answers that are played forward: those due first
MOST_TOLD = 100  # conversations of which people are told at a time
KEY = "foresight"
SAID = N_("It will probably be answered at %(time)s, after its deadline.")
NOBODY_SAID = N_("Nobody who is on duty can answer it in time.")


@dataclass(frozen=True, slots=True)
class Given:
    """What a forecast is made from."""

    owed: list[Owed]
    workers: list[Worker]


@dataclass(frozen=True, slots=True)
class Found:
    """What will probably be late, nearest due time first, and the room that people have."""

    late: list[Foreseen] = field(default_factory=list)
    room: dict[int, float] = field(default_factory=dict)  # working seconds within NEAR


class Foresee:
    """Looks ahead once a minute; any number of workers may."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database, self._settings, self._secret = database, settings, secret
        self._next = self._measure_at = self._slow_at = datetime.min.replace(tzinfo=UTC)
        self._paces: dict[int, float] = {}
        self._norms: dict[Key, Norm] = {}
        self._norms_of: date | None = None

    async def once(self) -> bool:
        """Look ahead if it is time and no other worker does; never at once again."""
        now = utcnow()
        if now < self._next:
            return False
        self._next = now + EVERY
        if not await self._database.write(_claim, now):
            return False
        if now >= self._measure_at:
            self._paces = await self._database.read(measure_paces, now)
            self._measure_at = now + MEASURE_EVERY
        given = await self._database.read(gather, self._paces, now)
        found = await asyncio.to_thread(look_ahead, given, now)
        slow = await self._slow_stages(now)
        told = await self._database.write(keep, found, slow, now, self._settings, self._secret)
        if told:
            log.info("%d conversations will probably be late; their owners were told", told)
        return False

    async def _slow_stages(self, now: datetime) -> list[SlowStage] | None:
        """Return what is slow today; None if that was looked at a short while ago."""
        if now < self._slow_at:
            return None
        self._slow_at = now + SLOW_EVERY
        today = await self._database.read(slowness.today_of, now)
        if today != self._norms_of:
            self._norms = await self._database.read(slowness.load_norms, today)
            self._norms_of = today
        return await self._database.read(slowness.find_slow_stages, self._norms, now)


def _claim(session: Session, now: datetime) -> bool:
    """Tell whether it is this worker's turn."""
    return people.take_turn(session, KEY, 1, expires_at=now + EVERY * 0.9, now=now)


def measure_paces(session: Session, now: datetime) -> dict[int, float]:
    """Return each person's usual working time for an answer, over the last four weeks."""
    rows = session.execute(
        select(clocks.met_by_id, clocks.started_at, clocks.met_at).where(
            clocks.met_at >= now - MEASURED,
            clocks.met_by_id.is_not(None),
            clocks.kind != ClockKind.RESOLUTION,
        )
    )
    answers = [Answer(*row) for row in rows]
    teams_of = {one: teams for one, (_, teams) in _staff(session).items()}
    return paces(times_taken(answers, _calendars(session)), teams_of)


def _staff(session: Session) -> dict[int, tuple[int | None, frozenset[int]]]:
    """Return the own calendar and the teams of everybody who works here."""
    teams: dict[int, set[int]] = defaultdict(set)
    for row in session.execute(select(members.agent_id, members.team_id)):
        teams[row.agent_id].add(row.team_id)
    query = select(agents.id, agents.calendar_id).where(agents.is_active.is_(True))
    return {
        row.id: (row.calendar_id, frozenset(teams[row.id])) for row in session.execute(query)
    }


def _calendars(session: Session) -> dict[int, WorkingCalendar]:
    """Return everybody's working hours: their own, else the company's; none before set-up."""
    book = load_rulebook(session)
    usual = book.calendars.get(book.default_calendar_id)
    if usual is None:
        return {}
    return {
        one: book.calendars.get(calendar or 0, usual)
        for one, (calendar, _) in _staff(session).items()
    }


def gather(session: Session, pace_of: Mapping[int, float], now: datetime) -> Given:
    """Read the answers that are owed within ``HORIZON``, and who is there to give them.

    Who is switched to away, or absent, is not there; who is outside of their hours comes.
    Who is in a meeting answers after it.
    """
    query = (
        select(
            *(conversations.id, conversations.order_at),
            *(conversations.owner_id, conversations.team_id),
        )
        .where(
            conversations.status == Status.OPEN,
            conversations.order_at <= now + HORIZON,
        )
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(MOST_OWED)
    )
    owed = [Owed(*row) for row in session.execute(query)]
    there = set(
        session.execute(
            select(agents.id).where(
                agents.is_active.is_(True), agents.on_duty.is_(True), ~is_away(now)
            )
        ).scalars()
    )
    hours = _calendars(session)
    meetings = busy.list_busy(session, now, now + MEETINGS)
    workers = [
        Worker(one, teams, hours[one], pace_of[one], tuple(meetings.get(one, ())))
        for one, (_, teams) in _staff(session).items()
        if one in there and one in pace_of
    ]
    return Given(owed, workers)


def look_ahead(given: Given, now: datetime) -> Found:
    """Play the work forward; what is late already is done first and is not foreseen."""
    if not given.workers and not given.owed:
        return Found()
    played = foresee(given.owed, given.workers, now)
    late = [one for one in played.answers if one.is_late and one.due_at > now]
    return Found(late, played.room_s(given.workers, now + NEAR))


def keep(
    session: Session,
    found: Found,
    slow: Sequence[SlowStage] | None,
    now: datetime,
    settings: Settings,
    secret: bytes,
) -> int:
    """Write down what was found, and tell of what is new; return how many were told of.

    ``slow`` None leaves what was found slow before.
    """
    house = load_house(session, settings, secret)
    row = live.find_outlook(session) or Outlook(made_at=now)
    before = {tuple(one) for one in row.data.get("told", ())}
    keys = {one.number: (one.number, one.due_at.isoformat()) for one in found.late}
    fresh = [one for one in found.late if keys[one.number] not in before][:MOST_TOLD]
    tell_foreseen(session, house, fresh, now)
    if slow and house is not None:
        slowness.tell_slow(session, slow, now)
    known = before | {keys[one.number] for one in fresh}
    shown = [_as_data(one) for one in found.late]
    if shown != row.data.get("late"):
        after_commit(session, "list")
    row.made_at = now
    row.data = {
        **row.data,
        "late": shown,
        "room": {str(one): round(seconds) for one, seconds in found.room.items()},
        "told": sorted(key for key in keys.values() if key in known),
    }
    if slow is not None:
        row.data |= {"slow": slowness.as_data(slow)}
    session.add(row)
    return len(fresh)


def _as_data(one: Foreseen) -> list[Any]:
    answered = one.answered_at.isoformat() if one.answered_at is not None else None
    return [one.number, one.due_at.isoformat(), answered]


def tell_foreseen(
    session: Session, house: House | None, foreseen: Sequence[Foreseen], now: datetime
) -> None:
    """Tell owners and leaders what will probably be late; each once for one due time."""
    if house is None or not foreseen:
        return
    expected = {one.number: one for one in foreseen}
    query = (
        select(SLAClock, conversations.owner_id, conversations.team_id)
        .join(core(Conversation), conversations.id == clocks.conversation_id)
        .where(
            clocks.conversation_id.in_(list(expected)),
            clocks.kind != ClockKind.RESOLUTION,
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
        )
    )
    rows = [
        row
        for row in session.execute(query).all()
        if row.SLAClock.due_at == expected[row.SLAClock.conversation_id].due_at
    ]
    leads = {team: people.list_supervisors(session, team) for team in {r.team_id for r in rows}}
    who = people.list_colleagues(session)
    tellings = []
    for clock, owner_id, team_id in rows:
        told = dict.fromkeys(leads[team_id], "supervisor")
        told |= {owner_id: "owner"} if owner_id is not None else {}
        for one, audience in told.items():
            if one in who and who[one].is_active:
                answered_at = _told_time(expected[clock.conversation_id], now)
                reason = _words(answered_at, who[one].language, house, now)
                tellings.append(
                    Telling(
                        {one: audience},
                        clock.conversation_id,
                        clock,
                        "forecast",
                        Alert.FORECAST,
                        reason,
                        {"foreseen": answered_at.isoformat() if answered_at else ""},
                    )
                )
    tell_all(session, tellings, now)


def _told_time(one: Foreseen, now: datetime) -> datetime | None:
    """Return when it will be answered; None where nobody can, or nobody believes the time."""
    at = one.answered_at
    return None if at is None or at - now > timedelta(days=60) else at


def _words(at: datetime | None, language: str, house: House, now: datetime) -> str:
    say = translator(language).gettext
    if at is None:
        return say(NOBODY_SAID)
    return say(SAID) % {"time": spoken_moment(at, house.time_zone, now, language)}
