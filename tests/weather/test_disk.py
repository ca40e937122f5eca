"""No room on the disk, or a disk that fails: nobody is told yes of what is not kept."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from inbox import mailboxes
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.staging import MIN_FREE_BYTES
from tests.factories import SUPPORT, make_mail
from tests.machine import ONCE
from tests.mailserver import Server
from tests.slow.product import free_port, hidden, until
from tests.weather.place import TOKEN, Place, mail_from, new_place

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
RECOVERED_S = 10.0


@contextmanager
def _small_disk(size_mib: int) -> Iterator[Path]:
    """Mount a disk in memory; skips where that is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="kip-disk-"))
    options = f"size={size_mib}m,mode=0700"
    line = ["mount", "-t", "tmpfs", "-o", options, "kip-disk", str(folder)]
    try:
        if (
            os.geteuid() != 0
            or subprocess.run(line, check=False, capture_output=True).returncode
        ):
            pytest.skip("A full disk is a small tmpfs: only root may mount one, if at all.")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        with suppress(OSError):
            folder.rmdir()


def _fill(path: Path, leave: int) -> None:
    """Leave only so many bytes free."""
    free = shutil.disk_usage(path.parent).free
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size + free - leave)


def _answers(place: Place, client: httpx.Client, token: str, mark: str) -> dict[str, int]:
    """Try every way in; return what each is told."""
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": mark}
    fields = {"token": token, "email": f"{mark}@khach.example", "body": "Dòng này phải còn."}
    filed = {"email": f"{mark}@khach.example", "text": "Còn hàng không?"}
    pipe = place.start("receive", "--to", SUPPORT, stdin=subprocess.PIPE)
    pipe.communicate(mail_from(f"{mark}.pipe@khach.example"), timeout=60)
    form = client.post("/f/support", data=fields)
    if form.status_code == 503:
        assert "Dòng này phải còn." in form.text  # the text is kept for another try
        assert hidden(form.text)["token"] == token
    return {
        "smtp": place.send(mail_from(f"{mark}@khach.example")),
        "form": form.status_code,
        "api": client.post("/api/v1/conversations", json=filed, headers=headers).status_code,
        "pipe": pipe.returncode,
    }


def _refused(
    place: Place, client: httpx.Client, token: str, mark: str
) -> dict[str, int] | None:
    """Return what each way was told once mail is refused."""
    told = _answers(place, client, token, mark)
    return told if told["smtp"] != 250 else None


YES = {"smtp": 250, "form": 303, "api": 202, "pipe": 0}


def _count(place: Place) -> int:
    found: int = place.ledger.one("SELECT count(*) FROM raw_messages")
    return found


def _is_sound(place: Place) -> bool:
    with closing(sqlite3.connect(place.data / "kip.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_full_disk_takes_nothing_in_and_goes_on_by_itself(sqlite_template: Path) -> None:
    """R10, G9: first nearly full, then with not a byte left, then with room again.

    The disk is larger than 64 MiB, because below 100 MiB of room nothing is taken anyway.
    """
    with _small_disk(MIN_FREE_BYTES // MIB + 64) as disk:
        place = new_place(disk, sqlite_template)
        ballast = disk / "ballast"
        with place.role("web"), place.role("smtp"), place.client() as client:
            tokens = [hidden(client.get("/f/support").text)["token"] for _ in range(4)]
            assert _answers(place, client, tokens[0], "before") == YES

            for number, leave in enumerate((MIN_FREE_BYTES - MIB, 0), 1):
                kept = _count(place)
                _fill(ballast, leave)
                # The receiver looks at the disk every two seconds.
                told = until(
                    partial(_refused, place, client, tokens[number], f"full{number}"),
                    RECOVERED_S,
                    "no mail is accepted",
                )
                assert told["smtp"] in (451, 452)
                assert (told["form"], told["api"], told["pipe"]) == (503, 503, 75)
                assert _count(place) - kept <= number  # what the receiver took before it looked
                assert _is_sound(place)
            asyncio.run(_a_mailbox_keeps_its_mail(place))

            ballast.unlink()
            until(
                lambda: _answers(place, client, tokens[3], "after") == YES,
                RECOVERED_S,
                "every way in is open again",
            )
            assert _is_sound(place)


async def _a_mailbox_keeps_its_mail(place: Place) -> None:
    """Look into a mailbox: what cannot be stored is not marked as read."""
    server = Server()
    server.put(make_mail("Thư này chưa được đọc."), utcnow())
    now = utcnow()
    job = mailboxes.Job(
        *(1, place.firm.mail, SUPPORT, "imap.congty.example", 993, "tls", "hotro", "sealed"),
        *("INBOX", now - timedelta(days=1), now - timedelta(days=1), 77, 0, 0, {}),
    )
    database = Database(place.url)
    try:
        with pytest.raises(DatabaseGone):
            await mailboxes.read(database, job, server)
    finally:
        await database.close()
    assert "mark" not in server.said
    assert not server.mails[1].is_seen


# ---- a disk that fails to sync ---------------------------------------------------


def _strace(place: Place, where: str, error: str, out: Path) -> tuple[str, ...]:
    """Return what makes some syncs (EIO) or writes (ENOSPC) of the database's log fail.

    Skips where that is not possible.
    """
    if shutil.which("strace") is None:
        pytest.skip(f"strace is {ONCE}")
    calls = "fdatasync,fsync" if error == "EIO" else "write,pwrite64"
    inject = f"inject={calls}:error={error}:when={where}"
    line = (
        *("strace", "-f", "-qq", "--seccomp-bpf", "-o", str(out)),
        *("-e", f"trace={calls}", "-e", inject, "-P", str(place.data / "kip.db-wal")),
    )
    tried = subprocess.run([*line, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()[-200:]}")
    return line


def _walk(place: Place, where: str, error: str, mails: int) -> tuple[int, int]:
    """Send mails to a receiver whose disk fails now and then; return yeses and refusals."""
    dying = replace(place, smtp_port=free_port())
    out = place.data / f"strace-{error}-{where}"
    told = []
    with dying.role("smtp", before=_strace(place, where, error, out)):
        for number in range(mails):
            sender = f"{error.lower()}.{where}.{number}@khach.example".replace("+", "-")
            told.append((sender, dying.send(mail_from(sender), sender)))
    assert {code for _, code in told} <= {250, 451, 452}
    kept = {
        str(meta)
        for (meta,) in place.ledger.rows(
            "SELECT json_extract(meta, '$.from') FROM raw_messages"
        )
    }
    yes = {sender for sender, code in told if code == 250}
    assert yes <= kept  # whatever it was told yes of is there, in another process's eyes
    assert _is_sound(place)
    return len(yes), mails - len(yes)


@pytest.fixture(scope="module")
def place(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Set a company up on the ordinary disk."""
    return new_place(tmp_path_factory.mktemp("disk"), sqlite_template)


# A mail is one sync, and about a dozen writes.
@pytest.mark.parametrize(("error", "where"), [("EIO", "3+3"), ("ENOSPC", "7+40")])
def test_a_failing_disk_never_leads_to_a_false_yes(
    place: Place, error: str, where: str
) -> None:
    """R11, G9: syncs or writes fail, again and again."""
    yes, refused = _walk(place, where, error, 15)
    assert refused >= 2
    assert yes >= 2  # and in between it goes on


@pytest.mark.long
def test_a_walk_over_two_hundred_points(place: Place) -> None:
    """R11, G9: the first, the second, … the hundredth sync fails, and the same of writes."""
    refused = 0
    for error in ("EIO", "ENOSPC"):
        for number in range(1, 101):
            refused += _walk(place, f"{number}", error, 1 + number)[1]
    assert refused >= 100
