"""Writing down who looked at whose data, once a day for each: what is known is not asked."""

import logging
from datetime import date

from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.store import looks
from inbox.store.looks import Seen
from inbox.views.site import HttpRequest, person, site, write

log = logging.getLogger(__name__)

MOST_KNOWN = 50_000  # looks of a day that this process remembers


def unseen(
    request: HttpRequest, what: str, contact_id: int, number: int | None = None
) -> Seen | None:
    """Return a look that this process has not written down today, if it is one."""
    seen = Seen(person(request).id, contact_id, what, number)
    return None if _key(seen, utcnow().date()) in site(request).looked else seen


def _key(seen: Seen, day: date) -> tuple[object, ...]:
    return day, seen.agent_id, seen.contact_id, seen.what


async def keep(request: HttpRequest, seen: Seen) -> None:
    """Write a look down; while the database takes nothing, the next look tries again."""
    now, known = utcnow(), site(request).looked
    try:
        await write(request, looks.note, seen, now)
    except DatabaseGone as error:
        log.error("who looked at contact %d is not written down: %s", seen.contact_id, error)
        return
    if len(known) > MOST_KNOWN:
        known.clear()
    known.add(_key(seen, now.date()))


async def note(
    request: HttpRequest, what: str, contact_id: int, number: int | None = None
) -> None:
    """Write a look down, unless this process has done so today."""
    seen = unseen(request, what, contact_id, number)
    if seen is not None:
        await keep(request, seen)
