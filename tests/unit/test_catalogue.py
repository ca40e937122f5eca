"""Every sentence of pages, mails and messages exists in Vietnamese (F108)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).resolve().parents[2]
MARKS = {"_", "gettext", "ngettext", "N_"}
# Errors whose sentence a page or a toast shows. Those of commands are English on purpose.
REFUSALS = {
    "NotFound",
    "Conflict",
    "Invalid",
    "Forbidden",
    "SignInFirst",
    "TooLarge",
    "TooMany",
}
COMMANDS = (
    *("inbox/commands/", "inbox/triage/", "inbox/cli.py", "inbox/demo/"),
    *("inbox/operations/", "inbox/importing/"),
    *("inbox/exclusive.py", "inbox/channels/imap"),
)
SPOKEN = {*MARKS, *REFUSALS, "say", "words"}  # views say a text in the reader's language
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{\w*\}")


def singular(message: object) -> str:
    """Return the English sentence that is looked up."""
    first = message[0] if isinstance(message, tuple | list) else message
    assert isinstance(first, str)
    return first


@cache
def from_templates() -> list[tuple[str, str]]:
    """Return every sentence of a template, and which it is."""
    found: list[tuple[str, str]] = []
    folder = ROOT / "templates"
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb") as file:
            for _, _, message, _ in babel_extract(
                file, ("_", "gettext", "ngettext"), [], JINJA
            ):
                found.append((singular(message), path.relative_to(ROOT).as_posix()))
    return found


@cache
def python() -> dict[Path, list[ast.AST]]:
    """Return the nodes of each of our files."""
    return {
        path: list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted((ROOT / "inbox").rglob("*.py"))
    }


def from_python() -> Iterator[tuple[str, str]]:
    for path, nodes in python().items():
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(COMMANDS):
            continue
        marks = SPOKEN if place.startswith("inbox/views/") else MARKS | REFUSALS
        for node in nodes:
            if not isinstance(node, ast.Call) or not node.args:
                continue
            # also words(request)("…"), which says a text at once
            by = node.func.func if isinstance(node.func, ast.Call) else node.func
            called = getattr(by, "id", getattr(by, "attr", ""))
            text = node.args[0]
            if (
                called in marks
                and isinstance(text, ast.Constant)
                and isinstance(text.value, str)
            ):
                yield text.value, place


def constants() -> set[str]:
    """Return every text of the code, also of those that only a table holds."""
    return {
        node.value
        for nodes in python().values()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def catalogue() -> Catalog:
    path = ROOT / "inbox" / "locale" / "vi" / "LC_MESSAGES" / "kip.po"
    with path.open("rb") as file:
        return read_po(file, locale="vi", abort_invalid=True)


def placeholders(text: str) -> set[str]:
    return {found.group() for found in PLACEHOLDER.finditer(text)}


def entries() -> list[Message]:
    return [message for message in catalogue() if message.id]


def test_every_sentence_is_translated() -> None:
    """F108, DESIGN 40: fails on a missing, empty or fuzzy Vietnamese entry."""
    known = catalogue()
    wanted = dict([*from_templates(), *from_python()])

    assert len(wanted) > 200
    missing = [f"{place}: {text}" for text, place in wanted.items() if known.get(text) is None]
    assert not missing, "\n".join(missing)


def is_whole(message: Message) -> bool:
    """Tell whether a translation is there, sure, and has what its sentence puts in."""
    english = message.id if isinstance(message.id, tuple | list) else (message.id,)
    vietnamese = (
        message.string if isinstance(message.string, tuple | list) else (message.string,)
    )
    there = not message.fuzzy and all(text and text.strip() for text in vietnamese)
    wanted = placeholders(english[-1])
    return there and all(placeholders(text or "") == wanted for text in vietnamese)


def test_a_translation_is_there_and_keeps_its_placeholders() -> None:
    """F108: a lost placeholder would lose a number, a name or a time."""
    assert [singular(message.id) for message in entries() if not is_whole(message)] == []


def test_no_translation_lost_its_sentence() -> None:
    """What no page says any more is taken out, so that translators do not keep it."""
    wanted = {text for text, _ in from_templates()} | constants()

    assert [singular(m.id) for m in entries() if singular(m.id) not in wanted] == []
