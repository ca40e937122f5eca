"""``kip report``: the figures of the report pages, for a terminal and for scripts."""

import asyncio
import json
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from inbox.errors import InboxError, Invalid, NotFound
from inbox.settings import get_settings

if TYPE_CHECKING:
    from sqlmodel import Session

    from inbox.reporting.report import Line

BY = ("type", "agent", "team", "channel", "tier")
MARKED = "*"  # a share of fewer than 20


@click.group()
def report() -> None:
    """Figures of a period."""


@report.command()
@click.option("--from", "first", required=True, metavar="DATE", help="Such as 2026-11-01.")
@click.option("--to", "last", required=True, metavar="DATE", help="This day is counted too.")
@click.option("--by", type=click.Choice(BY), default="team", show_default=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(("table", "json", "csv")),
    default="table",
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--lang", type=click.Choice(("vi", "en")), help="Language; the company's, if not said."
)
def sla(first: str, last: str, by: str, form: str, as_json: bool, lang: str | None) -> None:
    """Show how promises were kept, in days of the company's time zone.

    In time is met ÷ (met + missed) of what was decided in the period; what is no longer owed
    and what is still open stand apart. Times are working time. A day's figures are final
    a quarter of an hour after it ended.
    """
    begin, end = _day(first, "--from"), _day(last, "--to")
    if end < begin:
        raise click.BadOptionUsage("--to", "--to is before --from.")
    write = {"json": _write_json, "csv": _write_csv, "table": _write_table}
    found = asyncio.run(_load(begin, end, by, lang))
    write["json" if as_json else form](found)


def _day(text: str, option: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 -- a local date
    except ValueError:
        raise click.BadOptionUsage(
            option, f"{option} takes a day such as 2026-11-24, not {text!r}."
        ) from None


class Found:
    """What was loaded, and how it is to be written."""

    def __init__(
        self, first: date, last: date, by: str, language: str, zone: str, now: datetime
    ) -> None:
        self.first, self.last, self.by = first, last, by
        self.language, self.zone, self.now = language, zone, now
        self.lines: list[Line] = []


async def _load(first: date, last: date, by: str, lang: str | None) -> Found:
    from inbox.clock import utcnow
    from inbox.db import Database
    from inbox.migrations import current, head

    database = Database(get_settings().database)
    try:
        if database.is_sqlite and not database.path.exists():
            raise NotFound(f"There is no database {database.path}.")
        if await database.read(current) != head():
            raise InboxError("The database is not up to date: run kip migrate first.")
        return await database.read(_read, first, last, by, lang, utcnow())
    finally:
        await database.close()


def _read(
    session: "Session", first: date, last: date, by: str, lang: str | None, now: datetime
) -> Found:
    from inbox.reporting.report import load_report
    from inbox.store.company import find_company
    from inbox.store.reports import Wanted
    from inbox.templating import translator

    company = find_company(session)
    if company is None:
        raise Invalid("There is no company yet: open the first page, or run kip run --demo.")
    found = Found(first, last, by, lang or company.language, company.time_zone, now)
    say = translator(found.language).gettext
    found.lines = load_report(session, Wanted(first, last), by, say, found.language, now)
    return found


def _write_json(found: Found) -> None:
    from inbox.reporting.report import as_dict

    *lines, total = found.lines
    said: dict[str, Any] = {
        "from": found.first.isoformat(),
        "to": found.last.isoformat(),
        "time_zone": found.zone,
        "counted_at": found.now.isoformat(),
        "by": found.by,
        "lines": [as_dict(line) for line in lines],
        "total": as_dict(total),
    }
    click.echo(json.dumps(said, ensure_ascii=False, indent=2))


def _texts(found: Found) -> list[list[str]]:
    from inbox.reporting.report import cells, heading
    from inbox.templating import translator

    say = translator(found.language).gettext
    return [
        heading(found.by, say),
        *(cells(line, say, found.language) for line in found.lines),
    ]


def _write_csv(found: Found) -> None:
    from inbox.spreadsheet import BOM, as_csv

    click.echo(BOM + as_csv(_texts(found)), nl=False)


def _write_table(found: Found) -> None:
    """Write each figure on a line of its own, a column for each key: names are long."""
    from inbox.reporting import words
    from inbox.store.reports import FEW
    from inbox.templating import translator

    say = translator(found.language).gettext
    texts = _texts(found)
    head = texts[0]
    turned = [[head[0], *(line[0] for line in texts[1:])]]
    marks = False
    for place, name in enumerate(head[1:], 1):
        if name == say(words.OF):
            continue
        row = [line[place] for line in texts[1:]]
        if place + 1 < len(head) and head[place + 1] == say(words.OF):
            few = [0 < int(line[place + 1]) < FEW for line in texts[1:]]
            row = [
                _with_n(text, line[place + 1], is_few)
                for text, line, is_few in zip(row, texts[1:], few, strict=True)
            ]
            marks = marks or any(few)
        turned.append([name, *row])
    click.echo(f"{found.first} – {found.last}, {found.zone}")
    for text in aligned(turned):
        click.echo(text)
    if marks:
        click.echo(f"{MARKED} {say(words.FEW_NOTE)}")


def _with_n(text: str, n: str, few: bool) -> str:
    return text if n == "0" else f"{text} /{n}{MARKED if few else ''}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose columns stand below each other, the first to the left."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            cell + " " * (width - _width(cell))
            if place == 0
            else " " * (width - _width(cell)) + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _width(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return sum(not unicodedata.combining(sign) for sign in text) + wide
