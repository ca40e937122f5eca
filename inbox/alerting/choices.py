"""What a person chose about alerts: the page always shows them, all else is theirs."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.store import staff
from inbox.store.audit import add_entry
from inbox.telling import Alert
from models import AuditAction, AuditThing

KINDS = frozenset(kind.value for kind in Alert)
PAGE_ONLY = frozenset({Alert.FOLLOWED.value})  # until somebody wants more of it


@dataclass(frozen=True, slots=True)
class Choices:
    """``agents.alerts``, read. What nobody chose is as the defaults say."""

    mail: bool = True
    telegram: bool = True  # as soon as a chat is linked
    push: bool = True  # as soon as a browser is entered
    off: frozenset[str] = PAGE_ONLY  # kinds that stay on the page
    any_time: bool = False  # also outside the own hours
    day_mail: bool = True
    chat: str = ""  # the linked Telegram chat; "" is none
    chat_name: str = ""

    @staticmethod
    def of(kept: dict[str, Any]) -> "Choices":
        """Read what is kept in a person's row."""
        plain = Choices()
        return Choices(
            mail=bool(kept.get("mail", plain.mail)),
            telegram=bool(kept.get("telegram", plain.telegram)),
            push=bool(kept.get("push", plain.push)),
            off=frozenset(kept.get("off", plain.off)) & KINDS,
            any_time=bool(kept.get("any_time", plain.any_time)),
            day_mail=bool(kept.get("day_mail", plain.day_mail)),
            chat=str(kept.get("chat", "")),
            chat_name=str(kept.get("chat_name", "")),
        )

    def kept(self) -> dict[str, Any]:
        """Return it as a person's row keeps it."""
        return {
            "mail": self.mail,
            "telegram": self.telegram,
            "push": self.push,
            "off": sorted(self.off),
            "any_time": self.any_time,
            "day_mail": self.day_mail,
            "chat": self.chat,
            "chat_name": self.chat_name,
        }

    def ways(self, *, has_bot: bool, has_browser: bool) -> tuple[str, ...]:
        """Return by what an alert goes out, besides the page."""
        chosen = {
            "mail": self.mail,
            "telegram": has_bot and self.telegram and bool(self.chat),
            "push": has_browser and self.push,
        }
        return tuple(way for way, on in chosen.items() if on)


def load_choices(session: Session, agent_id: int) -> Choices:
    """Return what a person chose."""
    return Choices.of(staff.get_agent(session, agent_id).alerts)


def save_choices(
    session: Session, agent_id: int, chosen: Choices, *, by: int | None, now: datetime
) -> None:
    """Keep what a person chose; the linked chat stays as it is."""
    agent = staff.get_agent(session, agent_id, to_change=True)
    before = Choices.of(agent.alerts)
    after = replace(chosen, chat=before.chat, chat_name=before.chat_name)
    _keep(session, agent_id, before, after, by=by, now=now)


def link_chat(
    session: Session, agent_id: int, chat: str, name: str, *, by: int | None, now: datetime
) -> None:
    """Let a person's alerts go to a chat; "" unlinks it."""
    agent = staff.get_agent(session, agent_id, to_change=True)
    before = Choices.of(agent.alerts)
    after = replace(before, chat=chat, chat_name=name[:64])
    _keep(session, agent_id, before, after, by=by, now=now)


def _keep(
    session: Session,
    agent_id: int,
    before: Choices,
    after: Choices,
    *,
    by: int | None,
    now: datetime,
) -> None:
    if before == after:
        return
    agent = staff.get_agent(session, agent_id, to_change=True)
    agent.alerts = after.kept()
    session.add(agent)
    add_entry(
        session,
        AuditThing.PERSON,
        agent_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=_said(before),
        after=_said(after),
    )


def _said(choices: Choices) -> dict[str, Any]:
    """Return what the audit trail says of it: that a chat is linked, not which."""
    kept = {**choices.kept(), "chat": bool(choices.chat), "chat_name": ""}
    return {f"alerts_{name}": value for name, value in kept.items()}
