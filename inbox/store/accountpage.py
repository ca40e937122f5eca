"""One account's page, or one person's: who may open it, and everything on it as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
)
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.accounts import find_with_figures, get_page, kept_by, may_change
from inbox.store.conversations import LIST_COLUMNS, Listed
from inbox.store.counts import looker, opened_by
from inbox.store.people import Person
from models import (
    Account,
    AccountFigures,
    AccountNote,
    ClockKind,
    Contact,
    ContactIdentity,
    Conversation,
    Role,
    SLAClock,
    Status,
)
from models.base import columns, core, one_of

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


_ACCOUNT: ColumnElement[int] = bindparam("whose_account")
_CONTACTS: ColumnElement[int] = bindparam("whose_contacts", expanding=True)
_MAY_OPEN = opened_by(Role.AGENT)  # whoever sees more sees the whole


@dataclass(frozen=True, slots=True)
class Shape:
    """What the statements of a page depend on, whichever account or person it is.

    The conditions have parameters for ``Whose.given``.
    """

    is_person: bool
    sees_whole: bool

    def conversations(self) -> ColumnElement[bool]:
        """Return the condition for those of its conversations that whoever looks may open."""
        own: ColumnElement[bool] = conversations.account_id == _ACCOUNT
        if self.is_person:
            own = conversations.contact_id.in_(_CONTACTS)
        return own if self.sees_whole else and_(own, _MAY_OPEN)

    def things(self, table: Any) -> ColumnElement[bool]:
        """Return the condition for its notes and files: of a person also the account's own."""
        whole: ColumnElement[bool] = table.account_id == _ACCOUNT
        if not self.is_person:
            return whole
        return or_(table.contact_id.in_(_CONTACTS), and_(whole, table.contact_id.is_(None)))


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
    figures: AccountFigures | None = None  # what was counted of the account last

    @property
    def shape(self) -> Shape:
        """What its statements depend on."""
        return Shape(self.contact is not None, self.sees_whole)

    def given(self, who: Person) -> dict[str, Any]:
        """Return the parameters of its statements, for a person who looks."""
        mine = {"whose_account": self.account_id, "whose_contacts": self.contact_ids}
        return {**looker(who), **mine}

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
    account, figures = get_page(session, account_id, who)
    return Whose(account, None, (), may_change(who, account), figures)


_CONTACT = select(Contact).where(contacts.id == bindparam("id"))
_JOINED = select(contacts.id).where(contacts.joined_into_id == bindparam("id"))


def whose_contact(session: Session, contact_id: int, who: Person) -> Whose:
    """Return a person outside, whom a colleague may see, as whose page it is.

    Who sees the account or may open a conversation of theirs may; and everybody, while there
    is neither. ``contact`` is another one where they were found to be that one.

    Raises
    ------
    NotFound
        If there is none, or they may not.
    """
    contact: Contact | None = session.execute(_CONTACT, {"id": contact_id}).scalar()
    for _ in range(20):
        if contact is None or contact.joined_into_id is None:
            break
        contact = session.execute(_CONTACT, {"id": contact.joined_into_id}).scalar()
    if contact is None:
        raise NotFound(NO_CONTACT)
    joined = session.execute(_JOINED, {"id": contact.id}).scalars()
    account, figures = _find_account(session, contact.account_id, who)
    whose = Whose(account, contact, (contact.id, *joined), who.sees_all, figures)
    if account is None and not _sees_contact(session, contact, whose, who):
        raise NotFound(NO_CONTACT)
    return whose


def page_of(session: Session, row: Any, who: Person) -> Whose:
    """Return the page on which a note or a file stands; NotFound where it is not theirs."""
    if row.contact_id is not None:
        return whose_contact(session, row.contact_id, who)
    return whose_account(session, row.account_id, who)


def _find_account(
    session: Session, account_id: int | None, who: Person
) -> tuple[Account | None, AccountFigures | None]:
    if account_id is None:
        return None, None
    try:
        return get_page(session, account_id, who)
    except NotFound:
        return None, None


_THEIRS = select(conversations.id).where(conversations.contact_id.in_(_CONTACTS))
_WRITTEN = select(exists(_THEIRS))
_OPENED = select(exists(_THEIRS.where(_MAY_OPEN)))


def _sees_contact(session: Session, contact: Contact, whose: Whose, who: Person) -> bool:
    given = whose.given(who)
    if who.sees_all or session.execute(_OPENED, given).scalar_one():
        return True
    return contact.account_id is None and not session.execute(_WRITTEN, given).scalar_one()


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
    given = {**whose.given(who), "now": now}
    rows = session.execute(_state(whose.shape), given).all()
    is_open = [row for row in rows if row[1] == Status.OPEN]
    open_count = sum(row[2] for row in is_open)
    return State(
        open_count=open_count,
        late_count=sum(int(row[3]) for row in is_open),
        asked_again=sum(int(row[4]) for row in is_open),
        paused_count=sum(row[2] for row in rows if row[1] in (Status.WAITING, Status.SNOOZED)),
        total=sum(row[2] for row in rows),
        waiting_since=rows[0][7] if open_count else None,
        channels=tuple(sorted({str(row[0].value) for row in rows})),
        last_inbound_at=max((row[5] for row in rows if row[5]), default=None),
        last_answered_at=max((row[6] for row in rows if row[6]), default=None),
    )


@cache
def _state(shape: Shape) -> Select[Any]:
    late = conversations.next_due_at < bindparam("now")
    return (
        select(
            conversations.channel,
            conversations.status,
            func.count(),
            func.sum(case((late, 1), else_=0)),
            func.sum(case((conversations.asked_again > 0, 1), else_=0)),
            func.max(conversations.last_inbound_at),
            func.max(conversations.first_responded_at),
            _waiting_since(shape),
        )
        .where(shape.conversations(), conversations.status != Status.SPAM)
        .group_by(conversations.channel, conversations.status)
    )


def _waiting_since(shape: Shape) -> ColumnElement[datetime]:
    """Return since when the customer waits longest for an answer, the same in every row."""
    return (
        select(func.min(clocks.started_at))
        .join(core(Conversation), conversations.id == clocks.conversation_id)
        .where(
            shape.conversations(),
            conversations.status == Status.OPEN,
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
            one_of(clocks.kind, REPLIES),
        )
        .correlate(None)
        .scalar_subquery()
    )


@cache
def _open(shape: Shape) -> Select[Any]:
    return (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(shape.conversations(), conversations.status == Status.OPEN)
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(MOST_OPEN)
    )


def list_open(session: Session, whose: Whose, who: Person) -> list[Listed]:
    """Return its open conversations, nearest deadline first; only so many as are shown."""
    return [Listed(*row) for row in session.execute(_open(whose.shape), whose.given(who))]


_KNOWN_AS = (
    select(ContactIdentity).where(identities.contact_id.in_(_CONTACTS)).order_by(identities.id)
)


def list_known_as(session: Session, whose: Whose) -> Sequence[ContactIdentity]:
    """Return a person's addresses on every channel."""
    found = session.execute(_KNOWN_AS, {"whose_contacts": whose.contact_ids})
    return found.scalars().all()


_ALL = (
    select(accounts.id, accounts.name)
    .order_by(accounts.folded, accounts.id)
    .limit(bindparam("most"))
)
_OWN = _ALL.where(kept_by(bindparam("agent_id")))


def list_own(session: Session, who: Person, most: int = 100) -> list[tuple[int, str]]:
    """Return the accounts that a person may change, by name: where they may put a contact."""
    query = _ALL if who.sees_all else _OWN
    found = session.execute(query, {"agent_id": who.id, "most": most})
    return [(row.id, row.name) for row in found]


@dataclass(frozen=True, slots=True)
class Short:
    """What stands beside a conversation of its customer."""

    contact_id: int
    account: Account | None
    figures: AccountFigures | None
    notes: Sequence[AccountNote]  # the newest


_NEWEST = (
    select(AccountNote)
    .where(Shape(is_person=True, sees_whole=True).things(notes))
    .order_by(notes.created_at.desc(), notes.id.desc())
    .limit(SHORT_NOTES)
)


def load_short(session: Session, conversation: Conversation) -> Short:
    """Return a conversation's customer in short, for who may open the conversation."""
    number, person = conversation.account_id, conversation.contact_id
    given = {"whose_account": number, "whose_contacts": (person,)}
    newest = session.execute(_NEWEST, given).scalars().all()
    return Short(person, *find_with_figures(session, number), newest)
