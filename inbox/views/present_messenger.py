"""A messenger's account as its page shows it: what to do at the provider, and how it does."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from inbox.channels.messengers.provider import Provider
from inbox.messaging import connecting, links
from inbox.vault import Sealed, Vault
from inbox.views.present_doors import address_of
from inbox.views.words import Speaker
from models import Inbox, Messenger


@dataclass(frozen=True, slots=True)
class Shown:
    """What to enter: ``kind`` is text, secret or choice; ``is_there`` of a kept secret."""

    name: str
    label: str
    hint: str
    kind: str
    value: str
    is_there: bool
    is_needed: bool
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account as shown; never one of its secrets but the word by which we are known."""

    name: str
    webhook: str
    verify: str
    steps: tuple[str, ...]
    fields: tuple[Shown, ...]
    connected: str  # whose it is, "" before it was tried
    connected_text: str
    event_text: str
    sent_text: str
    until_text: str
    health: str
    error: str
    is_entered: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """An account as rows, with its word opened."""

    row: Messenger | None
    provider: Provider
    verify: str
    there: frozenset[str]


def load(session: Session, inbox_id: int, vault: Vault) -> Loaded:
    """Load an account."""
    _, provider = connecting.provider_of(session, inbox_id)
    stored = links.find(session, inbox_id)
    row = connecting.find_row(session, inbox_id)
    try:
        kept = links.secrets_of(stored, vault) if stored is not None else {}
    except Sealed:  # they are entered anew
        kept = {}
    return Loaded(row, provider, kept.get(links.WEBHOOK, ""), frozenset(kept))


def present(
    loaded: Loaded, inbox: Inbox, speak: Speaker, base: str, typed: dict[str, str]
) -> Account:
    """Return an account as shown, with what was just typed."""
    row, provider = loaded.row, loaded.provider
    webhook = address_of(inbox.kind, inbox.handle, base)
    words = {"webhook": webhook, "verify": loaded.verify or "…"}
    facts = dict(row.facts) if row is not None else {}
    return Account(
        name=provider.name,
        webhook=webhook,
        verify=loaded.verify if any("%(verify)s" in one for one in provider.steps) else "",
        steps=tuple(_filled(speak.say(one), words) for one in provider.steps),
        fields=tuple(
            Shown(
                ask.name,
                speak.say(ask.label),
                speak.say(ask.hint) if ask.hint else "",
                "choice" if ask.choices else "secret" if ask.is_secret else "text",
                "" if ask.is_secret else str(typed.get(ask.name, facts.get(ask.name, ""))),
                ask.name in loaded.there,
                ask.is_needed,
                tuple((value, speak.say(text)) for value, text in ask.choices),
            )
            for ask in provider.asks
        ),
        connected=(row.account_name or row.account) if row is not None else "",
        connected_text=_time(speak, row.connected_at if row is not None else None),
        event_text=_time(speak, row.last_event_at if row is not None else None),
        sent_text=_time(speak, row.last_sent_at if row is not None else None),
        until_text=_time(speak, row.access_until if row is not None else None),
        health=_health(row),
        error=speak.say(row.last_error) if row is not None and row.last_error else "",
        is_entered=bool(row is not None and row.secrets),
    )


def _filled(text: str, words: dict[str, str]) -> str:
    return text % words if "%(" in text else text


def _time(speak: Speaker, at: datetime | None) -> str:
    return speak.clock(at) if at is not None else ""


def _health(row: Messenger | None) -> str:
    if row is None or row.connected_at is None:
        return "quiet"
    return "late" if row.failing_since is not None else "ok"
