"""Where the open chats of one web process sit: who is there, and who has something to read.

Names over Redis wake a socket at once; one question a second for all sockets together finds
what no name told, and is all there is without Redis.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.queue import CHAT, SEAT
from inbox.store import chat as rows
from inbox.views.hub import GAP, Hub
from inbox.views.room import VISITOR, WRITES, read_seat

log = logging.getLogger(__name__)

MOST_SOCKETS = 1000  # of one process, at 80 KB each; pages need room too
MOST_PER_PEER = 50  # an office behind one address
LOOK_EVERY_S = 1.0
SEEN_EVERY_S = 30.0


class Seat:
    """One socket: whose it is, and a bell."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.visitor = ""  # the identity's value, once hello was said
        self.number = 0  # of their conversation
        self.typing: bool | None = None  # one of us began or stopped, and they are not told yet
        self.known = 0  # the newest message id that it was woken for
        self.writers = False  # one of us writes
        self.bell = asyncio.Event()


class Desk:
    """The seats of one process, woken by names and by the second."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._seats: set[Seat] = set()
        self._peers: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        hub.hear(self._hear)

    def start(self) -> None:
        """Begin to look after the seats."""
        self._task = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Stop; sockets are closed by the server."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def has_room(self, peer: str) -> bool:
        """Tell whether one more from this address may come."""
        return len(self._seats) < MOST_SOCKETS and self._peers[peer] < MOST_PER_PEER

    @contextmanager
    def seat(self, peer: str) -> Iterator[Seat]:
        """Give a seat, and take it back."""
        taken = Seat(peer)
        self._seats.add(taken)
        self._peers[peer] += 1
        try:
            yield taken
        finally:
            self._seats.discard(taken)
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def _hear(self, name: str) -> None:
        if name.startswith(SEAT):
            self._hear_typing(name)
            return
        everybody = name in GAP and name != "list"
        if not everybody and not name.startswith(CHAT):
            return
        whose = name[len(CHAT) :]
        for seat in self._seats:
            if everybody or seat.visitor == whose:
                seat.bell.set()

    def _hear_typing(self, name: str) -> None:
        """Pass on that one of us writes in a conversation, or has stopped."""
        said = read_seat(name)
        if said is None or said[1] == VISITOR:
            return
        number, _, state = said
        for seat in self._seats:
            if seat.number == number and seat.writers != (state == WRITES):
                seat.writers = state == WRITES
                seat.typing = seat.writers
                seat.bell.set()

    async def _look_after(self) -> None:
        seen_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
                if time.monotonic() - seen_at > SEEN_EVERY_S:
                    seen_at = time.monotonic()
                    await self._note_seen()
            except DatabaseGone as error:
                log.warning("chats wait: %s (%s)", error, error.__cause__)
            except Exception:
                log.exception("looking after chats failed")

    def _visitors(self) -> list[str]:
        return sorted({seat.visitor for seat in self._seats if seat.visitor})

    async def _look(self) -> None:
        """Wake those who have something that no name told them of."""
        visitors = self._visitors()
        if not visitors:
            return
        newest = await self._database.read(rows.newest_ids, visitors)
        for seat in self._seats:
            there = newest.get(seat.visitor, 0)
            if there > seat.known:
                seat.known = there
                seat.bell.set()

    async def _note_seen(self) -> None:
        visitors = self._visitors()
        if visitors:
            await self._database.write(rows.seen, visitors, utcnow())
