"""Conversations as lists and pages show them, and the conditional updates that change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Select,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlmodel import Session

from inbox.errors import Conflict, NotFound
from inbox.store.asks import ASKED, asked_of
from inbox.store.counts import looker, may_open, opened_by, seen_by
from inbox.store.people import Person
from models import (
    UNSPOKEN,
    Account,
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Correction,
    Event,
    Message,
    Role,
    SLAClock,
    Status,
    TriageModelVersion,
    TriagePrediction,
)
from models.base import columns, core, none_of

accounts = columns(Account)
conversations = columns(Conversation)
contacts = columns(Contact)
identities = columns(ContactIdentity)
messages = columns(Message)
events = columns(Event)
attachments = columns(Attachment)
clocks = columns(SLAClock)
predictions = columns(TriagePrediction)
models = columns(TriageModelVersion)
corrections = columns(Correction)

LIST_SIZE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """One conversation of a list, in the order of ``LIST_COLUMNS``."""

    id: int
    channel: str
    subject: str
    status: str
    request_type: str
    request_type_confidence: float
    second_type: str | None
    urgency: str
    urgency_rank: int
    triage: str
    team_id: int | None
    owner_id: int | None
    next_due_at: datetime | None
    order_at: datetime
    waiting_until: datetime | None
    sla_state: str
    asked_again: int
    created_at: datetime
    read_at: datetime | None
    last_inbound_at: datetime | None
    version: int
    contact_name: str
    contact_tier: str
    account_name: str | None


# Who gave no name is called by the address.
SHOWN_NAME: ColumnElement[str] = func.coalesce(
    func.nullif(contacts.name, ""),
    select(func.min(identities.value))
    .where(identities.contact_id == contacts.id, none_of(identities.kind, UNSPOKEN))
    .correlate(Contact)
    .scalar_subquery(),
    "",
)
LIST_COLUMNS = (
    *(
        conversations[name]
        for name in Listed.__dataclass_fields__
        if name not in ("contact_name", "contact_tier", "account_name")
    ),
    SHOWN_NAME,
    contacts.tier,
    select(accounts.name)
    .where(accounts.id == conversations.account_id)
    .correlate(Conversation)
    .scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of the list ended: its last row's place in the order."""

    order_at: datetime
    urgency_rank: int
    id: int

    def text(self) -> str:
        """Write the cursor for an address."""
        return f"{self.order_at.isoformat()}~{self.urgency_rank}~{self.id}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Read a cursor from an address.

        Raises
        ------
        NotFound
            If it is not one of ours.
        """
        try:
            at, rank, number = text.split("~")
            when = datetime.fromisoformat(at)
            if when.tzinfo is None:
                raise ValueError(at)
            return cls(when, int(rank), int(number))
        except ValueError as error:
            raise NotFound("This page of the list is not known. Start at its top.") from error


def list_conversations(
    session: Session,
    who: Person,
    *,
    mine: bool = False,
    status: Status | None = Status.OPEN,
    after: Cursor | None = None,
    limit: int = LIST_SIZE,
) -> list[Listed]:
    """Return a page of what a person may see: nearest deadline, then urgency, then arrival."""
    query = _list_query(mine, who.sees_all, status is not None, after is not None)
    place = {"at": after.order_at, "rank": after.urgency_rank, "id": after.id} if after else {}
    values = {**looker(who), "status": status, "limit": limit, **place}
    return [Listed(*row) for row in session.execute(query, values)]


@cache
def _list_query(mine: bool, sees_all: bool, by_status: bool, from_cursor: bool) -> Select[Any]:
    """Write the list's statement once for each way of asking."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(bindparam("limit"))
    )
    if mine:
        query = query.where(conversations.owner_id == bindparam("looker_id"))
    else:
        query = query.where(seen_by(sees_all))
    if by_status:
        query = query.where(conversations.status == bindparam("status"))
    return query.where(beyond()) if from_cursor else query


def beyond() -> ColumnElement[bool]:
    """Return the condition for rows after a cursor; the first part lets the index be used."""
    at: ColumnElement[datetime] = bindparam("at")
    rank: ColumnElement[int] = bindparam("rank")
    number: ColumnElement[int] = bindparam("id")
    return and_(
        conversations.order_at >= at,
        or_(
            conversations.order_at > at,
            conversations.urgency_rank > rank,
            and_(conversations.urgency_rank == rank, conversations.id > number),
        ),
    )


def list_by_number(session: Session, numbers: Sequence[int]) -> list[Listed]:
    """Return conversations, found for this person before, in the order of their numbers."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.id.in_(numbers))
    )
    found = {row.id: Listed(*row) for row in session.execute(query)}
    return [found[number] for number in numbers if number in found]


_LISTED = (
    select(*LIST_COLUMNS)
    .join(core(Contact), contacts.id == conversations.contact_id)
    .where(conversations.id == bindparam("number"))
)


def get_listed(session: Session, conversation_id: int) -> Listed:
    """Return a conversation, loaded for this person before, as the list shows it."""
    return Listed(*session.execute(_LISTED, {"number": conversation_id}).one())


_ONE = select(Conversation).where(conversations.id == bindparam("number"))


def get_for_agent(
    session: Session,
    conversation_id: int,
    who: Person,
    *,
    to_change: bool = False,
    or_asked: bool = False,
    or_merged: bool = False,
) -> Conversation:
    """Return a conversation that this person may see.

    ``to_change`` makes whoever else would change it wait until this unit of work ends, so
    that what is decided on still holds when it is written. On SQLite writers take turns.
    ``or_asked``: also one about which a team of theirs is being asked, to read and to note.
    What was merged into another is not changed any more, but by who says ``or_merged``.

    Raises
    ------
    NotFound
        If there is none, or it is another team's: nobody can tell which.
    Conflict
        If it is to be changed and was merged into another.
    """
    query = _for_agent(who.role, to_change, or_asked)
    values = {**looker(who), "number": conversation_id}
    found: Conversation | None = session.execute(query, values).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such conversation, or it belongs to another team.")
    if to_change and found.status is Status.MERGED and not or_merged:
        raise Conflict("It was merged into another request: go on there.")
    return found


@cache
def _for_agent(role: Role, to_change: bool, or_asked: bool) -> Select[Any]:
    seen = or_(opened_by(role), ASKED) if or_asked else opened_by(role)
    query = _ONE.where(seen)
    return query.with_for_update() if to_change else query


def seen_among(session: Session, numbers: Sequence[int], who: Person) -> set[int]:
    """Return which of these conversations a person may read."""
    query = select(conversations.id).where(
        conversations.id.in_(list(numbers)), or_(may_open(who), asked_of(who))
    )
    return set(session.execute(query).scalars())


def owners_of(session: Session, numbers: Sequence[int]) -> dict[int, int | None]:
    """Return the owners of conversations, by number."""
    query = select(conversations.id, conversations.owner_id).where(
        conversations.id.in_(list(numbers))
    )
    return {row.id: row.owner_id for row in session.execute(query)}


def find_by_public_token(session: Session, token: str) -> Conversation | None:
    """Return the conversation behind a customer's link."""
    return session.execute(
        select(Conversation).where(conversations.public_token == token)
    ).scalar_one_or_none()


def get_to_change(session: Session, conversation_id: int) -> Conversation | None:
    """Return a conversation for work that no person does, locked as ``to_change`` does."""
    found: Conversation | None = session.get(
        Conversation, conversation_id, populate_existing=True, with_for_update=True
    )
    return found


def change(
    session: Session, conversation_id: int, *conditions: ColumnElement[bool], **values: Any
) -> bool:
    """Change a conversation if the conditions still hold; False if somebody was faster.

    Where it is loaded, it says the same from then on.
    """
    counted = {name: one for name, one in values.items() if isinstance(one, ClauseElement)}
    plain = {name: one for name, one in values.items() if name not in counted}
    statement = _change(tuple(plain))
    if conditions or counted:
        statement = statement.where(*conditions).values(**counted)
    done = session.execute(statement, {"number": conversation_id, **plain})
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    loaded = session.identity_map.get(identity_key(Conversation, conversation_id))
    if loaded is not None:
        for name, one in plain.items():
            set_committed_value(loaded, name, one)
        session.expire(loaded, ["version", *counted])
    return True


@cache
def _change(names: tuple[str, ...]) -> Update:
    """Write the update once for each set of columns."""
    return (
        update(core(Conversation))
        .where(conversations.id == bindparam("number"))
        .values(version=conversations.version + 1, **{name: bindparam(name) for name in names})
    )


_AGAIN = _ONE.execution_options(populate_existing=True)


def get(session: Session, conversation_id: int) -> Conversation:
    """Return a conversation that was already loaded for this person in this unit of work."""
    values = {"number": conversation_id}
    found: Conversation | None = session.execute(_AGAIN, values).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


_LAST_WORDS = (
    select(messages.visible_text)
    .where(messages.conversation_id == bindparam("number"), messages.direction == "inbound")
    .order_by(messages.id.desc())
    .limit(1)
)


def last_words(session: Session, conversation_id: int) -> str:
    """Return what the contact wrote last."""
    found = session.execute(_LAST_WORDS, {"number": conversation_id}).scalar_one_or_none()
    return found or ""
