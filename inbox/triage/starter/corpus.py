"""Read and check what is written for the starter: patterns, slots, what stands around them."""

import re
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inbox.errors import Invalid
from inbox.triage.prediction import LEVELS

LANGUAGES = ("vi", "en")
SLOT = re.compile(r"\{(\w+)\}")
# What a line of a .txt file may begin with; without a mark its urgency is normal.
_MARKS = (("~ ", "low"), ("!! ", "urgent"), ("! ", "high"))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One hand-written sentence with its labels; ``key`` names it ("vi/complaint/12")."""

    key: str
    text: str
    request_type: str
    language: str
    urgency: str = "normal"
    voice: str = ""
    kind: str = "chat"
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything written for one language."""

    patterns: tuple[Pattern, ...]
    slots: dict[str, list[str]]
    greetings: list[str]
    contexts: list[str]
    afterwords: list[str]
    closings: list[str]
    urgencies: dict[str, list[str]]


@cache
def read_corpus(data: Path, language: str) -> Corpus:
    """Read and check the files of one language.

    Raises
    ------
    Invalid
        If a file is missing or cannot be used; the sentence names the pattern.
    """
    folder = data / language
    frames, slots = _toml(folder / "_frames.toml"), _toml(folder / "_slots.toml")
    patterns = []
    for path in sorted(folder.glob("[a-z]*.toml")):
        patterns += list(_of_toml(path, language))
    for path in sorted(folder.glob("[a-z]*.txt")):
        patterns += list(_of_lines(path, language))
    for pattern in patterns:
        if pattern.urgency not in LEVELS or pattern.kind not in {"chat", "mail"}:
            raise Invalid(f"Starter pattern {pattern.key} has an unknown urgency or kind.")
    corpus = Corpus(
        patterns=tuple(patterns),
        slots=slots,
        greetings=frames["greeting"],
        contexts=frames["context"],
        afterwords=frames.get("afterword", []),
        closings=frames["closing"],
        urgencies=frames.get("urgency", {}),
    )
    _check_slots(corpus, language)
    return corpus


def _of_toml(path: Path, language: str) -> Iterator[Pattern]:
    for number, entry in enumerate(_toml(path).get("pattern", [])):
        key = f"{language}/{path.stem}/{number}"
        yield Pattern(key=key, request_type=path.stem, language=language, **entry)


def _of_lines(path: Path, language: str) -> Iterator[Pattern]:
    r"""One pattern a line; ``# who`` says who writes what follows.

    A mark in front gives the urgency, ``Subject :: body`` is a mail, ``\n`` in it is a
    line break.
    """
    voice = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            voice = line[2:]
        elif line:
            urgency, text = next(
                ((level, line[len(mark) :]) for mark, level in _MARKS if line.startswith(mark)),
                ("normal", line),
            )
            subject, is_mail, body = text.rpartition(" :: ")
            yield Pattern(
                # Of the text, not of the place: a new line leaves the others as they are.
                key=f"{language}/{path.stem}/{zlib.crc32(line.encode()):08x}",
                text=body.replace("\\n", "\n"),
                request_type=path.stem,
                language=language,
                urgency=urgency,
                voice=voice,
                kind="mail" if is_mail else "chat",
                subject=subject,
            )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"The starter data in {path.name} cannot be read: {error}.") from error


def _check_slots(corpus: Corpus, language: str) -> None:
    frames = [*corpus.greetings, *corpus.contexts, *corpus.afterwords, *corpus.closings]
    frames += [phrase for phrases in corpus.urgencies.values() for phrase in phrases]
    texts = [(f"{language}/_frames", text) for text in frames]
    texts += [(p.key, f"{p.subject} {p.text}") for p in corpus.patterns]
    texts += [
        (f"{language}/_slots", value) for values in corpus.slots.values() for value in values
    ]
    for key, text in texts:
        missing = set(SLOT.findall(text)) - corpus.slots.keys()
        if missing:
            raise Invalid(f"{key} uses the slot {min(missing)!r}, which _slots.toml lacks.")
