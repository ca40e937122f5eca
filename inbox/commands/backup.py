"""``kip backup`` and ``kip restore``."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from inbox.clock import utcnow
from inbox.errors import InboxError, NotFound
from inbox.settings import Settings, get_settings

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@as_json_option
def backup(file: Path, force: bool, as_json: bool) -> None:
    """Write a backup of the whole installation into FILE, while it runs or while it is stopped.

    In it are the database, the secret key and the trained models: keep it as you keep those.
    """
    from inbox.exclusive import demand_own
    from inbox.operations.backup import make_backup

    settings = get_settings()
    demand_own(settings)
    target = file.absolute()
    if not target.parent.is_dir():
        raise NotFound(f"There is no folder {target.parent}.")
    if target.exists() and not force:
        raise InboxError(
            f"There is a file {target} already: name another, or replace it with --force."
        )
    now = utcnow()
    with _said(), _bar("Backing up") as progress:
        made = make_backup(settings, target, now, force=force, progress=progress)
    warning = _remember(settings, now)
    size = target.stat().st_size
    if as_json:
        click.echo(json.dumps({"file": str(target), "size": size, **asdict(made)}))
    else:
        click.echo(f"{target}: {_inside(made.tables)}, {size / 2**20:.1f} MiB.")
    if warning:
        click.echo(f"kip: {warning}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--force", is_flag=True, help="Replace the installation that is there.")
@as_json_option
def restore(file: Path, force: bool, as_json: bool) -> None:
    """Make the installation what it was when the backup FILE was made.

    Refuses while Kịp runs on it, and where there are messages already. What it replaces is
    kept beside it.
    """
    from inbox.db import Database
    from inbox.exclusive import demand_alone, demand_own
    from inbox.operations.restore import restore as put_back
    from inbox.supervisor import hold

    settings = get_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    demand_own(settings)

    async def alone() -> None:
        database = Database(settings.database)
        try:
            await demand_alone(database, "The installation")
        finally:
            await database.close()

    with _said(), hold(settings.data_dir):
        asyncio.run(alone())
        with _bar("Restoring") as progress:
            done = put_back(settings, file, utcnow(), force=force, progress=progress)
    if as_json:
        shown: dict[str, Any] = {"manifest": asdict(done.manifest)}
        shown |= {"kept": [str(path) for path in done.kept], "advice": list(done.advice)}
        click.echo(json.dumps(shown))
        return
    made = done.manifest
    click.echo(f"Restored as of {made.made_at}: {_inside(made.tables)}.")
    for path in done.kept:
        click.echo(f"What was there before: {path}")
    for sentence in done.advice:
        click.echo(f"kip: {sentence}", err=True)


def _inside(tables: dict[str, int]) -> str:
    conversations, messages = tables.get("conversations", 0), tables.get("messages", 0)
    return f"{conversations} conversations, {messages} messages"


def _remember(settings: Settings, now: Any) -> str:
    """Record the backup in the database; a sentence if that fails, for the backup is made."""
    from inbox.db import Database
    from inbox.operations.backup import remember

    async def work() -> None:
        database = Database(settings.database)
        try:
            await remember(database, now)
        finally:
            await database.close()

    try:
        asyncio.run(work())
    except InboxError as error:
        return f"The backup is made, but could not be recorded: {error.message}"
    return ""


@contextmanager
def _said() -> Iterator[None]:
    """Turn what the disk has to say into a sentence."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise InboxError(f"{error.strerror or error}{where}.") from error


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many MiB have gone by."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    gone = 0

    def show(count: int) -> None:
        nonlocal gone
        before, gone = gone >> 20, gone + count
        if gone >> 20 != before:
            click.echo(f"\r{label}: {gone >> 20} MiB", nl=False, err=True)

    yield show
    click.echo("\r" + " " * 40 + "\r", nl=False, err=True)
