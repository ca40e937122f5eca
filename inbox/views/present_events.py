"""Events as one line each, in the reader's language. What needs no line returns None."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

from inbox.closing import REASONS
from inbox.passing import ALL_REASONS
from inbox.sla.promise import spoken_moment
from inbox.store.people import Colleague
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views import cover_lines, present_ladder, present_mail, present_written
from inbox.views.models import Entry
from inbox.views.words import PRIORITY, URGENCY_NAMES, URGENCY_RULES, Speaker
from models import Event, EventKind, FieldKind

ICON = {
    EventKind.SORTED: "sparkles",
    EventKind.ASSIGNED: "user",
    EventKind.NOTED: "sticky-note",
    EventKind.IMPORTED: "inbox",
    EventKind.COVERED: "plane",
    EventKind.ACKNOWLEDGED: "reply",
    EventKind.ACKNOWLEDGEMENT_WITHHELD: "reply",
    EventKind.CORRECTED: "pencil",
    EventKind.CONFIRMED: "check",
    EventKind.CLASSED: "tag",
    EventKind.RULED: "route",
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
    EventKind.TAKEN_NOTE: "check",
    EventKind.PASSED_ON: "arrow-right",
    EventKind.DEPARTMENT_ASKED: "circle-help",
    EventKind.DEPARTMENT_ANSWERED: "message-circle",
    EventKind.THANKED: "check",
    EventKind.MARKED_SPAM: "flag",
    EventKind.RESTORED: "undo-2",
    EventKind.REREAD: "sparkles",
    EventKind.MERGED: "link",
    EventKind.UNMERGED: "undo-2",
    EventKind.KEPT_APART: "x",
    EventKind.SPLIT: "arrow-right",
    EventKind.MAIL_STOPPED: "circle-pause",
    EventKind.MAIL_RETRIED: "send",
    EventKind.ADDRESS_BOUNCED: "triangle-alert",
    EventKind.ADDRESS_CLEARED: "check",
    EventKind.GAVE_WORD: "flag",
    EventKind.BEGUN: "send",
    EventKind.TAGGED: "tag",
    EventKind.UNTAGGED: "tag",
    EventKind.FILLED: "pencil",
    EventKind.UNDONE: "undo-2",
    EventKind.REPLY_UNDONE: "undo-2",
    EventKind.REPLY_PLANNED: "clock",
    EventKind.REPLY_HELD: "triangle-alert",
    EventKind.FORWARDED: "arrow-right",
    EventKind.MENTIONED: "bell",
    EventKind.RATED: "star",
}
WITHHELD = {
    "automatic": N_("No automatic reply: the mail came from a machine."),
    "address": N_("No automatic reply: this address got three in a day."),
    "ip": N_("No automatic reply: too many forms from one place."),
    "hour": N_("No automatic reply: too many in this hour."),
    "no_address": N_("No automatic reply: there is no address to write to."),
    "spam": N_("No automatic reply: it is set apart as likely spam."),
    "imported": N_("No automatic reply: it was brought in from a file."),
}
FROM_FILE = N_("Brought in from a file of earlier mail.")
OWNER_REASONS = {
    "claimed": N_("%(name)s took it."),
    "assigned": N_("%(name)s gave it to %(owner)s."),
    "unassigned": N_("%(name)s gave it back: it has no owner."),
    "nobody_on_duty": N_("No owner yet: nobody in %(team)s is on duty."),
    "all_full": N_("No owner yet: everybody in %(team)s is at the cap."),
    "handed_over": N_("%(owner)s has it now: it was handed over when %(before)s left."),
    "account_handed": N_("%(owner)s has it now: this customer was handed over by %(before)s."),
    "left_to_team": N_("No owner: %(before)s left, and it waits for the team."),
    "team_closed": N_("Moved to %(team)s: its team was closed."),
    "kept": N_("%(name)s keeps it: %(team)s handles %(type)s too."),
}
LINES = {
    EventKind.SORTED: N_("Sorted as %(type)s, %(urgency)s"),
    EventKind.ACKNOWLEDGED: N_("Automatic reply: “We answer before %(time)s”"),
    EventKind.PROMISED_AGAIN: N_("Automatic reply: “We answer before %(time)s”"),
    EventKind.BEGUN: N_("%(name)s wrote first: no first answer is owed"),
    EventKind.CORRECTED: N_("%(name)s moved it to %(what)s. AI will learn from this."),
    EventKind.CONFIRMED: N_("%(name)s says the sorting is right"),
    EventKind.RESOLVED: N_("%(name)s marked it done"),
    EventKind.REOPENED: N_("%(name)s opened it again"),
    EventKind.RESUMED: N_("%(name)s goes on with it"),
    EventKind.TAGGED: N_("%(name)s added the tag “%(tag)s”"),
    EventKind.UNTAGGED: N_("%(name)s took the tag “%(tag)s” off"),
    EventKind.FILLED: N_("%(name)s set %(field)s: %(new)s"),
    EventKind.UNDONE: N_("%(name)s took that back"),
    EventKind.REPLY_FAILED: N_("The reply could not be delivered: %(reason)s"),
    EventKind.RESCHEDULED: N_("%(name)s let it follow the changed working hours"),
    EventKind.FOLLOWED_UP: N_("Nobody answered: asked once more, waiting until %(until)s"),
    EventKind.EXCUSED: N_("No answer is owed: %(excuse)s"),
    EventKind.TAKEN_NOTE: N_("%(name)s was told and has it"),
    EventKind.GAVE_WORD: N_("%(name)s gave our word: an answer before %(until)s"),
    EventKind.REPLY_UNDONE: N_("%(name)s took an answer back before it left"),
    EventKind.KEPT_APART: N_("%(name)s: #%(number)s is another matter"),
    EventKind.DEPARTMENT_ASKED: N_("%(name)s asked %(team)s, to be answered before %(asked)s"),
}
WAITED = {
    "customer": N_("%(name)s waits for the customer until %(until)s"),
    "third_party": N_("%(name)s waits for somebody else until %(until)s"),
    "snoozed": N_("%(name)s lets it sleep until %(until)s"),
}
GIVEN_A_DATE = N_("It had no date: waiting for the customer until %(until)s")
CLASSED = {
    "tier": N_("%(name)s set the customer’s tier: %(new)s"),
    "product_group": N_("%(name)s set the product group: %(new)s"),
}
NAMED = N_("Product group %(new)s: the message says “%(term)s”")
CHOSEN = N_("Product group %(new)s: chosen by who wrote")
GUESSED = N_("Product group %(new)s: a guess by learned words (%(likely)s %%)")
ONLY_THANKS = N_("This message only thanks or confirms: it needs no answer")
WANTS_ANSWER = N_("%(name)s: that message wants an answer")
IS_SPAM = N_("%(name)s set it apart as spam")
LIKELY_SPAM = N_("Set apart: likely spam (%(likely)s %%)")
NO_SPAM = N_("%(name)s: it is no spam")
BACK_BY_ITSELF = N_("Back again: the next message is no spam")
READS_AS = N_("A later message reads as %(type)s; its time holds if it is shorter")
STAYS_SO = N_("%(name)s leaves the topic; the later message is not %(type)s")
TAKEN_OVER = N_("%(name)s moved it to %(what)s, as a later message reads")
MERGED = N_("%(name)s merged #%(number)s into it")
MERGED_INTO = N_("%(name)s merged it into #%(into)s")
UNMERGED = N_("%(name)s took #%(number)s out again")
ON_ITS_OWN = N_("%(name)s put it on its own again")
SPLIT_OFF = N_("%(name)s: from this message on it goes on as #%(into)s")
SPLIT_FROM = N_("%(name)s split it from #%(number)s")
BLOCKED = N_("Set apart: the sender is blocked")
MERGED_URGENCY = N_("What was merged into it is more urgent: the priority went up to %(what)s")
ASKED_THRICE = N_("Asked for the third time: the priority went up to %(what)s")
LATER_RAISED = N_("A later message raised the priority to %(what)s")
LATER_RULE = N_("A later message raised the priority to %(what)s: %(why)s")
SAID_SORRY = N_("Automatic message: we are late and answer before %(time)s")
NOT_SAID = N_("The promise passed. The customer’s page says: before %(time)s")
ACKNOWLEDGED_ONLY = N_("Automatic reply: “We have your message”")
FOLLOWS_RULES = N_("%(name)s let it follow the changed rules: %(rule)s")
WAIT_OVER = N_("The wait is over")
CLOSED_UNANSWERED = N_("Closed: nobody answered, and we said so")
CLOSED_BY_CUSTOMER = N_("The customer says that it is solved")
RATED = {
    "good": N_("The customer says: that helped"),
    "fair": N_("The customer says: that helped in part"),
    "bad": N_("The customer says: that did not help"),
}
OWED_AGAIN = N_("Somebody has to look at it again")
PASSED_ON = N_("%(name)s passed it on to %(to_team)s: %(passing)s")
ANSWERED = N_("%(name)s of %(team)s answered what was asked")
WITHDRAWN = N_("A question to another team was withdrawn")
REPRIORITISED = N_("%(name)s changed the priority to %(what)s")
RAISED = N_("Nobody answered in time: the priority went up to %(what)s")
HANDED_NOTE = N_("Note of %(name)s: %(text)s")
LEFT = N_("%(before)s no longer works here.")
REOPENED_BY_CUSTOMER = N_("Opened again: the customer wrote")


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
    if event.kind in (EventKind.REPLY_FAILED, EventKind.ADDRESS_BOUNCED):
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
    if event.kind in present_ladder.FIRED:
        return present_ladder.fired_text(event.data, speak, colleagues)
    if event.kind in present_mail.EVENTS:
        name = _name(event.actor_id, colleagues)
        return present_mail.event_line(event.kind, event.data, name, speak)
    if event.kind in present_written.EVENTS:
        name = _name(event.actor_id, colleagues)
        return present_written.event_line(event.kind, event.data, name, speak, colleagues)
    template = _template(event)
    if not template:
        return ""
    return speak.say(template) % _values(event, speak, types, colleagues)


def _template(event: Event) -> str:
    """Return the line's words before they are filled in; "" where none is needed."""
    if event.actor_id is None and event.kind in BY_NOBODY:
        return BY_NOBODY[event.kind](event.data)
    if event.kind is EventKind.COVERED:
        return cover_lines.covered(event.data, event.actor_id)
    found = TEMPLATES.get(event.kind)
    return found(event.data) if found is not None else LINES.get(event.kind, "")


def _noted(data: Mapping[str, Any]) -> str:
    if data.get("reason") == "absent":
        return cover_lines.absence_note(data)
    return "" if "reason" not in data else HANDED_NOTE if data["text"] else LEFT


def _corrected(data: Mapping[str, Any]) -> str:
    by = data.get("by")
    if data["field"] != "urgency":
        return TAKEN_OVER if by == "message" else LINES[EventKind.CORRECTED]
    if by == "message":
        return LATER_RULE if data.get("reason") else LATER_RAISED
    raised = {"ladder": RAISED, "asked_again": ASKED_THRICE, "merged": MERGED_URGENCY}
    return raised.get(str(by), REPRIORITISED)


TEMPLATES: dict[EventKind, Callable[[Mapping[str, Any]], str]] = {
    EventKind.ASSIGNED: lambda data: cover_lines.given(data) or OWNER_REASONS[data["reason"]],
    EventKind.ACKNOWLEDGEMENT_WITHHELD: lambda data: WITHHELD[data["reason"]],
    EventKind.NOTED: _noted,
    EventKind.CORRECTED: _corrected,
    EventKind.WAITED: lambda data: WAITED[data["reason"]],
    EventKind.DEPARTMENT_ANSWERED: lambda data: (
        WITHDRAWN if data.get("withdrawn") else ANSWERED
    ),
    EventKind.PASSED_ON: lambda data: PASSED_ON if data.get("reason") in ALL_REASONS else "",
    EventKind.CLASSED: lambda data: CLASSED[data["field"]],
    EventKind.PROMISE_BROKEN: lambda data: SAID_SORRY if data["is_told"] else NOT_SAID,
    EventKind.RULED: lambda data: FOLLOWS_RULES if data.get("why") == "rules" else "",
    EventKind.THANKED: lambda _: WANTS_ANSWER,
    EventKind.MARKED_SPAM: lambda _: IS_SPAM,
    EventKind.SPLIT: lambda data: SPLIT_OFF if "into" in data else SPLIT_FROM,
    EventKind.RESTORED: lambda _: NO_SPAM,
    EventKind.REREAD: lambda _: STAYS_SO,
    EventKind.MERGED: lambda data: MERGED_INTO if "into" in data else MERGED,
    EventKind.UNMERGED: lambda data: ON_ITS_OWN if "into" in data else UNMERGED,
}
"""Lines that depend on what the event says."""


BY_NOBODY: dict[EventKind, Callable[[Mapping[str, Any]], str]] = {
    EventKind.ACKNOWLEDGED: lambda data: (
        LINES[EventKind.ACKNOWLEDGED] if data.get("promised_at") else ACKNOWLEDGED_ONLY
    ),
    EventKind.REOPENED: lambda data: OWED_AGAIN if "owed" in data else REOPENED_BY_CUSTOMER,
    EventKind.RESOLVED: lambda data: (
        CLOSED_BY_CUSTOMER if data.get("reason") == "customer" else CLOSED_UNANSWERED
    ),
    EventKind.RATED: lambda data: RATED[data["score"]],
    EventKind.RESUMED: lambda _: WAIT_OVER,
    EventKind.WAITED: lambda _: GIVEN_A_DATE,
    EventKind.CLASSED: lambda data: (
        GUESSED if "likely" in data else NAMED if "term" in data else CHOSEN
    ),
    EventKind.THANKED: lambda _: ONLY_THANKS,
    EventKind.MARKED_SPAM: lambda data: BLOCKED if "block" in data else LIKELY_SPAM,
    EventKind.RESTORED: lambda _: BACK_BY_ITSELF,
    EventKind.REREAD: lambda _: READS_AS,
    EventKind.IMPORTED: lambda _: FROM_FILE,
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
    promised = data.get("expected_at") or data.get("promised_at")
    return {
        "name": _name(event.actor_id or data.get("owner"), colleagues),
        "owner": _name(data.get("owner"), colleagues),
        "before": _before(data, colleagues),
        "first": cover_lines.first_of(data, lambda one: _name(one, colleagues)),
        "route": str(data.get("rule", "")),
        "text": str(data.get("text", "")),
        "term": str(data.get("term", "")),
        "tag": str(data.get("tag", "")),
        "field": str(data.get("name", "")),
        "number": str(data.get("number", "")),
        "into": str(data.get("into", "")),
        "likely": str(round(100 * data.get("likely", 0))),
        "why": speak.say(URGENCY_RULES.get(data.get("reason", ""), "")),
        "new": _entered(data, new, speak) if event.kind is EventKind.FILLED else new or "–",
        "rule": str(data.get("policy", "")),
        "team": str(data.get("team", "")),
        "type": _type(data.get("request_type", ""), types, speak.language)
        or str(data.get("type_" + speak.language, "")),
        "urgency": _urgency(data.get("priority"), speak),
        "what": speak.say(URGENCY_NAMES[new])
        if new in URGENCY_NAMES
        else _type(new, types, speak.language),
        "time": _time(promised, speak, event.at) if promised else "",
        "until": _time(data["until"], speak, event.at) if "until" in data else "",
        "excuse": speak.say(REASONS.get(data.get("reason", ""), "")),
        "asked": _time(data["due_at"], speak, event.at)
        if "ask" in data and "due_at" in data
        else "",
        **_passing(data, speak),
        "reason": str(data.get("reason", "")),
    }


def _entered(data: Mapping[str, Any], text: str, speak: Speaker) -> str:
    """Say what an own field got as its reader writes it; "–" where it was emptied."""
    kind = data.get("kind")  # events of before do not say it
    if text and kind == FieldKind.DATE:
        noon = datetime.combine(date.fromisoformat(text), time(12), speak.reader_zone)
        return speak.date(noon)
    if kind == FieldKind.NUMBER and speak.language == "vi":
        return text.replace(".", ",") or "–"
    return text or "–"


def _passing(data: Mapping[str, Any], speak: Speaker) -> dict[str, str]:
    """Return why and to whom it was passed on."""
    reason = speak.say(ALL_REASONS.get(data.get("reason", ""), ""))
    text = data.get("text")
    to = data.get("to_team") or speak.say("somebody of another team")
    return {"passing": f"{reason} ({text})" if text else reason, "to_team": str(to)}


def _type(key: str, types: Mapping[str, Type], language: str) -> str:
    return types[key].name(language) if key in types else key


def _name(agent_id: int | None, colleagues: Mapping[int, Colleague]) -> str:
    found = colleagues.get(agent_id or 0)
    return found.name if found else ""


def _before(data: Mapping[str, Any], colleagues: Mapping[int, Colleague]) -> str:
    """Return who had it before, if the event says that as a person."""
    before = data.get("before")
    return _name(before, colleagues) if isinstance(before, int) else ""


def _urgency(number: int | None, speak: Speaker) -> str:
    """Say an urgency that is kept as 1 (the highest) to 4."""
    key = next((key for key, n in PRIORITY.items() if n == number), None)
    return speak.say(URGENCY_NAMES[key]) if key else "–"


def _time(iso: str, speak: Speaker, then: datetime) -> str:
    at = datetime.fromisoformat(iso)
    return spoken_moment(at, speak.reader_zone.key, then, speak.language)
