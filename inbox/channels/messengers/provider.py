"""What a provider of messages is to the rest: one object with these methods.

Nothing here knows a database. What a provider is asked over the network goes through a
``Wire``, which has the account's access and keeps to where we may call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from inbox.channels.base import FileRef, InboundAttachment, OutboundFile, OutboundMessage
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.events import Event, State, Told
from inbox.channels.messengers.wire import Wire


@dataclass(frozen=True, slots=True)
class Ask:
    """What has to be entered to connect an account; ``label`` and ``hint`` are message keys.

    A secret is kept encrypted and never shown again. ``choices`` make it a choice: value and
    message key.
    """

    name: str
    label: str
    hint: str = ""
    is_secret: bool = False
    is_needed: bool = True
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer that is one call to the provider: words, or a file."""

    text: str = ""
    file: OutboundFile | None = None


@dataclass(frozen=True, slots=True)
class Whoami:
    """Whose access it is, as the provider says; ``until``: when it ends, if that is known."""

    id: str
    name: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A new access; ``replaced`` are entered secrets that it came with another of."""

    token: str = field(repr=False)
    good_for_s: int
    replaced: Mapping[str, str] = field(default_factory=dict, repr=False)


class Provider(Protocol):
    """One provider of messages.

    ``kind`` is the channel's. ``steps`` say what to do at the provider, one after the other:
    message keys, in which ``%(webhook)s`` is the address to give them and ``%(verify)s`` the
    word by which they know us. ``base_settings`` names the settings that hold the addresses of
    the provider, the first one is where calls with a mere path go. ``renews`` says that its
    tokens end and are renewed by us.
    """

    kind: str
    name: str
    asks: tuple[Ask, ...]
    steps: tuple[str, ...]
    base_settings: tuple[str, ...]
    renews: bool

    def is_genuine(self, headers: Mapping[str, str], body: bytes, account: Account) -> bool:
        """Tell whether the provider sent this body; ``headers`` have lower-case names."""
        ...

    def challenge(self, query: Mapping[str, str], account: Account) -> str | None:
        """Return what the provider wants to hear as it tries our address; None: it is none."""
        ...

    def split(self, body: bytes, account: Account) -> Sequence[Event]:
        """Return what one request tells, in its order; raises ``ValueError``."""
        ...

    def read(self, raw: bytes) -> Told:
        """Read an event that is a message; raises ``ValueError``."""
        ...

    def states(self, raw: bytes) -> Sequence[State]:
        """Read an event that is a state; raises ``ValueError``."""
        ...

    def window(self, account: Account) -> timedelta | None:
        """Return how long after their last message somebody may be answered; None: always."""
        ...

    def pieces(self, message: OutboundMessage) -> Sequence[Piece]:
        """Cut an answer into calls, the same at each try; raises ``Rejected``."""
        ...

    async def send(
        self, wire: Wire, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        """Send a piece and return the provider's id of it.

        ``wrote_at`` is when they wrote last. Raises ``Rejected`` (also ``WindowClosed``,
        ``Blocked``), ``Unavailable`` (also ``BadToken``, ``SlowDown``) or ``Unconfirmed``.
        """
        ...

    async def who_am_i(self, wire: Wire) -> Whoami:
        """Ask whose access it is; raises as ``send`` does."""
        ...

    async def connect(self, wire: Wire, webhook: str) -> None:
        """Have the provider call our address, where that is done by a call; else do nothing."""
        ...

    async def name_of(self, wire: Wire, user: str) -> str:
        """Return what somebody is called there, or ""; raises as ``send`` does."""
        ...

    async def fetch(self, wire: Wire, ref: FileRef) -> InboundAttachment:
        """Fetch a file that somebody sent; raises ``Rejected`` or ``Unavailable``."""
        ...

    async def renew(self, wire: Wire) -> Tokens | None:
        """Get a new token; None where there is nothing to renew. Raises ``BadToken`` too."""
        ...
