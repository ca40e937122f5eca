"""My customers and the matrix as shown: one line an account, and why it needs care."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from inbox.accounts.figures import WEIGHTS, band_of
from inbox.store.accountlist import BANDS, Listed
from inbox.store.people import Colleague
from inbox.templating import N_, translator
from inbox.views.present_account import STATUS_TEXT
from inbox.views.present_line import name_of
from inbox.views.words import Speaker
from models import AccountValue

BAND_NAMES = (N_("Nothing"), N_("Some"), N_("Much"), N_("Most"))
COLUMNS = (
    ("name", N_("Customer")),
    ("status", N_("Status")),
    ("value", N_("Value")),
    ("need", N_("Needs care")),
    ("waiting", N_("Waiting since")),
    ("milestone", N_("Next milestone")),
    ("contact", N_("Last contact")),
    ("promises", N_("Promises kept")),
)
"""The columns of the list by the sort that each has."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: where a click on it leads, and how the list is sorted by it now."""

    title: str
    href: str
    sorted: str  # ascending, descending or ""


@dataclass(frozen=True, slots=True)
class Line:
    """One account of a list."""

    id: int
    name: str
    status: str
    value: str
    owner: str
    is_backup: bool  # who looks is the backup, not the owner
    band: int
    reasons: str
    waiting: str
    is_late: bool
    milestone: str
    is_missed: bool
    contact: str
    promises: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the matrix: how many, where they are listed, and those who need most."""

    count: int
    href: str
    points: list[Line]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """The accounts of one value."""

    value: str
    cells: list[Cell]


def reasons_of(reasons: Mapping[str, Any], speak: Speaker) -> str:
    """Say why an account needs care, what weighs most first; "" if nothing does."""
    many = translator(speak.language).ngettext
    said = []
    for name in WEIGHTS:
        n = reasons.get(name)
        if not n:
            continue
        text = {
            "late": lambda n: many("%(num)s late", "%(num)s late", n),
            "missed": lambda n: many(
                "%(num)s milestone missed", "%(num)s milestones missed", n
            ),
            "silent": lambda n: many(
                "no contact for %(num)s day", "no contact for %(num)s days", n
            ),
            "again": lambda n: many("%(num)s asked again", "%(num)s asked again", n),
            "unhappy": lambda n: many("%(num)s was not helped", "%(num)s were not helped", n),
            "waiting": lambda n: many(
                "%(num)s waits for an answer", "%(num)s wait for an answer", n
            ),
        }[name](n)
        said.append(text % {"num": n})
    return ", ".join(said)


def present_line(
    row: Listed, speak: Speaker, colleagues: Mapping[int, Colleague], me: int
) -> Line:
    """Return one account as shown."""
    promised = row.promises_kept + row.promises_missed
    return Line(
        id=row.id,
        name=row.name,
        status=speak.say(STATUS_TEXT[row.status]),
        value=row.value.value,
        owner=name_of(row.owner_id, colleagues),
        is_backup=row.backup_id == me and row.owner_id != me,
        band=band_of(row.need),
        reasons=reasons_of(row.reasons, speak),
        waiting=_ago(row.oldest_waiting_at, speak),
        is_late=row.late_count > 0,
        milestone=speak.clock(row.next_milestone_at) if row.next_milestone_at else "",
        is_missed=bool(row.reasons.get("missed")),
        contact=_ago(row.last_contact_at, speak),
        promises=f"{row.promises_kept}/{promised}" if promised else "",
    )


def _ago(at: datetime | None, speak: Speaker) -> str:
    return speak.span((speak.now - at).total_seconds()) if at is not None else ""


def headings(query: Mapping[str, str], sort: str, falls: bool, speak: Speaker) -> list[Heading]:
    """Return the columns; a second click on one turns it round."""
    found = []
    for key, title in COLUMNS:
        is_this = key == sort
        asked = {**query, "sort": key}
        asked.pop("page", None)
        if is_this and "turned" not in query:
            asked["turned"] = "1"
        else:
            asked.pop("turned", None)
        state = ("descending" if falls else "ascending") if is_this else ""
        found.append(Heading(speak.say(title), f"/accounts?{urlencode(asked)}", state))
    return found


def place_address(place: str, owner: str, page: int = 0) -> str:
    """Return the address of a cell's accounts."""
    asked = {"place": place, **({"owner": owner} if owner else {})}
    return f"/accounts/matrix?{urlencode({**asked, **({'page': page} if page else {})})}"


def present_matrix(
    counts: Mapping[str, int],
    points: Mapping[str, Sequence[Listed]],
    owner: str,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    me: int,
) -> list[MatrixRow]:
    """Return the matrix, the most valuable first, who needs most care on the left."""
    rows = []
    for value in AccountValue:
        cells = []
        for band in reversed(BANDS):
            place = f"{value.value}{band}"
            shown = [present_line(one, speak, colleagues, me) for one in points.get(place, ())]
            cells.append(Cell(counts.get(place, 0), place_address(place, owner), shown))
        rows.append(MatrixRow(value.value, cells))
    return rows
