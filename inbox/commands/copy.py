"""``kip copy``: move an installation to another database."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from inbox.errors import Conflict, InboxError, Invalid
from inbox.settings import Settings, get_settings

if TYPE_CHECKING:
    from inbox.operations.copying import Compared

PASSES = 3  # copied, read there, read here


@click.command()
@click.option("--to", "target", required=True, metavar="URL", help="As in KIP_DATABASE_URL.")
@click.option("--while-running", is_flag=True, help="A first pass beside a Kịp that runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def copy(target: str, while_running: bool, as_json: bool) -> None:
    """Copy the installation into the empty database URL, and compare every row.

    Stop Kịp first. A copy that was interrupted goes on when it is called again. To keep the
    standstill short, copy once with --while-running, then stop Kịp and copy again: only what
    has changed since is written.
    """
    from inbox.exclusive import demand_own
    from inbox.supervisor import hold

    settings = get_settings()
    _check_target(settings, target)
    demand_own(settings)
    held = contextlib.nullcontext() if while_running else hold(settings.data_dir)
    with held:
        found = asyncio.run(_copy(settings, target, alone=not while_running))
    different = [one for one in found if not one.same]
    if as_json:
        click.echo(json.dumps({"same": not different, "tables": [_as_dict(o) for o in found]}))
    else:
        _print(found)
    if different:
        names = ", ".join(one.table for one in different)
        raise InboxError(
            f"Not the same on both sides: {names}."
            + (" Stop Kịp and copy again." if while_running else "")
        )
    if not as_json and not while_running:
        click.echo(
            "Every row is there and the same. Set KIP_DATABASE_URL to the new database and "
            "start Kịp; the data directory stays."
        )


def _check_target(settings: Settings, target: str) -> None:
    try:
        there, here = make_url(target), make_url(settings.database)
    except ArgumentError as error:
        raise Invalid(f"{target} is no address of a database.") from error
    if there.get_backend_name() not in ("sqlite", "postgresql") or not there.database:
        raise Invalid(
            "Name a database as in sqlite+aiosqlite:///path/kip.db or "
            "postgresql+asyncpg://user:password@host/name."
        )
    place = ("database", "host", "port", "query")
    if all(getattr(there, part) == getattr(here, part) for part in place):
        raise Conflict("Source and target are the same database.")
    if there.get_backend_name() == "sqlite":
        path = Path(there.database)
        if not path.parent.is_dir():
            raise Invalid(f"There is no folder {path.parent.absolute()}.")
        path.touch(mode=0o600)


async def _copy(settings: Settings, url: str, *, alone: bool) -> "list[Compared]":
    from inbox.db import Database
    from inbox.exclusive import demand_alone
    from inbox.operations.copying import copy_installation, demand_source

    source, target = Database(settings.database), None
    try:
        if alone:
            await demand_alone(source, "The source")
        rows = await demand_source(source)
        target = Database(url)
        await demand_alone(target, "The target")
        with _bar(PASSES * rows) as progress:
            return await copy_installation(source, target, progress)
    finally:
        await source.close()
        if target is not None:
            await target.close()


@contextlib.contextmanager
def _bar(length: int) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    with click.progressbar(length=length, label="Copying", file=sys.stderr) as bar:
        yield bar.update


def _as_dict(one: "Compared") -> dict[str, object]:
    return {
        "table": one.table,
        "source_rows": one.source.count,
        "target_rows": one.target.count,
        "same": one.same,
    }


def _print(found: "list[Compared]") -> None:
    width = max(len(one.table) for one in found)
    for one in found:
        verdict = "same" if one.same else f"DIFFERENT ({one.target.count} in the target)"
        click.echo(f"{one.table:<{width}}  {one.source.count:>9}  {verdict}")
