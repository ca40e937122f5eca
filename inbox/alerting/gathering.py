"""Alerts go out: the first at once, what follows within ten minutes together, none at night.

What only looks ahead (``CALM``) is never the first: it goes with the next that is, or after
ten minutes by itself, and holds up nothing.

A notice is an alert that waits while ``mailed_at`` is null. Whoever sends a person's alerts
takes the person's turn (``agents.alerted_at``) by one conditional update, marks the notices
and writes what goes out in the same transaction: once, however many workers there are and
whenever one of them dies.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select, true, update
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.alerting import words
from inbox.alerting.bot import find_bot
from inbox.alerting.browsers import list_browsers
from inbox.alerting.choices import Choices
from inbox.alerting.hours import load_hours
from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.queue import OUTBOX, PUSH, TELEGRAM
from inbox.settings import Settings
from inbox.staffmail import to_staff
from inbox.store.duty import list_running, list_standing_in
from inbox.telling import Alert
from models import Agent, AlertMessage, Notice, SLAClock
from models.base import columns, core

log = logging.getLogger(__name__)

agents = columns(Agent)
notices = columns(Notice)
clocks = columns(SLAClock)

TOGETHER = timedelta(minutes=10)
BATCH = 50  # people in one transaction
CALM = (Alert.FORECAST, Alert.STAGE)
_IS_CALM = notices.kind.in_(CALM)
_SHOWN = (
    *("id", "conversation_id", "kind", "step", "due_at", "mailed_at"),
    *("data",),
)


class Alerts:
    """Sends what waits to be told."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Send the alerts of whoever is to hear now; True if there may be more."""
        if not await self._database.read(list_pending, utcnow()):
            return False
        count = await self._database.write(self._send)
        failpoint("alerts.committed")
        return count == BATCH

    def _send(self, session: Session) -> int:
        house = load_house(session, self._settings, self._secret)
        return send_alerts(session, house, utcnow()) if house is not None else 0


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody who is to hear something now.

    ``is_quiet``: outside their hours, so that only what may not wait goes out.
    """

    id: int
    email: str
    language: str
    choices: Choices
    is_active: bool
    is_quiet: bool


def list_pending(session: Session, now: datetime) -> list[Pending]:
    """Return who has alerts that may go out now, without taking the writers' turn."""
    waits = and_(notices.agent_id == agents.id, notices.mailed_at.is_(None))
    rows = session.execute(
        select(
            *(agents[name] for name in ("id", "email", "language", "alerts", "is_active")),
            agents.calendar_id,
            _any(waits, notices.outside_hours.is_(True)).label("is_urgent"),
        )
        .where(
            or_(
                and_(_any(waits, ~_IS_CALM), _has_turn(now)),
                and_(
                    _any(waits, _IS_CALM, notices.created_at <= now - TOGETHER),
                    ~_any(waits, ~_IS_CALM),
                ),
            )
        )
        .order_by(agents.id)
    ).all()
    if not rows:
        return []
    hours, away = load_hours(session), list_running(session, now)
    standing_in = list_standing_in(session, now)
    found = []
    for row in rows:
        choices = Choices.of(row.alerts)
        works = choices.any_time or hours.is_open(row.calendar_id, now)
        works = works or row.id in standing_in
        is_quiet = row.is_active and (row.id in away or not works)
        if row.is_urgent or not is_quiet:
            who = (row.id, row.email, row.language, choices, row.is_active, is_quiet)
            found.append(Pending(*who))
    return found


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(notices.id).where(*conditions).correlate(Agent).exists()


def _has_turn(now: datetime) -> ColumnElement[bool]:
    return or_(agents.alerted_at.is_(None), agents.alerted_at <= now - TOGETHER)


def send_alerts(session: Session, house: House, now: datetime) -> int:
    """Send what waits to whoever is to hear now; return to how many people."""
    pending = list_pending(session, now)[:BATCH]
    has_bot = bool(pending) and find_bot(session) is not None
    browsers = list_browsers(session, [person.id for person in pending])
    sent = []
    for person in pending:
        theirs = browsers.get(person.id, ())
        ways = person.choices.ways(has_bot=has_bot, has_browser=bool(theirs))
        rows = _take_turn(session, person, ways, now)
        if rows:
            sent.append((person, ways, theirs, rows))
    about = words.load_about(session, [row for *_, rows in sent for row in rows])
    for person, ways, theirs, rows in sent:
        facts = words.facts_of(rows, about, house, person.id, person.language, now)
        _write_mail(session, person, facts, house, ways, now)
        _write_messages(session, person, facts, ways, theirs, now)
        failpoint("alerts.written")
    if sent:
        after_commit(session, OUTBOX, TELEGRAM, PUSH)
    return len(pending)


def _take_turn(
    session: Session, person: Pending, ways: Sequence[str], now: datetime
) -> list[Any]:
    """Mark a person's waiting alerts as sent and return them, the first due first.

    What needs no more than the page is marked too, and does not count as sent.
    """
    waiting = and_(
        notices.agent_id == person.id,
        notices.mailed_at.is_(None),
        notices.outside_hours.is_(True) if person.is_quiet else true(),
    )
    wanted = _wanted(person) if ways else false()
    session.execute(update(Notice).where(waiting, ~wanted).values(mailed_at=now))
    pressing = select(notices.id).where(waiting, wanted, ~_IS_CALM).limit(1)
    if session.execute(pressing).first() is not None:
        turn = update(Agent).where(agents.id == person.id, _has_turn(now))
        if session.execute(turn.values(alerted_at=now)).rowcount != 1:  # type: ignore[attr-defined]
            return []
    rows = session.execute(
        update(core(Notice))
        .where(waiting, wanted)
        .values(mailed_at=now, told_by=",".join(ways))
        .returning(*(notices[name] for name in _SHOWN))
    )
    return sorted(rows, key=lambda row: (row.due_at, row.id))


def _wanted(person: Pending) -> ColumnElement[bool]:
    """Return what is worth to be sent: not what was answered or taken note of meanwhile."""
    over = select(clocks.id).where(
        clocks.id == notices.clock_id,
        or_(clocks.met_at.is_not(None), clocks.cancelled_at.is_not(None)),
    )
    about_clocks = notices.kind.in_([Alert.WARNING, Alert.LATE])
    return and_(
        true() if person.is_active else false(),
        notices.kind.not_in(sorted(person.choices.off)),
        notices.taken_at.is_(None),
        or_(~about_clocks, ~over.correlate(Notice).exists()),
    )


def _write_mail(
    session: Session,
    person: Pending,
    facts: words.Facts,
    house: House,
    ways: Sequence[str],
    now: datetime,
) -> None:
    """Write the mail that goes out, if one does."""
    if "mail" not in ways:
        return
    mail = to_staff(
        person.email,
        house,
        now,
        conversation_id=facts.number,
        template=facts.template,
        language=person.language,
        facts=facts.mail,
    )
    if mail is not None:
        session.add(mail)


def _write_messages(
    session: Session,
    person: Pending,
    facts: words.Facts,
    ways: Sequence[str],
    browsers: Sequence[int],
    now: datetime,
) -> None:
    """Write what goes to the person's chat and browsers: one message each."""
    to = [("telegram", person.choices.chat)] if "telegram" in ways else []
    if "push" in ways:
        to += [("push", str(number)) for number in browsers]
    for way, address in to:
        message = AlertMessage(
            way=way,
            agent_id=person.id,
            address=address,
            facts={"language": person.language, **facts.message},
            created_at=now,
            leased_until=now,
        )
        session.add(message)
