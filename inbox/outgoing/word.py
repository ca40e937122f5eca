"""Our word: an answer may name the time by which the customer has the next one.

The customer reads it at the end of the answer, and it is a clock from then on.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.errors import Conflict, Invalid
from inbox.sla.promise import spoken_moment
from inbox.store.company import find_company
from inbox.templating import N_, translator
from inbox.timeline import Happened
from models import Conversation, Event, EventKind, Status
from models.base import columns

events = columns(Event)

LONGEST = timedelta(days=366)
WRONG_TIME = N_("Choose a time from now on, within a year.")
DONE = N_("It is done. Open it again first.")
GIVEN = N_("You will have our answer before %(time)s.")


def check(conversation: Conversation, until: datetime, now: datetime) -> None:
    """Raise ``Invalid`` for a time that cannot be named, ``Conflict`` where all is done."""
    if not now < until <= now + LONGEST:
        raise Invalid(WRONG_TIME, {"word": WRONG_TIME})
    if conversation.status is Status.RESOLVED:
        raise Conflict(DONE)


def add_to(
    session: Session, conversation: Conversation, text: str, until: datetime, now: datetime
) -> str:
    """Return an answer's text with our word below it, in the customer's language."""
    company = find_company(session)
    zone = company.time_zone if company is not None else "UTC"
    said = spoken_moment(until, zone, now, conversation.language)
    line = translator(conversation.language).gettext(GIVEN) % {"time": said}
    return f"{text}\n\n{line}"


def happened(until: datetime, message_id: int, by: int, now: datetime) -> Happened:
    """Return what is written down of it, after the answer itself."""
    data: dict[str, Any] = {"until": until.isoformat(), "message": message_id}
    return Happened(EventKind.GAVE_WORD, now, data, by)


def given_again(
    session: Session, number: int, message_id: int | None, by: int, now: datetime
) -> list[Happened]:
    """Return what an answer that is sent again says of its time, if that lies ahead."""
    rows = session.execute(
        select(events.data)
        .where(events.conversation_id == number, events.kind == EventKind.GAVE_WORD)
        .order_by(events.id)
    ).scalars()
    given = [data["until"] for data in rows if data.get("message") == message_id]
    untils = [datetime.fromisoformat(text) for text in given[-1:]]
    return [happened(one, message_id or 0, by, now) for one in untils if one > now]
