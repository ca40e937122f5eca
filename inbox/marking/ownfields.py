"""Own fields: what a company wants to know of each conversation besides what Kịp knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from sqlalchemy import delete, select
from sqlmodel import Session

from inbox.db import insert_into
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store import conversations as talks
from inbox.store import ownfields as rows
from inbox.store import searchmarks
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.templating import N_
from inbox.triage.text import fold
from models import (
    AuditAction,
    AuditThing,
    Conversation,
    EventKind,
    FieldKind,
    OwnField,
    OwnValue,
)
from models.base import columns

fields = columns(OwnField)
values = columns(OwnValue)

LONGEST_NAME = 40
LONGEST = 200
MOST = 30
MOST_CHOICES = 100
BIGGEST = Decimal(10) ** 30
WRONG_NAME = N_("One to 40 letters.")
TAKEN = N_("There is a field of this name already.")
NO_CHOICE = N_("Write what can be chosen, one in a line.")
NO_SUCH = N_("There is no such field.")
NO_NUMBER = N_("This is no number.")
NO_DATE = N_("This is no date.")
NOT_OFFERED = N_("This is not among the choices.")
TOO_LONG = N_("This is too long.")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is typed of a field; ``choices`` in lines."""

    name: str
    kind: str
    choices: str = ""


def add(session: Session, draft: Draft, *, by: Person, now: datetime) -> int:
    """Add a field to all conversations and return its id; one that was taken out comes back.

    Raises
    ------
    Invalid
        If it has no name, one that is there, no such kind, or no choices.
    Conflict
        If there are too many.
    """
    name, kind, choices = _checked(draft)
    known = session.execute(
        select(OwnField).where(fields.folded == fold(name))
    ).scalar_one_or_none()
    if known is not None and known.is_active:
        raise Invalid(TAKEN, {"name": TAKEN})
    if len(rows.list_fields(session)) >= MOST:
        raise Conflict(N_("There are too many already. Take one out first."))
    field = known or OwnField(name=name, folded=fold(name), created_at=now)
    field.name, field.kind, field.choices, field.is_active = name, kind, choices, True
    session.add(field)
    session.flush()
    after: dict[str, object] = {"name": name, "kind": kind.value, "choices": choices}
    _note(session, field.id, AuditAction.CREATED, {}, after, by, now)
    return field.id


def change(session: Session, field_id: int, draft: Draft, *, by: Person, now: datetime) -> None:
    """Change a field's name and choices; its kind stays, and so does what is kept.

    Raises
    ------
    NotFound
        If there is no such field.
    Invalid
        As ``add`` does.
    """
    field = _get(session, field_id)
    name, _, choices = _checked(Draft(draft.name, field.kind.value, draft.choices))
    other = session.execute(
        select(fields.id).where(fields.folded == fold(name), fields.id != field_id)
    ).first()
    if other is not None:
        raise Invalid(TAKEN, {"name": TAKEN})
    before: dict[str, object] = {"name": field.name, "choices": list(field.choices)}
    field.name, field.folded, field.choices = name, fold(name), choices
    session.flush()
    after: dict[str, object] = {"name": name, "choices": choices}
    _note(session, field_id, AuditAction.CHANGED, before, after, by, now)


def remove(session: Session, field_id: int, *, by: Person, now: datetime) -> None:
    """Take a field out of the pages; what conversations have in it is kept.

    Raises
    ------
    NotFound
        If there is no such field.
    """
    field = _get(session, field_id)
    field.is_active = False
    session.flush()
    _note(session, field_id, AuditAction.REMOVED, {"name": field.name}, {}, by, now)


def fill(
    session: Session,
    conversation: Conversation,
    field_id: int,
    text: str,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Give a conversation a value in a field; "" takes it away.

    Raises
    ------
    Invalid
        If the field holds no such value, or there is none such.
    """
    found = {one.id: one for one in rows.list_fields(session)}.get(field_id)
    if found is None:
        raise Invalid(NO_SUCH)
    typed = " ".join(text.split())
    before = rows.values_of(session, conversation.id).get(field_id, "")
    if typed == before:  # perhaps a choice that is offered no more
        return
    value = read_value(found, typed)
    if value == before:
        return
    session.execute(
        delete(OwnValue).where(
            values.conversation_id == conversation.id, values.field_id == field_id
        )
    )
    if value:
        session.execute(insert_into(session, OwnValue), _row(conversation.id, field_id, value))
    data = {"field": field_id, "name": found.name, "kind": found.kind, "new": value}
    add_event(session, conversation.id, EventKind.FILLED, now, data, by=by.id)
    talks.change(session, conversation.id)
    searchmarks.mark(session, [conversation.id])
    changed(session, conversation.id)


def keep_answers(session: Session, number: int, answers: Mapping[str, str]) -> None:
    """Keep what was answered in a form with a new conversation: field's id to value."""
    for field_id, value in answers.items():
        row = _row(number, int(field_id), value)
        session.execute(insert_into(session, OwnValue).on_conflict_do_nothing(), row)


def _row(number: int, field_id: int, value: str) -> dict[str, object]:
    return {
        "conversation_id": number,
        "field_id": field_id,
        "text": value,
        "folded": fold(value),
    }


def read_value(field: rows.Field, text: str) -> str:
    """Return a value as it is kept: a number as Python writes it, a date as ISO does.

    Raises
    ------
    Invalid
        If the field holds no such value.
    """
    if not text:
        return ""
    if len(text) > LONGEST:
        raise Invalid(TOO_LONG, {"value": TOO_LONG})
    return _READ.get(field.kind, _as_typed)(field, text)


def _as_typed(_field: rows.Field, text: str) -> str:
    return text


def _number(_field: rows.Field, text: str) -> str:
    try:
        number = Decimal(text.replace(" ", "").replace(",", "."))
    except InvalidOperation as error:
        raise Invalid(NO_NUMBER, {"value": NO_NUMBER}) from error
    if not number.is_finite() or abs(number) >= BIGGEST:
        raise Invalid(NO_NUMBER, {"value": NO_NUMBER})
    return format(number.normalize(), "f")


def _date(_field: rows.Field, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Invalid(NO_DATE, {"value": NO_DATE}) from error


def _choice(field: rows.Field, text: str) -> str:
    if text not in field.choices:
        raise Invalid(NOT_OFFERED, {"value": NOT_OFFERED})
    return text


_READ = {FieldKind.NUMBER: _number, FieldKind.DATE: _date, FieldKind.CHOICE: _choice}


def _checked(draft: Draft) -> tuple[str, FieldKind, list[str]]:
    name = " ".join(draft.name.split())
    if not 0 < len(name) <= LONGEST_NAME or not fold(name).strip():
        raise Invalid(WRONG_NAME, {"name": WRONG_NAME})
    if draft.kind not in list(FieldKind):
        raise Invalid(NO_SUCH, {"kind": NO_SUCH})
    kind = FieldKind(draft.kind)
    lines = [" ".join(line.split())[:LONGEST] for line in draft.choices.splitlines()]
    choices = list(dict.fromkeys(filter(None, lines)))[:MOST_CHOICES]
    if kind is not FieldKind.CHOICE:
        return name, kind, []
    if not choices:
        raise Invalid(NO_CHOICE, {"choices": NO_CHOICE})
    return name, kind, choices


def _get(session: Session, field_id: int) -> OwnField:
    found = session.get(OwnField, field_id, with_for_update=True)
    if found is None or not found.is_active:
        raise NotFound(NO_SUCH)
    return found


def _note(
    session: Session,
    field_id: int,
    action: AuditAction,
    before: dict[str, object],
    after: dict[str, object],
    by: Person,
    now: datetime,
) -> None:
    thing = AuditThing.OWN_FIELD
    add_entry(session, thing, field_id, action, now, by=by.id, before=before, after=after)
