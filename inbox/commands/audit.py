"""``kip audit``: who changed what, and whether anybody changed that afterwards."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from inbox.errors import InboxError, Invalid, NotFound
from inbox.settings import get_settings
from inbox.store.trail import THINGS, Wanted

if TYPE_CHECKING:
    from sqlmodel import Session

    from inbox.db import Database
    from inbox.operations.auditing import Finding, Verdict
    from inbox.store.trail import Change

T = TypeVar("T")

AT_ONCE = 500  # lines of the list read at a time

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def audit() -> None:
    """Who changed what, and proof that nobody changed that afterwards."""


@audit.command()
@click.option(
    "--noted",
    metavar="NUMBER:HASH",
    help="A seal noted earlier and kept elsewhere: it has to be in the chain still.",
)
@as_json_option
def verify(noted: str | None, as_json: bool) -> None:
    """Compare every row of the audit trail with its seal; name each that is not as it was.

    Ends with 1 if a row was changed, removed or put in later, or a seal was forged. Note the
    last seal that is printed somewhere else: with --noted it shows, another time, that the
    whole chain was not made anew.
    """
    kept: list[dict[str, Any]] = []

    def report(found: "Finding") -> None:
        if as_json:
            kept.append({"table": found.table, "id": found.id, "what": found.what})
        else:
            click.echo(f"{found.table} {found.id}: {found.what}")

    verdict = _on_database(lambda database: _verify(database, report, _noted(noted)))
    if as_json:
        click.echo(json.dumps({**_as_dict(verdict), "findings": kept}))
    else:
        _print(verdict)
    if verdict.findings:
        raise InboxError(
            f"The audit trail is not as it was written; findings: {verdict.findings}."
        )


async def _verify(
    database: "Database", report: "Callable[[Finding], None]", noted: tuple[int, str] | None
) -> "Verdict":
    from inbox.operations import auditing

    with _bar(await database.read(auditing.count_rows)) as progress:
        return await auditing.verify(database, report, progress, noted=noted)


def _noted(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, link_hash = text.partition(":")
    if not (number.isdecimal() and len(number) < 19 and len(link_hash) == 64):
        raise Invalid("--noted takes a seal as kip audit verify prints it: NUMBER:HASH.")
    return int(number), link_hash.lower()


@contextlib.contextmanager
def _bar(length: int) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    with click.progressbar(length=length, label="Reading", file=sys.stderr) as bar:
        yield bar.update


def _as_dict(verdict: "Verdict") -> dict[str, Any]:
    last = verdict.last
    return {
        "ok": verdict.findings == 0,
        "seals": verdict.seals,
        "rows": verdict.rows,
        "redacted": verdict.redacted,
        "waiting": verdict.waiting,
        "last": last and {"number": last[0], "at": last[1].isoformat(), "hash": last[2]},
    }


def _print(verdict: "Verdict") -> None:
    click.echo(f"{verdict.rows} rows are as they were sealed, by {verdict.seals} seals.")
    if verdict.redacted:
        click.echo(f"Of {verdict.redacted} of them words were taken out: somebody was erased.")
    waiting = sum(verdict.waiting.values())
    if waiting:
        click.echo(f"The {waiting} newest are not sealed yet: the worker does it in seconds.")
    if verdict.last is None:
        return
    number, at, link_hash = verdict.last
    click.echo(f"Last seal, of {at:%Y-%m-%d %H:%M:%S} UTC: {number}:{link_hash}")
    click.echo("Keep it where nobody of this machine can write; see --noted.")


@audit.command("list")
@click.option("--since", metavar="DATE", help="From this day on (UTC), such as 2026-11-24.")
@click.option("--person", metavar="EMAIL", help="What this person did.")
@click.option(
    "--thing", metavar="KIND[:ID]", help=f"One of {', '.join(THINGS)}; such as person:3."
)
@as_json_option
def list_changes(
    since: str | None, person: str | None, thing: str | None, as_json: bool
) -> None:
    """List changes, the newest first: when, who, what; --json prints one object a line."""
    kind, _, thing_id = (thing or "").partition(":")
    if kind and kind not in THINGS:
        raise Invalid(f"--thing is one of {', '.join(THINGS)}.")
    start = _day(since)

    async def run(database: "Database") -> None:
        from inbox.store import people, trail

        wanted = Wanted(
            person=await database.read(_person_id, person) if person else None,
            thing=kind or None,
            thing_id=thing_id or None,
            since=start,
        )
        names = {
            one.id: one.email for one in (await database.read(people.list_colleagues)).values()
        }
        after = None
        while found := await database.read(
            trail.list_trail, wanted, after=after, limit=AT_ONCE
        ):
            for one in found:
                line = _facts(one, names)
                click.echo(json.dumps(line, ensure_ascii=False) if as_json else _line(line))
            after = found[-1].place

    _on_database(run)


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid("--since takes a day such as 2026-11-24.") from error


def _person_id(session: "Session", email: str) -> int:
    from inbox.store import people

    for one in people.list_colleagues(session).values():
        if one.email == email.strip().lower():
            return one.id
    raise NotFound(f"Nobody has ever signed in as {email}.")


def _facts(one: "Change", names: dict[int, str]) -> dict[str, Any]:
    """Return a change as JSON has it; ``by`` is null for the product and for commands."""
    if one.entry is not None:
        what = one.entry.action.value
    elif one.event is not None:
        what = one.event.kind.value
    old, new = one.moves()
    return {
        "at": one.place.at.isoformat(),
        "by": names.get(one.actor_id or 0),
        "thing": one.thing,
        "id": one.thing_id,
        "what": what,
        "from": old,
        "to": new,
    }


def _line(facts: dict[str, Any]) -> str:
    by = facts["by"] or "Kịp"
    head = f"{facts['at'][:19]}Z  {by}  {facts['thing']} {facts['id']} {facts['what']}"
    names = [*facts["from"], *(name for name in facts["to"] if name not in facts["from"])]
    moves = [
        f"{name}: {_short(facts['from'].get(name))} -> {_short(facts['to'].get(name))}"
        for name in names
    ]
    return "  ".join([head, *moves])


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _on_database(work: "Callable[[Database], Awaitable[T]]") -> T:
    """Run something that only reads, on a database that has to be there and up to date."""
    from inbox.db import Database
    from inbox.migrations import current, head

    async def run() -> T:
        database = Database(get_settings().database)
        try:
            if database.is_sqlite and not database.path.exists():
                raise NotFound(f"There is no database {database.path}.")
            if await database.read(current) != head():
                raise InboxError("The database is not up to date: run kip migrate first.")
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
