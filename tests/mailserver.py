"""A folder on a mail server, in memory: for tests of what is done with what a server says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from inbox import mailboxes
from inbox.channels.imapwire import Folder
from inbox.channels.imapwords import Found
from inbox.errors import Unavailable
from tests.factories import NOW, make_mail


@dataclass
class Kept:
    """A mail as the server keeps it."""

    raw: bytes
    at: datetime
    is_seen: bool = False
    size: int = 0
    trouble: Exception | None = None


@dataclass
class Server:
    """A folder on a server; its mails keep their numbers until it is renumbered."""

    mails: dict[int, Kept] = field(default_factory=dict)
    uidvalidity: int = 77
    uidnext: int = 1
    said: list[str] = field(default_factory=list)
    dies_at: str = ""

    def put(self, raw: bytes = b"", at: datetime = NOW, **values: Any) -> int:
        """Let a mail arrive; return its UID."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.mails[uid] = Kept(raw or make_mail(), at, **values)
        return uid

    def renumber(self) -> None:
        """Give every mail another number, as a server does after its index broke."""
        self.uidvalidity += 1
        kept = list(self.mails.values())
        self.uidnext = len(kept) + 1
        self.mails = dict(enumerate(kept, start=1))

    def _hear(self, word: str) -> None:
        self.said.append(word)
        if word == self.dies_at:
            raise Unavailable("the line broke")

    async def select(self, _folder: str) -> Folder:
        self._hear("select")
        return Folder(self.uidvalidity, self.uidnext, len(self.mails))

    async def search(self, first: int, last: int, since: date | None) -> list[int]:
        self._hear("search")
        return [
            uid
            for uid, mail in sorted(self.mails.items())
            if first <= uid <= last and (since is None or mail.at.date() >= since)
        ]

    async def describe(self, uids: Sequence[int]) -> dict[int, Found]:
        self._hear("describe")
        assert len(uids) <= mailboxes.MAX_NOTED
        there = {uid: self.mails[uid] for uid in uids if uid in self.mails}
        return {
            uid: Found(uid, mail.size or len(mail.raw), mail.at, mail.is_seen)
            for uid, mail in there.items()
        }

    async def fetch(self, uid: int) -> bytes | None:
        self._hear("fetch")
        mail = self.mails.get(uid)
        if mail is not None and mail.trouble is not None:
            raise mail.trouble
        return mail.raw if mail else None

    async def mark_seen(self, uids: Sequence[int]) -> None:
        self._hear("mark")
        assert len(uids) <= mailboxes.BATCH
        for uid in uids:
            self.mails[uid].is_seen = True
