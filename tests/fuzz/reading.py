"""Throw bytes at reading mail until time is up: ``python -m tests.fuzz.reading TARGET SECONDS``.

Targets are ``parse``, ``sanitise`` and ``trim``. Needs atheris, which has no wheel for every
Python: without it nothing is done, and that is said. A finding ends the run with its bytes in
a file; it becomes a test.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bombs import bombs

MAX_BYTES = 65_536
SLOWEST_S = 10
MAX_MIB = 600
FORBIDDEN = (
    "<script",
    "<style",
    "<svg",
    "<math",
    "<iframe",
    "<form",
    "<input",
    "<meta",
    "<base",
)


def parse_one(data: bytes) -> None:
    """Whatever comes, a message comes out that can be handed on and has no NUL."""
    from inbox.channels.base import decode, encode
    from inbox.channels.mime import parse

    message = parse(data, "a@x.example", "instance")
    assert decode(encode(message)) == message
    assert "\0" not in message.text + message.subject + message.from_name


def sanitise_one(data: bytes) -> None:
    """Nothing that may not be is left, and what is clean stays as it is."""
    from inbox.channels.safehtml import clean

    html = clean(data.decode("utf-8", "replace")).html
    low = html.lower()
    assert not any(tag in low for tag in FORBIDDEN)
    assert 'src="http' not in html


def trim_one(data: bytes) -> None:
    """What is shown is part of what came."""
    from inbox.channels.quotes import visible_reply

    text = data.decode("utf-8", "replace")
    shown = visible_reply(text)
    assert len(shown) <= len(text)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse": parse_one,
    "sanitise": sanitise_one,
    "trim": trim_one,
}


def main() -> None:
    """Run one target for so many seconds."""
    try:
        import atheris
    except ImportError:
        print(
            "No fuzzing: atheris is not installed (pip install atheris; not on every Python)."
        )
        return
    target, seconds = sys.argv[1], int(sys.argv[2])
    with atheris.instrument_imports(include=["inbox.channels"]):
        import inbox.channels.mime
        import inbox.channels.safehtml  # noqa: F401
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in bombs(7):
            Path(folder, name).write_bytes(raw[:MAX_BYTES])
        atheris.Setup(
            [
                sys.argv[0],
                f"-max_total_time={seconds}",
                f"-max_len={MAX_BYTES}",
                f"-timeout={SLOWEST_S}",
                f"-rss_limit_mb={MAX_MIB}",
                "-print_final_stats=1",
                "-verbosity=1",
                folder,
            ],
            TARGETS[target],
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
