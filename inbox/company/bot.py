"""Entering the company's Telegram bot, and taking it away."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.alerting.bot import PLACE, SETTING, find_bot
from inbox.company.profile import get_company, keep_setting
from inbox.store.audit import add_entry
from inbox.vault import Vault
from models import AuditAction, AuditThing


def enter_bot(
    session: Session, username: str, token: str, vault: Vault, *, by: int, now: datetime
) -> None:
    """Keep a bot that Telegram knows; its token is sealed."""
    _keep(
        session,
        {"bot": username, "token": vault.seal(token, PLACE)},
        by=by,
        now=now,
    )


def remove_bot(session: Session, *, by: int, now: datetime) -> None:
    """Forget the bot; chats stay linked for the case that it comes back."""
    _keep(session, {}, by=by, now=now)


def _keep(session: Session, kept: dict[str, Any], *, by: int, now: datetime) -> None:
    company = get_company(session)
    before = find_bot(session)
    keep_setting(session, SETTING, kept)
    add_entry(
        session,
        AuditThing.COMPANY,
        company.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"telegram_bot": before.username if before else ""},
        after={"telegram_bot": kept.get("bot", "")},
    )
