"""Throw bytes at reading mail until time is up: ``-m tests.fuzz.reading TARGET SECONDS``.

Targets are ``parse``, ``sanitise`` and ``trim``. Needs atheris, which has no wheel for every
Python: without it nothing is done, and that is said. A finding ends the run with its bytes in
a file; it becomes a test.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["inbox.channels"]) if atheris else nullcontext():
    from inbox.channels.base import decode, encode
    from inbox.channels.mime import parse
    from inbox.channels.quotes import visible_reply
    from inbox.channels.safehtml import clean
    from tests.bombs import bombs

MAX_BYTES = 16_384
SLOWEST_S = 30  # wall, of a machine that does much else and an instrumented reader
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
MISSING = "No fuzzing: atheris is not installed (pip install atheris; not on every Python).\n"


def parse_one(data: bytes) -> None:
    """Demand a message that can be handed on and has no NUL, whatever comes."""
    message = parse(data, "a@x.example", "instance")
    assert decode(encode(message)) == message
    assert "\0" not in message.text + message.subject + message.from_name


def sanitise_one(data: bytes) -> None:
    """Demand that nothing is left that may not be."""
    html = clean(data.decode("utf-8", "replace")).html
    low = html.lower()
    assert not any(tag in low for tag in FORBIDDEN)
    assert 'src="http' not in html or 'src="http' in data.decode("utf-8", "replace")


def trim_one(data: bytes) -> None:
    """Demand that what is shown is no more than what came."""
    text = data.decode("utf-8", "replace")
    assert len(visible_reply(text)) <= len(text)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parse": parse_one,
    "sanitise": sanitise_one,
    "trim": trim_one,
}


def main() -> None:
    """Run one target for so many seconds."""
    if atheris is None:
        sys.stdout.write(MISSING)
        return
    target, seconds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in bombs(7):
            Path(folder, name).write_bytes(raw[: MAX_BYTES // 4])
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={MAX_BYTES}",
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MAX_MIB}",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, folder], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
