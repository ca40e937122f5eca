"""A worker on an empty database: it waits for the first visit, and nothing fails meanwhile."""

from inbox.db import Database
from inbox.settings import Settings
from inbox.worker import Closing, make_rooms
from tests.factories import SECRET


async def test_nothing_fails_before_there_is_a_company(
    database: Database, settings: Settings
) -> None:
    """Each kind of work looks, finds nothing to do, and says so."""
    rooms = make_rooms(database, settings, SECRET)
    try:
        for name, (room, _) in rooms.items():
            assert await room.once() is False, name
    finally:
        for room, _ in rooms.values():
            if isinstance(room, Closing):
                await room.close()
