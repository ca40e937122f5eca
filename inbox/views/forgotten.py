"""The list of what nobody has touched for some working hours."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company.forgotten import HOURS, MOST_HOURS, Forgotten, list_forgotten
from inbox.store import people
from inbox.store.people import Colleague
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.site import HttpRequest, number_of, read

CHOICES = (4, HOURS, 16, 40)


def _load(
    session: Session, hours: int
) -> tuple[list[Forgotten], Mapping[int, Colleague], Mapping[int, str]]:
    found = list(list_forgotten(session, hours, utcnow()))
    return found, people.list_colleagues(session), people.team_names(session)


@get("/reports/forgotten", opt={"access": "supervisor"})
async def show_forgotten(request: HttpRequest) -> Response[Any]:
    """List open requests that nobody has touched for ``hours`` working hours."""
    asked = number_of(request.query_params.get("hours", ""), MOST_HOURS) or HOURS
    found, colleagues, teams = await read(request, _load, asked)
    speak = await speaker_for(request)
    items = [
        {
            "number": one.number,
            "subject": one.subject,
            "contact": one.contact,
            "owner": owner.name if (owner := colleagues.get(one.owner_id or 0)) else "",
            "team": teams.get(one.team_id or 0, ""),
            "due": speak.until(one.due_at),
            "touched": speak.clock(one.touched_at) if one.touched_at else "",
            "came": speak.clock(one.created_at),
        }
        for one in found
    ]
    return await page(
        request,
        "reports/forgotten.html",
        active="reports",
        items=items,
        hours=asked,
        choices=CHOICES,
    )
