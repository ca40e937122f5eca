"""Writing first: one of us begins a conversation, with an owner, a date and no first clock.

The customer's answer starts a next-response clock, as after any answer of ours.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox import record, waits
from inbox.acknowledgement import House
from inbox.addressing import inbox_named
from inbox.auth import random_token
from inbox.channels.addresses import is_strict, normalise
from inbox.clocks import terms_of
from inbox.conversations import RESTRICTED
from inbox.dates import reminders
from inbox.errors import Conflict, Invalid, NotFound
from inbox.later import blocking
from inbox.outgoing import messengers
from inbox.outgoing.letters import OWN_ADDRESS, Extras
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook, load_rulebook, promise_of
from inbox.store import owners, people, ways
from inbox.store.accountpage import whose_contact
from inbox.store.audit import add_entry
from inbox.store.changes import changed, moved
from inbox.store.chat import find_current
from inbox.store.company import find_company
from inbox.store.dates import Place
from inbox.store.erased import find_erased
from inbox.store.people import Person
from inbox.templating import LANGUAGES, N_
from inbox.timeline import Happened
from inbox.triage.prediction import GENERAL
from inbox.writing import sending
from models import (
    AuditAction,
    AuditThing,
    ChannelKind,
    Contact,
    Conversation,
    EventKind,
    Inbox,
    Message,
    Status,
    Triage,
)
from models.base import columns

messages = columns(Message)

MOST_SUBJECT, MOST_NAME = 200, 200
MOST_HEADING = 80  # of a messenger's text, where no subject is given
A_DAY = timedelta(days=1)
NO_ADDRESS = N_("This is not an e-mail address, such as ten@congty.vn.")
NOBODY = N_("Say to whom: choose somebody, or type an address.")
NO_SUBJECT = N_("Write a subject.")
TOO_LONG = N_("This is too long.")
ONE_OF = N_("Please choose one of these.")
BLOCKED = N_("This sender is blocked: the answer would wait apart. Lift the block first.")
ERASED = N_("The data of this person was erased. They have to write to us first.")
SENT = N_("It was sent already.")
NO_INBOX = N_("There is no such inbox, or it is closed.")
GOES_ON = N_("A request of theirs is open there: write your message in that one.")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is said of a conversation that one of us begins.

    ``address`` is an e-mail address, a number in E.164 or somebody on a messenger as
    ``store.ways`` names them, as ``kind`` has it; of a known contact, one of theirs.
    ``owner_id`` None is whoever begins it. ``follow_up_at`` is when
    the owner hears that no answer came; None is the company's usual time.
    """

    inbox_id: int
    address: str = ""
    kind: str = "email"
    contact_id: int | None = None
    name: str = ""
    subject: str = ""
    request_type: str = ""
    team_id: int | None = None
    owner_id: int | None = None
    follow_up_at: datetime | None = None


def begin_in_writing(
    session: Session,
    wanted: Beginning,
    *,
    text: str,
    house: House,
    by: Person,
    now: datetime,
    key: str,
    extras: Extras,
) -> int:
    """Write to a customer by mail or by a messenger; return the new conversation's number.

    The same ``key`` again returns the first one's. It can be undone as any answer can.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    NoDelivery
        If the address is marked, and it is not to go there anyway.
    Conflict
        If the person's data is restricted, or they cannot be written to there just now.
    """
    again = find_again(session, key, now)
    if again is not None:
        return again
    if ways.names_messenger(wanted.address):
        to = ""  # where its channel leads
        row = _open_at_messenger(session, wanted, text, extras, by=by, now=now)
    else:
        to = normalise(wanted.address.strip()) or wanted.address.strip()
        row = _open_for_mail(session, replace(wanted, address=to), house, by, now)
    sending.send(
        session,
        row,
        text=text,
        house=house,
        by=by,
        now=now,
        key=key,
        extras=replace(extras, to=to, word=None, remind_at=None, quotes=False),
    )
    remind(session, row, wanted, by=by, now=now)
    return row.id


def _open_for_mail(
    session: Session, wanted: Beginning, house: House, by: Person, now: datetime
) -> Conversation:
    contact = find_reachable(session, wanted, house, by)
    if not wanted.subject.strip():
        raise Invalid(NO_SUBJECT, {"subject": NO_SUBJECT})
    door = get_door(session, wanted.inbox_id)
    if door.kind is not ChannelKind.EMAIL:
        raise Invalid(NO_INBOX, {"inbox": NO_INBOX})
    if contact is None:
        contact = enter_contact(session, "email", wanted.address, wanted.name, by=by, now=now)
    return open_with(session, wanted, contact, ChannelKind.EMAIL, by=by, now=now)


def _open_at_messenger(
    session: Session, wanted: Beginning, text: str, extras: Extras, *, by: Person, now: datetime
) -> Conversation:
    """Open a conversation where somebody wrote before; unless their last one goes on there."""
    contact = _get_known(session, wanted, by)
    way = ways.find_person(session, contact.id, wanted.address)
    if way is None or way.reach is None:
        raise Invalid(ONE_OF, {"to": ONE_OF})
    messengers.demand_open(way.reach, now)
    messengers.check(way.kind, text, extras)
    inbox_id = way.reach.inbox_id
    going_on = find_current(session, inbox_id, contact.id, now, way.kind)
    if going_on is not None and going_on[1] is not Status.RESOLVED:
        raise Conflict(GOES_ON)
    subject = wanted.subject.strip() or text.strip().partition("\n")[0][:MOST_HEADING]
    wanted = replace(wanted, inbox_id=inbox_id, subject=subject)
    return open_with(session, wanted, contact, way.kind, by=by, now=now)


def find_again(session: Session, key: str, now: datetime) -> int | None:
    """Return what the same click began before; of two at once, the second waits for the first.

    Raises
    ------
    Conflict
        If it was sent, and taken back since.
    """
    if not key:
        raise Invalid(SENT)
    turn = "begun:" + hashlib.sha256(key.encode()).hexdigest()
    if people.take_turn(session, turn, 1, expires_at=now + A_DAY, now=now):
        return None
    found: int | None = session.execute(
        select(messages.conversation_id).where(messages.client_key == key)
    ).scalar_one_or_none()
    if found is None:
        raise Conflict(SENT)
    return found


def find_reachable(
    session: Session, wanted: Beginning, house: House, by: Person
) -> Contact | None:
    """Return whose address it is, None where nobody has it yet.

    Refuses whom we do not write to: a blocked sender, an address of ours, somebody who was
    erased or whose data is restricted.
    """
    if wanted.kind == "email":
        _check_address(session, wanted.address, house)
    contact: Contact | None
    if wanted.contact_id is not None:
        contact = _get_known(session, wanted, by)
        known = people.list_identities(session, contact.id).get(wanted.kind, ())
        if wanted.address not in known:
            raise Invalid(ONE_OF, {"to": ONE_OF})
    else:
        contact = people.find_contact(session, wanted.kind, wanted.address)
        if contact is None and find_erased(session, wanted.kind, [wanted.address]):
            raise Invalid(ERASED, {"to": ERASED})
    if contact is not None and contact.restricted_at is not None:
        raise Conflict(RESTRICTED)
    return contact


def _get_known(session: Session, wanted: Beginning, by: Person) -> Contact:
    contact = whose_contact(session, wanted.contact_id or 0, by).contact
    if contact is None or contact.erased_at is not None:
        raise NotFound("There is no such customer, or you may not see them.")
    return contact


def _check_address(session: Session, address: str, house: House) -> None:
    said = ""
    if not is_strict(address) or "." not in address.partition("@")[2]:
        said = NO_ADDRESS if address else NOBODY
    elif inbox_named(address, house.own_addresses):
        said = OWN_ADDRESS
    elif blocking.is_blocked(session, address):
        said = BLOCKED
    if said:
        raise Invalid(said, {"to": said})


def get_door(session: Session, inbox_id: int) -> Inbox:
    """Return an open inbox; raises ``Invalid``."""
    door = session.get(Inbox, inbox_id)
    if door is None or not door.is_active:
        raise Invalid(NO_INBOX, {"inbox": NO_INBOX})
    return door


def enter_contact(
    session: Session, kind: str, value: str, name: str, *, by: Person, now: datetime
) -> Contact:
    """Enter somebody whom nobody knows yet."""
    called = " ".join(name.split())[:MOST_NAME]
    contact = people.create_contact(session, kind, value, name=called, language="", now=now)
    thing, made = AuditThing.CONTACT, AuditAction.CREATED
    add_entry(session, thing, contact.id, made, now, by=by.id, after={"ways": [kind]})
    return contact


def open_with(
    session: Session,
    wanted: Beginning,
    contact: Contact,
    channel: ChannelKind,
    *,
    by: Person,
    now: datetime,
) -> Conversation:
    """Open a conversation with somebody, with its owner; nothing is said in it yet.

    Raises
    ------
    Invalid
        If team, owner, topic or the follow-up date is none.
    """
    book = load_rulebook(session)
    owner_id = wanted.owner_id or by.id
    _check(session, wanted, owner_id, book, now)
    company = find_company(session)
    spoken = contact.language if contact.language in LANGUAGES else ""
    kind = wanted.request_type or (GENERAL if GENERAL in book.types else next(iter(book.types)))
    row = Conversation(
        public_token=random_token(),
        inbox_id=wanted.inbox_id,
        contact_id=contact.id,
        account_id=contact.account_id,
        channel=channel,
        subject=" ".join(wanted.subject.split())[:MOST_SUBJECT],
        language=spoken or (company.language if company is not None else "vi"),
        request_type=kind,
        request_type_confidence=1.0,
        urgency_confidence=1.0,
        triage=Triage.CONFIRMED,  # who begins it knows what it is about
        team_id=wanted.team_id,
        owner_id=owner_id,
        order_at=now,  # until what follows from its record is written
        created_at=now,
        read_at=now,
    )
    session.add(row)
    session.flush()
    place = {"team": row.team_id, "owner": owner_id}
    how = "claimed" if owner_id == by.id else "assigned"
    given = {"reason": how, "owner": owner_id, "before": None, **moved({}, place)}
    opened = {"channel": channel.value, **moved({}, {"status": Status.OPEN.value})}
    terms = terms_of(promise_of(session, book, row)).data()
    values = record.keep(
        session,
        row.id,
        Happened(EventKind.BEGUN, now, opened, by.id),
        Happened(EventKind.ASSIGNED, now, given, by.id),
        Happened(EventKind.RULED, now, terms),
        now=now,
    )
    changed(session, row.id, CLOCKS, **values)
    session.refresh(row)
    return row


def _check(
    session: Session, wanted: Beginning, owner_id: int, book: Rulebook, now: datetime
) -> None:
    wrong = {}
    if not owners.is_active(session, owner_id):
        wrong["owner"] = ONE_OF
    if wanted.team_id is not None and wanted.team_id not in book.teams:
        wrong["team"] = ONE_OF
    if wanted.request_type and wanted.request_type not in book.types:
        wrong["request_type"] = ONE_OF
    if len(wanted.subject) > MOST_SUBJECT:
        wrong["subject"] = TOO_LONG
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    if wanted.follow_up_at is not None:
        reminders.check_time(wanted.follow_up_at, now, "follow_up")


def remind(
    session: Session, row: Conversation, wanted: Beginning, *, by: Person, now: datetime
) -> None:
    """Have the owner told at the follow-up date, unless the customer has written by then."""
    session.flush()
    session.refresh(row)
    reminders.add(
        session,
        Place.of(row),
        agent_id=wanted.owner_id or by.id,
        due_at=wanted.follow_up_at or waits.usual_end(session, now),
        if_silent=True,
        by=by.id,
        now=now,
    )
