"""One conversation's page: loaded as rows, and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.duty import load_duty
from inbox.learning.queues import Opinion, opinions
from inbox.store import conversations as rows
from inbox.store import counts, owners, people, setup
from inbox.store.accountpage import Short, Whose, load_short
from inbox.store.asks import AskRow, list_about
from inbox.store.conversations import Listed
from inbox.store.duty import Away, list_away
from inbox.store.files import FileRow, list_files
from inbox.store.marks import NO_MARKS, Marks, load_marks
from inbox.store.owners import Assignable
from inbox.store.pages import Thread, load_glance, load_thread
from inbox.store.people import Colleague, Person
from inbox.store.setup import Type
from inbox.store.similar import Helped, list_answered
from inbox.templating import N_
from inbox.timeline import Calendars, happened_of, load_calendars
from inbox.views import cover_lines, present_writing
from inbox.views.models import Alike, ConversationPage, Row
from inbox.views.present import present_choices, present_conversation
from inbox.views.present_asks import present_asks
from inbox.views.present_dates import NO_DATES, DateRows, dates_of_conversation, present_dates
from inbox.views.present_list import present_opinions, present_row
from inbox.views.present_short import present_short
from inbox.views.present_writing import EMPTY, Desk, load_desk
from inbox.views.words import Speaker
from models import Conversation

SHORT_FILES = 3
ANSWER_CHARS = 280  # of an answer that is shown beside; all of it goes into the reply
ONLY_NOTES = N_("Your team was asked something about this request: read it, and keep notes.")


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation's page as rows."""

    thread: Thread
    listed: Listed
    types: Mapping[str, Type]
    colleagues: Mapping[int, Colleague]
    teams: Mapping[int, str]
    identities: Mapping[str, Any]
    confirmed: int
    assignable: list[Assignable]
    calendars: Calendars  # that its events name
    asks: list[AskRow]
    may_act: bool
    opinions: list[Opinion]  # of the type, where people do not agree
    away: Mapping[int, Away]  # who is absent
    helped: list[Helped]  # what was answered before, and began alike
    dates: DateRows  # milestones and reminders
    short: Short | None = None  # the customer; not for who may only note
    files: Sequence[FileRow] = ()  # the customer's newest
    marks: Marks = NO_MARKS  # tags, own fields, whether whoever looks follows it
    desk: Desk = EMPTY  # what whoever looks has begun to write
    rail: counts.NavCounts | None = None  # where no list is loaded, which knows them too
    beside: str = ""  # what the list beside it shows, as an address asks for it


def load_opened(session: Session, number: int, who: Person) -> Opened:
    """Load a conversation's page.

    Raises
    ------
    NotFound
        If it is not this person's to see.
    """
    conversation = rows.get_for_agent(session, number, who, or_asked=True)
    return opened(session, conversation, who)


def load_pane(session: Session, number: int, who: Person) -> Opened:
    """Load a conversation that is opened beside the list, as ``load_opened`` does."""
    return _with_rail(session, load_opened(session, number, who), who)


def load_acted(session: Session, number: int, who: Person) -> Opened:
    """Load a conversation's pane after this person changed it.

    They see it this once also where they have just handed it to another team.
    """
    return _with_rail(session, opened(session, rows.get(session, number), who), who)


def _with_rail(session: Session, loaded: Opened, who: Person) -> Opened:
    return replace(loaded, rail=counts.navigation(session, who))


def opened(session: Session, conversation: Conversation, who: Person) -> Opened:
    """Load everything on the page of a conversation that was loaded for this person."""
    thread = load_thread(session, conversation, who)
    there = thread.hanging
    known = people.list_known(session, conversation.contact_id)
    may_act = counts.sees(session, who, conversation)
    whose = Whose(None, thread.contact, (conversation.contact_id,), who.sees_all)
    return Opened(
        thread=thread,
        listed=rows.get_listed(session, conversation.id),
        types=setup.named_types(session),
        colleagues=people.list_colleagues(session),
        teams=people.team_names(session),
        identities=people.by_kind(known),
        confirmed=there.confirmed,
        assignable=_assignable(session, conversation),
        calendars=load_calendars(session, happened_of(thread.events)),
        asks=list_about(session, conversation.id) if there.asks else [],
        may_act=may_act,
        opinions=opinions(session, conversation.id) if there.disputed else [],
        away={one.agent_id: one for one in list_away(session, utcnow())},
        helped=list_answered(session, conversation.id, who) if there.alike else [],
        dates=dates_of_conversation(session, conversation.id, there),
        short=load_short(session, conversation) if may_act else None,
        files=list_files(session, whose, who, SHORT_FILES) if may_act else (),
        marks=load_marks(session, conversation.id, who, there) if may_act else NO_MARKS,
        desk=load_desk(session, thread, who, known),
    )


def glanced(session: Session, conversation: Conversation, listed: Listed) -> Opened:
    """Load what it takes to sort a conversation: its words, its contact, who said what."""
    return Opened(
        thread=load_glance(session, conversation),
        listed=listed,
        types=setup.named_types(session),
        colleagues=people.list_colleagues(session),
        teams={},
        identities=people.list_identities(session, conversation.contact_id),
        confirmed=0,
        assignable=[],
        calendars={},
        asks=[],
        may_act=True,
        opinions=opinions(session, conversation.id),
        away={},
        helped=[],
        dates=NO_DATES,
    )


def _assignable(session: Session, conversation: Conversation) -> list[Assignable]:
    """Return whom it can be given to; on duty is who is at work now."""
    there = load_duty(session, utcnow()).at_work
    found = owners.list_assignable(session, conversation.team_id, conversation.owner_id)
    now_there = [replace(one, on_duty=one.id in there) for one in found]
    return sorted(now_there, key=lambda one: not one.on_duty)


def shown_conversation(loaded: Opened, speak: Speaker, who: Person) -> ConversationPage:
    """Return the conversation as shown; whose team was only asked may read and note."""
    me = who.id
    shown = present_conversation(
        loaded.thread,
        speak,
        loaded.types,
        loaded.colleagues,
        loaded.teams,
        loaded.identities,
        me=me,
        confirmed=loaded.confirmed,
        calendars=loaded.calendars,
    )
    shown.choices = present_choices(loaded.assignable, speak, owner_id=shown.owner_id, me=me)
    shown.asks = present_asks(
        loaded.asks,
        speak,
        who,
        loaded.colleagues,
        loaded.teams,
        may_withdraw=loaded.may_act,
    )
    if loaded.may_act and loaded.dates.place.conversation_id is not None:
        shown.dates = present_dates(loaded.dates, speak, loaded.colleagues, who)
    row = loaded.thread.conversation
    shown.opinions = present_opinions(loaded.opinions, loaded.types, speak.language)
    shown.alike = [
        Alike(one.number, one.subject, round(100 * one.likeness), one.answer[:ANSWER_CHARS])
        for one in loaded.helped
    ]
    if loaded.short is not None:
        shown.customer = present_short(loaded.short, loaded.files, speak, loaded.colleagues)
    shown.cover_text = cover_lines.header(row, loaded.away, speak, loaded.colleagues)
    present_writing.fill(shown, loaded.desk, loaded.thread, speak, who, loaded.colleagues)
    shown.marks = loaded.marks
    if not loaded.may_act:
        shown.may_act, shown.can_reply = False, False
        shown.cannot_reply_reason = speak.say(ONLY_NOTES)
    return shown


def own_row(loaded: Opened, speak: Speaker, me: int, *, current: bool) -> Row:
    """Return the conversation's row of the list, as read."""
    row = present_row(loaded.listed, speak, loaded.types, loaded.colleagues, me=me)
    draft = bool(loaded.desk.drafts)
    return replace(row, current=current, unread=False, draft=draft)
