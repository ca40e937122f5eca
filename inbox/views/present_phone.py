"""Telephone's part of a way in's page, as shown."""

from datetime import datetime
from typing import Any

import msgspec

from inbox.calling.taking import EXTENSIONS
from inbox.channels.phone import FIELDS, Event, Reading, Step, Way
from inbox.company import phones
from inbox.store.calls import Told
from inbox.templating import N_
from inbox.views.present_calls import length_text, number_text
from inbox.views.words import Speaker
from models import Inbox

PATH_TEXT = {
    "call": N_("Number or name of the call"),
    "event": N_("What happened"),
    "direction": N_("Which way it went"),
    "from": N_("Who rings"),
    "to": N_("Who is rung"),
    "name": N_("Name of the customer"),
    "agent": N_("Who of yours: address or extension"),
    "at": N_("When"),
    "length": N_("How long they spoke, seconds"),
    "recording": N_("Link to the recording"),
    "text": N_("What a machine wrote down of it"),
}
WORD_TEXT = {
    Step.RINGING.value: N_("It rings"),
    Step.ANSWERED.value: N_("Answered"),
    Step.MISSED.value: N_("Missed"),
    Step.ENDED.value: N_("Ended, or recorded"),
    Way.INBOUND.value: N_("A customer rings"),
    Way.OUTBOUND.value: N_("You ring"),
}
UNREAD = N_("At %(time)s an event came that does not say: %(what)s. Look at the names below.")
TOLD = N_("%(n)s calls in seven days, the last at %(time)s.")
NOTHING = N_("No call was told yet.")


def present_phone(row: Inbox, told: Told, speak: Speaker, base: str) -> dict[str, Any]:
    """Return what the page shows of telephone."""
    reading = phones.kept_reading(row)
    lines = [f"{key} {text}" for key, text in row.settings.get(EXTENSIONS, {}).items()]
    error = row.settings.get(phones.ERROR)
    unread = ""
    if error:
        at = speak.clock(datetime.fromisoformat(error["at"]))
        what = speak.say(PATH_TEXT.get(error["field"], ""))
        unread = speak.say(UNREAD) % {"time": at, "what": what}
    health = speak.say(NOTHING)
    if told.last_at is not None:
        said = {"n": told.count, "time": speak.clock(told.last_at)}
        health = speak.say(TOLD) % said
    values = {
        **{f"path_{name}": reading.paths[name] for name in FIELDS},
        **{f"words_{kind}": ", ".join(reading.words[kind]) for kind in WORD_TEXT},
        "extensions": "\n".join(lines),
        "request_type": str(row.settings.get(phones.TYPE, "")),
        "sample": sample_of(reading, "0901 234 567"),
    }
    return {
        "typed": values,
        "paths": [(f"path_{name}", speak.say(text)) for name, text in PATH_TEXT.items()],
        "words": [(f"words_{kind}", speak.say(text)) for kind, text in WORD_TEXT.items()],
        "has_secret": bool(row.settings.get("secret")),
        "health": health,
        "unread": unread,
        "address": f"{base}/hooks/phone/{row.handle}",
        "preview": [],
        "errors": {},
        "test_errors": {},
        "test_number": "",
    }


def sample_of(reading: Reading, number: str, call: str = "a1b2c3") -> str:
    """Write an event as this switchboard would: a missed call from a number."""
    said: dict[str, Any] = {}
    facts: dict[str, Any] = {"call": call, "from": number, "to": "1900 1234"}
    facts["direction"] = (reading.words[Way.INBOUND.value] or ("inbound",))[0]
    facts["event"] = (reading.words[Step.MISSED.value] or ("missed",))[0]
    for name, value in facts.items():
        path = [part for part in reading.paths.get(name, "").split(".") if part]
        place: Any = said
        for part in path[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else {}
        if path and isinstance(place, dict):
            place[path[-1]] = value
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()


def preview(event: Event, speak: Speaker) -> list[tuple[str, str]]:
    """Return what an event says, in words."""
    found = [
        (PATH_TEXT["call"], event.call),
        (PATH_TEXT["event"], speak.say(WORD_TEXT[event.step.value])),
        (PATH_TEXT["direction"], speak.say(WORD_TEXT[event.way.value])),
        (N_("Number of the customer"), number_text(event.number, speak)),
        (PATH_TEXT["name"], event.name),
        (PATH_TEXT["agent"], event.agent),
        (PATH_TEXT["at"], speak.clock(event.at) if event.at is not None else ""),
        (PATH_TEXT["length"], length_text(event.length_s, speak) if event.length_s else ""),
        (PATH_TEXT["recording"], event.recording),
        (PATH_TEXT["text"], event.text),
    ]
    return [(speak.say(label), value or "–") for label, value in found]
