"""What a messenger tells us: events, who wrote, files to fetch, how far an answer has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from inbox.channels.base import FileRef, InboundMessage

MAX_FILE_BYTES = 20 * 1024 * 1024  # of a file that is fetched; larger ones are named only

What = Literal["message", "state", "other"]
Progress = Literal["sent", "delivered", "read", "failed", "left", "back"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, out of a request that may tell several.

    ``key`` is the provider's own: the same event has the same one however often it comes.
    ``body`` is all of it, JSON that the provider's module reads again. ``other`` is what
    concerns no conversation; ``said`` then names it. ``user`` is the provider's id of whom it
    is about, ``at`` when it happened, as the provider says.
    """

    key: str
    what: What
    body: bytes
    said: str = ""
    user: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote, as the provider has proved it.

    ``user`` is the provider's id of theirs, good for answering; ``also`` are others of
    theirs. ``phone`` is their number (E.164) where the provider vouches for it, else "".
    """

    user: str
    also: tuple[str, ...] = ()
    name: str = ""
    username: str = ""
    phone: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A message as read: who wrote it, and what has still to be fetched."""

    writer: Writer
    message: InboundMessage
    files: tuple[FileRef, ...] = ()
    at: datetime | None = None  # when it was written, as the provider says


@dataclass(frozen=True, slots=True)
class State:
    """How far one message of ours has come; ``reference`` is what sending it returned.

    ``code`` and ``said`` are the provider's, where it ``failed``. Without a ``reference`` it is
    about a ``user``: all that we sent them before ``up_to``, or that they ``left`` or are
    ``back``.
    """

    reference: str
    progress: Progress
    at: datetime | None = None
    code: int = 0
    said: str = ""
    user: str = ""
    up_to: datetime | None = None
