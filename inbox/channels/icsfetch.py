"""Fetching a person's calendar from an address of their choice, and from nowhere else.

Whoever can have us call an address must gain nothing by it: only the public internet by
https, the name looked up once (``outward``), no redirect followed, little time, bounded
bytes, and nothing of the answer is shown to anybody.
"""

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

import httpx

from inbox.channels.outward import Target, check_url, look_up
from inbox.errors import Rejected, Unavailable
from inbox.templating import N_

WITHIN_S = 10.0
MOST_BYTES = 4 * 1024 * 1024
NOT_FOUND = N_("There is no calendar at this address.")
MOVED = N_("The address leads to another one. Enter that one.")
TOO_LARGE = N_("The calendar is larger than 4 MB.")
NO_ANSWER = N_("The address does not answer.")
SAID_NO = N_("The address answers with an error.")


def read_address(typed: str, own: Collection[str] = ()) -> str:
    """Return the address to fetch: ``webcal`` is https.

    Raises
    ------
    Rejected
        If it is none that we may call.
    """
    parts = urlsplit(typed.strip()) if "://" in typed else urlsplit("https://" + typed.strip())
    if parts.scheme in ("webcal", "webcals"):
        parts = parts._replace(scheme="https")
    url = urlunsplit(parts._replace(fragment=""))
    check_url(url, own)
    return url


async def fetch_calendar(url: str, own: Collection[str] = ()) -> bytes:
    """Return what is at an address.

    Raises
    ------
    Rejected
        If we may not call there, or it has no calendar; asking again changes nothing.
    Unavailable
        If it cannot be asked just now.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _get(await look_up(url, own))
    except TimeoutError:
        raise Unavailable(NO_ANSWER) from None


async def _get(target: Target) -> bytes:
    headers = {"host": target.host, "accept": "text/calendar", "accept-encoding": "identity"}
    name = {"sni_hostname": target.name}
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
        for url in target.urls:
            try:
                async with client.stream("GET", url, headers=headers, extensions=name) as got:
                    _judge(got.status_code, got.headers.get("content-encoding", ""))
                    return await _read(got)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.HTTPError:
                raise Unavailable(NO_ANSWER) from None
    raise Unavailable(NO_ANSWER)


def _judge(status: int, encoding: str) -> None:
    if 300 <= status < 400:
        raise Rejected(MOVED)
    if status in (401, 403, 404, 410):
        raise Rejected(NOT_FOUND)
    if status != 200 or encoding not in ("", "identity"):
        raise Unavailable(SAID_NO)


async def _read(got: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in got.aiter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            raise Rejected(TOO_LARGE)
    return bytes(body)
