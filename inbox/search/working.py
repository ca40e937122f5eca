"""A worker keeps the index in step: what changed is read in again within a second or two.

Rows are the queue: the database itself marks what changes. A batch of marks is read together
with what it is about, its words are folded while nobody waits for us, and they are written only
if all those marks are still there. So of two workers with the same marks one writes, and what
it writes is never older than what the other read. What was there before the index is counted
down from the newest.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.db import Database
from inbox.search import gathering
from inbox.search.gathering import Gathered, Named
from inbox.search.tokens import Words, as_text, as_vector
from inbox.store import searchmarks as rows
from inbox.store.search import is_sqlite
from inbox.store.searchmarks import Mark
from models import Conversation, MarkKind, Message
from models.base import columns

conversations = columns(Conversation)
messages = columns(Message)

BATCH = 100  # marks
AT_ONCE = 100  # conversations of a contact or an account; of more each gets its own mark


@dataclass
class Batch:
    """Marks, and what they are about as it is now."""

    ids: list[int] = field(default_factory=list)
    found: list[Gathered] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    names: list[Named] = field(default_factory=list)
    contacts: list[int] = field(default_factory=list)
    accounts: list[int] = field(default_factory=list)
    many: list[tuple[MarkKind, int]] = field(default_factory=list)
    counting: Mark | None = None  # what is to be counted down, where nothing is marked


class Index:
    """Reads in what is marked, then what is older; any number of workers may."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._say = as_text if database.is_sqlite else as_vector

    async def once(self) -> bool:
        """Read in one batch; True if there may be more."""
        batch = await self._database.read(self.load)
        if batch.counting is not None:
            await self._database.write(rows.count_down, batch.counting, BATCH)
            return True
        if not batch.ids:
            return False
        await self.keep(batch)
        return True

    @staticmethod
    def load(session: Session) -> Batch:
        """Return what is marked, as it is now."""
        return load_batch(session, BATCH)

    async def keep(self, batch: Batch) -> bool:
        """Fold and write a batch; False, and nothing is written, if its marks are taken."""
        docs, names = await asyncio.to_thread(_folded, batch, self._say)
        return await self._database.write(_keep, batch, docs, names)


def read_in(session: Session, most: int = 10_000) -> int:
    """Do all that is marked in this unit of work, for tools and tests; return how much."""
    say = as_text if is_sqlite(session) else as_vector
    count = 0
    while count < most:
        batch = load_batch(session, BATCH)
        if batch.counting is not None:
            rows.count_down(session, batch.counting, BATCH)
            continue
        if not batch.ids:
            break
        _keep(session, batch, *_folded(batch, say))
        count += len(batch.ids)
    return count


def load_batch(session: Session, most: int) -> Batch:
    """Return the oldest marks with what they are about. The marks come first: see above."""
    marks = rows.list_marks(session, most)
    batch = Batch([one.id for one in marks])
    if not marks:
        batch.counting = next(iter(rows.list_counting(session)), None)
        return batch
    of: dict[MarkKind, list[int]] = {kind: [] for kind in MarkKind}
    for one in marks:
        of[one.kind].append(one.thing_id)
    numbers = set(of[MarkKind.CONVERSATION])
    if of[MarkKind.MESSAGE]:
        spoken = select(messages.conversation_id).where(messages.id.in_(of[MarkKind.MESSAGE]))
        numbers |= set(session.execute(spoken).scalars())
    for kind, column in (
        (MarkKind.CONTACT, conversations.contact_id),
        (MarkKind.ACCOUNT, conversations.account_id),
    ):
        for thing in sorted(set(of[kind])):
            some = select(conversations.id).where(column == thing).limit(AT_ONCE + 1)
            theirs = list(session.execute(some).scalars())
            if len(theirs) > AT_ONCE or len(numbers) > 5 * AT_ONCE:
                batch.many.append((kind, thing))
            else:
                numbers |= set(theirs)
    batch.found, batch.gone = gathering.gather(session, sorted(numbers))
    _add_names(session, batch, of[MarkKind.CONTACT], of[MarkKind.ACCOUNT])
    return batch


def _add_names(
    session: Session, batch: Batch, contact_ids: Sequence[int], account_ids: Sequence[int]
) -> None:
    batch.contacts, batch.accounts = sorted(set(contact_ids)), sorted(set(account_ids))
    if batch.contacts:
        batch.names += gathering.gather_contacts(session, batch.contacts)
    if batch.accounts:
        batch.names += gathering.gather_accounts(session, batch.accounts)


def _folded(
    batch: Batch, say: Callable[[Words], str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    docs = [
        {
            "conversation_id": one.number,
            "place": one.place,
            "words": say(gathering.words_of(one)),
        }
        for one in batch.found
    ]
    return docs, list(_folded_names(batch.names, say))


def _folded_names(
    names: Iterable[Named], say: Callable[[Words], str]
) -> Iterable[dict[str, Any]]:
    for one in names:
        yield {
            "place": one.place,
            "contact_id": one.contact_id,
            "account_id": one.account_id,
            "words": say(gathering.words_of_name(one)),
        }


def _keep(
    session: Session, batch: Batch, docs: list[dict[str, Any]], names: list[dict[str, Any]]
) -> bool:
    """Write what was folded, if nobody else has taken any of its marks."""
    if not rows.take_marks(session, batch.ids):
        return False
    rows.put_docs(session, docs, batch.gone)
    rows.put_names(session, names, batch.contacts, batch.accounts)
    # What changed since we read it is read again: until then its old words are not there.
    # Somebody may just have been erased.
    rows.drop_changed(session, batch.ids[-1], [one["conversation_id"] for one in docs])
    for kind, thing in batch.many:
        rows.mark_those_of(session, kind, thing)
    return True
