"""Settings: what the environment says, what stands in for it, and the installation's key."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from inbox.errors import Invalid
from inbox.settings import Settings, ensure_secret


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither variables nor a ``.env`` of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KIP_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_it_is_sqlite_in_the_data_directory(tmp_path: Path) -> None:
    settings = Settings()

    assert settings.database == f"sqlite+aiosqlite:///{tmp_path / 'var' / 'kip.db'}"
    assert settings.redis_url is None
    assert not settings.demo
    assert not settings.secure


def test_variables_are_read_and_empty_ones_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIP_DATABASE_URL", "postgresql+asyncpg://kip@db/kip")
    monkeypatch.setenv("KIP_BASE_URL", "https://help.congty.example")
    monkeypatch.setenv("KIP_REDIS_URL", "")

    settings = Settings()

    assert settings.database == "postgresql+asyncpg://kip@db/kip"
    assert settings.secure
    assert settings.redis_url is None


def test_a_file_may_say_it_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KIP_MAIL_FROM=hotro@congty.example\nOTHER=1\n")

    assert Settings().mail_from == "hotro@congty.example"


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        Settings().demo = True
    monkeypatch.setenv("KIP_LOG_FORMAT", "xml")
    with pytest.raises(ValidationError):
        Settings()


def test_the_key_is_the_variable_else_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A role started alone without a key refuses."""
    with pytest.raises(Invalid, match="KIP_SECRET_KEY"):
        _ = Settings().secret
    (tmp_path / "var").mkdir()
    ensure_secret(tmp_path / "var")
    kept = Settings().secret
    monkeypatch.setenv("KIP_SECRET_KEY", "a long random text")

    assert len(kept) >= 43
    assert Settings().secret == b"a long random text"
    assert "random" not in repr(Settings())


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    ensure_secret(tmp_path)
    key = (tmp_path / "secret.key").read_bytes()
    ensure_secret(tmp_path)

    assert (tmp_path / "secret.key").read_bytes() == key
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
