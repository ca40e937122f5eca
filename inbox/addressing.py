"""Our own ids in mail: signed, so that only what we sent can be answered into a conversation.

A Message-ID is ``<k.1042.<random>.<signature>@domain>``, a reply address
``support+k1042.<signature>@domain``. The signature is a 128-bit HMAC; the number in it is
only a place to look.
"""

import re
from collections.abc import Container, Iterable
from itertools import islice

from inbox.auth import random_token, sign, signed

_MESSAGE_ID = re.compile(
    r"^<?k\.(\d{1,18})\.([A-Za-z0-9_-]{8,64})\.([a-z2-7]{26})@[^@<>\s]+>?$"
)
_COPY_TAG = re.compile(r"^[^@\s]+\+b(\d{1,18})\.([a-z2-7]{26})@[^@\s]+$")
_ID_IN_BYTES = re.compile(rb"k\.\d{1,18}\.[A-Za-z0-9_-]{8,64}\.[a-z2-7]{26}@[^@<>\s]{1,250}")
_REPLY_TAG = re.compile(r"^([^@\s]+)\+k(\d{1,18})\.([a-z2-7]{26})@([^@\s]+)$")


def make_message_id(secret: bytes, conversation_id: int, domain: str) -> str:
    """Return a Message-ID (with angle brackets) that a reply can be joined by."""
    nonce = re.sub(r"[^A-Za-z0-9]", "", random_token()).ljust(12, "0")
    signature = sign(secret, "message-id", f"{conversation_id}.{nonce}")
    return f"<k.{conversation_id}.{nonce}.{signature}@{domain}>"


def make_reply_address(secret: bytes, conversation_id: int, address: str) -> str:
    """Return the address that answers come back to."""
    local, _, domain = address.partition("@")
    signature = sign(secret, "reply-address", str(conversation_id))
    return f"{local}+k{conversation_id}.{signature}@{domain}"


def make_copy_address(secret: bytes, agent_id: int, address: str) -> str:
    """Return where one of us sends a blind copy of an answer from a mail program."""
    local, _, domain = address.partition("@")
    signature = sign(secret, "copy-address", str(agent_id))
    return f"{local}+b{agent_id}.{signature}@{domain}"


def copier_of(secret: bytes, addresses: Iterable[str]) -> int | None:
    """Return whose copy address is among these."""
    for address in addresses:
        tag = _COPY_TAG.match(address.lower())
        if tag and signed(secret, "copy-address", tag[1], tag[2]):
            return int(tag[1])
    return None


def conversation_of(
    secret: bytes, message_ids: Iterable[str], addresses: Iterable[str]
) -> int | None:
    """Return the conversation that a mail answers, if one of its ids or addresses is ours."""
    for address in addresses:
        tag = _REPLY_TAG.match(address.lower())
        if tag and signed(secret, "reply-address", tag[2], tag[3]):
            return int(tag[2])
    for message_id in message_ids:
        ours = _MESSAGE_ID.match(message_id.strip())
        if ours and signed(secret, "message-id", f"{ours[1]}.{ours[2]}", ours[3]):
            return int(ours[1])
    return None


def ids_within(raw: bytes, most: int = 20) -> list[str]:
    """List what looks like an id of ours anywhere in a mail: a bounce holds our headers."""
    found = (match[0].decode("ascii", "replace") for match in _ID_IN_BYTES.finditer(raw))
    return list(dict.fromkeys(islice(found, most)))


def without_tag(address: str) -> str:
    """Return an address without what stands behind its first plus sign."""
    local, _, domain = address.partition("@")
    return f"{local.split('+', 1)[0]}@{domain}"


def inbox_named(address: str, handles: Container[str]) -> str | None:
    """Return which of our inboxes a recipient means; None if none.

    An inbox may have a plus sign of its own (``shop+hanoi@``), so only what we put behind it
    is taken off first, and any other tag only where nothing else fits.
    """
    address = address.strip().lower()
    tag = _REPLY_TAG.match(address)
    untagged = f"{tag[1]}@{tag[4]}" if tag else address
    for handle in (address, untagged, without_tag(address)):
        if handle in handles:
            return handle
    return None
