"""Calling a provider: with its address, the account's access, little time, bounded bytes.

Addresses of the provider are the installation's settings, never typed into a form. Where a
file lies is told by the provider and thus believed less: it is fetched from the public
internet only, by https, from the address that was looked up (``inbox.channels.outward``).
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
import msgspec

from inbox.channels.messengers.account import Account
from inbox.channels.outward import look_up
from inbox.errors import Rejected, Unavailable, Unconfirmed
from inbox.templating import N_

ANSWERS_WITHIN_S = 15.0
FETCHED_WITHIN_S = 60.0
MOST_ANSWER_BYTES = 1024 * 1024
MOST_MOVES = 3
NO_ANSWER = N_("The provider cannot be reached.")
BROKE_OFF = N_("The provider’s answer broke off: perhaps it has the message.")
TOO_LARGE = N_("The file is larger than we take.")
NO_FILE = N_("The provider does not give the file.")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Reply(msgspec.Struct, frozen=True):
    """What a provider answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON; None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def retry_after_s(self) -> int:
        """How long the provider asks us to wait, in whole seconds; 0: it does not say."""
        text = self.headers.get("retry-after", "")
        return min(int(text), 24 * 3600) if text.isascii() and text.isdigit() else 0


class Wire:
    """The way to one account of one provider; use with ``async with`` or ``close`` it."""

    def __init__(
        self, account: Account, bases: Mapping[str, str], own: Collection[str] = ()
    ) -> None:
        """Take the provider's addresses by setting, and origins that need not be public."""
        self.account = account
        self.bases = {name: url.rstrip("/") for name, url in bases.items()}
        self._own = frozenset(own)
        self._client = httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, trust_env=False)

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def call(
        self, method: str, url: str, *, settles: bool = False, **asked: Any
    ) -> Reply:
        """Ask the provider something; ``asked`` is what httpx takes (params, json, files).

        ``url`` is all of it, or a path behind the first base address. With ``settles`` an
        answer that breaks off leaves it unknown what was done.

        Raises
        ------
        Unavailable
            If the provider cannot be reached.
        Unconfirmed
            If it was asked, ``settles``, and nobody knows what came of it.
        """
        if url.startswith("/"):
            url = next(iter(self.bases.values())) + url
        try:
            async with (
                asyncio.timeout(ANSWERS_WITHIN_S),
                self._client.stream(method, url, follow_redirects=False, **asked) as got,
            ):
                body = await _bounded(got, MOST_ANSWER_BYTES)
        except _NEVER_SENT:
            raise Unavailable(NO_ANSWER) from None
        except (httpx.HTTPError, TimeoutError, _TooMuch):
            if settles:
                raise Unconfirmed(BROKE_OFF) from None
            raise Unavailable(NO_ANSWER) from None
        return Reply(got.status_code, dict(got.headers), body)

    async def download(
        self, url: str, most: int, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, str]:
        """Fetch a file that the provider pointed at; return it and its content type.

        A few moves to another address are followed, each looked at as the first one was;
        ``headers`` go only where the first one did.

        Raises
        ------
        Rejected
            If we may not call there, there is no such file, or it is too large.
        Unavailable
            If it cannot be had just now.
        """
        sent = dict(headers or {})
        try:
            async with asyncio.timeout(FETCHED_WITHIN_S):
                for _ in range(MOST_MOVES):
                    got = await self._get(url, most, sent)
                    if isinstance(got, tuple):
                        return got
                    url, sent = urljoin(url, got), {}
        except TimeoutError:
            raise Unavailable(NO_ANSWER) from None
        raise Rejected(NO_FILE)

    async def _get(
        self, url: str, most: int, headers: Mapping[str, str]
    ) -> tuple[bytes, str] | str:
        """Return a file with its type, or where it is now."""
        target = await look_up(url, self._own)
        sent = {"accept-encoding": "identity", **headers, "host": target.host}
        name = {"sni_hostname": target.name}
        for one in target.urls:
            try:
                async with self._client.stream(
                    "GET", one, headers=sent, extensions=name, follow_redirects=False
                ) as got:
                    if 300 <= got.status_code < 400 and got.headers.get("location"):
                        return str(got.headers["location"])
                    _judge(got.status_code)
                    kind = got.headers.get("content-type", "").partition(";")[0].strip()
                    return await _bounded(got, most), kind[:100].lower()
            except _NEVER_SENT:
                continue
            except _TooMuch:
                raise Rejected(TOO_LARGE) from None
            except httpx.HTTPError:
                raise Unavailable(NO_ANSWER) from None
        raise Unavailable(NO_ANSWER)


class _TooMuch(Exception):
    """There is more than we take."""


async def _bounded(got: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for piece in got.aiter_bytes():
        body += piece
        if len(body) > most:
            raise _TooMuch
    return bytes(body)


def _judge(status: int) -> None:
    if status in (429,) or status >= 500:
        raise Unavailable(NO_ANSWER)
    if status != 200:
        raise Rejected(NO_FILE)
