"""``kip import``: what came before Kịp: mail, and accounts with their contacts."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inbox.processes import loading

if TYPE_CHECKING:
    from inbox.importing.run import Count
    from inbox.settings import Settings


@click.group()
def imports() -> None:
    """Bring in what came before Kịp."""


@imports.command("mbox")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--inbox", required=True, help="The inbox it goes to: its address or name.")
@click.option(
    "--open/--closed",
    "is_open",
    default=False,
    help="Open conversations with clocks that begin now; else done ones without (default).",
)
@click.option("--type", "request_type", default="", help="The request type of all of it.")
@click.option("--as", "by", default="", help="Who vouches for --type, by e-mail address.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def mbox(
    path: Path, inbox: str, is_open: bool, request_type: str, by: str, as_json: bool
) -> None:
    """Import an mbox file, an .eml file, or a folder of .eml files.

    Nobody gets an acknowledgement. Running it again brings in only what is new. With --type,
    done conversations count as confirmed, and models learn from them. A mail that cannot be
    read goes to quarantine, and the others go on.
    """
    from inbox.settings import get_settings

    count = asyncio.run(_import(get_settings(), path, inbox, is_open, request_type, by))
    if as_json:
        click.echo(json.dumps(count.facts()))
        return
    click.echo(
        f"{count.read} mails read: {count.imported} imported, {count.known} known already, "
        f"{count.quarantined} in quarantine"
    )


@imports.command("csv")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "windows-1258", "windows-1252"]),
    default="utf-8",
    help="How the file is written, where it does not say so itself (default: UTF-8).",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")
@click.option("--skip-wrong", is_flag=True, help="Bring in the others where rows are wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def sheet(path: Path, encoding: str, dry_run: bool, skip_wrong: bool, as_json: bool) -> None:
    """Import accounts and contacts from a CSV file, one contact a row.

    Every row is judged before anything is written; with wrong rows nothing is, unless
    --skip-wrong says so. Bringing the same file in again changes nothing. docs/accounts.md
    lists the columns.
    """
    from inbox.settings import get_settings

    facts = asyncio.run(_bring(get_settings(), path, encoding, dry_run, skip_wrong))
    if as_json:
        click.echo(json.dumps(facts))
    else:
        for row in facts["wrong_rows"]:
            click.echo(f"line {row['line']}: {row['why']}", err=True)
        click.echo(
            f"{facts['rows']} rows: {facts['new']} new, {facts['changed']} changed, "
            f"{facts['same']} as they were, {facts['wrong']} wrong"
            + ("" if facts["written"] else "; nothing was changed")
        )
    if facts["wrong"] and not facts["written"]:
        raise SystemExit(1)


async def _bring(
    settings: "Settings", path: Path, encoding: str, dry_run: bool, skip_wrong: bool
) -> dict[str, Any]:
    with loading():
        from inbox.db import Database
        from inbox.exclusive import demand_own
        from inbox.migrations import migrate
        from inbox.sheets.command import bring_file
        from inbox.staging import demand_room

    demand_own(settings)
    demand_room(settings.data_dir)
    database = Database(settings.database)
    try:
        await migrate(database)
        is_shown = sys.stderr.isatty()
        with click.progressbar(length=0, label="Importing", file=sys.stderr) as bar:

            def tell(done: int, total: int) -> None:
                if is_shown:
                    bar.length, bar.pos = total, done
                    bar.update(0)

            return await bring_file(
                database, path, encoding, dry_run=dry_run, skip_wrong=skip_wrong, tell=tell
            )
    finally:
        await database.close()


async def _import(
    settings: "Settings", path: Path, inbox: str, is_open: bool, request_type: str, by: str
) -> "Count":
    with loading():
        from inbox.db import Database
        from inbox.exclusive import demand_own
        from inbox.importing.mbox import count_bytes
        from inbox.importing.run import make_plan, run_import
        from inbox.loops import TakeIn
        from inbox.migrations import migrate
        from inbox.staging import demand_room

    demand_own(settings)
    demand_room(settings.data_dir)
    database = Database(settings.database)
    take_in = TakeIn(database, settings, settings.secret)
    try:
        await migrate(database)
        chosen = {"is_open": is_open, "request_type": request_type, "by": by}
        plan = await database.read(make_plan, inbox, **chosen)
        hidden = not sys.stderr.isatty()
        size = count_bytes(path)
        with click.progressbar(length=size, label="Importing", file=sys.stderr) as bar:

            def tell(more: int) -> None:
                if not hidden:
                    bar.update(more)

            return await run_import(database, take_in.take, plan, path, tell)
    finally:
        await take_in.close()
        await database.close()
