"""Programs that some tests need, and the one sentence to skip with where they are missing."""

import os
import shutil
from pathlib import Path

ONCE = (
    "missing here; once, as root: apt-get install -y postgresql chromium dovecot-imapd strace, "
    "then make test"
)


def chromium() -> Path | None:
    """Return a browser of Chromium's family."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Path(found)
    return None


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
