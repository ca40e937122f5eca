"""One account's page, or one person's: who may open it, and everything on it as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.accounts import find_figures, get_for_person, kept_by, may_change
from inbox.store.conversations import LIST_COLUMNS, Listed
from inbox.store.counts import may_open
from inbox.store.people import Person
from models import (
    Account,
    AccountFigures,
    AccountNote,
    ClockKind,
    Contact,
    ContactIdentity,
    Conversation,
    SLAClock,
    Status,
)
from models.base import columns, core

accounts = columns(Account)
contacts = columns(Contact)
conversations = columns(Conversation)
identities = columns(ContactIdentity)
clocks = columns(SLAClock)
notes = columns(AccountNote)

SHORT_NOTES = 2
MOST_OPEN = 6  # requests that stand above the time line
REPLIES = (ClockKind.FIRST_RESPONSE, ClockKind.NEXT_RESPONSE)
NO_CONTACT = "There is no such customer, or you may not see them."


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose page it is: an account's, or with ``contact`` a person's.

    ``contact_ids`` are the person's and those who were found to be the same. Of a person,
    ``account`` is where they belong.
    """

    account: Account | None
    contact: Contact | None
    contact_ids: tuple[int, ...]
    sees_whole: bool  # whoever looks may open every conversation of it

    def conversations(self, who: Person) -> ColumnElement[bool]:
        """Return the condition for those of its conversations that a person may open."""
        own: ColumnElement[bool] = conversations.account_id == self.account_id
        if self.contact is not None:
            own = conversations.contact_id.in_(self.contact_ids)
        return own if self.sees_whole else and_(own, may_open(who))

    def things(self, table: Any) -> ColumnElement[bool]:
        """Return the condition for its notes and files: of a person also the account's own."""
        whole: ColumnElement[bool] = table.account_id == self.account_id
        if self.contact is None:
            return whole
        theirs: ColumnElement[bool] = table.contact_id.in_(self.contact_ids)
        if self.account is None:
            return theirs
        return or_(
            theirs, and_(table.account_id == self.account.id, table.contact_id.is_(None))
        )

    @property
    def account_id(self) -> int | None:
        """The account's id, if there is one."""
        return self.account.id if self.account is not None else None

    @property
    def contact_id(self) -> int | None:
        """The person's id, if it is a person's page."""
        return self.contact.id if self.contact is not None else None

    @property
    def path(self) -> str:
        """The page's address."""
        if self.contact is not None:
            return f"/contacts/{self.contact.id}"
        return f"/accounts/{self.account_id}"


def whose_account(session: Session, account_id: int, who: Person) -> Whose:
    """Return an account that a person may see, as whose page it is.

    Raises
    ------
    NotFound
        If there is none, or they may not.
    """
    account = get_for_person(session, account_id, who)
    return Whose(account, None, (), may_change(who, account))


def whose_contact(session: Session, contact_id: int, who: Person) -> Whose:
    """Return a person outside, whom a colleague may see, as whose page it is.

    Who sees the account or may open a conversation of theirs may; and everybody, while there
    is neither. ``contact`` is another one where they were found to be that one.

    Raises
    ------
    NotFound
        If there is none, or they may not.
    """
    contact = session.get(Contact, contact_id)
    for _ in range(20):
        if contact is None or contact.joined_into_id is None:
            break
        contact = session.get(Contact, contact.joined_into_id)
    if contact is None:
        raise NotFound(NO_CONTACT)
    joined = session.execute(
        select(contacts.id).where(contacts.joined_into_id == contact.id)
    ).scalars()
    account = _find_account(session, contact.account_id, who)
    whose = Whose(account, contact, (contact.id, *joined), who.sees_all)
    if account is None and not _sees_contact(session, contact, whose, who):
        raise NotFound(NO_CONTACT)
    return whose


def page_of(session: Session, row: Any, who: Person) -> Whose:
    """Return the page on which a note or a file stands; NotFound where it is not theirs."""
    if row.contact_id is not None:
        return whose_contact(session, row.contact_id, who)
    return whose_account(session, row.account_id, who)


def _find_account(session: Session, account_id: int | None, who: Person) -> Account | None:
    if account_id is None:
        return None
    try:
        return get_for_person(session, account_id, who)
    except NotFound:
        return None


def _sees_contact(session: Session, contact: Contact, whose: Whose, who: Person) -> bool:
    own = conversations.contact_id.in_(whose.contact_ids)
    if who.sees_all or _is_there(session, own, may_open(who)):
        return True
    return contact.account_id is None and not _is_there(session, own)


def _is_there(session: Session, *conditions: ColumnElement[bool]) -> bool:
    some = select(conversations.id).where(*conditions)
    return bool(session.execute(select(exists(some))).scalar_one())


@dataclass(frozen=True, slots=True)
class State:
    """How it stands, over the conversations that whoever looks may open."""

    open_count: int
    late_count: int
    asked_again: int  # open ones in which the customer asked again
    paused_count: int  # that wait for somebody, or sleep
    total: int
    waiting_since: datetime | None  # the oldest message that is owed an answer
    channels: tuple[str, ...]  # by which they wrote
    last_inbound_at: datetime | None
    last_answered_at: datetime | None  # first answers only: a lower bound


def load_state(session: Session, whose: Whose, who: Person, now: datetime) -> State:
    """Count how it stands now, from the conversations themselves."""
    own = whose.conversations(who)
    one = case((conversations.next_due_at < now, 1), else_=0)
    again = case((conversations.asked_again > 0, 1), else_=0)
    rows = session.execute(
        select(
            conversations.channel,
            conversations.status,
            func.count(),
            func.sum(one),
            func.sum(again),
            func.max(conversations.last_inbound_at),
            func.max(conversations.first_responded_at),
        )
        .where(own, conversations.status != Status.SPAM)
        .group_by(conversations.channel, conversations.status)
    ).all()
    is_open = [row for row in rows if row[1] == Status.OPEN]
    open_count = sum(row[2] for row in is_open)
    return State(
        open_count=open_count,
        late_count=sum(int(row[3]) for row in is_open),
        asked_again=sum(int(row[4]) for row in is_open),
        paused_count=sum(row[2] for row in rows if row[1] in (Status.WAITING, Status.SNOOZED)),
        total=sum(row[2] for row in rows),
        waiting_since=_waiting_since(session, own) if open_count else None,
        channels=tuple(sorted({str(row[0].value) for row in rows})),
        last_inbound_at=max((row[5] for row in rows if row[5]), default=None),
        last_answered_at=max((row[6] for row in rows if row[6]), default=None),
    )


def _waiting_since(session: Session, own: ColumnElement[bool]) -> datetime | None:
    """Return since when the customer waits longest for an answer."""
    found: datetime | None = session.execute(
        select(func.min(clocks.started_at))
        .join(core(Conversation), conversations.id == clocks.conversation_id)
        .where(
            own,
            conversations.status == Status.OPEN,
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
            clocks.kind.in_(REPLIES),
        )
    ).scalar_one()
    return found


def list_open(session: Session, whose: Whose, who: Person) -> list[Listed]:
    """Return its open conversations, nearest deadline first; only so many as are shown."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(whose.conversations(who), conversations.status == Status.OPEN)
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(MOST_OPEN)
    )
    return [Listed(*row) for row in session.execute(query)]


def list_known_as(session: Session, whose: Whose) -> Sequence[ContactIdentity]:
    """Return a person's addresses on every channel."""
    return (
        session.execute(
            select(ContactIdentity)
            .where(identities.contact_id.in_(whose.contact_ids))
            .order_by(identities.id)
        )
        .scalars()
        .all()
    )


def list_own(session: Session, who: Person, most: int = 100) -> list[tuple[int, str]]:
    """Return the accounts that a person may change, by name: where they may put a contact."""
    query = (
        select(accounts.id, accounts.name).order_by(accounts.folded, accounts.id).limit(most)
    )
    if not who.sees_all:
        query = query.where(kept_by(who.id))
    return [(row.id, row.name) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class Short:
    """What stands beside a conversation of its customer."""

    contact_id: int
    account: Account | None
    figures: AccountFigures | None
    notes: Sequence[AccountNote]  # the newest


def load_short(session: Session, conversation: Conversation) -> Short:
    """Return a conversation's customer in short, for who may open the conversation."""
    number = conversation.account_id
    whose = notes.contact_id == conversation.contact_id
    if number is not None:
        whose = or_(whose, and_(notes.account_id == number, notes.contact_id.is_(None)))
    newest = session.execute(
        select(AccountNote)
        .where(whose)
        .order_by(notes.created_at.desc(), notes.id.desc())
        .limit(SHORT_NOTES)
    ).scalars()
    return Short(
        conversation.contact_id,
        session.get(Account, number) if number is not None else None,
        find_figures(session, number) if number is not None else None,
        newest.all(),
    )
