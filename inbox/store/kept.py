"""What rarely changes, kept by a process for as long as the database says that it is the same.

People, teams, request types, tags and the like are on every page. The database names their
present state by a word (``HouseEdition``), and writes another one whenever a row of theirs
changes, whoever changes it. A unit of work that only reads asks for the word, and takes what
was loaded under it. One that writes, and so decides something, always loads.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from sqlalchemy import select
from sqlmodel import Session

from models import HouseEdition
from models.base import columns

T = TypeVar("T")

_WORD = select(columns(HouseEdition).word)

LOADERS: list[Callable[[Session], Any]] = []
"""What loads each thing that is kept; triggers watch every column that they read."""


def kept(load: Callable[[Session], T]) -> Callable[[Session], T]:
    """Make a function that loads only what is not kept already.

    What it returns is shared by all who ask, so nobody may change it, and no clock may have
    a say in it.
    """
    LOADERS.append(load)

    @wraps(load)
    def get(session: Session) -> T:
        shelf: dict[Any, tuple[str, T]] | None = session.info.get("kept")
        word = _word(session) if shelf is not None else None
        if shelf is None or word is None:
            return load(session)
        found = shelf.get(load)
        if found is None or found[0] != word:
            # The word was read before: what is loaded is never older than it says.
            found = shelf[load] = word, load(session)
        return found[1]

    return get


def _word(session: Session) -> str | None:
    """Return the present state's word, asked once in a unit of work."""
    info = session.info
    if "edition" not in info:
        info["edition"] = session.execute(_WORD).scalar()
    word: str | None = info["edition"]
    return word
