"""What belongs to a person: all that erasure and export have to look at, as keys of rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Select, func, or_, select
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.privacy.places import Whose
from inbox.privacy.waiting import list_sent
from models import (
    Account,
    AccountFile,
    AccountKind,
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    LedgerEntry,
    Message,
    PersonExport,
    RawMessage,
)
from models.base import columns, core

accounts = columns(Account)
account_files = columns(AccountFile)
attachments = columns(Attachment)
contacts = columns(Contact)
conversations = columns(Conversation)
exports = columns(PersonExport)
identities = columns(ContactIdentity)
ledger = columns(LedgerEntry)
messages = columns(Message)
raws = columns(RawMessage)

AT_ONCE = 500
MOST_STEPS = 20  # of contacts that were joined into one another
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, or only some conversations, as keys of the rows that are about them."""

    contacts: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    identities: list[tuple[str, str]] = field(default_factory=list)  # kind, value
    accounts: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)  # others', in which they wrote
    messages: list[int] = field(default_factory=list)
    quoting: list[int] = field(default_factory=list)
    raws: list[int] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    exports: list[int] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """The person's addresses and numbers, of every kind."""
        return sorted({value for _, value in self.identities})

    @property
    def touched(self) -> list[int]:
        """Every conversation in which they wrote."""
        return sorted({*self.numbers, *self.shared})

    def keys(self, whose: Whose) -> Sequence[Any]:
        """Return the keys by which a place's rows are found."""
        found: Sequence[Any] = getattr(self, whose.value)
        return found


def in_parts(keys: Sequence[T]) -> Iterator[list[T]]:
    """Yield keys in pieces that fit into one statement."""
    for begin in range(0, len(keys), AT_ONCE):
        yield list(keys[begin : begin + AT_ONCE])


def get_contact(session: Session, contact_id: int) -> Contact:
    """Return a contact, or the one that it was joined into; raises ``NotFound``."""
    found = session.get(Contact, contact_id)
    for _ in range(MOST_STEPS):
        if found is None or found.joined_into_id is None:
            break
        found = session.get(Contact, found.joined_into_id)
    if found is None:
        raise NotFound("There is no such person.")
    return found


def find_by_address(session: Session, address: str) -> int | None:
    """Return the contact with an address or number, whatever its kind."""
    found = session.execute(
        select(identities.contact_id)
        .where(identities.value == address.strip().lower())
        .order_by(identities.id)
        .limit(1)
    ).scalar()
    return None if found is None else int(found)


def find_subject(session: Session, contact_id: int) -> Subject:
    """Return everything of a person, and of the contacts that were joined into them.

    Raises
    ------
    NotFound
        If there is no such contact.
    """
    family = _family(session, get_contact(session, contact_id).id)
    names = _column(session, contacts.name, contacts.id, family)
    own = session.execute(
        select(identities.kind, identities.value)
        .where(identities.contact_id.in_(family))
        .order_by(identities.id)
    )
    identified = [(kind, value) for kind, value in own]
    numbers = _column(session, conversations.id, conversations.contact_id, family)
    elsewhere = set(
        session.execute(
            select(messages.conversation_id).where(messages.contact_id.in_(family)).distinct()
        ).scalars()
    )
    addresses = [value for kind, value in identified if kind == "email"]
    return _of_conversations(
        session,
        numbers,
        sorted(elsewhere - set(numbers)),
        contacts=family,
        names=sorted({name for name in names if name}),
        identities=identified,
        accounts=_own_accounts(session, family),
        addresses=addresses,
        waiting=list_sent(session, set(identified), set(numbers)),
        exports=_column(session, exports.id, exports.contact_id, family),
    )


def subject_of(session: Session, numbers: Iterable[int]) -> Subject:
    """Return only what is in some conversations, whoever they are with."""
    return _of_conversations(session, sorted(set(numbers)), [])


def _of_conversations(
    session: Session,
    numbers: list[int],
    shared: list[int],
    *,
    contacts: Sequence[int] = (),
    addresses: Sequence[str] = (),
    waiting: Sequence[int] = (),
    **more: Any,
) -> Subject:
    said = _column(session, messages.id, messages.conversation_id, numbers)
    elsewhere, quoting = _elsewhere(session, shared, set(contacts))
    said += elsewhere
    files = _column(session, attachments.blob_id, attachments.message_id, said)
    put: ColumnElement[bool] = account_files.contact_id.in_(list(contacts))
    if more.get("accounts"):
        put = or_(put, account_files.account_id.in_(more["accounts"]))
    files += session.execute(select(account_files.blob_id).where(put)).scalars()
    return Subject(
        contacts=list(contacts),
        numbers=numbers,
        shared=shared,
        messages=sorted(said),
        quoting=quoting,
        raws=sorted({*_raws(session, numbers, [*said, *quoting], addresses), *waiting}),
        blobs=sorted(set(files)),
        **more,
    )


def _elsewhere(
    session: Session, shared: list[int], family: set[int]
) -> tuple[list[int], list[int]]:
    """Return the person's messages in others' conversations, and those of the others there."""
    theirs: list[int] = []
    quoting: list[int] = []
    for some in in_parts(shared):
        rows = session.execute(
            select(messages.id, messages.contact_id).where(messages.conversation_id.in_(some))
        )
        for message_id, contact_id in rows:
            (theirs if contact_id in family else quoting).append(message_id)
    return theirs, quoting


def _raws(
    session: Session, numbers: list[int], said: list[int], addresses: Sequence[str]
) -> list[int]:
    """Return the messages as they came, also those that became no message."""
    found = set(_column(session, raws.id, raws.conversation_id, numbers))
    found.update(one for one in _column(session, messages.raw_id, messages.id, said) if one)
    found.update(
        one for one in _column(session, ledger.raw_id, ledger.sender, addresses) if one
    )
    return list(found)


def _family(session: Session, contact_id: int) -> list[int]:
    """Return a contact and all that were joined into it, also by way of others."""
    found, nearest = [contact_id], [contact_id]
    for _ in range(MOST_STEPS):
        nearest = _column(session, contacts.id, contacts.joined_into_id, nearest)
        nearest = [one for one in nearest if one not in found]
        if not nearest:
            break
        found += nearest
    return found


def _own_accounts(session: Session, family: list[int]) -> list[int]:
    """Return the accounts that are a person, and nobody but this one."""
    others = (
        select(func.count())
        .select_from(core(Contact))
        .where(contacts.account_id == accounts.id, contacts.id.not_in(family))
        .correlate(Account)
        .scalar_subquery()
    )
    theirs = select(contacts.account_id).where(contacts.id.in_(family))
    query: Select[int] = select(accounts.id).where(
        accounts.id.in_(theirs), accounts.kind == AccountKind.PERSON, others == 0
    )
    return list(session.execute(query).scalars())


def _column(
    session: Session, wanted: Column[Any], key: Column[Any], keys: Sequence[Any]
) -> Any:
    """Return one column of the rows with these keys."""
    found: list[Any] = []
    for some in in_parts(keys):
        found += session.execute(select(wanted).where(key.in_(some))).scalars()
    return found
