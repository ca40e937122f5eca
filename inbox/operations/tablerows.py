"""Rows of any table, as they are: read in batches, compared by their hashes, put elsewhere.

Types are taken down to what a database stores, so that a row goes over unchanged from
SQLite to PostgreSQL or back, and hashes the same on both.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

import models  # noqa: F401  (fills the metadata)
from inbox.db import Database
from inbox.errors import Invalid
from inbox.store.rowdata import plain_table, row_hash

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
# The database sees to it.
APPEND_ONLY = frozenset({"events", "audit_entries", "audit_seals", "redactions", "looks"})

# Made anew on the other side: the databases index words in their own ways, and name the state
# of what rarely changes by themselves.
MADE_ANEW = frozenset({"house_edition", "search_docs", "search_names", "search_marks"})

Key = tuple[Any, ...]
Row = tuple[Any, ...]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """One table as it is copied: plain types, no defaults, no rules of its own.

    ``late`` columns refer to the table itself or to one that comes later: they are filled
    in when every row is there.
    """

    table: Table
    late: tuple[str, ...]
    sequence: bool  # the key is a number that the database gives

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def keys(self) -> list[Column[Any]]:
        """The primary key."""
        return list(self.table.primary_key.columns)

    @property
    def heavy(self) -> list[Column[Any]]:
        """The columns whose size is anybody's guess."""
        return [one for one in self.table.columns if isinstance(one.type, LargeBinary)]

    def key_of(self, row: Row) -> Key:
        """Return a row's key."""
        names = list(self.table.columns.keys())
        return tuple(row[names.index(one.name)] for one in self.keys)


@dataclass(frozen=True, slots=True)
class Digest:
    """A table's content: how many rows, and the sum of their hashes, in any order."""

    count: int
    total: int


def make_plans() -> list[Plan]:
    """Return the tables in an order in which nothing refers to what is not there yet.

    The company comes first: an unfinished copy is known by it.
    """
    order = [one for one in SQLModel.metadata.sorted_tables if one.name not in MADE_ANEW]
    order.sort(key=lambda table: table.name != "company")  # stable, and it refers to nothing
    position = {table.name: number for number, table in enumerate(order)}
    return [_plan(table, position) for table in order]


def _plan(table: Table, position: dict[str, int]) -> Plan:
    late = tuple(
        column.name
        for column in table.columns
        for key in column.foreign_keys
        if position[key.column.table.name] >= position[table.name]
    )
    plain = plain_table(table)
    keys = list(table.primary_key.columns)
    sequence = len(keys) == 1 and keys[0].name == "id" and isinstance(keys[0].type, Integer)
    return Plan(plain, late, sequence)


def _after(plan: Plan, key: Key) -> Any:
    bound = [
        bindparam(None, value, type_=one.type)
        for one, value in zip(plan.keys, key, strict=True)
    ]
    return tuple_(*plan.keys) > tuple_(*bound)


def read_batch(session: Session, plan: Plan, after: Key | None) -> list[Row]:
    """Return the next rows in the order of their keys, not more than memory is for."""
    limit = BATCH
    if plan.heavy:
        limit = _how_many(session, plan, after)
    query = select(plan.table).order_by(*plan.keys).limit(limit)
    if after is not None:
        query = query.where(_after(plan, after))
    return [tuple(row) for row in session.execute(query)]


def _how_many(session: Session, plan: Plan, after: Key | None) -> int:
    """Return how many rows are few enough bytes: one at least."""
    sizes = select(sum((func.length(one) for one in plan.heavy), start=bindparam(None, 0)))
    query = sizes.order_by(*plan.keys).limit(BATCH)
    if after is not None:
        query = query.where(_after(plan, after))
    total = 0
    for count, size in enumerate(session.execute(query).scalars(), start=1):
        total += size or 0
        if total > BATCH_BYTES:
            return count
    return BATCH


async def _batches(database: Database, plan: Plan) -> AsyncIterator[list[Row]]:
    after: Key | None = None
    while rows := await database.read(read_batch, plan, after):
        yield rows
        after = plan.key_of(rows[-1])


def _hash(row: Row) -> int:
    return int.from_bytes(row_hash(row))


async def digest(database: Database, plan: Plan, progress: Progress) -> Digest:
    """Read a whole table."""
    count = total = 0
    async for rows in _batches(database, plan):
        count += len(rows)
        total = (total + sum(_hash(row) for row in rows)) % 2**256
        progress(len(rows))
    return Digest(count, total)


def _by_keys(plan: Plan, keys: Iterable[Key]) -> Any:
    if len(plan.keys) == 1:
        return plan.keys[0].in_([key[0] for key in keys])
    return tuple_(*plan.keys).in_(list(keys))


def _without_late(plan: Plan, row: Row) -> Row:
    names = plan.table.columns.keys()
    return tuple(
        None if name in plan.late else value for name, value in zip(names, row, strict=True)
    )


def _existing(session: Session, plan: Plan, keys: list[Key]) -> dict[Key, Row]:
    found = session.execute(select(plan.table).where(_by_keys(plan, keys)))
    return {plan.key_of(tuple(row)): tuple(row) for row in found}


def _differing(session: Session, plan: Plan, rows: Sequence[Row]) -> list[Row]:
    there = _existing(session, plan, [plan.key_of(row) for row in rows])
    hashes = {key: _hash(row) for key, row in there.items()}
    return [row for row in rows if hashes.get(plan.key_of(row)) != _hash(row)]


def _put(session: Session, plan: Plan, rows: Sequence[Row]) -> None:
    build = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    names = plan.table.columns.keys()
    statement = build(plan.table)
    keys = [one.name for one in plan.keys]
    changed = {
        name: statement.excluded[name]
        for name in names
        if name not in keys and name not in plan.late
    }
    put = (
        statement.on_conflict_do_update(index_elements=keys, set_=changed)
        if changed and plan.name not in APPEND_ONLY
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    session.execute(
        put, [dict(zip(names, _without_late(plan, row), strict=True)) for row in rows]
    )


def _put_late(session: Session, plan: Plan, rows: Sequence[Row]) -> None:
    names = list(plan.table.columns.keys())
    for row in rows:
        values = {name: row[names.index(name)] for name in plan.late}
        session.execute(
            update(plan.table).where(_by_keys(plan, [plan.key_of(row)])).values(values)
        )


async def _write(
    target: Database, work: Callable[..., None], plan: Plan, rows: list[Row]
) -> None:
    """Write a batch; where the database refuses it, say which row it means."""
    try:
        await target.write(work, plan, rows)
    except DBAPIError as error:
        for row in rows:
            try:
                await target.write(work, plan, [row])
            except DBAPIError as same:
                key = ", ".join(str(part) for part in plan.key_of(row))
                said = str(same.orig or same).splitlines()[0]
                raise Invalid(f"Row {key} of {plan.name} cannot be stored: {said}") from error


async def copy_table(source: Database, target: Database, plan: Plan, on: Progress) -> None:
    """Bring every row of a table over; rows that are the same are left alone."""
    async for rows in _batches(source, plan):
        differing = await target.read(_differing, plan, rows)
        if differing:
            await _write(target, _put, plan, differing)
        on(len(rows))


async def copy_late(source: Database, target: Database, plan: Plan) -> None:
    """Fill in the columns that had to wait."""
    async for rows in _batches(source, plan):
        differing = await target.read(_differing, plan, rows)
        if differing:
            await _write(target, _put_late, plan, differing)


async def remove_extra(source: Database, target: Database, plan: Plan) -> None:
    """Take away rows of the target that the source no longer has."""
    async for rows in _batches(target, plan):
        keys = [plan.key_of(row) for row in rows]
        known = await source.read(_existing, plan, keys)
        extra = [key for key in keys if key not in known]
        if extra:
            await target.write(_remove, plan, extra)


def _remove(session: Session, plan: Plan, keys: list[Key]) -> None:
    session.execute(delete(plan.table).where(_by_keys(plan, keys)))
