"""Programs that some tests need, and the one sentence to skip with where they are missing."""

import os
import shutil
from pathlib import Path

import pytest

ONCE = (
    "missing here; once, as root: apt-get install -y postgresql chromium dovecot-imapd strace, "
    "then make test"
)


MEMORY_BYTES = 4 * 1024**3  # a run's servers and folders keep to a quarter of it


def memory() -> Path | None:
    """Return a folder in memory, if there is room: nothing written there waits for a disk."""
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < MEMORY_BYTES:
        return None
    return folder


def chromium() -> Path | None:
    """Return a browser of Chromium's family."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Path(found)
    return None


needs_chromium = pytest.mark.skipif(chromium() is None, reason=f"chromium is {ONCE}")


def postgres_programs() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``, of the newest version installed."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    return found[-1].parent if found else None


def dovecot() -> Path | None:
    """Return Dovecot's program, if its IMAP server is there too."""
    found = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    if found is None or not any(
        (folder / "imap-login").exists()
        for folder in (Path("/usr/lib/dovecot"), Path("/usr/libexec/dovecot"))
    ):
        return None
    return Path(found)


def unprivileged() -> dict[str, int]:
    """Return ``user`` and ``group`` for a program that refuses root; nothing if we are not."""
    if os.geteuid() != 0:
        return {}
    nobody = 65534
    return {"user": nobody, "group": nobody}
