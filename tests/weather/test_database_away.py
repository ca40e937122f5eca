"""The database is away, replaced, or killed: nothing is accepted, and all goes on by itself."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from inbox.db import Database
from inbox.migrations import migrate
from tests.conftest import aside
from tests.postgres import Cluster, start_cluster
from tests.slow.product import hidden, until
from tests.weather.place import Place, mail_from, make_place, new_place

pytestmark = pytest.mark.slow

GENEROUS_S = 30.0
RECOVERED_S = 10.0


@contextmanager
def _all_roles(place: Place) -> Iterator[httpx.Client]:
    with ExitStack() as roles:
        for name in ("web", "smtp", "worker"):
            roles.enter_context(place.role(name))
        yield roles.enter_context(place.client())


def _taken(place: Place, sender: str) -> bool:
    found = place.ledger.rows(
        "SELECT 1 FROM contact_identities WHERE value = :sender", sender=sender
    )
    return bool(found)


def _post(client: httpx.Client, token: str) -> httpx.Response:
    fields = {"token": token, "email": "form@khach.example", "body": "Dòng này phải còn."}
    return client.post("/f/support", data=fields)


def _refuses_and_says_so(place: Place, client: httpx.Client, token: str) -> str:
    """Show that every way in is shut; return what /health/ready says."""
    assert place.send(mail_from("shut@khach.example")) == 451
    form = _post(client, token)
    assert form.status_code == 503
    assert "Dòng này phải còn." in form.text
    assert hidden(form.text)["token"] == token
    assert client.get("/login").status_code in (200, 503)
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    return ready.text


def _is_open(place: Place, client: httpx.Client, number: int) -> bool:
    sender = f"back{number}@khach.example"
    return (
        place.send(mail_from(sender)) == 250 and client.get("/health/ready").status_code == 200
    )


def _says(place: Place, role: str, times: int) -> bool:
    return place.log(role).count("was replaced or deleted") >= times


# ---- the file is another one -------------------------------------------------------


def test_a_replaced_file_is_noticed_at_once(sqlite_template: Path, tmp_path: Path) -> None:
    """R16: web 503, SMTP 4xx, no claims; the log and /health/ready say why."""
    place = new_place(tmp_path, sqlite_template)
    path, aside_ = place.data / "kip.db", place.data / "kip.db.first"
    with _all_roles(place) as client:
        assert place.send(mail_from("first@khach.example"), "first@khach.example") == 250
        until(lambda: _taken(place, "first@khach.example"), GENEROUS_S, "it is taken in", 0.1)
        token = hidden(client.get("/f/support").text)["token"]

        other = tmp_path / "other"
        other.mkdir()
        stranger = new_place(other, sqlite_template)
        with stranger.role("smtp"):
            mail = mail_from("other@khach.example")
            assert stranger.send(mail, "other@khach.example") == 250
        with closing(sqlite3.connect(stranger.data / "kip.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.link(path, aside_)
        os.link(stranger.data / "kip.db", other / "second name")
        (other / "second name").replace(path)

        assert "replaced" in _refuses_and_says_so(place, client, token)
        assert client.get("/f/support").status_code == 503
        for role in ("web", "smtp", "worker"):
            until(partial(_says, place, role, 1), GENEROUS_S, f"{role} says so")
        until(partial(_says, place, "worker", 6), GENEROUS_S, "the worker looks several times")
        found = stranger.ledger.rows("SELECT state, attempts FROM raw_messages")
        assert found == [("pending", 0)]  # nobody claimed what the other file holds

        aside_.replace(path)
        until(lambda: _is_open(place, client, 1), RECOVERED_S, "the first file is taken again")


# ---- PostgreSQL --------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run a server of this file's own, as durable as companies have it."""
    with start_cluster() as started:
        yield started


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Place:
    """Set a company up on it."""
    name = f"away_{time.monotonic_ns()}"
    asyncio.run(cluster.server.execute(f"CREATE DATABASE {name}"))
    url = cluster.server.url(name)

    async def prepare() -> None:
        database = Database(url)
        try:
            await migrate(database)
        finally:
            await database.close()

    aside(prepare)
    data = tmp_path / "data"
    data.mkdir()
    return make_place(data, url)


def test_a_server_that_is_stopped_and_started(cluster: Cluster, place: Place) -> None:
    """R9: SMTP says 451, pages say 503, and all is well within ten seconds of its return."""
    with _all_roles(place) as client:
        assert place.send(mail_from("first@khach.example")) == 250
        token = hidden(client.get("/f/support").text)["token"]
        cluster.stop(signal.SIGINT)

        assert "cannot be reached" in _refuses_and_says_so(place, client, token)

        cluster.start()
        until(lambda: _is_open(place, client, 1), RECOVERED_S, "every way in is open", 0.2)
        assert _post(client, token).status_code == 303
        until(lambda: _taken(place, "form@khach.example"), GENEROUS_S, "the worker works", 0.2)


def _insist(place: Place, stop: threading.Event, accepted: list[str], name: int) -> None:
    """Send mails until told to stop; each until it is accepted, or we stop."""
    number = 0
    while not stop.is_set():
        sender = f"s{name}.{number}@khach.example"
        mail = mail_from(sender)
        while not stop.is_set():
            if place.send(mail, sender) == 250:
                accepted.append(sender)
                number += 1
                break
            time.sleep(0.05)


def _are(accepted: list[str], wanted: int) -> bool:
    return len(accepted) >= wanted


def test_a_postmaster_that_is_killed(cluster: Cluster, place: Place) -> None:
    """G1 on PostgreSQL, R1, R2: killed five times in the middle; what was accepted is there."""
    accepted: list[str] = []
    stop = threading.Event()
    with _all_roles(place):
        senders = [
            threading.Thread(target=_insist, args=(place, stop, accepted, name))
            for name in range(3)
        ]
        for one in senders:
            one.start()
        try:
            for number in range(1, 6):
                until(partial(_are, accepted, 12 * number), 60, "mail is accepted")
                cluster.stop(signal.SIGKILL)
                cluster.start()
            until(lambda: len(accepted) >= 80, 60, "mail is accepted at the end")
        finally:
            stop.set()
            for one in senders:
                one.join()
        waiting = "SELECT count(*) FROM raw_messages WHERE state <> 'done'"
        until(lambda: place.ledger.one(waiting) == 0, 60, "everything is taken in", 0.2)
    found = [
        sender
        for (sender,) in place.ledger.rows(
            "SELECT value FROM conversations JOIN contact_identities"
            " ON contact_identities.contact_id = conversations.contact_id"
        )
    ]
    assert set(accepted) <= set(found)
    assert len(found) == len(set(found))
