"""Keys: the help prints what the pages carry, and nothing else (F74)."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
HELP = TEMPLATES / "layouts" / "_keys.html"
# What app.js does by itself, without a control that carries it, and the keys' own names.
BY_SCRIPT = {"j", "k", "o", "u", "g", "?", "↵", "esc", "⌘", "⇧", "1", "2", "3", "4", "9"}
LETTER = re.compile(r'aria-keyshortcuts="([^"{ ])"')
GO = re.compile(r'data-go="(.)"')
# _later.html gives its macro the letter as the third argument.
GIVEN = re.compile(r'button\("[^"]+", "[^"]+", "(.)"')


def carried() -> tuple[set[str], set[str]]:
    """Return the letters that controls carry, and those that follow a g."""
    text = "".join(file.read_text(encoding="utf-8") for file in TEMPLATES.rglob("*.html"))
    later = (TEMPLATES / "inbox" / "_later.html").read_text(encoding="utf-8")
    return {*LETTER.findall(text), *GIVEN.findall(later)}, set(GO.findall(text))


def test_the_help_prints_every_key_and_no_other() -> None:
    """F74: a key that a page has and the help has not is found by nobody."""
    alone: set[str] = set()
    chords: set[str] = set()
    for line in re.findall(r"<dd>.*?</dd>", HELP.read_text(encoding="utf-8")):
        keys = re.findall(r'kbd\("([^"]+)"\)', line)
        (chords if keys[0] == "g" else alone).update(keys)
    letters, after_g = carried()

    assert letters - alone - BY_SCRIPT == set()
    assert alone - letters - BY_SCRIPT == set()
    assert chords - {"g"} == after_g


def test_every_frequent_action_has_a_key() -> None:
    """F74: next, reply, note, assign, type, urgency, snooze, close, search, palette."""
    letters, _ = carried()

    assert {"r", "n", "a", "c", "p", "h", "e", "w", "i", "t", "y", "z", "d", "."} <= letters
    rail = (TEMPLATES / "layouts" / "_rail.html").read_text(encoding="utf-8")
    assert 'aria-keyshortcuts="Control+K Meta+K"' in rail
