"""Two requests of one customer become one: what is said in either is one conversation.

Messages stay where they came; the whole shows them all, has the clocks and is answered. So it
can be taken back: what came with it goes again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import chat, corrections, record, timeline
from inbox.acknowledgement import House
from inbox.channels.addresses import is_strict
from inbox.errors import Conflict, Invalid
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook
from inbox.sla.history import Clock
from inbox.store import conversations as rows
from inbox.store import merges, people
from inbox.store.changes import add_event, changed, moved, place_of
from inbox.store.people import Person
from inbox.templating import N_, translator
from inbox.timeline import Happened, Terms
from models import (
    URGENCY_RANK,
    ChannelKind,
    Conversation,
    Direction,
    Event,
    EventKind,
    Message,
    Status,
)
from models.base import columns

conversations = columns(Conversation)
events = columns(Event)

IN_WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)
ITSELF = N_("Give the number of the customer’s other request.")
NOT_IN_WORK = N_("Only requests that are open can be merged.")
TWO_CUSTOMERS = N_("They are of two customers: an answer would go to one of them only.")
NOT_MERGED = N_("It is on its own already.")
GOES_ON = N_("We go on with this as number %(number)s; the answer comes by e-mail.")
_NOT_WAITING = {"waiting_until": None, "wait_reason": "", "followed_up_at": None}


@dataclass(frozen=True, slots=True)
class Pair:
    """Which of two goes on, and which becomes part of it."""

    whole: int
    part: int


def pair(session: Session, one: Conversation, other: Conversation) -> Pair:
    """Return which of two goes on: who can be answered best, then the older.

    Answers to a chat are seen in its widget only, so it is part of what has an address.

    Raises
    ------
    Invalid
        If it is one and the same, or they are of two customers.
    Conflict
        If one of them is not open.
    """
    if one.id == other.id:
        raise Invalid(ITSELF, {"other": ITSELF})
    if one.status not in IN_WORK or other.status not in IN_WORK:
        raise Conflict(NOT_IN_WORK)
    if not may_be_one(one, other):
        raise Invalid(TWO_CUSTOMERS, {"other": TWO_CUSTOMERS})
    part, whole = in_order(session, one, other)
    return Pair(whole.id, part.id)


def in_order(
    session: Session, one: Conversation, other: Conversation
) -> tuple[Conversation, Conversation]:
    """Return two as they are locked, everywhere: what would be the part first."""
    ranked = sorted((one, other), key=lambda row: (-_reach(session, row), row.id))
    return ranked[1], ranked[0]


def may_be_one(one: Conversation, other: Conversation) -> bool:
    """Tell whether two can be merged: of one contact, or one is a chat and the other is none.

    Who chats is known by a claim only; whoever merges says that it is true.
    """
    chats = [row.channel is ChannelKind.CHAT for row in (one, other)]
    if all(chats) and one.inbox_id != other.inbox_id:
        return False
    return one.contact_id == other.contact_id or sum(chats) == 1


def _reach(session: Session, row: Conversation) -> int:
    if row.channel is ChannelKind.CHAT:
        return 1
    known = people.list_identities(session, row.contact_id).get("email", [])
    return 2 if known and is_strict(known[0]) else 0


def merge(
    session: Session,
    part: Conversation,
    whole: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Make ``part`` part of ``whole``: both loaded to change, the part first (``pair``).

    Of each kind of clock the oldest that runs is kept, and nothing is due later than it was.
    The higher urgency holds; team and owner are the whole's.

    Raises
    ------
    Conflict
        If one of them has just changed.
    """
    if part.status not in IN_WORK or whole.status not in IN_WORK:
        raise Conflict(NOT_IN_WORK)
    ran = _running(session, part, now)
    _end(session, part, whole, by, now)
    came = Happened(EventKind.MERGED, now, {"number": part.id, "clocks": ran}, by.id)
    happened, values = [came], _joint(part, whole, now)
    owed = any(one["kind"] != "resolution" and "paused_at" not in one for one in ran)
    if whole.status is not Status.OPEN and owed:  # the customer has written again
        data = moved({"status": whole.status.value}, {"status": Status.OPEN.value})
        happened.insert(0, Happened(EventKind.RESUMED, now, data))
        values |= {"status": Status.OPEN, **_NOT_WAITING}
    values |= record.keep(session, whole.id, *happened, now=now)
    if not rows.change(session, whole.id, conversations.status == whole.status, **values):
        raise Conflict("Somebody has just changed it.")
    session.flush()
    session.refresh(whole)
    if URGENCY_RANK[part.urgency] < whole.urgency_rank:
        since, to = part.created_at, part.urgency
        corrections.raise_urgency(
            session, whole, rulebook, house, now, to=to, because="merged", since=since
        )
    if part.channel is ChannelKind.CHAT and whole.channel is not ChannelKind.CHAT:
        _tell_visitor(session, part, whole, now)
    changed(session, part.id)
    changed(session, whole.id, CLOCKS)


def _running(session: Session, part: Conversation, now: datetime) -> list[dict[str, Any]]:
    """Return the part's live clocks as events keep them."""
    (told,) = record.load(session, [part.id], now)
    record.settle(session, [told], now)  # what an older version took in begins its record
    live = [one for one in record.clocks_of(session, told) if one.is_live]
    ruled = timeline.last_rule(told.happened)
    if ruled is None:
        return []
    return [timeline.clock_data(one, _terms(one, told.happened, ruled)) for one in live]


def _terms(clock: Clock, happened: list[Happened], last: Happened) -> Terms:
    """Return the terms under which a clock runs: the last that name its rule."""
    for what in reversed(happened):
        if what.kind is EventKind.RULED:
            terms = timeline.terms_of(what.data)
            if (terms.policy, terms.calendar) == (clock.rule.policy, clock.rule.calendar_id):
                return terms
    return timeline.terms_of(last.data)


def _end(
    session: Session, part: Conversation, whole: Conversation, by: Person, now: datetime
) -> None:
    """End the part's own life; what it was is in the event."""
    before = {"status": part.status.value, **place_of(part)}
    after = {"status": Status.MERGED.value, **place_of(whole)}
    data = {"into": whole.id, **moved(before, after)}
    said = Happened(EventKind.MERGED, now, data, by.id)
    values = record.keep(session, part.id, said, now=now)
    values |= {"status": Status.MERGED, "merged_into_id": whole.id, "merged_at": now}
    values |= {"team_id": whole.team_id, "owner_id": whole.owner_id, "thanked_at": None}
    is_same = conversations.status == part.status
    if not rows.change(session, part.id, is_same, **values, **_NOT_WAITING):
        raise Conflict("Somebody has just changed it.")


def _joint(part: Conversation, whole: Conversation, now: datetime) -> dict[str, Any]:
    """Return the columns that the whole has from both."""
    values: dict[str, Any] = {
        "merged_at": now,
        "last_message_id": max(part.last_message_id or 0, whole.last_message_id or 0) or None,
        "thanked_at": None,
    }
    wrote = [one.last_inbound_at for one in (part, whole) if one.last_inbound_at is not None]
    if wrote:
        values["last_inbound_at"] = max(wrote)
    if whole.product_group is None:
        values["product_group"] = part.product_group
    return values


def _tell_visitor(
    session: Session, part: Conversation, whole: Conversation, now: datetime
) -> None:
    """Say in the chat where the answer comes: it goes to the address that is known."""
    say = translator(part.language).gettext
    text = say(GOES_ON) % {"number": whole.id}
    session.add(
        Message(
            conversation_id=part.id,
            direction=Direction.AUTOMATIC,
            channel=ChannelKind.CHAT,
            text=text,
            visible_text=text,
            created_at=now,
        )
    )
    chat.tell_visitors(session, part)


def keep_apart(
    session: Session, one: Conversation, other: Conversation, *, by: Person, now: datetime
) -> None:
    """Say that two are two matters: neither is proposed for the other any more.

    Both loaded to change, in order. A person can merge them all the same.

    Raises
    ------
    Invalid
        If it is one and the same.
    """
    if one.id == other.id:
        raise Invalid(ITSELF, {"other": ITSELF})
    if other.id in merges.kept_apart(session, one.id):
        return
    for row, number in ((one, other.id), (other, one.id)):
        add_event(session, row.id, EventKind.KEPT_APART, now, {"number": number}, by=by.id)
        changed(session, row.id)


# ---- taken back ------------------------------------------------------------------------


def unmerge(session: Session, part: Conversation, *, by: Person, now: datetime) -> None:
    """Let a part be on its own again, with what it still owes; loaded ``or_merged``.

    What was answered together meanwhile is answered; what its customer wrote after that is
    owed from then.

    Raises
    ------
    Conflict
        If it is on its own already.
    """
    is_part = conversations.status == Status.MERGED
    if part.status is not Status.MERGED or part.merged_into_id is None:
        raise Conflict(NOT_MERGED)
    whole = rows.get_to_change(session, part.merged_into_id)
    numbers = merges.family(session, whole) if whole is not None else []
    after = {"status": Status.OPEN.value, **_former_place(session, part.id)}
    before = {"status": Status.MERGED.value, **place_of(part)}
    data = {"into": part.merged_into_id, **moved(before, after)}
    happened = [Happened(EventKind.UNMERGED, now, data, by.id)]
    happened += _since(session, part, numbers, now)
    values = record.keep(session, part.id, *happened, now=now)
    place = {"team_id": after["team"], "owner_id": after["owner"]}
    if not rows.change(
        session, part.id, is_part, status=Status.OPEN, merged_into_id=None, **place, **values
    ):
        raise Conflict(NOT_MERGED)
    changed(session, part.id, CLOCKS)
    if whole is not None:
        gone = Happened(EventKind.UNMERGED, now, {"number": part.id}, by.id)
        values = record.keep(session, whole.id, gone, now=now)
        changed(session, whole.id, CLOCKS, **values)


def _former_place(session: Session, number: int) -> dict[str, Any]:
    """Return whose a part was before it became one."""
    row = session.get_one(Conversation, number)
    merged = session.execute(
        select(events.data)
        .where(events.conversation_id == number, events.kind == EventKind.MERGED)
        .order_by(events.id.desc())
    ).scalars()
    data: dict[str, Any] = next((one for one in merged if "into" in one), {})
    return place_of(row) | {
        name: value for name, value in data.get("from", {}).items() if name != "status"
    }


def _since(
    session: Session, part: Conversation, numbers: list[int], now: datetime
) -> list[Happened]:
    """Return what happened to the part's customer while it was one with the other."""
    merged_at = part.merged_at
    answer = merges.last_spoken(session, numbers, Direction.OUTBOUND, 0)
    if answer is None or merged_at is None or answer.created_at < merged_at:
        return []
    found = [Happened(EventKind.EXCUSED, now, {"reason": "answered_elsewhere"})]
    later = merges.last_spoken(session, [part.id], Direction.INBOUND, answer.id)
    if later is not None:
        found.append(Happened(EventKind.ASKED, later.created_at, {}))
    return found
