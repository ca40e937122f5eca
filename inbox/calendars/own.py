"""Somebody's own calendar: fetched now and then, and only when they are busy is kept (F132).

An address that is dead or hostile is a sentence on that person's page and nothing else: the
times that were read last hold for a day, and then there are none.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.channels.charsets import decode
from inbox.channels.ics import NoCalendar, read_busy
from inbox.channels.icsfetch import NO_ANSWER, SAID_NO, fetch_calendar, read_address
from inbox.channels.outward import origin_of
from inbox.clock import utcnow
from inbox.db import Database, insert_into
from inbox.errors import Invalid, Rejected, Unavailable
from inbox.settings import Settings
from inbox.store import busy
from inbox.store.audit import add_entry
from inbox.store.busy import Span
from inbox.store.company import find_company
from inbox.templating import N_
from inbox.vault import Sealed, Vault
from models import AuditAction, AuditThing, OwnCalendar
from models.base import columns

own_calendars = columns(OwnCalendar)

EVERY = timedelta(minutes=15)
AT_LATEST = timedelta(hours=6)  # a dead one is asked this seldom
LEASE = timedelta(minutes=2)
AHEAD = timedelta(days=14)
HOLDS = timedelta(days=1)  # what was read last, where the address has died since
NO_CALENDAR = N_("What is there is no calendar.")
LOCKED = N_("The address cannot be read any more: enter it again.")
PRIVATE = N_("This address leads into a private network.")
ONLY_HTTPS = N_("Only https addresses are called.")
NO_ADDRESS = N_("This is no address.")


def place_of(agent_id: int) -> str:
    """Return what somebody's address is sealed for."""
    return f"own_calendars:{agent_id}"


def enter(
    session: Session, agent_id: int, typed: str, vault: Vault, settings: Settings, now: datetime
) -> None:
    """Say where somebody keeps their calendar; it is fetched soon.

    Raises
    ------
    Invalid
        If it is no address that we may call.
    """
    try:
        url = read_address(typed, settings.own_calendar_servers)
    except (Rejected, ValueError) as error:
        said = error.message if isinstance(error, Rejected) else NO_ADDRESS
        raise Invalid(said, {"address": said}) from error
    host = origin_of(url).partition("://")[2][:200]
    values = {
        **{"sealed": vault.seal(url, place_of(agent_id)), "host": host, "next_at": now},
        **{"fetched_at": None, "failing_since": None, "failures": 0, "error": ""},
        **{"left_out": 0, "entered_at": now},
    }
    session.execute(
        insert_into(session, OwnCalendar)
        .values(agent_id=agent_id, **values)
        .on_conflict_do_update(index_elements=["agent_id"], set_=values)
    )
    busy.keep(session, agent_id, ())
    after = {"host": host}
    thing, done = AuditThing.CALENDAR_FEED, AuditAction.CHANGED
    add_entry(session, thing, agent_id, done, now, by=agent_id, after=after)


def remove(session: Session, agent_id: int, now: datetime) -> None:
    """Fetch somebody's calendar no more, and forget when they are busy."""
    gone = session.execute(
        delete(OwnCalendar)
        .where(own_calendars.agent_id == agent_id)
        .returning(own_calendars.host)
    ).scalar_one_or_none()
    busy.keep(session, agent_id, ())
    if gone is not None:
        before = {"host": gone}
        thing, done = AuditThing.CALENDAR_FEED, AuditAction.CHANGED
        add_entry(session, thing, agent_id, done, now, by=agent_id, before=before)


@dataclass(frozen=True, slots=True)
class Turn:
    """A calendar that is to be fetched now."""

    agent_id: int
    sealed: str
    entered_at: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: times, or why not; ``error`` is one of our own sentences."""

    spans: tuple[Span, ...] = ()
    left_out: int = 0
    error: str = ""


class Meet:
    """The worker's part: fetches the calendars whose time has come, one at a turn."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._own = settings.own_calendar_servers
        self._vault = Vault(secret)

    async def once(self) -> bool:
        """Fetch one; True if there may be more."""
        now = utcnow()
        if not await self._database.read(_is_due, now):
            return False
        turn = await self._database.write(_claim, now)
        if turn is None:
            return False
        result = await self._fetch(turn, now)
        await self._database.write(settle, turn, result, utcnow())
        return True

    async def _fetch(self, turn: Turn, now: datetime) -> Result:
        try:
            url = self._vault.open(turn.sealed, place_of(turn.agent_id))
        except Sealed:
            return Result(error=LOCKED)
        try:
            body = await fetch_calendar(url, self._own)
            return await asyncio.to_thread(_read, body, now, ZoneInfo(turn.zone))
        except NoCalendar:
            return Result(error=NO_CALENDAR)
        except Rejected as error:
            return Result(error=error.message)
        except Unavailable as error:
            # A name that nobody knows is said without saying the name.
            return Result(error=error.message if error.message == SAID_NO else NO_ANSWER)


def _read(body: bytes, now: datetime, zone: tzinfo) -> Result:
    found = read_busy(decode(body, "utf-8"), now, now + AHEAD, zone)
    return Result(found.spans, found.left_out)


def _is_due(session: Session, now: datetime) -> bool:
    due = select(own_calendars.agent_id).where(own_calendars.next_at <= now).limit(1)
    return session.execute(due).first() is not None


def _claim(session: Session, now: datetime) -> Turn | None:
    due = (
        select(own_calendars.agent_id)
        .where(own_calendars.next_at <= now)
        .order_by(own_calendars.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.execute(
        update(OwnCalendar)
        .where(own_calendars.agent_id.in_(due))
        .values(next_at=now + LEASE)
        .returning(own_calendars.agent_id, own_calendars.sealed, own_calendars.entered_at)
    ).first()
    if row is None:
        return None
    company = find_company(session)
    zone = company.time_zone if company is not None else "UTC"
    return Turn(row.agent_id, row.sealed, row.entered_at, zone)


def settle(session: Session, turn: Turn, result: Result, now: datetime) -> None:
    """Write down what came of it, unless another address was entered meanwhile."""
    found = session.execute(
        select(OwnCalendar)
        .where(
            own_calendars.agent_id == turn.agent_id,
            own_calendars.entered_at == turn.entered_at,
        )
        .with_for_update()
    ).scalar_one_or_none()
    if found is None:
        return
    if not result.error:
        found.fetched_at, found.failing_since, found.failures = now, None, 0
        found.next_at, found.left_out = now + EVERY, result.left_out
        busy.keep(session, turn.agent_id, result.spans)
    else:
        found.failures += 1
        found.failing_since = found.failing_since or now
        found.next_at = now + min(EVERY * 2 ** min(found.failures, 10), AT_LATEST)
        if now - (found.fetched_at or datetime.min.replace(tzinfo=UTC)) > HOLDS:
            busy.keep(session, turn.agent_id, ())
    found.error = result.error
    session.add(found)


def find_own(session: Session, agent_id: int) -> OwnCalendar | None:
    """Return what is known of somebody's calendar; its address stays sealed."""
    return session.get(OwnCalendar, agent_id)
