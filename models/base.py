"""What every table shares: an id, named constraints, enums by value, JSON on both databases."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Enum,
    and_,
    event,
    false,
    insert,
    inspect,
    or_,
    true,
)
from sqlalchemy import Table as CoreTable
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig
from sqlmodel.sql.sqltypes import UTCDateTime

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(UTCDateTime):
    """A ``UTCDateTime`` that is read from SQLite in one step in place of three.

    A page of the list reads four hundred times, a tenth of its cost.
    """

    cache_ok = True

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Return what makes an instant of what the database gives."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return _read_instant


def _read_instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored).replace(tzinfo=UTC)


@event.listens_for(Column, "before_parent_attach")
def _time_is_read_at_once(column: Column[Any], _table: object) -> None:
    """Choose how every time of ours is stored, where a field says ``datetime``."""
    if type(column.type) is UTCDateTime:
        column.type = Instant()


JSON_ANYWHERE = JSON().with_variant(JSONB(), "postgresql")


class Table(SQLModel):
    """Base of every table: an integer key given by the database."""

    # A table's rows are never validated, so that what would do so is not built at each start.
    model_config = SQLModelConfig(defer_build=True)

    id: int = Field(default=None, primary_key=True)


def stored_as_value(kind: type[StrEnum]) -> Enum:
    """Store an enum's value, not its member name, and never as a native database type."""
    return Enum(
        kind,
        native_enum=False,
        length=24,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    )


def json_column(*, nullable: bool = False) -> Column[Any]:
    """Return a JSON column (JSONB on PostgreSQL). Reassign it: changes inside are not seen.

    Give its field a ``default`` of ``{}`` or ``[]``, which each row gets a copy of: of a
    ``default_factory`` pydantic asks the signature for every row, 25 to 80 µs.
    """
    return Column(JSON_ANYWHERE, nullable=nullable)


@cache
def core(table: type[SQLModel]) -> CoreTable:
    """Return a table as SQLAlchemy Core knows it, for statements that need no object.

    A statement of columns that joins a class is the ORM's business and costs some 200 µs more
    each time than one that joins the table. Core knows none of the class's defaults: an insert
    has to give every column.
    """
    found: CoreTable = inspect(table).local_table
    return found


def insert_many(table: type[SQLModel]) -> ReturningInsert[Any]:
    """Return an INSERT for hundreds of rows, which writes them by few statements.

    Only one that returns something does; what it returns is of no use.
    """
    plain = core(table)
    return insert(plain).returning(next(iter(plain.primary_key)))


@cache
def columns(table: type[SQLModel]) -> "ReadOnlyColumnCollection[str, Column[Any]]":
    """Return a table's columns for queries that want columns, not whole objects."""
    found: ReadOnlyColumnCollection[str, Column[Any]] = inspect(table).local_table.c
    return found


def one_of(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Say ``column IN (values)`` of a few constants.

    An IN list is written out anew each time its statement runs (some 50 µs); this is not. For
    lists that vary in length use ``in_``.
    """
    return or_(false(), *(column == value for value in values))


def none_of(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Say ``column NOT IN (values)`` of a few constants; see ``one_of``."""
    return and_(true(), *(column != value for value in values))
