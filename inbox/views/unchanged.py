"""A list that did not change is not made again: 304, before anybody is looked up.

Only for the refreshes that a page makes by itself when it hears that something changed: what it
heard was heard here first. Whoever asks again within a few seconds, with the same cookies and
the same mark, and nothing was announced meanwhile, has what there is.
"""

import itertools
import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

KEPT_S = 8.0  # less than it takes to notice that somebody was signed out (views.live)
MOST = 5000
CHANGES = ("list", "gap")
PERSONAL = ("notices-", "account-")
REFRESHES = (b"live-list", b"live-next")
_ASKS = (b"cookie", b"accept-language", b"hx-trigger", b"hx-request")

Key = tuple[bytes, ...]


class Lists:
    """Which lists were given to whom, until something is announced."""

    def __init__(self, *, on: bool) -> None:
        self.on = on  # there is somebody who announces
        self._kept: dict[Key, tuple[bytes, float]] = {}
        self._marks = itertools.count()

    def hear(self, name: str) -> None:
        """Forget everything when something changed."""
        if name in CHANGES or name.startswith(PERSONAL):
            self._kept.clear()

    def is_unchanged(self, key: Key, mark: bytes) -> bool:
        """Tell whether the list with this mark is what there is."""
        kept, until = self._kept.get(key, (b"", 0.0))
        return bool(mark) and kept == mark and time.monotonic() < until

    def keep(self, key: Key) -> bytes:
        """Return a mark for a list that is just made."""
        if len(self._kept) >= MOST:
            self._kept.clear()
        mark = b'W/"%d.%d"' % (time.time_ns(), next(self._marks))
        self._kept[key] = mark, time.monotonic() + KEPT_S
        return mark


def spare(app: ASGIApp) -> ASGIApp:
    """Answer what is unchanged, and mark what is given."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] != "/inbox":
            await app(scope, receive, send)
            return
        lists: Lists = scope["litestar_app"].state.site.lists
        given = dict(scope["headers"])
        if not lists.on or given.get(b"hx-trigger") not in REFRESHES:
            await app(scope, receive, send)
            return
        key = (scope["query_string"], *(given.get(name, b"") for name in _ASKS))
        mark = given.get(b"if-none-match", b"")
        if lists.is_unchanged(key, mark):
            await send(
                {
                    "type": "http.response.start",
                    "status": 304,
                    "headers": [(b"etag", mark), (b"vary", b"HX-Request, Cookie")],
                }
            )
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        mark = lists.keep(key)  # before it is read: what changes meanwhile takes it away

        async def with_mark(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["headers"] = [*message["headers"], (b"etag", mark)]
            await send(message)

        await app(scope, receive, with_mark)

    return call
