"""Own fields of conversations as pages, filters and sheets look them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from inbox.store.kept import kept
from models import FieldKind, FormField, OwnField, OwnValue
from models.base import columns, core

fields = columns(OwnField)
values = columns(OwnValue)
asked = columns(FormField)


@dataclass(frozen=True, slots=True)
class Field:
    """An own field; ``choices`` of one that holds a choice."""

    id: int
    name: str
    kind: FieldKind
    choices: tuple[str, ...]


_COLUMNS = (fields.id, fields.name, fields.kind, fields.choices)
_ACTIVE = select(*_COLUMNS).where(fields.is_active.is_(True)).order_by(fields.id)
_VALUES = select(values.field_id, values.text).where(
    values.conversation_id == bindparam("number")
)


def _field(row: Any) -> Field:
    return Field(row.id, row.name, row.kind, tuple(row.choices))


@kept
def list_fields(session: Session) -> Sequence[Field]:
    """Return the fields that are in use, the oldest first."""
    return tuple(_field(row) for row in session.execute(_ACTIVE))


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that a form asks for, of one request type or ("") of all."""

    field: Field
    request_type: str
    is_required: bool


def list_asked(session: Session, inbox_id: int) -> list[Asked]:
    """Return what a form asks for, the oldest field first."""
    query = (
        select(*_COLUMNS, asked.request_type, asked.is_required)
        .join(core(FormField), asked.field_id == fields.id)
        .where(asked.inbox_id == inbox_id, fields.is_active.is_(True))
        .order_by(fields.id)
    )
    return [
        Asked(_field(row), row.request_type, row.is_required) for row in session.execute(query)
    ]


def values_of(session: Session, number: int) -> dict[int, str]:
    """Return what a conversation has, by field."""
    found = session.execute(_VALUES, {"number": number})
    return {row.field_id: row.text for row in found}


def values_of_all(session: Session, numbers: Sequence[int]) -> dict[int, dict[int, str]]:
    """Return what each of several conversations has, by field."""
    found: dict[int, dict[int, str]] = {number: {} for number in numbers}
    query = select(values.conversation_id, values.field_id, values.text).where(
        values.conversation_id.in_(list(numbers))
    )
    for number, field_id, text in session.execute(query):
        found[number][field_id] = text
    return found
