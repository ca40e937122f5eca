"""``kip mailbox``, on a database of its own and without a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from inbox.channels.imapwire import ImapServer
from inbox.commands import mailbox
from inbox.db import Database
from inbox.errors import Conflict, InboxError, Invalid, NotFound
from inbox.mailboxes import place_of
from inbox.migrations import migrate
from inbox.settings import Settings, ensure_secret
from inbox.vault import Sealed, Vault
from tests.factories import SUPPORT, make_firm

PASSWORD = "canary-7f3a"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data directory that the commands use."""
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    ensure_secret(tmp_path)
    monkeypatch.setattr(mailbox, "get_settings", lambda: settings)
    return tmp_path


@pytest.fixture
async def data(empty: Path) -> Path:
    """Return one with a company."""
    database = Database(f"sqlite+aiosqlite:///{empty}/kip.db")
    await migrate(database)
    await database.write(make_firm)
    await database.close()
    return empty


def _run(*words: str, typed: str = "") -> Result:
    done = CliRunner().invoke(mailbox.mailbox, words, input=typed, catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def _add(address: str = SUPPORT, *more: str, host: str = "imap.congty.example") -> Result:
    words = ("add", address, "--host", host, "--no-test", "--password-stdin", *more)
    return _run(*words, typed=f"{PASSWORD}\n")


def _rows(data: Path, query: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{data}/kip.db")
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(query)))
    finally:
        engine.dispose()


def test_the_password_is_sealed_and_never_shown(data: Path) -> None:
    """Secrets at rest: in nothing that is said, and in no file; swapped, it opens nothing."""
    said = _add("Hotro@CongTy.example").output + _run("list").output
    said += _run("list", "--json").output

    assert PASSWORD not in said
    files = [path for path in data.iterdir() if path.is_file()]
    assert [path.name for path in files if PASSWORD.encode() in path.read_bytes()] == []
    ((sealed, host, user, port),) = _rows(
        data, "SELECT password, host, username, port FROM mailboxes"
    )
    vault = Vault((data / "secret.key").read_bytes().strip())
    assert vault.open(sealed, place_of(1)) == PASSWORD
    assert (host, user, port) == ("imap.congty.example", SUPPORT, 993)
    with pytest.raises(Sealed):
        vault.open(sealed, place_of(2))


def test_the_same_mailbox_twice_is_refused(data: Path) -> None:
    """F2."""
    _add()
    with pytest.raises(Conflict):
        _add("khac@congty.example", "--user", SUPPORT, "--port", "1993")
    assert _rows(data, "SELECT count(*) FROM inboxes WHERE kind = 'email'") == [(1,)]


def test_a_missing_inbox_is_made_for_a_team_there_is(data: Path) -> None:
    _add("baohanh@congty.example", "--team", "kỹ thuật")
    rows = _rows(
        data,
        "SELECT i.handle, t.name FROM mailboxes m JOIN inboxes i ON i.id = m.inbox_id"
        " JOIN teams t ON t.id = i.team_id",
    )
    assert rows == [("baohanh@congty.example", "Kỹ thuật")]
    with pytest.raises(NotFound, match="no team"):
        _add("ban@congty.example", "--team", "Bán buôn")


def test_what_is_wrong_is_said_before_anything_is_stored(data: Path) -> None:
    for words, error in (
        (("nobody",), "not an e-mail address"),
        ((SUPPORT, "--user", "a\r\nA1 LOGOUT"), "control characters"),
        ((SUPPORT, "--tls", "none"), "on this machine"),
    ):
        with pytest.raises(Invalid, match=error):
            _add(*words)
    with pytest.raises(Invalid, match="host"):
        _add(host="imap.congty.example/x")
    assert _rows(data, "SELECT count(*) FROM mailboxes") == [(0,)]


def test_without_a_company_there_is_no_mailbox(empty: Path) -> None:
    with pytest.raises(NotFound, match="no company"):
        _add()


def test_it_is_tried_before_it_is_stored(data: Path) -> None:
    words = ("add", SUPPORT, "--host", "127.0.0.1", "--port", "1", "--tls", "none")
    with pytest.raises(InboxError, match=r"127\.0\.0\.1 cannot be used"):
        _run(*words, "--password-stdin", typed=f"{PASSWORD}\n")
    assert _rows(data, "SELECT count(*) FROM mailboxes") == [(0,)]


def test_test_says_which_one_fails(data: Path) -> None:
    _add(SUPPORT, "--tls", "none", "--port", "1", host="127.0.0.1")
    done = _run("test", "--json")

    assert done.exit_code == 1
    (row,) = json.loads(done.output)
    assert (row["address"], row["ok"]) == (SUPPORT, False)
    assert "127.0.0.1" in row["error"]
    with pytest.raises(NotFound):
        _run("test", "99")


def test_a_new_password_and_a_pause(data: Path) -> None:
    _add()
    _run("change", "1", "--off", "--every", "60", "--password-stdin", typed="another\n")

    (row,) = json.loads(_run("list", "--json").output)
    assert (row["is_active"], row["every_s"]) == (False, 60)
    ((sealed,),) = _rows(data, "SELECT password FROM mailboxes")
    vault = Vault((data / "secret.key").read_bytes().strip())
    assert vault.open(sealed, place_of(1)) == "another"


def test_a_server_shows_no_password_in_a_log_line() -> None:
    server = ImapServer("imap.congty.example", 993, "tls", "hotro", PASSWORD)
    assert PASSWORD not in f"{server} {server!r}"
