"""What comes after SMTP's DATA, read in bounded memory whatever a stranger sends."""

import asyncio
from collections.abc import Callable

DRAIN_BYTES = 64 * 1024 * 1024  # read past the limit, so that the refusal is heard
REPORT_BYTES = 64 * 1024
_END = b"\r\n"


class TooBig(Exception):
    """The mail was read to its end and is over the limit."""


class NoRoom(Exception):
    """The mail was read to its end, and we may not keep it."""


class NeverEnds(Exception):
    """Far more was sent than may be: the rest was not read, so the connection is of no use."""


async def read_data(
    reader: asyncio.StreamReader, limit: int, may_keep: Callable[[int], bool]
) -> bytes:
    """Read up to the lone dot and return the mail without its dot-stuffing.

    Only ``CR LF . CR LF`` ends it (RFC 5321 4.1.1.4). Lines may have any length and there may
    be any number of them: what is kept is one run of bytes. ``may_keep`` is asked for every
    64 KiB that arrive, with how many of them are new.

    Raises
    ------
    TooBig
        If it is over ``limit`` bytes.
    NoRoom
        If ``may_keep`` said no.
    NeverEnds
        If it went on for 64 MiB more than ``limit``.
    """
    kept = bytearray()
    size = reported = 0
    may = at_start = True
    while (piece := await _piece(reader)) != b".\r\n" or not at_start:
        size += len(piece)
        if size > limit + DRAIN_BYTES:
            raise NeverEnds
        if size - reported >= REPORT_BYTES:
            may = may_keep(size - reported) and may
            reported = size
        if size > limit or not may:
            kept.clear()
        else:
            kept += piece[1:] if at_start and piece.startswith(b".") else piece
        at_start = piece.endswith(_END)
    if size > limit:
        raise TooBig
    if not may:
        raise NoRoom
    return bytes(kept)


async def _piece(reader: asyncio.StreamReader) -> bytes:
    """Return a line with its CR LF, or the next part of one that is longer than the buffer."""
    try:
        return await reader.readuntil(_END)
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)
