"""A mail account in memory: an inbox and a folder of sent mail."""

from collections.abc import Sequence
from datetime import date

from inbox.channels.imapwire import Folder
from inbox.channels.imapwords import Found
from inbox.errors import Rejected, Unavailable
from tests.mailserver import Server


class Account:
    """Both folders; which is open decides what is heard."""

    def __init__(self, inbox: Server | None = None) -> None:
        self.inbox = inbox or Server()
        self.sent = Server(uidvalidity=5)
        self.marked: str | None = "Gửi đi"
        self._open = self.inbox

    async def select(self, folder: str) -> Folder:
        """Open a folder."""
        if folder == self.marked:
            self._open = self.sent
        elif folder == "INBOX":
            self._open = self.inbox
        else:
            raise Unavailable("there is no such folder") from Rejected("no")
        return await self._open.select(folder)

    async def find_sent(self) -> str | None:
        """Return which folder is marked."""
        return self.marked

    async def search(self, first: int, last: int, since: date | None) -> list[int]:
        """Search in the open folder."""
        return await self._open.search(first, last, since)

    async def describe(self, uids: Sequence[int]) -> dict[int, Found]:
        """Describe mails of the open folder."""
        return await self._open.describe(uids)

    async def fetch(self, uid: int) -> bytes | None:
        """Fetch a mail of the open folder."""
        return await self._open.fetch(uid)

    async def fetch_head(self, uid: int) -> bytes | None:
        """Fetch a mail's head."""
        self._open.said.append("head")
        mail = self._open.mails.get(uid)
        return mail.raw.partition(b"\r\n\r\n")[0] if mail else None

    async def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark mails of the open folder as read."""
        await self._open.mark_seen(uids)
