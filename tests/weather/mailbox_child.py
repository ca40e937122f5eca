"""A worker's look into a mailbox, in a process that may die; the server is a folder of marks.

Usage: python mailbox_child.py DATABASE_URL FOLDER COUNT. It looks once for each of ``COUNT``
mails, of which one more is there each time; the folder's name makes them unlike others'.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from inbox import mailboxes
from inbox.clock import utcnow
from inbox.db import Database
from inbox.fetching import looks
from tests.factories import make_mail
from tests.mailserver import Server


class Folder(Server):
    """A server whose marks outlive this process, and whose mails are always the same."""

    marks: Path

    async def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark on the disk."""
        await super().mark_seen(uids)
        for uid in uids:
            (self.marks / str(uid)).touch()


async def main(url: str, marks: Path, count: int) -> None:
    """Look once for each mail."""
    server = Folder()
    server.marks = marks
    database = Database(url)
    try:
        for number in range(1, count + 1):
            raw = make_mail(message_id=f"<{marks.name}.{number}@khach.example>")
            server.put(raw, utcnow(), is_seen=(marks / str(number)).exists())
            soon = utcnow() + timedelta(minutes=number)  # an earlier lease is over by then
            (job,) = await database.write(mailboxes.claim, soon, 5)
            await mailboxes.read(database, job, server)
            await database.write(looks.succeed, job.id, None, soon - timedelta(minutes=1))
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
