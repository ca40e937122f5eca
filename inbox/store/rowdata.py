"""Rows as the database keeps them: plain types, and one hash that both databases agree on."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Enum, MetaData, String, Table
from sqlalchemy.dialects.postgresql import JSONB

Row = Sequence[Any]


def plain_table(table: Table) -> Table:
    """Return a table without its rules, its types taken down to what a database stores."""
    return Table(
        table.name,
        MetaData(),
        *(
            Column(one.name, _plain_type(one), primary_key=one.primary_key)
            for one in table.columns
        ),
    )


def _plain_type(column: Column[Any]) -> Any:
    if isinstance(column.type, Enum):
        return String()  # as it is stored, also values that we no longer know
    if isinstance(column.type, JSON):  # None is NULL, not the JSON word
        return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    return column.type


def canonical(values: Sequence[Any]) -> bytes:
    """Return values as JSON that is the same whichever database they came from."""
    return json.dumps(
        [_canonical(value) for value in values], ensure_ascii=False, sort_keys=True
    ).encode("utf-8", "surrogatepass")


def row_hash(row: Row) -> bytes:
    """Return the SHA-256 of a row that was read through its ``plain_table``."""
    return hashlib.sha256(canonical(row)).digest()


def _canonical(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return value
