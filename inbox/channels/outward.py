"""Where we may call an address that somebody gave us: the public internet, by https.

Whoever can have us call an address of their choice could otherwise reach what only this
machine can: a database, a cloud's metadata, the office's printer. The name is looked up once,
every address behind it must be public, and the call goes to one of those, so that a name
which answers differently the second time gains nothing.
"""

import asyncio
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from inbox.errors import Rejected, Unavailable

MOST_CHARS = 2000
MOST_ADDRESSES = 3
HTTPS = 443
PRIVATE = "This address leads into a private network."
LOCAL = (  # ends of names that only a network of its own knows, never the internet
    *("localhost", "localdomain", "local", "internal", "intranet", "private"),
    *("corp", "home", "home.arpa", "lan"),
)
_GLOBAL = IPv6Network("2000::/3")  # all that was ever given out
_NAT64 = IPv6Network("64:ff9b::/96")  # leads to the IPv4 address in its last four bytes


@dataclass(frozen=True, slots=True)
class Target:
    """What to call: the addresses to try in turn, and who is expected to answer there."""

    urls: tuple[str, ...]
    host: str  # the Host header
    name: str  # that the certificate must be for


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, as ``https://push.example``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is of the public internet, also one wrapped in another."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address not in _GLOBAL:
            return False
    return address.is_global and not address.is_multicast


def check_url(url: str, own: Collection[str] = ()) -> SplitResult:
    """Return an address's parts if we may call it, as far as it says by itself.

    ``own`` are origins that may be called whatever they are.

    Raises
    ------
    Rejected
        If it is no public https address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Rejected("This is no address.") from error
    printable = url.isascii() and url.isprintable() and " " not in url
    if not printable or len(url) > MOST_CHARS or not parts.hostname or "@" in parts.netloc:
        raise Rejected("This is no address.")
    if origin_of(url) in own:
        return parts
    if parts.scheme != "https" or port not in (None, HTTPS):
        raise Rejected("Only https addresses are called.")
    literal = _literal(parts.hostname)
    if _is_local(parts.hostname) if literal is None else not is_public(literal):
        raise Rejected(PRIVATE)
    return parts


def _is_local(host: str) -> bool:
    """Tell whether a name is one that only a network of its own knows: ``printer.local``."""
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(tuple(f".{end}" for end in LOCAL))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


async def look_up(url: str, own: Collection[str] = ()) -> Target:
    """Find out where a call to an address may go.

    Raises
    ------
    Rejected
        If it is no public https address, or leads to one that is not public.
    Unavailable
        If its name is not known just now.
    """
    parts = check_url(url, own)
    host = parts.hostname or ""
    if origin_of(url) in own:
        return Target((url,), parts.netloc, host)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, HTTPS, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise Unavailable(f"{host} is not known just now.") from error
    addresses = list(dict.fromkeys(ip_address(str(one[4][0])) for one in found))
    if not addresses or not all(is_public(one) for one in addresses):
        raise Rejected(PRIVATE)
    urls = (
        urlunsplit(parts._replace(netloc=f"[{one}]" if one.version == 6 else str(one)))
        for one in addresses[:MOST_ADDRESSES]
    )
    return Target(tuple(urls), host, host)
