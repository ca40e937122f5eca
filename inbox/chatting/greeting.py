"""What a visitor is told on coming: whether we are here, when an answer comes, who is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.channels.addresses import is_strict, normalise
from inbox.chat import ChatDoor, NewLine
from inbox.duty import list_team_on_duty
from inbox.errors import Invalid
from inbox.rulebook import About, load_rulebook
from inbox.sla.chat import answer_sentence
from inbox.store import chat as rows
from inbox.store.company import Door, find_company, find_settings
from models import ChannelKind, Urgency

NEVER, OFFERED, REQUIRED = ASKS = ("never", "offered", "required")


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a visitor is told on coming."""

    company: str
    is_open: bool
    promise: str | None
    ask: str = OFFERED


def asks(settings: Mapping[str, Any], *, is_open: bool) -> str:
    """Return whether a chat asks for name and address: never, offered or required."""
    always = str(settings.get("ask", ""))
    wanted = always if is_open else str(settings.get("ask_closed", "")) or always
    return wanted if wanted in ASKS else OFFERED


def greet(session: Session, door: Door, language: str, now: datetime) -> Greeting:
    """Say whether somebody is there, and when an answer comes."""
    company = find_company(session)
    name = company.name if company is not None else ""
    spoken = language or (company.language if company is not None else "vi")
    on_duty = bool(list_team_on_duty(session, door.team_id, now))
    settings = find_settings(session, door.id)
    try:
        about = About(channel=ChannelKind.CHAT.value, inbox_id=door.id)
        promise = load_rulebook(session).promise(("general",), Urgency.NORMAL, about)
    except Invalid:  # no policy says anything
        return Greeting(name, on_duty, None, asks(settings, is_open=on_duty))
    target_s = promise.targets.first_response_s
    due_at = promise.calendar.due_at(now, target_s) if target_s is not None else None
    said = answer_sentence(
        promise.calendar,
        now,
        on_duty=on_duty,
        due_at=due_at,
        language=spoken,
        pace_s=rows.find_pace(session, door.id, now),
    )
    is_open = on_duty and promise.calendar.is_open(now)
    return Greeting(name, is_open, said, asks(settings, is_open=is_open))


def lacks_name(session: Session, found: ChatDoor, new: NewLine, now: datetime) -> bool:
    """Tell whether a first line comes without the name and address that are required."""
    always, closed = (found.settings.get(name) for name in ("ask", "ask_closed"))
    if REQUIRED not in (always, closed):
        return False
    if new.line.name.strip() and is_strict(normalise(new.line.email)):
        return False
    value = rows.visitor_value(new.inbox_id, new.visitor)
    if rows.find_visitor(session, value) is not None:
        return False
    is_open = closed == always or greet(session, found.door, "en", now).is_open
    return asks(found.settings, is_open=is_open) == REQUIRED
