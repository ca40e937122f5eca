"""What the sample company's customers and colleagues wrote, read from the files beside this."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Story:
    """One conversation to be told; the comments in the files say what each field means."""

    name: str
    email: str
    subject: str
    text: str
    type: str  # what it really is: what an agent corrects a wrong guess to
    channel: str = "email"
    days: int = 0
    at: str = ""
    share: float = 0.0
    reply: str = ""
    then: str = ""
    answer: str = ""
    solved: bool = False
    due: float | None = None
    again: str = ""
    confirmed: bool = False
    note: str = ""
    step: int = 0
    after: int = 0


def past() -> list[Story]:
    """Return what has been answered, the oldest first."""
    return _read("past.toml", "story")


def present() -> list[Story]:
    """Return what waits for an answer at the start."""
    return _read("present.toml", "story")


def live() -> list[Story]:
    """Return the urgent ones whose warnings and breaches fall in the first minutes."""
    return _read("present.toml", "live")


def _read(file: str, table: str) -> list[Story]:
    found: list[dict[str, Any]] = tomllib.loads((HERE / file).read_text("utf-8"))[table]
    return [Story(**{key: _trim(value) for key, value in entry.items()}) for entry in found]


def _trim(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
