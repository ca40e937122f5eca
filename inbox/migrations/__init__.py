"""Alembic migrations, run by ``kip migrate`` and by ``kip run``."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import Session

from inbox.db import Database
from inbox.failpoints import failpoint


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, with no ini file."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent))
    alembic.attributes["connection"] = connection
    return alembic


def head() -> str:
    """Return the newest version of the tables that this program knows."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def knows(revision: str) -> bool:
    """Tell whether this program can bring tables of a version up to date."""
    scripts = ScriptDirectory.from_config(config())
    return revision in {script.revision for script in scripts.walk_revisions()}


def current(session: Session) -> str | None:
    """Return the version of a database's tables; None if it has none of ours."""
    return MigrationContext.configure(session.connection()).get_current_revision()


def upgrade(session: Session) -> None:
    """Bring the tables up to date inside the given transaction; nothing if they are."""
    connection = session.connection()
    scripts = ScriptDirectory.from_config(config())
    if MigrationContext.configure(connection).get_current_revision() == (
        scripts.get_current_head()
    ):
        return
    command.upgrade(config(connection), "head")
    failpoint("migration.done")


async def migrate(database: Database) -> None:
    """Bring the database up to date; any number of processes may try at once."""
    if database.is_sqlite:
        await asyncio.to_thread(database.path.parent.mkdir, parents=True, exist_ok=True)
    await database.write(upgrade)
    failpoint("migration.committed")
