"""Webhooks to other systems in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inbox.hooks.managing import host_of
from inbox.store.hooks import KINDS
from inbox.templating import N_
from inbox.views.words import Speaker
from models import HookOff, HookState, Webhook, WebhookDelivery

KIND_NAMES = {
    "message.received": N_("A customer wrote"),
    "conversation.opened": N_("A conversation was opened"),
    "conversation.assigned": N_("Owner or team changed"),
    "conversation.corrected": N_("Topic, urgency or product was corrected"),
    "conversation.waiting": N_("It waits for somebody, or until a time"),
    "conversation.resumed": N_("The wait is over"),
    "conversation.resolved": N_("Done"),
    "conversation.reopened": N_("Opened again"),
    "conversation.merged": N_("Two became one"),
    "conversation.spam": N_("Set apart as spam"),
    "reply.sent": N_("An answer was given"),
    "reply.undone": N_("An answer was taken back"),
    "reply.failed": N_("An answer could not be delivered"),
    "note.added": N_("A note was kept"),
    "clock.warned": N_("A deadline is near"),
    "clock.breached": N_("A deadline has passed"),
    "promise.changed": N_("The customer was promised another time"),
    "promise.broken": N_("The customer was told that it is late"),
    "satisfaction.given": N_("The customer rated our help"),
}
OFF_TEXT = {
    HookOff.PERSON: N_("Switched off"),
    HookOff.GONE: N_("Switched off: the receiver said that it is no more"),
    HookOff.FAILING: N_(
        "Stopped: nothing arrived for two days. What happens is kept for a week."
    ),
}
STATES = {
    HookState.WAITING: ("clock", N_("Waits")),
    HookState.SENT: ("circle-check", N_("Arrived")),
    HookState.FAILED: ("triangle-alert", N_("Given up")),
    HookState.DROPPED: ("circle-dashed", N_("Not sent")),
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as the list and its page have it."""

    id: int
    name: str
    host: str
    is_on: bool
    glyph: str
    state_text: str
    said: str  # why its last try failed, or ""
    both_until: str  # until when the old secret signs along, or ""


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of a webhook as its page has it."""

    id: int
    kind: str
    event_id: str
    number: int | None
    at: str
    glyph: str
    state_text: str
    tries: int
    next_text: str
    said: str
    may_again: bool


class Goes(Protocol):
    """What is known of how a webhook goes."""

    @property
    def off(self) -> HookOff: ...
    @property
    def failing_since(self) -> datetime | None: ...
    @property
    def last_ok_at(self) -> datetime | None: ...


def state_of(row: Goes, speak: Speaker) -> tuple[str, str]:
    """Return how a webhook goes: an icon and a sentence."""
    if row.off is not HookOff.NO:
        return "circle-pause", speak.say(OFF_TEXT[row.off])
    if row.failing_since is not None:
        since = speak.clock(row.failing_since)
        return "triangle-alert", speak.say("Nothing has arrived since %(time)s") % {
            "time": since
        }
    if row.last_ok_at is not None:
        text = speak.say("Last arrived %(time)s") % {"time": speak.clock(row.last_ok_at)}
        return "circle-check", text
    return "circle-dashed", speak.say("Nothing was sent yet")


def present_hook(row: Webhook, speak: Speaker) -> Hook:
    """Return a webhook in words."""
    glyph, text = state_of(row, speak)
    both = row.old_until is not None and row.old_until > speak.now
    return Hook(
        id=row.id,
        name=row.name,
        host=host_of(row.url),
        is_on=row.off is HookOff.NO,
        glyph=glyph,
        state_text=text,
        said=row.last_error,
        both_until=speak.clock(row.old_until) if both and row.old_until else "",
    )


def present_sent(rows: Sequence[WebhookDelivery], *, is_on: bool, speak: Speaker) -> list[Sent]:
    """Return the events of a webhook in words."""
    found = []
    for row in rows:
        glyph, text = STATES[row.state]
        waits = row.state is HookState.WAITING
        found.append(
            Sent(
                id=row.id,
                kind=row.kind,
                event_id=row.event_id,
                number=row.conversation_id,
                at=speak.clock(row.at),
                glyph=glyph,
                state_text=speak.say(text),
                tries=row.attempts,
                next_text=speak.clock(row.next_at) if waits and row.attempts else "",
                said=" ".join(one for one in (_code(row), row.answer) if one),
                may_again=is_on and not waits,
            )
        )
    return found


def _code(row: WebhookDelivery) -> str:
    return str(row.code) if row.code is not None else row.error


def kind_names(speak: Speaker) -> list[tuple[str, str]]:
    """Return every type of event with its words."""
    return [(kind, speak.say(KIND_NAMES[kind])) for kind in KINDS]
