"""``KIP_*`` variables, read once into one frozen object; see docs/settings.md."""

import os
import secrets
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from inbox.errors import Invalid
from inbox.keys import Keys, with_before


class Settings(BaseSettings):
    """All settings, from ``KIP_*`` variables or ``.env``; nothing that has a page."""

    model_config = SettingsConfigDict(
        env_prefix="KIP_",
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    database_url: str | None = None  # None: SQLite in the data directory
    redis_url: str | None = None  # None: kip run starts its own
    data_dir: Path = Path("var")
    base_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr | None = None  # None: <data>/secret.key, made by kip run
    secret_keys_before: SecretStr | None = None  # keys that were replaced, a space between
    smtp_url: str = "console://"
    smtp_tls_cert: Path | None = None  # PEM; with it the mail receiver offers STARTTLS
    smtp_tls_key: Path | None = None  # None: the key is in the certificate's file
    mail_from: str = ""  # "": the address of the inbox a mail answers for
    undo_send_s: int = Field(default=10, ge=0, le=15)  # until the company says another
    telegram_url: str = "https://api.telegram.org"
    # Of messengers; others only for trying things out on one's own machine.
    zalo_url: str = "https://openapi.zalo.me"
    zalo_oauth_url: str = "https://oauth.zaloapp.com"
    messenger_url: str = "https://graph.facebook.com"
    whatsapp_url: str = "https://graph.facebook.com"
    push_services: str = ""  # origins of push services of your own, with a space between
    token_services: str = ""  # origins of OAuth2 servers of your own, with a space between
    ledger_days: int = Field(default=400, ge=31)  # the mail ledger's lines without words
    calendar_servers: str = ""  # origins of calendars of your own, with a space between
    hook_receivers: str = ""  # origins of webhook receivers of your own, a space between
    log_format: Literal["text", "json"] = "text"
    demo: bool = False

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        if self.database_url:
            return self.database_url
        return f"sqlite+aiosqlite:///{(self.data_dir / 'kip.db').absolute()}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https, so that cookies are marked Secure."""
        return self.base_url.startswith("https://")

    @property
    def own_push_services(self) -> frozenset[str]:
        """The origins to which alerts may be pushed although they are not public."""
        return frozenset(self.push_services.split())

    @property
    def own_token_services(self) -> frozenset[str]:
        """The origins that access tokens are asked of although they are not public."""
        return frozenset(self.token_services.split())

    @property
    def own_calendar_servers(self) -> frozenset[str]:
        """The origins that people's calendars are fetched from although they are not public."""
        return frozenset(self.calendar_servers.split())

    @property
    def own_hook_receivers(self) -> frozenset[str]:
        """The origins that webhooks may be sent to although they are not public."""
        return frozenset(self.hook_receivers.split())

    @property
    def secret(self) -> Keys:
        """The key all signatures hang on, with those that it replaced.

        Raises
        ------
        Invalid
            If there is neither ``KIP_SECRET_KEY`` nor a key file.
        """
        given = self.secret_keys_before
        before = given.get_secret_value().encode().split() if given is not None else []
        if self.secret_key is not None:
            return with_before(self.secret_key.get_secret_value().encode(), before)
        path = self.data_dir / "secret.key"
        if not path.exists():
            raise Invalid(
                "Set KIP_SECRET_KEY to the same long random text on every machine "
                f"(there is no {path}; kip run makes one)."
            )
        newest, *older = path.read_bytes().strip().splitlines()
        return with_before(newest.strip(), [*(one.strip() for one in older), *before])


@cache
def get_settings() -> Settings:
    """Return the process's settings; only the command line calls this."""
    return Settings()


def ensure_secret(data_dir: Path) -> None:
    """Make ``<data>/secret.key`` (0600) if it is not there, whoever else tries at once."""
    path = data_dir / "secret.key"
    if path.exists():
        return
    part = data_dir / f".secret.key.{os.getpid()}"
    part.touch(mode=0o600)
    part.write_text(secrets.token_urlsafe(48) + "\n")
    try:
        os.link(part, path)
    except FileExistsError:
        return
    finally:
        part.unlink()


def renew_secret(data_dir: Path) -> None:
    """Put a new key before those in ``<data>/secret.key``; raises ``Invalid`` without one."""
    path = data_dir / "secret.key"
    if not path.exists():
        raise Invalid(f"There is no {path} to replace.")
    _write_keys(path, [secrets.token_urlsafe(48), *path.read_text("utf-8").split("\n")])


def forget_secrets(data_dir: Path) -> int:
    """Keep only the newest key of ``<data>/secret.key``; return how many are forgotten."""
    path = data_dir / "secret.key"
    if not path.exists():
        raise Invalid(f"There is no {path}.")
    newest, *older = path.read_text("utf-8").strip().splitlines()
    _write_keys(path, [newest])
    return len(older)


def _write_keys(path: Path, keys: list[str]) -> None:
    """Replace the file in one step, on the disk before it has its name."""
    part = path.with_name(f".secret.key.{os.getpid()}")
    part.touch(mode=0o600)
    with part.open("w", encoding="utf-8") as file:
        file.writelines(f"{key.strip()}\n" for key in keys if key.strip())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
