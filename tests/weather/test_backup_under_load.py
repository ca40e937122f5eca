"""`kip backup` while mail flows: all that was accepted before it began is in it."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.slow.product import until
from tests.weather.place import Place, mail_from, new_place

pytestmark = pytest.mark.slow

SENDERS = 3


def _insist(place: Place, stop: threading.Event, accepted: list[str], name: int) -> None:
    number = 0
    while not stop.is_set():
        sender = f"s{name}.{number}@khach.example"
        if place.send(mail_from(sender), sender) == 250:
            accepted.append(sender)
            number += 1


def _are(accepted: list[str], wanted: int) -> bool:
    return len(accepted) >= wanted


def test_nothing_accepted_before_a_backup_is_missing_in_it(
    sqlite_template: Path, tmp_path: Path
) -> None:
    """R17, F114, G19: two backups by the command, each restored and counted."""
    place = new_place(tmp_path, sqlite_template)
    accepted: list[str] = []
    stop = threading.Event()
    older: list[set[str]] = []
    with place.role("smtp"), place.role("worker"):
        threads = [
            threading.Thread(target=_insist, args=(place, stop, accepted, name))
            for name in range(SENDERS)
        ]
        for one in threads:
            one.start()
        try:
            for number in range(2):
                wanted = 40 * (number + 1)
                until(partial(_are, accepted, wanted), 60, "mail is accepted")
                older.append(set(accepted))
                assert place.start("backup", str(tmp_path / f"{number}.kip")).wait(120) == 0
            until(lambda: len(accepted) > len(older[-1]) + 5, 60, "mail flows on")
        finally:
            stop.set()
            for one in threads:
                one.join()
    for number, before in enumerate(older):
        there = tmp_path / f"restored{number}"
        there.mkdir()
        url = f"sqlite+aiosqlite:///{there / 'kip.db'}"
        restored = replace(place, data=there, url=url)
        assert restored.start("restore", str(tmp_path / f"{number}.kip")).wait(120) == 0
        kept = {
            sender
            for (sender,) in restored.ledger.rows(
                "SELECT json_extract(meta, '$.from') FROM raw_messages"
            )
        }
        assert before <= kept <= set(accepted) | _in_flight(accepted)
        with closing(sqlite3.connect(there / "kip.db")) as connection:
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def _in_flight(accepted: list[str]) -> set[str]:
    """Return what was perhaps stored and not yet told yes when we stopped."""
    counts = [0] * SENDERS
    for sender in accepted:
        counts[int(sender[1])] += 1
    return {f"s{name}.{count}@khach.example" for name, count in enumerate(counts)}
