"""The process that reads mail for ``inbox.channels.reader``: a loop over two pipes.

It imports only the reading stage, gets no secrets in its environment, limits its own CPU time
and memory, and ends when its parent does. Frames both ways: four bytes of length, big-endian,
then the bytes. A request is msgpack ``[raw, envelope_from, instance_id]``; an answer is one
letter, ``m`` and an encoded message or ``e`` and a sentence.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from inbox.channels.base import InboundMessage, encode
from inbox.channels.mime import parse

CPU_S = 5
MEMORY_BYTES = 512 * 1024 * 1024
LENGTH = struct.Struct(">I")

Parse = Callable[[bytes, str | None, str], InboundMessage]

_PR_SET_PDEATHSIG = 1
_requests = msgspec.msgpack.Decoder(tuple[bytes, str | None, str])


def serve(read: Parse = parse) -> None:
    """Answer requests on standard input until it closes; the parent's id is ``argv[1]``."""
    _die_with_parent(int(sys.argv[1]))
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing printed by accident may get between the frames
    _limit_memory()
    while (request := _receive(requests)) is not None:
        _limit_cpu()
        answer = _answer(read, request)
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _answer(read: Parse, request: bytes) -> bytes:
    try:
        raw, envelope_from, instance_id = _requests.decode(request)
        return b"m" + encode(read(raw, envelope_from, instance_id))
    except MemoryError:
        # What is left of the heap cannot be trusted: let the parent start a new process.
        os._exit(1)
    except Exception as error:  # any bug becomes this mail's failure
        return b"e" + f"{type(error).__name__} while reading the mail".encode()


def _receive(requests: BinaryIO) -> bytes | None:
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = requests.read(length)
    return body if len(body) == length else None


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _limit_memory() -> None:
    """Allow 512 MiB of address space over what the bare process needs (Linux only)."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return
    baseline = int(statm.read_text("ascii").split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (baseline + MEMORY_BYTES, hard))


def _limit_cpu() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(time.process_time()) + 1 + CPU_S
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    serve()
