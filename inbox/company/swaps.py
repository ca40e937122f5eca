"""Shifts that somebody offers to a colleague, perhaps for one of theirs; both have to want it.

An offer changes nothing. Once it is accepted each shift is a row of ``absences``, and
everything that asks who works when asks those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.alerting.hours import load_hours
from inbox.company import absences as service
from inbox.company.absences import Plan
from inbox.company.shift_words import Said, Span, say_all
from inbox.duty import list_uncovered
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import load_rulebook
from inbox.store import staff
from inbox.store.audit import add_entry
from inbox.store.duty import list_absences
from inbox.store.people import Person
from inbox.templating import N_
from models import AuditAction, AuditThing, AwayKind, Swap, SwapState, TeamMember
from models.base import columns

swaps = columns(Swap)
members = columns(TeamMember)

AHEAD = timedelta(days=90)
MOST_OPEN = 20  # offers of one person
WRONG_TIME = N_("A shift begins from now on, within 90 days, and ends within a day.")
NO_COLLEAGUE = N_("Choose a colleague of one of your teams.")
NOT_WORKING = N_("That is outside the working hours: there is no shift to give.")
TOO_MANY = N_("You have offered enough. Take some back first.")
ANSWERED = N_("This offer was answered or taken back already, or its shift has begun.")
SAME = N_("You have offered them this shift already.")
NONE = N_("There is no such offer.")
NOBODY_LEFT = N_("Then nobody of a team would be there on one of these days.")


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: a shift, and the colleague's that is wanted for it, or None."""

    to_id: int
    shift: Span
    back: Span | None = None
    note: str = ""


def offer(session: Session, wanted: Offer, *, by: Person, now: datetime) -> int:
    """Offer a shift of one's own to a colleague, who is told; return the offer's id.

    Raises
    ------
    Invalid
        If the times are none, nobody works then, it is no colleague of one's teams, or the
        same is offered to them already.
    Conflict
        If one has offered twenty already.
    """
    staff.get_agent(session, by.id, to_change=True)  # one offer at a time
    if wanted.to_id == by.id or wanted.to_id not in list_partners(session, by.id):
        raise Invalid(NO_COLLEAGUE, {"to_id": NO_COLLEAGUE})
    _check_span(session, by.id, wanted.shift, now, "ends_at")
    if wanted.back is not None:
        _check_span(session, wanted.to_id, wanted.back, now, "back_ends_at")
    if len(note := wanted.note.strip()) > service.MOST_NOTE:
        raise Invalid(service.TOO_LONG, {"note": service.TOO_LONG})
    waiting = list_offers(session, now, by.id)
    if any(_is_same(one, wanted, by.id) for one in waiting):
        raise Invalid(SAME, {"starts_at": SAME})
    if len(waiting) >= MOST_OPEN:
        raise Conflict(TOO_MANY)
    starts, ends = wanted.back or (None, None)
    swap = Swap(
        from_id=by.id,
        to_id=wanted.to_id,
        starts_at=wanted.shift[0],
        ends_at=wanted.shift[1],
        back_starts_at=starts,
        back_ends_at=ends,
        note=note,
        offered_at=now,
    )
    session.add(swap)
    session.flush()
    _note(session, swap, AuditAction.CREATED, by, now, after=facts_of(swap))
    _say(session, swap, "offered", to=swap.to_id, who=swap.from_id, now=now)
    return swap.id


def _is_same(swap: Swap, wanted: Offer, agent_id: int) -> bool:
    """Tell whether this is offered by them already; another note makes it no other shift."""
    return (
        swap.from_id == agent_id
        and swap.to_id == wanted.to_id
        and (swap.starts_at, swap.ends_at) == wanted.shift
        and back_of(swap) == wanted.back
    )


def list_partners(session: Session, agent_id: int) -> set[int]:
    """Return who works here and takes work of a team that somebody takes work of."""
    own = select(members.team_id).where(members.agent_id == agent_id, members.leads.is_(False))
    found = session.execute(
        select(members.agent_id).where(
            members.team_id.in_(own),
            members.agent_id != agent_id,
            members.leads.is_(False),
        )
    ).scalars()
    return {one for one in found if staff.get_agent(session, one).is_active}


def _check_span(session: Session, agent_id: int, span: Span, now: datetime, field: str) -> None:
    starts, ends = span
    within = timedelta() < ends - starts <= service.LONGEST_SHIFT
    if not within or not now < starts <= now + AHEAD:
        raise Invalid(WRONG_TIME, {field: WRONG_TIME})
    hours = load_hours(session).of(staff.get_agent(session, agent_id).calendar_id)
    if hours is not None and not hours.working_seconds(starts, ends):
        raise Invalid(NOT_WORKING, {field: NOT_WORKING})


def accept(session: Session, swap_id: int, *, by: Person, now: datetime) -> None:
    """Accept an offer: who works when changes for both, who are told.

    Raises
    ------
    NotFound
        If it was not offered to them.
    Conflict
        If it was answered or taken back, or the shift has begun.
    Invalid
        If one of them is away then, or nobody of a team would be left on one of the days.
    """
    swap = _answer(session, swap_id, SwapState.ACCEPTED, by, now)
    for agent_id in sorted((swap.from_id, swap.to_id)):
        staff.get_agent(session, agent_id, to_change=True)
    before = _gaps(session, swap, now)
    shifts = [(swap.from_id, swap.to_id, (swap.starts_at, swap.ends_at))]
    if (back := back_of(swap)) is not None:
        shifts.append((swap.to_id, swap.from_id, back))
    for whose, who, (starts, ends) in shifts:
        plan = Plan(starts, ends, who, note=swap.note, kind=AwayKind.SWAP)
        service.put(session, whose, plan, by=by, now=now)
    if _gaps(session, swap, now) - before:
        raise Invalid(NOBODY_LEFT)
    _say(session, swap, "accepted", to=swap.from_id, who=swap.to_id, now=now)
    _say(session, swap, "agreed", to=swap.to_id, who=swap.from_id, now=now)


def decline(session: Session, swap_id: int, *, by: Person, now: datetime) -> None:
    """Decline an offer; nothing changes, and whoever made it is told.

    Raises
    ------
    NotFound, Conflict
        As ``accept`` does.
    """
    swap = _answer(session, swap_id, SwapState.DECLINED, by, now)
    _say(session, swap, "declined", to=swap.from_id, who=swap.to_id, now=now)


def withdraw(session: Session, swap_id: int, *, by: Person, now: datetime) -> None:
    """Take back an offer that nobody has answered.

    Raises
    ------
    NotFound
        If it is not theirs.
    Conflict
        If it was answered or taken back already.
    """
    swap = _answer(session, swap_id, SwapState.WITHDRAWN, by, now)
    _say(session, swap, "withdrawn", to=swap.to_id, who=swap.from_id, now=now)


def list_offers(session: Session, now: datetime, agent_id: int | None = None) -> Sequence[Swap]:
    """Return the offers that wait for an answer, soonest first: to or from one, or all."""
    query = select(Swap).where(swaps.state == SwapState.OFFERED, swaps.starts_at > now)
    if agent_id is not None:
        query = query.where(or_(swaps.from_id == agent_id, swaps.to_id == agent_id))
    return session.execute(query.order_by(swaps.starts_at, swaps.id)).scalars().all()


def back_of(swap: Swap) -> Span | None:
    """Return the shift that is given for it."""
    if swap.back_starts_at is None or swap.back_ends_at is None:
        return None
    return swap.back_starts_at, swap.back_ends_at


def facts_of(swap: Swap) -> dict[str, Any]:
    """Return what the audit trail says of an offer."""
    facts: dict[str, Any] = {
        "agent_id": swap.from_id,
        "backup_id": swap.to_id,
        "starts_at": swap.starts_at.isoformat(),
        "ends_at": swap.ends_at.isoformat(),
        "state": swap.state.value,
    }
    if (back := back_of(swap)) is not None:
        facts |= {"back_starts_at": back[0].isoformat(), "back_ends_at": back[1].isoformat()}
    return facts


def _answer(
    session: Session, swap_id: int, state: SwapState, by: Person, now: datetime
) -> Swap:
    """Answer an offer, once; who may depends on the answer."""
    who = swaps.from_id if state is SwapState.WITHDRAWN else swaps.to_id
    mine = session.execute(select(swaps.id).where(swaps.id == swap_id, who == by.id))
    if mine.first() is None:
        raise NotFound(NONE)
    done = session.execute(
        update(Swap)
        .where(swaps.id == swap_id, swaps.state == SwapState.OFFERED, swaps.starts_at > now)
        .values(state=state, answered_at=now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(ANSWERED)
    swap = session.get_one(Swap, swap_id, populate_existing=True)
    before = {"state": SwapState.OFFERED.value}
    _note(session, swap, AuditAction.CHANGED, by, now, before, {"state": state.value})
    return swap


def _gaps(session: Session, swap: Swap, now: datetime) -> set[tuple[date, int]]:
    """Return the days of both shifts on which nobody of a team is there, with the team."""
    book = load_rulebook(session)
    hours = book.calendars[book.default_calendar_id]
    zone = ZoneInfo(hours.timezone)
    away = list_absences(session, now)
    found: set[tuple[date, int]] = set()
    for span in filter(None, ((swap.starts_at, swap.ends_at), back_of(swap))):
        first, last = (at.astimezone(zone).date() for at in span)
        found |= set(list_uncovered(session, hours, away, first, (last - first).days + 1))
    return found


def _say(session: Session, swap: Swap, what: str, *, to: int, who: int, now: datetime) -> None:
    back = back_of(swap)
    if back is not None and what in ("offered", "accepted", "agreed"):
        what += "_for"
    span = (swap.starts_at, swap.ends_at)
    say_all(session, [Said(what, to, who, span, f"swap-{swap.id}", back)], now)


def _note(
    session: Session,
    swap: Swap,
    action: AuditAction,
    by: Person,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    add_entry(
        session, AuditThing.SWAP, swap.id, action, now, by=by.id, before=before, after=after
    )
