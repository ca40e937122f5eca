"""Who has which conversation before them, and who writes: known for seconds, kept nowhere.

Every web process holds the whole of it: a browser says every ten seconds where it is, its
process tells the others by a name (``seat-1042:7:tab:w``), and what is not said again is
forgotten. Nothing is written to the database.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from inbox.queue import SEAT
from inbox.views.hub import HERE

log = logging.getLogger(__name__)

STAYS_S = 25.0  # after it was last said; browsers say it every 10 s
GATHER_S = 0.25  # what changes within this is told together
LET_IN_S = 60.0  # for how long a right to look, once checked, is not checked again
MOST_TABS = 5000  # of all people together
MOST_TABS_EACH = 20
MOST_TOLD = 40  # conversations named in one event; of more, browsers look at all
MOST_LET_IN = 20_000
LOOKS, WRITES, LEFT = "l", "w", "-"
VISITOR = 0  # in place of a person's id: the visitor of a chat
TAB = re.compile(r"[a-z0-9]{8,32}")
_NAME = re.compile(SEAT + r"(\d{1,10}):(\d{1,10}):([a-z0-9]{8,32}):([lw-])")

Place = tuple[int, int]  # the conversation's number and the person's id


@dataclass(frozen=True, slots=True)
class Seated:
    """One tab of one person: before which conversation, and whether they write."""

    number: int
    agent_id: int
    writes: bool
    until: float  # by time.monotonic


def seat_name(number: int, agent_id: int, tab: str, state: str) -> str:
    """Return the name by which processes tell each other of a tab."""
    return f"{SEAT}{number}:{agent_id}:{tab}:{state}"


def read_seat(name: str) -> tuple[int, int, str] | None:
    """Return whose state in which conversation a name tells; None if it is no such name."""
    said = _NAME.fullmatch(name)
    return None if said is None else (int(said[1]), int(said[2]), said[4])


class Room:
    """What one web process knows of where everybody is."""

    def __init__(self, tell: Callable[[list[str]], None]) -> None:
        self._tell = tell
        self._tabs: dict[tuple[int, str], Seated] = {}
        self._stirred: set[int] = set()  # conversations of which something is to be told
        self._telling: asyncio.TimerHandle | None = None
        self._let_in: dict[Place, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to forget those who say nothing any more."""
        self._task = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Stop; what is known is lost, and said again within seconds."""
        if self._telling is not None:
            self._telling.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.forget(time.monotonic())

    # ---- what is said --------------------------------------------------------------------

    def hear(self, name: str) -> None:
        """Take a ``seat-`` name; every other is none of its business."""
        said = _NAME.fullmatch(name) if name.startswith(SEAT) else None
        if said is None:
            return
        number, agent_id, tab, state = int(said[1]), int(said[2]), said[3], said[4]
        key, was = (agent_id, tab), self._tabs.get((agent_id, tab))
        before = self._of({number, was.number if was else number}, agent_id)
        if state == LEFT:
            self._tabs.pop(key, None)
        else:
            self._make_room(key)
            until = time.monotonic() + STAYS_S
            self._tabs[key] = Seated(number, agent_id, state == WRITES, until)
        self._stir(before, self._of(set(before), agent_id))

    def forget(self, now: float) -> None:
        """Forget whoever has not been heard of."""
        gone = [key for key, seated in self._tabs.items() if seated.until < now]
        for key in gone:
            seated = self._tabs[key]
            before = self._of({seated.number}, seated.agent_id)
            del self._tabs[key]
            self._stir(before, self._of({seated.number}, seated.agent_id))
        for place in [place for place, until in self._let_in.items() if until < now]:
            del self._let_in[place]

    def _make_room(self, key: tuple[int, str]) -> None:
        """Keep within bounds: of one person, then of all, the longest unheard goes."""
        if key in self._tabs:
            del self._tabs[key]  # what is said last stands last
            return
        theirs = [one for one in self._tabs if one[0] == key[0]]
        if key[0] != VISITOR and len(theirs) >= MOST_TABS_EACH:
            self._drop(theirs[0])
        elif len(self._tabs) >= MOST_TABS:
            self._drop(next(iter(self._tabs)))

    def _drop(self, key: tuple[int, str]) -> None:
        self._stirred.add(self._tabs.pop(key).number)
        self._tell_soon()

    def _of(self, numbers: set[int], agent_id: int) -> dict[int, bool | None]:
        """Return what a person does before each: writes (True), looks, or is not there."""
        found: dict[int, bool | None] = dict.fromkeys(numbers)
        for seated in self._tabs.values():
            if seated.agent_id == agent_id and seated.number in found:
                found[seated.number] = bool(found[seated.number]) or seated.writes
        return found

    def _stir(self, before: dict[int, bool | None], after: dict[int, bool | None]) -> None:
        changed = {number for number in before if before[number] != after[number]}
        if changed:
            self._stirred |= changed
            self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_later(GATHER_S, self._tell_now)

    def _tell_now(self) -> None:
        stirred, self._stirred, self._telling = self._stirred, set(), None
        many = len(stirred) > MOST_TOLD
        self._tell([HERE + ("*" if many else ",".join(map(str, sorted(stirred))))])

    # ---- what is known -------------------------------------------------------------------

    def others(self, agent_id: int) -> dict[int, dict[int, bool]]:
        """Return who else is where: by conversation, by person, whether they write."""
        found: dict[int, dict[int, bool]] = {}
        for seated in self._tabs.values():
            if seated.agent_id != agent_id:
                there = found.setdefault(seated.number, {})
                there[seated.agent_id] = there.get(seated.agent_id, False) or seated.writes
        return found

    def is_let_in(self, number: int, agent_id: int) -> bool:
        """Tell whether it was checked a moment ago that this person may see it."""
        return self._let_in.get((number, agent_id), 0.0) > time.monotonic()

    def let_in(self, number: int, agent_id: int) -> None:
        """Remember that this person may see it."""
        if len(self._let_in) >= MOST_LET_IN:
            self._let_in.clear()
        self._let_in[number, agent_id] = time.monotonic() + LET_IN_S
