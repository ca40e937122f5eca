"""``kip privacy``: what people outside may ask for, from the server's own command line."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from inbox.clock import utcnow
from inbox.errors import Conflict, InboxError, NotFound
from inbox.settings import Settings, get_settings

if TYPE_CHECKING:
    from inbox.db import Database

T = TypeVar("T")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
person_argument = click.argument("person")


@click.group()
def privacy() -> None:
    """Personal data: export, erasure, restriction."""


@privacy.command()
@person_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if there is one.")
@as_json_option
def export(person: str, file: Path, force: bool, as_json: bool) -> None:
    """Write everything that is kept of PERSON into FILE, a ZIP of JSON, mails and files.

    PERSON is an e-mail address, a phone number, or the number of a contact.
    """
    if file.exists() and not force:
        raise Conflict(f"There is a file {file} already: name another, or use --force.")

    async def work(database: "Database", settings: Settings) -> dict[str, int]:
        from inbox.privacy import exporting, exports

        number = await _find(database, person)
        counts = await exporting.write_zip(database, number, file)
        await database.write(exports.note_by_command, number, counts, utcnow())
        return counts

    counts = _run(work)
    if as_json:
        click.echo(json.dumps({"file": str(file), **counts}))
        return
    click.echo(f"{file}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


@privacy.command()
@person_argument
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", help="Why; must name nobody.")
@as_json_option
def erase(person: str, dry_run: bool, yes: bool, reason: str, as_json: bool) -> None:
    """Take away everything that PERSON wrote, or that names them; nothing brings it back.

    PERSON is an e-mail address, a phone number, or the number of a contact. Afterwards the
    database's files, the data directory and the models are searched byte by byte.
    """
    counts = _run(lambda database, _: _count(database, person))
    if dry_run:
        _print_counts(counts, as_json)
        return
    if not yes:
        _print_counts(counts, as_json=False)
        click.confirm("Erase all this for good?", abort=True)
    found = _run(lambda database, settings: _erase(database, settings, person, reason))
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print_erasure(found)


async def _count(database: "Database", person: str) -> dict[str, int]:
    from inbox.privacy import erasing

    number = await _find(database, person)
    return await database.read(lambda session: erasing.look(session, number).counts(session))


def _print_counts(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{count:8}  {name}")


async def _erase(
    database: "Database", settings: Settings, person: str, reason: str
) -> dict[str, Any]:
    """Ask for the erasure and carry it out, unless the running worker is faster."""
    from inbox.privacy import erasures, tasks
    from inbox.privacy.working import Erase
    from models import Erasure, TaskState

    number = await _find(database, person)
    asked = await database.write(erasures.ask, number, reason, by=None, now=utcnow())
    worker = Erase(database, settings)
    while True:
        await worker.once()
        row = await database.read(lambda session: session.get_one(Erasure, asked.id))
        if row.state not in tasks.OPEN:
            break
        await asyncio.sleep(1)
    if row.state is TaskState.FAILED:
        raise InboxError(row.error)
    checked = {**row.checked, "rows_left": row.checked.get("rows", {})}
    return {**checked, "contact": row.contact_id, "rows": sum(row.counts.values())}


def _print_erasure(found: dict[str, Any]) -> None:
    click.echo(f"Contact {found['contact']} is erased: {found['rows']} rows.")
    left = sum(found.get(name, 0) for name in ("database", "files", "models"))
    click.echo(f"Searched for {found['looked_for']} of their texts: found {left} times.")
    for table, count in found["rows_left"].items():
        click.echo(f"  {table}: {count} rows of others say the same")


@privacy.command()
@person_argument
@click.option("--lift", is_flag=True, help="Lift the restriction.")
def restrict(person: str, lift: bool) -> None:
    """Keep what there is of PERSON and do nothing else with it, or lift that.

    PERSON is an e-mail address, a phone number, or the number of a contact.
    """

    async def work(database: "Database", _: Settings) -> None:
        from inbox.privacy import restricting

        number = await _find(database, person)
        await database.write(restricting.restrict, number, on=not lift, by=None, now=utcnow())

    _run(work)
    click.echo("The restriction is lifted." if lift else "The data is restricted.")


async def _find(database: "Database", person: str) -> int:
    from inbox.privacy import subjects

    if person.isdecimal() and len(person) < 9:
        found = await database.read(subjects.get_contact, int(person))
        return found.id
    number = await database.read(subjects.find_by_address, person)
    if number is None:
        raise NotFound("Nobody with this address or number is known.")
    return number


def _run(work: Callable[["Database", Settings], Coroutine[Any, Any, T]]) -> T:
    """Run something on the installation's database, brought up to date first."""
    from inbox.db import Database
    from inbox.migrations import migrate

    async def run() -> T:
        settings = get_settings()
        database = Database(settings.database)
        try:
            await migrate(database)
            return await work(database, settings)
        finally:
            await database.close()

    return asyncio.run(run())
