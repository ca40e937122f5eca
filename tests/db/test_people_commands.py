"""``kip user add`` and ``kip token add``, on a database of their own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from inbox.auth import hash_token, verify_password
from inbox.commands import people
from inbox.company.installation import create_company
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.migrations import migrate
from inbox.settings import Settings

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
PASSWORD = "ten letters and more"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data directory that the commands use."""
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    monkeypatch.setattr(people, "get_settings", lambda: settings)
    return tmp_path


@pytest.fixture
async def data(empty: Path) -> Path:
    """Return one with a company."""
    database = Database(f"sqlite+aiosqlite:///{empty}/kip.db")
    await migrate(database)
    await database.write(create_company, "Test", "Asia/Ho_Chi_Minh", "vi", NOW)
    await database.close()
    return empty


def _run(command: Any, *arguments: str, typed: str = "") -> Result:
    done = CliRunner().invoke(command, arguments, input=typed, catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def _add(email: str, *arguments: str, typed: str = "") -> Result:
    options = ("--name", "Lê Hà", "--role", "supervisor")
    return _run(people.user, "add", email, *options, *arguments, typed=typed)


def _rows(data: Path, query: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{data}/kip.db")
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(query)))
    finally:
        engine.dispose()


def test_a_person_is_added_with_teams_and_a_password_shown_once(data: Path) -> None:
    done = _add("Ha@Test.Example", "--team", "Kỹ thuật", "--team", "Sales", "--json")

    shown = json.loads(done.output)
    assert shown["teams"] == ["Kỹ thuật", "Sales"]
    (row,) = _rows(data, "SELECT * FROM agents")
    assert (row.email, row.name, row.role) == ("ha@test.example", "Lê Hà", "supervisor")
    assert verify_password(shown["password"], row.password_hash)
    assert shown["password"] not in row.password_hash
    assert len(_rows(data, "SELECT * FROM team_members")) == 2


def test_a_team_that_is_there_is_used_whatever_its_capitals(data: Path) -> None:
    _add("a@test.example", "--team", "Kỹ Thuật")
    _add("b@test.example", "--team", "kỹ thuật")

    assert [row.name for row in _rows(data, "SELECT name FROM teams")] == ["Kỹ Thuật"]
    assert len(_rows(data, "SELECT * FROM team_members")) == 2


def test_a_given_password_is_read_and_never_printed(data: Path) -> None:
    done = _add("a@test.example", "--password-stdin", typed=f"{PASSWORD}\n")

    (row,) = _rows(data, "SELECT * FROM agents")
    assert verify_password(PASSWORD, row.password_hash)
    assert PASSWORD not in done.output


@pytest.mark.parametrize(
    ("email", "arguments", "typed", "error"),
    [
        ("not an address", (), "", Invalid),
        ("a@test.example", ("--password-stdin",), "short\n", Invalid),
        ("a@test.example", ("--name", " "), "", Invalid),
    ],
)
def test_what_is_wrong_is_one_sentence_and_changes_nothing(
    data: Path, email: str, arguments: tuple[str, ...], typed: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        _add(email, *arguments, typed=typed)

    assert _rows(data, "SELECT * FROM agents") == []


def test_an_address_belongs_to_one_person(data: Path) -> None:
    _add("a@test.example")

    with pytest.raises(Conflict, match="already"):
        _add("A@test.example", "--team", "New")

    assert _rows(data, "SELECT * FROM teams") == []


def test_there_is_nobody_before_there_is_a_company(empty: Path) -> None:
    with pytest.raises(NotFound, match="kip run"):
        _add("a@test.example")

    assert _rows(empty, "SELECT * FROM agents") == []


def test_a_token_is_printed_once_and_stored_as_a_hash(data: Path) -> None:
    _add("a@test.example")

    done = _run(
        people.token,
        *("add", "shop", "--as", "a@test.example", "--scope", "write", "--json"),
    )

    shown = json.loads(done.output)
    (row,) = _rows(data, "SELECT * FROM api_tokens")
    assert row.token_hash == hash_token(shown["token"])
    assert (row.name, row.scope) == ("shop", "write")
    plain = _run(people.token, "add", "b", "--as", "a@test.example", "--scope", "read")
    assert plain.output.splitlines()[-1].startswith("kip_")


def test_a_token_needs_somebody_to_act_as(data: Path) -> None:
    with pytest.raises(NotFound, match="Nobody signs in as"):
        _run(people.token, "add", "x", "--as", "nobody@test.example", "--scope", "read")

    assert _rows(data, "SELECT * FROM api_tokens") == []


def test_everybody_is_listed(data: Path) -> None:
    _add("a@test.example", "--team", "Sales")

    (row,) = json.loads(_run(people.user, "list", "--json").output)
    assert (row["email"], row["state"], row["teams"]) == ("a@test.example", "active", ["Sales"])
    assert "a@test.example" in _run(people.user, "list").output


def test_a_link_for_a_new_password_is_printed_once(data: Path) -> None:
    """S21: only its hash is kept."""
    _add("a@test.example")

    link = _run(people.user, "reset", "A@test.example").output.strip()

    assert link.startswith("http://127.0.0.1:8000/reset/")
    (row,) = _rows(data, "SELECT * FROM one_time_tokens")
    assert row.token_hash == hash_token(link.rpartition("/")[2])
    with pytest.raises(NotFound, match="kip user list"):
        _run(people.user, "reset", "nobody@test.example")


def test_somebody_is_deactivated_with_an_heir(data: Path) -> None:
    """F135 from the command line; a second time there is nothing left to hand over."""
    (data / "secret.key").write_text("a secret of these tests only, long enough")
    _run(people.user, "add", "boss@test.example", "--name", "B", "--role", "admin")
    _add("a@test.example")

    for _ in range(2):
        done = _run(people.user, "deactivate", "a@test.example", "--to", "team", "--json")
        assert json.loads(done.output)["handed_over"] == 0

    states = {row.email: row.is_active for row in _rows(data, "SELECT * FROM agents")}
    assert states == {"boss@test.example": 1, "a@test.example": 0}
    with pytest.raises(Conflict, match="last active administrator"):
        _run(people.user, "deactivate", "boss@test.example", "--to", "team")


def test_tokens_are_listed_and_revoked(data: Path) -> None:
    _add("a@test.example")
    _run(people.token, "add", "shop", "--as", "a@test.example", "--scope", "read")

    (row,) = json.loads(_run(people.token, "list", "--json").output)
    assert (row["name"], row["revoked"]) == ("shop", False)
    _run(people.token, "revoke", str(row["id"]))

    assert "revoked" in _run(people.token, "list").output
    with pytest.raises(Conflict):
        _run(people.token, "revoke", str(row["id"]))
