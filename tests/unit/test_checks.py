"""`kip check`'s judgement on what it finds."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from inbox.commands.receive import count_hops
from inbox.operations import checks
from inbox.operations.checks import Finding, State
from inbox.operations.pgtools import environment
from inbox.operations.probes import judge_redis
from inbox.settings import Settings
from tests.unit.test_metrics import QUIET


def _settings(data: Path, **values: Any) -> Settings:
    given = {"_env_file": None, "data_dir": data, **values}
    return Settings(**given)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("https://inbox.congty.example", State.OK),
        ("https://inbox.congty.example/", State.OK),
        ("http://127.0.0.1:8000", State.NOTE),
        ("http://localhost:8000", State.NOTE),
        ("http://inbox.congty.example", State.WRONG),
        ("https://congty.example/inbox", State.WRONG),
        ("inbox.congty.example", State.WRONG),
        ("ftp://inbox.congty.example", State.WRONG),
    ],
)
def test_base_url(tmp_path: Path, url: str, state: State) -> None:
    found = checks.check_base_url(_settings(tmp_path, base_url=url))
    assert found.state is state
    assert bool(found.mend) == (state is not State.OK)


def test_secret_key(tmp_path: Path) -> None:
    def state(**values: Any) -> State:
        return checks.check_secret(_settings(tmp_path, **values)).state

    assert state() is State.WRONG
    assert state(secret_key=SecretStr("short")) is State.WRONG
    assert state(secret_key=SecretStr("x" * 40)) is State.OK
    path = tmp_path / "secret.key"
    path.write_text("x" * 40)
    path.chmod(0o644)
    assert state() is State.WRONG
    path.chmod(0o600)
    assert state() is State.OK


def _states(found: list[Finding]) -> dict[str, State]:
    return {one.name: one.state for one in found}


def test_data_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    settings = _settings(tmp_path)
    assert _states(checks.check_data_dir(settings))["data directory"] is State.OK
    tmp_path.chmod(0o750)
    (found, _) = checks.check_data_dir(settings)
    assert (found.state, found.mend) == (State.WRONG, f"chmod 700 {tmp_path}")
    gone = checks.check_data_dir(_settings(tmp_path / "nowhere"))
    assert [one.state for one in gone] == [State.WRONG]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_data_directory_is_not_touched(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    (found,) = checks.check_data_dir(_settings(tmp_path))
    assert found.state is State.WRONG
    assert "nobody" in found.text


def test_work() -> None:
    late = replace(QUIET, waiting=3, waiting_s=90.0, quarantined=2)

    found = _states(checks.check_work(late))
    assert found["taking in"] is State.WRONG
    assert found["clocks"] is State.OK
    assert found["quarantine"] is State.NOTE
    assert found["sent mail"] is State.NOTE  # one failed
    assert found["backup"] is State.OK


def test_zones_and_models(tmp_path: Path) -> None:
    assert checks.check_zones(["UTC", "Asia/Ho_Chi_Minh"]).state is State.OK
    assert checks.check_zones(["UTC", "Mars/Olympus"]).state is State.WRONG
    assert checks.check_model(None, None).state is State.NOTE
    assert checks.check_model(str(tmp_path), "x").state is State.WRONG
    (tmp_path / "model.npz").write_bytes(b"a")
    (tmp_path / "model.json").write_bytes(b"b")
    assert "changed" in checks.check_model(str(tmp_path), "x").text


def test_mailboxes() -> None:
    assert [one.state for one in checks.check_mailboxes([])] == [State.OK]
    (found,) = checks.check_mailboxes([("hotro@congty.example", "wrong password")])
    assert (found.state, found.mend) == (State.WRONG, "kip mailbox test")
    assert "hotro@congty.example" in found.text


def test_redis() -> None:
    assert [one.state for one in judge_redis({"aof_enabled": 1})] == [State.OK]
    found = judge_redis({"aof_enabled": 0, "maxmemory_policy": "allkeys-lru"})
    assert [one.state for one in found] == [State.NOTE, State.NOTE]


def test_postgresql_is_told_everything_by_the_environment() -> None:
    """A password on the command line could be read by every user of the machine."""
    url = make_url("postgresql+asyncpg://kip:p%40ss@db.example:5433/kip?ssl=require")
    assert environment(url) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "kip",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "kip",
        "PGSSLMODE": "require",
    }
    socket = make_url("postgresql+asyncpg://kip@/kip?host=/run/postgresql")
    assert environment(socket)["PGHOST"] == "/run/postgresql"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_hops_are_counted_in_the_head_only(end: bytes) -> None:
    mail = end.join([b"Received: a", b"RECEIVED: b", b"Subject: x", b"", b"Received: c"])
    assert count_hops(mail) == 2
