"""Lines of what was planned, held, forwarded, and whom a note named."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.words import Speaker
from inbox.writing.planned import HELD
from models import EventKind

EVENTS = frozenset(
    {
        EventKind.REPLY_PLANNED,
        EventKind.REPLY_HELD,
        EventKind.FORWARDED,
        EventKind.MENTIONED,
    }
)
PLANNED = N_("%(name)s wrote an answer that leaves at %(time)s")
BACK = N_("%(name)s took back an answer that was to leave at %(time)s")
FORWARDED = N_("%(name)s forwarded it to %(to)s")
MENTIONED = N_("%(name)s mentioned %(who)s")
OUTSIDE = N_("%(who)s may not see this request, and was not told")


def event_line(
    kind: EventKind,
    data: Mapping[str, Any],
    name: str,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> str:
    """Return such an event (``EVENTS``) as one line."""
    if kind is EventKind.REPLY_HELD:
        return speak.say(HELD[data["why"]])
    if kind is EventKind.FORWARDED:
        return speak.say(FORWARDED) % {"name": name, "to": data.get("to", "")}
    if kind is EventKind.REPLY_PLANNED:
        at = speak.clock(datetime.fromisoformat(data["until"]))
        text = BACK if data["what"] == "back" else PLANNED
        return speak.say(text) % {"name": name, "time": at}
    parts = []
    if data["told"]:
        who = _names(data["told"], colleagues)
        parts.append(speak.say(MENTIONED) % {"name": name, "who": who})
    if data["outside"]:
        parts.append(speak.say(OUTSIDE) % {"who": _names(data["outside"], colleagues)})
    return ". ".join(parts)


def _names(ids: Iterable[int], colleagues: Mapping[int, Colleague]) -> str:
    return ", ".join(colleagues[one].name for one in ids if one in colleagues)
