"""Events as one line each, in the reader's language. What needs no line returns None."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from inbox.closing import REASONS
from inbox.sla.promise import spoken_moment
from inbox.store.people import Colleague
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views.models import Entry
from inbox.views.words import URGENCY_NAMES, Speaker
from models import Event, EventKind

ICON = {
    EventKind.SORTED: "sparkles",
    EventKind.ASSIGNED: "user",
    EventKind.NOTED: "sticky-note",
    EventKind.ACKNOWLEDGED: "reply",
    EventKind.ACKNOWLEDGEMENT_WITHHELD: "reply",
    EventKind.CORRECTED: "pencil",
    EventKind.CONFIRMED: "check",
    EventKind.PROMISED_AGAIN: "flag",
    EventKind.WARNED: "hourglass",
    EventKind.ESCALATED: "clock-alert",
    EventKind.RESOLVED: "check-check",
    EventKind.REOPENED: "undo-2",
    EventKind.REPLY_FAILED: "triangle-alert",
    EventKind.RESCHEDULED: "calendar",
    EventKind.WAITED: "hourglass",
    EventKind.RESUMED: "undo-2",
    EventKind.FOLLOWED_UP: "reply",
    EventKind.EXCUSED: "check",
}
WITHHELD = {
    "automatic": N_("No automatic reply: the mail came from a machine."),
    "address": N_("No automatic reply: this address got three in a day."),
    "ip": N_("No automatic reply: too many forms from one place."),
    "hour": N_("No automatic reply: too many in this hour."),
    "no_address": N_("No automatic reply: there is no address to write to."),
}
OWNER_REASONS = {
    "least_open": N_(
        "Given to %(name)s: %(team)s handles %(type)s, and %(name)s has least open."
    ),
    "claimed": N_("%(name)s took it."),
    "assigned": N_("%(name)s gave it to %(owner)s."),
    "unassigned": N_("%(name)s gave it back: it has no owner."),
    "nobody_on_duty": N_("No owner yet: nobody in %(team)s is on duty."),
    "all_full": N_("No owner yet: everybody in %(team)s is at the cap."),
    "handed_over": N_("%(owner)s has it now: it was handed over when %(before)s left."),
    "left_to_team": N_("No owner: %(before)s left, and it waits for the team."),
    "team_closed": N_("Moved to %(team)s: its team was closed."),
    "kept": N_("%(name)s keeps it: %(team)s handles %(type)s too."),
}
LINES = {
    EventKind.SORTED: N_("Sorted as %(type)s, P%(priority)s"),
    EventKind.ACKNOWLEDGED: N_("Automatic reply: “We answer before %(time)s”"),
    EventKind.PROMISED_AGAIN: N_("Automatic reply: “We answer before %(time)s”"),
    EventKind.CORRECTED: N_("%(name)s moved it to %(what)s. AI will learn from this."),
    EventKind.CONFIRMED: N_("%(name)s says the sorting is right"),
    EventKind.RESOLVED: N_("%(name)s marked it done"),
    EventKind.REOPENED: N_("%(name)s opened it again"),
    EventKind.RESUMED: N_("%(name)s goes on with it"),
    EventKind.REPLY_FAILED: N_("The reply could not be delivered: %(reason)s"),
    EventKind.RESCHEDULED: N_("%(name)s let it follow the changed working hours"),
    EventKind.FOLLOWED_UP: N_("Nobody answered: asked once more, waiting until %(until)s"),
    EventKind.EXCUSED: N_("No answer is owed: %(excuse)s"),
}
WAITED = {
    "customer": N_("%(name)s waits for the customer until %(until)s"),
    "third_party": N_("%(name)s waits for somebody else until %(until)s"),
    "snoozed": N_("%(name)s lets it sleep until %(until)s"),
}
GIVEN_A_DATE = N_("It had no date: waiting for the customer until %(until)s")
WAIT_OVER = N_("The wait is over")
CLOSED_UNANSWERED = N_("Closed: nobody answered, and we said so")
OWED_AGAIN = N_("Somebody has to look at it again")
REPRIORITISED = N_("%(name)s changed the priority to %(what)s")
HANDED_NOTE = N_("Note of %(name)s: %(text)s")
LEFT = N_("%(before)s no longer works here.")
REOPENED_BY_CUSTOMER = N_("Opened again: the customer wrote")
SLA_STEPS = {
    "half_used": N_("Half of the time is used. Told %(names)s."),
    "nearly_due": N_("Nearly due. Told %(names)s."),
    "due": N_("The deadline has passed. Told %(names)s."),
    "overdue": N_("Still no answer. Told %(names)s."),
}


HANDED_TO_YOU = N_("%(count)s requests of %(before)s are yours now, this one first")


def notice_text(
    step: str,
    data: Mapping[str, Any],
    say: Callable[[str], str],
    colleagues: Mapping[int, Colleague],
) -> str:
    """Return what a notice says after its request's subject."""
    if step in SLA_STEPS:
        return say(SLA_STEPS[step]).split(".")[0]
    said = {"count": data["count"], "before": _name(data["before"], colleagues)}
    return say(HANDED_TO_YOU) % said


def present_event(
    event: Event,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
) -> Entry | None:
    """Return an event's line."""
    text = _text(event, speak, types, colleagues)
    if not text:
        return None
    level = {EventKind.ESCALATED: "late", EventKind.WARNED: "soon"}.get(event.kind, "")
    if event.kind == EventKind.REPLY_FAILED:
        level = "late"
    return Entry(
        kind="event",
        id=f"e{event.id}",
        at_text=speak.clock(event.at),
        at_iso=event.at.isoformat(),
        icon=ICON.get(event.kind, "info"),
        level=level,
        text=text,
    )


def _text(
    event: Event,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
) -> str:
    template = _template(event)
    if not template:
        return ""
    return speak.say(template) % _values(event, speak, types, colleagues)


def _template(event: Event) -> str:
    """Return the line's words before they are filled in; "" where none is needed."""
    data = event.data
    if event.kind in (EventKind.WARNED, EventKind.ESCALATED):
        return SLA_STEPS[data["step"]]
    if event.kind is EventKind.ASSIGNED:
        return OWNER_REASONS[data["reason"]]
    if event.kind is EventKind.ACKNOWLEDGEMENT_WITHHELD:
        return WITHHELD[data["reason"]]
    if event.kind is EventKind.NOTED:
        return "" if "reason" not in data else HANDED_NOTE if data["text"] else LEFT
    if event.kind is EventKind.CORRECTED and data["field"] == "urgency":
        return REPRIORITISED
    if event.actor_id is None and event.kind in BY_NOBODY:
        return BY_NOBODY[event.kind](data)
    if event.kind is EventKind.WAITED:
        return WAITED[data["reason"]]
    return LINES.get(event.kind, "")


BY_NOBODY: dict[EventKind, Callable[[Mapping[str, Any]], str]] = {
    EventKind.REOPENED: lambda data: OWED_AGAIN if "owed" in data else REOPENED_BY_CUSTOMER,
    EventKind.RESOLVED: lambda _: CLOSED_UNANSWERED,
    EventKind.RESUMED: lambda _: WAIT_OVER,
    EventKind.WAITED: lambda _: GIVEN_A_DATE,
}
"""What Kịp did by itself, or the customer."""


def _values(
    event: Event,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
) -> dict[str, str]:
    """Return everything that a line may say."""
    data = event.data
    new = str(data.get("new", ""))
    promised = data.get("promised_at")
    return {
        "name": _name(event.actor_id or data.get("owner"), colleagues),
        "owner": _name(data.get("owner"), colleagues),
        "before": _before(data, colleagues),
        "text": str(data.get("text", "")),
        "names": ", ".join(data.get("told", [])) or speak.say("nobody, for nobody is there"),
        "team": str(data.get("team", "")),
        "type": _type(data.get("request_type", ""), types, speak.language)
        or str(data.get("type_" + speak.language, "")),
        "priority": str(data.get("priority", "")),
        "what": speak.say(URGENCY_NAMES[new])
        if new in URGENCY_NAMES
        else _type(new, types, speak.language),
        "time": _time(promised, speak, event.at) if promised else "",
        "until": _time(data["until"], speak, event.at) if "until" in data else "",
        "excuse": speak.say(REASONS.get(data.get("reason", ""), "")),
        "reason": str(data.get("reason", "")),
    }


def _type(key: str, types: Mapping[str, Type], language: str) -> str:
    return types[key].name(language) if key in types else key


def _name(agent_id: int | None, colleagues: Mapping[int, Colleague]) -> str:
    found = colleagues.get(agent_id or 0)
    return found.name if found else ""


def _before(data: Mapping[str, Any], colleagues: Mapping[int, Colleague]) -> str:
    """Return who had it before, if the event says that as a person."""
    before = data.get("before")
    return _name(before, colleagues) if isinstance(before, int) else ""


def _time(iso: str, speak: Speaker, then: datetime) -> str:
    return spoken_moment(datetime.fromisoformat(iso), speak.zone.key, then, speak.language)
