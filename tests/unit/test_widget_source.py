"""What can be said of the widget's script without a browser."""

import gzip
import re
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "inbox" / "static" / "widget.js"
TEXT = SCRIPT.read_text(encoding="utf-8")


def test_it_stays_within_15_kb() -> None:
    """Gzipped, as it is sent."""
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) <= 15_000


@pytest.mark.parametrize(
    "forbidden",
    [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "document.cookie",
        'createElement("style")',
        "@import",
        "@font-face",
        "url(",
        "document.title",
        "new Audio",
    ],
)
def test_it_runs_under_the_strictest_policy(forbidden: str) -> None:
    """No markup out of strings, no code out of strings, no cookie, nothing loaded."""
    assert forbidden not in TEXT


def test_it_names_no_other_origin() -> None:
    """The only addresses in it: its own example, and the name of SVG's namespace."""
    named = set(re.findall(r"https?://[\w.-]+", TEXT))

    assert named == {"https://OUR", "http://www.w3.org"}


def test_both_languages_say_the_same_things() -> None:
    english, vietnamese = re.findall(r"^    (?:en|vi): \{$(.*?)^    \},$", TEXT, re.S | re.M)
    keys = [set(re.findall(r"(?:^|, |  )(\w+): [\"(]", part)) for part in (english, vietnamese)]

    assert keys[0] == keys[1]
    assert len(keys[0]) > 25
