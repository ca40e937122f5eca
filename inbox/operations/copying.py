"""Move an installation to another database, table by table, and prove every row.

Rows go over in the order of their keys, in batches; a batch that is there already costs a
read and no write, so an interrupted copy is simply called again. In the end each table is
read whole on both sides: counts and sums of row hashes have to agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, NotFound
from inbox.migrations import current, head, migrate
from inbox.operations.tablerows import (
    Digest,
    Progress,
    copy_late,
    copy_table,
    digest,
    make_plans,
    remove_extra,
)
from inbox.store import searchmarks

# rows of these are only ever added
_HISTORY = ("events", "audit_entries", "audit_seals", "raw_messages", "messages")
_SIGNS_OF_LIFE = ("agents", "conversations", *_HISTORY)


@dataclass(frozen=True, slots=True)
class Compared:
    """One table on both sides."""

    table: str
    source: Digest
    target: Digest

    @property
    def same(self) -> bool:
        """Whether every row is there and is the same."""
        return self.source == self.target


def last_number(session: Session, table: str) -> int:
    """Return the highest number that a table has ever given, so that none is given twice."""
    highest = session.execute(text(f'SELECT max(id) FROM "{table}"')).scalar() or 0  # noqa: S608 -- a name from the metadata
    if session.get_bind().dialect.name == "sqlite":
        given = session.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table}
        ).scalar()
        return max(int(given or 0), int(highest))
    sequence = _sequence(session, table)
    if sequence is None:
        return int(highest)
    row = session.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608 -- quoted by the database
    return max(int(row.last_value) - (not row.is_called), int(highest))


def _sequence(session: Session, table: str) -> str | None:
    name: str | None = session.execute(
        text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table}
    ).scalar()
    return name


def set_last_number(session: Session, table: str, number: int) -> None:
    """Make a table go on after a number."""
    if session.get_bind().dialect.name == "sqlite":
        # Only tables that never give a number twice are in there; others go on by themselves.
        session.execute(
            text("UPDATE sqlite_sequence SET seq = :number WHERE name = :name"),
            {"name": table, "number": number},
        )
        return
    sequence = _sequence(session, table)
    if sequence is not None:
        session.execute(
            text("SELECT setval(:name, :number, :called)"),
            {"name": sequence, "number": max(number, 1), "called": number > 0},
        )


# ---- the whole -------------------------------------------------------------


async def demand_source(source: Database) -> int:
    """Check that there is something to move, and return its number of rows.

    Raises
    ------
    NotFound
        If there is no installation.
    Conflict
        If its tables are not up to date.
    """
    if source.is_sqlite and not source.path.exists():
        raise NotFound(f"There is no database {source.path}: nothing to move.")
    if await source.read(current) != head():
        raise Conflict("The source is not up to date: run kip migrate on it first.")
    if await source.read(_instance) is None:
        raise NotFound("There is no company in the source: nothing to move.")
    return await source.read(_count_all)


def _instance(session: Session) -> str | None:
    found: str | None = session.execute(text("SELECT instance_id FROM company")).scalar()
    return found


def _count_all(session: Session) -> int:
    return sum(
        int(session.execute(select(func.count()).select_from(plan.table)).scalar_one())
        for plan in make_plans()
    )


def _highest(session: Session, names: Iterable[str]) -> dict[str, int]:
    return {
        name: int(session.execute(text(f'SELECT max(id) FROM "{name}"')).scalar() or 0)  # noqa: S608 -- names from above
        for name in names
    }


async def demand_target(source: Database, target: Database) -> None:
    """Check that the target is empty, or an unfinished copy of this very installation.

    Raises
    ------
    Conflict
        If it is another's, or has lived on by itself.
    """
    theirs, ours = await target.read(_instance), await source.read(_instance)
    there = await target.read(_highest, _SIGNS_OF_LIFE)
    if theirs != ours and (theirs is not None or any(there.values())):
        raise Conflict("There is another installation in the target: name an empty database.")
    here = await source.read(_highest, _HISTORY)
    lived = [name for name in _HISTORY if there[name] > here[name]]
    if lived:
        raise Conflict(
            f"The target has been used since it was copied (it has {lived[0]} that the source "
            "has not): copying again would lose them."
        )


async def copy_installation(
    source: Database, target: Database, progress: Progress
) -> list[Compared]:
    """Copy everything and compare both sides; ``progress`` hears each row three times.

    Both have been checked, and nobody else uses them.
    """
    await migrate(target)
    await demand_target(source, target)
    plans = make_plans()
    for plan in plans:
        await copy_table(source, target, plan, progress)
    for plan in plans:
        if plan.late:
            await copy_late(source, target, plan)
    for plan in reversed(plans):
        await remove_extra(source, target, plan)
    await target.write(searchmarks.begin_anew)
    for plan in plans:
        if plan.sequence:
            number = await source.read(last_number, plan.name)
            await target.write(set_last_number, plan.name, number)
    return [
        Compared(
            plan.name,
            await digest(source, plan, progress),
            await digest(target, plan, progress),
        )
        for plan in plans
    ]
