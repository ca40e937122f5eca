"""Calls and telephone numbers as pages show them."""

from inbox.channels.numbers import region_of_zone, shown
from inbox.templating import N_
from inbox.views.models_views import CallShown
from inbox.views.words import Speaker
from models import Call, CallDirection, CallState

IN, OUT = CallDirection.INBOUND, CallDirection.OUTBOUND
TEXT = {
    (IN, CallState.RINGING): N_("Incoming call: it rings"),
    (IN, CallState.ANSWERED): N_("Incoming call, answered"),
    (IN, CallState.MISSED): N_("Missed call"),
    (IN, CallState.NO_ANSWER): N_("Missed call"),
    (IN, CallState.VOICEMAIL): N_("Incoming call: a message on the machine"),
    (IN, CallState.WRONG_NUMBER): N_("Incoming call: wrong number"),
    (OUT, CallState.RINGING): N_("Outgoing call: it rings"),
    (OUT, CallState.ANSWERED): N_("Outgoing call, answered"),
    (OUT, CallState.MISSED): N_("Outgoing call: nobody answered"),
    (OUT, CallState.NO_ANSWER): N_("Outgoing call: nobody answered"),
    (OUT, CallState.VOICEMAIL): N_("Outgoing call: a message on the machine"),
    (OUT, CallState.WRONG_NUMBER): N_("Outgoing call: wrong number"),
}
CALL_BACK = {(IN, CallState.MISSED), (IN, CallState.VOICEMAIL), (IN, CallState.RINGING)}


def present_call(call: Call | None, speak: Speaker) -> CallShown | None:
    """Return a call as shown; None where a message is none."""
    if call is None:
        return None
    kind = (CallDirection(call.direction), CallState(call.state))
    text = speak.say(TEXT[kind])
    if call.length_s:
        text += ", " + length_text(call.length_s, speak)
    number = number_text(call.number, speak)
    return CallShown(text, kind in CALL_BACK, number, dial(call.number), call.recording)


def length_text(seconds: int, speak: Speaker) -> str:
    """Say how long a call was: "3 min 20 s"."""
    minutes, rest = divmod(seconds, 60)
    parts = [speak.say("%(n)s min") % {"n": minutes}] if minutes else []
    if rest or not parts:
        parts.append(speak.say("%(n)s s") % {"n": rest})
    return " ".join(parts)


def number_text(number: str, speak: Speaker) -> str:
    """Return a number as people of the company's country read it."""
    return shown(number, region_of_zone(speak.zone.key))


def dial(number: str) -> str:
    """Return what a ``tel:`` link takes: digits and a plus sign."""
    return "".join(one for one in number if one.isdigit() or one == "+")
