"""The classifier that answers on the first day, trained on sentences written for this product.

``make setup`` trains it once (``python -m inbox.triage.starter``); later starts only find it.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inbox.errors import InboxError
from inbox.triage import files

DATA = Path(__file__).parent / "data"
SEED = 1
PER_PATTERN = 2  # three gain nothing on messages of others, and cost time
_HERE = Path(__file__).parent
_SOURCES = (
    *(_HERE / name for name in ("corpus.py", "generate.py", "__main__.py")),
    *(
        _HERE.parent / name
        for name in (
            *("keywords.py", "letter.py", "text.py", "features.py", "bounds.py"),
            *("calibrating.py", "folding.py", "machines.py", "model.py"),
            *("shares.py", "training.py"),
        )
    ),
)


def location() -> Path:
    """Return where the starter model of this Python environment lives."""
    return Path(sys.prefix) / "share" / "kip" / "starter"


def corpus_hash() -> str:
    """Return a sha256 over the sentences and the code that multiplies them."""
    whole = hashlib.sha256(f"{files.FORMAT} {SEED} {PER_PATTERN}".encode())
    for path in [*_written(), *_SOURCES]:
        whole.update(f"\n{path.parent.name}/{path.name}\n".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _written() -> list[Path]:
    return sorted(path for kind in ("toml", "txt") for path in DATA.glob(f"*/*.{kind}"))


def is_current(directory: Path) -> bool:
    """Whether the directory holds a starter model of exactly these sentences."""
    try:
        meta = json.loads((directory / files.META).read_text("utf-8"))
        return bool(meta["info"]["starter_sha256"] == corpus_hash())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def ensure(directory: Path | None = None) -> Path:
    """Return a directory with the current starter model, training it there if need be.

    Training takes seconds and runs in its own process, so that the caller never carries
    scikit-learn. Of several callers at once one trains and the others wait for it.

    Raises
    ------
    InboxError
        If it could not be trained or written there; the sentence says why.
    """
    target = directory or location()
    if is_current(target):
        return target
    try:
        with _alone(target):
            if not is_current(target):
                _make(target)
    except OSError as error:
        raise _unmade(target, error.strerror or str(error)) from error
    return target


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Wait until nobody else makes this model; who dies meanwhile holds up nobody."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = target.with_name(f".{target.name}.lock")
    lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _make(target: Path) -> None:
    command = [sys.executable, "-m", "inbox.triage.starter", str(target)]
    # Our own interpreter and module; no shell, nothing from outside in the arguments.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _unmade(target, (done.stderr.strip().splitlines() or ["no reason given"])[-1])


def _unmade(target: Path, reason: str) -> InboxError:
    return InboxError(f"The starter model could not be made in {target}: {reason}")


def said_in(set_name: str) -> list[str]:
    """Return the lines of one of the sets beside the corpus: thanks, not_thanks, spam..."""
    lines = (_HERE / "sets" / f"{set_name}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]
