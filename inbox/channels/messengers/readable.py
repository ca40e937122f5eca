"""What is no text, as text that can be read: stickers, places, business cards, recordings.

Signs and what the provider says go into the text, whatever language its reader has. What it
was stands in a note, which is translated where it is shown (``inbox.views.present_notes``).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from inbox.channels.words import one_line
from inbox.templating import N_

MAX_CHARS = 65_536  # of one message; no provider sends more
MAX_LINE = 500
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

STICKER = N_("Sticker")
PLACE = N_("Location")
LIVE_PLACE = N_("Live location, as it was when it was sent")
CARD = N_("Contact")
VOICE = N_("Voice message")
AUDIO = N_("Audio")
VIDEO = N_("Video")
CHOICE = N_("A button was pressed")
REACTION = N_("Reaction")
EDITED = N_("The customer edited an earlier message; this is the new text")
DELETED = N_("The customer deleted an earlier message")
ANSWERS = N_("In answer to")
FORWARDED = N_("Forwarded")
LINK = N_("Link")
ORDER = N_("Order from the catalogue")
NO_SHOWING = N_("The customer sent something that cannot be shown here")
TOO_BIG = N_("A file over 20 MB was left out")
NOT_FETCHED = N_("A file could not be fetched")
NOTES = (
    *(STICKER, PLACE, LIVE_PLACE, CARD, VOICE, AUDIO, VIDEO, CHOICE, REACTION, EDITED),
    *(DELETED, ANSWERS, FORWARDED, LINK, ORDER, NO_SHOWING, TOO_BIG, NOT_FETCHED),
)
"""All that stands before the words that came with a message."""


@dataclass(frozen=True, slots=True)
class Readable:
    """A message, or a part of one: what is shown as its text, and what is said about it."""

    text: str = ""
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Readable") -> "Readable":
        text = "\n".join(one for one in (self.text, other.text) if one)
        return Readable(text, (*self.notes, *other.notes))


NOTHING = Readable()


def clean(text: str) -> str:
    """Return what somebody typed without what is no letter; its lines stay."""
    text = text[:MAX_CHARS].replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_TEXT.sub("", text).strip()


def line(text: str) -> str:
    """Return a name or the like as one line of bearable length."""
    return one_line(clean(text[: 4 * MAX_LINE]))[:MAX_LINE].strip()


def e164(number: str) -> str:
    """Return an international number as +84901234567, or "" where it is none."""
    digits = "".join(char for char in number[:64] if char.isascii() and char.isdigit())
    return f"+{digits}" if 7 <= len(digits) <= 15 and digits[0] != "0" else ""


def note(what: str, said: str = "") -> Readable:
    """Say something about a message, with the words that came with it."""
    said = line(said)
    return Readable(notes=(f"{what}: {said}" if said else what,))


def sticker(emoji: str) -> Readable:
    """Return a sticker as the sign that it stands for."""
    return Readable(line(emoji)) + note(STICKER)


def place(
    latitude: float, longitude: float, name: str = "", address: str = "", *, live: bool = False
) -> Readable:
    """Return a place as its name, its coordinates and where a map shows it."""
    what = note(LIVE_PLACE if live else PLACE)
    named = [one for one in (line(name), line(address)) if one]
    if not _is_on_earth(latitude, longitude):
        return Readable("\n".join(named)) + what
    at = f"{latitude:.6f}, {longitude:.6f}"
    where = f"{latitude:.6f}/{longitude:.6f}"
    shown = [
        f"📍 {' · '.join([*named, at])}",
        f"https://www.openstreetmap.org/#map=17/{where}",
    ]
    return Readable("\n".join(shown)) + what


def _is_on_earth(latitude: float, longitude: float) -> bool:
    both = math.isfinite(latitude) and math.isfinite(longitude)
    return both and abs(latitude) <= 90 and abs(longitude) <= 180


def card(name: str, ways: Iterable[str]) -> Readable:
    """Return somebody's business card: the name, and how they are reached."""
    lines = [f"👤 {line(name)}".strip(), *(line(one) for one in ways)]
    return Readable("\n".join(one for one in lines if one)) + note(CARD)


def recording(what: str, seconds: int | float | None) -> Readable:
    """Say that a file is a recording, and how long it plays."""
    if seconds is None or not 0 < seconds < 360_000:
        return note(what)
    minutes, rest = divmod(round(seconds), 60)
    return note(what, f"{minutes}:{rest:02d}")


def pieces(text: str, most: int) -> list[str]:
    """Cut a text into pieces of at most so many characters, between paragraphs or words.

    Characters are counted as providers do, in UTF-16 units: an emoji is two or more.
    """
    found = []
    left = text.strip()
    while left:
        end = _fits(left, most)
        if end < len(left):
            end = _before(left, end)
        found.append(left[:end].strip())
        left = left[end:].strip()
    return [one for one in found if one]


def _fits(text: str, most: int) -> int:
    """Return how many characters of a text fit; at least one."""
    if 2 * len(text) <= most:
        return len(text)
    units = 0
    for at, char in enumerate(text):
        units += 2 if ord(char) > 0xFFFF else 1
        if units > most:
            return max(at, 1)
    return len(text)


def _before(text: str, end: int) -> int:
    """Return where to cut before ``end``: after a paragraph, a line, a word, else anywhere."""
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, end // 2, end)
        if at > 0:
            return at
    return end
