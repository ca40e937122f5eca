"""Words that are not found by one key: queues, the ledger, what tells people, what quotes."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, String, cast, delete, or_, select, update
from sqlmodel import Session

from inbox.auth import random_token
from inbox.learning.forgetting import forget
from inbox.privacy import words
from inbox.privacy.subjects import Subject, in_parts
from models import (
    AlertMessage,
    Conversation,
    DeliveryState,
    IdempotencyKey,
    LedgerEntry,
    LedgerState,
    Message,
    MessageCode,
    Notice,
    Outbox,
    OutboxKind,
    RawMessage,
    RawState,
    SheetFile,
    SheetImport,
    SheetRow,
    SheetState,
    SinkMail,
    TriagePrediction,
)
from models.base import columns, core

alerts = columns(AlertMessage)
answers = columns(IdempotencyKey)
codes = columns(MessageCode)
conversations = columns(Conversation)
files = columns(SheetFile)
imports = columns(SheetImport)
ledger = columns(LedgerEntry)
messages = columns(Message)
notices = columns(Notice)
outbox = columns(Outbox)
predictions = columns(TriagePrediction)
raws = columns(RawMessage)
rows = columns(SheetRow)
sink = columns(SinkMail)

OWED = (DeliveryState.QUEUED, DeliveryState.CLAIMED)
BATCH = 500
KEPT = frozenset({"link", "step"})  # of a notice: where it leads
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"/(\d+)(?:/|$)")
_PAGE = re.compile(r"/inbox/(\d+)$")

Found = dict[str, list[Any]]


def find(session: Session, subject: Subject) -> Found:
    """Return the keys of all rows of these places that hold words of a person."""
    return {name: list(look(session, subject)) for name, look in FINDERS.items()}


def wipe(session: Session, subject: Subject, found: Found, now: datetime) -> None:
    """Take the words out of the rows that were found, in this very transaction."""
    for name, take_out in WIPERS.items():
        take_out(session, found[name], now)
    forget(session, subject.touched)


# ---- finding ---------------------------------------------------------------------------


def _by(column: Column[Any], keys: Sequence[Any], key: Column[Any]) -> Any:
    """Return a search for the keys of rows whose ``column`` is one of ``keys``."""

    def look(session: Session) -> Iterator[Any]:
        for some in in_parts(keys):
            yield from session.execute(select(key).where(column.in_(some))).scalars()

    return look


def _raws(session: Session, subject: Subject) -> Iterator[int]:
    yield from subject.raws


def _quotes(session: Session, subject: Subject) -> Iterator[int]:
    yield from subject.quoting


def _links(session: Session, subject: Subject) -> Iterator[int]:
    yield from subject.numbers


def _names(column: Column[Any], subject: Subject) -> ColumnElement[bool]:
    """Return the condition that JSON names an address of the person."""
    text = cast(column, String)
    return or_(*(text.ilike(f"%{_escaped(one)}%", escape="\\") for one in _needles(subject)))


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _needles(subject: Subject) -> list[str]:
    return [one for one in subject.addresses if len(one) >= words.SHORTEST]


def _mails(session: Session, subject: Subject) -> Iterator[int]:
    """Find what was sent to them, in their conversations, or told people of those."""
    found: set[int] = set(_by(outbox.conversation_id, subject.touched, outbox.id)(session))
    found.update(_by(outbox.to_address, subject.addresses, outbox.id)(session))
    if _needles(subject):
        found.update(
            session.execute(select(outbox.id).where(_names(outbox.copies, subject))).scalars()
        )
    told = (outbox.kind == OutboxKind.NOTICE, outbox.conversation_id.is_(None))
    found.update(_telling(session, subject, outbox.id, outbox.mail, *told))
    yield from sorted(found)


def _alerts(session: Session, subject: Subject) -> Iterator[int]:
    yield from _telling(session, subject, alerts.id, alerts.facts)


def _telling(
    session: Session,
    subject: Subject,
    key: Column[Any],
    facts: Column[Any],
    *conditions: ColumnElement[bool],
) -> Iterator[int]:
    """Find what told people of the conversations, a batch at a time."""
    numbers, needles, after = set(subject.touched), _needles(subject), 0
    while True:
        some = session.execute(
            select(key, facts).where(key > after, *conditions).order_by(key).limit(BATCH)
        ).all()
        for row_id, told in some:
            if _mentions(told, numbers) or words.holds(told, needles):
                yield row_id
        if len(some) < BATCH:
            return
        after = some[-1][0]


def _mentions(data: Any, numbers: set[int]) -> bool:
    """Tell whether facts are about one of these conversations."""
    if isinstance(data, dict):
        page = _PAGE.search(str(data.get("page") or data.get("link") or ""))
        if data.get("number") in numbers or (page and int(page[1]) in numbers):
            return True
        return any(_mentions(one, numbers) for one in data.values())
    return isinstance(data, list) and any(_mentions(one, numbers) for one in data)


def _ledger(session: Session, subject: Subject) -> Iterator[int]:
    found = set(_by(ledger.raw_id, subject.raws, ledger.id)(session))
    found.update(_by(ledger.sender, subject.addresses, ledger.id)(session))
    yield from sorted(found)


def _notices(session: Session, subject: Subject) -> Iterator[int]:
    yield from _by(notices.conversation_id, subject.touched, notices.id)(session)


def _answers(session: Session, subject: Subject) -> Iterator[tuple[int, str, str]]:
    """Find what scripts were answered about them; kept for two days."""
    numbers, needles = set(subject.touched), _needles(subject)
    shown = select(answers.agent_id, answers.path, answers.key, answers.location, answers.body)
    for agent_id, path, key, location, body in session.execute(shown):
        named = {int(one) for one in _NUMBER.findall(path) + _NUMBER.findall(location)}
        if named & numbers or words.holds(body, needles):
            yield agent_id, path, key


def _sheets(session: Session, subject: Subject) -> Iterator[int]:
    """Find the lines of sheets that name them."""
    if _needles(subject):
        named = or_(_names(rows.cells, subject), _names(rows.says, subject))
        yield from session.execute(select(rows.id).where(named)).scalars()


def _files(session: Session, subject: Subject) -> Iterator[int]:
    """Find sheets whose lines are not read yet and that name them."""
    needles = [one.encode() for one in _needles(subject)]
    unread = select(files.import_id, files.body)
    for import_id, body in session.execute(unread) if needles else ():
        if any(one in body.lower() for one in needles):
            yield import_id


def _sink(session: Session, subject: Subject) -> Iterator[int]:
    """Find all mail of the sample company: whose words an encoded mail holds cannot be seen."""
    yield from session.execute(select(sink.id)).scalars()


def _learning(session: Session, subject: Subject) -> Iterator[int]:
    yield from _by(predictions.conversation_id, subject.touched, predictions.id)(session)


FINDERS: dict[str, Callable[[Session, Subject], Iterator[Any]]] = {
    "raws": _raws,
    "quotes": _quotes,
    "links": _links,
    "mails": _mails,
    "sink": _sink,
    "ledger": _ledger,
    "alerts": _alerts,
    "notices": _notices,
    "answers": _answers,
    "sheets": _sheets,
    "sheet_files": _files,
    "learning": _learning,
}

# ---- taking out ------------------------------------------------------------------------


def _put(table: Any, key: Column[Any], **values: Any) -> Callable[..., None]:
    def take_out(session: Session, keys: Sequence[Any], now: datetime) -> None:
        for some in in_parts(keys):
            session.execute(update(table).where(key.in_(some)).values(**values))

    return take_out


def _gone(table: Any, key: Column[Any]) -> Callable[..., None]:
    def take_out(session: Session, keys: Sequence[Any], now: datetime) -> None:
        for some in in_parts(keys):
            session.execute(delete(table).where(key.in_(some)))

    return take_out


def _wipe_raws(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Leave nobody in the key by which a copy is known again, and nothing that waits."""
    for some in in_parts(keys):
        for raw_id, key in session.execute(
            select(raws.id, raws.dedupe_key).where(raws.id.in_(some))
        ).all():
            if not _HASH.fullmatch(key):
                again = "erased:" + hashlib.sha256(key.encode()).hexdigest()
                session.execute(
                    update(RawMessage).where(raws.id == raw_id).values(dedupe_key=again)
                )
        held = raws.state.in_([RawState.QUARANTINED, RawState.PENDING])
        session.execute(
            update(RawMessage).where(raws.id.in_(some), held).values(state=RawState.IGNORED)
        )
        seen = ledger.state.in_([LedgerState.QUARANTINED, LedgerState.WAITING])
        session.execute(
            update(LedgerEntry)
            .where(ledger.raw_id.in_(some), seen)
            .values(state=LedgerState.IGNORED)
        )


def _wipe_quotes(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Leave of what others wrote only what they wrote themselves."""
    for some in in_parts(keys):
        session.execute(
            update(Message)
            .where(messages.id.in_(some), messages.visible_text != "")
            .values(text=messages.visible_text)
        )


def _wipe_links(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Close the customer's page, and say when the words went."""
    table = core(Conversation)
    for number in keys:
        session.execute(
            update(table)
            .where(table.c.id == number)
            .values(public_token=random_token(), erased_at=now, version=table.c.version + 1)
        )


def _wipe_mails(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Empty what was sent, and do not send what waits."""
    bare = {"mail": {}, "to_address": "", "copies": {}, "error": "", "receipt": ""}
    for some in in_parts(keys):
        session.execute(
            update(Outbox)
            .where(outbox.id.in_(some), outbox.state.in_(OWED))
            .values(state=DeliveryState.CANCELLED)
        )
        session.execute(update(Outbox).where(outbox.id.in_(some)).values(**bare))


def _wipe_alerts(session: Session, keys: Sequence[int], now: datetime) -> None:
    for some in in_parts(keys):
        session.execute(
            update(AlertMessage)
            .where(alerts.id.in_(some), alerts.state.in_(OWED))
            .values(state=DeliveryState.CANCELLED)
        )
        session.execute(
            update(AlertMessage).where(alerts.id.in_(some)).values(facts={}, error="")
        )


def _wipe_notices(session: Session, keys: Sequence[int], now: datetime) -> None:
    for some in in_parts(keys):
        for row_id, data in session.execute(
            select(notices.id, notices.data).where(notices.id.in_(some))
        ).all():
            after = words.without_all(data, KEPT)
            if after != data:
                session.execute(update(Notice).where(notices.id == row_id).values(data=after))


def _wipe_answers(
    session: Session, keys: Sequence[tuple[int, str, str]], now: datetime
) -> None:
    for agent_id, path, key in keys:
        session.execute(
            delete(IdempotencyKey).where(
                answers.agent_id == agent_id, answers.path == path, answers.key == key
            )
        )


def _wipe_files(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Give up sheets that are not read yet: whoever brings them in again leaves nobody in."""
    failed = {"state": SheetState.FAILED, "filename": "", "finished_at": now}
    for some in in_parts(keys):
        session.execute(delete(SheetFile).where(files.import_id.in_(some)))
        session.execute(update(SheetImport).where(imports.id.in_(some)).values(**failed))


def _nothing(session: Session, keys: Sequence[int], now: datetime) -> None:
    """Leave it to ``inbox.learning.forgetting``."""


WIPERS: dict[str, Callable[..., None]] = {
    "raws": _wipe_raws,
    "quotes": _wipe_quotes,
    "links": _wipe_links,
    "mails": _wipe_mails,
    "sink": _gone(SinkMail, sink.id),
    "ledger": _put(LedgerEntry, ledger.id, sender="", subject="", reason=""),
    "alerts": _wipe_alerts,
    "notices": _wipe_notices,
    "answers": _wipe_answers,
    "sheets": _gone(SheetRow, rows.id),
    "sheet_files": _wipe_files,
    "learning": _nothing,
}
