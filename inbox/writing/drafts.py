"""Drafts: what a person has begun to write, the same on each of their devices.

The newest text wins; what another device had written meanwhile is kept beside it until its
writer has decided, so that no text is ever lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlmodel import Session

from inbox.db import after_commit, insert_into
from inbox.errors import Invalid
from inbox.outgoing import staged
from inbox.outgoing.letters import File
from inbox.templating import N_
from models import Draft, Message
from models.base import columns, core

drafts = columns(Draft)
messages = columns(Message)

REPLY, NOTE = "reply", "note"
KINDS = (REPLY, NOTE)
MOST_TEXT = 100_000
KEPT_FOR = timedelta(days=90)  # untouched; its files as long
TOO_LONG = N_("This is too long for one message.")


@dataclass(frozen=True, slots=True)
class Written:
    """A composer as it stands. ``page`` names it, ``version`` is the draft that it began from.

    ``settled``: its writer has seen the other device's text and needs it no more.
    """

    kind: str
    text: str
    cc: str = ""
    bcc: str = ""
    files: tuple[str, ...] = ()
    seen: int = 0
    page: str = ""
    version: int = 0
    settled: bool = False
    to: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.text.strip() or self.cc.strip() or self.bcc.strip() or self.files)


def save(
    session: Session, agent_id: int, number: int, written: Written, now: datetime
) -> Draft | None:
    """Keep a draft as it is now; None where there is nothing in it any more.

    Raises
    ------
    Invalid
        If it is of no kind there is, or longer than a message may be.
    """
    _check(written)
    row = _find(session, agent_id, number, written.kind)
    if written.is_empty:
        if row is not None and _knows(written, row):
            _clear(session, row, now)
        return None
    if row is None:
        _begin(session, agent_id, number, written, now)
        row = _find(session, agent_id, number, written.kind)
    if row is None:  # sent from another page this moment
        return None
    if written.settled:
        row.other_text, row.other_at = "", None
    if not _knows(written, row) and row.text.strip() not in ("", written.text.strip()):
        row.other_text, row.other_at = row.text, row.updated_at
    row.text, row.cc, row.bcc = written.text, written.cc[:2000], written.bcc[:2000]
    row.to_address = written.to[:320]
    row.files, row.seen, row.page = list(written.files), written.seen, written.page
    row.version, row.updated_at = row.version + 1, now
    session.add(row)
    staged.keep(session, agent_id, number, written.files, now + KEPT_FOR)
    return row


def _check(written: Written) -> None:
    if written.kind not in KINDS:
        raise Invalid(N_("There is no such kind of message."))
    if len(written.text) > MOST_TEXT:
        raise Invalid(TOO_LONG)


def _knows(written: Written, row: Draft) -> bool:
    """Tell whether a page has seen the draft that it writes over."""
    return row.page == written.page or row.version == written.version


def _find(session: Session, agent_id: int, number: int, kind: str) -> Draft | None:
    found: Draft | None = session.execute(
        select(Draft)
        .where(
            drafts.agent_id == agent_id,
            drafts.conversation_id == number,
            drafts.kind == kind,
        )
        .with_for_update()
    ).scalar_one_or_none()
    return found


def _begin(
    session: Session, agent_id: int, number: int, written: Written, now: datetime
) -> None:
    values: dict[str, Any] = {
        "agent_id": agent_id,
        "conversation_id": number,
        "kind": written.kind,
        "text": written.text,
        "cc": "",
        "bcc": "",
        "to_address": "",
        "files": [],
        "page": written.page,
        "seen": written.seen,
        "version": 0,
        "other_text": "",
        "created_at": now,
        "updated_at": now,
    }
    session.execute(insert_into(session, Draft).values(**values).on_conflict_do_nothing())
    after_commit(session, "list")  # its row says so


def _clear(session: Session, row: Draft, now: datetime) -> None:
    """Drop what was deleted by hand; the other device's text comes up in its place."""
    if row.other_text:
        row.text, row.other_text, row.other_at = row.other_text, "", None
        row.version, row.updated_at = row.version + 1, now
        session.add(row)
        return
    session.delete(row)
    after_commit(session, "list")


def put_back(
    session: Session, agent_id: int, number: int, written: Written, now: datetime
) -> None:
    """Make what was taken back a draft again; one that was begun since is kept beside it."""
    row = _find(session, agent_id, number, written.kind)
    if row is not None and row.text.strip():
        row.other_text, row.other_at = row.text, row.updated_at
        row.page = written.page
        session.flush()
    save(session, agent_id, number, written, now)


def put_back_files(
    session: Session, agent_id: int, number: int, files: Sequence[File], now: datetime
) -> tuple[str, ...]:
    """Put files by that belong to such a draft; return their tokens."""
    kept = staged.put_by(session, agent_id, number, files, now)
    return tuple(one.token for one in kept)


_THEIRS = select(Draft).where(
    drafts.agent_id == bindparam("me"), drafts.conversation_id == bindparam("number")
)
_TAKE = (
    delete(core(Draft))
    .where(
        drafts.agent_id == bindparam("me"),
        drafts.conversation_id == bindparam("number"),
        drafts.kind == bindparam("its_kind"),
    )
    .returning(drafts.files)
)


def load(session: Session, agent_id: int, number: int) -> dict[str, Draft]:
    """Return a person's drafts in a conversation, by kind."""
    rows = session.execute(_THEIRS, {"me": agent_id, "number": number}).scalars()
    return {row.kind: row for row in rows}


def forget(session: Session, agent_id: int, number: int, kind: str) -> None:
    """Forget a draft that was sent, with the files that it had put by."""
    files = take(session, agent_id, number, kind)
    staged.remove(session, agent_id, files)


def take(session: Session, agent_id: int, number: int, kind: str) -> Sequence[str]:
    """Forget a draft; return the tokens of its files, which stay."""
    which = {"me": agent_id, "number": number, "its_kind": kind}
    files: Sequence[str] | None = session.execute(_TAKE, which).scalar_one_or_none()
    if files is not None:
        after_commit(session, "list")
    return files or ()


def was_sent(session: Session, key: str) -> bool:
    """Tell whether a page's message was sent, by what makes a doubled click one message."""
    query = select(messages.id).where(messages.client_key == key)
    return session.execute(query).first() is not None


_BEGUN = select(drafts.conversation_id).where(drafts.agent_id == bindparam("me"))


def numbers_of(session: Session, agent_id: int, numbers: Iterable[int]) -> set[int]:
    """Return which of the conversations a person has begun to write in."""
    begun = session.execute(_BEGUN, {"me": agent_id}).scalars()  # few: old drafts are forgotten
    return set(begun).intersection(numbers)


def forget_old(session: Session, now: datetime) -> None:
    """Forget drafts that nobody has touched for a long time."""
    session.execute(delete(Draft).where(drafts.updated_at <= now - KEPT_FOR))
