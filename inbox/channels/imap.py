"""Look into a mailbox: mail is fetched unmarked, and marked as read only when told so.

The connection lives in a thread (``imapwire``); whoever stops waiting for it cuts its wire,
so that no server, however slow, keeps a thread.
"""

import asyncio
import contextlib
import imaplib
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import date
from types import TracebackType
from typing import Any, Self, TypeVar

from inbox.channels.imapwire import Client, Folder, ImapServer, Wire, connect
from inbox.channels.imapwords import Found
from inbox.channels.words import one_line
from inbox.errors import Rejected, TooLarge, Unavailable

T = TypeVar("T")

TIMEOUT_S = 30.0  # of silence
CALL_S = 300.0  # of one command; 35 MiB over a line of 1 Mbit/s
MAX_REASON_CHARS = 300


class ImapMailbox:
    """One connection; use with ``async with``.

    Raises
    ------
    Unavailable
        From any call: it broke, took too long, or the server lets us in no more.
    Rejected
        From any call: the server said no to this command; the connection goes on.
    """

    def __init__(
        self,
        server: ImapServer,
        pool: Executor,
        *,
        timeout_s: float = TIMEOUT_S,
        call_s: float = CALL_S,
    ) -> None:
        self._server = server
        self._pool = pool
        self._timeout_s = timeout_s
        self._call_s = call_s
        self._wire = Wire()
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        try:
            self._client = await self._run(connect, self._server, self._wire, self._timeout_s)
        except Rejected as error:
            self._wire.cut()
            raise Unavailable(error.message) from error
        except BaseException:
            self._wire.cut()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._client is not None:
            with contextlib.suppress(Unavailable, Rejected):  # all that matters is done
                await self._run(self._client.logout)
        self._cut()

    async def select(self, folder: str) -> Folder:
        """Open a folder; raises ``Unavailable`` if we may not."""
        try:
            return await self._do(Client.select_folder, folder)
        except Rejected as error:
            raise Unavailable(error.message) from error

    async def search(self, first: int, last: int, since: date | None) -> list[int]:
        """Return the UIDs from ``first`` to ``last``, both included, in order.

        ``since`` leaves out what arrived before that date, by the server's own calendar.
        """
        return await self._do(Client.search_uids, first, last, since)

    async def describe(self, uids: Sequence[int]) -> dict[int, Found]:
        """Return size, arrival and state of those that are still there."""
        return await self._do(Client.describe, uids)

    async def fetch(self, uid: int) -> bytes | None:
        """Return a whole mail, unmarked; None if it is gone.

        Raises
        ------
        TooLarge
            It is larger than 36 MiB, whatever was said before; the connection has ended.
        """
        return await self._do(Client.fetch_body, uid)

    async def fetch_head(self, uid: int) -> bytes | None:
        """Return a mail's head, unmarked; None if it is gone."""
        return await self._do(Client.fetch_head, uid)

    async def find_sent(self) -> str | None:
        """Return the name of the folder of sent mail; None if the server names none."""
        return await self._do(Client.find_sent)

    async def wait_for_news(self, seconds: float) -> bool:
        """Wait until mail comes, at most so long; True if some did.

        Raises
        ------
        Rejected
            If the server cannot tell: ask it now and then instead.
        """
        if self._client is None:
            raise Unavailable("There is no connection to the mailbox.")
        limit = seconds + self._timeout_s
        return await self._run(Client.wait_for_news, self._client, seconds, limit_s=limit)

    async def mark_seen(self, uids: Sequence[int]) -> None:
        """Mark mails as read."""
        await self._do(Client.mark_seen, uids)

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        if self._client is None:
            raise Unavailable("There is no connection to the mailbox.")
        return await self._run(work, self._client, *args)

    async def _run(self, work: Callable[..., T], *args: Any, limit_s: float | None = None) -> T:
        call = asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        try:
            async with asyncio.timeout(limit_s or self._call_s):
                return await call
        except (asyncio.CancelledError, TooLarge):
            self._cut()
            raise
        except (imaplib.IMAP4.abort, OSError) as error:  # a timeout and TLS are OSErrors too
            self._cut()
            raise Unavailable(self._said("cannot be used", error)) from error
        except (imaplib.IMAP4.error, ValueError) as error:
            raise Rejected(self._said("said no", error)) from error

    def _said(self, what: str, error: Exception) -> str:
        """Put it into one line; never our password, however a server may echo it."""
        words = one_line(str(error)) or type(error).__name__
        user, password = self._server.username, self._server.password
        token = self._server.token
        plain = f"\0{user}\0{password}", f"user={user}\x01auth=Bearer {token}\x01\x01"
        packed = (b64encode(one.encode()).decode() for one in plain)
        for secret in filter(None, (password, token, *packed)):
            words = words.replace(secret, "***")
        return f"{self._server.host} {what}: {words}"[:MAX_REASON_CHARS]

    def _cut(self) -> None:
        self._wire.cut()
        client, self._client = self._client, None
        if client is not None:  # in the pool: its thread may still be on its way out
            with contextlib.suppress(RuntimeError):
                self._pool.submit(client.hang_up)
