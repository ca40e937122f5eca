"""The company's Telegram bot, as it is stored: its name, and its token sealed."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.alerting.choices import Choices
from inbox.store.company import find_company
from inbox.vault import Vault
from models import Agent
from models.base import columns

agents = columns(Agent)

SETTING = "telegram"
PLACE = "company:telegram"  # what the token is sealed for


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that was entered."""

    username: str
    sealed: str

    def token(self, vault: Vault) -> str:
        """Open the token; raises ``Sealed`` if it cannot be."""
        return vault.open(self.sealed, PLACE)


def find_bot(session: Session) -> Bot | None:
    """Return the company's bot, or None."""
    company = find_company(session)
    kept: dict[str, Any] = (company.settings.get(SETTING) or {}) if company is not None else {}
    return Bot(kept["bot"], kept["token"]) if kept else None


def count_linked(session: Session) -> int:
    """Count the people who work here and have linked a chat."""
    rows = session.execute(select(agents.alerts).where(agents.is_active.is_(True)))
    return sum(bool(Choices.of(row.alerts).chat) for row in rows)
