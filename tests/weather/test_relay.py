"""The company's mail server in every bad mood: tried again, shown, or of unknown fate."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from inbox.channels import smtp
from inbox.db import Database
from inbox.loops import Send
from inbox.settings import Settings
from models import DeliveryState, Outbox
from tests.conftest import Clock
from tests.factories import NOW, Firm, arrive, everything, make_message

TIMEOUT_S = 0.5  # in place of thirty seconds
MAILS = 3
RECIPIENT = {"not now": b"451 later\r\n", "never": b"550 no\r\n"}


class Relay:
    """A mail server whose mood can be set; remembers what it took, whatever it said."""

    def __init__(self) -> None:
        self.mood = "good"
        self.took: list[str] = []
        self.port = 0
        self.talks: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak SMTP, as far as the mood goes."""
        self.talks.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mood == "hangs up":
            return
        if self.mood == "says nothing":
            await reader.read()
            return
        greeting = b"220 relay\r\n"
        for byte in greeting * 100 if self.mood == "drips" else b"":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
        writer.write(greeting)
        recipient = ""
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
                writer.write(RECIPIENT.get(self.mood, b"250 ok\r\n"))
            elif word != b"DATA":
                writer.write(b"250 ok\r\n")
            elif not await self._take(recipient, reader, writer):
                return

    async def _take(
        self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Take one mail; False if the connection is to end without an answer."""
        writer.write(b"354 go on\r\n")
        if self.mood == "cuts":
            await reader.readline()
            return False
        await reader.readuntil(b"\r\n.\r\n")
        self.took.append(recipient)
        if self.mood == "hangs after the dot":
            await reader.read()
        if self.mood.endswith("after the dot"):
            return False
        writer.write(b"250 kept\r\n")
        return True


@pytest.fixture
async def relay(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Relay]:
    """Run a relay of good mood on a free port."""
    monkeypatch.setattr(smtp, "TIMEOUT_S", TIMEOUT_S)
    made = Relay()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    talks = [talk for talk in made.talks if talk is not None]
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    await asyncio.sleep(0)  # closed connections let go of their sockets


@pytest.fixture
def send(database: Database, relay: Relay, clock: Clock) -> Send:
    """Return the worker's loop that sends, through the relay."""
    settings = Settings.model_construct(smtp_url=f"smtp://127.0.0.1:{relay.port}")
    return Send(database, settings)


async def _states(database: Database) -> Counter[str]:
    rows = await database.read(lambda session: everything(session, Outbox))
    return Counter(row.state.value for row in rows)


async def _some_mails(database: Database, firm: Firm) -> list[str]:
    """Take messages in, whose acknowledgements then wait; return for whom."""
    people = [f"nguoi{number}@khach.example" for number in range(MAILS)]
    for person in people:
        await database.write(arrive, firm, make_message(from_address=person), at=NOW)
    return people


async def _until_quiet(send: Send, clock: Clock, minutes: int) -> None:
    """Let time pass, with the worker's tick once a simulated minute."""
    for _ in range(minutes):
        clock.forward(minutes=1)
        await send.once()


@pytest.mark.parametrize("mood", ["hangs up", "says nothing", "drips", "not now", "down"])
async def test_what_was_not_handed_over_is_tried_again_and_arrives_once(
    database: Database, firm: Firm, relay: Relay, send: Send, clock: Clock, mood: str
) -> None:
    """G10, R20, F26: and a bad server costs one timeout, not one for each mail."""
    people = await _some_mails(database, firm)
    if mood == "down":
        good, relay.port = relay.port, 1
        send.lanes.default = smtp.read_url("smtp://127.0.0.1:1")
    relay.mood = mood

    began = time.monotonic()
    await send.once()
    assert time.monotonic() - began < MAILS * TIMEOUT_S + 5.0
    assert await _states(database) == {"queued": MAILS}
    tries = len(relay.took)
    await send.once()  # no tight loop: nothing is due yet
    assert (await _states(database), len(relay.took)) == ({"queued": MAILS}, tries)

    relay.mood = "good"
    if mood == "down":
        send.lanes.default = smtp.read_url(f"smtp://127.0.0.1:{good}")
    await _until_quiet(send, clock, 3)
    assert await _states(database) == {"sent": MAILS}
    assert sorted(relay.took) == people


@pytest.mark.parametrize(
    ("mood", "most"), [("hangs after the dot", 1), ("drops after the dot", 1), ("cuts", 0)]
)
async def test_what_may_have_arrived_is_shown_so_and_never_sent_again(
    database: Database,
    firm: Firm,
    relay: Relay,
    send: Send,
    clock: Clock,
    mood: str,
    most: int,
) -> None:
    """G10, R21, F77: only the mail on the wire; those behind it arrive."""
    people = await _some_mails(database, firm)
    relay.mood = mood

    await send.once()
    relay.mood = "good"
    await _until_quiet(send, clock, 10)

    states = await _states(database)
    assert states == {"unconfirmed": 1, "sent": MAILS - 1}
    (lost,) = [
        row.to_address
        for row in await database.read(lambda session: everything(session, Outbox))
        if row.state is DeliveryState.UNCONFIRMED
    ]
    took = Counter(relay.took)
    assert took.pop(lost, 0) == most
    assert sorted(took.elements()) == sorted(set(people) - {lost})


async def test_a_no_for_good_is_a_no(
    database: Database, firm: Firm, relay: Relay, send: Send, clock: Clock
) -> None:
    """G10: 550 is not tried again."""
    await _some_mails(database, firm)
    relay.mood = "never"
    await send.once()
    relay.mood = "good"
    await _until_quiet(send, clock, 10)
    assert await _states(database) == {"failed": MAILS}
    assert relay.took == []
