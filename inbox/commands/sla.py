"""`kip sla`: questions to the clock that need no database."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause


@click.group()
def sla() -> None:
    """Compute deadlines."""


@sla.command()
def due() -> None:
    """Print the due time of each case on standard input, one JSON object a line.

    A case is {"calendar": {...}, "start": "2026-02-13T08:00:00+00:00", "target_seconds": 14400,
    "pauses": [["...", "..."]]}; its answer {"due_at": "..."}, or null if five years do not hold
    that much working time. A line that cannot be read is answered with {"error": "..."}, and
    the command then ends with 1.
    """
    write = sys.stdout.write
    count = bad = 0
    for line in sys.stdin.buffer:
        count += 1
        try:
            answer = _due(line)
        except (ValueError, RecursionError) as error:
            bad += 1
            answer = json.dumps({"error": _sentence(error)})
        write(answer + "\n")
    if bad:
        click.echo(f"{bad} of {count} lines were not understood; see their answers.", err=True)
        sys.exit(1)


def _due(line: bytes) -> str:
    case = json.loads(line)
    if not isinstance(case, Mapping):
        raise ValueError("Give each case as a JSON object.")
    target = case.get("target_seconds")
    if isinstance(target, bool) or not isinstance(target, int | float):
        raise ValueError('Give "target_seconds" as a number of seconds.')
    calendar = WorkingCalendar.from_spec(case.get("calendar"))
    pauses = _read_pauses(case.get("pauses") or ())
    due_at = calendar.due_at(_read_instant(case.get("start"), "start"), target, pauses)
    return '{"due_at": null}' if due_at is None else f'{{"due_at": "{due_at.isoformat()}"}}'


def _read_pauses(pauses: object) -> list[Pause]:
    if not isinstance(pauses, Sequence) or isinstance(pauses, str):
        raise ValueError('Give "pauses" as a list of pairs of instants.')
    return [_read_pause(pause) for pause in pauses]


def _read_pause(pause: object) -> Pause:
    match pause:
        case [begin, end]:
            return _read_instant(begin, "pauses"), _read_instant(end, "pauses")
    raise ValueError("Give each pause as a pair of instants: its start and its end.")


def _read_instant(text: object, key: str) -> datetime:
    if isinstance(text, str):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError(f'Give "{key}" in the form 2026-02-13T08:00:00+00:00, not {text!r}.')


def _sentence(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return f"This line is no JSON: {error}."
    if isinstance(error, RecursionError):
        return "This line is nested too deeply."
    return str(error)
