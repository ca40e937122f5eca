"""``kip check``: everything an installation stands on, asked one after the other.

A finding is one line: what was looked at, how it is, what is wrong, how to mend it. Nothing
is sent and nothing is left behind; it works while Kịp runs and while it is stopped.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from inbox import exclusive
from inbox.errors import Invalid
from inbox.settings import Settings
from inbox.staging import MIN_FREE_BYTES
from inbox.store.health import LATE_S, Numbers
from inbox.triage import files

SCARCE_BYTES = 1024**3
OLDEST_SQLITE = (3, 35, 0)  # RETURNING
SHORTEST_KEY = 32


class State(StrEnum):
    """How bad it is; only ``wrong`` makes the command fail."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    state: State
    text: str
    mend: str = ""


def ok(name: str, text: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding(name, State.OK, text)


def note(name: str, text: str, mend: str = "") -> Finding:
    """Return a finding that works, and that the operator should know."""
    return Finding(name, State.NOTE, text, mend)


def wrong(name: str, text: str, mend: str) -> Finding:
    """Return a finding that has to be mended."""
    return Finding(name, State.WRONG, text, mend)


def check_data_dir(settings: Settings) -> list[Finding]:
    """Look at the data directory: there, ours, private, writable, with room."""
    name, path = "data directory", settings.data_dir.absolute()
    try:
        found = path.stat()
    except OSError as error:
        start = "kip run makes it; else set KIP_DATA_DIR."
        return [wrong(name, f"{path}: {error.strerror}.", start)]
    owner = exclusive.user_name(found.st_uid)
    if found.st_uid != os.geteuid():
        mend = f"Run Kịp, and this check, as {owner}; or chown the directory."
        return [wrong(name, f"{path} belongs to {owner}, not to us.", mend)]
    findings = []
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        findings.append(wrong(name, f"{path} cannot be written.", f"chmod u+rwx {path}"))
    elif found.st_mode & 0o077:
        findings.append(wrong(name, f"Other users can look into {path}.", f"chmod 700 {path}"))
    else:
        findings.append(ok(name, str(path)))
    return [*findings, check_free(path)]


def check_free(path: Path) -> Finding:
    """Look at the room on the disk."""
    free = shutil.disk_usage(path).free
    text = f"{free / 1024**3:.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return wrong("disk", f"{text}: mail is no longer taken.", "Make room.")
    if free < SCARCE_BYTES:
        return note("disk", f"{text}.", "Make room: below 0.1 GiB mail is no longer taken.")
    return ok("disk", text)


def check_secret(settings: Settings) -> Finding:
    """Look at the key all signatures hang on."""
    name = "secret key"
    try:
        secret = settings.secret
    except (Invalid, OSError) as error:
        return wrong(name, str(error), "kip run makes one; single roles need KIP_SECRET_KEY.")
    if len(secret) < SHORTEST_KEY:
        mend = "Set KIP_SECRET_KEY to at least 32 random characters."
        return wrong(name, f"It has only {len(secret)} characters.", mend)
    path = settings.data_dir / "secret.key"
    if settings.secret_key is None and path.stat().st_mode & 0o077:
        return wrong(name, f"Other users can read {path}.", f"chmod 600 {path}")
    place = "KIP_SECRET_KEY" if settings.secret_key is not None else "in the data directory"
    return ok(name, place)


def check_base_url(settings: Settings) -> Finding:
    """Look at the address that all links are built from."""
    name, url = "base URL", settings.base_url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return wrong(name, f"{url} is no address.", "Set KIP_BASE_URL, as in https://inbox.…")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        mend = "Set KIP_BASE_URL to scheme and host only: Kịp lives at the root of a host."
        return wrong(name, f"{url} has a path.", mend)
    if parts.scheme == "https":
        return ok(name, url)
    if is_loopback(parts.hostname):
        mend = "For others than this machine set KIP_BASE_URL to the https address they use."
        return note(name, f"{url} works on this machine only.", mend)
    mend = "Put a proxy with a certificate in front and set KIP_BASE_URL to https://…"
    return wrong(name, f"{url}: passwords travel unencrypted.", mend)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_running(settings: Settings) -> Finding:
    """Say whether ``kip run`` holds the data directory."""
    process = exclusive.runs(settings.data_dir)
    if process is None:
        return note("kip run", "It does not run on this data directory.")
    return ok("kip run", f"It runs (process {process}).")


def check_zones(names: Iterable[str]) -> Finding:
    """Look for the data of every time zone in use."""
    missing = []
    for name in names:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            missing.append(name)
    if missing:
        mend = "Reinstall the package tzdata, or correct the zone's name."
        return wrong("time zones", f"There is no data for {', '.join(missing)}.", mend)
    return ok("time zones", ", ".join(names))


def check_sqlite(path: Path, journal_mode: str) -> list[Finding]:
    """Look at SQLite itself and how it writes."""
    findings = []
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        mend = "Use a Python with SQLite 3.35 or newer."
        findings.append(wrong("SQLite", f"{sqlite3.sqlite_version} is too old.", mend))
    if journal_mode != "wal":
        mend = "Put the database on a local disk: network file systems do not work."
        findings.append(wrong("SQLite", f"It writes in {journal_mode} mode, not WAL.", mend))
    if not findings:
        size = path.stat().st_size / 2**20
        findings.append(ok("SQLite", f"{sqlite3.sqlite_version}, WAL, {size:.1f} MiB"))
    return findings


def check_model(path: str | None, sha256: str | None) -> Finding:
    """Look at the live classifier's files."""
    name = "classifier"
    if path is None:
        mend = "Start kip run once (or train one): until then written rules sort."
        return note(name, "No model is registered.", mend)
    mend = "Start kip run again, or put the folder back from a backup. Written rules sort now."
    try:
        found = files.sha256_of(Path(path))
    except OSError as error:
        return wrong(name, f"{path} cannot be read: {error.strerror}.", mend)
    if found != sha256:
        return wrong(name, f"{path} was changed after training; it is not used.", mend)
    return ok(name, f"{path}, as trained")


def check_work(numbers: Numbers) -> list[Finding]:
    """Look at what waits, and whether anybody works on it."""
    return [
        _lag("taking in", f"{numbers.waiting} waiting", numbers.waiting_s),
        _lag("sending", f"{sum(numbers.sending.values())} waiting", numbers.sending_s),
        _lag("clocks", f"{numbers.late} of {numbers.open} open are late", numbers.steps_s),
        _adrift(numbers.adrift),
        _held(numbers.quarantined),
        _sent(numbers.sent),
        _backup(numbers),
    ]


def check_mailboxes(failing: list[tuple[str, str]]) -> list[Finding]:
    """Look at how the mailboxes went when they were last looked into."""
    return [
        wrong("mailbox", f"{address}: {error or 'it cannot be read'}", "kip mailbox test")
        for address, error in failing
    ] or [ok("mailboxes", "none is failing")]


def check_senders(failing: list[tuple[str, str]]) -> list[Finding]:
    """Look at how the inboxes' own servers did when mail last went to them."""
    mend = "Settings, Ways in, the inbox, Sending: Test says what is wrong."
    return [
        wrong("own server", f"{address}: {error or 'it takes no mail'}", mend)
        for address, error in failing
    ] or [ok("own servers", "none is failing")]


def _lag(name: str, text: str, age_s: float) -> Finding:
    if age_s > LATE_S:
        mend = "Start Kịp; if it runs, look at the worker's lines in its log."
        return wrong(name, f"{text}; nothing done for {age_s:.0f} s.", mend)
    return ok(name, text)


def _adrift(count: int) -> Finding:
    if count:
        mend = "The worker gives each a date at night; until then look at Answered."
        return note("dates", f"{count} open requests have neither clock nor date.", mend)
    return ok("dates", "every open request has a running clock or a date")


def _held(count: int) -> Finding:
    if count:
        return note("quarantine", f"{count} messages cannot be read.", "/settings/quarantine")
    return ok("quarantine", "empty")


def _sent(states: dict[str, int]) -> Finding:
    bad = {name: states[name] for name in ("failed", "unconfirmed") if states.get(name)}
    total = sum(states.values())
    if bad:
        said = ", ".join(f"{count} {name}" for name, count in bad.items())
        mend = "Each is marked in its conversation."
        return note("sent mail", f"Of the newest {total} mails: {said}.", mend)
    return ok("sent mail", f"none failed of the newest {total}")


def _backup(numbers: Numbers) -> Finding:
    if numbers.last_backup_at is None:
        return note("backup", "None was made yet.", "kip backup FILE, by a timer")
    return ok("backup", f"the newest is of {numbers.last_backup_at:%Y-%m-%d %H:%M} UTC")
