"""Where one writes, as shown: drafts, answers that leave later, addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from inbox.outgoing import staged
from inbox.store import messengers, ways
from inbox.store.messengers import Reach
from inbox.store.pages import Thread
from inbox.store.people import Colleague, Known, Person
from inbox.store.ways import Way
from inbox.store.writing import list_known
from inbox.templating import N_
from inbox.views import present_ways
from inbox.views.models import ConversationPage, DraftShown, PlannedShown
from inbox.views.words import Speaker
from inbox.writing import drafts, planned
from models import MESSENGERS, ChannelKind, Direction, Draft, PlannedAnswer

BEGUN = N_("Draft of %(time)s")
STALE = N_("Draft of %(time)s, older than the newest message")
OTHER = N_("Written on another device, %(time)s:")
MOST_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person has begun in a conversation, as rows."""

    drafts: Mapping[str, Draft] = field(default_factory=dict)
    files: tuple[tuple[str, str, int], ...] = ()  # of the reply: token, name, bytes
    planned: tuple[PlannedAnswer, ...] = ()
    ways: tuple[Way, ...] = ()
    reach: Reach | None = None  # of a messenger's conversation
    known: tuple[str, ...] = ()


EMPTY = Desk()


def load_desk(session: Session, thread: Thread, who: Person, known: Sequence[Known]) -> Desk:
    """Load what a person has begun to write in a conversation, and to whom it may go.

    ``known`` are the contact's addresses.
    """
    row, there = thread.conversation, thread.hanging
    begun = drafts.load(session, who.id, row.id) if there.drafts else {}
    reply = begun.get(drafts.REPLY)
    files = staged.list_named(session, who.id, row.id, reply.files) if reply else []
    found = tuple(ways.list_ways(session, row.contact_id, known))
    if row.channel is ChannelKind.CHAT:
        return Desk(begun, tuple(files), ways=found)
    by_messenger = row.channel in MESSENGERS
    mails = [*thread.deliveries.values()]
    return Desk(
        begun,
        tuple(files),
        tuple(planned.list_planned(session, row.id)) if there.planned else (),
        found,
        messengers.find_reach(session, row) if by_messenger else None,
        () if by_messenger else tuple(list_known(session, row, thread.messages, mails)),
    )


def fill(
    shown: ConversationPage,
    desk: Desk,
    thread: Thread,
    speak: Speaker,
    who: Person,
    colleagues: Mapping[int, Colleague],
) -> None:
    """Put it into the page: the newest draft is what the composer shows."""
    newest = _last_spoken(thread)
    shown.drafts = {kind: _draft(row, newest, speak) for kind, row in desk.drafts.items()}
    shown.planned = [_planned(row, speak, who, colleagues) for row in desk.planned]
    present_ways.fill(shown, desk.ways, desk.reach, speak)
    shown.known = [one for one in desk.known if one != shown.contact.address]
    offered = [row for row in desk.drafts.values() if shown.can_reply or row.kind == "note"]
    last = max(offered, key=lambda row: row.updated_at, default=None)
    if last is None:
        return
    shown.draft, shown.kind = last.text, last.kind
    reply = desk.drafts.get(drafts.REPLY)
    if reply is not None:
        shown.cc, shown.bcc = reply.cc, reply.bcc
        shown.to = reply.to_address or shown.to
        shown.kept = [(token, name, speak.size(size)) for token, name, size in desk.files]


def _last_spoken(thread: Thread) -> datetime | None:
    spoken = [
        one.created_at
        for one in thread.messages
        if one.direction in (Direction.INBOUND, Direction.OUTBOUND)
    ]
    return max(spoken, default=None)


def _draft(row: Draft, newest: datetime | None, speak: Speaker) -> DraftShown:
    stale = newest is not None and row.updated_at < newest
    about = speak.say(STALE if stale else BEGUN) % {"time": speak.clock(row.updated_at)}
    other_at = row.other_at
    return DraftShown(
        row.kind,
        row.text,
        row.version,
        about,
        row.other_text,
        speak.say(OTHER) % {"time": speak.clock(other_at)} if other_at is not None else "",
    )


def _planned(
    row: PlannedAnswer, speak: Speaker, who: Person, colleagues: Mapping[int, Colleague]
) -> PlannedShown:
    writer = colleagues.get(row.agent_id)
    text = " ".join(row.text.split())
    local = row.send_at.astimezone(speak.reader_zone)
    return PlannedShown(
        row.id,
        text if len(text) <= MOST_EXCERPT else text[: MOST_EXCERPT - 1] + "…",
        speak.clock(row.send_at),
        local.strftime("%Y-%m-%dT%H:%M"),
        writer.name if writer is not None else "",
        row.agent_id == who.id,
        speak.say(planned.HELD[row.held_why]) if row.held_at is not None else "",
    )
