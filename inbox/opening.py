"""What new conversations get last: an owner, an acknowledgement, and their first events.

Owners and acknowledgements are counted against caps, and whoever counts is alone with it until
the commit. So a batch's conversations get theirs together, at the end of its unit of work and
in few statements: workers then hold each other up for moments, not for a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox import acknowledgement
from inbox.acknowledgement import Asker, Gate, House
from inbox.routing import Desks, Place, Work
from inbox.rulebook import Promise, Rulebook
from inbox.sla.promise import promised_at
from inbox.store import candidates
from inbox.store.changes import add_happened, moved
from inbox.store.wordings import AllWords, load_words
from models import ClockKind, Conversation, EventKind, OutboxKind, SLAClock

What = tuple[EventKind, datetime, dict[str, Any]]


def promised_time(
    started: Sequence[SLAClock], promise: Promise, now: datetime
) -> datetime | None:
    """Return the time that the customer of a new conversation is told.

    A machine's mail has one too: it gets no answer by itself, but lists, shops' systems and
    lost auto-replies carry people's requests, so somebody has to look at it in time.
    """
    first = next((one for one in started if one.kind is ClockKind.FIRST_RESPONSE), None)
    if first is None:
        return None
    # Long after arrival (we were down), the honest time is counted from now.
    due = first.due_at if first.due_at > now else promise.calendar.due_at(now, first.target_s)
    return promised_at(due) if due is not None else None


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation whose rows are there but for owner, acknowledgement and events."""

    conversation: Conversation
    message_id: int  # its first message's
    work: Work
    place: Place
    promise: Promise
    asker: Asker
    door_address: str | None
    before: list[What]  # the events before its owner was chosen
    acknowledged: What | None = None  # where it has been already, as in a chat
    after: list[What] = field(default_factory=list)


class Openings:
    """The new conversations of one unit of work, until they are settled."""

    def __init__(
        self, session: Session, rulebook: Rulebook, house: House, now: datetime
    ) -> None:
        self._session = session
        self._rulebook = rulebook
        self._house = house
        self._now = now
        self._waiting: dict[int, Opened] = {}

    def add(self, opened: Opened) -> None:
        """Put a conversation to those that are settled together."""
        self._waiting[opened.conversation.id] = opened

    def settle_before(self, *numbers: int | None) -> None:
        """Settle if one of these is still to be: something is about to look at its events."""
        if any(number in self._waiting for number in numbers):
            self.settle()

    def settle_contact(self, contact_id: int) -> None:
        """Settle if a conversation of this contact is still to be."""
        if any(one.conversation.contact_id == contact_id for one in self._waiting.values()):
            self.settle()

    def settle(self) -> None:
        """Give each its owner and acknowledgement, in the order in which they were opened.

        Commit soon: nobody else gives out work meanwhile.
        """
        if not self._waiting:
            return
        session, now = self._session, self._now
        candidates.lock(session)
        desks = Desks(session, self._rulebook, now)
        desks.know(one.work.account_id for one in self._waiting.values())
        unanswered = [one for one in self._waiting.values() if one.acknowledged is None]
        gate = Gate(session, self._house, [one.asker for one in unanswered], now)
        own = load_words(session) if unanswered else {}
        happened = []
        for number, one in self._waiting.items():
            route = desks.route(one.place, one.work)
            one.conversation.owner_id = route.owner_id
            one.conversation.last_message_id = one.message_id
            place = {"reason": route.reason, **route.data, **moved({}, route.place)}
            given = (EventKind.ASSIGNED, now, place)
            answered = one.acknowledged or self._acknowledge(gate, one, own)
            happened += [
                (number, *what, None) for what in (*one.before, given, answered, *one.after)
            ]
        desks.remember()
        add_happened(session, happened)
        session.flush()
        self._waiting.clear()

    def _acknowledge(self, gate: Gate, one: Opened, own: AllWords) -> What:
        """Queue the acknowledgement, unless something withholds it; return the event of it."""
        why, mail = gate.withheld(one.asker), None
        if why is None:
            mail = acknowledgement.compose(
                one.conversation,
                one.asker.message,
                one.promise,
                self._house,
                door_address=one.door_address,
                kind=OutboxKind.ACKNOWLEDGEMENT,
                now=self._now,
                own=own,
            )
        if mail is None:
            data = {"reason": why or "no_address"}
            return EventKind.ACKNOWLEDGEMENT_WITHHELD, self._now, data
        self._session.add(mail)
        promised = one.conversation.promised_at
        data = {"promised_at": promised.isoformat()} if promised is not None else {}
        return EventKind.ACKNOWLEDGED, self._now, data
