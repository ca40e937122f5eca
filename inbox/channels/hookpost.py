"""Handing an event to another system: one POST, signed as ``webhook`` says, and no more.

Only what ``outward`` lets us call is called: public addresses by https, looked up once. A
redirect is an answer like any other, nobody waits longer than five seconds, and of what is
answered the beginning is kept for people to see.
"""

import asyncio
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy

import httpx

from inbox.channels.outward import Target, look_up
from inbox.errors import Unavailable

WITHIN_S = 5.0
MOST_BYTES = 64 * 1024  # of the answer
KEPT = 300  # characters of it


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its status, the text's beginning, and its ``Retry-After``."""

    code: int
    text: str
    retry_after: str

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has the event."""
        return 200 <= self.code < 300


@cache
def _trust() -> ssl.SSLContext:
    """Return whom we believe to be who they say; made once, as it takes a while."""
    return httpx.create_ssl_context(trust_env=False)


def make_client() -> httpx.AsyncClient:
    """Return a client that asks no proxy, keeps no cookie and follows no redirect."""
    client = httpx.AsyncClient(
        verify=_trust(), timeout=WITHIN_S, trust_env=False, follow_redirects=False
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


async def post_event(
    client: httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    own: Collection[str] = (),
) -> Answer:
    """Send one event to the first of the receiver's addresses that can be reached.

    Raises
    ------
    Rejected
        If it is no address that we may call.
    Unavailable
        If nobody answers in time; the event may have arrived all the same.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            target = await look_up(url, own)
            return await _post(client, target, headers, body)
    except TimeoutError:
        raise Unavailable(f"It did not answer within {WITHIN_S:.0f} seconds.") from None


async def _post(
    client: httpx.AsyncClient, target: Target, headers: Mapping[str, str], body: bytes
) -> Answer:
    said = {**headers, "host": target.host, "accept-encoding": "identity"}
    name = {"sni_hostname": target.name}
    for url in target.urls:
        try:
            async with client.stream(
                "POST", url, headers=said, content=body, extensions=name
            ) as got:
                text = await _begin_of(got)
                return Answer(got.status_code, text, got.headers.get("retry-after", ""))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
        except httpx.HTTPError as error:
            why = f"The answer broke off ({type(error).__name__})."
            raise Unavailable(why) from None
    raise Unavailable(f"{target.name} cannot be reached.")


async def _begin_of(got: httpx.Response) -> str:
    body = bytearray()
    async for piece in got.aiter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            break
    text = bytes(body[: KEPT * 4]).decode("utf-8", "replace")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:KEPT]


def wait_of(retry_after: str, now: datetime) -> float:
    """Return how many seconds a ``Retry-After`` asks for, as number or date; 0 is no wish."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        until = parsedate_to_datetime(retry_after)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):  # none, or one without its zone
        return 0.0
