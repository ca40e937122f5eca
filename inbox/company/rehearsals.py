"""Rehearsals: asked for on a page, played in the worker, nothing sent and nothing changed.

A rehearsal is a row with its figures so far. Each batch is read, played outside of any
transaction, and kept only if nobody else has kept the same one meanwhile.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlmodel import Session, SQLModel

from inbox.clock import utcnow
from inbox.company import rehearsing
from inbox.company.policies import MOST_TARGET_S
from inbox.company.rehearsing import SORTING, Play, Talk, drafted_book
from inbox.db import Database
from inbox.errors import Invalid, NotFound
from inbox.rulebook import about_of, load_rulebook
from inbox.store.company import find_company
from inbox.templating import N_
from inbox.timeline import KINDS, Calendars, Happened, load_calendars
from inbox.triage.prediction import UNSURE_BELOW, Thresholds
from models import (
    Calendar,
    Contact,
    Conversation,
    Event,
    Rehearsal,
    SLAPolicy,
    Status,
    Team,
    TriagePrediction,
)
from models.base import columns, core

rehearsals = columns(Rehearsal)
conversations = columns(Conversation)
contacts = columns(Contact)
events = columns(Event)
predictions = columns(TriagePrediction)

log = logging.getLogger(__name__)

BATCH = 500  # conversations at a turn
USUAL_DAYS, MOST_DAYS = 30, 400
SHOWN = 20  # of the last ones
NOTHING_DIFFERS = N_("Change a time, hours or a team: the draft is what the rules say already.")
WRONG_DAYS = N_("Write a number of days from 1 to 400.")
GONE = N_("A rule or a calendar of the draft is gone. Begin again.")


class Batch(NamedTuple):
    """What a turn needs, read in one go."""

    talks: list[Talk]
    calendars: Calendars
    play: Play


def begin(session: Session, draft: dict[str, Any], *, by: int, now: datetime) -> Rehearsal:
    """Ask for a rehearsal; the worker plays it.

    ``draft`` has ``days``, ``rules`` and ``calendars`` (``rehearsing.drafted_book``), and may
    have ``routes``: by request type the id of the team that gets it instead.

    Raises
    ------
    Invalid
        If nothing differs, or the days or a target are wrong.
    """
    days = draft.get("days")
    if not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise Invalid(WRONG_DAYS, {"days": WRONG_DAYS})
    for values in draft["rules"].values():
        for name in rehearsing.TIMES:
            seconds = values.get(name)
            if seconds is not None and not 0 < seconds <= MOST_TARGET_S:
                raise Invalid(N_("Write a number above nought, and 1000 hours at most."))
    if not draft["rules"] and not draft["calendars"] and not draft.get("routes"):
        raise Invalid(NOTHING_DIFFERS)
    _check_there(session, draft)
    made = Rehearsal(made_by_id=by, created_at=now, draft=draft)
    made.total = session.execute(
        select(func.count()).select_from(core(Conversation)).where(*_meant(made))
    ).scalar_one()
    session.add(made)
    session.flush()
    return made


def _check_there(session: Session, draft: dict[str, Any]) -> None:
    """Raise ``Invalid`` if a rule or calendar of the draft is none."""
    rules = [int(key) for key in draft["rules"]]
    hours = [int(key) for pair in draft["calendars"].items() for key in pair]
    hours += [
        values["calendar_id"]
        for values in draft["rules"].values()
        if values.get("calendar_id") is not None
    ]
    routes = draft.get("routes", {})
    wanted: list[tuple[type[SQLModel], int]] = [
        *((SLAPolicy, key) for key in rules),
        *((Calendar, key) for key in hours),
        *((Team, key) for key in routes.values()),
    ]
    types = load_rulebook(session).types if routes else {}
    if any(session.get(table, key) is None for table, key in wanted) or routes.keys() - types:
        raise Invalid(GONE)


def _meant(rehearsal: Rehearsal) -> tuple[Any, ...]:
    """Return the conditions for conversations that came in its days."""
    first = rehearsal.created_at - timedelta(days=rehearsal.draft["days"])
    return (
        conversations.created_at >= first,
        conversations.created_at <= rehearsal.created_at,
        conversations.status.not_in((Status.SPAM, Status.MERGED)),
    )


def list_rehearsals(session: Session) -> list[Rehearsal]:
    """Return the last rehearsals, the newest first."""
    query = select(Rehearsal).order_by(rehearsals.id.desc()).limit(SHOWN)
    return list(session.execute(query).scalars())


def get_rehearsal(session: Session, rehearsal_id: int) -> Rehearsal:
    """Return one; raises ``NotFound``."""
    found = session.get(Rehearsal, rehearsal_id)
    if found is None:
        raise NotFound("There is no such rehearsal.")
    return found


def find_unfinished(session: Session) -> Rehearsal | None:
    """Return the oldest one that is not played yet."""
    query = select(Rehearsal).where(rehearsals.finished_at.is_(None))
    return session.execute(query.order_by(rehearsals.id).limit(1)).scalar_one_or_none()


def load_batch(session: Session, rehearsal: Rehearsal) -> Batch:
    """Read the next conversations with everything that playing them needs."""
    book = load_rulebook(session)
    company = find_company(session)
    zone = ZoneInfo(company.time_zone if company is not None else "UTC")
    draft = drafted_book(book, rehearsal.draft)
    after = rehearsal.result.get("after", 0)
    found = session.execute(
        select(Conversation, contacts.tier)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.id > after, *_meant(rehearsal))
        .order_by(conversations.id)
        .limit(BATCH)
    ).all()
    numbers = [row.id for row, _ in found]
    happened = _load_happened(session, numbers)
    unsure = _load_unsure(session, numbers)
    talks = [
        Talk(
            row.id,
            row.request_type,
            row.urgency.value,
            about_of(row, tier),
            row.team_id,
            happened[row.id],
            unsure.get(row.id, ()),
        )
        for row, tier in found
    ]
    known = load_calendars(session, (what for one in talks for what in one.happened))
    teams = rehearsal.draft.get("routes", {})
    play = Play(book, draft, zone, rehearsal.created_at, teams)
    return Batch(talks, dict(known), play)


def _load_happened(session: Session, numbers: list[int]) -> dict[int, list[Happened]]:
    """Return what clocks follow from, and who sorted what, in the order it was written."""
    found: dict[int, list[Happened]] = {number: [] for number in numbers}
    rows = session.execute(
        select(events.conversation_id, events.kind, events.at, events.data, events.actor_id)
        .where(events.conversation_id.in_(numbers), events.kind.in_((*KINDS, *SORTING)))
        .order_by(events.conversation_id, events.id)
    )
    for number, *what in rows:
        found[number].append(Happened(*what))
    return found


def _load_unsure(session: Session, numbers: list[int]) -> dict[int, tuple[str, ...]]:
    """Return the types whose strictest clock held from the start, where that was unsure."""
    rows = session.execute(
        select(predictions.conversation_id, predictions.candidates)
        .where(
            predictions.conversation_id.in_(numbers),
            predictions.request_type_confidence < UNSURE_BELOW,
        )
        .order_by(predictions.id)
    )
    clocks = Thresholds().clocks
    return {
        row.conversation_id: clocks([(key, share) for key, share in row.candidates])
        for row in rows
        if row.candidates
    }


def play_batch(figures: dict[str, Any], batch: Batch) -> dict[str, Any]:
    """Return the figures with a batch added; the ones given stay as they are."""
    kept = rehearsing.copied(figures) if figures else rehearsing.empty()
    rehearsing.add(kept, batch.talks, batch.calendars, batch.play)
    return kept


def keep(
    session: Session,
    rehearsal: Rehearsal,
    figures: dict[str, Any],
    count: int,
    now: datetime,
    error: str = "",
) -> bool:
    """Keep a batch's figures; False if somebody else has done so meanwhile."""
    values: dict[str, Any] = {"result": figures, "done": rehearsal.done + count}
    if count < BATCH:
        values |= {"finished_at": now, "error": error}
        if not error:
            values["done"] = rehearsal.total
    done = session.execute(
        update(Rehearsal)
        .where(
            rehearsals.id == rehearsal.id,
            rehearsals.done == rehearsal.done,
            rehearsals.finished_at.is_(None),
        )
        .values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


class Rehearse:
    """Plays what was asked for, a batch at a turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Play a batch; True if there is more."""
        found = await self._database.read(find_unfinished)
        if found is None:
            return False
        try:
            batch = await self._database.read(load_batch, found)
            figures = await asyncio.to_thread(play_batch, found.result, batch)
        except (KeyError, ValueError) as error:  # a calendar or rule that it names is gone
            log.warning("rehearsal %d cannot be played: %r", found.id, error)
            await self._database.write(keep, found, found.result, 0, utcnow(), GONE)
            return True
        await self._database.write(keep, found, figures, len(batch.talks), utcnow())
        return True
