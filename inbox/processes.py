"""Processes that start soon, and end in time: with the one that started them, or when told."""

import ctypes
import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG = 1
# Loaded at import: between fork and exec a child may do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(how: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Make a ``preexec_fn`` after which the kernel ends the child when this process ends.

    Also when this process gets SIGKILL and can clean up nothing. Only Linux knows this;
    elsewhere the function does nothing. The kernel watches the *thread* that starts the
    child, so start it from one that lives as long as the process.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return arrange


def leave_within(seconds: float) -> None:
    """End this process at the latest then, whatever a thread of it waits for.

    Called once a role was told to stop: what is not finished is leased or committed, so
    another process goes on with it.
    """
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def may_open_files(at_least: int) -> int:
    """Raise our own limit of open files and sockets, as far as we may; return what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= at_least:
        return soft
    most = at_least if hard == resource.RLIM_INFINITY else min(at_least, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


@contextmanager
def loading() -> Iterator[None]:
    """Load modules for good: nothing of them is looked through for garbage, now or later.

    That is a sixth of a role's start, and a tenth of a second now and then afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        keep_loaded()
        gc.enable()


def keep_loaded() -> None:
    """Look through what was loaded no more, and through what comes later less often.

    A page makes thousands of things that go with it: looking for rings among each 700 of them,
    as Python does by itself, was 4 % of its cost.
    """
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)
