"""A list as a sheet: every row that a view or filter finds, with tags and own fields."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import get
from litestar.response import Stream
from sqlmodel import Session

from inbox.listing import filters as finding
from inbox.listing.filters import Asking, Filters
from inbox.spreadsheet import BOM, as_csv
from inbox.store import ownfields, people, setup, tags
from inbox.store.conversations import Cursor, Listed
from inbox.store.ownfields import Field
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.listing import asked_by, asking_of
from inbox.views.present_list import type_name
from inbox.views.site import HttpRequest, read
from inbox.views.words import URGENCY_NAMES, Speaker

HEAD = (
    *(N_("Number"), N_("Subject"), N_("Customer"), N_("Account"), N_("Topic"), N_("Urgency")),
    *(N_("Owner"), N_("Team"), N_("Due"), N_("Arrived"), N_("Tags")),
)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids and keys are called."""

    people: Mapping[int, str]
    teams: Mapping[int, str]
    types: Mapping[str, Any]
    fields: Sequence[Field]


def _names(session: Session) -> Names:
    colleagues = people.list_colleagues(session)
    return Names(
        {key: one.name for key, one in colleagues.items()},
        people.team_names(session),
        setup.named_types(session),
        ownfields.list_fields(session),
    )


def _page(
    session: Session, asking: Asking, filters: Filters, after: Cursor | None
) -> tuple[list[Listed], Cursor | None, dict[int, list[str]], dict[int, dict[int, str]]]:
    found = finding.find(session, asking, filters, after)
    numbers = [row.id for row in found.rows]
    marked = tags.tags_of_all(session, numbers), ownfields.values_of_all(session, numbers)
    return found.rows, found.after, *marked


@get("/views/list.csv", opt={"access": "agent"})
async def download_list(request: HttpRequest) -> Stream:
    """Give a whole list; the address asks for it as the list's own does."""
    asked = await asked_by(request)
    speak = await speaker_for(request)
    asking = await asking_of(request, speak.now)
    return Stream(
        _lines(request, asking, asked.filters, speak),
        media_type="text/csv",
        headers={
            "content-disposition": 'attachment; filename="list.csv"',
            "cache-control": "private, no-store",
        },
    )


async def _lines(
    request: HttpRequest, asking: Asking, filters: Filters, speak: Speaker
) -> AsyncIterator[str]:
    names = await read(request, _names)
    own = [field.name for field in names.fields]
    yield BOM + as_csv([[*(speak.say(text) for text in HEAD), *own]])
    after: Cursor | None = None
    while True:
        rows, after, tagged, filled = await read(request, _page, asking, filters, after)
        yield as_csv(_cells(row, names, speak, tagged[row.id], filled[row.id]) for row in rows)
        if after is None:
            return


def _cells(
    row: Listed, names: Names, speak: Speaker, tagged: Sequence[str], filled: dict[int, str]
) -> list[str]:
    def at(moment: Any) -> str:
        return speak.here(moment).strftime("%Y-%m-%d %H:%M") if moment is not None else ""

    return [
        *(str(row.id), row.subject, row.contact_name, row.account_name or ""),
        type_name(names.types, row.request_type, speak.language),
        speak.say(URGENCY_NAMES[row.urgency]),
        names.people.get(row.owner_id or 0, ""),
        names.teams.get(row.team_id or 0, ""),
        *(at(row.next_due_at), at(row.created_at), ", ".join(tagged)),
        *(filled.get(field.id, "") for field in names.fields),
    ]
